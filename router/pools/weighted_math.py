"""Swap amounts of a Balancer v2 weighted pool, all in 18-decimal fixed point, fee already taken.

Source: balancer-v2-monorepo, pkg/pool-weighted/contracts/WeightedMath.sol and
pkg/solidity-utils/contracts/math/FixedPoint.sol.
"""

from __future__ import annotations

from enum import StrEnum

from router.errors import PoolError, RatioExceeded
from router.fixed_point import WAD, mul_div_up
from router.pools.log_exp_math import pow_wad

MAX_RATIO = 3 * 10**17
"""Largest share of a balance that one swap may bring in or take out."""
_MAX_POW_RELATIVE_ERROR = 10_000


class PowVersion(StrEnum):
    """FixedPoint.powUp: V2 multiplies for the exponents 1, 2 and 4 where V1 takes the logarithm and adds
    its error.
    """

    V1 = "v1"
    V2 = "v2"


def pow_up(base: int, exponent: int, version: PowVersion) -> int:
    """base ** exponent, never below the real value."""
    if version is PowVersion.V2:
        if exponent == WAD:
            return base
        if exponent == 2 * WAD:
            return mul_div_up(base, base, WAD)
        if exponent == 4 * WAD:
            square = mul_div_up(base, base, WAD)
            return mul_div_up(square, square, WAD)
    raw = pow_wad(base, exponent)
    return raw + mul_div_up(raw, _MAX_POW_RELATIVE_ERROR, WAD) + 1


def out_given_in(
    balance_in: int,
    weight_in: int,
    balance_out: int,
    weight_out: int,
    amount_in: int,
    *,
    version: PowVersion,
) -> int:
    """What the pool pays, rounded down at every step. Assumes positive balances and weights."""
    if amount_in > balance_in * MAX_RATIO // WAD:
        raise RatioExceeded(f"{amount_in} in is more than 30% of the balance of {balance_in}")
    base = mul_div_up(balance_in, WAD, balance_in + amount_in)
    power = pow_up(base, weight_in * WAD // weight_out, version)
    return balance_out * max(0, WAD - power) // WAD


def in_given_out(
    balance_in: int,
    weight_in: int,
    balance_out: int,
    weight_out: int,
    amount_out: int,
    *,
    version: PowVersion,
) -> int:
    """What the pool charges, rounded up at every step. Assumes positive balances and weights."""
    if amount_out > balance_out * MAX_RATIO // WAD:
        raise RatioExceeded(f"{amount_out} out is more than 30% of the balance of {balance_out}")
    base = mul_div_up(balance_out, WAD, balance_out - amount_out)
    power = pow_up(base, mul_div_up(weight_out, WAD, weight_in), version)
    if power < WAD:
        raise PoolError("the power of a ratio above one came out below one")
    return mul_div_up(balance_in, power - WAD, WAD)
