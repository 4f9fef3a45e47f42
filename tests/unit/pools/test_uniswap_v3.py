"""Uniswap v3 pools: partial fills, boundaries, and states that no pool can have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.errors import InputError, InsufficientLiquidity
from router.pools.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.strategies import ADDRESS, TOKENS, magnitudes, uniswap_v3_pools

FIRST, SECOND = TOKENS[:2]
STATE: dict[str, Any] = {
    "kind": "uniswap_v3",
    "address": ADDRESS,
    "tokens": [FIRST, SECOND],
    "fee_pips": 3000,
    "tick_spacing": 60,
    "sqrt_price_x96": 1 << 96,
    "tick": 0,
    "liquidity": 10**18,
    "ticks": [[-600, 10**18], [600, -(10**18)]],
}


def _pool(**change: Any) -> UniswapV3Pool:
    return UniswapV3Pool.from_state(STATE | change)


def test_sqrt_ratios_at_the_ends_are_the_librarys_constants() -> None:
    assert sqrt_ratio_at_tick(MIN_TICK) == MIN_SQRT_RATIO
    assert sqrt_ratio_at_tick(MAX_TICK) == MAX_SQRT_RATIO
    assert sqrt_ratio_at_tick(0) == 1 << 96


@given(st.integers(MIN_TICK, MAX_TICK - 1))
def test_tick_at_sqrt_ratio_inverts_sqrt_ratio_at_tick(tick: int) -> None:
    ratio = sqrt_ratio_at_tick(tick)
    assert tick_at_sqrt_ratio(ratio) == tick
    assert tick_at_sqrt_ratio(sqrt_ratio_at_tick(tick + 1) - 1) == tick
    if tick > MIN_TICK:
        assert tick_at_sqrt_ratio(ratio - 1) == tick - 1


def test_quote_beyond_the_last_tick_is_refused_and_swap_to_limit_tells_how_much_fits() -> None:
    pool = _pool()
    with pytest.raises(InsufficientLiquidity, match="absorbs only"):
        pool.quote_exact_in(FIRST, SECOND, 10**30)
    with pytest.raises(InsufficientLiquidity, match="absorbs only"):
        pool.swap(FIRST, SECOND, 10**30)
    part = pool.swap_to_limit(FIRST, SECOND, 10**30)
    assert not part.filled
    assert part.pool.sqrt_price_x96 == MIN_SQRT_RATIO + 1
    assert part.pool.liquidity == 0
    assert pool.quote_exact_in(FIRST, SECOND, part.amount_in) == part.amount_out
    with pytest.raises(InsufficientLiquidity):
        pool.quote_exact_in(FIRST, SECOND, part.amount_in + 1)


def test_exact_out_of_more_than_the_pool_holds_is_refused() -> None:
    pool = _pool()
    part = pool.swap_to_limit(FIRST, SECOND, 10**30, exact_in=False)
    assert not part.filled
    assert pool.quote_exact_out(FIRST, SECOND, part.amount_out) == part.amount_in
    with pytest.raises(InsufficientLiquidity, match="pays only"):
        pool.quote_exact_out(FIRST, SECOND, part.amount_out + 1)


def test_a_swap_that_ends_on_a_boundary_crosses_it() -> None:
    pool = _pool(ticks=[[-600, 10**18], [-60, 10**15], [600, -(10**18) - 10**15]], liquidity=10**18 + 10**15)
    for amount in _boundary_costs(pool):
        _, after = pool.swap(FIRST, SECOND, amount)
        assert after.sqrt_price_x96 == sqrt_ratio_at_tick(-60)
        assert (after.tick, after.liquidity) == (-61, 10**18)
        assert UniswapV3Pool.from_state(after.to_state()) == after


def _boundary_costs(pool: UniswapV3Pool) -> list[int]:
    """The one amount that moves the price to tick -60 exactly, found from outside by bisection."""
    low, high = 1, pool.swap_to_limit(FIRST, SECOND, 10**30).amount_in
    while low < high:
        middle = (low + high) // 2
        reached = pool.swap(FIRST, SECOND, middle)[1].sqrt_price_x96 <= sqrt_ratio_at_tick(-60)
        low, high = (low, middle) if reached else (middle + 1, high)
    return [low]


@settings(max_examples=200, deadline=None)
@given(pool=uniswap_v3_pools(), amount=magnitudes(1, 30), zero_for_one=st.booleans())
def test_the_pool_after_a_swap_is_one_that_a_file_may_hold(
    pool: UniswapV3Pool, amount: int, zero_for_one: bool
) -> None:
    path = (FIRST, SECOND) if zero_for_one else (SECOND, FIRST)
    result = pool.swap_to_limit(*path, amount)
    assert 0 <= result.amount_in <= amount
    assert result.filled == (result.amount_in == amount)
    assert result.pool.ladder is pool.ladder
    assert UniswapV3Pool.from_state(result.pool.to_state()) == result.pool
    assert result.pool.ladder.liquidity_at(result.pool.tick) == result.pool.liquidity


@settings(max_examples=200, deadline=None)
@given(pool=uniswap_v3_pools(), amount=magnitudes(1, 30), zero_for_one=st.booleans())
def test_swap_to_limit_of_an_exact_out_pays_no_more_than_asked(
    pool: UniswapV3Pool, amount: int, zero_for_one: bool
) -> None:
    path = (FIRST, SECOND) if zero_for_one else (SECOND, FIRST)
    result = pool.swap_to_limit(*path, amount, exact_in=False)
    assert result.filled == (result.amount_out == amount)
    assert result.amount_out <= amount
    assume(result.filled)
    assert pool.swap_to_limit(*path, result.amount_in).amount_out >= amount


@pytest.mark.parametrize("ticks", [[], [[-600, 10**18]], [[600, -(10**18)]]])
def test_liquidity_is_never_assumed_past_the_known_ticks(ticks: list[list[int]]) -> None:
    pool = _pool(ticks=ticks)
    known_below, known_above = any(t[0] < 0 for t in ticks), any(t[0] > 0 for t in ticks)
    assert (pool.swap_to_limit(FIRST, SECOND, 10**30).amount_in > 0) == known_below
    assert (pool.swap_to_limit(SECOND, FIRST, 10**30).amount_in > 0) == known_above


def test_a_pool_not_initialised_refuses_everything() -> None:
    pool = _pool(sqrt_price_x96=0, liquidity=0, ticks=[])
    for ask in (pool.quote_exact_in, pool.quote_exact_out, pool.swap, pool.swap_to_limit):
        with pytest.raises(InsufficientLiquidity):
            ask(FIRST, SECOND, 1)
    with pytest.raises(InsufficientLiquidity):
        pool.spot_price(FIRST, SECOND)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tokens": [SECOND, FIRST]}, "tokens"),
        ({"tokens": [FIRST]}, "tokens"),
        ({"fee_pips": 1_000_000}, "fee_pips"),
        ({"tick_spacing": 0}, "tick_spacing"),
        ({"liquidity": -1}, "liquidity"),
        ({"liquidity": 1 << 128}, "liquidity"),
        ({"ticks": [[60, 1], [0, 1]]}, "ticks"),
        ({"ticks": [[0, 1], [0, 1]]}, "ticks"),
        ({"ticks": [[30, 1]]}, "ticks"),
        ({"ticks": [[887_280, 1]]}, "ticks"),
        ({"tick": 1}, "tick"),
        ({"sqrt_price_x96": 1}, "sqrt_price_x96"),
        ({"sqrt_price_x96": MAX_SQRT_RATIO}, "sqrt_price_x96"),
    ],
)
def test_from_state_names_the_impossible_field(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        _pool(**change)
    assert caught.value.path == path
