"""Tilts: which way they push, how far they may, and where they stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InfeasibleWeights, InputError, InsufficientHistory, NotFinite, Unaffordable
from router.fixed_point import WAD, apportioned
from router.strategy.guards import GuardRails
from router.strategy.tilts import glide, mean_reversion, momentum, tilted, volatility_targeted

START = datetime(2026, 1, 1, tzinfo=UTC)
COVARIANCE = np.diag([0.64, 1.0, 0.0])


def test_volatility_target_is_met_and_the_rest_is_cash() -> None:
    weights = volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=0.25, cash=2)
    assert weights @ COVARIANCE @ weights == pytest.approx(0.0625)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] / weights[1] == pytest.approx(5 / 3)


def test_volatility_target_above_the_portfolio_changes_nothing() -> None:
    np.testing.assert_allclose(
        volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=2.0, cash=2), [0.5, 0.3, 0.2]
    )
    np.testing.assert_allclose(
        volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=2.0, cash=2, most=0.5), [0.25, 0.15, 0.6]
    )
    np.testing.assert_allclose(
        volatility_targeted([0.0, 0.0, 1.0], COVARIANCE, volatility=0.1, cash=2), [0, 0, 1]
    )


def test_volatility_target_refuses_to_borrow_and_what_makes_no_sense() -> None:
    with pytest.raises(Unaffordable, match="scale of"):
        volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=0.2, cash=2, most=1.5)
    with pytest.raises(InputError, match="volatility"):
        volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=0.0, cash=2)
    with pytest.raises(InputError, match="cash"):
        volatility_targeted([0.5, 0.3, 0.2], COVARIANCE, volatility=0.2, cash=3)
    with pytest.raises(InputError, match="covariance"):
        volatility_targeted([0.5, 0.5], COVARIANCE, volatility=0.2, cash=1)


def test_momentum_is_the_return_in_units_of_its_noise() -> None:
    rows = np.array([[0.02, -0.01, 0.0], [0.01, 0.0, 0.0], [0.03, -0.02, 0.0], [0.02, -0.01, 0.0]])
    signal = momentum(rows, 4)
    noise = rows[:, :2].std(axis=0, ddof=1) * 2
    raw = rows[:, :2].sum(axis=0) / noise
    np.testing.assert_allclose(signal, [*(raw - raw.mean()), 0.0])
    assert signal[0] > 0 > signal[1]


def test_signals_use_no_row_before_the_window() -> None:
    rows = np.random.default_rng(1).standard_normal((50, 3))
    other = rows.copy()
    other[:30] += 7.0
    for signal in (momentum, mean_reversion):
        np.testing.assert_array_equal(signal(rows, 20), signal(other, 20))


def test_mean_reversion_favours_what_fell_below_its_mean() -> None:
    rows = np.column_stack([np.full(10, 0.01), np.full(10, -0.01), np.zeros(10)])
    signal = mean_reversion(rows, 10)
    assert signal[1] > 0 > signal[0]
    assert signal[2] == 0


def test_signals_refuse_short_and_broken_histories() -> None:
    for signal in (momentum, mean_reversion):
        with pytest.raises(InsufficientHistory, match="has 5 rows, 6 are needed"):
            signal(np.zeros((5, 2)), 6)
        with pytest.raises(InputError, match="window"):
            signal(np.zeros((5, 2)), 1)
        with pytest.raises(NotFinite, match=r"returns\[0, 1\]"):
            signal(np.array([[0.0, np.nan], [0.0, 0.0]]), 2)


def test_a_tilt_multiplies_the_ratio_of_weights_by_the_signal() -> None:
    weights = tilted([0.5, 0.3, 0.2], [1.0, -1.0, 0.0], strength=0.1, rails=GuardRails())
    assert weights[0] / weights[1] == pytest.approx(5 / 3 * np.exp(0.2))
    np.testing.assert_allclose(
        tilted([0.5, 0.3, 0.2], [1.0, -1.0, 0.0], strength=0.0, rails=GuardRails()), [0.5, 0.3, 0.2]
    )


@given(
    st.lists(st.floats(-50, 50), min_size=4, max_size=4),
    st.floats(-10, 10),
    st.floats(0.01, 0.3),
)
def test_a_tilt_never_leaves_its_guard_rails(signal: list[float], strength: float, step: float) -> None:
    base = np.array([0.4, 0.3, 0.2, 0.1])
    rails = GuardRails(floor=0.05, cap=0.6, step=step)
    weights = tilted(base, signal, strength=strength, rails=rails, current=base)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (weights >= 0.05 - 1e-15).all()
    assert (weights <= 0.6 + 1e-15).all()
    assert np.abs(weights - base).max() <= step + 1e-15


def test_a_tilt_survives_a_signal_on_what_is_not_held() -> None:
    weights = tilted([1.0, 0.0], [0.0, 1e6], strength=1.0, rails=GuardRails())
    np.testing.assert_array_equal(weights, [1.0, 0.0])


def test_tilts_refuse_what_makes_no_sense() -> None:
    with pytest.raises(InfeasibleWeights, match="floors of 2 assets sum to"):
        tilted([0.5, 0.5], [1.0, 0.0], strength=1.0, rails=GuardRails(floor=0.6))
    with pytest.raises(InputError, match="signal"):
        tilted([0.5, 0.5], [1.0], strength=1.0, rails=GuardRails())
    with pytest.raises(InputError, match="strength"):
        tilted([0.5, 0.5], [1.0, 0.0], strength=np.nan, rails=GuardRails())
    with pytest.raises(NotFinite, match=r"signal\[0\]"):
        tilted([0.5, 0.5], [np.nan, 0.0], strength=1.0, rails=GuardRails())


def test_a_glide_path_is_straight_between_its_ends() -> None:
    ends = START + timedelta(days=100)
    for days, first in ((-5, 80), (0, 80), (25, 65), (50, 50), (100, 20), (500, 20)):
        at = START + timedelta(days=days)
        assert glide([80, 20], [20, 80], begins=START, ends=ends, at=at) == (first, 100 - first)


@given(st.integers(1, 8), st.integers(0, 2**32), st.integers(-1000, 10**15))
def test_weights_on_a_glide_path_keep_their_sum_and_lie_between_the_ends(
    size: int, seed: int, microseconds: int
) -> None:
    rng = np.random.default_rng(seed)
    first, last = (apportioned(rng.dirichlet(np.ones(size)).tolist(), WAD) for _ in range(2))
    at = START + timedelta(microseconds=microseconds)
    weights = glide(first, last, begins=START, ends=START + timedelta(days=365), at=at)
    assert sum(weights) == WAD
    for weight, *ends in zip(weights, first, last, strict=True):
        assert min(ends) - size <= weight <= max(ends) + size


def test_a_glide_path_refuses_what_makes_no_sense() -> None:
    first, ends = [80, 20], START + timedelta(days=1)
    with pytest.raises(InputError, match="ends"):
        glide(first, first, begins=START, ends=START, at=START)
    with pytest.raises(InputError, match="at: 2026-01-01T00:00:00 has no time zone"):
        glide(first, first, begins=START, ends=ends, at=datetime(2026, 1, 1))
    with pytest.raises(InputError, match="end: 1 weights"):
        glide(first, [100], begins=START, ends=ends, at=START)
    with pytest.raises(InputError, match="end: weights sum to 90, to 100 at the start"):
        glide(first, [70, 20], begins=START, ends=ends, at=START)
