"""Random one-shot problems, equal in every run."""

from dataclasses import replace

import numpy as np

from router.strategy.costs import CostCurve, MarketCost
from router.strategy.trade_problem import TradeProblem, trade_problem

CASH = "USD"


def curve(drawn: np.random.Generator, pieces: int, depth: float = np.inf) -> CostCurve:
    sizes = np.concatenate([[0.0], np.cumsum(drawn.uniform(0.005, 0.05, pieces))])
    slopes = np.sort(drawn.uniform(0.0002, 0.01, pieces))
    return CostCurve(sizes, np.concatenate([[0.0], np.cumsum(slopes * np.diff(sizes))]), depth)


def random_problem(
    seed: int,
    assets: int = 5,
    *,
    pieces: int = 1,
    cash: bool = True,
    spread: float = 0.4,
    depth: float = np.inf,
    fixed: float = 3e-5,
    horizon_years: float = 30 / 365,
) -> TradeProblem:
    """Targets and drifted weights of `assets` assets, the last one cash where `cash`."""
    drawn = np.random.default_rng(seed)
    loadings = drawn.normal(0.0, 0.4, (assets, 2))
    covariance = loadings @ loadings.T + np.diag(drawn.uniform(0.05, 0.4, assets))
    if cash:
        covariance[-1] = covariance[:, -1] = 0.0
    targets = drawn.dirichlet(np.full(assets, 4.0))
    weights = targets * np.exp(drawn.normal(0.0, spread, assets))
    buys, sells = ([curve(drawn, pieces, depth) for _ in range(assets)] for _ in range(2))
    if cash:
        buys[-1] = sells[-1] = CostCurve.proportional(0.0)
    names = (*(f"A{i}" for i in range(assets - 1)), CASH)
    return trade_problem(
        weights / weights.sum(),
        targets,
        covariance,
        MarketCost(names, tuple(buys), tuple(sells), fixed),
        risk_aversion=3.0,
        horizon_years=horizon_years,
    )


def with_legs(problem: TradeProblem, leg: float) -> TradeProblem:
    """Every asset but cash costs gas of its own."""
    legs = tuple(0.0 if asset == CASH else leg for asset in problem.assets)
    return replace(problem, cost=replace(problem.cost, legs=legs))
