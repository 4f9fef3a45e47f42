"""Reads pool states: reserves of pairs, balances and weights of Balancer pools; `ticks` reads Uniswap v3."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from router.chain.abi import (
    GET_RESERVES,
    NORMALIZED_WEIGHTS,
    PAUSED_STATE,
    POOL_TOKENS,
    POST_JOIN_INVARIANT,
    SWAP_FEE,
    TOKEN0,
    TOKEN1,
)
from router.chain.view import Answers, View
from router.documents.deployment import BalancerPoolAddress, UniswapV2PoolAddress
from router.errors import InconsistentAnswer
from router.tokens import Address

_WAD_PER_PIP = 10**12


def read_pairs(
    view: View, pools: Iterable[UniswapV2PoolAddress], discovered: Collection[Address]
) -> list[dict[str, Any]]:
    """The state of each Uniswap v2 pair; pairs that were discovered and are empty are left out.

    Raises:
        InconsistentAnswer: a listed pair without reserves.
    """
    wanted = list(pools)
    functions = (TOKEN0, TOKEN1, GET_RESERVES)
    answers = view.ask([function.call(pool.address) for pool in wanted for function in functions], "pairs")
    states = []
    for pool in wanted:
        reserve0, reserve1, _ = answers.values(GET_RESERVES.call(pool.address))
        if reserve0 and reserve1:
            states.append(
                {
                    "kind": pool.kind,
                    "address": pool.address,
                    "tokens": pool_tokens(answers, pool.address),
                    "fee_pips": pool.fee_pips,
                    "reserves": (reserve0, reserve1),
                }
            )
        elif pool.address not in discovered:
            raise InconsistentAnswer(f"getReserves of {pool.address}: {reserve0} and {reserve1}")
    return states


def read_weighted(view: View, pools: Iterable[BalancerPoolAddress]) -> list[dict[str, Any]]:
    """The state of each Balancer v2 weighted pool; pools that are paused are left out.

    Pools of the factories from 2022 on, which have the newer power function, keep their last invariant under
    another name than the older ones: that tells them apart.
    """
    wanted = list(pools)
    functions = (NORMALIZED_WEIGHTS, SWAP_FEE, PAUSED_STATE, POST_JOIN_INVARIANT)
    calls = [function.call(pool.address) for pool in wanted for function in functions]
    calls += [POOL_TOKENS.call(pool.vault, bytes.fromhex(pool.pool_id[2:])) for pool in wanted]
    calls += [PAUSED_STATE.call(pool.vault) for pool in wanted]
    answers = view.ask(calls, "weighted pools")
    states = []
    for pool in wanted:
        paused = answers.one(PAUSED_STATE.call(pool.address)) or answers.one(PAUSED_STATE.call(pool.vault))
        if not paused:
            states.append(_weighted_state(answers, pool))
    return states


def pool_tokens(answers: Answers, pool: Address) -> tuple[Address, Address]:
    """token0 and token1.

    Raises:
        InconsistentAnswer: not ascending.
    """
    token0, token1 = answers.one(TOKEN0.call(pool)), answers.one(TOKEN1.call(pool))
    if token0 >= token1:
        raise InconsistentAnswer(f"token0 of {pool}: {token0} is not below token1, {token1}")
    return token0, token1


def _weighted_state(answers: Answers, pool: BalancerPoolAddress) -> dict[str, Any]:
    tokens, balances, _ = answers.values(POOL_TOKENS.call(pool.vault, bytes.fromhex(pool.pool_id[2:])))
    weights = answers.one(NORMALIZED_WEIGHTS.call(pool.address))
    fee_wad = answers.one(SWAP_FEE.call(pool.address))
    if not len(tokens) == len(balances) == len(weights):
        raise InconsistentAnswer(
            f"getPoolTokens of {pool.address}: {len(tokens)} tokens, {len(balances)} balances, "
            f"{len(weights)} weights"
        )
    if not all(balances):
        raise InconsistentAnswer(f"getPoolTokens of {pool.address}: a balance is zero")
    newer = answers.maybe(POST_JOIN_INVARIANT.call(pool.address)) is not None
    return {
        "kind": pool.kind,
        "address": pool.address,
        "pool_id": pool.pool_id,
        "vault": pool.vault,
        "tokens": tokens,
        "fee_pips": fee_wad // _WAD_PER_PIP,
        "swap_fee_wad": fee_wad,
        "balances": balances,
        "weights": weights,
        "pow_version": "v2" if newer else "v1",
    }
