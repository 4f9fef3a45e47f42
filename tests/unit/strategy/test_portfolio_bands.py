"""Bands by asset: the scalar case where there is one, and gas that is paid once for all."""

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.bands import DriftingWeight, gas_only_trigger
from router.strategy.portfolio_bands import drifting_weights

TARGETS = np.array([0.4, 0.3, 0.2, 0.1])
LOADINGS = np.array([[0.6, 0.2, 0.0], [0.5, 0.5, 0.1], [0.7, 0.1, 0.6], [0.0, 0.0, 0.0]])
COVARIANCE = LOADINGS @ LOADINGS.T


def test_one_risky_asset_and_cash_is_the_scalar_case_seen_from_both_sides() -> None:
    risky, cash = drifting_weights(
        np.array([0.3, 0.7]),
        np.diag([0.64, 0.0]),
        risk_aversion=3,
        fee_rates=[0.003, 0.0],
        fixed_cost=1e-4,
    )
    assert risky is not None
    assert cash is not None
    for row, weight in ((risky, 0.3), (cash, 0.7)):
        assert (row.weight, row.risk_aversion) == (weight, 3)
        assert row.fixed_cost == 1e-4
        assert row.volatility == pytest.approx(0.8)
        assert row.fee_rate == pytest.approx(0.003)


def test_the_variance_rate_of_each_weight_is_that_of_its_drift() -> None:
    rows = drifting_weights(TARGETS, COVARIANCE, risk_aversion=3, fee_rates=[0.003] * 3 + [0.0])
    returns = np.random.default_rng(3).multivariate_normal(np.zeros(4), COVARIANCE * 1e-6, 200_000)
    grown = TARGETS * (1 + returns)
    moves = grown / grown.sum(axis=1, keepdims=True) - TARGETS
    for row, variance in zip(rows, moves.var(axis=0) / 1e-6, strict=True):
        assert row is not None
        assert row.spread * row.volatility**2 == pytest.approx(variance, rel=0.02)
    direction = (np.eye(4)[0] - TARGETS) / (1 - TARGETS[0])
    assert rows[0] is not None
    assert rows[0].volatility ** 2 == pytest.approx(direction @ COVARIANCE @ direction)


def test_each_row_pays_for_both_sides_of_its_trade() -> None:
    rows = drifting_weights(TARGETS, COVARIANCE, risk_aversion=3, fee_rates=[0.003, 0.001, 0.002, 0.0])
    assert rows[0] is not None
    assert rows[0].fee_rate == pytest.approx(0.003 + (0.3 * 0.001 + 0.2 * 0.002) / 0.6)


def test_targets_of_0_and_1_have_no_band() -> None:
    rows = drifting_weights(np.array([1.0, 0.0]), np.eye(2), risk_aversion=3, fee_rates=[0, 0])
    assert rows == (None, None)


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(InputError, match="2 x 2"):
        drifting_weights(np.array([0.5, 0.5]), np.eye(3), risk_aversion=3, fee_rates=[0, 0])
    with pytest.raises(InputError, match="1 rates"):
        drifting_weights(np.array([0.5, 0.5]), np.eye(2), risk_aversion=3, fee_rates=[0])


@pytest.mark.parametrize(("assets", "wider"), [(2, 0.05), (3, 0.07), (6, 0.11)])
def test_gas_paid_by_whoever_triggers_is_nearly_the_best_for_all(assets: int, wider: float) -> None:
    """Independent drifts of rate 1 that all return to 0 when one of them leaves (-1, 1): the trigger that is
    best for all, b4 = 2 f rate / (risk aversion x squares), against the scalar one."""
    drawn, step, paths, steps = np.random.default_rng(5), 0.004, 2_000, 1_500
    near, drift = 0.5826 * np.sqrt(step), np.zeros((paths, assets))
    squares = trades = 0.0
    for k in range(-300, steps):
        moved = drift + np.sqrt(step) * drawn.standard_normal((paths, assets))
        out = (np.abs(moved) > 1 - near).any(axis=1)
        before, drift = drift, np.where(out[:, None], 0.0, moved)
        if k >= 0:
            trades += int(out.sum())
            squares += float((before**2 + moved**2).sum()) / 2
    years = paths * steps * step
    best = (2 * (trades / years) / (squares / paths / steps)) ** 0.25
    scalar = gas_only_trigger(DriftingWeight(0.5, 1.0, 1.0, 0.0, 1.0)) * 2  # spread 1/16 -> 1
    assert best < scalar < best * (1 + wider)
