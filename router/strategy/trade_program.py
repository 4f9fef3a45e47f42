"""The one-shot trade as a convex program, solved by Clarabel.

    minimise  1/2 (w + t - w*)' pull (w + t - w*) + sum c    with  sum t + sum c = 0,  c >= all lines of cost

for changes of weights t and costs c by asset, within what limits and depth allow. A convex curve is the
greatest of its lines; in sum costs are not above their chords between the ends of what may be traded, so that
little can be thrown away. Scaled so that weights move by about 1 and the objective is about 1.

Source: Mitchell & Braun 2013, for the budget that pays its own costs.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from router.errors import InfeasibleWeights, InputError, Unsolved
from router.strategy.costs import CostCurve, Floats
from router.strategy.trade_problem import TradeProblem

PRECISIONS = (1e-12, 1e-10, 1e-8)
"""Of Clarabel, until it ends at one."""
SNAP = 1e-7
"""Trades below this share of the largest drift are none."""
BALANCED = 1e-9
"""Share of net asset value that a trade may leave unaccounted for."""

Flags = npt.NDArray[np.bool_]


def can_weigh() -> bool:
    """Whether the libraries of the `strategy` extra that programs need are there."""
    return all(find_spec(name) for name in ("clarabel", "scipy"))


@cache
def _libraries() -> tuple[Any, Any]:
    """(clarabel, scipy.sparse), loaded when they are needed.

    Raises:
        InputError: not installed.
    """
    if not can_weigh():
        raise InputError(
            "weighing a trade needs Clarabel: pip install 'atomic-rebalance[strategy]', "
            "or plan with --anyway",
            path="discipline",
        )
    return importlib.import_module("clarabel"), importlib.import_module("scipy.sparse")


def cheapest_trade(problem: TradeProblem, allowed: Flags | None = None) -> Floats:
    """The change of weights with the least drift cost and variable cost together.

    Args:
        allowed: (assets,) which may trade; all where None.

    Raises:
        InfeasibleWeights: no trade keeps the limits within the depth there is.
        Unsolved: the solver gave no answer, or one that does not add up.
    """
    unit = max(float(np.abs(problem.deviations).max()), _most_broken(problem))
    least, most = problem.reach
    if allowed is not None:
        if (~allowed & ((least > 0) | (most < 0))).any():
            raise InfeasibleWeights("an asset that has to trade may not", path="caps")
        least, most = np.where(allowed, least, 0.0), np.where(allowed, most, 0.0)
    movable = np.flatnonzero((least != 0) | (most != 0))
    if not unit or not len(movable):
        return np.zeros(len(problem.weights))
    posed = _posed(problem, unit, least, most, movable)
    for precision in PRECISIONS[:-1]:
        with suppress(Unsolved):
            return _solved(problem, posed, unit, movable, precision)
    return _solved(problem, posed, unit, movable, PRECISIONS[-1])


def _solved(
    problem: TradeProblem,
    posed: tuple[Any, ...],
    unit: float,
    movable: npt.NDArray[np.intp],
    precision: float,
) -> Floats:
    clarabel, _ = _libraries()
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.direct_solve_method = False, "qdldl"
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = precision
    found = clarabel.DefaultSolver(*posed, settings).solve()
    status = str(found.status)
    if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
        broken = ", ".join(problem.broken)
        raise InfeasibleWeights(f"no trade within depth brings {broken or 'all'} within limits", path="caps")
    if status != "Solved":
        raise Unsolved(f"Clarabel ended as {status}")
    trade = np.zeros(len(problem.weights))
    trade[movable] = np.array(found.x[: len(movable)]) * unit
    return _settled(problem, trade, unit)


def _posed(
    problem: TradeProblem, unit: float, least: Floats, most: Floats, movable: npt.NDArray[np.intp]
) -> tuple[Any, ...]:
    """What Clarabel takes: (P, q, A, b, cones), of the changes of the movable assets and their costs."""
    clarabel, sparse = _libraries()
    cost, count, lines = problem.cost, len(movable), problem.cost.lines
    scale = max(problem.drift_cost(problem.weights), unit * _steepest(cost.buys), 1e-300)
    quadratic = np.zeros((2 * count, 2 * count))
    quadratic[:count, :count] = np.triu(problem.pull[np.ix_(movable, movable)] * (unit**2 / scale))
    linear = np.full(2 * count, unit / scale)
    linear[:count] *= problem.pull[movable] @ problem.deviations

    reached = lines.size < np.where(lines.buys, most[lines.asset], -least[lines.asset])
    kept = ((lines.size == 0) | reached) & np.isin(lines.asset, movable)
    asset = (lines.asset[kept, None] == movable).astype(np.float64)
    slope = np.where(lines.buys, lines.slope, lines.slope - cost.premium_rate)
    at_least, width = cost.by_asset(least), most - least
    chord = np.divide(cost.by_asset(most) - at_least, width, out=np.zeros_like(width), where=width > 0)
    one, none = np.eye(count), np.zeros((count, count))
    rows = np.vstack(
        [
            np.ones(2 * count),
            np.hstack([slope[kept, None] * asset, -asset]),
            np.hstack([one, none]),
            np.hstack([-one, none]),
            np.append(-chord[movable], np.ones(count)),
        ]
    )
    limits = (
        [0.0],
        -lines.height[kept],
        most[movable],
        -least[movable],
        [float((at_least - chord * least)[movable].sum()) + BALANCED],
    )
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(len(rows) - 1)]
    return sparse.csc_matrix(quadratic), linear, sparse.csc_matrix(rows), np.concatenate(limits) / unit, cones


def _steepest(curves: Sequence[CostCurve]) -> float:
    return max((float(curve.slopes[0]) for curve in curves), default=0.0)


def _most_broken(problem: TradeProblem) -> float:
    beyond = np.maximum(problem.floors - problem.weights, problem.weights - problem.caps)
    return max(float(beyond.max()), 0.0)


def _settled(problem: TradeProblem, trade: Floats, unit: float) -> Floats:
    """The solver's trade without its noise, its budget closed exactly: by the asset that trades most.

    Raises:
        Unsolved: what is missing is more than noise.
    """
    least, most = problem.reach
    trade = np.clip(np.where(np.abs(trade) > SNAP * unit, trade, 0.0), least, most)
    if not trade.any():
        return trade
    largest = int(np.abs(trade).argmax())
    for _ in range(4):  # costs change by a small share of what the trade does
        over = float(trade.sum()) + problem.cost.variable(trade)
        if abs(over) > max(SNAP * unit * len(trade), BALANCED):
            raise Unsolved(f"the answer leaves {over:.3g} of the portfolio unaccounted for")
        trade[largest] -= over
    return trade
