"""Rounding directions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from router.fixed_point import WAD, apportioned, div_up, mul_div_down, mul_div_half_up, mul_div_up

numbers = st.integers(0, 2**256)
positive = st.integers(1, 2**256)


@given(numbers, numbers, positive)
def test_mul_div_rounds_as_named(x: int, y: int, denominator: int) -> None:
    exact = Fraction(x * y, denominator)
    assert mul_div_down(x, y, denominator) == floor(exact)
    assert mul_div_up(x, y, denominator) == ceil(exact)
    assert mul_div_half_up(x, y, denominator) == floor(exact + Fraction(denominator // 2, denominator))


@given(numbers, positive)
def test_div_up_rounds_up(x: int, denominator: int) -> None:
    assert div_up(x, denominator) == ceil(Fraction(x, denominator))


def test_mul_div_half_up_rounds_halves_up() -> None:
    assert mul_div_half_up(5, 1, 10) == 1
    assert mul_div_half_up(4, 1, 10) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(any), st.sampled_from((10**4, 10**12, WAD)))
def test_what_is_apportioned_sums_to_the_whole(parts: list[float], whole: int) -> None:
    shares = [part / sum(parts) for part in parts]
    found = apportioned(shares, whole)
    assert sum(found) == whole
    largest = shares.index(max(shares))
    for place, (share, each) in enumerate(zip(shares, found, strict=True)):
        assert place == largest or abs(each - Fraction(share) * whole) <= Fraction(1, 2)


def test_the_rest_goes_where_it_should() -> None:
    assert apportioned([1 / 3] * 3, 100) == [34, 33, 33]
    assert apportioned([0.125, 0.875], 100) == [12, 88]
