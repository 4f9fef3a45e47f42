"""Programs through PancakeSwap's own v3 pool: Uniswap v3's arithmetic, callbacks under other names."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

import pytest
from eth_utils.crypto import keccak

from router.pools.uniswap_v3 import UniswapV3Pool
from router.program import Pull
from tests.contracts.steps import FROM_OWNER, REMAINDER, TO_OWNER, swap
from tests.contracts.world import ARTIFACTS, DEPLOYER, OWNER, World, own

POOL = "@pancakeswap/v3-core/artifacts/contracts/PancakeV3Pool.sol/PancakeV3Pool.json"
INIT_CODE_HASH = "6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2"
FEE_PIPS, SPACING, EDGE = 2500, 50, 887_250
USD_DEPTH = 10**6


@pytest.fixture
def pancake(world: World) -> World:
    """A world whose ETH-USD pool of kind uniswap_v3, also as a lender, is PancakeSwap's."""
    chain = world.chain
    tokens = sorted(world.tokens[symbol] for symbol in ("ETH", "USD"))
    by_address = {address: symbol for symbol, address in world.tokens.items()}
    amounts = [world.raw(by_address[token], USD_DEPTH) for token in tokens]
    deployer = chain.create(own("PancakePoolDeployer"))
    code = bytes.fromhex(ARTIFACTS.npm(POOL).bytecode)
    pool = chain.send(
        deployer,
        "deploy(bytes,address,address,uint24,int24)",
        *(code, *tokens, FEE_PIPS, SPACING),
        returns="(address)",
    )
    chain.send(pool, "initialize(uint160)", isqrt((amounts[1] << 192) // amounts[0]))
    trader = chain.create(own("PancakeTrader"))
    for token, amount in zip(tokens, amounts, strict=True):
        world.mint(by_address[token], DEPLOYER, 2 * amount)
        world.approve(by_address[token], trader, 2 * amount, DEPLOYER)
    liquidity = isqrt(amounts[0] * amounts[1])
    chain.send(trader, "mint(address,int24,int24,uint128)", pool, -EDGE, EDGE, liquidity)
    world.pools["uniswap_v3:ETH-USD"] = world.lenders["uniswap_v3"] = pool
    return world


def state(world: World) -> UniswapV3Pool:
    pool = world.pools["uniswap_v3:ETH-USD"]
    price, tick = world.chain.read(pool, "slot0()", returns="(uint160,int24)")
    liquidity = world.chain.read(pool, "liquidity()", returns="(uint128)")
    return UniswapV3Pool.from_state(
        {
            "address": pool,
            "tokens": sorted(world.tokens[symbol] for symbol in ("ETH", "USD")),
            "fee_pips": FEE_PIPS,
            "tick_spacing": SPACING,
            "sqrt_price_x96": price,
            "tick": tick,
            "liquidity": liquidity,
            "ticks": [(-EDGE, liquidity), (EDGE, -liquidity)],
        }
    )


def test_bytecode_is_that_of_the_pools_on_chain() -> None:
    """The hash that pool addresses are computed from."""
    assert keccak(bytes.fromhex(ARTIFACTS.npm(POOL).bytecode)).hex() == INIT_CODE_HASH


@pytest.mark.parametrize("sold", ["ETH", "USD"])
def test_owner_pays_the_pool_and_is_paid_by_it(pancake: World, sold: str) -> None:
    bought = "USD" if sold == "ETH" else "ETH"
    amount = pancake.raw(sold, 1000)
    quoted = state(pancake).quote_exact_in(pancake.tokens[sold], pancake.tokens[bought], amount)
    program = pancake.program(
        [pancake.bounds(sold, max_spent=amount), pancake.bounds(bought, min_received=quoted)],
        swap(pancake, "uniswap_v3", sold, bought, amount, **FROM_OWNER, **TO_OWNER),
    )
    assert pancake.run(program) == {sold: -amount, bought: quoted}


@pytest.mark.parametrize("sold", ["ETH", "USD"])
def test_executor_pays_out_of_its_ledger(pancake: World, sold: str) -> None:
    bought = "USD" if sold == "ETH" else "ETH"
    amount = pancake.raw(sold, 1000)
    quoted = state(pancake).quote_exact_in(pancake.tokens[sold], pancake.tokens[bought], amount)
    program = pancake.program(
        [pancake.bounds(sold, max_spent=amount), pancake.bounds(bought)],
        Pull(pancake.tokens[sold], amount),
        swap(pancake, "uniswap_v3", sold, bought, **REMAINDER),
    )
    assert pancake.run(program) == {sold: -amount, bought: quoted}


def test_partial_fill_reverts_with_what_was_taken(pancake: World) -> None:
    """Beyond the end of the price range nothing is sold."""
    amount = 10**37
    pancake.mint("ETH", OWNER, amount)
    program = pancake.program(
        [pancake.bounds("ETH", max_spent=amount), pancake.bounds("USD")],
        swap(pancake, "uniswap_v3", "ETH", "USD", amount, **FROM_OWNER),
    )
    with pancake.errors.expects("PartialFill", step=0, amountIn=amount):
        pancake.execute(program)


@pytest.mark.parametrize("symbols", [("ETH",), ("USD",), ("ETH", "USD")])
def test_pool_lends(pancake: World, symbols: tuple[str, ...]) -> None:
    amounts = {symbol: pancake.raw(symbol, 500) for symbol in symbols}
    program = pancake.program(
        [pancake.bounds(symbol, max_spent=amount) for symbol, amount in amounts.items()],
        pancake.borrow("uniswap_v3", **amounts),
        *(Pull(pancake.tokens[symbol], None) for symbol in symbols),
    )
    fees = {symbol: -(-amount * FEE_PIPS // 10**6) for symbol, amount in amounts.items()}
    assert pancake.run(program) == {symbol: -fee for symbol, fee in fees.items()}


def test_swap_inside_a_loan_of_another_lender(pancake: World) -> None:
    amount = pancake.raw("ETH", 100)
    step = swap(pancake, "uniswap_v3", "ETH", "USD", **REMAINDER)
    program = pancake.program(
        [pancake.bounds("ETH", max_spent=amount), pancake.bounds("USD", min_received=1)],
        pancake.borrow("morpho_blue", ETH=amount),
        replace(step, **TO_OWNER),
        Pull(pancake.tokens["ETH"], None),
    )
    assert pancake.run(program)["ETH"] == -amount
