"""Every measure of drift against its formula, and what each refuses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.drift import DriftKind, distance, drift_of

WEIGHTS = np.array([0.5, 0.2, 0.2, 0.1])
TARGETS = np.array([0.4, 0.3, 0.2, 0.1])
COVARIANCE = np.array(
    [[0.64, 0.30, 0.20, 0.0], [0.30, 0.81, 0.25, 0.0], [0.20, 0.25, 1.21, 0.0], [0.0, 0.0, 0.0, 0.0]]
)


@st.composite
def portfolios(draw):
    size = draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    held, wanted = random.dirichlet(np.ones(size), 2)
    factor = random.normal(size=(size, size))
    return held, wanted, factor @ factor.T


def test_measures_of_a_known_portfolio():
    drift = drift_of(WEIGHTS, TARGETS, COVARIANCE)
    assert drift.of(DriftKind.ABSOLUTE) == pytest.approx(0.1, abs=1e-15)
    assert drift.of(DriftKind.RELATIVE) == pytest.approx(0.1 / 0.3, abs=1e-15)
    assert drift.of(DriftKind.L1) == pytest.approx(0.2, abs=1e-15)
    assert drift.of(DriftKind.L2) == pytest.approx(math.sqrt(0.02), abs=1e-15)
    assert drift.of(DriftKind.TRACKING_ERROR) == pytest.approx(
        math.sqrt(0.01 * (0.64 + 0.81 - 2 * 0.30)), abs=1e-15
    )


def test_cash_counts_like_any_other_asset():
    drift = drift_of([0.5, 0.5], [0.5 - 0.04, 0.5 + 0.04])
    assert drift.of(DriftKind.L1) == pytest.approx(0.08)
    assert drift.absolute == pytest.approx([0.04, 0.04])


def test_money_is_the_deviation_times_nav():
    drift = drift_of(WEIGHTS, TARGETS, COVARIANCE, nav=2_000.0)
    assert drift.money == pytest.approx([200, -200, 0, 0])
    assert drift.money_of(DriftKind.L1) == pytest.approx(400)
    assert drift.money_of(DriftKind.TRACKING_ERROR) == pytest.approx(2_000 * drift.tracking_error)


def test_relative_money_is_that_of_the_asset_farthest_off_in_relative_terms():
    drift = drift_of([0.5, 0.32, 0.18], [0.6, 0.35, 0.05], nav=100.0)
    assert drift.worst(DriftKind.RELATIVE) == 2
    assert drift.money_of(DriftKind.RELATIVE) == pytest.approx(13)
    assert drift.money_of(DriftKind.ABSOLUTE) == pytest.approx(13)


def test_relative_drift_of_an_asset_held_without_a_target_is_infinite():
    drift = drift_of([0.999, 0.001, 0.0], [1.0, 0.0, 0.0])
    assert drift.relative[1] == math.inf
    assert drift.relative[2] == 0
    assert drift.of(DriftKind.RELATIVE) == math.inf
    assert drift.of(DriftKind.ABSOLUTE) == pytest.approx(0.001)


def test_tracking_error_is_none_without_a_covariance_and_refused_by_name():
    drift = drift_of(WEIGHTS, TARGETS)
    assert drift.tracking_error is None
    with pytest.raises(InputError, match="covariance"):
        drift.of(DriftKind.TRACKING_ERROR)


def test_covariance_of_nothing_that_exists_is_refused():
    with pytest.raises(InputError, match="covariance: has the eigenvalue -1"):
        drift_of([0.6, 0.4], [0.5, 0.5], [[1.0, 2.0], [2.0, 1.0]])


def test_deviation_that_carries_no_risk_has_a_tracking_error_of_zero():
    assert drift_of([0.7, 0.3], [0.4, 0.6], np.ones((2, 2)) / 3).tracking_error == pytest.approx(0, abs=1e-8)


def test_money_without_a_nav_is_refused():
    with pytest.raises(InputError, match="nav"):
        drift_of(WEIGHTS, TARGETS).money_of(DriftKind.L1)


@pytest.mark.parametrize(
    ("weights", "targets", "covariance", "nav", "says"),
    [
        ([0.5, 0.5], [1.0], None, None, "weights: has 2 entries, targets have 1"),
        ([50.0, 50.0], [0.5, 0.5], None, None, "weights: should sum to 1, sums to 100"),
        ([0.5, 0.5], [0.5, 0.4], None, None, "targets: should sum to 1, sums to 0.9"),
        ([math.nan, 1.0], [0.5, 0.5], None, None, "weights: has a figure that is not finite"),
        ([math.inf, -math.inf], [0.5, 0.5], None, None, "weights: has a figure"),
        ([], [], None, None, "weights: should be one row"),
        ([[0.5, 0.5]], [0.5, 0.5], None, None, "weights: should be one row"),
        ([0.5, 0.5], [0.5, 0.5], [[1.0]], None, "covariance: should be 2 x 2"),
        (
            [0.5, 0.5],
            [0.5, 0.5],
            [[1.0, math.nan], [0.0, 1.0]],
            None,
            r"covariance\[0, 1\]: nan is",
        ),
        ([0.5, 0.5], [0.5, 0.5], None, 0.0, "nav: should be a positive amount"),
        ([0.5, 0.5], [0.5, 0.5], None, math.nan, "nav: should be a positive amount"),
    ],
)
def test_bad_figures_are_refused_with_their_place(weights, targets, covariance, nav, says):
    with pytest.raises(InputError, match=says):
        drift_of(weights, targets, covariance, nav)


@settings(max_examples=60, deadline=None)
@given(portfolios())
def test_measures_are_ordered_as_norms_are(case):
    held, wanted, covariance = case
    drift = drift_of(held, wanted, covariance)
    absolute, l2, l1 = (drift.of(DriftKind[name]) for name in ("ABSOLUTE", "L2", "L1"))
    assert absolute <= l2 * (1 + 1e-12)
    assert l2 <= l1 * (1 + 1e-12)
    largest = float(np.linalg.eigvalsh(covariance)[-1])
    assert drift.tracking_error <= math.sqrt(largest) * l2 * (1 + 1e-9)
    assert drift.of(DriftKind.RELATIVE) == max(drift.relative)


@pytest.mark.parametrize("kind", list(DriftKind))
def test_a_row_among_others_has_the_bits_of_the_row_alone(kind):
    random = np.random.default_rng(5)
    for size in (1, 2, 7, 8, 9, 20, 131):
        targets = random.dirichlet(np.ones(size))
        rows = random.dirichlet(np.ones(size), 17) - targets
        factor = random.normal(size=(size, size))
        covariance = factor @ factor.T
        together = distance(kind, rows, targets, covariance)
        alone = [float(distance(kind, row, targets, covariance)) for row in rows]
        assert together.tolist() == alone
