"""From the pools' trades to swaps in an order that can be executed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, expm1, inf, log1p

import networkx as nx

from router.fixed_point import WAD
from router.optimiser.dual import PoolTrade, Solution
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.tokens import Address

SHORT = 1e-9
"""How much of an amount may be missing when a swap is placed: what floats lose."""
LEAST_PART = 0.02
"""Of a leg: the least that it is split for."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One swap before its amount is an integer. Amounts are raw units, as floats."""

    pool: Pool
    token_in: Address
    token_out: Address
    amount_in: float
    amount_out: float


@lru_cache(maxsize=8)
def legs_of(solution: Solution) -> tuple[Leg, ...]:
    """One leg per pool and direction; a pool that trades several tokens at once becomes swaps of pairs."""
    names = solution.market.book.tokens
    legs: list[Leg] = []
    for trade in solution.trades():
        tokens = [names[token] for token in trade.tokens]
        if isinstance(trade.pool, BalancerV2WeightedPool):
            legs += _pairs(trade.pool, tokens, trade)
        else:
            (paid, got), (token_in, token_out) = trade.gains, tokens
            legs.append(Leg(trade.pool, token_in, token_out, -paid, got))
    return tuple(legs)


@dataclass(slots=True)
class _Side:
    """One token's part of a joint trade: raw units; what it moves in all and has moved so far, in weighted
    logarithms of its balance; what swaps so far would take of it, in parts of its balance."""

    token: Address
    balance: float
    weight: float
    amount: float
    total: float
    moved: float = 0.0
    needed: float = 0.0

    @property
    def left(self) -> float:
        return self.total - self.moved


def _pairs(pool: BalancerV2WeightedPool, tokens: Sequence[Address], trade: PoolTrade) -> list[Leg]:
    """The joint trade as swaps of pairs. In weighted logarithms of the balances what comes in equals what
    goes out, and each swap moves some of one to the other, the largest first.

    The fee of each swap stays in the pool, so that moving all would take more than comes in. What is short is
    short of every swap alike.
    """
    keep = 1 - pool.swap_fee_wad / WAD
    ins, outs = [], []
    for token, gain in zip(tokens, trade.gains, strict=True):
        place = pool.tokens.index(token)
        balance, weight = float(pool.balances[place]), pool.weights[place] / WAD
        if gain < 0:
            ins.append(_Side(token, balance, weight, -gain, weight * log1p(-gain * keep / balance)))
        elif gain > 0:
            outs.append(_Side(token, balance, weight, gain, -weight * log1p(-gain / balance)))
    for sides in (ins, outs):
        sides.sort(key=lambda side: (-side.total, side.token))
    moves: list[tuple[_Side, _Side, float, float]] = []
    while ins and outs:
        source, sink = ins[0], outs[0]
        step = min(source.left, sink.left)
        if step > SHORT * source.total:
            needed = (1 + source.needed) * expm1(step / source.weight) / keep
            received = sink.balance * exp(-sink.moved / sink.weight) * -expm1(-step / sink.weight)
            moves.append((source, sink, needed, received))
            source.needed += needed
        for sides, side in ((ins, source), (outs, sink)):
            side.moved += step
            if side.left <= SHORT * side.total:
                sides.pop(0)
    return [
        Leg(pool, source.token, sink.token, source.amount * (needed / source.needed), received)
        for source, sink, needed, received in moves
    ]


@dataclass(frozen=True, slots=True)
class Order:
    """Legs in execution order, and those that can't be placed because each waits for another."""

    legs: tuple[Leg, ...]
    stuck: tuple[Leg, ...]


def ordered(legs: Sequence[Leg], funds: Mapping[Address, float], parts: int = 0) -> Order:
    """An order in which every leg finds its amount: funds and what earlier legs have paid.

    A token whose inflows are all in comes first, with all of its legs. Where none is, tokens are in a circle:
    of the legs that stay in it the one that needs the smallest part of what is there comes first, and those
    that lead out of it wait, so that what is there goes around.

    Args:
        parts: how many times, at most, a leg of which no other can be placed may be split, the first part
            taking all that is there.
    """
    outgoing: dict[Address, list[Leg]] = defaultdict(list)
    inflows: dict[Address, int] = defaultdict(int)
    for leg in legs:
        outgoing[leg.token_in].append(leg)
        inflows[leg.token_out] += 1
    there: dict[Address, float] = defaultdict(float, funds)
    placed: list[Leg] = []
    waiting = sorted(outgoing)

    def place(leg: Leg) -> None:
        placed.append(leg)
        outgoing[leg.token_in].remove(leg)
        there[leg.token_in] -= leg.amount_in
        there[leg.token_out] += leg.amount_out
        inflows[leg.token_out] -= 1

    while waiting:
        ready = next((token for token in waiting if not inflows[token]), None)
        if ready is not None:
            for leg in list(outgoing[ready]):
                place(leg)
        else:
            left = [leg for token in waiting for leg in outgoing[token]]
            need, leg = _easiest(_around(left), there)
            if need > 1 + SHORT and parts and need * LEAST_PART <= 1:
                parts -= 1
                first, rest = _split(leg, 1 / need)
                outgoing[leg.token_in].remove(leg)
                outgoing[leg.token_in] += [first, rest]
                inflows[leg.token_out] += 1
                leg = first
            elif need > 1 + SHORT:
                need, leg = _easiest(left, there)
                if need > 1 + SHORT:
                    break
            place(leg)
        waiting = [token for token in waiting if outgoing[token]]
    return Order(tuple(placed), tuple(leg for token in waiting for leg in outgoing[token]))


def _easiest(legs: Sequence[Leg], there: Mapping[Address, float]) -> tuple[float, Leg]:
    """The leg that needs the smallest part of what is there, and that part."""
    needs = [leg.amount_in / there[leg.token_in] if there[leg.token_in] > 0 else inf for leg in legs]
    first = min(
        range(len(legs)),
        key=lambda k: (needs[k], legs[k].token_in, legs[k].pool.address, legs[k].token_out, k),
    )
    return needs[first], legs[first]


def _around(legs: Sequence[Leg]) -> list[Leg]:
    """Of legs all of whose tokens wait for others, those whose token comes back to them."""
    graph = nx.DiGraph((leg.token_in, leg.token_out) for leg in legs)
    part = {token: k for k, tokens in enumerate(nx.strongly_connected_components(graph)) for token in tokens}
    return [leg for leg in legs if part[leg.token_in] == part[leg.token_out]]


def _split(leg: Leg, share: float) -> tuple[Leg, Leg]:
    """A part of a leg and the rest, at the same price."""
    first, rest = (
        replace(leg, amount_in=leg.amount_in * part, amount_out=leg.amount_out * part)
        for part in (share, 1 - share)
    )
    return first, rest
