"""Some of a market's pools at a time: their optimum net of fixed costs, and a bound on every optimum.

For any positive prices u at which a unit of the target costs 1,

    value less costs <= u . held - costs paid for + sum over pools of max(0, profit at u - cost)

where profit is net of the crossings that it takes, and there is no cost for what is paid for already, and
nothing for what is left out.

Source: Angeris et al. 2022 (arXiv 2204.05238) for the dual; Diamandis and Angeris 2024 for fixed costs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Ints
from router.optimiser.compiled import compiled, inner
from router.optimiser.kernels import respond, stepped_trade
from router.optimiser.laplacian import dot
from router.optimiser.market import Flags
from router.optimiser.newton import descend, empty_response
from router.optimiser.profits import most_profit
from router.optimiser.units import OUT, PAID, States, Units, ends_of, in_use, picked, some_of, stepped, within

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
JOINTLY = np.bool_(False)
"""Of a type, as STEPS."""
CROSSED = 1e-12
"""How much more than up to an edge, as a share of it, a ladder yields that has crossed the edge."""
MARGIN = 1e-12
"""What a bound is rounded up by for its sums of floats, as a share of itself."""


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
    few, columns = picked(pools, units, state, ladders, basins, ends_of(held, wanted), 0.0)
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
    begin_unit, yielded = units.crossing, few.got
    for k in range(len(ladders)):
        if got[k] > 0 and tied[sold[k]]:
            used[units.ladder[ladders[k]]] = True
            for c in range(begin_unit[ladders[k]], begin_unit[ladders[k] + 1]):
                edge = few.first[k] + 1 + c - begin_unit[ladders[k]]
                used[c] = state[c] != OUT and got[k] > yielded[edge] * (1 + CROSSED)
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
def surpluses(pools: Arrays, units: Units, state: States, u: Floats) -> Floats:
    """By unit, its profit at u: that of a crossing is what lies beyond it. What the state leaves out yields
    nothing, and what it has paid for is not paid for again."""
    surplus, net, at = np.zeros(len(units.cost)), np.empty(len(u)), empty_response(pools)
    cap, tick, sunk = stepped(pools, units, state, np.arange(len(pools.sold)), 1.0)
    respond(u, within(pools, cap, tick, sunk), 1.0, 0.0, 0.0, net, at)
    sold, bought, keep, first = pools.sold, pools.bought, pools.keep, pools.first
    got, profit, unit, crossing = at.got, at.profit, units.ladder, units.crossing
    for k in range(len(unit)):
        surplus[unit[k]] += profit[k]
        if got[k] > 0 and crossing[k + 1] > crossing[k]:
            stepped_trade(
                u[sold[k]],
                u[bought[k]],
                first[k],
                first[k + 1] - 1,
                cap[k],
                keep[k],
                tick[k],
                sunk[k],
                0.0,
                pools.edges,
                pools.liquidity,
                pools.paid,
                pools.got,
                surplus[crossing[k] : crossing[k + 1]],
            )
    for b in range(len(units.basin)):
        surplus[units.basin[b]] += profit[len(unit) + b]
    for k in range(len(surplus)):
        if state[k] == OUT:
            surplus[k] = 0.0
    return surplus


@inner
def proven(pools: Arrays, held: Floats, wanted: Floats, u: Floats) -> float:
    """The bound that u proves, rounded up."""
    unit = dot(wanted, u)
    return float((dot(held, u) + most_profit(u, pools, unit, JOINTLY)) / unit * (1 + MARGIN))


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
    paid = 0.0
    for k in range(count):
        if state[k] == PAID:
            paid += units.cost[k]
    ladders, basins = in_use(units.ladder, state), in_use(units.basin, state)
    few, columns = picked(pools, units, state, ladders, basins, ends_of(held, wanted), 1.0)
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
    return Relaxed(best - paid, prices, surpluses(pools, units, state, prices), residual)
