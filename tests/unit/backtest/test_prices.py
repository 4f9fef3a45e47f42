"""Prices hold no fault, whoever makes them, and nobody writes to them."""

from __future__ import annotations

import numpy as np
import pytest

from router.backtest.prices import Prices
from router.errors import InputError, InsufficientHistory, NotFinite
from tests.unit.backtest.series import days, prices_of, random_prices


@pytest.mark.parametrize("fault", [np.nan, np.inf, 0.0, -1.0])
def test_prices_that_are_no_positive_numbers_are_refused(fault: float) -> None:
    with pytest.raises(NotFinite):
        prices_of([[1.0], [fault], [2.0]])


def test_one_row_is_refused() -> None:
    with pytest.raises(InsufficientHistory, match="at least 2 rows, not 1"):
        prices_of([[1.0]])


@pytest.mark.parametrize("rows", [[0, 0], [1, 0]])
def test_times_that_do_not_ascend_are_refused(rows: list[int]) -> None:
    with pytest.raises(NotFinite, match="ascending"):
        Prices(days(2)[rows], ("A",), np.ones((2, 1)))


@pytest.mark.parametrize("assets", [(), ("A", "A"), ("A", "B", "C")])
def test_names_that_do_not_fit_the_columns_are_refused(assets: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        Prices(days(2), assets, np.ones((2, 2)))


def test_prices_are_a_copy_that_nobody_writes_to() -> None:
    values = np.ones((3, 1))
    prices = prices_of(values)
    values[0] = 7
    assert prices.values[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        prices.values[0] = 7


def test_a_day_of_many_years_is_a_365th() -> None:
    prices = random_prices(1, rows=730)
    assert prices.interval_years == pytest.approx(1 / 365)
    assert prices.years == pytest.approx(2)


def test_the_covariance_is_that_of_simple_returns_a_year() -> None:
    prices = random_prices(2, rows=400, assets=2)
    returns = np.diff(prices.values, axis=0) / prices.values[:-1]
    assert prices.covariance() == pytest.approx(np.cov(returns.T) * 365)
    assert random_prices(2, rows=50, assets=1).covariance().shape == (1, 1)


def test_columns_are_selected_in_the_order_asked_for() -> None:
    prices = random_prices(4)
    assert (prices.select(["C", "A"]).values == prices.values[:, [2, 0]]).all()
