"""What one look at a portfolio says, and what it refuses."""

import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.drift import DriftKind
from router.strategy.observation import Observation
from tests.unit.strategy.trigger_cases import ASSETS, START, seen


def test_arrays_become_exact_floats():
    covariance = np.array([[0.1, 0.2], [0.2, 0.7]])
    observation = Observation.of(ASSETS, np.array([0.1, 0.9]), np.array([0.3, 0.7]), covariance)
    assert observation.weights == (0.1, 0.9)
    assert observation.covariance == ((0.1, 0.2), (0.2, 0.7))
    assert {type(value) for value in (*observation.weights, *observation.covariance[0])} == {float}
    assert observation.drift().of(DriftKind.L1) == pytest.approx(0.4)


def test_trade_is_the_way_to_the_target_unless_it_is_known():
    observation = seen(0.25, nav=1000.0)
    assert observation.traded(observation.drift()) == 250
    observation = seen(0.25, nav=1000.0, trade=40.0)
    assert observation.traded(observation.drift()) == 40


def test_trade_without_a_nav_is_refused():
    observation = seen(0.25)
    with pytest.raises(InputError, match="nav"):
        observation.traded(observation.drift())


def test_price_age_is_the_oldest_of_what_is_held_or_wanted():
    times = (START, START - timedelta(hours=2), START - timedelta(hours=9))
    observation = Observation.of(("A", "B", "C"), [1, 0, 0], [0.5, 0.5, 0], priced_at=times)
    assert observation.price_age(START + timedelta(hours=1)) == timedelta(hours=3)


def test_price_from_the_future_has_no_age():
    assert seen(0.0, priced_at=(START, START)).price_age(START - timedelta(hours=1)) == timedelta()


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"priced_at": (START,)}, "priced_at: has 1 entries for 2 assets"),
        ({"priced_at": (START, datetime(2024, 1, 1))}, "priced_at: should carry a time zone"),
        ({"covariance": [[1.0]]}, "covariance: has 1 entries"),
        ({"covariance": [[1.0], [0.0]]}, r"covariance\[0\]: has 1 entries for 2 assets"),
        ({"trade": -1.0}, "trade: should be an amount"),
        ({"trade": math.nan}, "trade: should be an amount"),
        ({"gas_price_wei": -1}, "gas_price_wei: should be an amount"),
    ],
)
def test_impossible_observation_is_refused(others, says):
    with pytest.raises(InputError, match=says):
        seen(0.0, **others)


def test_prices_without_times_are_refused_where_their_age_matters():
    with pytest.raises(InputError, match="priced_at"):
        seen(0.0).price_age(START)
