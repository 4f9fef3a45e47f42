"""Legs become steps: integer amounts, and who pays whom.

A leg's amount is a literal where the owner pays the pool directly or a loan is split, a share of what is in
the ledger where it depends on earlier swaps, and the remainder where nothing may be left; so a program
survives small moves of the pools, and leaves no dust.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from itertools import pairwise

from router.fixed_point import SHARE_ONE
from router.planner.flows import Leg
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.program import AmountMode, Payer, Pull, Recipient, Step, Swap
from router.tokens import Address

OWNER_PAID = frozenset({UniswapV2Pool.kind, UniswapV3Pool.kind})
"""Pools that the owner can pay directly."""


def swap_steps(
    legs: Sequence[Leg], sold: Mapping[Address, int], bought: Set[Address], borrowed: bool
) -> list[Step]:
    """Pulls and swaps.

    Args:
        legs: in execution order.
        sold: raw units of each token that come from the owner, or from a loan where `borrowed`.
        bought: tokens of which a part stays with the owner.
        borrowed: the sold tokens are already in the ledger.
    """
    outgoing: dict[Address, list[Leg]] = defaultdict(list)
    incoming: dict[Address, list[Leg]] = defaultdict(list)
    for leg in legs:
        outgoing[leg.token_in].append(leg)
        incoming[leg.token_out].append(leg)
    fed = _feeders(incoming, outgoing, bought | sold.keys())
    legs = _adjacent(legs, fed, outgoing)
    known: dict[int, list[Step]] = {}
    for token, going in outgoing.items():
        if token not in incoming:
            known |= _known(going, sold.get(token, 0), borrowed)
    steps: list[Step] = []
    ledger = {token: float(sold.get(token, 0)) for token in incoming}
    awaited = {token: len(coming) for token, coming in incoming.items()}
    left = {token: len(going) for token, going in outgoing.items()}
    for leg in legs:
        token = leg.token_in
        if id(leg) in known:
            found = known[id(leg)]
        else:
            if left[token] == len(outgoing[token]) and sold.get(token) and not borrowed:
                steps.append(Pull(token, sold[token]))
            keeps = left[token] > 1 or awaited[token] > 0 or token in bought
            found = _from_ledger(leg, ledger[token], keeps)
            ledger[token] -= leg.amount_in
        left[token] -= 1
        awaited[leg.token_out] -= 1
        if found:
            steps += found
            ledger[leg.token_out] += leg.amount_out
    steps = [_to_owner(step) if _is_final(step, outgoing) else step for step in steps]
    return _chain(steps, fed)


def _swap(leg: Leg, mode: AmountMode, amount: int = 0, payer: Payer = Payer.EXECUTOR) -> Swap:
    return swap_through(leg.pool, leg.token_in, leg.token_out, mode, amount, payer)


def swap_through(
    pool: Pool,
    token_in: Address,
    token_out: Address,
    mode: AmountMode,
    amount: int = 0,
    payer: Payer = Payer.EXECUTOR,
) -> Swap:
    """A swap with what its kind of pool has to carry."""
    swap = Swap(pool.kind, pool.address, token_in, token_out, mode, amount, payer)
    if isinstance(pool, UniswapV2Pool):
        return replace(swap, fee_pips=pool.fee_pips)
    if isinstance(pool, BalancerV2WeightedPool):
        return replace(swap, vault=pool.vault, pool_id=pool.pool_id)
    return swap


def _known(legs: Sequence[Leg], amount: int, borrowed: bool) -> dict[int, list[Step]]:
    """Splits a known amount over legs, the last taking what rounding leaves. The owner pays pools directly
    where they allow it; what the others need is borrowed, or pulled before the first of them."""
    total, left = sum(leg.amount_in for leg in legs), amount
    parts: list[int] = []
    for leg in legs[:-1]:
        parts.append(min(int(amount * (leg.amount_in / total)), left))
        left -= parts[-1]
    split = [(leg, part) for leg, part in zip(legs, [*parts, left], strict=True) if part]
    direct = {id(leg) for leg, _ in split if leg.pool.kind in OWNER_PAID and not borrowed}
    others = [(leg, part) for leg, part in split if id(leg) not in direct]
    steps: dict[int, list[Step]] = {id(leg): [] for leg in legs}
    for leg, part in split:
        if id(leg) in direct:
            steps[id(leg)] = [_swap(leg, AmountMode.LITERAL, part, Payer.OWNER)]
        elif leg is others[-1][0]:
            steps[id(leg)] = [_swap(leg, AmountMode.REMAINDER)]
        else:
            steps[id(leg)] = [_swap(leg, AmountMode.LITERAL, part)]
    if others and not borrowed:
        steps[id(others[0][0])].insert(0, Pull(legs[0].token_in, sum(part for _, part in others)))
    return steps


def _from_ledger(leg: Leg, balance: float, keeps: bool) -> list[Step]:
    """A share of what is there, or all of it where nothing has to stay; nothing of less than a raw unit."""
    if balance < 1 or min(leg.amount_in, leg.amount_out) < 1:
        return []
    if not keeps:
        return [_swap(leg, AmountMode.REMAINDER)]
    share = min(SHARE_ONE, int(leg.amount_in / balance * SHARE_ONE))
    return [_swap(leg, AmountMode.SHARE, share)] if share else []


def _is_final(step: Step, outgoing: Mapping[Address, Sequence[Leg]]) -> bool:
    return isinstance(step, Swap) and not outgoing.get(step.token_out)


def _to_owner(step: Step) -> Step:
    assert isinstance(step, Swap)
    return replace(step, recipient=Recipient.OWNER)


def _feeders(
    incoming: Mapping[Address, Sequence[Leg]],
    outgoing: Mapping[Address, Sequence[Leg]],
    kept: Set[Address],
) -> set[Address]:
    """Tokens that one leg brings and one Uniswap v2 leg takes whole: the first pool can pay the second."""
    return {
        token
        for token, going in outgoing.items()
        if len(going) == len(incoming.get(token, ())) == 1
        and token not in kept
        and going[0].pool.kind == UniswapV2Pool.kind
        and going[0].pool.address != incoming[token][0].pool.address
    }


def _adjacent(legs: Sequence[Leg], fed: Set[Address], outgoing: Mapping[Address, Sequence[Leg]]) -> list[Leg]:
    """The legs with each that is fed directly right behind its feeder."""
    found: list[Leg] = []
    for leg in legs:
        if leg.token_in in fed:
            continue
        found.append(leg)
        while found[-1].token_out in fed:
            found.append(outgoing[found[-1].token_out][0])
    return found


def _chain(steps: Sequence[Step], fed: Set[Address]) -> list[Step]:
    """Pools that feed another pay it."""
    chained = list(steps)
    for place, (step, after) in enumerate(pairwise(steps)):
        if isinstance(step, Swap) and isinstance(after, Swap) and step.token_out == after.token_in in fed:
            feeder = chained[place]
            assert isinstance(feeder, Swap)
            chained[place] = replace(feeder, recipient=Recipient.NEXT_POOL)
            chained[place + 1] = replace(after, payer=Payer.PREPAID)
    return chained
