"""Scores of forecasts, of timing and of a policy on forecasts, on recorded daily prices: `python -m
scripts.forecast_scores` writes them into docs/forecasts.md, between the two marks there."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.backtest import Backtest, Costs, load_prices, run
from router.strategy.covariance import CovarianceKind
from router.strategy.forecasts import CONSTANTS, Forecaster
from router.strategy.regimes import Regimes
from router.strategy.scores import Score
from router.strategy.timing import Timing, TimingRule, TimingScore
from router.strategy.volatility import Ewma, Garch, Har, Model, Shrunk, log_har

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "forecasts.md"
MARKS = ("<!-- scores: written by scripts/forecast_scores.py -->", "<!-- end of scores -->")
PRICES = (
    Path(os.environ.get("REBALANCE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    / "prices"
    / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
)
ASSETS = ("BTC", "ETH", "LINK")

MODELS: tuple[Callable[[], Model], ...] = (
    lambda: Ewma(0.94),
    lambda: Ewma(0.97),
    Garch,
    Har,
    log_har,
    Regimes,
)
COVARIANCES: tuple[Callable[[], Model], ...] = (
    lambda: Ewma(0.97),
    Shrunk,
    lambda: Shrunk(CovarianceKind.EXPONENTIAL, window=None),
)
BANDS = (0.02, 0.05, 0.1)
RATES = (0.001, 0.003)
TARGETS = np.array([0.4, 0.3, 0.2, 0.1])
GAS = 30 / 1_000_000
GAS_USD = 30.0
NAVS = (1e4, 1e5, 1e6, 1e7)
POLICIES = ("default", "forecast")
EVERYTHING = 1_000_000
"""A window that holds all rows."""


def closes(path: Path = PRICES) -> NDArray[np.float64]:
    """Daily closes, (days, assets)."""
    with path.open() as file:
        return np.array([[float(row[f"{asset}_close"]) for asset in ASSETS] for row in csv.DictReader(file)])


def forecast_row(name: str, returns: NDArray[np.float64], model: Model) -> str:
    """One model of one or more series: its score, what was served, and the constants'."""
    forecaster = Forecaster(model)
    on = []
    for row in returns:
        scored = len(forecaster.scores["served"])
        active = forecaster.active
        forecaster.observe(row)
        if len(forecaster.scores["served"]) > scored:
            on.append(active)
    scores = forecaster.scores
    cells = [
        name,
        model.name,
        *(f"{_loss(scores[key]):.4f}" for key in (model.name, *(one.name for one in CONSTANTS), "served")),
        f"{_ahead(scores[CONSTANTS[-1].name], scores[model.name]):+.1f}",
        *(f"{_covered(scores[key]):.1%}" for key in (model.name, CONSTANTS[-1].name)),
        f"{np.mean(on):.0%}",
        "on" if forecaster.active else "off",
        str(forecaster.failures),
    ]
    return _line(cells)


def timing_row(returns: NDArray[np.float64], band: float, rate: float) -> str:
    """The advised portfolio against the rule, over all rows since the first fit."""
    rates = np.array([rate, rate, rate, 0.0])
    score = _walked(returns, TimingRule(TARGETS, band, rates, fixed=GAS, window=EVERYTHING))
    cells = [
        f"{band:.0%}",
        f"{rate * 1e4:.0f}",
        f"{score.rule:.2f}",
        f"{score.advised:.2f}",
        str(score.waits),
        "on" if score.active else "off",
    ]
    return _line(cells)


def policy_row(rate: float, nav: float) -> str:
    """The policies on the same prices and costs: objective in bp a year, and rebalances."""
    prices = load_prices(PRICES, [f"{asset}={asset}_close" for asset in ASSETS])
    targets = dict(zip(ASSETS, TARGETS[:-1].tolist(), strict=True))
    study = Backtest(prices, targets, Costs(rate, GAS_USD), initial=nav)
    results = [run(study, policy) for policy in POLICIES]
    cells = [f"{result.objective * 1e4:.2f}" for result in results]
    cells += [str(result.rebalances) for result in results]
    return _line([f"{nav:,.0f}", f"{rate * 1e4:.0f}", *cells])


def tables() -> str:
    """All of them, as Markdown."""
    prices = closes()
    logs, simple = np.diff(np.log(prices), axis=0), prices[1:] / prices[:-1] - 1
    with_cash = np.column_stack([simple, np.zeros(len(simple))])
    head = (
        "series",
        "model",
        "QLIKE",
        "constant",
        "365 days",
        "served",
        "t",
        "covered",
        "365 days covered",
        "on",
        "at the end",
        "failed",
    )
    volatilities = [
        forecast_row(asset, logs[:, place], make()) for place, asset in enumerate(ASSETS) for make in MODELS
    ]
    covariances = [forecast_row("all three", logs, make()) for make in COVARIANCES]
    timings = [timing_row(with_cash, band, rate) for band in BANDS for rate in RATES]
    runs = [policy_row(rate, nav) for rate in RATES for nav in NAVS]
    return "\n".join(
        [
            *_table(head, [*volatilities, *covariances], left=2),
            "",
            *_table(("band", "cost bp", "rule", "advised", "waits", "advice"), timings, left=0),
            "",
            *_table(("value", "fee bp", *POLICIES, *(f"{each} trades" for each in POLICIES)), runs, left=0),
        ]
    )


def main() -> None:
    """Writes the tables into the page."""
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{tables()}\n\n{MARKS[1]}{after}")


def _walked(returns: NDArray[np.float64], rule: TimingRule) -> TimingScore:
    timing = Timing(rule)
    for row in returns:
        timing.observe(row)
    return timing.score


def _loss(scores: Sequence[Score]) -> float:
    return float(np.mean([score.loss for score in scores]))


def _ahead(constant: Sequence[Score], model: Sequence[Score]) -> float:
    """Mean difference of losses in its own standard errors (Diebold and Mariano 1995)."""
    differences = np.array([theirs.loss - ours.loss for theirs, ours in zip(constant, model, strict=True)])
    return float(differences.mean() / (differences.std(ddof=1) / np.sqrt(len(differences))))


def _covered(scores: Sequence[Score]) -> float:
    return float(np.mean([score.covered for score in scores]))


def _table(head: Sequence[str], lines: Iterable[str], left: int) -> list[str]:
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return [_line(head), _line(rule), *lines]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
