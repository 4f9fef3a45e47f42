"""Models of volatility: they recover what made the data, forecast what they say, and refuse bad fits."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.covariance import covariance_of
from router.strategy.volatility import Constant, Ewma, Garch, Har, Model, Shrunk, log_har

from .series import garch

CLUSTERED = garch(3000, seed=1)[:, None]
FLAT = np.random.default_rng(2).standard_normal((1500, 1)) * 0.03
UNIVARIATE = [Constant(), Constant(60), Ewma(), Garch(), Har(), log_har()]


def forecast(model: Model, past: np.ndarray, horizon: int = 7) -> np.ndarray:
    parameters = model.fit(past, horizon)
    assert parameters is not None
    return model.forecast(parameters, past, horizon)


@pytest.mark.parametrize("model", UNIVARIATE, ids=lambda model: model.name)
def test_a_constant_volatility_is_found(model: Model) -> None:
    assert float(forecast(model, FLAT)[0, 0]) ** 0.5 == pytest.approx(0.03, rel=0.2)


@pytest.mark.parametrize("model", UNIVARIATE, ids=lambda model: model.name)
def test_forecasts_scale_with_the_returns(model: Model) -> None:
    for factor in (1e-3, 10, 100):
        scaled = forecast(model, FLAT * factor)
        np.testing.assert_allclose(scaled, forecast(model, FLAT) * factor**2, rtol=1e-3)


def test_garch_recovers_the_parameters_of_its_own_data() -> None:
    parameters = Garch().fit(CLUSTERED, 7)
    assert parameters is not None
    scale, omega, alpha, beta = parameters
    assert alpha == pytest.approx(0.12, abs=0.04)
    assert alpha + beta == pytest.approx(0.97, abs=0.02)
    assert (omega / scale**2 / (1 - alpha - beta)) ** 0.5 == pytest.approx(0.04, rel=0.2)


def test_garch_forecast_is_the_mean_of_its_recursion() -> None:
    """Fitted parameters, run by hand from the same start over the last rows."""
    model = Garch()
    parameters = model.fit(CLUSTERED, 7)
    assert parameters is not None
    scale, omega, alpha, beta = parameters
    variance = float(np.square(CLUSTERED).mean()) * scale**2
    for value in CLUSTERED[:, 0] * scale:
        variance = omega + alpha * value**2 + beta * variance
    path = [variance]
    for _ in range(6):
        path.append(omega + (alpha + beta) * path[-1])
    expected = np.mean(path) / scale**2
    assert model.forecast(parameters, CLUSTERED, 7)[0, 0] == pytest.approx(expected, rel=1e-6)


def test_clustering_models_expect_more_after_a_storm() -> None:
    calm, storm = CLUSTERED[:1000].copy(), CLUSTERED[:1000].copy()
    calm[-10:], storm[-10:] = 0.005, 0.12
    for model in (Ewma(), Garch(), Har(), log_har()):
        assert forecast(model, storm)[0, 0] > 2 * forecast(model, calm)[0, 0]
    assert forecast(Constant(), storm)[0, 0] < 1.3 * forecast(Constant(), calm)[0, 0]


def test_ewma_weighs_each_row_by_the_decay() -> None:
    past = np.array([[0.1, 0.0], [0.2, 0.1], [0.0, 0.3]])
    weights = np.array([0.25, 0.5, 1.0]) / 1.75
    expected = sum(weight * np.outer(row, row) for weight, row in zip(weights, past, strict=True))
    np.testing.assert_allclose(Ewma(decay=0.5).forecast((), past, 7), expected)


def test_constants_are_means_over_their_window() -> None:
    past = np.arange(1.0, 61.0)[:, None]
    assert Constant().forecast((), past, 7)[0, 0] == pytest.approx(np.square(past).mean())
    assert Constant(10).forecast((), past, 7)[0, 0] == pytest.approx(np.square(past[-10:]).mean())


def test_har_is_the_least_squares_fit_of_what_followed() -> None:
    past, horizon = CLUSTERED[:400], 7
    squares = np.square(past[:, 0])
    features, followed = [], []
    for end in range(30, len(past) - horizon + 1):
        features.append([1.0] + [squares[end - lag : end].mean() for lag in (1, 7, 30)])
        followed.append(squares[end : end + horizon].mean())
    coefficients = np.linalg.lstsq(np.array(features), np.array(followed), rcond=None)[0]
    now = np.array([1.0] + [squares[-lag:].mean() for lag in (1, 7, 30)])
    expected = np.clip(now @ coefficients, min(followed), max(followed))
    np.testing.assert_allclose(forecast(Har(), past, horizon)[0, 0], expected, rtol=1e-9)


def test_har_stays_within_what_was_ever_realised() -> None:
    past = CLUSTERED[:400].copy()
    past[-7:] = 5.0
    means = np.convolve(np.square(past[:, 0]), np.ones(7) / 7, mode="valid")
    for model in (Har(), log_har()):
        assert forecast(model, past)[0, 0] <= means.max() * (1 + 1e-12)
        parameters = model.fit(CLUSTERED[:400], 7)
        assert parameters is not None
        quiet = np.concatenate([CLUSTERED[:393], np.zeros((30, 1))])
        assert model.forecast(parameters, quiet, 7)[0, 0] > 0


def test_shrunk_is_the_covariance_of_its_window() -> None:
    past = np.column_stack([garch(400, seed=seed) for seed in (1, 2)])
    np.testing.assert_allclose(forecast(Shrunk(window=100), past) * 365, covariance_of(past[-100:]))


def test_prices_that_stand_still_give_no_fit() -> None:
    still, stopped = np.zeros((400, 1)), np.zeros((400, 1))
    stopped[:30] = FLAT[:30]
    for model in (Garch(), Har(), log_har()):
        assert model.fit(still, 7) is None
    for last in (0.0, 1e-12):
        stopped[-1] = last  # lost in the sum of what was before
        for model in (Har(), log_har()):
            assert model.fit(stopped, 7) is None


def test_a_fit_that_does_not_converge_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.optimize import OptimizeResult

    def stopped(fun: object, x0: np.ndarray, **_: object) -> OptimizeResult:
        return OptimizeResult(x=np.array([1.0, 0.1, 0.8]), success=False, status=9, message="", fun=0.0)

    monkeypatch.setattr("arch.univariate.base.minimize", stopped, raising=False)
    monkeypatch.setattr("scipy.optimize.minimize", stopped)
    assert Garch().fit(CLUSTERED[:500], 7) is None


def test_a_fit_that_warns_or_explodes_is_none() -> None:
    """A volatility that only grows: arch finds a sum of 1, at which the variance never comes back."""
    exploding = np.random.default_rng(3).standard_normal((600, 1)) * np.exp(np.linspace(-6, 3, 600))[:, None]
    assert Garch().fit(exploding, 7) is None


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (Ewma, {"decay": 0.0}),
        (Ewma, {"decay": 1.1}),
        (Ewma, {"least_rows": 0}),
        (Constant, {"window": -1}),
        (Constant, {"window": 0}),
        (Shrunk, {"window": -5}),
        (Shrunk, {"half_life": 0.0}),
        (Shrunk, {"least_rows": 1}),
        (Har, {"lags": ()}),
        (Har, {"lags": (0, 7)}),
        (Har, {"least_rows": 30}),
    ],
)
def test_settings_that_mean_nothing_are_refused(make: type, setting: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        make(**setting)


def test_a_horizon_that_leaves_too_few_rows_gives_no_fit() -> None:
    assert Har().fit(CLUSTERED[:180], 147) is None
    assert Har().fit(CLUSTERED[:180], 400) is None
    assert Har().fit(CLUSTERED[:180], 100) is not None
