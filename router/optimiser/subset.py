"""Some of a market's pools at a time: their optimum net of fixed costs, and a bound on every optimum.

A *unit* is what is paid for once: a pool with all its ladders, or its basin. A *state* says of every unit
whether it is left out, may be used at its cost, or is paid for whether used or not.

For any positive prices u at which a unit of the target costs 1,

    value less costs <= u . held - costs paid for + sum over units of max(0, profit at u - cost)

where the sum has no cost for units that are paid for already, and nothing for those left out.

Source: Angeris et al. 2022 (arXiv 2204.05238) for the dual; Diamandis and Angeris 2024 for fixed costs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.optimiser.compiled import compiled
from router.optimiser.kernels import Arrays, Floats, Ints, most_profit, respond
from router.optimiser.market import Flags, Market
from router.optimiser.newton import descend, dot, empty_response

States = npt.NDArray[np.int8]

OUT, FREE, PAID = np.int8(0), np.int8(1), np.int8(2)
STEPS, MORE_STEPS = 60, 300
TOLERANCE, FEASIBLE, UNMET = 1e-9, 1e-7, 1e-5
"""Sum of imbalances, as a share of the value: where a descent ends, the largest of a feasible support, and
the largest at reference prices."""
BLURS = np.array([1.0, 0.1, 0.01, 1e-3])
"""Shares of its cost over which a unit fades in, one descent after the other."""
FINE_BLURS = np.array([10.0, 3.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 3e-3, 1e-3])
"""For where a descent over BLURS stalls."""
FAINT = 1e-4
"""Liquidity without fee at the first descent of a relaxation, as a share of the pools'."""
SETTLED = 1e-6
"""Imbalance at which a relaxation goes on to the next blur."""
STALLED = 1e-3
MARGIN = 1e-12
"""What a bound is rounded up by for its sums of floats, as a share of itself."""


class Units(NamedTuple):
    """Unit of each ladder and of each basin of a market, and what a unit costs, in numeraire units."""

    ladder: Ints
    basin: Ints
    cost: Floats


class Settled(NamedTuple):
    """The optimum over a support.

    Attributes:
        net: value less the costs of the units that trade; -inf where the support does not reach the target.
        value: the final value, costs left out.
        prices: by column; those of columns that no unit of the support touches are where they began.
        used: by unit, whether it trades.
    """

    net: float
    value: float
    prices: Floats
    used: Flags


class Relaxed(NamedTuple):
    """A bound on every support that a state allows.

    Attributes:
        bound: value less costs.
        prices: by column, that prove it.
        surplus: by unit, profit at these prices.
        residual: sum of imbalances where the last descent ended.
    """

    bound: float
    prices: Floats
    surplus: Floats
    residual: float


def units_of(market: Market) -> Units:
    """One per pool; by place in the book."""
    book, count = market.book, len(market.ladders)
    pools = np.concatenate([book.ladder_pool[market.ladders], book.basin_pool[market.basins]])
    distinct, unit = np.unique(pools, return_inverse=True)
    unit = unit.astype(np.int64)
    return Units(unit[:count], unit[count:], market.terms.costs[distinct])


@compiled
def picked(pools: Arrays, units: Units, state: States, ends: Flags) -> tuple[Arrays, Ints]:
    """(the units that are not left out, the columns that they and the ends touch). Paid ones cost nothing."""
    touched = ends.copy()
    ladders = np.flatnonzero(state[units.ladder] != OUT)
    basins = np.flatnonzero(state[units.basin] != OUT)
    for k in ladders:
        touched[pools.sold[k]] = True
        touched[pools.bought[k]] = True
    for b in basins:
        for e in range(pools.start[b], pools.start[b + 1]):
            touched[pools.token[e]] = True
    columns = np.flatnonzero(touched)
    place = np.full(len(ends), -1, np.int64)
    place[columns] = np.arange(len(columns))
    first, edge = _rows(pools.first, ladders)
    start, entry = _rows(pools.start, basins)
    cost = np.where(state[units.ladder[ladders]] == PAID, 0.0, pools.cost[ladders])
    basin_cost = np.where(state[units.basin[basins]] == PAID, 0.0, pools.basin_cost[basins])
    few = Arrays(
        sold=place[pools.sold[ladders]],
        bought=place[pools.bought[ladders]],
        keep=pools.keep[ladders],
        cap=pools.cap[ladders],
        cost=cost,
        floor=pools.floor[ladders],
        first=first,
        edges=pools.edges[edge],
        liquidity=pools.liquidity[edge],
        paid=pools.paid[edge],
        got=pools.got[edge],
        start=start,
        basin_keep=pools.basin_keep[basins],
        basin_cost=basin_cost,
        token=place[pools.token[entry]],
        value=pools.value[entry],
        weight=pools.weight[entry],
        low=pools.low[entry],
        high=pools.high[entry],
    )
    return few, columns


@compiled
def _rows(begin: Ints, some: Ints) -> tuple[Ints, Ints]:
    """(where each of some rows begins once the others are gone, places of their entries)."""
    begins = np.zeros(len(some) + 1, np.int64)
    for k in range(len(some)):
        begins[k + 1] = begins[k] + begin[some[k] + 1] - begin[some[k]]
    entries = np.empty(begins[-1], np.int64)
    for k in range(len(some)):
        for e in range(begins[k + 1] - begins[k]):
            entries[begins[k] + e] = begin[some[k]] + e
    return begins, entries


@compiled
def _root(parent: Ints, column: int) -> int:
    while parent[column] != column:
        parent[column] = parent[parent[column]]
        column = parent[column]
    return column


@compiled
def components(pools: Arrays, columns: int) -> Ints:
    """By column, one column of all that the pools connect it with."""
    parent = np.arange(columns)
    for k in range(len(pools.sold)):
        parent[_root(parent, pools.sold[k])] = _root(parent, pools.bought[k])
    for b in range(len(pools.basin_keep)):
        for e in range(pools.start[b] + 1, pools.start[b + 1]):
            parent[_root(parent, pools.token[e])] = _root(parent, pools.token[pools.start[b]])
    return np.array([_root(parent, column) for column in range(columns)])


@compiled
def reachable(pools: Arrays, held: Floats, wanted: Floats) -> tuple[bool, Flags]:
    """(whether every column in need is connected with one that has something to give, the columns that are
    connected with one in need)."""
    root = components(pools, len(held))
    gives, needs = np.zeros(len(held), np.bool_), np.zeros(len(held), np.bool_)
    for i in range(len(held)):
        gives[root[i]] |= held[i] > 0
        needs[root[i]] |= wanted[i] > 0 or held[i] < 0
    fits = True
    for i in range(len(held)):
        if needs[i] and not gives[i]:
            fits = False
    return fits, needs[root]


@compiled
def settle(
    pools: Arrays, units: Units, state: States, held: Floats, wanted: Floats, start: Floats
) -> Settled:
    """The optimum over the units of a state that are not left out. What is held of tokens that these units do
    not connect with the target stays where it is and counts for nothing.

    Args:
        start: prices near the optimum, where known.
    """
    used = np.zeros(len(units.cost), np.bool_)
    few, columns = picked(pools, units, np.where(state != OUT, PAID, OUT), (held != 0) | (wanted > 0))
    some_held, some_wanted, begin = held[columns], wanted[columns], start[columns]
    fits, tied = reachable(few, some_held, some_wanted)
    if not fits:
        return Settled(-np.inf, 0.0, start, used)
    some_held = np.where(tied, some_held, 0.0)
    u, residual, value, _ = descend(few, some_held, some_wanted, begin, 0.0, 0.0, STEPS, TOLERANCE, 0.0)
    if not residual <= FEASIBLE:
        u, residual, value, _ = descend(
            few, some_held, some_wanted, begin, 0.0, 1.0, MORE_STEPS, TOLERANCE, 0.0
        )
    if not residual <= FEASIBLE:
        return Settled(-np.inf, 0.0, start, used)
    at, net = empty_response(few), np.empty(len(u))
    respond(u, few, 1.0, 0.0, 0.0, net, at)
    unmet = np.sum(np.abs(some_held + net / u - value * some_wanted)[tied])
    if not unmet <= UNMET * value:
        return Settled(-np.inf, 0.0, start, used)
    for k, ladder in enumerate(np.flatnonzero(state[units.ladder] != OUT)):
        if at.got[k] > 0 and tied[few.sold[k]]:
            used[units.ladder[ladder]] = True
    for b, basin in enumerate(np.flatnonzero(state[units.basin] != OUT)):
        for e in range(few.start[b], few.start[b + 1]):
            if at.gain[e] != 0 and tied[few.token[e]]:
                used[units.basin[basin]] = True
    prices = start.copy()
    prices[columns] = u
    return Settled(value - np.sum(units.cost[used]), value, prices, used)


@compiled
def surpluses(pools: Arrays, units: Units, u: Floats) -> Floats:
    """By unit, its profit at u."""
    at = empty_response(pools)
    respond(u, pools, 1.0, 0.0, 0.0, np.empty(len(u)), at)
    surplus, ladders = np.zeros(len(units.cost)), len(pools.sold)
    for k in range(ladders):
        surplus[units.ladder[k]] += at.profit[k]
    for b in range(len(pools.basin_keep)):
        surplus[units.basin[b]] += at.profit[ladders + b]
    return surplus


@compiled
def proven(pools: Arrays, held: Floats, wanted: Floats, u: Floats) -> float:
    """The bound that u proves, rounded up."""
    unit = dot(wanted, u)
    return float((dot(held, u) + most_profit(u, pools, unit, 0.0)) / unit * (1 + MARGIN))


@compiled
def relax(
    pools: Arrays,
    units: Units,
    state: States,
    held: Floats,
    wanted: Floats,
    start: Floats,
    blurs: Floats,
    faint: float,
    enough: float,
) -> Relaxed:
    """The least bound found on the supports that a state allows; -inf where it allows none.

    Args:
        faint: share of liquidity without fee at the first descent.
        enough: a bound below which no better one is looked for.
    """
    few, columns = picked(pools, units, state, (held != 0) | (wanted > 0))
    some_held, some_wanted = held[columns], wanted[columns]
    paid = np.sum(units.cost[state == PAID])
    fits, _ = reachable(few, some_held, some_wanted)
    if not fits:
        return Relaxed(-np.inf, start, np.zeros(len(units.cost)), 0.0)
    u = start[columns] / dot(some_wanted, start[columns])
    best, best_u, residual = proven(few, some_held, some_wanted, u), u, np.inf
    for k in range(len(blurs)):
        u, residual, _, _ = descend(
            few, some_held, some_wanted, u, blurs[k], faint if k == 0 else 0.0, STEPS, SETTLED, 0.0
        )
        new = proven(few, some_held, some_wanted, u)
        if new < best:
            best, best_u = new, u
        if best - paid < enough:
            break
    prices = start.copy()
    prices[columns] = best_u
    return Relaxed(best - paid, prices, surpluses(pools, units, prices), residual)
