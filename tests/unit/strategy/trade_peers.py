"""The one-shot program in another form, cut into pieces by cvxpy, for solvers of other kinds."""

from __future__ import annotations

import warnings
from typing import Any

import cvxpy as cp
import numpy as np

from router.strategy.trade_problem import TradeProblem


def trade_by(solver: str, problem: TradeProblem, **settings: Any) -> np.ndarray:
    """The change of weights with the least drift cost and variable cost, (assets,)."""
    unit = float(np.abs(problem.deviations).max())
    least, most = problem.reach
    axes = np.linalg.eigh(problem.pull)
    root = (axes.eigenvectors * np.sqrt(np.maximum(axes.eigenvalues, 0.0))).T
    scale = problem.drift_cost(problem.weights)
    trade, cost, rows = [], [], []
    for asset, (buy, sell) in enumerate(zip(problem.cost.buys, problem.cost.sells, strict=True)):
        change: Any = 0.0
        for sign, curve, bound, premium in (
            (1, buy, most[asset], 0.0),
            (-1, sell, -least[asset], problem.cost.premium_rate),
        ):
            ends = np.append(curve.sizes[1 : len(curve.slopes)], np.inf)
            widths = np.diff(np.minimum(ends, max(bound, 0.0)), prepend=0.0)
            pieces = cp.Variable(len(widths), nonneg=True)
            rows.append(pieces <= widths / unit)
            cost.append((curve.slopes + premium) @ pieces)
            change = change + sign * cp.sum(pieces)
        trade.append(change)
    change, paid = cp.hstack(trade), cp.sum(cp.hstack(cost))
    off = root @ (unit * change + problem.deviations)
    goal = cp.Minimize(cp.sum_squares(off / np.sqrt(scale)) / 2 + unit / scale * paid)
    rows += [cp.sum(change) + paid == 0, change >= least / unit, change <= most / unit]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # inaccurate answers, which are compared
        cp.Problem(goal, rows).solve(solver=solver, **settings)
    found = np.asarray(change.value, dtype=np.float64) * unit
    found[np.abs(found) < 1e-7 * unit] = 0.0
    largest = int(np.abs(found).argmax())
    for _ in range(4):
        found[largest] -= found.sum() + problem.cost.variable(found)
    return found
