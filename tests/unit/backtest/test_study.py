"""What is asked of a run is checked before anything runs."""

from __future__ import annotations

import pytest

from router.backtest import Backtest, Costs, Impact, PoolCosts, run
from router.errors import InputError, Unaffordable
from tests.unit.backtest.series import curves, random_prices, study_of

PRICES = random_prices(1, rows=5)


@pytest.mark.parametrize(
    ("targets", "error", "text"),
    [
        ({"A": 0.5, "b": 0.5}, InputError, "no prices for b .did you mean 'B'"),
        ({"A": -0.1}, InputError, r"targets\.A: should be a share"),
        ({"A": float("nan")}, InputError, r"targets\.A"),
        ({"A": 0.7, "B": 0.4}, Unaffordable, "sum to 1.1: more than the portfolio is worth"),
        ({"A": 0.5, "cash": 0.4}, InputError, "sum to 0.9 with cash"),
        ({}, InputError, "are empty"),
    ],
)
def test_targets_that_are_no_weights_are_refused(
    targets: dict[str, float], error: type[InputError], text: str
) -> None:
    with pytest.raises(error, match=text):
        Backtest(PRICES, targets)


def test_cash_gets_what_the_others_leave() -> None:
    assert Backtest(PRICES, {"B": 0.25}).weights.tolist() == [0, 0.25, 0, 0.75]
    assert Backtest(PRICES, {"B": 0.25, "cash": 0.75}).weights.tolist() == [0, 0.25, 0, 0.75]
    assert Backtest(PRICES, {"A": 0.5, "usd": 0.5}, cash="usd").assets == ("A", "B", "C", "usd")


@pytest.mark.parametrize("off", [1e-9, 2e-10, -1e-9])
def test_targets_that_sum_to_one_but_for_rounding_are_scaled_to_it(off: float) -> None:
    study = Backtest(PRICES, {"A": 0.6 + off, "B": 0.4, "cash": 0.0})
    assert study.weights.sum() == pytest.approx(1, abs=1e-15)
    assert run(study, "calendar_1").rebalances == len(PRICES)


@pytest.mark.parametrize("name", ["initial", "risk_aversion"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf")])
def test_amounts_that_are_not_positive_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        Backtest(PRICES, {"A": 1.0}, **{name: value})


def test_costs_that_lack_an_asset_are_refused() -> None:
    with pytest.raises(InputError, match="market: no curve for C"):
        study_of(PRICES, costs=Costs(market=curves("AB", 1e6)))
    with pytest.raises(InputError, match="no depth for B"):
        study_of(PRICES, costs=Costs(impact=Impact(0.01, {"A": 1e6})))


def test_a_price_column_called_like_cash_is_refused() -> None:
    with pytest.raises(InputError, match="numeraire"):
        Backtest(PRICES, {"A": 1.0}, cash="A")


def test_curves_need_the_value_that_they_were_measured_for() -> None:
    with pytest.raises(InputError, match=r"market\.nav"):
        PoolCosts(curves("ABC", 1.0).curves, 0.0)
