"""Attribution: parts that sum to the measured total, each to what it is alone, and the recorded figures."""

from __future__ import annotations

from dataclasses import fields, replace
from math import fsum, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError, NotFinite, Unaffordable
from router.strategy.attribution import Bills, Parts, attribute, excess_growth_rate
from tests.unit.strategy.recorded import closes, huobi

DAYS = 365.25


def size(parts: Parts) -> float:
    return fsum(abs(getattr(parts, part.name)) for part in fields(parts))


@st.composite
def windows(draw: st.DrawFn) -> dict[str, object]:
    """A random portfolio over a random window; None stands for what is left out."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, assets = draw(st.integers(2, 40)), draw(st.integers(1, 6))
    steps = rng.normal(0, draw(st.sampled_from((0.0, 0.01, 0.3))), (rows, assets))
    prices = 10.0 ** rng.uniform(-9, 6, assets) * np.exp(np.cumsum(steps, axis=0))
    weights = rng.dirichlet(np.ones(assets), rows)
    moving = draw(st.booleans())
    targets = rng.dirichlet(np.ones(assets), rows if moving else None)
    value = 10.0 ** draw(st.integers(2, 9))
    bill = st.sampled_from((None, 0.0, 1e-9, 1e-3))
    size_of = [draw(bill) for _ in range(4)]
    bills = [None if each is None else value * each * rng.uniform(-0.2, 1, rows) for each in size_of]
    flows = value * rng.uniform(0, 0.2, rows) if draw(st.booleans()) else None
    return {
        "prices": prices,
        "weights": weights,
        "targets": targets,
        "bills": Bills(*bills),
        "initial_value": value,
        "years": draw(st.floats(0.01, 5)),
        "flows": flows,
    }


def replayed(window: dict[str, object]) -> tuple[float, float, float]:
    """(final value, time-weighted log growth, bills in all), by holding units."""
    prices, weights = np.asarray(window["prices"]), np.asarray(window["weights"])
    bills, flows = window["bills"], window["flows"]
    value, growth, paid = float(window["initial_value"]), 0.0, 0.0
    for row in range(len(prices)):
        each = (getattr(bills, bill.name) for bill in fields(bills))
        cost = sum(0.0 if column is None else float(column[row]) for column in each)
        start = value + (0.0 if flows is None else float(flows[row]))
        units = (start - cost) * weights[row] / prices[row]
        value = units @ prices[min(row + 1, len(prices) - 1)]
        growth += log(value / start)
        paid += cost
    return value, growth, paid


@given(windows())
def test_parts_sum_to_the_return_in_growth_and_in_money(window: dict[str, object]) -> None:
    found = attribute(**window)
    value, growth, paid = replayed(window)
    flowed = 0.0 if window["flows"] is None else float(np.sum(window["flows"]))
    start = float(window["initial_value"])
    rounding = 1e-12 * size(found.growth) + 1e-15 * len(np.asarray(window["prices"]))
    assert found.growth.total == pytest.approx(growth, rel=1e-12, abs=rounding)
    gain = value - start - flowed
    assert found.money.total == pytest.approx(gain, rel=1e-12, abs=1e-12 * max(value, start, flowed))
    assert found.money.trading_cost == pytest.approx(paid, rel=1e-12, abs=1e-12 * start)
    assert found.growth.unexplained == found.money.unexplained == 0


@given(windows())
def test_money_costs_are_the_bills(window: dict[str, object]) -> None:
    found, bills = attribute(**window), window["bills"]
    for bill in fields(bills):
        column = getattr(bills, bill.name)
        expected = 0.0 if column is None else -fsum(column)
        assert getattr(found.money, bill.name) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(windows())
def test_a_measured_value_leaves_the_rest_unexplained(window: dict[str, object]) -> None:
    rows = len(np.asarray(window["prices"]))
    values = float(window["initial_value"]) * np.random.default_rng(rows).uniform(0.5, 2, rows)
    found = attribute(**window, values=values)
    flowed = 0.0 if window["flows"] is None else float(np.sum(window["flows"]))
    gain = values[-1] - float(window["initial_value"]) - flowed
    scale = max(values.max(), flowed)
    assert found.money.total == pytest.approx(gain, rel=1e-12, abs=1e-11 * scale)
    if window["flows"] is None:
        growth = log(values[-1] / float(window["initial_value"]))
        assert found.growth.total == pytest.approx(growth, rel=1e-12, abs=1e-12 * size(found.growth))


@given(windows())
def test_holding_the_start_weights_is_drift_and_nothing_else(window: dict[str, object]) -> None:
    prices = np.asarray(window["prices"])
    worth = prices / prices[0] * np.asarray(window["weights"])[0]
    held = worth / worth.sum(axis=1, keepdims=True)
    found = attribute(prices, held, held, Bills(), 1.0, 1.0)
    assert found.growth.drift == pytest.approx(log(worth[-1].sum()), abs=1e-13 * len(prices) * 10)
    rest = replace(found.growth, drift=0.0)
    assert rest.total == pytest.approx(0, abs=1e-11)
    assert rest.tracking_difference == 0
    assert found.realised_tracking_error == 0


@given(windows())
def test_dispersion_is_never_negative_and_neither_is_modelled_excess_growth(
    window: dict[str, object],
) -> None:
    found = attribute(**window)
    assert found.realised_dispersion >= -1e-12
    assert found.realised_excess_growth >= -1e-12
    assert found.modelled_excess_growth >= -1e-12
    premium = found.realised_excess_growth - found.realised_dispersion
    assert found.growth.rebalancing_premium == pytest.approx(premium, rel=1e-9, abs=1e-12)


@given(windows(), st.floats(1e-6, 1e6))
def test_the_unit_of_money_changes_nothing(window: dict[str, object], unit: float) -> None:
    columns = [getattr(window["bills"], bill.name) for bill in fields(window["bills"])]
    scaled = Bills(*(None if each is None else each * unit for each in columns))
    flows = None if window["flows"] is None else window["flows"] * unit
    other = attribute(
        **{**window, "bills": scaled, "flows": flows, "initial_value": window["initial_value"] * unit}
    )
    found = attribute(**window)
    for part in fields(Parts):
        ours, theirs = found.growth, other.growth
        assert getattr(theirs, part.name) == pytest.approx(getattr(ours, part.name), rel=1e-9, abs=1e-13)


def test_targets_that_move_and_a_start_off_them_have_a_part_of_their_own() -> None:
    prices = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 3.0]])
    targets = np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 1.0]])
    found = attribute(prices, np.tile([0.25, 0.75], (3, 1)), targets, Bills(), 1.0, 1.0)
    assert found.growth.target_changes == pytest.approx(0.25 * log(2) + 0.25 * log(3))
    still = attribute(prices, np.tile([0.25, 0.75], (3, 1)), [0.25, 0.75], Bills(), 1.0, 1.0)
    assert still.growth.target_changes == 0
    assert still.growth.tracking_difference == 0


def test_tracking_error_is_the_annual_root_mean_square_of_differences() -> None:
    rng = np.random.default_rng(5)
    prices = np.exp(np.cumsum(rng.normal(0, 0.02, (366, 2)), axis=0))
    held = np.tile([0.6, 0.4], (366, 1))
    found = attribute(prices, held, [0.5, 0.5], Bills(), 1.0, 365 / DAYS)
    ratios = prices[1:] / prices[:-1]
    differences = np.log(ratios @ [0.6, 0.4]) - np.log(ratios @ [0.5, 0.5])
    assert found.realised_tracking_error == pytest.approx(np.sqrt(np.mean(differences**2) * DAYS))
    covariance = np.cov(np.log(ratios), rowvar=False) * DAYS
    away = np.array([0.1, -0.1])
    assert found.realised_tracking_error == pytest.approx(np.sqrt(away @ covariance @ away), rel=0.02)


@pytest.mark.parametrize(
    ("change", "error", "path"),
    [
        ({"prices": [[1.0, 2.0]]}, InputError, "prices"),
        ({"prices": [[1.0, 2.0], [1.0, 0.0]]}, InputError, "prices[1, 1]"),
        ({"prices": [[1.0, 2.0], [-1.0, 2.0]]}, InputError, "prices[1, 0]"),
        ({"prices": [[1.0, 2.0], [1.0, np.nan]]}, NotFinite, "prices[1, 1]"),
        ({"weights": [[0.5, 0.5]]}, InputError, "weights"),
        ({"weights": [[0.5, 0.5], [50.0, 50.0]]}, InputError, "weights[1]"),
        ({"weights": [[0.5, 0.5], [1.5, -0.5]]}, InputError, "weights"),
        ({"targets": [0.5, 0.4]}, InputError, "targets[0]"),
        ({"targets": [0.5, 0.25, 0.25]}, InputError, "targets"),
        ({"bills": Bills(fees=[1.0])}, InputError, "bills.fees"),
        ({"bills": Bills(gas=[1.0, np.inf])}, NotFinite, "bills.gas[1]"),
        ({"bills": Bills(gas=[0.0, 200.0])}, Unaffordable, "bills[1]"),
        ({"flows": [0.0, -200.0]}, Unaffordable, "bills[1]"),
        ({"values": [1.0, 0.0]}, InputError, "values[1]"),
        ({"initial_value": 0.0}, InputError, "initial_value"),
        ({"years": 0.0}, InputError, "years"),
    ],
)
def test_what_cannot_be_split_is_refused_by_place(
    change: dict[str, object], error: type[InputError], path: str
) -> None:
    fine = {
        "prices": [[1.0, 2.0], [1.1, 2.0]],
        "weights": [[0.5, 0.5]] * 2,
        "targets": [0.5, 0.5],
        "bills": Bills(),
        "initial_value": 100.0,
        "years": 1.0,
    }
    with pytest.raises(error) as caught:
        attribute(**{**fine, **change})
    assert caught.value.path == path


def test_realised_excess_growth_is_near_fernholz_on_recorded_prices() -> None:
    times, _, prices = closes()
    years = (times[-1] - times[0]).days / DAYS
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    found = attribute(prices, np.tile(weights, (len(prices), 1)), weights, Bills(), 1e6, years)
    assert found.growth.total == pytest.approx(log(np.prod(prices[1:] / prices[:-1] @ weights)), rel=1e-12)
    assert found.growth.tracking_difference == found.growth.target_changes == 0
    assert found.realised_excess_growth / found.modelled_excess_growth == pytest.approx(1, abs=0.05)
    covariance = np.cov(np.diff(np.log(prices), axis=0), rowvar=False) * (len(prices) - 1) / years
    assert found.modelled_excess_growth / years == pytest.approx(excess_growth_rate(weights, covariance))
    assert found.growth.rebalancing_premium < found.realised_excess_growth


def test_excess_growth_of_five_coins_held_equally_is_the_noted_one() -> None:
    times, assets, prices = huobi()
    days = (times[-1] - times[0]).days
    weights = np.full(len(assets), 1 / len(assets))
    found = attribute(prices, np.tile(weights, (len(prices), 1)), weights, Bills(), 1e6, days / 365)
    covariance = np.cov(np.diff(np.log(prices), axis=0), rowvar=False) * 365
    assert excess_growth_rate(weights, covariance) == pytest.approx(0.1550, abs=5e-5)
    assert found.realised_excess_growth / found.modelled_excess_growth == pytest.approx(1.0148, abs=5e-5)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_excess_growth_rate_is_that_of_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(4, 4))
    covariance, weights = factor @ factor.T, rng.dirichlet(np.ones(4))
    pairs = sum(
        weights[i] * weights[j] * (covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]) / 2
        for i in range(4)
        for j in range(i)
    )
    assert excess_growth_rate(weights, covariance) == pytest.approx(pairs)
