"""Which assets to trade at all, where each costs gas of its own.

Assets whose gas is more than what their absence loses are left out. Where few have gas of their own the rest
is branch and bound over convex programs: each trade, with all gas it takes, is a candidate, and its cost
without the gas of undecided assets, but with the lesser of that gas and what their absence loses, a bound for
every choice among them.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from router.errors import InfeasibleWeights
from router.strategy.costs import Floats
from router.strategy.trade_problem import TradeProblem
from router.strategy.trade_program import cheapest_trade

MOST_SEARCHED = 8
"""Assets with gas of their own among which the choice is searched; of more, only those that lose are left
out, which takes a few programs."""
MOST_PROGRAMS = 100
"""Solved in one search."""
INEXACT = 1e-5
"""Of the largest drift: how far a program's trade may be from the best one, where its precision is least."""
LEAST_GAIN = 1e-12
"""Share of net asset value below which one choice is no better than another."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Choice:
    """The best trade found that trades anything.

    Attributes:
        trade: (assets,) changes of weights; all 0 where no trade pays its own fees.
        proven: whether no other choice of assets is better.
    """

    trade: Floats
    proven: bool = True


def best_choice(problem: TradeProblem) -> Choice:
    """The trade with the least drift cost, variable cost and gas of the assets traded.

    Raises:
        InfeasibleWeights: no trade keeps the limits within the depth there is.
        Unsolved: a program without an answer.
    """
    first = cheapest_trade(problem)
    if not (problem.legs > 0)[first != 0].any():
        return Choice(first)
    best = _without_losers(problem, first)
    if np.count_nonzero(problem.legs) > MOST_SEARCHED:
        return Choice(best, proven=False)
    return _search(problem, first, best)


def total_cost(problem: TradeProblem, trade: Floats) -> float:
    """Drift cost after a trade, its variable cost, and the gas of the assets that it trades."""
    left = problem.drift_cost(problem.weights + trade)
    return left + problem.cost.variable(trade) + float(problem.legs[trade != 0].sum())


def _without_losers(problem: TradeProblem, trade: Floats) -> Floats:
    """The best trade met while assets whose gas is more than what their absence loses are left out, half of
    them at a time."""
    best, least = trade, total_cost(problem, trade)
    kept = np.ones(len(trade), dtype=np.bool_)
    while True:
        short = np.where((trade != 0) & (problem.legs > 0), problem.legs - _losses(problem, trade), -np.inf)
        losers = int((short > 0).sum())
        if not losers:
            return best
        kept[np.argsort(-short, kind="stable")[: (losers + 1) // 2]] = False
        try:
            trade = cheapest_trade(problem, kept)
        except InfeasibleWeights:
            return best
        if not trade.any():
            return best
        found = total_cost(problem, trade)
        if found < least:
            best, least = trade, found


def _losses(problem: TradeProblem, trade: Floats) -> Floats:
    """(assets,) what a best trade loses by each asset that is left out of it while the others adapt.

    With H the pull among the assets traded, budget kept, t_i2 / (2 inverse(H)_ii): exact while the others go
    on trading on the same pieces of their curves.
    """
    traded = np.flatnonzero(trade)
    among = np.eye(len(traded)) - 1 / len(traded)
    inverse = np.linalg.pinv(among @ problem.pull[np.ix_(traded, traded)] @ among, hermitian=True)
    losses = np.zeros_like(trade)
    losses[traded] = trade[traded] ** 2 / 2 / np.maximum(np.diag(inverse), 1e-300)
    return losses


def _least_losses(problem: TradeProblem, trade: Floats) -> Floats:
    """(assets,) of which the sum over any assets is no more than what a best trade loses where all of them
    are left out of it, whatever the others do; 0 for assets without risk.

    With H the pull, a trade t + x costs at least x' H x / 2 more than the best trade t, and H is no less than
    the least eigenvalue of its correlations times its diagonal.
    """
    pulls, risky = np.diag(problem.pull), np.diag(problem.pull) > 0
    if not risky.any():
        return np.zeros(len(pulls))
    scale = 1 / np.sqrt(pulls[risky])
    correlations = problem.pull[np.ix_(risky, risky)] * np.outer(scale, scale)
    least = max(float(np.linalg.eigvalsh(correlations)[0]), 0.0)
    sizes = np.abs(trade) - INEXACT * np.abs(problem.deviations).max()
    return np.asarray(least * pulls * np.maximum(sizes, 0.0) ** 2 / 2)


def _search(problem: TradeProblem, first: Floats, best: Floats) -> Choice:
    """Best first; a node is (bound, order, assets ruled in, assets ruled out, its program's trade)."""
    least, order, solved = total_cost(problem, best), count(), 1
    none = np.zeros(len(first), dtype=np.bool_)
    heap: list[tuple[float, int, Flags, Flags, Floats]] = []

    def add(ruled_in: Flags, ruled_out: Flags, trade: Floats) -> None:
        own = problem.drift_cost(problem.weights + trade) + problem.cost.variable(trade)
        due = np.where(ruled_in, problem.legs, np.minimum(problem.legs, _least_losses(problem, trade)))
        heapq.heappush(heap, (own + float(due.sum()), next(order), ruled_in, ruled_out, trade))

    add(none, none, first)
    while heap:
        bound, _, ruled_in, ruled_out, trade = heapq.heappop(heap)
        if bound >= least - LEAST_GAIN:
            break
        # What is traded without being ruled in costs its gas: decide about what is most in doubt.
        undecided = (trade != 0) & ~ruled_in & (problem.legs > 0)
        if not undecided.any():
            continue
        if solved >= MOST_PROGRAMS:
            return Choice(best, proven=False)
        one = none.copy()
        doubt = np.abs(_least_losses(problem, trade) - problem.legs)
        one[np.where(undecided, doubt, np.inf).argmin()] = True
        add(ruled_in | one, ruled_out, trade)
        try:
            fewer = cheapest_trade(problem, ~(ruled_out | one))
        except InfeasibleWeights:
            continue
        solved += 1
        if not fewer.any():
            continue
        found = total_cost(problem, fewer)
        if found < least - LEAST_GAIN:
            best, least = fewer, found
        add(ruled_in, ruled_out | one, fewer)
    return Choice(best)
