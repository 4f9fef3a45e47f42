"""Flows become steps: an order, integer amounts, and who pays whom.

A token's first use is a literal amount where it comes from the owner or a loan, a share of what earlier
steps paid where it does not, and the remainder where nothing may be left; so a program survives small moves
of the pools, and leaves no dust.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from router.fixed_point import SHARE_ONE
from router.optimiser.market import Flow
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.program import AmountMode, Payer, Pull, Recipient, Step, Swap
from router.tokens import Address

OWNER_PAID = frozenset({UniswapV2Pool.kind, UniswapV3Pool.kind})
"""Pools that the owner can pay directly."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One swap before its amount is an integer. Amounts are raw units, as floats."""

    pool: Pool
    token_in: Address
    token_out: Address
    amount_in: float
    amount_out: float


def legs_of(flows: Sequence[Flow]) -> list[Leg]:
    """Flows in raw units, in the same order."""
    return [
        Leg(
            flow.edge.pool,
            flow.edge.token_in,
            flow.edge.token_out,
            flow.value_in / flow.edge.price_in,
            flow.value_out / flow.edge.price_out,
        )
        for flow in flows
    ]


def swap_steps(
    legs: Sequence[Leg], sold: Mapping[Address, int], bought: frozenset[Address], borrowed: bool
) -> list[Step]:
    """Pulls and swaps.

    Args:
        legs: in execution order; all legs out of one token are adjacent.
        sold: raw units of each token that come from the owner, or from a loan where `borrowed`.
        bought: tokens of which a part stays with the owner.
        borrowed: the sold tokens are already in the ledger.
    """
    outgoing: dict[Address, list[Leg]] = defaultdict(list)
    incoming: dict[Address, list[Leg]] = defaultdict(list)
    for leg in legs:
        outgoing[leg.token_in].append(leg)
        incoming[leg.token_out].append(leg)
    steps: list[Step] = []
    for token, going in outgoing.items():
        received = sum(leg.amount_out for leg in incoming[token])
        if received:
            steps += _from_ledger(token, going, received, sold.get(token, 0), token in bought, borrowed)
        elif borrowed:
            steps += _literals(going, sold[token], Payer.EXECUTOR)
        else:
            steps += _from_owner(token, going, sold[token])
    steps = [_to_owner(step) if _is_final(step, outgoing) else step for step in steps]
    return _chain(steps, incoming, outgoing, sold, bought)


def _swap(leg: Leg, mode: AmountMode, amount: int = 0, payer: Payer = Payer.EXECUTOR) -> Swap:
    pool = leg.pool
    swap = Swap(pool.kind, pool.address, leg.token_in, leg.token_out, mode, amount, payer)
    if isinstance(pool, UniswapV2Pool):
        return replace(swap, fee_pips=pool.fee_pips)
    if isinstance(pool, BalancerV2WeightedPool):
        return replace(swap, vault=pool.vault, pool_id=pool.pool_id)
    return swap


def _literals(legs: Sequence[Leg], amount: int, payer: Payer) -> list[Step]:
    """Splits a known amount over legs; the last takes what rounding leaves."""
    total = sum(leg.amount_in for leg in legs)
    left = amount
    steps: list[Step] = []
    for leg in legs[:-1]:
        part = min(int(amount * (leg.amount_in / total)), left)
        left -= part
        if part:
            steps.append(_swap(leg, AmountMode.LITERAL, part, payer))
    if left:
        last_mode = AmountMode.LITERAL if payer is Payer.OWNER else AmountMode.REMAINDER
        steps.append(_swap(legs[-1], last_mode, left if payer is Payer.OWNER else 0, payer))
    return steps


def _from_owner(token: Address, legs: Sequence[Leg], amount: int) -> list[Step]:
    """The owner pays pools directly where they allow it; what the others need is pulled."""
    direct = [leg for leg in legs if leg.pool.kind in OWNER_PAID]
    others = [leg for leg in legs if leg.pool.kind not in OWNER_PAID]
    if not others:
        return _literals(direct, amount, Payer.OWNER)
    needed = sum(leg.amount_in for leg in others)
    pulled = int(amount * (needed / (needed + sum(leg.amount_in for leg in direct)))) if direct else amount
    steps: list[Step] = [Pull(token, pulled), *_literals(others, pulled, Payer.EXECUTOR)]
    return steps + (_literals(direct, amount - pulled, Payer.OWNER) if direct else [])


def _from_ledger(
    token: Address, legs: Sequence[Leg], received: float, sold: int, keeps: bool, borrowed: bool
) -> list[Step]:
    """Shares of what earlier steps paid, together with what is pulled or borrowed."""
    steps: list[Step] = [Pull(token, sold)] if sold and not borrowed else []
    left = received + sold
    for place, leg in enumerate(legs):
        if place == len(legs) - 1 and not keeps:
            steps.append(_swap(leg, AmountMode.REMAINDER))
            break
        share = min(SHARE_ONE, int(leg.amount_in / left * SHARE_ONE))
        left -= leg.amount_in
        if share:
            steps.append(_swap(leg, AmountMode.SHARE, share))
    return steps


def _is_final(step: Step, outgoing: Mapping[Address, Sequence[Leg]]) -> bool:
    return isinstance(step, Swap) and not outgoing.get(step.token_out)


def _to_owner(step: Step) -> Step:
    assert isinstance(step, Swap)
    return replace(step, recipient=Recipient.OWNER)


def _chain(
    steps: Sequence[Step],
    incoming: Mapping[Address, Sequence[Leg]],
    outgoing: Mapping[Address, Sequence[Leg]],
    sold: Mapping[Address, int],
    bought: frozenset[Address],
) -> list[Step]:
    """Where one swap alone feeds one Uniswap v2 swap, the first pool pays the second."""
    follows: dict[Address, Swap] = {
        step.token_in: step
        for step in steps
        if isinstance(step, Swap)
        and step.kind == UniswapV2Pool.kind
        and step.mode is AmountMode.REMAINDER
        and len(incoming.get(step.token_in, ())) == len(outgoing[step.token_in]) == 1
        and step.token_in not in sold
        and step.token_in not in bought
        and incoming[step.token_in][0].pool.address != step.pool
    }
    moved = {id(step) for step in follows.values()}
    chained: list[Step] = []
    for step in steps:
        if id(step) in moved:
            continue
        while isinstance(step, Swap) and (after := follows.get(step.token_out)) is not None:
            chained.append(replace(step, recipient=Recipient.NEXT_POOL))
            step = replace(after, payer=Payer.PREPAID)  # noqa: PLW2901 - walks the chain
        chained.append(step)
    return chained
