"""Targets: the optimality conditions hold, other solvers agree in the objective, bad input has a name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from router.errors import InfeasibleWeights, InputError, NotFinite, SingularCovariance, Unaffordable
from router.strategy.covariance import CovarianceKind, covariance_of
from router.strategy.guards import GuardRails
from router.strategy.targets import (
    RISK_RULES,
    RiskRule,
    equal,
    fixed,
    inverse_volatility,
    market_cap,
    maximum_diversification,
    minimum_variance,
    risk_parity,
)

from .recorded import log_returns
from .series import random_covariance


@st.composite
def covariances(draw: st.DrawFn) -> np.ndarray:
    """Of 2 to 8 assets, with volatilities up to some ten times apart."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_covariance(rng, draw(st.integers(2, 8)), draw(st.floats(0.0, 1.0)))


def contributions(weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Shares of the variance."""
    return weights * (covariance @ weights) / (weights @ covariance @ weights)


def diversification(weights: np.ndarray, covariance: np.ndarray) -> float:
    return float(weights @ np.sqrt(np.diag(covariance)) / np.sqrt(weights @ covariance @ weights))


@settings(max_examples=15, deadline=None)
@given(covariances())
def test_risk_parity_gives_every_asset_the_same_share_of_the_variance(covariance: np.ndarray) -> None:
    weights = risk_parity(covariance)
    np.testing.assert_allclose(contributions(weights, covariance), 1 / len(weights), rtol=2e-4)


@settings(max_examples=15, deadline=None)
@given(covariances(), st.integers(0, 2**32 - 1))
def test_risk_budgets_are_the_shares_of_the_variance(covariance: np.ndarray, seed: int) -> None:
    budgets = np.random.default_rng(seed).uniform(0.2, 3.0, len(covariance))
    weights = risk_parity(covariance, budgets=budgets.tolist())
    np.testing.assert_allclose(contributions(weights, covariance), budgets / budgets.sum(), rtol=5e-4)


@settings(max_examples=15, deadline=None)
@given(covariances(), st.floats(0.0, 0.9), st.floats(0.0, 1.0))
def test_no_feasible_direction_lowers_the_minimum_variance(
    covariance: np.ndarray, tightness: float, room: float
) -> None:
    size = len(covariance)
    low, high = tightness / size, 1 / size + room * (1 - 1 / size)
    weights = minimum_variance(covariance, rails=GuardRails(low, high))
    assert (weights >= low).all()
    assert (weights <= high).all()
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    gradient = covariance @ weights / (weights @ covariance @ weights)
    # Moving weight from any asset above its floor to any below its cap gains nothing.
    source, sink = weights > low + 1e-4, weights < high - 1e-4
    if source.any() and sink.any():
        assert gradient[source].max() - gradient[sink].min() < 1e-3


@settings(max_examples=15, deadline=None)
@given(covariances())
def test_no_feasible_direction_raises_the_maximum_diversification(covariance: np.ndarray) -> None:
    weights = maximum_diversification(covariance)
    slope = np.sqrt(np.diag(covariance)) / (weights @ np.sqrt(np.diag(covariance)))
    slope -= covariance @ weights / (weights @ covariance @ weights)
    held = weights > 1e-4
    scale = np.sqrt(np.diag(covariance) / (weights @ covariance @ weights))
    assert np.abs(slope[held] / scale[held]).max() < 1e-3
    assert (slope / scale).max() < 1e-3


def test_objectives_agree_with_a_general_solver_on_real_covariances() -> None:
    covariance = covariance_of(log_returns(), CovarianceKind.SAMPLE)
    spinu = minimize(
        lambda y: 0.5 * y @ covariance @ y - np.log(y).sum() / 3,
        np.ones(3),
        jac=lambda y: covariance @ y - 1 / (3 * y),
        method="L-BFGS-B",
        bounds=[(1e-9, None)] * 3,
        options={"ftol": 1e-16, "gtol": 1e-12},
    ).x
    np.testing.assert_allclose(risk_parity(covariance), spinu / spinu.sum(), atol=6e-6)
    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1}
    variance = minimize(
        lambda w: w @ covariance @ w,
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints=simplex,
        options={"ftol": 1e-14},
    )
    ours = minimum_variance(covariance)
    assert ours @ covariance @ ours == pytest.approx(variance.fun, rel=1e-6)
    ratio = minimize(
        lambda w: -diversification(w, covariance),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints=simplex,
        options={"ftol": 1e-14},
    )
    assert diversification(maximum_diversification(covariance), covariance) == pytest.approx(
        -ratio.fun, rel=1e-6
    )


def test_maximum_diversification_has_the_ratio_of_the_library_rule_of_that_name() -> None:
    from skfolio.moments import EmpiricalCovariance
    from skfolio.optimization import MaximumDiversification
    from skfolio.prior import EmpiricalPrior

    rows = np.random.default_rng(2).standard_normal((300, 5)) @ np.diag([0.01, 0.02, 0.03, 0.04, 0.05])
    rows[:, 1] += rows[:, 0]
    peer = MaximumDiversification(
        prior_estimator=EmpiricalPrior(covariance_estimator=EmpiricalCovariance())
    ).fit(rows)
    covariance = covariance_of(rows, CovarianceKind.SAMPLE)
    ours, theirs = maximum_diversification(covariance), np.asarray(peer.weights_)
    assert diversification(ours, covariance) == pytest.approx(diversification(theirs, covariance), rel=1e-5)


def test_closed_forms() -> None:
    """Uncorrelated: minimum variance is 1 / variance, the other two are 1 / volatility."""
    deviations = np.array([0.2, 0.4, 0.8])
    covariance = np.diag(deviations**2)
    by_variance, by_volatility = 1 / deviations**2, 1 / deviations
    np.testing.assert_allclose(minimum_variance(covariance), by_variance / by_variance.sum(), atol=1e-5)
    for rule in (inverse_volatility, risk_parity, maximum_diversification):
        np.testing.assert_allclose(rule(covariance), by_volatility / by_volatility.sum(), atol=1e-5)


@pytest.mark.parametrize("rule", RISK_RULES.values(), ids=RISK_RULES.keys())
def test_every_rule_is_blind_to_the_unit_of_time(rule: RiskRule) -> None:
    covariance = random_covariance(np.random.default_rng(8), 4)
    np.testing.assert_allclose(rule(covariance / 365), rule(covariance), atol=2e-5)


@pytest.mark.parametrize("rule", RISK_RULES.values(), ids=RISK_RULES.keys())
def test_every_rule_gives_cash_its_share_and_the_rest_to_the_others(rule: RiskRule) -> None:
    risky = random_covariance(np.random.default_rng(9), 3)
    covariance = np.zeros((5, 5))
    covariance[np.ix_([0, 2, 4], [0, 2, 4])] = risky
    weights = rule(covariance, riskless=0.2)
    np.testing.assert_allclose(weights[[1, 3]], 0.1)
    np.testing.assert_allclose(weights[[0, 2, 4]], 0.8 * rule(risky), atol=1e-6)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(rule(covariance, riskless=1.0), [0, 0.5, 0, 0.5, 0])
    np.testing.assert_allclose(rule(covariance)[[1, 3]], 0.0)


@pytest.mark.parametrize("rule", RISK_RULES.values(), ids=RISK_RULES.keys())
def test_every_rule_names_what_is_wrong(rule: RiskRule) -> None:
    with pytest.raises(SingularCovariance, match="no asset has a variance"):
        rule(np.zeros((2, 2)))
    with pytest.raises(SingularCovariance, match="move together"):
        rule(np.ones((2, 2)))
    with pytest.raises(NotFinite, match="covariance"):
        rule(np.array([[1.0, np.nan], [np.nan, 1.0]]))
    with pytest.raises(InputError, match="no asset of variance 0"):
        rule(np.eye(2), riskless=0.1)
    with pytest.raises(InputError, match="riskless: should be between 0 and 1"):
        rule(np.eye(2), riskless=1.5)
    with pytest.raises(InputError, match=r"square|symmetric"):
        rule(np.ones((2, 3)))


def test_one_risky_asset_takes_everything() -> None:
    for rule in RISK_RULES.values():
        np.testing.assert_allclose(rule(np.array([[0.64]])), [1.0], atol=1e-12)


def test_minimum_variance_keeps_to_floors_and_caps_of_the_whole_portfolio() -> None:
    covariance = np.diag([0.04, 0.25, 1.0, 0.0])
    rails = GuardRails(floor=np.array([0.0, 0.0, 0.1, 0.0]), cap=np.array([0.5, 1.0, 1.0, 1.0]))
    weights = minimum_variance(covariance, riskless=0.2, rails=rails)
    np.testing.assert_allclose(weights, [0.5, 0.2, 0.1, 0.2], atol=1e-5)
    with pytest.raises(InfeasibleWeights, match="floors of 4 assets sum to"):
        minimum_variance(covariance, rails=GuardRails(floor=0.3))
    with pytest.raises(InfeasibleWeights, match="caps of 3 assets"):
        minimum_variance(covariance, rails=GuardRails(cap=0.3))


def test_budgets_that_mean_nothing_are_refused() -> None:
    for budgets in ([1.0], [1.0, 0.0], [1.0, -1.0]):
        with pytest.raises(InputError, match="2 positive numbers"):
            risk_parity(np.eye(2), budgets=budgets)


def test_fixed_and_equal_weights() -> None:
    np.testing.assert_array_equal(fixed([0.4, 0.6]), [0.4, 0.6])
    np.testing.assert_array_equal(equal(4), [0.25] * 4)
    with pytest.raises(Unaffordable):
        fixed([0.7, 0.6])
    with pytest.raises(InputError, match="at least 1"):
        equal(0)


def test_market_cap_shares_what_is_over_the_cap_in_proportion() -> None:
    np.testing.assert_allclose(market_cap([60.0, 30.0, 10.0]), [0.6, 0.3, 0.1])
    np.testing.assert_allclose(market_cap([60.0, 30.0, 10.0], cap=0.5), [0.5, 0.375, 0.125])
    np.testing.assert_allclose(market_cap([60.0, 30.0, 10.0], cap=0.4), [0.4, 0.4, 0.2])
    np.testing.assert_allclose(market_cap([5.0, 0.0, 5.0], cap=0.5), [0.5, 0.0, 0.5])


@given(
    st.lists(st.floats(0.01, 1e6), min_size=1, max_size=10),
    st.floats(0.0, 1.0),
)
def test_market_cap_weights_are_capped_and_otherwise_in_proportion(
    capitals: list[float], looseness: float
) -> None:
    cap = 1 / len(capitals) + looseness * (1 - 1 / len(capitals))
    weights = market_cap(capitals, cap)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights <= cap + 1e-12).all()
    free = weights < cap - 1e-9
    ratios = weights[free] / np.array(capitals)[free]
    np.testing.assert_allclose(ratios, ratios[0] if free.any() else ratios, rtol=1e-6)


def test_market_caps_that_leave_no_weights_are_refused() -> None:
    with pytest.raises(InfeasibleWeights, match="caps of 2 assets sum to"):
        market_cap([1.0, 2.0, 0.0], cap=0.4)
    for capitals in ([0.0, 0.0], [1.0, -1.0]):
        with pytest.raises(InputError, match="capitals"):
            market_cap(capitals)
    with pytest.raises(NotFinite):
        market_cap([1.0, np.inf])
