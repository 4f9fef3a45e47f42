"""No look-ahead, the same for the same rows, off unless they beat a constant, failures counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError, InsufficientHistory, NotFinite
from router.strategy.covariance import covariance_of
from router.strategy.forecasts import Forecaster, Outlook, Settings, walk
from router.strategy.regimes import Regimes
from router.strategy.targets import risk_parity
from router.strategy.volatility import Constant, Ewma, Garch, Har, Model, Parameters, Shrunk, log_har

from .recorded import log_returns, long_log_returns
from .series import garch

QUICK = Settings(horizon=5, refit=50, window=40, needed=10)
SHORT = (Constant(), Constant(100))
MODELS: list[Model] = [Ewma(), Garch(), Har(), log_har(), Regimes()]


def fed(model: Model, returns: np.ndarray, rules: Settings = QUICK) -> Forecaster:
    forecaster = Forecaster(model, rules, SHORT)
    for row in returns:
        forecaster.observe(row)
    return forecaster


@dataclass(frozen=True)
class Told:
    """A model that forecasts what it is told, or nothing that can be used."""

    variance: float = 0.0016
    fits: bool = True
    name: str = "told"
    least_rows: int = 30

    def fit(self, past: np.ndarray, horizon: int) -> Parameters | None:
        return () if self.fits else None

    def forecast(self, parameters: Parameters, past: np.ndarray, horizon: int) -> np.ndarray:
        return np.array([[self.variance]])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_forecast_knows_the_future(model: Model) -> None:
    """Whatever comes after a row, the forecasts up to it keep every bit, and so does what is on."""
    returns = garch(420, seed=5)
    other = returns.copy()
    other[380:] = np.random.default_rng(1).standard_normal(40)
    first, second = (walk(Forecaster(model, QUICK, SHORT), rows[:, None]) for rows in (returns, other))
    np.testing.assert_array_equal(first[:380], second[:380])
    assert (first[380:] != second[380:]).any()


@settings(max_examples=8, deadline=None)
@given(st.integers(101, 299), st.integers(0, 2**32 - 1))
def test_no_forecast_knows_the_future_wherever_it_starts(row: int, seed: int) -> None:
    returns = garch(300, seed=6)
    other = returns.copy()
    other[row:] = np.random.default_rng(seed).standard_normal(300 - row)
    first, second = (walk(Forecaster(Ewma(), QUICK, SHORT), rows[:, None]) for rows in (returns, other))
    np.testing.assert_array_equal(first[:row], second[:row])


def test_what_is_known_does_not_depend_on_when_it_was_asked() -> None:
    returns = garch(500, seed=5)
    asked = Forecaster(log_har(), QUICK, SHORT)
    walk(asked, returns[:, None])
    silent = fed(log_har(), returns)
    assert asked.volatility == silent.volatility
    assert asked.scorecard == silent.scorecard


def test_a_model_that_knows_the_clusters_is_switched_on() -> None:
    returns = garch(2500, seed=8)
    forecaster = fed(Ewma(0.94), returns, Settings(horizon=5, window=400, needed=50))
    card = forecaster.scorecard
    assert forecaster.active
    assert card.loss < min(card.constants.values())
    assert "EWMA 0.94 on: QLIKE" in card.reason
    assert forecaster.covariance[0, 0] == pytest.approx(
        Ewma(0.94).forecast((), returns[:, None], 5)[0, 0] * 365
    )


def test_a_model_on_noise_stays_off_and_the_constant_answers() -> None:
    returns = np.random.default_rng(2).standard_normal(1500) * 0.03
    forecaster = fed(Ewma(0.8), returns)
    assert not forecaster.active
    best = forecaster.scorecard.best_constant
    expected = {constant.name: constant for constant in SHORT}[best].forecast((), returns[:, None], 5)
    np.testing.assert_allclose(forecaster.covariance, expected * 365)
    assert forecaster.volatility == pytest.approx(0.03 * 365**0.5, rel=0.2)


def test_a_model_is_switched_off_again_when_it_stops_beating_the_constant() -> None:
    """Right about the first thousand rows, wrong ever after."""
    noise = np.random.default_rng(9).standard_normal(2000)
    returns = np.concatenate([noise[:1000] * 0.04, noise[1000:] * 0.01])
    right = Told(0.04**2)
    before = fed(right, returns[:1000])
    after = fed(right, returns)
    assert before.scorecard.loss < after.scorecard.loss
    assert not after.active
    assert after.volatility == pytest.approx(0.01 * 365**0.5, rel=0.2)


def test_too_few_scores_keep_the_model_off() -> None:
    forecaster = fed(Ewma(0.9), garch(1500, seed=8)[:130])
    assert not forecaster.active
    assert "needed" in forecaster.scorecard.reason
    assert forecaster.volatility > 0


@pytest.mark.parametrize("model", [Told(fits=False), Told(variance=np.nan), Told(variance=-1.0), Told(0.0)])
def test_what_cannot_be_used_is_not_used_and_counted(model: Told) -> None:
    returns = garch(400, seed=5)
    forecaster = fed(model, returns)
    # Of 300 rows after the first 100: a fit in 50, or a forecast in 5.
    assert forecaster.failures == (61 if model.fits else 7)
    assert not forecaster.active
    best = {constant.name: constant for constant in SHORT}[forecaster.scorecard.best_constant]
    assert forecaster.volatility == (best.forecast((), returns[:, None], 5)[0, 0] * 365) ** 0.5
    assert f"{forecaster.failures} failed" in forecaster.scorecard.reason


def test_a_garch_that_does_not_converge_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Garch, "fit", lambda *_: None)
    forecaster = fed(Garch(), garch(400, seed=5))
    # At 250 rows, 300, 350 and 400.
    assert forecaster.failures == 4
    assert not forecaster.active


def test_scores_are_those_of_horizons_that_do_not_overlap() -> None:
    returns = garch(200, seed=5)
    scores = fed(Told(), returns).scores
    # Noted after rows 100, 105, ... 195; the last outcome is complete at row 200.
    assert {name: len(entries) for name, entries in scores.items()} == dict.fromkeys(scores, 20)
    for place, entry in enumerate(scores["told"]):
        ratio = np.square(returns[100 + 5 * place : 105 + 5 * place]).mean() / 0.0016
        assert entry.loss == pytest.approx(ratio - np.log(ratio) - 1)


def test_what_was_served_is_the_model_only_while_it_was_on() -> None:
    returns = garch(900, seed=8)
    forecaster = Forecaster(Ewma(0.9), QUICK, SHORT)
    expected = []
    for row in returns:
        before = forecaster.active
        counted = len(forecaster.scores["served"])
        forecaster.observe(row)
        scores = forecaster.scores
        if len(scores["served"]) > counted:
            expected.append(scores["EWMA 0.9"][-1] if before else None)
    served = forecaster.scores["served"]
    assert any(entry is None for entry in expected)
    assert any(entry is not None for entry in expected)
    assert all(entry in (None, given) for entry, given in zip(expected, served, strict=True))


def test_prices_that_stand_still_are_survived() -> None:
    returns = np.concatenate([np.zeros(150), garch(150, seed=5)])
    for model in (Ewma(), Garch(), Har(), log_har()):
        assert fed(model, returns).volatility > 0
    assert fed(Ewma(), np.zeros(150)).volatility == 0


def test_several_assets_have_a_covariance_and_no_one_volatility() -> None:
    rows = np.column_stack([garch(400, seed=seed) for seed in (1, 2, 3)])
    forecaster = fed(Shrunk(), rows)
    assert forecaster.covariance.shape == (3, 3)
    np.linalg.cholesky(forecaster.covariance)
    assert forecaster.scorecard.scored > 10
    with pytest.raises(InputError, match="3 assets have no one volatility"):
        _ = forecaster.volatility


def test_bad_rows_are_refused_and_not_taken() -> None:
    forecaster = Forecaster(Ewma(), QUICK, SHORT)
    forecaster.observe(0.01)
    with pytest.raises(NotFinite, match=r"returns\[0\]: nan"):
        forecaster.observe(np.nan)
    with pytest.raises(InputError, match="has 2 entries, had 1 before"):
        forecaster.observe([0.1, 0.2])
    with pytest.raises(InsufficientHistory, match="has 1 rows, 100 are needed"):
        _ = forecaster.volatility
    with pytest.raises(NotFinite, match=r"returns\[1, 0\]"):
        walk(forecaster, [[0.0], [np.inf]])
    with pytest.raises(InsufficientHistory, match="has 1 rows"):
        _ = forecaster.covariance


@pytest.mark.parametrize(
    "setting", [{"horizon": 0}, {"level": 1.0}, {"needed": 105}, {"periods_per_year": np.nan}]
)
def test_settings_that_mean_nothing_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        Settings(**setting)


def test_no_model_goes_without_a_constant() -> None:
    with pytest.raises(InputError, match="constants"):
        Forecaster(Ewma(), constants=())


def test_an_outlook_puts_forecast_volatilities_on_correlations_and_leaves_cash_alone() -> None:
    rows = np.column_stack([garch(450, seed=1), garch(450, seed=2), np.zeros(450)])
    outlook = Outlook(("BTC", "ETH", "USD"), Ewma, QUICK)
    for row in rows:
        outlook.observe(row)
    volatilities, covariance = outlook.volatilities, outlook.covariance
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), volatilities)
    assert volatilities[2] == 0
    sample = covariance_of(rows[-365:])
    assert covariance[0, 1] / (volatilities[0] * volatilities[1]) == pytest.approx(
        sample[0, 1] / np.sqrt(sample[0, 0] * sample[1, 1])
    )
    assert outlook.reasons[0].startswith("BTC: EWMA 0.97")
    with pytest.raises(InputError, match="2 entries for 3 assets"):
        outlook.observe([0.1, 0.2])
    for names in ((), ("BTC", "BTC")):
        with pytest.raises(InputError, match="assets: should be different names"):
            Outlook(names)


def test_targets_from_an_outlook_hold_the_shares_of_the_forecast_variance() -> None:
    rows = np.column_stack([garch(150, seed=1), 2 * garch(150, seed=2), np.zeros(150)])
    outlook = Outlook(("BTC", "ETH", "USD"), Ewma, QUICK, constants=SHORT)
    for row in rows:
        outlook.observe(row)
    weights = risk_parity(outlook.covariance, riskless=0.25)
    assert weights[2] == 0.25
    assert weights[0] * outlook.volatilities[0] == pytest.approx(
        weights[1] * outlook.volatilities[1], rel=1e-4
    )


def test_the_default_on_recorded_prices_answers_as_its_scores_say() -> None:
    """The defaults on daily BTC, ETH and LINK: what is on beats the constants, what is off doesn't."""
    for returns in log_returns().T:
        forecaster = Forecaster()
        for row in returns:
            forecaster.observe(row)
        card = forecaster.scorecard
        assert card.scored == 103
        assert card.failures == 0
        assert forecaster.active == (card.loss < min(card.constants.values()))
        assert 0.2 < forecaster.volatility < 1.5


@pytest.mark.parametrize(
    ("asset", "noted"),
    [
        ("ETH", {"log-HAR 1/7/30": 0.501, "GARCH(1,1)": 0.529, "EWMA 0.97": 0.535, "constant 365": 0.627}),
        ("BTC", {"constant 365": 0.587, "log-HAR 1/7/30": 0.592, "GARCH(1,1)": 0.609, "EWMA 0.94": 0.710}),
    ],
)
def test_scores_of_216_weeks_are_those_noted(asset: str, noted: dict[str, float]) -> None:
    """November 2019 to December 2023, after 730 days that are only learned from: to one in the last digit, in
    the same order."""
    returns = long_log_returns(asset)
    losses = {}
    models: list[Model] = [Ewma(decay, 730) for decay in (0.94, 0.97)]
    for model in (Har(logs=True, least_rows=730), Garch(least_rows=730), *models):
        forecaster = Forecaster(model)
        for row in returns:
            forecaster.observe(row)
        assert forecaster.failures == 0
        for name, scores in forecaster.scores.items():
            assert len(scores) == 216
            losses[name] = float(np.mean([score.loss for score in scores]))
    assert {name: losses[name] for name in noted} == pytest.approx(noted, abs=1e-3)
    assert sorted(noted, key=losses.__getitem__) == list(noted)
