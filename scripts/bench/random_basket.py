"""Random rebalances of a given size: some tokens held, others wanted, both in proportion to their depth."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from router.fixed_point import Q96, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import DEPTH_MOVE, Portfolio
from router.snapshot import Snapshot
from router.tokens import Address

OWNER = "0x" + "11" * 20


def random_basket(
    snapshot: Snapshot,
    *,
    held: int = 10,
    wanted: int = 10,
    share: float = 0.5,
    seed: int = 0,
    among: int | None = None,
    **more: Any,
) -> Portfolio:
    """A portfolio to be sold whole into other tokens.

    Args:
        share: size, as a share of the depth of the shallower side, a token's depth being what moves the
            prices of all its pools by DEPTH_MOVE.
        among: how many of the deepest tokens to draw from; half of them where None.
        more: further fields of the portfolio.
    """
    random = Random(seed)
    depths = token_depths(snapshot)
    ranked = sorted(depths, key=lambda token: (-depths[token], token))
    pot = ranked[: among or max(held + wanted, len(ranked) // 2)]
    chosen = random.sample(pot, held + wanted)
    sold, bought = chosen[:held], chosen[held:]
    sides = [sum(depths[token] for token in side) for side in (sold, bought)]
    value = share * min(sides)
    holdings = {
        token: max(1, int(value * depths[token] / sides[0] / raw_price(snapshot, token))) for token in sold
    }
    weights = {token: int(WAD * depths[token] / sides[1]) for token in bought}
    weights[bought[0]] += WAD - sum(weights.values())
    return Portfolio(OWNER, holdings, weights, **{"gas_price_wei": 0, **more})


def token_depths(snapshot: Snapshot) -> dict[Address, float]:
    """Numeraire units of each priced token that move the prices of all its pools by DEPTH_MOVE, roughly."""
    depths: dict[Address, float] = {}
    for pool in snapshot.pools:
        for token, raw in _virtual_balances(pool).items():
            if token in snapshot.prices:
                worth = raw * raw_price(snapshot, token) * DEPTH_MOVE / 2
                depths[token] = depths.get(token, 0.0) + worth
    return depths


def raw_price(snapshot: Snapshot, token: Address) -> float:
    """Numeraire units per raw unit."""
    return float(snapshot.prices[token]) / math.pow(10, snapshot.tokens[token].decimals)


def _virtual_balances(pool: Pool) -> dict[Address, float]:
    """Raw units by token of the constant-product pool that is as deep at the present price."""
    if isinstance(pool, UniswapV2Pool):
        return dict(zip(pool.tokens, map(float, pool.reserves), strict=True))
    if isinstance(pool, BalancerV2WeightedPool):
        return dict(zip(pool.tokens, map(float, pool.balances), strict=True))
    if isinstance(pool, UniswapV3Pool) and pool.sqrt_price_x96:
        root = pool.sqrt_price_x96 / Q96
        return {pool.tokens[0]: pool.liquidity / root, pool.tokens[1]: pool.liquidity * root}
    return {}
