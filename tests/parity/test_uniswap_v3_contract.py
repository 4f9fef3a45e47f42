"""Our tick walk against deployed pools, swap by swap: amounts, price, tick and liquidity."""

from __future__ import annotations

from itertools import product

import pytest

from router.errors import InsufficientLiquidity, PoolError
from router.pools.swap_math import full_step
from router.pools.tick_math import (
    MAX_PRICE_LIMIT,
    MAX_TICK,
    MIN_PRICE_LIMIT,
    MIN_TICK,
)
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.parity.evm import CallRevertedError
from tests.parity.v3_market import Market, PancakeSwap, Uniswap

SWAPS_PER_POOL = 180


def _random_amount(market: Market, pool: UniswapV3Pool, path: list[str], exact_in: bool) -> int:
    """Any number of digits, or a share of what the pool can absorb or pay: all of it, a little more, less."""
    if market.random.random() < 0.4:
        return int(10 ** market.random.uniform(0, 25))
    try:
        most = pool.swap_to_limit(*path, 2**200, exact_in=exact_in)
    except PoolError:
        return 1
    whole = most.amount_in if exact_in else most.amount_out
    if market.random.random() < 0.1:
        return whole or 1
    share = market.random.random() ** market.random.choice((1, 4, 16))
    return max(1, int(whole * share * 1.05))


def _assert_one_swap_equal(market: Market, pool: UniswapV3Pool) -> tuple[bool, UniswapV3Pool]:
    path = market.random.sample(market.tokens, 2)
    exact_in = market.random.random() < 0.5
    amount = _random_amount(market, pool, path, exact_in)
    return _assert_swap_equal(market, pool, path, exact_in, amount)


def _assert_swap_equal(
    market: Market, pool: UniswapV3Pool, path: list[str], exact_in: bool, amount: int
) -> tuple[bool, UniswapV3Pool]:
    try:
        ours = pool.swap_to_limit(*path, amount, exact_in=exact_in)
    except PoolError:
        ours = None
    try:
        spent, paid = market.route(exact_in, path, amount)
    except CallRevertedError:
        # An exact output in part is refused, and the pool a swap from the price limit.
        assert ours is None or not ours.filled
        return False, pool
    assert ours is not None
    assert (ours.amount_in, ours.amount_out) == (spent, paid)
    if ours.filled and exact_in:
        assert pool.quote_exact_in(*path, amount) == paid
        assert pool.swap(*path, amount) == (paid, ours.pool)
    elif ours.filled:
        assert pool.quote_exact_out(*path, amount) == spent
    else:
        with pytest.raises(InsufficientLiquidity):
            pool.quote_exact_in(*path, amount)
    return True, ours.pool


@pytest.mark.parametrize(
    ("venue", "seed", "fee", "full_range"),
    [
        (Uniswap, 1, 500, True),
        (Uniswap, 2, 3000, True),
        (Uniswap, 3, 10000, True),
        (Uniswap, 4, 500, False),
        (Uniswap, 5, 3000, False),
        (Uniswap, 6, 10000, False),
        (PancakeSwap, 9, 500, True),
        (PancakeSwap, 10, 2500, False),
    ],
)
def test_random_swaps_equal_the_deployed_pool(
    venue: type[Uniswap] | type[PancakeSwap], seed: int, fee: int, full_range: bool
) -> None:
    market = Market(seed, fee, full_range=full_range, venue=venue)
    pool = market.state()
    executed = crossed = 0
    for _ in range(10 * SWAPS_PER_POOL):
        done, after = _assert_one_swap_equal(market, pool)
        executed += done
        crossed += abs(after.tick - pool.tick) > 256 * market.spacing
        pool = after
        assert pool == market.state()
        if executed == SWAPS_PER_POOL:
            break
    assert executed == SWAPS_PER_POOL
    assert crossed >= 5, "the swaps must cross bitmap words"


@pytest.mark.parametrize("centre", [-886_900, 0, 886_900])
def test_swaps_to_the_outermost_ticks_equal_the_deployed_pool(centre: int) -> None:
    market = Market(7, 100, full_range=True, centre=centre)
    pool = market.state()
    assert {MIN_TICK, MAX_TICK} <= {tick for tick, _ in pool.ticks}
    reached = set()
    for _ in range(200):
        pool = _assert_one_swap_equal(market, pool)[1]
        assert pool == market.state()
        reached.add(pool.sqrt_price_x96)
    assert reached & {MIN_PRICE_LIMIT, MAX_PRICE_LIMIT}


def test_swaps_of_few_units_in_deep_liquidity_equal_the_deployed_pool() -> None:
    """One unit moves the price by less than its own precision: swaps stay on, or reach, boundaries."""
    market = Market(8, 10000, full_range=False, centre=0)
    for _ in range(5):
        market.mint(-400, 200, 10**32)
    pool, path = market.state(), market.tokens
    assert pool.liquidity > 1 << 96
    for difference in (-2, -1, 0, 1, 2, 3):
        for exact_in, route in product((False, True), (path, path[::-1])):
            amount = _amount_to_next_boundary(pool, route, exact_in=exact_in) + difference
            for each in (max(1, amount), 1, 1, 2):
                pool = _assert_swap_equal(market, pool, route, exact_in, each)[1]
                assert pool == market.state()


def _amount_to_next_boundary(pool: UniswapV3Pool, path: list[str], *, exact_in: bool) -> int:
    zero_for_one = path[0] == pool.tokens[0]
    stop = pool.ladder.edge(pool.tick, zero_for_one)
    assert stop is not None
    target = pool.ladder.sqrt_target(stop, zero_for_one)
    spent, paid = full_step(pool.sqrt_price_x96, target, pool.liquidity, pool.fee_pips)
    return spent if exact_in else paid
