"""The most profitable trade of every pool at given token prices, all pools in one pass.

Everything is in value units: amounts times reference prices, token prices as multiples of them. `u` is the
multiple per token, so that all figures stay near one whatever the tokens' raw units are.
"""

from __future__ import annotations

from math import exp, expm1, log, sqrt

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Ints, Response
from router.optimiser.compiled import compiled, inner

LEVEL_STEPS = 60
LEVEL_ROUND_OFF = 1e-15
MOST_TOKENS = 8
NEAR = 4
"""Ranges that are looked through first."""


@inner
def ladder_trade(
    ratio: float,
    begin: int,
    end: int,
    cap: float,
    edges: Floats,
    liquidity: Floats,
    paid: Floats,
    got: Floats,
) -> tuple[float, float, float]:
    """(paid before the fee, got, liquidity over twice the root of the price where it ends) of one ladder.

    Args:
        ratio: of the prices of what is bought and sold, after the fee; more than the square of the first
            edge.
        begin, end: first and last entry of the ladder.
    """
    target = sqrt(ratio)
    limit = min(cap, edges[end])
    free = target < limit
    if not free:
        target = limit
    if not target > edges[begin]:
        return 0.0, 0.0, 0.0
    low, high = begin, min(begin + NEAR, end)
    if edges[high] <= target:
        low, high = high, end
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= target:
            low = middle
        else:
            high = middle
    edge, depth = edges[low], liquidity[low]
    width = target - edge
    stiffness = depth / (2 * target) if free else 0.0
    return paid[low] + depth * width, got[low] + depth * width / (edge * target), stiffness


@inner
def share_of(profit: float, cost: float, blur: float) -> tuple[float, float, float]:
    """max(0, profit - cost), bent to a parabola for the first `blur` of it: (value, slope, bend)."""
    over = profit - cost
    if over <= 0:
        return 0.0, 0.0, 0.0
    if over >= blur:
        return over - blur / 2, 1.0, 0.0
    return over * over / (2 * blur), over / blur, 1 / blur


@inner
def stepped_trade(
    u_in: float,
    u_out: float,
    begin: int,
    end: int,
    cap: float,
    keep: float,
    cost: float,
    sunk: int,
    blur: float,
    edges: Floats,
    liquidity: Floats,
    paid: Floats,
    got: Floats,
    beyond: Floats,
) -> tuple[float, float, float, float]:
    """(paid, got, stiffness in value at u, profit) of one ladder of which crossing an edge costs something.

    What lies beyond an edge counts as far as it earns more than the crossing, and what lies beyond the next
    edge is part of it: so the profit is the most that any number of crossings leaves.

    Args:
        cost: of one crossing, in value at u; the first `sunk` are free.
        blur: share of it over which what lies beyond fades in.
        beyond: set, for as many edges as it has room for, to the profit beyond each that is reached.
    """
    target, limit = sqrt(u_out * keep / u_in), min(cap, edges[end])
    free = target < limit
    target = min(target, limit)
    if not target > edges[begin]:
        return 0.0, 0.0, 0.0, 0.0
    last = begin
    while last + 1 < end and edges[last + 1] <= target:
        last += 1
    edge, depth = edges[last], liquidity[last]
    given = depth * (target - edge) / keep
    taken = depth * (target - edge) / (edge * target)
    stiffness = u_out * depth / (2 * target) if free else 0.0
    profit = u_out * taken - u_in * given
    for e in range(last, begin, -1):
        if e - begin <= len(beyond):
            beyond[e - begin - 1] = profit
        price = cost if e - begin > sunk else 0.0
        profit, share, bend = share_of(profit, price, blur * price)
        traded = u_out * taken
        stiffness = share * stiffness + bend * traded * traded
        more, extra = (paid[e] - paid[e - 1]) / keep, got[e] - got[e - 1]
        given, taken = share * given + more, share * taken + extra
        profit += u_out * extra - u_in * more
    return given, taken, stiffness, profit


@inner
def ghost_trade(
    ratio: float, keep: float, start: float, liquidity: float, ghost: float
) -> tuple[float, float, float]:
    """What a pool trades below the price where its fee is earned, smoothed: (paid, got, stiffness as in
    `ladder_trade`).

    From the price without fee up to where the ladder begins liquidity grows as ghost / (ghost + d), d being
    the share of the way still to go: so it joins the ladder's own without a jump, and all but vanishes as
    ghost does.
    """
    low = start * sqrt(keep)
    if not (ratio > low * low and low < start):
        return 0.0, 0.0, 0.0
    target = min(sqrt(ratio), start)
    width = start - low
    pole = start + ghost * width
    scale = liquidity * ghost * width
    grown = log((pole - low) / (pole - target))
    bought = (log(target / low) + grown) / pole + (target - low) / (low * target)
    stiffness = scale / (pole - target) / (2 * target) if target < start else 0.0
    return scale * grown / keep, scale * bought / pole, stiffness


@inner
def ghost_basin(
    begin: int,
    end: int,
    u: Floats,
    token: Ints,
    value: Floats,
    weight: Floats,
    ghost: float,
    net: Floats,
    ghosts: Floats,
) -> float:
    """The same for a basin, of entries `begin` to `end`: a share `ghost` of it, without fee. Adds to `net`,
    and returns the profit; `ghosts`, by entry, from `begin` on."""
    level = 0.0
    for e in range(begin, end):
        level += weight[e] * log(u[token[e]] * value[e] / weight[e])
    size = ghost * exp(level)
    total = 0.0
    for e in range(begin, end):
        added = ghost * u[token[e]] * value[e] - size * weight[e]
        net[token[e]] += added
        total += added
        ghosts[e - begin] = size * weight[e]
    return total


@inner
def basin_move(level: float, fee: float, depth: float, low: float, high: float) -> tuple[float, bool, bool]:
    """(change of the logarithm of one balance at a level, whether it follows the level, whether the pool is
    paid)."""
    down, up = level - depth, level + fee - depth
    if down < 0 and low < 0:
        return max(down, low), down > low, False
    if up > 0 and high > 0:
        return min(up, high), up < high, True
    return 0.0, False, False


@inner
def basin_level(
    begin: int,
    end: int,
    keep: float,
    u: Floats,
    token: Ints,
    value: Floats,
    weight: Floats,
    low: Floats,
    high: Floats,
    depth: Floats,
) -> tuple[bool, float, float]:
    """(whether the basin of entries `begin` to `end` trades, logarithm of the multiplier of its invariant,
    slack left by rounding). Sets `depth`, by entry, to the logarithm of value over weight."""
    count = end - begin
    fee = log(keep)
    below, above = np.inf, -np.inf
    buy, sell = -np.inf, np.inf
    for i in range(count):
        e = begin + i
        depth[i] = log(u[token[e]] * value[e] / weight[e])
        below, above = min(below, depth[i]), max(above, depth[i] - fee)
        if low[e] < 0:
            buy = max(buy, depth[i])
        if high[e] > 0:
            sell = min(sell, depth[i] - fee)
    if not buy > sell:
        return False, 0.0, 0.0
    level, slack = (buy + sell) / 2, 0.0
    for _ in range(LEVEL_STEPS):
        slack, slope = 0.0, 0.0
        for i in range(count):
            e = begin + i
            change, free, _ = basin_move(level, fee, depth[i], low[e], high[e])
            slack += weight[e] * change
            slope += weight[e] if free else 0.0
        if abs(slack) <= LEVEL_ROUND_OFF * max(1.0, abs(level)):
            break
        if slack < 0:
            below = level
        else:
            above = level
        new = level - slack / slope if slope > 0 else np.inf
        if not below < new < above:
            new = (below + above) / 2
        if new == level:
            break
        level = new
    return True, level, slack


@compiled
def respond(
    u: Floats, pools: Arrays, unit: float, blur: float, ghost: float, net: Floats, into: Response
) -> float:
    """Every pool's best trade at u: fills `into`, sets `net` to the value at u that the pools add per token,
    and returns the sum of what their profits exceed their costs by.

    Args:
        unit: value at u of one numeraire unit, in which costs are paid.
        blur: share of a cost over which a pool fades in.
        ghost: share of every pool's liquidity that trades without fee, so that none is without stiffness; 0
            is the truth.
    """
    net[:] = 0.0
    total = _respond_ladders(u, pools, unit, blur, ghost, net, into)
    return total + _respond_basins(u, pools, unit, blur, ghost, net, into)


@inner
def _respond_ladders(
    u: Floats, pools: Arrays, unit: float, blur: float, ghost: float, net: Floats, into: Response
) -> float:
    # Arrays are named once: reading them from the tuple for every pool costs forty times the rest.
    sold, bought, keep, cap, cost = pools.sold, pools.bought, pools.keep, pools.cap, pools.cost
    floor, first, edges, liquidity = pools.floor, pools.first, pools.edges, pools.liquidity
    before, yielded, tick, sunk = pools.paid, pools.got, pools.tick, pools.sunk
    paid, got, stiffness, ghosts = into.paid, into.got, into.stiffness, into.ghost
    nowhere = np.empty(0)
    profits, shares, bends = into.profit, into.share, into.bend
    total = 0.0
    for k in range(len(sold)):
        a, b = sold[k], bought[k]
        u_in, u_out = u[a], u[b]
        begin = first[k]
        paid[k], got[k], stiffness[k], ghosts[k] = 0.0, 0.0, 0.0, 0.0
        profits[k], shares[k], bends[k] = 0.0, 0.0, 0.0
        if ghost > 0 and u_out > u_in * floor[k]:
            given, taken, stiff = ghost_trade(
                u_out * keep[k] / u_in, keep[k], edges[begin], liquidity[begin], ghost
            )
            ghosts[k] = u_out * stiff
            net[b] += u_out * taken
            net[a] -= u_in * given
            total += u_out * taken - u_in * given
        if u_out * keep[k] > u_in * floor[k]:
            end = first[k + 1] - 1
            if tick[k] > 0:
                given, taken, stiff, profit = stepped_trade(
                    u_in,
                    u_out,
                    begin,
                    end,
                    cap[k],
                    keep[k],
                    tick[k] * unit,
                    sunk[k],
                    blur,
                    edges,
                    liquidity,
                    before,
                    yielded,
                    nowhere,
                )
            else:
                given, taken, stiff = ladder_trade(
                    u_out * keep[k] / u_in, begin, end, cap[k], edges, liquidity, before, yielded
                )
                given, stiff = given / keep[k], u_out * stiff
                profit = u_out * taken - u_in * given
            price = cost[k] * unit
            over, share, bend = share_of(profit, price, blur * price)
            total += over
            paid[k], got[k], stiffness[k] = given, taken, stiff
            profits[k], shares[k], bends[k] = profit, share, bend
            net[b] += share * u_out * taken
            net[a] -= share * u_in * given
    return total


@inner
def _respond_basins(
    u: Floats, pools: Arrays, unit: float, blur: float, ghost: float, net: Floats, into: Response
) -> float:
    start, keeps, costs, token = pools.start, pools.basin_keep, pools.basin_cost, pools.token
    value, weight, low, high = pools.value, pools.weight, pools.low, pools.high
    gain, pull, ghosts = into.gain, into.pull, into.ghost
    profits, shares, bends = into.profit, into.share, into.bend
    total, ladders, depths = 0.0, len(pools.sold), np.empty(MOST_TOKENS)
    for b in range(len(keeps)):
        begin, end, keep = start[b], start[b + 1], keeps[b]
        for e in range(begin, end):
            gain[e], pull[e], ghosts[ladders + e] = 0.0, 0.0, 0.0
        profits[ladders + b], shares[ladders + b], bends[ladders + b] = 0.0, 0.0, 0.0
        if ghost > 0:
            total += ghost_basin(
                begin, end, u, token, value, weight, ghost, net, ghosts[ladders + begin : ladders + end]
            )
        trades, level, slack = basin_level(begin, end, keep, u, token, value, weight, low, high, depths)
        if not trades:
            continue
        fee, size = log(keep), exp(level)
        profit = size * slack
        for e in range(begin, end):
            change, free, paid = basin_move(level, fee, depths[e - begin], low[e], high[e])
            gain[e] = -value[e] * expm1(change)
            if paid:
                gain[e] /= keep
            pull[e] = size * weight[e] if free else 0.0
            profit += u[token[e]] * gain[e]
        cost = costs[b] * unit
        over, share, bend = share_of(profit, cost, blur * cost)
        total += over
        profits[ladders + b], shares[ladders + b], bends[ladders + b] = profit, share, bend
        for e in range(begin, end):
            net[token[e]] += share * u[token[e]] * gain[e]
    return total
