"""Scenarios: moves of named crashes from recorded prices, and what a scenario knows of an asset."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError, InsufficientHistory, NotFinite
from router.strategy.scenarios import (
    CRASHES,
    DEAR_GAS,
    THIN,
    Crash,
    Scenario,
    at_once,
    correlated_fall,
    crash_scenario,
)
from tests.unit.strategy.recorded import PRICES, closes, huobi

WEEK = Crash("week", "a test", date(2020, 1, 2), date(2020, 1, 5))
DAYS = [date(2020, 1, 1) + timedelta(days=each) for each in range(6)]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.name)
def test_named_crashes_are_read_from_recorded_prices(crash: Crash) -> None:
    days, assets, prices = huobi() if crash.first.year < 2021 else closes()
    found = crash_scenario(crash, days, assets, prices, PRICES.name)
    start = days.index(crash.first)
    inside = prices[start : days.index(crash.last) + 1]
    lowest = inside.min(axis=0) / inside[0] - 1
    for place, asset in enumerate(assets):
        assert lowest[place] - 1e-12 <= found.moves[asset] <= 0
    assert found.moves.get("USD", 0) == 0
    assert found.moves["ETH"] < -0.25
    assert any(found.moves[asset] == pytest.approx(lowest[place]) for place, asset in enumerate(assets[:-1]))
    assert PRICES.name in found.source
    assert str(crash.first) in found.source


def test_two_sources_tell_much_the_same_of_a_crash() -> None:
    """By hand from Huobi's closes: 2020-03-06 to 12, and 2021-05-11 to 23."""
    worst = {
        "2020-03": {"BTC": 4798.07 / 9131.6 - 1, "ETH": 107.72 / 244.87 - 1},
        "2021-05": {"BTC": 34688.66 / 56673.36 - 1, "ETH": 2097.68 / 4173.49 - 1},
    }
    days, assets, prices = huobi()
    for crash in CRASHES[:2]:
        found = crash_scenario(crash, days, assets, prices, "Huobi").moves
        assert {asset: found[asset] for asset in ("BTC", "ETH")} == pytest.approx(worst[crash.name])
    late, names, others = closes()
    with pytest.raises(InsufficientHistory, match="2020-03 is from 2020-03-06"):
        crash_scenario(CRASHES[0], late, names, others, PRICES.name)
    found = crash_scenario(CRASHES[1], late, names, others, PRICES.name).moves
    assert {asset: found[asset] for asset in ("BTC", "ETH")} == pytest.approx(worst["2021-05"], abs=0.02)


def test_all_assets_move_to_the_same_day_the_worst_in_their_mean() -> None:
    prices = np.array([[9.0, 9], [4, 4], [2, 4], [3, 1], [4, 4], [0.1, 0.1]])
    found = crash_scenario(WEEK, DAYS, ["A", "B"], prices, "made up")
    assert found.moves == {"A": pytest.approx(3 / 4 - 1), "B": pytest.approx(1 / 4 - 1)}
    assert found.source == "a test: closes of 2020-01-02 to 2020-01-04, made up"


@pytest.mark.parametrize("kept", [slice(2, None), slice(0, 4), slice(0, 0)])
def test_prices_that_do_not_reach_over_the_window_are_refused(kept: slice) -> None:
    with pytest.raises(InsufficientHistory, match="week is from 2020-01-02 to 2020-01-05"):
        crash_scenario(WEEK, DAYS[kept], ["A"], np.ones((6, 1))[kept], "made up")


@pytest.mark.parametrize("price", [0.0, -1.0, np.nan, np.inf])
def test_a_price_in_the_window_that_is_none_is_refused(price: float) -> None:
    prices = np.ones((6, 2))
    prices[0, 1] = price
    crash_scenario(WEEK, DAYS, ["A", "B"], prices, "made up")
    prices[3, 1] = price
    with pytest.raises(NotFinite) as caught:
        crash_scenario(WEEK, DAYS, ["A", "B"], prices, "made up")
    assert caught.value.path == "prices[3, 1]"
    with pytest.raises(InputError, match="shape"):
        crash_scenario(WEEK, DAYS, ["A"], prices, "made up")


def test_an_asset_takes_its_own_move_then_its_classes_then_that_of_others() -> None:
    scenario = Scenario("s", "made up", {"ETH": -0.5, "alt": -0.7})
    assert scenario.move_of("ETH", {"ETH": "alt"}) == -0.5
    assert scenario.move_of("LINK", {"LINK": "alt"}) == -0.7
    assert scenario.find_move("DOGE", {"LINK": "alt"}) is None
    with pytest.raises(InputError, match="says nothing of DOGE"):
        scenario.move_of("DOGE")
    assert Scenario("s", "made up", {}, otherwise=-0.1).move_of("DOGE") == -0.1


@given(st.floats(0.05, 1), st.floats(0.001, 1), st.floats(0, 3))
def test_a_correlated_fall_is_so_many_deviations_of_each(
    volatility: float, years: float, deviations: float
) -> None:
    covariance = np.diag([volatility**2, (2 * volatility) ** 2, 0.0])
    found = correlated_fall(["A", "B", "USD"], covariance, years, deviations)
    falls = [-np.log1p(found.moves[asset]) for asset in ("A", "B")]
    assert falls[0] == pytest.approx(deviations * volatility * np.sqrt(years), abs=1e-9)
    assert falls[1] == pytest.approx(2 * falls[0], abs=1e-9)
    assert found.moves["USD"] == 0
    stressed = found.covariance(covariance)
    assert np.diag(stressed) == pytest.approx(np.diag(covariance))
    assert stressed[0, 1] == pytest.approx(2 * volatility**2)
    assert np.linalg.eigvalsh(stressed).min() >= -1e-9


def test_at_once_everything_is_bad() -> None:
    found = at_once(Scenario("crash", "made up", {"ETH": -0.5}, otherwise=-0.3))
    assert (found.liquidity, found.gas, found.correlation) == (Fraction(1, 2), 20, 1.0)
    assert found.moves == {"ETH": -0.5}
    assert found.otherwise == -0.3
    assert THIN.move_of("ETH") == DEAR_GAS.move_of("ETH") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"moves": {"A": -1.0}},
        {"moves": {"A": float("nan")}},
        {"otherwise": -1.5},
        {"correlation": 1.1},
        {"correlation": -0.1},
        {"liquidity": Fraction(0)},
        {"gas": Fraction(-1)},
    ],
)
def test_impossible_scenarios_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Scenario("s", "made up", **change)
