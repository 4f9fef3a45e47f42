"""A small market of every kind of pool and lender, and short ways to write and replay programs on it."""

from __future__ import annotations

from router.fixed_point import WAD
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash
from router.pools.registry import pool_from_state
from router.pools.uniswap_v2 import UniswapV2Pool
from router.program import (
    AmountMode,
    Program,
    Swap,
    TokenBounds,
)
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Token

A, B, C = ("0x" + digit * 40 for digit in "abc")
AB, AB_TWIN, BC, AB_V3, ABC, VAULT, MORPHO, AAVE = ("0x" + digit * 40 for digit in "12345678")
ABC_ID = ABC + "0" * 24
UNIT = 10**18
RICH = 10**24

PAIR = UniswapV2Pool(AB, (A, B), (10**21, 2 * 10**21))
TWIN = UniswapV2Pool(AB_TWIN, (A, B), (10**21, 2 * 10**21))
ONWARD = UniswapV2Pool(BC, (B, C), (10**21, 3 * 10**21))
RANGE = pool_from_state(
    {
        "kind": "uniswap_v3",
        "address": AB_V3,
        "tokens": [A, B],
        "fee_pips": 3000,
        "tick_spacing": 60,
        "sqrt_price_x96": 1 << 96,
        "tick": 0,
        "liquidity": 10**22,
        "ticks": [[-600, 10**22], [600, -(10**22)]],
    }
)
WEIGHTED = pool_from_state(
    {
        "kind": "balancer_v2_weighted",
        "address": ABC,
        "pool_id": ABC_ID,
        "vault": VAULT,
        "tokens": [A, B, C],
        "balances": [10**21, 10**21, 10**21],
        "weights": [WAD // 2, WAD // 4, WAD // 4],
        "decimals": [18, 18, 18],
        "fee_pips": 1000,
    }
)
POOLS = (PAIR, TWIN, ONWARD, RANGE, WEIGHTED)
LENDERS = (
    MorphoBlue(MORPHO, {A: RICH, B: 10 * UNIT}),
    AaveV3(AAVE, {A: RICH, B: RICH}, 5, Rounding.UP),
    BalancerV2(VAULT, {A: RICH, B: RICH}),
    UniswapV3Flash(AB_V3, (A, B), {A: 10**20, B: 10**20}, 3000),
)
SNAPSHOT = Snapshot(
    chain_id=1,
    block_number=100,
    timestamp=1000,
    native_token=A,
    numeraire=A,
    tokens={address: Token(1, address, name, 18) for address, name in ((A, "A"), (B, "B"), (C, "C"))},
    pools=POOLS,
    lenders=LENDERS,
)
FREE = {"max_spent": RICH}
HOLDINGS = {A: 100 * UNIT, B: 100 * UNIT, C: 100 * UNIT}


def program(*steps, bounds=None, **fields) -> Program:
    tokens = tuple(TokenBounds(token, **((bounds or {}).get(token, FREE))) for token in (A, B, C))
    start = {"deadline": 1000, "min_value_change_e36": -(10**70), "tokens": tokens, "steps": steps}
    return Program(**start | fields)


def swap(pool, token_in, token_out, amount=0, **fields) -> Swap:
    mode = AmountMode.LITERAL if amount else AmountMode.REMAINDER
    extra = {"fee_pips": pool.fee_pips} if pool.kind == "uniswap_v2" else {}
    if pool.kind == "balancer_v2_weighted":
        extra = {"vault": VAULT, "pool_id": ABC_ID}
    return Swap(
        pool.kind, pool.address, token_in, token_out, **{"mode": mode, "amount": amount} | extra | fields
    )


def run(*steps, bounds=None, balances=HOLDINGS, **fields):
    return replay(program(*steps, bounds=bounds, **fields), SNAPSHOT, balances)
