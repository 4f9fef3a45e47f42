"""Every fault has its name, and one repair that is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backtest.repairs import LONGEST_GAP, Table, checked, names_of, split_ratio
from router.errors import (
    DuplicatedTime,
    InsufficientHistory,
    MissingPrice,
    NonPositivePrice,
    NotFinite,
    PriceGap,
    PriceJump,
    RouterError,
    UnsortedTimes,
)
from tests.unit.backtest.series import DAY, days

NAN, INF = float("nan"), float("inf")


def table(*rows: float, at: list[int] | None = None) -> Table:
    """One asset, daily unless days are given."""
    times = days(1000)[at] if at else days(len(rows))
    return Table(times, ("A",), np.array(rows, dtype=np.float64)[:, None], "file")


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (table(1, NAN, 2, NAN), MissingPrice, r"A at 2021-01-02.* missing; 1 more"),
        (table(1, INF, 2), NotFinite, "is infinite"),
        (table(1, 0, 2), NonPositivePrice, "is not above 0"),
        (table(1, -3, 2), NonPositivePrice, "is not above 0"),
        (table(1, 2, 3, at=[0, 2, 1]), UnsortedTimes, "2021-01-02.* follows 2021-01-03"),
        (table(1, 2, 3, at=[0, 1, 1]), DuplicatedTime, "1 rows repeat a time, first 2021-01-02"),
        (table(10, 20.01, 20), PriceJump, "like a split"),
        (table(20, 5, 5), PriceJump, "like a split"),
        (table(1, 13.3, 13), PriceJump, "factor of 13.3"),
        (table(1, 1, 1, 1, at=[0, 1, 2, 3 + LONGEST_GAP]), PriceGap, "10 rows are missing after 2021-01-03"),
        (table(5.0), InsufficientHistory, "has 1 row;"),
        (table(), InsufficientHistory, "has 0 rows;"),
        (table(NAN, NAN, NAN), MissingPrice, "is missing"),
    ],
)
def test_a_fault_is_refused_by_name(given: Table, error: type[RouterError], text: str) -> None:
    with pytest.raises(error, match=text) as found:
        checked(given, repair=False)
    assert "file" in str(found.value)


@pytest.mark.parametrize(
    ("given", "values", "counts"),
    [
        (table(1, NAN, 2, NAN), [1, 1, 2, 2], {"missing": 2}),
        (table(NAN, 3, NAN, 4), [3, 3, 4], {"missing": 2, "dropped_rows": 1}),
        (table(1, INF, 1.2), [1, 1, 1.2], {"infinite": 1}),
        (table(1, 0, 1.2, -7), [1, 1, 1.2, 1.2], {"nonpositive": 2}),
        (table(1, 3, 2, at=[0, 2, 1]), [1, 2, 3], {"sorted_rows": 2}),
        (table(1, 1.1, 1.2, at=[0, 1, 1]), [1, 1.2], {"duplicates": 1}),
        (table(10, 20, 21), [20, 20, 21], {"splits": 1}),
        (table(30, 10, 10), [10, 10, 10], {"splits": 1}),
        (table(1, 100, 1), [1, 1, 1], {"splits": 2}),
        (table(1, 1, 2, 3, at=[0, 1, 2, 14]), [1, 1, *[2] * 12, 3], {"filled_rows": 11}),
    ],
)
def test_a_repair_is_the_one_stated_and_counted(
    given: Table, values: list[float], counts: dict[str, int]
) -> None:
    # 1 -> 2 -> 3 are no splits here: what follows tests another fault.
    found, repairs = checked(given, repair=True, keep_jumps="splits" not in counts)
    assert found.values[:, 0] == pytest.approx(values)
    assert repairs.total == sum(counts.values())
    assert {name: getattr(repairs, name) for name in counts} == counts
    assert len(repairs.details) == sum(counts[name] if name == "splits" else 1 for name in counts)
    assert (np.diff(found.times) > np.timedelta64(0)).all()


def test_what_no_repair_is_known_for_is_refused_even_then() -> None:
    with pytest.raises(PriceJump, match=r"13\.3"):
        checked(table(1, 13.3, 13), repair=True)
    with pytest.raises(InsufficientHistory, match="no price at all"):
        checked(table(NAN, NAN), repair=True)
    with pytest.raises(InsufficientHistory):
        checked(table(NAN, 1), repair=True)
    wrong_year = replace(table(1, 1, 1, 1), times=np.append(days(3), np.datetime64("9021-01-01", "us")))
    with pytest.raises(PriceGap, match="too many"):
        checked(wrong_year, repair=True)


def test_jumps_said_to_be_real_are_kept() -> None:
    found, repairs = checked(table(1, 50, 50), repair=False, keep_jumps=True)
    assert found.values[:, 0].tolist() == [1, 50, 50]
    assert repairs.total == 0


def test_holidays_are_counted_and_left() -> None:
    found, repairs = checked(table(*[1] * 7, at=[0, 1, 2, 3, 6, 7, 16]), repair=False)
    assert len(found.times) == 7
    assert (repairs.gaps, repairs.total) == (2, 0)
    assert repairs.details == ("2 gaps of up to 8 rows left as they are",)


@given(st.floats(0.54, 1.85))
def test_a_large_daily_move_is_no_split(change: float) -> None:
    assert split_ratio(change) == 0


@given(st.integers(2, 100), st.floats(-0.004, 0.004))
def test_a_split_is_known_both_ways(ratio: int, move: float) -> None:
    assert split_ratio(ratio * (1 + move)) == ratio
    assert split_ratio(1 / (ratio * (1 + move))) == -ratio


@given(st.permutations(range(8)), st.sets(st.integers(1, 6), max_size=4))
def test_repaired_rows_pass_unrepaired(order: list[int], holes: set[int]) -> None:
    values = [NAN if row in holes else 10.0 + row for row in range(8)]
    mixed = Table(days(8)[order], ("A",), np.array(values)[order][:, None])
    found, _ = checked(mixed, repair=True)
    again, repairs = checked(found, repair=False)
    assert repairs.total == 0
    assert (again.values == found.values).all()
    assert (np.diff(again.times) == DAY).all()


def test_names_lose_their_ending_unless_that_makes_two_alike() -> None:
    assert names_of(["BTC_close", "ETH_Close", "LINK"]) == ("BTC", "ETH", "LINK")
    assert names_of(["BTC_close", "BTC_price"]) == ("BTC_close", "BTC_price")
    assert names_of(["_close"]) == ("_close",)
