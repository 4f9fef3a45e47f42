"""Targets beside what ffn 1.4.1 and PyPortfolioOpt 1.6.0 gave on the same recorded closes.

Their figures were taken with numpy 2.4.6, pandas 3.1.1 and scipy 1.17.1, on log returns of the closes of BTC,
ETH and LINK: all 1,090 of them, or the 89 up to the end of March 2021.
"""

from __future__ import annotations

import numpy as np
import pytest

from router.strategy.covariance import CovarianceKind, covariance_of
from router.strategy.guards import GuardRails
from router.strategy.targets import inverse_volatility, minimum_variance, risk_parity

from .recorded import log_returns

FIRST_QUARTER = 89


def sample(rows: int | None = None) -> np.ndarray:
    return covariance_of(log_returns()[:rows], CovarianceKind.SAMPLE)


def dispersion(weights: np.ndarray, covariance: np.ndarray) -> float:
    """Of the assets' shares of the variance: 0 where every asset has the same."""
    shares = weights * (covariance @ weights) / (weights @ covariance @ weights)
    return float(np.ptp(shares))


@pytest.mark.parametrize(
    ("weights", "tolerance"),
    [
        ([0.4261678350234474, 0.3170076821848097, 0.2568244827917429], 5e-5),
        ([0.42620692909472496, 0.31699510167007644, 0.25679796923519854], 2e-7),
        ([0.4262069791101966, 0.3169950852242289, 0.2567979356655744], 2e-7),
    ],
)
def test_risk_parity_is_that_of_ffn_and_no_less_equal(weights: list[float], tolerance: float) -> None:
    """`ffn.calc_erc_weights(returns, covar_method="standard")`: with its own tolerance of 1e-6; with
    `tolerance=1e-12, maximum_iterations=100_000`; and with `risk_parity_method="slsqp"` beside these."""
    covariance, theirs = sample(), np.array(weights)
    ours = risk_parity(covariance)
    assert ours == pytest.approx(theirs, abs=tolerance)
    assert dispersion(ours, covariance) < max(dispersion(theirs, covariance), 1e-6)


def test_inverse_volatility_is_that_of_ffn() -> None:
    """`ffn.calc_inv_vol_weights(returns)`."""
    theirs = [0.4243530149785404, 0.324112188620798, 0.2515347964006616]
    assert inverse_volatility(sample()) == pytest.approx(theirs, rel=1e-14)


@pytest.mark.parametrize(
    ("rows", "rails", "weights", "variance"),
    [
        (None, GuardRails(), [1.0, 0.0, 0.0], 0.4246733943012416),
        (
            FIRST_QUARTER,
            GuardRails(),
            [0.8791087560438583, 0.0370345145016933, 0.0838567294544483],
            0.8454745559246676,
        ),
        (None, GuardRails(0.0, 0.5), [0.500000000184246, 0.5000000000568162, 2.11445e-11], None),
        (None, GuardRails(0.1, 0.6), [0.5999999956903624, 0.2999999851145784, 0.1000000191950622], None),
    ],
)
def test_minimum_variance_is_that_of_pyportfolioopt(
    rows: int | None, rails: GuardRails, weights: list[float], variance: float | None
) -> None:
    """`EfficientFrontier(None, returns.cov() * 365, weight_bounds=(floor, cap)).min_volatility()`; the last
    with `solver="CLARABEL"`. Compared in the variance, which is flat about its minimum, and in weights as
    closely as their solvers stop."""
    covariance = sample(rows)
    ours, theirs = minimum_variance(covariance, rails=rails), np.array(weights)
    found = float(ours @ covariance @ ours)
    assert found == pytest.approx(float(theirs @ covariance @ theirs), rel=1e-7)
    if variance is not None:
        assert found == pytest.approx(variance, rel=1e-9)
    assert ours == pytest.approx(theirs, abs=2e-6)
