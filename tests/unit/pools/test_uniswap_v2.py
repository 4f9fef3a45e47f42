"""Uniswap v2 pairs: the published formula, rounding, and the refusals of the contract."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.errors import InputError, InsufficientLiquidity, PoolError
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool, amount_in_for, amount_out_for
from tests.strategies import ADDRESS, TOKENS, magnitudes, uniswap_v2_pools

FIRST, SECOND = TOKENS[:2]


def _pool(first: int, second: int, fee_pips: int = 3000) -> UniswapV2Pool:
    return UniswapV2Pool(ADDRESS, (FIRST, SECOND), (first, second), fee_pips)


@given(magnitudes(1, 33), magnitudes(1, 33), magnitudes(1, 33))
def test_fee_in_pips_equals_the_library_in_thousandths(
    amount: int, reserve_in: int, reserve_out: int
) -> None:
    expected = amount * 997 * reserve_out // (reserve_in * 1000 + amount * 997)
    assert amount_out_for(amount, reserve_in, reserve_out, 3000) == expected
    assume(amount < reserve_out)
    charged = reserve_in * amount * 1000 // ((reserve_out - amount) * 997) + 1
    assert amount_in_for(amount, reserve_in, reserve_out, 3000) == charged


@given(magnitudes(1, 33), magnitudes(1, 33), magnitudes(1, 33))
def test_fee_in_pips_equals_pancakes_in_ten_thousandths(
    amount: int, reserve_in: int, reserve_out: int
) -> None:
    expected = amount * 9975 * reserve_out // (reserve_in * 10000 + amount * 9975)
    assert amount_out_for(amount, reserve_in, reserve_out, 2500) == expected


@given(pool=uniswap_v2_pools(), amount=magnitudes(2, 28), share=st.integers(1, 99))
def test_a_split_never_pays_more_than_the_whole(pool: UniswapV2Pool, amount: int, share: int) -> None:
    part = amount * share // 100
    try:
        whole = pool.quote_exact_in(FIRST, SECOND, amount)
        first, after = pool.swap(FIRST, SECOND, part)
        second, _ = after.swap(FIRST, SECOND, amount - part)
    except PoolError:
        assume(False)
    # The rounding left in the reserves by the first part can lift the second by one unit.
    assert first + second <= whole + 1


@given(pool=uniswap_v2_pools(), amount=magnitudes(1, 30))
def test_the_product_of_reserves_never_falls(pool: UniswapV2Pool, amount: int) -> None:
    try:
        _, after = pool.swap(FIRST, SECOND, amount)
    except PoolError:
        assume(False)
    assert after.reserves[0] * after.reserves[1] >= pool.reserves[0] * pool.reserves[1]


def test_quote_exact_in_refuses_to_pay_nothing() -> None:
    with pytest.raises(InsufficientLiquidity, match="pays nothing"):
        _pool(10**18, 1000).quote_exact_in(FIRST, SECOND, 10)


def test_quote_exact_out_refuses_the_whole_reserve() -> None:
    pool = _pool(1000, 1000)
    assert pool.quote_exact_out(FIRST, SECOND, 999) > 0
    with pytest.raises(InsufficientLiquidity):
        pool.quote_exact_out(FIRST, SECOND, 1000)


def test_reserves_stop_at_112_bits() -> None:
    pool = _pool(MAX_RESERVE - 100, 10**33)
    assert pool.quote_exact_in(FIRST, SECOND, 100) > 0
    with pytest.raises(InsufficientLiquidity, match="112 bits"):
        pool.quote_exact_in(FIRST, SECOND, 101)
    with pytest.raises(InsufficientLiquidity, match="112 bits"):
        pool.quote_exact_out(FIRST, SECOND, 10**32)


@pytest.mark.parametrize("reserves", [(0, 10**18), (10**18, 0), (0, 0)])
def test_empty_sides_are_refused(reserves: tuple[int, int]) -> None:
    pool = _pool(*reserves)
    for ask in (pool.quote_exact_in, pool.quote_exact_out, pool.swap):
        with pytest.raises(InsufficientLiquidity):
            ask(FIRST, SECOND, 10**6)
    with pytest.raises(InsufficientLiquidity):
        pool.spot_price(FIRST, SECOND)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tokens": [FIRST]}, "tokens"),
        ({"tokens": [FIRST, FIRST]}, "tokens"),
        ({"reserves": [1]}, "reserves"),
        ({"reserves": [-1, 1]}, "reserves"),
        ({"reserves": [1, MAX_RESERVE + 1]}, "reserves"),
        ({"fee_pips": 1_000_000}, "fee_pips"),
    ],
)
def test_from_state_names_the_impossible_field(change: dict[str, object], path: str) -> None:
    state = _pool(1, 1).to_state()
    with pytest.raises(InputError) as caught:
        UniswapV2Pool.from_state(state | change)
    assert caught.value.path == path


def test_protocol_is_kept_when_given() -> None:
    state = _pool(5, 6).to_state() | {"protocol": "sushiswap_v2"}
    assert UniswapV2Pool.from_state(state).to_state() == state
    assert "protocol" not in _pool(5, 6).to_state()
