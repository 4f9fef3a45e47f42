"""How long a decision takes: random portfolios with cost curves of one and of eight pieces, every one new."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from router.fixed_point import BPS
from router.strategy.costs import CostCurve, MarketCost
from router.strategy.decision import Decision, decide
from scripts.bench.report import Section, prose

SIZES = ((2, 1), (5, 1), (10, 1), (20, 1), (40, 1), (5, 8), (8, 8), (10, 8), (20, 8), (40, 8))
"""(assets, pieces of each curve)."""
RUNS, SEARCHES = 40, 15
LEG = 2e-5
"""Gas of one asset, a share of the portfolio's value."""
BAR_MS = 20.0
"""For 20 assets, warm."""

COLUMNS = (
    "assets",
    "pieces",
    "median ms",
    "slowest ms",
    "break-even ms",
    "trades",
    "gas by asset ms",
    "proven",
    "largest gap bp",
)


def decision() -> Section:
    """All figures are new in every run."""
    decide(**_portfolio(2, 1, 0))  # loads the solver
    figures = [_measured(*size) for size in SIZES]
    rows = [
        (
            str(each["assets"]),
            str(each["pieces"]),
            *(f"{each[name] * 1000:.1f}" for name in ("median", "slowest", "break_even")),
            f"{each['trades']} of {RUNS}",
            f"{each['gas_by_asset'] * 1000:.1f}",
            f"{each['proven']} of {SEARCHES}",
            f"{each['gap_bps']:.2f}",
        )
        for each in figures
    ]
    note = f"""
        One decision: the convex program over all assets' cost curves, what it nets, and where it lands: the
        median of {RUNS} portfolios never seen before, which has to be below {BAR_MS:.0f} ms for 20 assets.
        The break-even drift is found when asked for, by a few more programs. The last three columns are
        of the same decision where every asset costs gas of its own, so that which to trade is searched as
        well: the median of {SEARCHES}, how many of them are proven to be the best choice, and the most that
        another choice could net beyond the one found.
        """
    return Section("Decisions", prose(note), COLUMNS, rows, figures)


def _measured(assets: int, pieces: int) -> dict[str, Any]:
    spent, break_even, by_asset, gaps, trades = [], [], [], [], 0
    for seed in range(1, RUNS + 1):
        portfolio = _portfolio(assets, pieces, seed)
        start = time.perf_counter()
        found: Decision = decide(**portfolio)
        spent.append(time.perf_counter() - start)
        trades += found.trade
        start = time.perf_counter()
        assert found.break_even_drift > 0
        break_even.append(time.perf_counter() - start)
        if seed > SEARCHES:
            continue
        portfolio["cost"] = replace(portfolio["cost"], legs=(LEG,) * assets)
        start = time.perf_counter()
        found = decide(**portfolio)
        by_asset.append(time.perf_counter() - start)
        gaps.append(found.gap)
    return {
        "assets": assets,
        "pieces": pieces,
        "median": statistics.median(spent),
        "slowest": max(spent),
        "break_even": statistics.median(break_even),
        "trades": trades,
        "gas_by_asset": statistics.median(by_asset),
        "proven": gaps.count(0.0),
        "gap_bps": max(gaps) * BPS,
    }


def _portfolio(assets: int, pieces: int, seed: int) -> dict[str, Any]:
    """Arguments of `decide`: three factors, a drift of a few weeks, the last asset cash."""
    drawn = np.random.default_rng([assets, pieces, seed])
    loadings = drawn.normal(0.0, 0.35, (assets, 3))
    covariance = loadings @ loadings.T + np.diag(drawn.uniform(0.05, 0.3, assets))
    covariance[-1] = covariance[:, -1] = 0.0
    targets = drawn.dirichlet(np.full(assets, 5.0))
    weights = targets * np.exp(drawn.normal(0.0, 0.3, assets))
    curves = [_curve(drawn, pieces) for _ in range(assets - 1)] + [CostCurve.proportional(0.0)]
    names = tuple(f"A{place}" for place in range(assets))
    return {
        "weights": weights / weights.sum(),
        "targets": targets,
        "covariance": covariance,
        "cost": MarketCost(names, tuple(curves), tuple(curves), 3e-5),
        "nav": 1e6,
        "risk_aversion": 3.0,
        "horizon_years": 0.25,
    }


def _curve(drawn: np.random.Generator, pieces: int) -> CostCurve:
    sizes = np.geomspace(1e-3, 0.3, pieces)
    slopes = np.sort(drawn.uniform(0.0003, 0.01, pieces))
    return CostCurve(np.append(0.0, sizes), np.append(0.0, np.cumsum(slopes * np.diff(sizes, prepend=0.0))))
