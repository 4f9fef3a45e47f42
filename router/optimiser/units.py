"""What is paid for once, and which of it is in use.

A *unit* is a pool, with all its ladders or its basin, or the crossing of one edge of a ladder, which has to
be behind it before the next one. A *state* says of every unit whether it is left out, may be used at its
cost, or is paid for whether used or not. A state is closed where nothing is in use whose unit above is left
out, and nothing paid for whose unit above is not.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from router.optimiser.arrays import Arrays, Floats, Ints
from router.optimiser.compiled import compiled, inner
from router.optimiser.market import Flags, Market

States = npt.NDArray[np.int8]
_Numbers = TypeVar("_Numbers", Floats, Ints)

OUT, FREE, PAID = np.int8(0), np.int8(1), np.int8(2)


class Units(NamedTuple):
    """Pools first, by place in the book; then crossings, by ladder and edge.

    Attributes:
        ladder, basin: unit of the pool of each ladder, and of each basin, of a market.
        crossing: of ladder k, crossing[k] to crossing[k + 1]; edges beyond have no unit.
        pool: by unit, the pool's.
        above: by unit, the one that must be used first; -1 for pools.
        cost: numeraire units.
    """

    ladder: Ints
    basin: Ints
    crossing: Ints
    pool: Ints
    above: Ints
    cost: Floats


def units_of(market: Market, reach: Ints) -> Units:
    """Args:
    reach: by ladder of the book, how many crossings get a unit.
    """
    book, terms, count = market.book, market.terms, len(market.ladders)
    pools = np.concatenate([book.ladder_pool[market.ladders], book.basin_pool[market.basins]])
    distinct, unit = np.unique(pools, return_inverse=True)
    unit = unit.astype(np.int64)
    crossings = np.minimum(reach, _most_crossings(market))[market.ladders]
    crossing = len(distinct) + np.concatenate([[0], np.cumsum(crossings)])
    ladder = np.repeat(np.arange(count), crossings)
    above = np.arange(len(ladder)) + len(distinct) - 1
    first = crossing[:-1][crossings > 0] - len(distinct)
    above[first] = unit[:count][crossings > 0]
    return Units(
        unit[:count],
        unit[count:],
        crossing.astype(np.int64),
        np.concatenate([np.arange(len(distinct)), unit[ladder]]),
        np.concatenate([np.full(len(distinct), -1), above]),
        np.concatenate([terms.costs[distinct], np.full(len(ladder), terms.tick_cost)]),
    )


def _most_crossings(market: Market) -> Ints:
    """By ladder of the book, the edges within it, as far as the terms let it go; none where they are free."""
    book, terms = market.book, market.terms
    inner_edges: Ints = np.maximum(np.diff(book.first) - 2, 0)
    if not terms.tick_cost > 0:
        return np.zeros_like(inner_edges)
    return inner_edges if terms.crossings is None else np.minimum(inner_edges, terms.crossings)


@compiled
def reached(pools: Arrays, u: Floats, beyond: float) -> Ints:
    """By ladder, the edges that it crosses at u, or would if its price went farther by this share."""
    sold, bought, keep, first, edges = pools.sold, pools.bought, pools.keep, pools.first, pools.edges
    found = np.zeros(len(sold), np.int64)
    for k in range(len(sold)):
        target = min(np.sqrt(u[bought[k]] * keep[k] / u[sold[k]]) * (1 + beyond), pools.cap[k])
        for e in range(first[k] + 1, first[k + 1] - 1):
            if edges[e] > target:
                break
            found[k] += 1
    return found


@compiled
def closed(units: Units, state: States) -> States:
    """Without what lies below a unit that is left out; what lies above one that is paid for is."""
    above, result = units.above, state.copy()
    for k in range(len(result)):
        if above[k] >= 0 and result[above[k]] == OUT:
            result[k] = OUT
    for k in range(len(result) - 1, -1, -1):
        if above[k] >= 0 and result[k] == PAID:
            result[above[k]] = PAID
    return result


@compiled
def chosen_alone(units: Units, chosen: Flags) -> States:
    """Paid for: what is chosen, as far as everything above it is too; nothing else is in use."""
    above, state = units.above, np.full(len(chosen), OUT)
    for k in range(len(chosen)):
        if chosen[k] and (above[k] < 0 or state[above[k]] == PAID):
            state[k] = PAID
    return state


@inner
def some_of(values: _Numbers, places: Ints) -> _Numbers:
    found = np.empty(len(places), values.dtype)
    for k in range(len(places)):
        found[k] = values[places[k]]
    return found


@inner
def in_use(unit: Ints, state: States) -> Ints:
    """Ladders, or basins, whose unit is not left out."""
    found, count = np.empty(len(unit), np.int64), 0
    for k in range(len(unit)):
        if state[unit[k]] != OUT:
            found[count] = k
            count += 1
    return found[:count].copy()


@inner
def ends_of(held: Floats, wanted: Floats) -> Flags:
    """Columns that are held or wanted."""
    ends = np.empty(len(held), np.bool_)
    for i in range(len(held)):
        ends[i] = held[i] != 0 or wanted[i] > 0
    return ends


@inner
def picked(
    pools: Arrays, units: Units, state: States, ladders: Ints, basins: Ints, ends: Flags, share: float
) -> tuple[Arrays, Ints]:
    """(some of the pools, the columns that they and the ends touch).

    Args:
        share: of its cost that what is not paid for costs.
    """
    costs = np.zeros(len(units.cost))
    for k in range(len(costs)):
        if state[k] != PAID:
            costs[k] = share * units.cost[k]
    touched, start, sold, bought, token = ends, pools.start, pools.sold, pools.bought, pools.token
    for k in ladders:
        touched[sold[k]] = True
        touched[bought[k]] = True
    for b in basins:
        for e in range(start[b], start[b + 1]):
            touched[token[e]] = True
    place, columns, count = np.empty(len(touched), np.int64), np.empty(len(touched), np.int64), 0
    for i in range(len(touched)):
        if touched[i]:
            place[i], columns[count] = count, i
            count += 1
    few_first, edge = _rows(pools.first, ladders)
    few_start, entry = _rows(start, basins)
    cap, tick, sunk = stepped(pools, units, state, ladders, share)
    few = Arrays(
        sold=some_of(place, some_of(sold, ladders)),
        bought=some_of(place, some_of(bought, ladders)),
        keep=some_of(pools.keep, ladders),
        cap=cap,
        cost=some_of(costs, some_of(units.ladder, ladders)),
        floor=some_of(pools.floor, ladders),
        tick=tick,
        sunk=sunk,
        first=few_first,
        edges=some_of(pools.edges, edge),
        liquidity=some_of(pools.liquidity, edge),
        paid=some_of(pools.paid, edge),
        got=some_of(pools.got, edge),
        start=few_start,
        basin_keep=some_of(pools.basin_keep, basins),
        basin_cost=some_of(costs, some_of(units.basin, basins)),
        token=some_of(place, some_of(token, entry)),
        value=some_of(pools.value, entry),
        weight=some_of(pools.weight, entry),
        low=some_of(pools.low, entry),
        high=some_of(pools.high, entry),
    )
    return few, columns[:count].copy()


@inner
def stepped(
    pools: Arrays, units: Units, state: States, ladders: Ints, share: float
) -> tuple[Floats, Floats, Ints]:
    """(cap, cost of a crossing, crossings that are paid for) of some ladders; `share` as in `picked`."""
    cap, tick = some_of(pools.cap, ladders), some_of(pools.tick, ladders)
    sunk, crossing, edges, first = np.zeros(len(ladders), np.int64), units.crossing, pools.edges, pools.first
    for k in range(len(ladders)):
        tick[k] *= share
        begin = crossing[ladders[k]]
        for c in range(begin, crossing[ladders[k] + 1]):
            if state[c] == OUT:
                cap[k] = min(cap[k], edges[first[ladders[k]] + 1 + c - begin])
                break
            if state[c] == PAID:
                sunk[k] = c - begin + 1
    return cap, tick, sunk


@inner
def within(pools: Arrays, cap: Floats, tick: Floats, sunk: Ints) -> Arrays:
    """The same pools with other steps; see `stepped`."""
    return Arrays(
        pools.sold,
        pools.bought,
        pools.keep,
        cap,
        pools.cost,
        pools.floor,
        tick,
        sunk,
        pools.first,
        pools.edges,
        pools.liquidity,
        pools.paid,
        pools.got,
        pools.start,
        pools.basin_keep,
        pools.basin_cost,
        pools.token,
        pools.value,
        pools.weight,
        pools.low,
        pools.high,
    )


@inner
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
