"""The one-shot trade as a convex program, solved by Clarabel.

    minimise  1/2 (w + t - w*)' pull (w + t - w*) + sum c    with  sum t + sum c = 0,  c >= all lines of cost

for changes of weights t and costs c by asset, within what limits and depth allow. A convex curve is the
greatest of its lines; in sum costs are not above their chords between the ends of what may be traded, so that
little can be thrown away. Scaled so that weights move by about 1 and the objective is about 1.

Gas g of an asset's own, which is paid in full or not at all, is bounded with a part d t2 / 2 of the pull: the
convex hull of both is d s |t| + d max(|t| - s, 0)2 / 2 with s = sqrt(2 g / d), and from s on it is their sum.

Sources: Mitchell & Braun 2013, for the budget that pays its own costs; Frangioni & Gentile 2007 and Gunluk &
Linderoth 2010, for the hull, their perspective relaxation.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
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
ROUNDED = 1e-12
"""How far off an eigenvalue of about 1 may be."""

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

    Where drift is so dear that a program would throw value away to be rid of it, which no trade can, it
    counts for less: still enough to trade as far as limits and depth allow.

    Args:
        allowed: (assets,) which may trade; all where None.

    Raises:
        InfeasibleWeights: no trade keeps the limits within the depth there is.
        Unsolved: the solver gave no answer, or one that does not add up.
    """
    nobody = np.zeros(len(problem.weights))
    try:
        return _best(problem, nobody, nobody, allowed)[0]
    except Unsolved:
        dearest = float((problem.pull @ problem.deviations).max())
        if dearest < 1:  # what a unit less of an asset saves, per unit
            raise
        return _best(replace(problem, pull=problem.pull / (2 * dearest)), nobody, nobody, allowed)[0]


def relaxed_trade(
    problem: TradeProblem, curvature: Floats, gas: Floats, allowed: Flags
) -> tuple[Floats, float]:
    """(trade, bound): no trade has less drift cost, variable cost and gas together than the bound.

    Args:
        curvature: (assets,) at least 0, what `separable` gives.
        gas: (assets,) of trading each at all; not bounded where the curvature is 0.
        allowed: (assets,) which may trade.

    Raises:
        InfeasibleWeights, Unsolved: as `cheapest_trade`.
    """
    return _best(problem, curvature, gas, allowed)


def separable(pull: Floats) -> Floats:
    """(assets,) a diagonal that leaves the pull positive semidefinite, as large as is quickly found: in
    proportion to what of each asset's pull the others can't replicate."""
    risky = np.flatnonzero(np.diag(pull) > 0)
    found = np.zeros(len(pull))
    if len(risky):
        among = pull[np.ix_(risky, risky)]
        own = 1 / np.sqrt(np.diag(among))
        inverse = np.linalg.pinv(among * np.outer(own, own), hermitian=True)
        scale = own * np.sqrt(np.maximum(np.diag(inverse), 1.0))
        least = float(np.linalg.eigvalsh(among * np.outer(scale, scale))[0])
        found[risky] = max(least - ROUNDED, 0.0) / scale**2
    return found


def _best(
    problem: TradeProblem, curvature: Floats, gas: Floats, allowed: Flags | None
) -> tuple[Floats, float]:
    """As `relaxed_trade`."""
    unit = max(float(np.abs(problem.deviations).max()), _most_broken(problem))
    least, most = problem.reach
    if allowed is not None:
        if (~allowed & ((least > 0) | (most < 0))).any():
            raise InfeasibleWeights("an asset that has to trade may not", path="caps")
        least, most = np.where(allowed, least, 0.0), np.where(allowed, most, 0.0)
    movable = np.flatnonzero((least != 0) | (most != 0))
    if not unit or not len(movable):
        return np.zeros(len(problem.weights)), problem.drift_cost(problem.weights)
    scale = max(problem.drift_cost(problem.weights), unit * _steepest(problem.cost.buys), 1e-300)
    posed = _posed(problem, unit, scale, least, most, movable, curvature, gas)

    def answer(precision: float) -> tuple[Floats, float]:
        found, bound = _solved(problem, posed, precision)
        trade = np.zeros(len(problem.weights))
        trade[movable] = found[: len(movable)] * unit
        return _settled(problem, trade, unit), problem.drift_cost(problem.weights) + bound * scale

    for precision in PRECISIONS[:-1]:
        with suppress(Unsolved):
            return answer(precision)
    return answer(PRECISIONS[-1])


def _solved(problem: TradeProblem, posed: tuple[Any, ...], precision: float) -> tuple[Floats, float]:
    """(variables, what the objective is at least)."""
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
    return np.array(found.x), min(found.obj_val, found.obj_val_dual)


def _posed(
    problem: TradeProblem,
    unit: float,
    scale: float,
    least: Floats,
    most: Floats,
    movable: npt.NDArray[np.intp],
    curvature: Floats,
    gas: Floats,
) -> tuple[Any, ...]:
    """What Clarabel takes: (P, q, A, b, cones), of the changes of the movable assets and their costs, and, of
    those with gas, of how large the changes are and how far beyond where gas is paid in full."""
    clarabel, sparse = _libraries()
    cost, count, lines = problem.cost, len(movable), problem.cost.lines
    hulled = np.flatnonzero((curvature[movable] > 0) & (gas[movable] > 0))
    own, extra = curvature[movable[hulled]], len(hulled)
    full = np.sqrt(2 * gas[movable[hulled]] / own)
    size = 2 * (count + extra)
    quadratic = np.zeros((size, size))
    quadratic[:count, :count] = np.triu(problem.pull[np.ix_(movable, movable)])
    quadratic[hulled, hulled] -= own
    quadratic[size - extra :, size - extra :] = np.diag(own)
    linear = np.concatenate(
        [problem.pull[movable] @ problem.deviations, np.ones(count), own * full, np.zeros(extra)]
    )

    reached = lines.size < np.where(lines.buys, most[lines.asset], -least[lines.asset])
    kept = ((lines.size == 0) | reached) & np.isin(lines.asset, movable)
    asset = (lines.asset[kept, None] == movable).astype(np.float64)
    slope = np.where(lines.buys, lines.slope, lines.slope - cost.premium_rate)
    at_least, width = cost.by_asset(least), most - least
    chord = np.divide(cost.by_asset(most) - at_least, width, out=np.zeros_like(width), where=width > 0)
    one, none = np.eye(count), np.zeros((count, count))
    changes = np.vstack(
        [
            np.ones(2 * count),
            np.hstack([slope[kept, None] * asset, -asset]),
            np.hstack([one, none]),
            np.hstack([-one, none]),
            np.append(-chord[movable], np.ones(count)),
        ]
    )
    rows = np.zeros((len(changes) + 4 * extra, size))
    rows[: len(changes), : 2 * count] = changes
    if extra:
        hull, each = rows[len(changes) :].reshape(4, extra, size), np.arange(extra)
        for place, row in enumerate(((1, -1, 0), (-1, -1, 0), (0, 1, -1), (0, 0, -1))):
            hull[place, each, hulled], hull[place, each, 2 * count + each] = row[0], row[1]
            hull[place, each, size - extra + each] = row[2]
    limits = (
        [0.0],
        -lines.height[kept],
        most[movable],
        -least[movable],
        [float((at_least - chord * least)[movable].sum()) + BALANCED],
        np.zeros(2 * extra),
        full,
        np.zeros(extra),
    )
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(len(rows) - 1)]
    return (
        sparse.csc_matrix(quadratic * (unit**2 / scale)),
        linear * (unit / scale),
        sparse.csc_matrix(rows),
        np.concatenate(limits) / unit,
        cones,
    )


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
