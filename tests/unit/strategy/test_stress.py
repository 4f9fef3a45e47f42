"""Stress rows: values and drift after the move, and the verdict that the worst finding gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import GuardRefused, Infeasible, InputError, InsufficientLiquidity, NotFinite, NothingToDo
from router.strategy.safety import Collateral, Position
from router.strategy.scenarios import CALM, Scenario, correlated_fall
from router.strategy.stress import Debt, Stressed, StressVerdict, stress

ASSETS = ("ETH", "BTC", "USD")
TARGETS = (0.5, 0.3, 0.2)
VALUES = (50.0, 30.0, 20.0)
CRASH = Scenario("crash", "made up", {"ETH": -0.6, "BTC": -0.4, "USD": 0.0})


def one(scenario: Scenario = CRASH, **changes: object) -> Stressed:
    fields = {"tolerance": 0.02, "max_cost": 0.01, **changes}
    (row,) = stress(ASSETS, VALUES, TARGETS, [scenario], **fields)
    return row


@given(
    st.lists(st.floats(1e-3, 1e9), min_size=3, max_size=3),
    st.lists(st.floats(-0.99, 5), min_size=3, max_size=3),
)
def test_values_and_drift_are_those_of_the_moved_holdings(values: list[float], moves: list[float]) -> None:
    scenario = Scenario("s", "made up", dict(zip(ASSETS, moves, strict=True)))
    (row,) = stress(ASSETS, values, TARGETS, [scenario], tolerance=0.02, max_cost=0.01)
    after = np.array(values) * (1 + np.array(moves))
    assert row.value_before == pytest.approx(sum(values))
    assert row.value_after == pytest.approx(after.sum())
    assert row.value_change == pytest.approx(after.sum() / sum(values) - 1)
    assert row.drift == pytest.approx(np.abs(after / after.sum() - TARGETS).max())
    assert row.verdict is (StressVerdict.DRIFTED if row.drift > 0.02 else StressVerdict.HOLDS)
    assert (row.cost_to_target, row.plan_holds, row.health_factor, row.tracking_error) == (None,) * 4


def test_a_calm_market_holds() -> None:
    row = one(CALM, cost_to_target=lambda scenario: 0.0, find_broken_bound=lambda scenario: "")
    assert (row.verdict, row.value_change, row.plan_holds) == (StressVerdict.HOLDS, 0.0, True)


def test_an_affordable_way_back_is_only_drift() -> None:
    row = one(cost_to_target=lambda scenario: 0.4)
    assert row.verdict is StressVerdict.DRIFTED
    assert row.cost_share == pytest.approx(0.4 / 58)


def test_a_way_back_that_costs_too_much_is_costly() -> None:
    row = one(cost_to_target=lambda scenario: 0.6)
    assert row.verdict is StressVerdict.COSTLY
    assert "1.03% of the value, 1.00% are allowed" in row.reason


@pytest.mark.parametrize("error", [Infeasible, InsufficientLiquidity, GuardRefused])
def test_a_target_that_nothing_reaches_is_unreachable(error: type[Exception]) -> None:
    def refuse(scenario: Scenario) -> float:
        raise error(f"no way in {scenario.name}")

    row = one(cost_to_target=refuse)
    assert (row.verdict, row.reason) == (StressVerdict.UNREACHABLE, "no way in crash")
    assert row.cost_to_target is None


def test_nothing_to_do_costs_nothing_and_other_errors_are_not_hidden() -> None:
    def idle(scenario: Scenario) -> float:
        raise NothingToDo("within tolerance")

    assert one(cost_to_target=idle).cost_to_target == 0

    def broken(scenario: Scenario) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one(cost_to_target=broken)


def test_a_plan_that_trips_its_bounds_is_told_beside_the_verdict() -> None:
    row = one(find_broken_bound=lambda scenario: "InsufficientReceived")
    assert (row.plan_holds, row.broken_bound) == (False, "InsufficientReceived")
    assert row.verdict is StressVerdict.DRIFTED


def test_a_debt_below_a_health_factor_of_one_is_liquidated_whatever_else() -> None:
    position = Position((Collateral("ETH", 10_000, 8_000),), 3_000)
    row = one(debt=Debt(position, "USD"), cost_to_target=lambda scenario: 99.0)
    assert row.verdict is StressVerdict.COSTLY
    assert row.health_factor == pytest.approx(4_000 * 0.8 / 3_000)
    deep = Position(position.collateral, 3_201)
    assert one(debt=Debt(deep, "USD")).verdict is StressVerdict.LIQUIDATED
    dearer = Scenario("s", "made up", {"ETH": 0.0, "BTC": 3.0, "USD": 0.0})
    assert one(dearer, debt=Debt(position, "BTC")).health_factor == pytest.approx(8_000 / 12_000)


def test_the_tracking_error_is_that_of_the_scenarios_correlation() -> None:
    covariance = np.diag([0.64, 0.36, 0.0])
    fall = correlated_fall(ASSETS, covariance, 1 / 52, 3.0)
    row = one(fall, covariance=covariance)
    weights = np.array(VALUES) * (1 + np.array([fall.moves[asset] for asset in ASSETS]))
    deviation = weights / weights.sum() - TARGETS
    assert row.tracking_error == pytest.approx(abs(deviation @ [0.8, 0.6, 0.0]))


def test_rows_keep_their_order_and_go_into_a_table() -> None:
    rows = stress(ASSETS, VALUES, TARGETS, [CRASH, CALM], tolerance=0.02, max_cost=0.01)
    assert [row.scenario for row in rows] == ["crash", "as it is"]
    records = json.loads(json.dumps([row.to_record() for row in rows]))
    assert records[0].keys() == records[1].keys()
    assert [record["verdict"] for record in records] == ["drifted", "holds"]


def test_a_class_moves_its_assets() -> None:
    scenario = Scenario("s", "made up", {"coin": -0.5, "USD": 0.0})
    assert one(scenario, classes={"ETH": "coin", "BTC": "coin"}).value_after == pytest.approx(60)
    with pytest.raises(InputError, match="says nothing of BTC"):
        one(scenario, classes={"ETH": "coin"})


@pytest.mark.parametrize("limit", ["tolerance", "max_cost"])
def test_limits_that_would_find_nothing_are_refused(limit: str) -> None:
    for value in (float("nan"), -0.1):
        with pytest.raises(InputError) as caught:
            one(**{limit: value})
        assert caught.value.path == limit
    with pytest.raises(NotFinite, match="costs nan"):
        one(cost_to_target=lambda scenario: float("nan"))


@pytest.mark.parametrize("values", [(1.0, 2.0), (-1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (np.nan, 1.0, 1.0)])
def test_impossible_values_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(InputError) as caught:
        stress(ASSETS, values, TARGETS, [CALM], tolerance=0.02, max_cost=0.01)
    assert caught.value.path == "values"


def test_what_guards_refuse_is_the_verdict_unless_it_is_worse() -> None:
    told = ("DepthExceeded: too much",)
    row = one(cost_to_target=lambda scenario: 99.0, find_refusals=lambda scenario: told)
    assert (row.verdict, row.refused, row.reason) == (StressVerdict.REFUSED, told, told[0])
    assert row.cost_to_target == 99.0
    assert one(cost_to_target=lambda scenario: 0.0, find_refusals=lambda scenario: ()).refused == ()

    def unreachable(scenario: Scenario) -> float:
        raise Infeasible("no pool")

    def never(scenario: Scenario) -> tuple[str, ...]:
        raise AssertionError("there is no way back to be refused")

    row = one(cost_to_target=unreachable, find_refusals=never)
    assert (row.verdict, row.refused) == (StressVerdict.UNREACHABLE, ())
