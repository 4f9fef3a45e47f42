"""Amounts and prices within one range of constant liquidity, rounded against the trader.

Source: Uniswap v3-core, contracts/libraries/SqrtPriceMath.sol and SwapMath.sol. Square-root prices are
    Q64.96; token 1 per token 0. `zero_for_one` sells token 0, so the price falls.
"""

from __future__ import annotations

from router.fixed_point import MAX_U256, PIPS, Q96, div_up, mul_div_up


def amount0_delta(sqrt_a: int, sqrt_b: int, liquidity: int, round_up: bool) -> int:
    """Raw token 0 between two square-root prices in any order."""
    scaled = (liquidity << 96) * abs(sqrt_b - sqrt_a)
    return div_up(scaled, sqrt_a * sqrt_b) if round_up else scaled // (sqrt_a * sqrt_b)


def amount1_delta(sqrt_a: int, sqrt_b: int, liquidity: int, round_up: bool) -> int:
    """Raw token 1 between two square-root prices in any order."""
    scaled = liquidity * abs(sqrt_b - sqrt_a)
    return -(-scaled >> 96) if round_up else scaled >> 96


def _price_after_amount0(sqrt_price: int, liquidity: int, amount: int, *, add: bool) -> int:
    """Rounds up: a sale must not lower the price too far, a purchase must raise it enough."""
    scaled = liquidity << 96
    product = amount * sqrt_price
    if not add:
        return mul_div_up(scaled, sqrt_price, scaled - product)
    if product + scaled <= MAX_U256:
        return mul_div_up(scaled, sqrt_price, scaled + product)
    return div_up(scaled, scaled // sqrt_price + amount)  # the library's path when 256 bits overflow


def _price_after_amount1(sqrt_price: int, liquidity: int, amount: int, *, add: bool) -> int:
    """Rounds down: a sale must not raise the price too far, a purchase must lower it enough."""
    scaled = amount * Q96
    return sqrt_price + scaled // liquidity if add else sqrt_price - div_up(scaled, liquidity)


def full_step(sqrt_price: int, sqrt_target: int, liquidity: int, fee_pips: int) -> tuple[int, int]:
    """(amount in with its fee, amount out) of a swap that moves the price all the way to the target."""
    if sqrt_target <= sqrt_price:
        amount_in = amount0_delta(sqrt_target, sqrt_price, liquidity, True)
        amount_out = amount1_delta(sqrt_target, sqrt_price, liquidity, False)
    else:
        amount_in = amount1_delta(sqrt_price, sqrt_target, liquidity, True)
        amount_out = amount0_delta(sqrt_price, sqrt_target, liquidity, False)
    return amount_in + mul_div_up(amount_in, fee_pips, PIPS - fee_pips), amount_out


def partial_step_in(
    sqrt_price: int, zero_for_one: bool, liquidity: int, amount: int, fee_pips: int
) -> tuple[int, int]:
    """(price after, amount out) when `amount`, fee included, is too little to reach the next boundary."""
    after_fee = amount * (PIPS - fee_pips) // PIPS
    if zero_for_one:
        sqrt_next = _price_after_amount0(sqrt_price, liquidity, after_fee, add=True)
        return sqrt_next, amount1_delta(sqrt_next, sqrt_price, liquidity, False)
    sqrt_next = _price_after_amount1(sqrt_price, liquidity, after_fee, add=True)
    return sqrt_next, amount0_delta(sqrt_price, sqrt_next, liquidity, False)


def partial_step_out(
    sqrt_price: int, zero_for_one: bool, liquidity: int, amount: int, fee_pips: int
) -> tuple[int, int]:
    """(price after, amount in with its fee) when `amount` out is less than the range holds."""
    if zero_for_one:
        sqrt_next = _price_after_amount1(sqrt_price, liquidity, amount, add=False)
        amount_in = amount0_delta(sqrt_next, sqrt_price, liquidity, True)
    else:
        sqrt_next = _price_after_amount0(sqrt_price, liquidity, amount, add=False)
        amount_in = amount1_delta(sqrt_price, sqrt_next, liquidity, True)
    return sqrt_next, amount_in + mul_div_up(amount_in, fee_pips, PIPS - fee_pips)
