"""Every integer rounding decision in one place. All values are raw integers unless named otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

BPS = 10_000
PIPS = 1_000_000
WAD = 10**18
Q96 = 1 << 96
MAX_U24 = (1 << 24) - 1
MAX_U40 = (1 << 40) - 1
MAX_U128 = (1 << 128) - 1
MAX_U160 = (1 << 160) - 1
MAX_U256 = (1 << 256) - 1

SHARE_ONE = 1 << 64
"""A share of 1. Shares are integers in units of 2**-64, as the executor reads them."""

PRICE_ONE = 10**36
"""One numeraire unit per raw token unit, as the executor's value bound reads prices."""


def mul_div_down(x: int, y: int, denominator: int) -> int:
    """x * y / denominator, rounded down."""
    return x * y // denominator


def mul_div_up(x: int, y: int, denominator: int) -> int:
    """x * y / denominator, rounded up."""
    return -(-x * y // denominator)


def div_up(x: int, denominator: int) -> int:
    """x / denominator, rounded up."""
    return -(-x // denominator)


def mul_div_half_up(x: int, y: int, denominator: int) -> int:
    """x * y / denominator, halves rounded up (Aave v3.0 PercentageMath.percentMul)."""
    return (x * y + denominator // 2) // denominator


def apportioned(shares: Sequence[float | Fraction], whole: int) -> list[int]:
    """Shares of 1 as integers that sum to `whole`: each rounded, halves to even, the rest to the first of the
    largest."""
    found = [round(Fraction(share) * whole) for share in shares]
    found[max(range(len(found)), key=shares.__getitem__)] += whole - sum(found)
    return found
