"""Prices and studies for tests: written out, or random with a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from router.backtest import Backtest, Costs, FeeConvention, Impact, PoolCosts, Prices
from router.strategy.costs import CostCurve, MarketCost

DAY = np.timedelta64(1, "D")


def days(count: int) -> np.ndarray:
    return np.datetime64("2021-01-01", "us") + np.arange(count) * DAY


def prices_of(values: Sequence[Sequence[float]] | np.ndarray) -> Prices:
    """Daily prices of assets A, B, C, ..."""
    table = np.asarray(values, dtype=np.float64)
    return Prices(days(len(table)), tuple("ABCDEFGHIJKL"[: table.shape[1]]), table)


def random_prices(seed: int, rows: int = 120, assets: int = 3, volatility: float = 0.04) -> Prices:
    moves = np.random.default_rng(seed).normal(0, volatility, (rows, assets))
    return prices_of(100 * np.exp(np.cumsum(moves, axis=0)))


def curves(assets: Sequence[str], nav: float) -> PoolCosts:
    """A fee that grows with the size; sales cost more, and a loan for them."""
    buy = CostCurve(np.array([0.0, 0.05, 0.3]), np.array([0.0, 0.0001, 0.002]))
    sell = CostCurve(np.array([0.0, 0.1]), np.array([0.0, 0.0005]), depth=0.5)
    count = len(assets)
    found = MarketCost(tuple(assets), (buy,) * count, (sell,) * count, 1e-5, 5e-4, (2e-6,) * count)
    return PoolCosts(found, nav)


COSTS = {
    "none": Costs(),
    "fees": Costs(fee_rate=0.003),
    "gas": Costs(fee_rate=0.001, gas=25.0),
    "impact": Costs(fee_rate=0.001, impact=Impact(0.01, 2e5)),
    "pools": Costs(gas=3.0, market=curves("ABC", 1e6)),
    "all": Costs(0.002, 5.0, Impact(0.02, {"A": 1e6, "B": 4e5, "C": 2e6}, 0.7), curves("CBA", 5e5)),
}
NAMES = (
    "hold",
    "calendar_7",
    "calendar_5_half",
    "abs_band_0.03",
    "abs_band_0.04_edge",
    "abs_band_0.02_half",
    "rel_band_0.1",
    "rel_band_0.15_edge",
    "hybrid_3_0.02",
    "hybrid_2_0.03_edge",
)


def study_of(
    prices: Prices,
    targets: Sequence[float] = (0.4, 0.3, 0.2),
    costs: Costs | None = None,
    convention: FeeConvention = FeeConvention.NET_OF_FEE,
    initial: float = 1e6,
) -> Backtest:
    named = dict(zip(prices.assets, targets, strict=True))
    return Backtest(prices, named, costs or Costs(), convention, initial)


@st.composite
def studies(draw: st.DrawFn) -> Backtest:
    """Three assets with some cash, any costs and convention."""
    prices = random_prices(draw(st.integers(0, 10_000)), rows=draw(st.integers(2, 60)))
    shares = [draw(st.floats(0.05, 0.3)) for _ in range(3)]
    costs = COSTS[draw(st.sampled_from(sorted(COSTS)))]
    return study_of(prices, shares, costs, draw(st.sampled_from(FeeConvention)))
