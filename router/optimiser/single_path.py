"""The best single path for a given amount, net of the costs of its pools: what a plan over many pools must
never fall short of, and where a search for better ones can start.

Amounts are in value units. A label is an amount of a token that some walk arrives with, and what the pools on
it cost; of a token's labels after a number of hops only those are kept that no other beats in both.
"""

from __future__ import annotations

from math import expm1, log1p
from typing import NamedTuple

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Ints
from router.optimiser.compiled import compiled, inner
from router.optimiser.units import Units

HOPS = 4
LABELS = 6
"""Labels kept per token and number of hops: sums of up to HOPS costs differ little from one another."""


class Labels(NamedTuple):
    """By number of hops, token and rank: amount (-1 where there is none), cost, and the hop that led there:
    unit, token before, rank there."""

    amount: Floats
    cost: Floats
    unit: Ints
    before: Ints
    rank: Ints


@inner
def ladder_out(k: int, amount: float, pools: Arrays) -> float:
    """What a ladder pays for an amount in, fee included; -1 where it cannot take as much."""
    begin, end = pools.first[k], pools.first[k + 1] - 1
    paid = amount * pools.keep[k]
    low, high = begin, end
    while high - low > 1:
        middle = (low + high) // 2
        if pools.paid[middle] <= paid:
            low = middle
        else:
            high = middle
    if pools.liquidity[low] <= 0:
        return -1.0
    edge = pools.edges[low]
    target = edge + (paid - pools.paid[low]) / pools.liquidity[low]
    if target > min(pools.cap[k], pools.edges[end]):
        return -1.0
    return float(pools.got[low] + pools.liquidity[low] * (target - edge) / (edge * target))


@inner
def basin_out(b: int, sold: int, bought: int, amount: float, pools: Arrays) -> float:
    """The same for a basin; `sold` and `bought` are entries."""
    up = log1p(amount * pools.basin_keep[b] / pools.value[sold])
    down = -up * pools.weight[sold] / pools.weight[bought]
    if up > pools.high[sold] or down < pools.low[bought]:
        return -1.0
    return float(-pools.value[bought] * expm1(down))


@inner
def _visited(labels: Labels, hop: int, token: int, rank: int, sought: int) -> bool:
    while True:
        if token == sought:
            return True
        if hop == 0:
            return False
        token, rank = labels.before[hop, token, rank], labels.rank[hop, token, rank]
        hop -= 1


@inner
def _arrived(labels: Labels, hop: int, token: int) -> bool:
    """Whether some walk of so many hops ends at a token."""
    arrived = False
    for rank in range(LABELS):
        arrived |= labels.amount[hop, token, rank] > 0
    return arrived


@inner
def _keep(labels: Labels, hop: int, token: int, new: tuple[float, float, int, int, int]) -> None:
    """Adds a label unless another one is better; drops the worst where there are too many."""
    amount, cost, unit, before, rank = new
    slot, worst = -1, np.inf
    for r in range(LABELS):
        other, price = labels.amount[hop, token, r], labels.cost[hop, token, r]
        if other >= amount and price <= cost:
            return
        if other < 0 or (other <= amount and price >= cost):
            slot, worst = r, -np.inf
        elif other - price < worst:
            slot, worst = r, other - price
    if worst > amount - cost:
        return
    for r in range(LABELS):
        if labels.amount[hop, token, r] <= amount and labels.cost[hop, token, r] >= cost:
            labels.amount[hop, token, r] = -1.0
    labels.amount[hop, token, slot], labels.cost[hop, token, slot] = amount, cost
    labels.unit[hop, token, slot], labels.before[hop, token, slot] = unit, before
    labels.rank[hop, token, slot] = rank


@inner
def _step(
    labels: Labels, hop: int, sold: int, bought: int, unit: int, cost: float, at: Ints, pools: Arrays
) -> None:
    """`at`: the ladder alone, or the basin and its two entries."""
    for rank in range(LABELS):
        amount = labels.amount[hop, sold, rank]
        if amount <= 0 or _visited(labels, hop, sold, rank, bought):
            continue
        one = at[1] < 0
        got = ladder_out(at[0], amount, pools) if one else basin_out(at[0], at[1], at[2], amount, pools)
        if got > 0:
            total = labels.cost[hop, sold, rank] + cost
            _keep(labels, hop + 1, bought, (got, total, unit, sold, rank))


@compiled
def spread(pools: Arrays, units: Units, source: int, amount: float, columns: int) -> Labels:
    """All tokens that an amount of one reaches, and how."""
    shape = (HOPS + 1, columns, LABELS)
    labels = Labels(
        np.full(shape, -1.0),
        np.zeros(shape),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
    )
    labels.amount[0, source, 0] = amount
    at = np.full(3, -1, np.int64)
    for hop in range(HOPS):
        for k in range(len(pools.sold)):
            if _arrived(labels, hop, pools.sold[k]):
                at[0], at[1] = k, -1
                unit = units.ladder[k]
                _step(labels, hop, pools.sold[k], pools.bought[k], unit, units.cost[unit], at, pools)
        for b in range(len(pools.basin_keep)):
            unit = units.basin[b]
            for e in range(pools.start[b], pools.start[b + 1]):
                if not _arrived(labels, hop, pools.token[e]):
                    continue
                for f in range(pools.start[b], pools.start[b + 1]):
                    if e != f:
                        at[0], at[1], at[2] = b, e, f
                        _step(labels, hop, pools.token[e], pools.token[f], unit, units.cost[unit], at, pools)
    return labels


@compiled
def path_to(labels: Labels, target: int) -> tuple[float, Ints]:
    """(amount less costs of the best walk to a token, its units); -inf where there is none."""
    best, hop, rank = -np.inf, 0, 0
    for h in range(labels.amount.shape[0]):
        for r in range(labels.amount.shape[2]):
            amount = labels.amount[h, target, r]
            if amount > 0 and amount - labels.cost[h, target, r] > best:
                best, hop, rank = amount - labels.cost[h, target, r], h, r
    path = np.empty(hop, np.int64)
    token = target
    for h in range(hop, 0, -1):
        path[h - 1] = labels.unit[h, token, rank]
        token, rank = labels.before[h, token, rank], labels.rank[h, token, rank]
    return best, path
