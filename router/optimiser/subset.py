"""Some of a market's pools at a time: their optimum net of fixed costs, and a bound on every optimum.

A *unit* is what is paid for once: a pool with all its ladders, or its basin. A *state* says of every unit
whether it is left out, may be used at its cost, or is paid for whether used or not.

For any positive prices u at which a unit of the target costs 1,

    value less costs <= u . held - costs paid for + sum over units of max(0, profit at u - cost)

where the sum has no cost for units that are paid for already, and nothing for those left out.

Source: Angeris et al. 2022 (arXiv 2204.05238) for the dual; Diamandis and Angeris 2024 for fixed costs.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from router.optimiser.compiled import compiled, inner
from router.optimiser.kernels import Arrays, Floats, Ints, respond
from router.optimiser.laplacian import dot
from router.optimiser.market import Flags, Market
from router.optimiser.newton import descend, empty_response
from router.optimiser.profits import most_profit

States = npt.NDArray[np.int8]
_Numbers = TypeVar("_Numbers", Floats, Ints)

OUT, FREE, PAID = np.int8(0), np.int8(1), np.int8(2)
STEPS, MORE_STEPS = np.int64(60), np.int64(300)
"""Of a type: numba would compile the descent again for each number that it can read."""
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
    pools: Arrays, units: Units, ladders: Ints, basins: Ints, ends: Flags, costs: Floats
) -> tuple[Arrays, Ints]:
    """(some of the pools, the columns that they and the ends touch).

    Args:
        costs: by unit, what using it costs.
    """
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
    few = Arrays(
        sold=some_of(place, some_of(sold, ladders)),
        bought=some_of(place, some_of(bought, ladders)),
        keep=some_of(pools.keep, ladders),
        cap=some_of(pools.cap, ladders),
        cost=some_of(costs, some_of(units.ladder, ladders)),
        floor=some_of(pools.floor, ladders),
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


@inner
def _root(parent: Ints, column: int) -> int:
    while parent[column] != column:
        parent[column] = parent[parent[column]]
        column = parent[column]
    return column


@compiled
def components(pools: Arrays, columns: int) -> Ints:
    """By column, one column of all that the pools connect it with."""
    parent, sold, bought, start, token = (
        np.arange(columns),
        pools.sold,
        pools.bought,
        pools.start,
        pools.token,
    )
    for k in range(len(sold)):
        parent[_root(parent, sold[k])] = _root(parent, bought[k])
    for b in range(len(pools.basin_keep)):
        for e in range(start[b] + 1, start[b + 1]):
            parent[_root(parent, token[e])] = _root(parent, token[start[b]])
    for column in range(columns):
        parent[column] = _root(parent, column)
    return parent


@compiled
def reachable(pools: Arrays, held: Floats, wanted: Floats) -> tuple[bool, Flags]:
    """(whether every column in need is connected with one that has something to give, the columns that are
    connected with one in need)."""
    root, n = components(pools, len(held)), len(held)
    gives, needs, tied = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for i in range(n):
        gives[root[i]] |= held[i] > 0
        needs[root[i]] |= wanted[i] > 0 or held[i] < 0
    fits = True
    for i in range(n):
        tied[i] = needs[root[i]]
        if needs[i] and not gives[i]:
            fits = False
    return fits, tied


@compiled
def settle(
    pools: Arrays, units: Units, state: States, held: Floats, wanted: Floats, start: Floats
) -> Settled:
    """The optimum over the units of a state that are not left out. What is held of tokens that these units do
    not connect with the target stays where it is and counts for nothing.

    Args:
        start: prices near the optimum, where known.
    """
    count = len(units.cost)
    used, ladders, basins = np.zeros(count, np.bool_), in_use(units.ladder, state), in_use(units.basin, state)
    few, columns = picked(pools, units, ladders, basins, ends_of(held, wanted), np.zeros(count))
    some_held, some_wanted, begin = some_of(held, columns), some_of(wanted, columns), some_of(start, columns)
    fits, tied = reachable(few, some_held, some_wanted)
    if not fits:
        return Settled(-np.inf, 0.0, start, used)
    for i in range(len(columns)):
        if not tied[i]:
            some_held[i] = 0.0
    ghost, steps, residual = 0.0, STEPS, np.inf
    u, value = begin, 0.0
    for _ in range(2):
        u, residual, value, _ = descend(few, some_held, some_wanted, begin, 0.0, ghost, steps, TOLERANCE, 0.0)
        if residual <= FEASIBLE:
            break
        ghost, steps = 1.0, MORE_STEPS
    if not residual <= FEASIBLE:
        return Settled(-np.inf, 0.0, start, used)
    at, net = empty_response(few), np.empty(len(u))
    respond(u, few, 1.0, 0.0, 0.0, net, at)
    unmet, got, gain, sold, token = 0.0, at.got, at.gain, few.sold, few.token
    for i in range(len(u)):
        if tied[i]:
            unmet += abs(some_held[i] + net[i] / u[i] - value * some_wanted[i])
    if not unmet <= UNMET * value:
        return Settled(-np.inf, 0.0, start, used)
    for k in range(len(ladders)):
        if got[k] > 0 and tied[sold[k]]:
            used[units.ladder[ladders[k]]] = True
    for b in range(len(basins)):
        for e in range(few.start[b], few.start[b + 1]):
            if gain[e] != 0 and tied[token[e]]:
                used[units.basin[basins[b]]] = True
    prices, spent = start.copy(), 0.0
    for i in range(len(u)):
        prices[columns[i]] = u[i]
    for k in range(count):
        if used[k]:
            spent += units.cost[k]
    return Settled(value - spent, value, prices, used)


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


@inner
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
    count = len(units.cost)
    costs, paid = units.cost.copy(), 0.0
    for k in range(count):
        if state[k] == PAID:
            paid += costs[k]
            costs[k] = 0.0
    ladders, basins = in_use(units.ladder, state), in_use(units.basin, state)
    few, columns = picked(pools, units, ladders, basins, ends_of(held, wanted), costs)
    some_held, some_wanted, u = some_of(held, columns), some_of(wanted, columns), some_of(start, columns)
    fits, _ = reachable(few, some_held, some_wanted)
    if not fits:
        return Relaxed(-np.inf, start, np.zeros(count), 0.0)
    unit = dot(some_wanted, u)
    for i in range(len(u)):
        u[i] /= unit
    best, best_u, residual, new = np.inf, u, np.inf, 0.0
    for k in range(len(blurs) + 1):
        if k > 0:
            u, residual, _, _ = descend(
                few,
                some_held,
                some_wanted,
                u,
                blurs[k - 1],
                faint if k == 1 else 0.0,
                STEPS,
                SETTLED,
                0.0,
            )
        new = proven(few, some_held, some_wanted, u)
        if new < best:
            best, best_u = new, u
        if k > 0 and best - paid < enough:
            break
    prices = start.copy()
    for i in range(len(columns)):
        prices[columns[i]] = best_u[i]
    return Relaxed(best - paid, prices, surpluses(pools, units, prices), residual)
