"""How far weights must drift in their own direction before a trade nets anything."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from router.strategy.choice import best_choice, total_cost
from router.strategy.no_trade_region import edge
from router.strategy.trade_problem import TradeProblem

ROUNDS = 40
PRECISE = 1e-5
"""Relative step that is the last one: what is left is of its square."""


def break_even(problem: TradeProblem) -> float:
    """The multiple of the way from the target to the weights at which the net benefit of the best trade is 0;
    infinite where none is up to where a weight would leave 0 to 1.

    What a trade gains is convex along the line, as the greatest of gains that are linear in the drift. So
    Newton's steps close in from above, each with one program. Floors and caps give way where they are broken.

    Raises:
        Unsolved: a program without an answer.
    """
    start, farthest = edge(problem), _farthest(problem)
    if start >= farthest:
        return inf
    fixed = problem.cost.fixed
    if not fixed and not problem.legs.any():
        return start
    way = problem.deviations
    rate = float(way @ problem.pull @ way)
    at, low, high = min(start + sqrt(2 * fixed / rate), farthest), start, inf
    for _ in range(ROUNDS):
        there = problem.moved(problem.targets + at * way)
        trade = best_choice(there).trade
        gain = there.drift_cost(there.weights) - total_cost(there, trade) - fixed
        slope = -float(way @ problem.pull @ trade)
        if gain < 0:
            if at >= farthest:
                return inf
            low = at
        else:
            high = at
        step = at - gain / slope if slope > 0 else inf
        if not low < step < high:
            step = (low + high) / 2 if high < inf else 2 * at
        step = min(step, farthest)
        if abs(step - at) <= PRECISE * at:
            return step
        at = step
    return at


def _farthest(problem: TradeProblem) -> float:
    """The multiple at which the first weight on the line is 0 or 1."""
    way, targets = problem.deviations, problem.targets
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(way < 0, targets / -way, np.where(way > 0, (1 - targets) / way, inf))
    return float(ends.min())
