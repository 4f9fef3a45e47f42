"""Every kind of pool, payer, recipient and amount."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.program import AmountMode, Pull, Swap
from tests.contracts.world import World

KINDS = ("uniswap_v2", "uniswap_v3", "balancer_v2_weighted")
V2_FEE_PIPS = 3000


def swap(world: World, kind: str, token_in: str, token_out: str, amount: int = 0, **route: object) -> Swap:
    """A swap by symbols; literal unless told otherwise."""
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


@pytest.mark.parametrize("kind", KINDS)
def test_pull_swap_pays_the_owner(world: World, kind: str) -> None:
    amount = world.raw("ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD", min_received=1)],
        Pull(world.tokens["ETH"], amount),
        swap(world, kind, "ETH", "USD", amount),
    )
    changes = world.run(program)
    assert changes["ETH"] == -amount
    assert world.raw("USD", 990) < changes["USD"] < world.raw("USD", 1000)
