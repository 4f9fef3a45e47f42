"""Partial trading against the linear-quadratic program that it solves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.partial_trading import partial_trading


@given(st.floats(0.1, 50), st.floats(0.01, 1000), st.floats(0, 0.5))
def test_the_rate_is_that_of_the_riccati_recursion(
    risk_aversion: float, impact: float, discount: float
) -> None:
    kept, curvature = 1 - discount, 0.0
    for _ in range(20_000):
        pull = kept * (risk_aversion + curvature)
        curvature = impact * pull / (impact + pull)
    found = partial_trading(risk_aversion=risk_aversion, impact=impact, discount=discount)
    assert found.rate == pytest.approx(curvature / impact, rel=1e-9)
    assert found.urgency == pytest.approx(risk_aversion / (risk_aversion + curvature), rel=1e-9)
    assert 0 < found.rate <= 1
    assert 0 < found.urgency < 1


def test_steps_follow_the_cheapest_path_to_moving_targets() -> None:
    risk_aversion, impact, periods = 3.0, 20.0, 400
    targets = np.full((periods, 1), 0.3)
    targets[:6, 0] = [0.5, 0.45, 0.2, 0.2, 0.6, 0.4]
    # min sum (risk_aversion / 2)(x_t - target_t)2 + (impact / 2)(x_t - x_t-1)2 from x = 0.8
    differences = np.eye(periods) - np.eye(periods, k=-1)
    system = risk_aversion * np.eye(periods) + impact * differences.T @ differences
    path = np.linalg.solve(system, risk_aversion * targets[:, 0] + impact * 0.8 * np.eye(periods)[0])
    trading, weights = partial_trading(risk_aversion=risk_aversion, impact=impact), np.array([0.8])
    for t in range(12):
        weights = trading.step(weights, targets[t:])
        assert weights[0] == pytest.approx(path[t], abs=1e-12)


def test_a_target_that_stays_is_the_aim() -> None:
    trading = partial_trading(risk_aversion=3, impact=20)
    assert trading.aim(np.array([[0.4, 0.6]])) == pytest.approx([0.4, 0.6])


def test_trading_is_full_without_impact_and_none_where_impact_is_all() -> None:
    assert partial_trading(risk_aversion=3, impact=1e-9).rate == pytest.approx(1, abs=1e-6)
    assert partial_trading(risk_aversion=3, impact=1e12).rate == pytest.approx(0, abs=1e-5)


def test_partial_trading_refuses_what_has_no_best_rate() -> None:
    with pytest.raises(InputError, match="impact"):
        partial_trading(risk_aversion=3, impact=0)
    with pytest.raises(InputError, match="risk_aversion"):
        partial_trading(risk_aversion=-1, impact=1)
    with pytest.raises(InputError, match="discount"):
        partial_trading(risk_aversion=3, impact=1, discount=1)
    with pytest.raises(InputError, match="targets"):
        partial_trading(risk_aversion=3, impact=1).aim(np.zeros((0, 2)))
