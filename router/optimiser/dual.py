"""The best flows over all pools at once, by way of the token prices that prove them best.

    bound(prices) = (prices . held + sum of all pools' profits at prices) / least cost of one unit of value

The cost of a unit of value is that of the cheapest mix of tokens whose shares the target's bands allow. Any
positive prices bound what any trade can reach; at the best prices the pools' own trades reach it.

Source: Angeris et al. 2022 (arXiv 2204.05238); the fixed costs after Diamandis and Angeris 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from router.optimiser.arrays import Floats, Ints, Response
from router.optimiser.kernels import respond
from router.optimiser.market import Market
from router.optimiser.newton import LARGE, descend, empty_response
from router.optimiser.profits import most_profit
from router.optimiser.subset import components
from router.pools.base import Pool

TOLERANCE = 1e-9
"""Largest sum of imbalances of a solution, as a share of the final value."""
SETTLED = 1e-7
"""Largest sum at which a descent counts as ended at an optimum."""
REACHED = 2e-6
"""Largest sum at which the target counts as reached, where rounding lets no descent come nearer."""
NEARLY = 0.1
"""Largest residual with which a search over a large market may end."""
UNMET = 1e-5
"""Largest sum of what is missing, or left over, at reference prices."""
WORTHLESS = 1e-3
"""Share of its reference price below which a token may be one that no pool takes."""
RESTARTS = ((True, 1e-3), (True, 0.0), (False, 1e-5), (False, 0.0))
"""(whether from where the bound falls fastest, or else from prices that answer the surplus; ghost) of each
further descent."""
REACHES = (1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0)
LEAST_PRICES = (1e-6, 1e-4, 1e-2)
"""Of the start of a further descent, beside the target's unit."""
MOST_STEPS = 300
LIGHT = 1e-3
"""Share of its liquidity with which a pool without fee pulls prices at rest towards its own."""
MARGIN = 1e-12
"""What a bound is rounded up by for its sums of floats, as a share of itself."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is held and wanted, by column of a market, in value units.

    Attributes:
        held: value that may be traded away; negative where a part must be bought beside the weights.
        wanted: share of the final value; they sum to 1.
    """

    held: Floats
    wanted: Floats


@dataclass(frozen=True, slots=True)
class PoolTrade:
    """What one pool does: raw units that the trader gains of each of its tokens (of the book)."""

    pool: Pool
    tokens: tuple[int, ...]
    gains: tuple[float, ...]
    profit: float


@dataclass(frozen=True, eq=False)
class Solution:
    """The pools' best trades at one set of prices.

    Attributes:
        prices: by column, as multiples of the reference prices; a unit of the target costs 1.
        residual: sum of what is supplied and not wanted, or wanted and not supplied, as a share of the value.
        value: the final value, where the residual is small; numeraire units, costs of pools deducted.
        steps: Newton steps taken.
    """

    market: Market
    goal: Goal
    prices: Floats
    residual: float
    value: float
    steps: int

    @classmethod
    def at(cls, market: Market, prices: Floats) -> Solution:
        """The trades at some prices, by column, that need not answer any goal."""
        nothing = np.zeros(market.columns)
        return cls(market, Goal(nothing, nothing), prices, np.inf, 0.0, 0)

    @property
    def converged(self) -> bool:
        """Whether the target is reached. Where it cannot be, the price of what no pool takes falls towards 0,
        and the residual with it, though not the surplus."""
        return self._ended(REACHED) and not (self._worthless and self.surplus.clip(min=0).sum() > UNMET)

    @property
    def settled(self) -> bool:
        """Whether the descent ended at an optimum, were what is left over given away. It can also end where
        the prices of tokens that are missing fall towards 0, which is none."""
        return self._ended(SETTLED)

    def _ended(self, tolerance: float) -> bool:
        missing = self._worthless and -self.surplus.clip(max=0).sum() > UNMET
        return self.residual <= tolerance and not missing

    @property
    def near(self) -> bool:
        """Whether the bound has settled, though not all flows: the search over a large market may end so."""
        return self.market.columns > LARGE and self.residual <= NEARLY and not self._worthless

    @property
    def _worthless(self) -> bool:
        """Whether a price has fallen so far that the residual says little. That of tokens which no pools tie
        to what is held and wanted may."""
        if self.prices.min() >= WORTHLESS:
            return False
        root = components(self.market.arrays, self.market.columns)
        named = (self.goal.held != 0) | (self.goal.wanted > 0)
        return bool(np.any(self.prices[np.isin(root, root[named])] < WORTHLESS))

    @cached_property
    def surplus(self) -> Floats:
        """By column, what the target leaves over, or misses: shares of the value, at reference prices."""
        arrays, at = self.market.arrays, self.response
        left = self.goal.held - self.value * self.goal.wanted
        np.add.at(left, arrays.bought, at.got)
        np.add.at(left, arrays.sold, -at.paid)
        np.add.at(left, arrays.token, at.gain)
        result: Floats = left / self.value if self.value > 0 else np.full_like(left, -np.inf)
        return result

    @cached_property
    def response(self) -> Response:
        """Of every pool, costs and their blur left out."""
        into = empty_response(self.market.arrays)
        respond(self.prices, self.market.costless, 1.0, 0.0, 0.0, np.empty(self.market.columns), into)
        return into

    @cached_property
    def profits(self) -> Floats:
        """By ladder, then by basin, of the market."""
        return self.response.profit

    def used(self, least: float = 0.0) -> tuple[Ints, Ints]:
        """Ladders and basins (places in the book) whose profit exceeds `least`."""
        market, count = self.market, len(self.market.ladders)
        busy = self.profits > least
        return market.ladders[busy[:count]], market.basins[busy[count:]]

    def carrying(self, least: float) -> tuple[Ints, Ints]:
        """Ladders and basins (places in the book) that trade more value than `least`."""
        market, at = self.market, self.response
        return market.ladders[at.got > least], market.basins[self._moving(least)]

    def _moving(self, least: float) -> Ints:
        """Basins, by their place in the market, of which some token trades more value than `least`."""
        arrays = self.market.arrays
        owner = np.repeat(np.arange(len(arrays.basin_keep)), np.diff(arrays.start))
        return np.unique(owner[np.abs(self.response.gain) > least])

    def start_for(self, market: Market, otherwise: Floats | None = None) -> Floats:
        """The prices by column of another market of the same book; 1, or `otherwise`, for what this one does
        not trade."""
        first = market.representatives
        column = self.market.column[first]
        missing = np.ones(market.columns) if otherwise is None else otherwise
        return np.where(column >= 0, self.prices[np.maximum(column, 0)], missing)

    def trades(self) -> Iterator[PoolTrade]:
        """Of every pool that trades."""
        market, at, book = self.market, self.response, self.market.book
        prices = market.terms.prices
        for k in np.flatnonzero(at.got > 0):
            place = market.ladders[k]
            sold, bought = int(book.sold[place]), int(book.bought[place])
            yield PoolTrade(
                market.pool_of(int(k)),
                (sold, bought),
                (-at.paid[k] / prices[sold], at.got[k] / prices[bought]),
                float(at.profit[k]),
            )
        for b in map(int, self._moving(0.0)):
            entries = slice(market.arrays.start[b], market.arrays.start[b + 1])
            tokens = book.token[market.entries[entries]]
            yield PoolTrade(
                market.pool_of(len(market.ladders) + b),
                tuple(int(token) for token in tokens),
                tuple(float(gain) for gain in at.gain[entries] / prices[tokens]),
                float(at.profit[len(market.ladders) + b]),
            )

    @cached_property
    def added(self) -> Floats:
        """Value that the pools add, by token of the book."""
        net = np.zeros(len(self.market.column))
        prices = self.market.terms.prices
        for trade in self.trades():
            for token, gain in zip(trade.tokens, trade.gains, strict=True):
                net[token] += gain * prices[token]
        return net


def solve(market: Market, goal: Goal, start: Floats | None = None, *, ghost: float = 1.0) -> Solution:
    """The best flows, the costs of pools left out.

    Args:
        start: prices to start from, by column; the reference prices where None.
        ghost: where the descent's smoothing starts; 1 for prices far from the solution, less for near ones.
    """
    begin = np.ones(market.columns) if start is None else start
    found = _descent(market, goal, begin, ghost)
    if found.settled or found.near:
        return found
    best = found
    for steepest, share in RESTARTS:
        found = _descent(market, goal, _steepest(found) if steepest else _answered(found), share)
        if found.settled:
            return found
        best = min(best, found, key=_unsettled)
    last = _descent(market, goal, np.ones(market.columns), RESTARTS[-2][1])
    return last if last.settled else min(best, last, key=_unsettled)


def _unsettled(found: Solution) -> tuple[bool, float]:
    return not found.converged, found.residual


def at_rest(market: Market, goal: Goal, start: Floats) -> Solution:
    """Prices near which the pools stand when nothing is traded: each pool pulls a little towards its own."""
    return _descent(market, goal, start, 1.0, LIGHT)


def _answered(found: Solution) -> Floats:
    """Prices to start again from: what was missing is dear, what was left over cheap."""
    prices = np.maximum(found.prices / found.prices.max(), 1e-2)
    result: Floats = np.where(found.surplus < -UNMET, 1.0, np.where(found.surplus > UNMET, 1e-2, prices))
    return result


def _steepest(found: Solution) -> Floats:
    """Prices to start again from: of those against the surplus, the ones with the least bound. Where that is
    less than before, a descent cannot end where the last one did: the bound has one minimum, in prices."""
    held, wanted, arrays = found.goal.held, found.goal.wanted, found.market.arrays
    surplus = np.nan_to_num(found.surplus, nan=0.0, posinf=0.0, neginf=0.0)
    surplus = surplus / max(float(np.abs(surplus).max()), UNMET)
    best, least = np.ones(found.market.columns), np.inf
    for floor in LEAST_PRICES:
        for reach in REACHES:
            prices = np.maximum(found.prices - reach * surplus, floor)
            prices = prices / np.dot(wanted, prices)
            value = float(np.dot(held, prices) + most_profit(prices, arrays, 0.0, False))
            if value < least:
                best, least = prices, value
    return best


def _descent(market: Market, goal: Goal, start: Floats, ghost: float, last: float = 0.0) -> Solution:
    prices, residual, value, steps = descend(
        market.costless, goal.held, goal.wanted, start, 0.0, float(ghost), MOST_STEPS, TOLERANCE, last
    )
    found = Solution(market, goal, prices, float(residual), float(value), int(steps))
    return replace(found, value=float(np.dot(goal.held, prices) + found.profits.sum()))


def bound(market: Market, held: Floats, prices: Floats, unit: float) -> float:
    """No trade over these pools leaves more value than this, numeraire units, costs of pools deducted.
    Weighted pools trade in swaps of pairs, as programs do.

    Args:
        held: value by column.
        prices: any positive multiples of the reference prices, by column.
        unit: least that one unit of value costs at them.
    """
    profit = most_profit(prices, market.arrays, unit, True)
    return float(np.dot(held, prices) + profit) / unit * (1 + MARGIN)


def unit_cost(ratios: Floats, least: Floats, most: Floats) -> float:
    """What one unit of the final portfolio costs in its cheapest mix: shares between `least` and `most`."""
    shares = least.copy()
    left = 1.0 - float(least.sum())
    for k in np.argsort(ratios, kind="stable"):
        extra = min(float(most[k] - least[k]), max(left, 0.0))
        shares[k] += extra
        left -= extra
    return float(np.dot(shares, ratios))
