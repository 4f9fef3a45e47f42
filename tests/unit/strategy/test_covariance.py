"""Covariances: what is estimated, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router.errors import InputError, InsufficientHistory, NotFinite, SingularCovariance
from router.strategy.covariance import (
    CovarianceKind,
    check_covariance,
    check_definite,
    covariance_of,
    with_volatilities,
)

from .series import garch, random_covariance

RNG = np.random.default_rng(5)
ROWS = RNG.multivariate_normal(np.zeros(3), np.diag([0.01, 0.04, 0.0004]), size=400)


def test_sample_covariance_is_annual() -> None:
    np.testing.assert_allclose(
        covariance_of(ROWS, CovarianceKind.SAMPLE), np.cov(ROWS, rowvar=False) * 365, rtol=1e-12
    )


def test_shrunk_covariance_keeps_volatilities_and_shrinks_correlations() -> None:
    few = ROWS[:30]
    sample, shrunk = covariance_of(few, CovarianceKind.SAMPLE), covariance_of(few)
    np.testing.assert_allclose(np.diag(shrunk), np.diag(sample), rtol=1e-12)
    off = ~np.eye(3, dtype=bool)
    ratios = shrunk[off] / sample[off]
    assert (ratios >= 0).all()
    assert (ratios < 1).all()
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-9)


def test_shrinking_is_blind_to_the_scale_of_an_asset() -> None:
    scale = np.array([1.0, 100.0, 0.01])
    np.testing.assert_allclose(
        covariance_of(ROWS * scale), covariance_of(ROWS) * np.outer(scale, scale), rtol=1e-9
    )


def test_shrunk_covariance_is_nearer_to_the_truth_than_the_sample() -> None:
    """Ten assets, 20 rows: the loss of Frobenius, relative to the truth, averaged over draws."""
    rng = np.random.default_rng(11)
    truth = np.eye(10) * 0.7 + 0.3
    losses = dict.fromkeys((CovarianceKind.SAMPLE, CovarianceKind.SHRUNK), 0.0)
    for _ in range(30):
        rows = rng.multivariate_normal(np.zeros(10), truth, size=20)
        for kind in losses:
            losses[kind] += float(np.square(covariance_of(rows, kind, periods_per_year=1) - truth).sum())
    assert losses[CovarianceKind.SHRUNK] < 0.8 * losses[CovarianceKind.SAMPLE]


@pytest.mark.parametrize("kind", [CovarianceKind.EXPONENTIAL, CovarianceKind.REGIME_ADJUSTED])
def test_exponential_covariances_follow_the_newest_rows(kind: CovarianceKind) -> None:
    rows = np.concatenate([ROWS, ROWS[:100] * 3])
    old, new = covariance_of(ROWS, kind, half_life=10), covariance_of(rows, kind, half_life=10)
    assert (np.diag(new) > 2 * np.diag(old)).all()


def test_exponential_weights_halve_after_the_half_life() -> None:
    rows = np.zeros((120, 1))
    rows[[19, 119]] = [[0.1], [0.1]]
    with_old = covariance_of(rows, CovarianceKind.EXPONENTIAL, half_life=20)[0, 0]
    rows[19] = 0.0
    without = covariance_of(rows, CovarianceKind.EXPONENTIAL, half_life=20)[0, 0]
    assert with_old / without - 1 == pytest.approx(2**-5, rel=0.05)


@pytest.mark.parametrize("kind", list(CovarianceKind))
def test_cash_has_a_row_of_zeros(kind: CovarianceKind) -> None:
    with_cash = covariance_of(np.column_stack([ROWS[:, :2], np.full(400, 1e-4), ROWS[:, 2]]), kind)
    assert not with_cash[2].any()
    assert not with_cash[:, 2].any()
    np.testing.assert_allclose(with_cash[np.ix_([0, 1, 3], [0, 1, 3])], covariance_of(ROWS, kind), rtol=1e-9)


@pytest.mark.parametrize("kind", list(CovarianceKind))
def test_only_cash_has_no_covariance(kind: CovarianceKind) -> None:
    np.testing.assert_array_equal(covariance_of(np.zeros((10, 2)), kind), np.zeros((2, 2)))


@pytest.mark.parametrize("kind", list(CovarianceKind))
def test_every_estimate_of_enough_rows_can_be_optimised_on(kind: CovarianceKind) -> None:
    rows = np.column_stack([garch(300, seed=seed) for seed in range(4)])
    check_definite(covariance_of(rows, kind))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InsufficientHistory, match="has 1 rows, 2 are needed"):
        covariance_of(ROWS[:1])
    with pytest.raises(InsufficientHistory, match="has 3 rows, 4 are needed"):
        covariance_of(ROWS[:3], CovarianceKind.SAMPLE)
    covariance_of(ROWS[:3], CovarianceKind.SHRUNK)


def test_nan_is_named_with_row_and_column() -> None:
    rows = ROWS.copy()
    rows[7, 1] = np.nan
    with pytest.raises(NotFinite, match=r"returns\[7, 1\]: nan"):
        covariance_of(rows)


@pytest.mark.parametrize("setting", [{"half_life": 0.0}, {"periods_per_year": np.inf}])
def test_settings_that_mean_nothing_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        covariance_of(ROWS, **setting)


def test_singular_covariances_name_the_assets() -> None:
    pair = np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 1.0], [0.5, 1.0, 1.0]])
    with pytest.raises(SingularCovariance, match="ETH, stETH move together"):
        check_definite(pair, ["BTC", "ETH", "stETH"])
    with pytest.raises(SingularCovariance, match="asset 1 has a variance of 0"):
        check_definite(np.diag([1.0, 0.0]))
    for riskless in (pair, np.diag([1.0, 0.0]), np.zeros((2, 2))):
        np.testing.assert_array_equal(check_covariance(riskless), riskless)


@pytest.mark.parametrize("check", [check_covariance, check_definite])
def test_matrices_that_are_no_covariance_are_refused(check: Callable[..., np.ndarray]) -> None:
    with pytest.raises(InputError, match="symmetric"):
        check(np.array([[1.0, 0.1], [0.2, 1.0]]))
    with pytest.raises(InputError, match=r"should be 2 x 2, is \(2, 3\)"):
        check(np.ones((2, 3)))
    with pytest.raises(NotFinite, match=r"covariance\[0, 1\]"):
        check(np.array([[1.0, np.nan], [np.nan, 1.0]]))
    with pytest.raises(InputError, match="has the eigenvalue -1: no returns"):
        check(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_a_covariance_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="should be 3 x 3"):
        check_covariance(np.eye(2), 3)


def test_a_covariance_below_zero_by_rounding_alone_passes() -> None:
    assert np.linalg.eigvalsh(check_covariance(np.diag([1.0, -0.9e-9])))[0] < 0
    with pytest.raises(InputError, match="eigenvalue"):
        check_covariance(np.diag([1.0, -1.1e-9]))


def test_other_volatilities_leave_the_correlations() -> None:
    covariance = random_covariance(RNG, 4)
    wanted = np.array([0.5, 0.6, 0.7, 0.8])
    result = with_volatilities(covariance, wanted)
    np.testing.assert_allclose(np.sqrt(np.diag(result)), wanted)
    before, after = (np.array(m) / np.sqrt(np.outer(np.diag(m), np.diag(m))) for m in (covariance, result))
    np.testing.assert_allclose(after, before)
    with pytest.raises(InputError, match="at least 0"):
        with_volatilities(covariance, -wanted)
    with pytest.raises(InputError, match="3 volatilities"):
        with_volatilities(covariance, wanted[:3])
    np.testing.assert_array_equal(with_volatilities(np.diag([1.0, 0.0]), [0.5, 0.9]), np.diag([0.25, 0.0]))
