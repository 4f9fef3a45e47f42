"""Which assets to trade at all, where each costs gas of its own.

Branch and bound over convex programs. Every choice among assets that are still open is bounded by the program
with the convex hull of their gas (`relaxed_trade`). Each such program proposes which to trade; of those the
ones whose gas is more than what their absence loses are left out, half of them at a time. The search ends
where nothing better is left, or with the programs that its time allows: the gap is what it did not rule out.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from math import inf

import numpy as np
import numpy.typing as npt

from router.errors import InfeasibleWeights, Unsolved
from router.strategy.costs import Floats
from router.strategy.trade_problem import TradeProblem
from router.strategy.trade_program import cheapest_trade, relaxed_trade, separable

WORK = 300_000
"""Of one search: programs x assets2 x (lines of their costs + 4 for each asset). Eight assets are proven
nearly always; twenty stay below 20 ms."""
FEWEST_PROGRAMS = 5
LEAST_GAIN = 1e-10
"""Share of net asset value below which one choice is no better than another."""
WORTH = 0.25
"""Share of the size at which gas counts in full: smaller trades of a node beyond the first are not tried."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Choice:
    """The best trade found that trades anything.

    Attributes:
        trade: (assets,) changes of weights; all 0 where no trade pays its own fees.
        gap: share of net asset value, by which no other choice is better than this trade or, where no limit
            makes one due, than none; 0 where that is proven to be the best.
    """

    trade: Floats
    gap: float = 0.0


def best_choice(problem: TradeProblem) -> Choice:
    """The trade with the least drift cost, variable cost and gas of the assets traded.

    Raises:
        InfeasibleWeights: no trade keeps the limits within the depth there is.
        Unsolved: a program without an answer.
    """
    if not problem.legs.any():
        return Choice(cheapest_trade(problem))
    return _Search(problem).result()


def total_cost(problem: TradeProblem, trade: Floats) -> float:
    """Drift cost after a trade, its variable cost, and the gas of the assets that it trades."""
    left = problem.drift_cost(problem.weights + trade)
    return left + problem.cost.variable(trade) + float(problem.legs[trade != 0].sum())


class _Search:
    """Best first; a node is (bound, order, assets ruled in, assets ruled out, its program's trade)."""

    def __init__(self, problem: TradeProblem) -> None:
        assets, lines = len(problem.weights), len(problem.cost.lines.asset)
        self.problem = problem
        self.curvature = separable(problem.pull)
        self.left = max(WORK // (assets**2 * (lines + 4 * assets)), FEWEST_PROGRAMS)
        self.trade, self.least = np.zeros(assets), inf
        self.idle = inf if problem.broken else problem.drift_cost(problem.weights) - problem.cost.fixed
        self.tried: set[bytes] = set()
        self.heap: list[tuple[float, int, Flags, Flags, Floats]] = []
        self.order = count()
        self.unsolved = inf

    @property
    def best(self) -> float:
        return min(self.least, self.idle)

    def result(self) -> Choice:
        nobody, everybody = np.zeros(len(self.trade), np.bool_), np.ones(len(self.trade), np.bool_)
        self._bound(nobody, nobody, 0.0, worth=0.0)
        if not self.trade.any():
            self._try(everybody)
        while self.heap and self.heap[0][0] < self.best - LEAST_GAIN and self.left > 0:
            bound, _, ruled_in, ruled_out, trade = heapq.heappop(self.heap)
            one = self._doubtful(ruled_in, trade)
            if one is None:
                continue
            self._bound(ruled_in, ruled_out | one, bound)
            self._bound(ruled_in | one, ruled_out, bound)
        lowest = min([self.unsolved, *(bound for bound, *_ in self.heap[:1])])
        gap = self.best - lowest
        return Choice(self.trade, gap if gap > LEAST_GAIN else 0.0)

    def _bound(self, ruled_in: Flags, ruled_out: Flags, known: float, worth: float = WORTH) -> None:
        """Adds a node, where one is left, and tries what it trades.

        Args:
            known: bound of the node that it is a part of.
            worth: smallest trade tried, a share of the size at which gas is paid in full.
        """
        problem = self.problem
        gas = np.where(ruled_in, 0.0, problem.legs)
        self.left -= 1
        try:
            trade, bound = relaxed_trade(problem, self.curvature, gas, ~ruled_out)
        except InfeasibleWeights:
            if not (ruled_in.any() or ruled_out.any()):
                raise
            return
        except Unsolved:
            self.unsolved = min(self.unsolved, known)
            return
        bound = max(bound + float(problem.legs[ruled_in].sum()), known)
        if bound >= self.best - LEAST_GAIN:
            return
        heapq.heappush(self.heap, (bound, next(self.order), ruled_in, ruled_out, trade))
        self._note(trade)
        full = np.divide(2 * gas, self.curvature, out=np.zeros_like(gas), where=self.curvature > 0)
        self._try(ruled_in | ((trade != 0) & (np.abs(trade) >= worth * np.sqrt(full))))

    def _note(self, trade: Floats) -> None:
        if trade.any() and (found := total_cost(self.problem, trade)) < self.least - LEAST_GAIN:
            self.trade, self.least = trade, found

    def _try(self, kept: Flags) -> None:
        """The best trade of these assets, and of fewer of them while some lose."""
        problem = self.problem
        while kept.tobytes() not in self.tried and (self.left > 0 or not self.trade.any()):
            self.tried.add(kept.tobytes())
            self.left -= 1
            try:
                trade = cheapest_trade(problem, kept)
            except (InfeasibleWeights, Unsolved):
                if kept.all():
                    raise
                return
            self._note(trade)
            if not trade.any():
                return
            short = np.where((trade != 0) & (problem.legs > 0), problem.legs - _losses(problem, trade), -inf)
            losers = int((short > 0).sum())
            kept = kept.copy()
            kept[np.argsort(-short, kind="stable")[: (losers + 1) // 2]] = False

    def _doubtful(self, ruled_in: Flags, trade: Floats) -> Flags | None:
        """The asset for which both to count its gas and to leave it out changes the bound most, as a flag;
        None where all that is traded is ruled in or counts its gas in full."""
        legs, curvature = self.problem.legs, self.curvature
        full = np.sqrt(np.divide(2 * legs, curvature, out=np.full_like(legs, inf), where=curvature > 0))
        short = np.maximum(1 - np.divide(np.abs(trade), full, out=np.ones_like(full), where=full > 0), 0.0)
        missing = np.where(ruled_in | (trade == 0), 0.0, legs * short**2)
        if not missing.any():
            return None
        one = np.zeros(len(trade), np.bool_)
        one[np.where(missing > 0, np.minimum(missing, _losses(self.problem, trade)), -inf).argmax()] = True
        return one


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
