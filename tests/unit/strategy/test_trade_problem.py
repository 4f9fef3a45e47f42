"""What one decision is given, and what is refused of it."""

import numpy as np
import pytest

from router.errors import InfeasibleWeights, InputError
from router.strategy.costs import MarketCost
from router.strategy.no_trade_region import is_inside
from router.strategy.trade_problem import TradeProblem, trade_problem
from router.strategy.trade_program import cheapest_trade

COST = MarketCost.proportional(("WETH", "USDC"), 0.003, cash="USDC")
GIVEN = {
    "weights": np.array([0.6, 0.4]),
    "targets": np.array([0.5, 0.5]),
    "covariance": np.diag([0.64, 0.0]),
    "cost": COST,
    "risk_aversion": 3.0,
    "horizon_years": 0.25,
}


def problem(**changes: object) -> TradeProblem:
    return trade_problem(**(GIVEN | changes))  # type: ignore[arg-type]


def test_the_drift_cost_is_half_the_pull_of_the_deviation() -> None:
    assert problem().drift_cost(np.array([0.6, 0.4])) == pytest.approx(3 * 0.25 / 2 * 0.64 * 0.01)


def test_limits_and_depth_bound_what_each_weight_may_change() -> None:
    least, most = problem(floors={"WETH": 0.45}, caps={"WETH": 0.55}).reach
    assert (least[0], most[0]) == (pytest.approx(-0.15), pytest.approx(-0.05))
    assert problem(caps={"WETH": 0.55}).broken == ("WETH",)
    assert problem(floors={"USDC": 0.45}).broken == ("USDC",)
    assert problem().broken == ()


def test_elsewhere_limits_give_way_where_they_are_broken() -> None:
    moved = problem(caps={"WETH": 0.65}).moved(np.array([0.7, 0.3]))
    assert moved.caps[0] == 0.7
    assert moved.broken == ()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"weights": np.array([0.6, 0.5])}, "weights"),
        ({"targets": np.array([0.5, 0.4])}, "weights"),
        ({"weights": np.array([0.6, 0.2, 0.2])}, "weights"),
        ({"covariance": np.eye(3)}, "covariance"),
        ({"covariance": np.array([[0.1, 0.2], [0.0, 0.1]])}, "covariance"),
        ({"covariance": np.array([[0.1, 0.2], [0.2, 0.1]])}, "covariance"),
        ({"covariance": np.array([[np.nan, 0.0], [0.0, 0.0]])}, "covariance[0, 0]"),
        ({"risk_aversion": 0.0}, "risk_aversion"),
        ({"horizon_years": -1.0}, "horizon_years"),
        ({"caps": {"DAI": 0.5}}, "caps"),
        ({"floors": {"WETH": -0.1}}, "floors.WETH"),
    ],
)
def test_what_makes_no_problem_is_refused_with_its_place(changes: dict[str, object], path: str) -> None:
    with pytest.raises(InputError) as refused:
        problem(**changes)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "limits",
    [
        {"caps": {"WETH": 0.4, "USDC": 0.4}},
        {"floors": {"WETH": 0.6, "USDC": 0.6}},
        {"floors": {"WETH": 0.6}, "caps": {"WETH": 0.5}},
        {"caps": {"WETH": 1.5}},
    ],
)
def test_limits_that_no_weights_keep_are_refused(limits: dict[str, dict[str, float]]) -> None:
    with pytest.raises(InfeasibleWeights):
        problem(**limits)


def test_limits_keep_weights_where_only_their_rounding_is_in_the_way() -> None:
    assets, held = ("A", "B", "C"), np.array([0.7, 0.2, 0.1])
    assert held.sum() < 1
    cost, covariance = MarketCost.proportional(assets, 0.003), np.diag([0.64, 0.36, 0.0])
    limits = dict(zip(assets, held.tolist(), strict=True))
    frozen = problem(
        weights=held,
        targets=np.array([0.4, 0.3, 0.3]),
        covariance=covariance,
        cost=cost,
        floors=limits,
        caps=limits,
    )
    assert is_inside(frozen)
    assert is_inside(frozen, open_depth=True)
    assert not cheapest_trade(frozen).any()
