"""Swap steps by token symbols."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from router.program import AmountMode, Payer, Recipient, Swap
from tests.contracts.world import World

SWAP_KINDS = ("uniswap_v2", "uniswap_v3", "balancer_v2_weighted")
V2_FEE_PIPS = 3000

FROM_OWNER: dict[str, Any] = {"payer": Payer.OWNER}
TO_OWNER: dict[str, Any] = {"recipient": Recipient.OWNER}
TO_NEXT_POOL: dict[str, Any] = {"recipient": Recipient.NEXT_POOL}
REMAINDER: dict[str, Any] = {"mode": AmountMode.REMAINDER}
PREPAID: dict[str, Any] = {"payer": Payer.PREPAID, "mode": AmountMode.REMAINDER}


def swap(world: World, kind: str, token_in: str, token_out: str, amount: int = 0, **route: Any) -> Swap:
    """A literal swap, paid by and to the executor, unless `route` says otherwise."""
    pool = (
        world.pools.get(kind)
        or world.pools.get(f"{kind}:{token_in}-{token_out}")
        or world.pools[f"{kind}:{token_out}-{token_in}"]
    )
    built = Swap(kind, pool, world.tokens[token_in], world.tokens[token_out], AmountMode.LITERAL, amount)
    if kind == "uniswap_v2":
        built = replace(built, fee_pips=V2_FEE_PIPS)
    if kind == "balancer_v2_weighted":
        built = replace(built, vault=world.vault, pool_id=world.pool_id)
    return replace(built, **route)
