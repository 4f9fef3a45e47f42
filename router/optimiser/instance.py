"""A market, a goal and what each pool costs: the problem whose best support is looked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Ints
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.market import Flags, Market
from router.optimiser.subset import (
    BLURS,
    FAINT,
    FINE_BLURS,
    STALLED,
    Relaxed,
    Settled,
    reachable,
    relax,
    settle,
    surpluses,
)
from router.optimiser.units import FREE, States, Units, chosen_alone, reached, units_of

FARTHER = 0.02
"""How much farther than at the prices given, as a share of the root of the price, ladders may have to go and
still find a unit for every edge that they cross."""


@dataclass(frozen=True, eq=False)
class Instance:
    """Attributes:
    ends: tokens of the book that are held or wanted.
    reach: by ladder of the book, how many of its crossings are units.
    """

    market: Market
    goal: Goal
    ends: Ints
    reach: Ints

    @classmethod
    def near(cls, market: Market, goal: Goal, ends: Ints, prices: Floats) -> Instance:
        """With units for what may be crossed near some prices, by column."""
        reach = np.zeros(len(market.book.sold), dtype=np.int64)
        if market.terms.tick_cost > 0:
            reach[market.ladders] = reached(market.arrays, prices, FARTHER)
        return cls(market, goal, ends, reach)

    @cached_property
    def units(self) -> Units:
        return units_of(self.market, self.reach)

    @cached_property
    def pools(self) -> Ints:
        """By unit, the place of its pool in the book."""
        market, book = self.market, self.market.book
        places = np.concatenate([book.ladder_pool[market.ladders], book.basin_pool[market.basins]])
        distinct: Ints = np.unique(places)
        return distinct[self.units.pool]

    @cached_property
    def touches(self) -> Flags:
        """By unit and column, whether the unit's pool trades what stands in the column."""
        arrays, units = self.arrays, self.units
        touches = np.zeros((int((units.above < 0).sum()), self.market.columns), dtype=np.bool_)
        touches[units.ladder, arrays.sold] = True
        touches[units.ladder, arrays.bought] = True
        touches[np.repeat(units.basin, np.diff(arrays.start)), arrays.token] = True
        return touches[units.pool]

    @property
    def arrays(self) -> Arrays:
        return self.market.arrays

    @property
    def costs(self) -> Floats:
        return self.units.cost

    def state(self, chosen: Flags) -> States:
        """Only these units, as far as those above them are among them."""
        state: States = chosen_alone(self.units, chosen)
        return state

    def state_of(self, pools: Ints) -> States:
        """Only these pools (units), with all their crossings."""
        return self.state(np.isin(self.units.pool, pools))

    def state_within(self, support: Market) -> States:
        """Only the pools of a market of the same book, as far as those may go."""
        book, most = support.book, support.terms.crossings
        pools = np.concatenate([book.ladder_pool[support.ladders], book.basin_pool[support.basins]])
        chosen = np.isin(self.pools, pools)
        if most is not None:
            begin, ladders = self.units.crossing, self.market.ladders
            crossed = np.arange(begin[0], begin[-1]) - np.repeat(begin[:-1], np.diff(begin))
            chosen[begin[0] :] &= crossed < np.repeat(most[ladders], np.diff(begin))
        return self.state(chosen)

    @cached_property
    def all_free(self) -> States:
        return np.full(len(self.costs), FREE)

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

    def surpluses(self, prices: Floats, state: States | None = None) -> Floats:
        """Of every unit, or of what a state leaves."""
        return surpluses(self.arrays, self.units, self.all_free if state is None else state, prices)

    def columns_of(self, market: Market) -> Ints:
        """Columns of this instance that one of fewer pools keeps, in its order."""
        kept = market.column >= 0
        columns = np.empty(market.columns, dtype=np.int64)
        columns[market.column[kept]] = self.market.column[kept]
        return columns

    def narrowed(self, chosen: Flags) -> Instance:
        """Only these units; those above them must be among them."""
        units, market, terms = self.units, self.market, self.market.terms
        few = market.only(market.ladders[chosen[units.ladder]], market.basins[chosen[units.basin]], self.ends)
        reach = self.reach
        if terms.tick_cost > 0:
            before = np.concatenate([[0], np.cumsum(chosen)])[units.crossing]
            kept, whole = np.diff(before), np.diff(before) == np.diff(units.crossing)
            every = np.diff(market.book.first)
            most = every if terms.crossings is None else np.minimum(terms.crossings, every)
            most[market.ladders[~whole]] = kept[~whole]
            reach = np.minimum(reach, most)
            few = replace(few, terms=replace(terms, crossings=most))
        columns = self.columns_of(few)
        return Instance(few, Goal(self.goal.held[columns], self.goal.wanted[columns]), self.ends, reach)

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
