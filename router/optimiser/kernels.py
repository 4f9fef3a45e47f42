"""The most profitable trade of every pool at given token prices, all pools in one pass.

Everything is in value units: amounts times reference prices, token prices as multiples of them. `u` is the
multiple per token, so that all figures stay near one whatever the tokens' raw units are.
"""

from __future__ import annotations

from math import exp, expm1, log, sqrt
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Function = TypeVar("_Function")

ROUND_OFF = 2e-14
"""What a profit may be understated by, as a share of what is paid and received for it."""
LEVEL_STEPS = 60


def compiled(function: _Function) -> _Function:
    """To machine code on the first call, which is kept on disk for the next process."""
    compiler: Any = numba.njit(cache=True, error_model="numpy", nogil=True)
    result: _Function = compiler(function)
    return result


class Arrays(NamedTuple):
    """The pools of a market, in value units; see `router.optimiser.book` for the two shapes.

    Ladder k: tokens `sold[k]`, `bought[k]`; entries first[k] to first[k + 1] of `edges`, `liquidity` (the
    last of each ladder is 0), `paid` and `got` (up to that edge, before the fee); `cap` is the farthest edge
    allowed, `cost` what using the pool costs. Basin b: entries start[b] to start[b + 1] of `token`, `value`
    (of the balance), `weight`, `low` and `high`: bounds on the logarithm of the balance's change, 0 where the
    token may not be bought, or sold.
    """

    sold: Ints
    bought: Ints
    keep: Floats
    cap: Floats
    cost: Floats
    first: Ints
    edges: Floats
    liquidity: Floats
    paid: Floats
    got: Floats
    start: Ints
    basin_keep: Floats
    basin_cost: Floats
    token: Ints
    value: Floats
    weight: Floats
    low: Floats
    high: Floats


class Response(NamedTuple):
    """What the pools do at some prices.

    Ladder k pays `paid[k]` and gets `got[k]`, reference values; `stiffness[k]` is the change of either, in
    value at u, per change of the logarithm of the price ratio. Basin entries: `gain` (reference value),
    `pull` (the weight in the level times the level; 0 for entries that do not respond). `profit` of ladders
    first, then of basins, in value at u. `ghost`: stiffness of ladders, then pull of basin entries, that the
    liquidity without fee adds. `share`: how much of the pool's trade counts, and `bend` how fast
    that grows with profit; 1 and 0 where gas is free.
    """

    paid: Floats
    got: Floats
    stiffness: Floats
    gain: Floats
    pull: Floats
    ghost: Floats
    profit: Floats
    share: Floats
    bend: Floats


@compiled
def ladder_trade(k: int, u: Floats, pools: Arrays) -> tuple[float, float, float]:
    """(paid with fee, got, stiffness) of one ladder."""
    begin, end = pools.first[k], pools.first[k + 1] - 1
    edges = pools.edges
    ratio = u[pools.bought[k]] * pools.keep[k] / u[pools.sold[k]]
    start = edges[begin]
    if not ratio > start * start:
        return 0.0, 0.0, 0.0
    target = sqrt(ratio)
    limit = min(pools.cap[k], edges[end])
    free = target < limit
    if not free:
        target = limit
        if not target > start:
            return 0.0, 0.0, 0.0
    low, high = begin, end
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= target:
            low = middle
        else:
            high = middle
    edge, liquidity = edges[low], pools.liquidity[low]
    paid = (pools.paid[low] + liquidity * (target - edge)) / pools.keep[k]
    got = pools.got[low] + liquidity * (target - edge) / (edge * target)
    stiffness = u[pools.bought[k]] * liquidity / (2 * target) if free else 0.0
    return paid, got, stiffness


@compiled
def ghost_trade(k: int, u: Floats, pools: Arrays, ghost: float) -> tuple[float, float, float]:
    """What a share `ghost` of the liquidity at the current price would trade without the fee, up to where
    the ladder itself begins: (paid, got, stiffness)."""
    begin = pools.first[k]
    start = pools.edges[begin]
    ratio = u[pools.bought[k]] * pools.keep[k] / u[pools.sold[k]]
    low = start * sqrt(pools.keep[k])
    if not ratio > low * low:
        return 0.0, 0.0, 0.0
    liquidity = ghost * pools.liquidity[begin]
    target = sqrt(ratio)
    if target >= start:
        return liquidity * (start - low) / pools.keep[k], liquidity * (start - low) / (low * start), 0.0
    return (
        liquidity * (target - low) / pools.keep[k],
        liquidity * (target - low) / (low * target),
        u[pools.bought[k]] * liquidity / (2 * target),
    )


@compiled
def ghost_basin(b: int, u: Floats, pools: Arrays, ghost: float, net: Floats, into: Response) -> float:
    """The same for a basin: a share `ghost` of it, without fee. Adds to `net`, and returns the profit."""
    level, ladders = 0.0, len(pools.sold)
    for e in range(pools.start[b], pools.start[b + 1]):
        level += pools.weight[e] * log(u[pools.token[e]] * pools.value[e] / pools.weight[e])
    size = ghost * exp(level)
    total = 0.0
    for e in range(pools.start[b], pools.start[b + 1]):
        added = ghost * u[pools.token[e]] * pools.value[e] - size * pools.weight[e]
        net[pools.token[e]] += added
        total += added
        into.ghost[ladders + e] = size * pools.weight[e]
    return total


@compiled
def basin_level(b: int, u: Floats, pools: Arrays) -> tuple[bool, float, float]:
    """(whether the basin trades, logarithm of the multiplier of its invariant, slack left by rounding)."""
    begin, end = pools.start[b], pools.start[b + 1]
    fee = log(pools.basin_keep[b])
    below, above = np.inf, -np.inf
    buy, sell = -np.inf, np.inf
    for e in range(begin, end):
        depth = log(u[pools.token[e]] * pools.value[e] / pools.weight[e])
        below, above = min(below, depth), max(above, depth - fee)
        if pools.low[e] < 0:
            buy = max(buy, depth)
        if pools.high[e] > 0:
            sell = min(sell, depth - fee)
    if not buy > sell:
        return False, 0.0, 0.0
    level, slack = (buy + sell) / 2, 0.0
    for _ in range(LEVEL_STEPS):
        slack, slope = 0.0, 0.0
        for e in range(begin, end):
            depth = log(u[pools.token[e]] * pools.value[e] / pools.weight[e])
            down, up = level - depth, level + fee - depth
            if down < 0 and pools.low[e] < 0:
                slack += pools.weight[e] * max(down, pools.low[e])
                slope += pools.weight[e] if down > pools.low[e] else 0.0
            elif up > 0 and pools.high[e] > 0:
                slack += pools.weight[e] * min(up, pools.high[e])
                slope += pools.weight[e] if up < pools.high[e] else 0.0
        if slack == 0.0:
            break
        if slack < 0:
            below = level
        else:
            above = level
        new = level - slack / slope if slope > 0 else np.inf
        if not below < new < above:
            new = (below + above) / 2
        if abs(new - level) <= 1e-16 * max(1.0, abs(level)):
            break
        level = new
    return True, level, slack


@compiled
def share_of(profit: float, cost: float, blur: float) -> tuple[float, float, float]:
    """max(0, profit - cost), bent to a parabola for the first `blur` of it: (value, slope, bend)."""
    over = profit - cost
    if over <= 0:
        return 0.0, 0.0, 0.0
    if over >= blur:
        return over - blur / 2, 1.0, 0.0
    return over * over / (2 * blur), over / blur, 1 / blur


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
    total = 0.0
    ladders = len(pools.sold)
    for k in range(ladders):
        paid, got, stiffness = ladder_trade(k, u, pools)
        into.paid[k], into.got[k], into.stiffness[k] = paid, got, stiffness
        into.profit[k], into.share[k], into.bend[k], into.ghost[k] = 0.0, 0.0, 0.0, 0.0
        sold, bought = pools.sold[k], pools.bought[k]
        if ghost > 0:
            paid_too, got_too, into.ghost[k] = ghost_trade(k, u, pools, ghost)
            net[bought] += u[bought] * got_too
            net[sold] -= u[sold] * paid_too
            total += u[bought] * got_too - u[sold] * paid_too
        if got > 0:
            cost = pools.cost[k] * unit
            profit = u[bought] * got - u[sold] * paid
            over, share, bend = share_of(profit, cost, blur * cost)
            total += over
            into.profit[k], into.share[k], into.bend[k] = profit, share, bend
            net[bought] += share * u[bought] * got
            net[sold] -= share * u[sold] * paid
    for b in range(len(pools.basin_keep)):
        begin, end = pools.start[b], pools.start[b + 1]
        for e in range(begin, end):
            into.gain[e], into.pull[e] = 0.0, 0.0
        into.profit[ladders + b], into.share[ladders + b], into.bend[ladders + b] = 0.0, 0.0, 0.0
        if ghost > 0:
            total += ghost_basin(b, u, pools, ghost, net, into)
        trades, level, slack = basin_level(b, u, pools)
        if not trades:
            continue
        keep = pools.basin_keep[b]
        fee, size = log(keep), exp(level)
        profit = size * slack
        for e in range(begin, end):
            at = u[pools.token[e]]
            depth = log(at * pools.value[e] / pools.weight[e])
            down, up = level - depth, level + fee - depth
            if down < 0 and pools.low[e] < 0:
                into.gain[e] = -pools.value[e] * expm1(max(down, pools.low[e]))
                into.pull[e] = size * pools.weight[e] if down > pools.low[e] else 0.0
            elif up > 0 and pools.high[e] > 0:
                into.gain[e] = -pools.value[e] * expm1(min(up, pools.high[e])) / keep
                into.pull[e] = size * pools.weight[e] if up < pools.high[e] else 0.0
            profit += at * into.gain[e]
        cost = pools.basin_cost[b] * unit
        over, share, bend = share_of(profit, cost, blur * cost)
        total += over
        into.profit[ladders + b], into.share[ladders + b], into.bend[ladders + b] = profit, share, bend
        for e in range(begin, end):
            net[pools.token[e]] += share * u[pools.token[e]] * into.gain[e]
    return total


@compiled
def most_profit(u: Floats, pools: Arrays, unit: float) -> float:
    """The sum over all pools of profit less cost, where positive, never understated."""
    total = 0.0
    for k in range(len(pools.sold)):
        paid, got, _ = ladder_trade(k, u, pools)
        if got > 0:
            received, given = u[pools.bought[k]] * got, u[pools.sold[k]] * paid
            profit = received - given + ROUND_OFF * (received + given)
            total += max(0.0, profit - pools.cost[k] * unit)
    for b in range(len(pools.basin_keep)):
        trades, level, slack = basin_level(b, u, pools)
        if not trades:
            continue
        keep = pools.basin_keep[b]
        fee, size = log(keep), exp(level)
        profit = size * slack
        for e in range(pools.start[b], pools.start[b + 1]):
            worth = u[pools.token[e]] * pools.value[e]
            depth = log(worth / pools.weight[e])
            down, up = level - depth, level + fee - depth
            gain = 0.0
            if down < 0 and pools.low[e] < 0:
                gain = -worth * expm1(max(down, pools.low[e]))
            elif up > 0 and pools.high[e] > 0:
                gain = -worth * expm1(min(up, pools.high[e])) / keep
            profit += gain + ROUND_OFF * (abs(gain) + size * pools.weight[e] * (abs(down) + abs(up)))
        total += max(0.0, profit - pools.basin_cost[b] * unit)
    return total
