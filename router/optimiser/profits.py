"""What all pools together earn at given token prices, never understated: the sum that a bound is made of."""

from __future__ import annotations

from math import exp, expm1, log, sqrt

import numpy as np

from router.optimiser.arrays import Arrays, Floats
from router.optimiser.compiled import compiled, inner
from router.optimiser.kernels import MOST_TOKENS, basin_level, basin_move, ladder_trade
from router.optimiser.pairwise import ROUND_OFF, pairwise_profit


@inner
def most_after_ticks(
    ratio: float,
    u_in: float,
    u_out: float,
    begin: int,
    end: int,
    cap: float,
    keep: float,
    tick_cost: float,
    sunk: int,
    edges: Floats,
    liquidity: Floats,
    paid: Floats,
    got: Floats,
) -> float:
    """The most that one ladder earns where each edge that is crossed but the first `sunk` costs `tick_cost`;
    never understated."""
    spent, taken, _ = ladder_trade(ratio, begin, end, cap, edges, liquidity, paid, got)
    received, given = u_out * taken, u_in * spent / keep
    most = received - given + ROUND_OFF * (received + given)
    if tick_cost <= 0:
        return most
    target, crossed, best = min(sqrt(ratio), cap), -sunk, 0.0
    for e in range(begin + 1, end):
        if edges[e] > target:
            break
        received, given = u_out * got[e], u_in * paid[e] / keep
        best = max(best, received - given + ROUND_OFF * (received + given) - max(crossed, 0) * tick_cost)
        crossed += 1
    return max(best, most - max(crossed, 0) * tick_cost)


@compiled
def most_profit(u: Floats, pools: Arrays, unit: float, pairwise: bool | np.bool_) -> float:
    """The sum over all pools of profit less cost, where positive, never understated.

    Args:
        unit: value at u of one numeraire unit, in which costs are paid.
        pairwise: whether basins trade in swaps of pairs, as programs do, not jointly, as the descent assumes.
    """
    sold, bought, keep, cap, cost = pools.sold, pools.bought, pools.keep, pools.cap, pools.cost
    floor, first, edges, liquidity = pools.floor, pools.first, pools.edges, pools.liquidity
    before, yielded, tick, sunk = pools.paid, pools.got, pools.tick, pools.sunk
    total, depths, worths = 0.0, np.empty(MOST_TOKENS), np.empty(MOST_TOKENS)
    for k in range(len(sold)):
        u_in, u_out = u[sold[k]], u[bought[k]]
        if u_out * keep[k] > u_in * floor[k]:
            profit = most_after_ticks(
                u_out * keep[k] / u_in,
                u_in,
                u_out,
                first[k],
                first[k + 1] - 1,
                cap[k],
                keep[k],
                tick[k] * unit,
                sunk[k],
                edges,
                liquidity,
                before,
                yielded,
            )
            total += max(0.0, profit - cost[k] * unit)
    start, keeps, costs, token = pools.start, pools.basin_keep, pools.basin_cost, pools.token
    value, weight, low, high = pools.value, pools.weight, pools.low, pools.high
    for b in range(len(keeps)):
        begin, end = start[b], start[b + 1]
        trades, level, slack = basin_level(begin, end, keeps[b], u, token, value, weight, low, high, depths)
        if not trades:
            continue
        fee, size, taken = log(keeps[b]), exp(level), 0
        profit = size * slack
        for e in range(begin, end):
            worth, depth = u[token[e]] * value[e], depths[e - begin]
            worths[e - begin] = worth
            down, up = level - depth, level + fee - depth
            change, _, paid = basin_move(level, fee, depth, low[e], high[e])
            taken += change < 0
            gain = -worth * expm1(change) / (keeps[b] if paid else 1.0)
            profit += gain + ROUND_OFF * (abs(gain) + size * weight[e] * (abs(down) + abs(up)))
        if pairwise and taken > 1:
            count = end - begin
            in_pairs = pairwise_profit(
                keeps[b],
                level,
                worths[:count],
                weight[begin:end],
                low[begin:end],
                high[begin:end],
                depths[:count],
            )
            profit = min(profit, in_pairs)
        total += max(0.0, profit - costs[b] * unit)
    return total
