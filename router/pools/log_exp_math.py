"""Natural logarithm, exponential and power of 18-decimal fixed-point numbers, digit for digit as Balancer
computes them.

The series are cut and every product is truncated where the contract truncates, so results equal the
contract's and are close to, not equal to, the real function. Divisions of negative numbers truncate towards
zero in Solidity; here magnitudes are computed and signs put back.

Source: balancer-v2-monorepo, pkg/solidity-utils/contracts/math/LogExpMath.sol.
"""

from __future__ import annotations

from router.errors import PoolError
from router.fixed_point import WAD

_ONE_20 = 10**20
_ONE_36 = 10**36
_MAX_NATURAL_EXPONENT = 130 * WAD
_MIN_NATURAL_EXPONENT = -41 * WAD
_LN_36_LOWER_BOUND = WAD - 10**17
_LN_36_UPPER_BOUND = WAD + 10**17
_MILD_EXPONENT_BOUND = 2**254 // _ONE_20
_X_BOUND = 2**255

# (2**n in 18 decimals, e**(2**n) as a whole number).
_LARGE_POWERS = (
    (128 * WAD, 38877084059945950922200000000000000000000000000000000000),
    (64 * WAD, 6235149080811616882910000000),
)
# (2**n, e**(2**n)), both in 20 decimals.
_SMALL_POWERS = (
    (3200000000000000000000, 7896296018268069516100000000000000),
    (1600000000000000000000, 888611052050787263676000000),
    (800000000000000000000, 298095798704172827474000),
    (400000000000000000000, 5459815003314423907810),
    (200000000000000000000, 738905609893065022723),
    (100000000000000000000, 271828182845904523536),
    (50000000000000000000, 164872127070012814685),
    (25000000000000000000, 128402541668774148407),
    (12500000000000000000, 113314845306682631683),
    (6250000000000000000, 106449445891785942956),
)
_EXP_POWERS = _SMALL_POWERS[:8]  # the contract leaves the last two to the series
_EXP_TERMS = 12


def pow_wad(base: int, exponent: int) -> int:
    """base ** exponent, 18 decimals.

    Raises:
        PoolError: outside the domain that the contract accepts.
    """
    if exponent == 0:
        return WAD
    if base == 0:
        return 0
    if base >= _X_BOUND or exponent >= _MILD_EXPONENT_BOUND:
        raise PoolError(f"power out of bounds: {base} ** {exponent}")
    if _LN_36_LOWER_BOUND < base < _LN_36_UPPER_BOUND:
        sign, log_36 = _log_36(base)
        log_times_exponent = log_36 // WAD * exponent + log_36 % WAD * exponent // WAD
    else:
        sign, log_18 = _log(base)
        log_times_exponent = log_18 * exponent
    power = sign * (log_times_exponent // WAD)
    if not _MIN_NATURAL_EXPONENT <= power <= _MAX_NATURAL_EXPONENT:
        raise PoolError(f"power out of bounds: {base} ** {exponent}")
    return _exp(power)


def _exp(power: int) -> int:
    if power < 0:
        return WAD * WAD // _exp(-power)
    whole = 1
    for exponent, value in _LARGE_POWERS:
        if power >= exponent:
            power, whole = power - exponent, value
            break
    power *= 100
    product = _ONE_20
    for exponent, value in _EXP_POWERS:
        if power >= exponent:
            power -= exponent
            product = product * value // _ONE_20
    total, term = _ONE_20 + power, power
    for divisor in range(2, _EXP_TERMS + 1):
        term = term * power // _ONE_20 // divisor
        total += term
    return product * total // _ONE_20 * whole // 100


def _log(value: int) -> tuple[int, int]:
    """(sign, magnitude) of the natural logarithm, 18 decimals."""
    if value < WAD:
        return -1, _log(WAD * WAD // value)[1]
    total = 0
    for exponent, power in _LARGE_POWERS:
        if value >= power * WAD:
            value //= power
            total += exponent
    total *= 100
    value *= 100
    for exponent, power in _SMALL_POWERS:
        if value >= power:
            value = value * _ONE_20 // power
            total += exponent
    ratio = (value - _ONE_20) * _ONE_20 // (value + _ONE_20)
    return 1, (total + 2 * _odd_series(ratio, _ONE_20, last=11)) // 100


def _log_36(value: int) -> tuple[int, int]:
    """(sign, magnitude) of the natural logarithm near one, 36 decimals."""
    scaled = value * WAD
    ratio = abs(scaled - _ONE_36) * _ONE_36 // (scaled + _ONE_36)
    return (1 if scaled >= _ONE_36 else -1), 2 * _odd_series(ratio, _ONE_36, last=15)


def _odd_series(ratio: int, one: int, *, last: int) -> int:
    """z + z**3/3 + z**5/5 + ..., the inverse hyperbolic tangent."""
    squared = ratio * ratio // one
    total = term = ratio
    for divisor in range(3, last + 1, 2):
        term = term * squared // one
        total += term // divisor
    return total
