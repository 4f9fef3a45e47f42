"""A market, a goal and what each pool costs: the problem whose best support is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.kernels import Arrays, Floats, Ints
from router.optimiser.market import Flags, Market
from router.optimiser.subset import (
    BLURS,
    FAINT,
    FINE_BLURS,
    FREE,
    OUT,
    PAID,
    STALLED,
    Relaxed,
    Settled,
    States,
    Units,
    reachable,
    relax,
    settle,
    surpluses,
    units_of,
)


@dataclass(frozen=True, eq=False)
class Instance:
    """Attributes:
    ends: tokens of the book that are held or wanted.
    """

    market: Market
    goal: Goal
    ends: Ints

    @cached_property
    def units(self) -> Units:
        return units_of(self.market)

    @cached_property
    def pools(self) -> Ints:
        """By unit, its place among the book's pools."""
        market, book = self.market, self.market.book
        return np.unique(np.concatenate([book.ladder_pool[market.ladders], book.basin_pool[market.basins]]))

    @cached_property
    def touches(self) -> Flags:
        """By unit and column, whether the unit trades what stands in the column."""
        touches = np.zeros((len(self.pools), self.market.columns), dtype=np.bool_)
        arrays, units = self.arrays, self.units
        touches[units.ladder, arrays.sold] = True
        touches[units.ladder, arrays.bought] = True
        touches[np.repeat(units.basin, np.diff(arrays.start)), arrays.token] = True
        return touches

    @property
    def arrays(self) -> Arrays:
        return self.market.arrays

    @property
    def costs(self) -> Floats:
        return self.units.cost

    def state(self, chosen: Ints | Flags) -> States:
        """Only these units."""
        state = np.full(len(self.pools), OUT)
        state[chosen] = PAID
        return state

    def state_of(self, ladders: Ints, basins: Ints) -> States:
        """Only the pools of these ladders and basins of the book."""
        book = self.market.book
        chosen = np.concatenate([book.ladder_pool[ladders], book.basin_pool[basins]])
        return self.state(np.isin(self.pools, chosen))

    @cached_property
    def all_free(self) -> States:
        return np.full(len(self.pools), FREE)

    def settle(self, state: States, start: Floats) -> Settled:
        return settle(self.arrays, self.units, state, self.goal.held, self.goal.wanted, start)

    def relax(
        self,
        state: States,
        start: Floats,
        *,
        blurs: Floats = BLURS,
        faint: float = FAINT,
        enough: float = -np.inf,
    ) -> Relaxed:
        """As `router.optimiser.subset.relax`; once more with finer steps where the descent stalls."""
        found = relax(
            self.arrays, self.units, state, self.goal.held, self.goal.wanted, start, blurs, faint, enough
        )
        if found.residual <= STALLED or found.bound < enough:
            return found
        again = relax(
            self.arrays, self.units, state, self.goal.held, self.goal.wanted, start, FINE_BLURS, FAINT, enough
        )
        return again if again.bound < found.bound else found

    def surpluses(self, prices: Floats) -> Floats:
        return surpluses(self.arrays, self.units, prices)

    def columns_of(self, market: Market) -> Ints:
        """Columns of this instance that one of fewer pools keeps, in its order."""
        kept = market.column >= 0
        columns = np.empty(market.columns, dtype=np.int64)
        columns[market.column[kept]] = self.market.column[kept]
        return columns

    def narrowed(self, units: Flags) -> Instance:
        """Only these units."""
        market = self.market.only(
            self.market.ladders[units[self.units.ladder]],
            self.market.basins[units[self.units.basin]],
            self.ends,
        )
        columns = self.columns_of(market)
        return Instance(market, Goal(self.goal.held[columns], self.goal.wanted[columns]), self.ends)

    def connected_holdings(self) -> Floats:
        """What is held of tokens that the pools connect with the target."""
        tied = reachable(self.arrays, self.goal.held, self.goal.wanted)[1]
        return np.where(tied, self.goal.held, 0.0)

    def solved(self, units: Flags, start: Floats) -> Solution:
        """The best flows over these units, which reach the target."""
        few = self.narrowed(units)
        begin = start[self.columns_of(few.market)]
        held = few.connected_holdings()
        near = solve(few.market, Goal(held, few.goal.wanted), begin, ghost=0.0)
        return near if near.converged else solve(few.market, Goal(held, few.goal.wanted), begin)
