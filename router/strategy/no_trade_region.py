"""Where no trade pays even its own fees: a parallelotope in weight space around the target.

With g = pull (w - w*), the price of a unit more of each weight, and first-unit costs kb to buy and ks to
sell, weights w are best left alone where one value nu of a unit of budget has
    -(1 + nu) kb_i <= g_i + nu <= (1 + nu) ks_i   for every asset i,
the first-order condition of the one-shot program at no trade; a side that limits or depth shut does not bind.

Source: Leland 2000; Donohue & Yip 2003; Dybvig & Pezzo 2019. That costs are paid from the budget adds the
factor 1 + nu, which is 1 where cash without risk or cost is an asset.
"""

from __future__ import annotations

import numpy as np

from router.strategy.costs import CostCurve, Floats
from router.strategy.trade_problem import ROUNDING, TradeProblem


def multipliers(problem: TradeProblem, *, open_depth: bool = False) -> tuple[float, float]:
    """(least, most) value of a unit of budget: no trade is best where the first is not above the second.

    Args:
        open_depth: take every pool as deep enough.
    """
    prices = problem.pull @ problem.deviations
    least, most = problem.reach
    if open_depth:
        least, most = problem.floors - problem.weights, problem.caps - problem.weights
    buying, selling = _first(problem.cost.buys), _first(problem.cost.sells) + problem.cost.premium_rate
    low = -(prices + buying) / (1 + buying)
    high = np.where(selling < 1, (selling - prices) / np.maximum(1 - selling, 1e-300), np.inf)
    return (
        float(np.where(most > ROUNDING, low, -np.inf).max()),
        float(np.where(least < -ROUNDING, high, np.inf).min()),
    )


def is_inside(problem: TradeProblem, *, open_depth: bool = False, slack: float = 0.0) -> bool:
    """Whether no trade pays its own fees, impact and premium; limits that are broken do not count here.

    Args:
        slack: how far the condition may be missed, per unit of value.
    """
    low, high = multipliers(problem, open_depth=open_depth)
    return low <= high + slack


def _first(curves: tuple[CostCurve, ...]) -> Floats:
    return np.array([curve.slope(0.0) for curve in curves])


def edge(problem: TradeProblem) -> float:
    """How far from the target towards the weights, as a multiple of that way, the region reaches; infinite
    where no drift in this direction pays its fees. Limits of weights are left out."""
    slopes = problem.pull @ problem.deviations
    open_buys = np.array([curve.depth > 0 for curve in problem.cost.buys])
    open_sells = np.array([curve.depth > 0 for curve in problem.cost.sells])
    buying, selling = _first(problem.cost.buys), _first(problem.cost.sells) + problem.cost.premium_rate
    open_sells &= selling < 1
    bought, sold = slopes[open_buys][:, None], slopes[open_sells][None, :]
    buying, selling = buying[open_buys][:, None], selling[open_sells][None, :]
    # Inside: -(s g_i + kb_i) / (1 + kb_i) <= (ks_j - s g_j) / (1 - ks_j) for all i and j, linear in s.
    room = buying / (1 + buying) + selling / (1 - selling)
    speed = sold / (1 - selling) - bought / (1 + buying)
    meets = speed > 0
    return float((room[meets] / speed[meets]).min()) if meets.any() else np.inf
