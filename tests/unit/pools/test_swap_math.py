"""Steps within one range of liquidity."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from router.fixed_point import Q96
from router.pools.swap_math import amount0_delta, amount1_delta, full_step, partial_step_in, partial_step_out
from router.pools.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from tests.strategies import magnitudes

prices = st.integers(MIN_TICK, MAX_TICK).map(sqrt_ratio_at_tick)
liquidities = magnitudes(1, 38)


@given(prices, prices, liquidities)
def test_deltas_round_as_asked_and_do_not_depend_on_the_order(
    first: int, second: int, liquidity: int
) -> None:
    low, high = sorted((first, second))
    exact0 = Fraction(liquidity * Q96 * (high - low), high * low)
    exact1 = Fraction(liquidity * (high - low), Q96)
    for delta, exact in ((amount0_delta, exact0), (amount1_delta, exact1)):
        assert delta(low, high, liquidity, False) == delta(high, low, liquidity, False) == exact // 1
        assert delta(low, high, liquidity, True) == delta(high, low, liquidity, True) == -(-exact // 1)


@given(prices, prices, liquidities, st.sampled_from((0, 100, 3000, 999_999)), st.integers(1, 10**30))
def test_a_partial_exact_in_stays_short_of_the_target(
    price: int, target: int, liquidity: int, fee_pips: int, amount: int
) -> None:
    cost, paid_in_full = full_step(price, target, liquidity, fee_pips)
    if amount >= cost:
        return
    zero_for_one = target <= price
    after, paid = partial_step_in(price, zero_for_one, liquidity, amount, fee_pips)
    assert target < after <= price if zero_for_one else price <= after < target
    assert 0 <= paid <= paid_in_full


@given(prices, prices, liquidities, st.sampled_from((0, 100, 3000, 999_999)), st.integers(1, 10**30))
def test_a_partial_exact_out_costs_no_more_than_the_whole_step(
    price: int, target: int, liquidity: int, fee_pips: int, amount: int
) -> None:
    cost_in_full, most = full_step(price, target, liquidity, fee_pips)
    if amount >= most:
        return
    zero_for_one = target <= price
    after, cost = partial_step_out(price, zero_for_one, liquidity, amount, fee_pips)
    assert target <= after <= price if zero_for_one else price <= after <= target
    assert cost <= cost_in_full


def test_a_product_beyond_256_bits_takes_the_librarys_second_formula() -> None:
    price, liquidity, amount = 3 << 158, 1 << 127, 1 << 98
    after, _ = partial_step_in(price, True, liquidity, amount, 0)
    assert after == -(-(liquidity << 96) // ((liquidity << 96) // price + amount))
