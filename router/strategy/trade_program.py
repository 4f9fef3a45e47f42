"""The one-shot trade as a convex program, made once for each shape and solved by Clarabel.

    minimise  1/2 (w - w*)' pull (w - w*) + cost      with  w = w0 + bought - sold,  sum w + cost = 1

Each curve is cut into pieces, and what is bought or sold of an asset is the sum over its pieces: as slopes
rise, the cheaper ones fill first. Scaled so that weights move by about 1 and the objective is about 1.

Source: Mitchell & Braun 2013, for the budget that pays its own costs.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from router.errors import InfeasibleWeights, InputError, Unsolved
from router.strategy.costs import CostCurve, Floats
from router.strategy.trade_problem import TradeProblem

TRIES: tuple[dict[str, Any], ...] = tuple(
    {"tol_gap_abs": gap, "tol_gap_rel": gap, "tol_feas": gap} for gap in (1e-12, 1e-10, 1e-8)
)
"""Of Clarabel, until one ends."""
SHAPES = 32
"""Programs kept."""
SNAP = 1e-7
"""Trades below this share of the largest drift are none."""
BALANCED = 1e-9
"""Share of net asset value that a trade may leave unaccounted for."""

_USABLE = ("optimal", "optimal_inaccurate")


@dataclass(frozen=True)
class _Program:
    """A cvxpy problem and its parameters by name."""

    problem: Any
    trade: Any
    parameters: dict[str, Any]


def can_weigh() -> bool:
    """Whether the libraries of the `strategy` extra that programs need are there."""
    return all(find_spec(name) for name in ("cvxpy", "clarabel", "scipy"))


def _cvxpy() -> Any:
    """Loaded when it is needed, which takes seconds.

    Raises:
        InputError: it is not installed.
    """
    if not can_weigh():
        raise InputError(
            "weighing a trade needs cvxpy: pip install 'atomic-rebalance[strategy]', or plan with --anyway",
            path="discipline",
        )
    return importlib.import_module("cvxpy")


@lru_cache(SHAPES)
def _program(assets: int, pieces: int) -> _Program:
    cp = _cvxpy()
    shape = (assets, pieces)
    bought, sold = cp.Variable(shape, nonneg=True), cp.Variable(shape, nonneg=True)
    trade = cp.Variable(assets)
    root, off = cp.Parameter((assets, assets)), cp.Parameter(assets)
    sizes = {name: cp.Parameter(shape, nonneg=True) for name in ("buy_widths", "sell_widths")}
    rates = {name: cp.Parameter(shape, nonneg=True) for name in ("buy_rates", "sell_rates")}
    least, most, weight = cp.Parameter(assets), cp.Parameter(assets), cp.Parameter(nonneg=True)
    cost = cp.Variable()
    problem = cp.Problem(
        cp.Minimize(cp.sum_squares(root @ trade + off) / 2 + weight * cost),
        [
            trade == cp.sum(bought, axis=1) - cp.sum(sold, axis=1),
            cost
            == cp.sum(cp.multiply(rates["buy_rates"], bought))
            + cp.sum(cp.multiply(rates["sell_rates"], sold)),
            cp.sum(trade) + cost == 0,
            bought <= sizes["buy_widths"],
            sold <= sizes["sell_widths"],
            trade >= least,
            trade <= most,
        ],
    )
    parameters = {"root": root, "off": off, "least": least, "most": most, "weight": weight}
    return _Program(problem, trade, parameters | sizes | rates)


def cheapest_trade(
    problem: TradeProblem,
    allowed: npt.NDArray[np.bool_] | None = None,
    *,
    solver: str = "CLARABEL",
    **settings: Any,
) -> Floats:
    """The change of weights with the least drift cost and variable cost together.

    Args:
        allowed: (assets,) which may trade; all where None.
        solver, settings: for cvxpy; Clarabel as precise as it can unless others are given.

    Raises:
        InfeasibleWeights: no trade keeps the limits within the depth there is.
        Unsolved: the solver gave no answer, or one that does not add up.
    """
    unit = max(float(np.abs(problem.deviations).max()), _most_broken(problem))
    if not unit:
        return np.zeros(len(problem.weights))
    program = _posed(problem, unit, allowed)
    tries = [settings] if settings or solver != "CLARABEL" else TRIES
    for tried in tries[:-1]:
        with suppress(Unsolved):
            return _solved(problem, program, unit, solver, tried)
    return _solved(problem, program, unit, solver, tries[-1])


def _solved(
    problem: TradeProblem, program: _Program, unit: float, solver: str, settings: Mapping[str, Any]
) -> Floats:
    cp = _cvxpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # inaccurate answers, which are checked below
        try:
            program.problem.solve(solver=solver, warm_start=False, **settings)
        except cp.SolverError as error:
            raise Unsolved(f"{solver} failed: {error}") from error
    status = program.problem.status
    if status in ("infeasible", "infeasible_inaccurate"):
        broken = ", ".join(problem.broken)
        raise InfeasibleWeights(f"no trade within depth brings {broken or 'all'} within limits", path="caps")
    if status not in _USABLE:
        raise Unsolved(f"{solver} ended as {status}")
    return _settled(problem, np.asarray(program.trade.value, dtype=np.float64) * unit, unit)


def _posed(problem: TradeProblem, unit: float, allowed: npt.NDArray[np.bool_] | None) -> _Program:
    """The program of the problem's shape, with its figures."""
    cost, count = problem.cost, len(problem.weights)
    least, most = problem.reach
    if allowed is not None:
        if (~allowed & ((least > 0) | (most < 0))).any():
            raise InfeasibleWeights("an asset that has to trade may not", path="caps")
        least, most = np.where(allowed, least, 0.0), np.where(allowed, most, 0.0)
    widest = max((len(curve.slopes) for curve in (*cost.buys, *cost.sells)), default=1)
    pieces = 1 << (widest - 1).bit_length()
    program = _program(count, pieces)
    scale = max(problem.drift_cost(problem.weights), unit * _steepest(cost.buys), 1e-300)
    values, axes = np.linalg.eigh(problem.pull)
    root = (axes * np.sqrt(np.maximum(values, 0.0))).T / np.sqrt(scale)
    buy_widths, buy_rates = _pieces(cost.buys, pieces, np.maximum(most, 0.0))
    sell_widths, sell_rates = _pieces(cost.sells, pieces, np.maximum(-least, 0.0))
    figures = {
        "root": root * unit,
        "off": root @ problem.deviations,
        "least": least / unit,
        "most": most / unit,
        "weight": unit / scale,
        "buy_widths": buy_widths / unit,
        "sell_widths": sell_widths / unit,
        "buy_rates": buy_rates,
        "sell_rates": sell_rates + cost.premium_rate,
    }
    for name, value in figures.items():
        program.parameters[name].value = value
    return program


def _pieces(curves: Sequence[CostCurve], pieces: int, most: Floats) -> tuple[Floats, Floats]:
    """(widths, slopes), each (assets, pieces), of curves cut off at the most that may be traded."""
    widths, slopes = np.zeros((len(curves), pieces)), np.zeros((len(curves), pieces))
    for i, curve in enumerate(curves):
        count = len(curve.slopes)
        ends = np.append(curve.sizes[1:count], np.inf)
        widths[i, :count] = np.diff(np.minimum(ends, most[i]), prepend=0.0)
        slopes[i, :count] = curve.slopes
        slopes[i, count:] = curve.slopes[-1]
    return widths, slopes


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
