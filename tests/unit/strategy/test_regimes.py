"""Regimes: known at the time, sticky, and worth something only where a forecaster says so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError, NotFinite
from router.strategy.regimes import Regimes

from .series import garch


def storms(rows: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns with a storm of four times the volatility in every third hundred; and when it was."""
    stormy = (np.arange(rows) // 100) % 3 == 2
    noise = np.random.default_rng(seed).standard_normal(rows)
    return noise * np.where(stormy, 0.08, 0.02), stormy


def test_storms_are_flagged_soon_and_forgotten_later() -> None:
    returns, stormy = storms()
    flags = Regimes().flags(returns)
    settled = (np.arange(900) % 100 >= 30) & (np.arange(900) >= 200)
    assert (flags == stormy)[settled].mean() > 0.9
    assert not flags[: Regimes().least_rows - 1].any()


@settings(max_examples=10, deadline=None)
@given(st.integers(200, 390), st.integers(0, 2**32 - 1))
def test_no_flag_knows_the_future(row: int, seed: int) -> None:
    returns = garch(400, seed=7)
    other = returns.copy()
    other[row:] = np.random.default_rng(seed).standard_normal(400 - row)
    np.testing.assert_array_equal(Regimes().flags(returns)[:row], Regimes().flags(other)[:row])


def test_hysteresis_switches_less_often() -> None:
    returns = garch(2000, seed=3)

    def switches(leave: float) -> int:
        return int(np.abs(np.diff(Regimes(enter=0.8, leave=leave).flags(returns).astype(int))).sum())

    assert 0 < switches(0.5) < 0.6 * switches(0.8)


def test_as_a_model_it_expects_what_followed_the_present_regime() -> None:
    returns, _ = storms()
    regimes = Regimes()
    parameters = regimes.fit(returns[:, None], 7)
    assert parameters is not None
    low, high = parameters
    assert high > 4 * low
    flags = regimes.flags(returns)
    assert regimes.forecast(parameters, returns[:, None], 7)[0, 0] == parameters[int(flags[-1])]
    means = [np.square(returns[row + 1 : row + 8]).mean() for row in range(179, 893) if flags[row]]
    assert high == pytest.approx(np.mean(means))


def test_a_regime_that_never_came_gives_no_fit() -> None:
    assert Regimes().fit(np.full((300, 1), 0.01), 7) is None


def test_settings_and_returns_that_mean_nothing_are_refused() -> None:
    for setting in ({"enter": 0.5, "leave": 0.6}, {"enter": 1.0}, {"half_life": 0.0}, {"least_rows": 0}):
        with pytest.raises(InputError):
            Regimes(**setting)
    with pytest.raises(NotFinite, match=r"returns\[1\]"):
        Regimes().flags([0.1, np.nan])
