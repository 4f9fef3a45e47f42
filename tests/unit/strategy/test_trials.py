"""Models on trial: who answers, from what, and what the choice was worth."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import InputError, InsufficientHistory, NotFinite
from router.strategy.forecasts import Forecaster, Outlook, Settings
from router.strategy.trials import CHOSEN_FROM, MODELS, AssetOutlook, settings_of, try_models
from router.strategy.volatility import log_har
from tests.unit.strategy.recorded import NAMES, log_returns
from tests.unit.strategy.series import garch

CLUSTERED = garch(760, seed=3)[:, None]


@pytest.fixture(scope="module")
def chosen() -> AssetOutlook:
    """Of several models."""
    (found,) = try_models(["A"], CLUSTERED).assets
    return found


def two(rows: int) -> np.ndarray:
    """Two assets whose volatility clusters, correlated by about a half."""
    one, other = garch(rows, seed=1), garch(rows, seed=2)
    return np.column_stack([one, 0.5 * one + 0.8 * other])


def test_one_model_answers_as_the_outlook_does() -> None:
    returns = two(620)
    outlook = Outlook(["A", "B"])
    for row in returns:
        outlook.observe(row)
    trials = try_models(["A", "B"], returns, "log_har")
    assert np.array_equal(trials.volatilities, outlook.volatilities)
    assert np.allclose(trials.covariance, outlook.covariance, rtol=1e-12)
    assert [each.active for each in trials.assets] == [
        "log_har" if one.active else None for one in outlook.forecasters.values()
    ]


def test_what_one_model_served_is_what_its_forecaster_served() -> None:
    forecaster = Forecaster(log_har())
    for row in CLUSTERED:
        forecaster.observe(row)
    (found,) = try_models(["A"], CLUSTERED, "log_har").assets
    served = tuple(score.loss for score in forecaster.scores["served"])
    assert found.active == "log_har"  # switched on along the way, so that the choice matters
    assert found.served == served


def test_auto_answers_with_the_active_model_of_least_loss(chosen: AssetOutlook) -> None:
    losses = {name: card.loss for name, card in chosen.cards.items() if card.active}
    assert tuple(chosen.cards) == CHOSEN_FROM
    assert chosen.active == min(losses, key=lambda name: losses[name])
    assert len({card.scored for card in chosen.cards.values()}) == 1


def test_auto_answers_with_the_best_constant_where_no_model_is_on() -> None:
    returns = np.random.default_rng(4).normal(0, 0.03, (640, 1))  # nothing clusters
    (found,) = try_models(["A"], returns, settings=Settings(needed=38, window=104)).assets
    assert found.active is None
    recent = returns if found.constant == "constant" else returns[-365:]
    assert found.volatility == pytest.approx(np.sqrt(np.square(recent).mean() * 365))


def test_what_auto_served_does_not_depend_on_what_follows(chosen: AssetOutlook) -> None:
    (short,) = try_models(["A"], CLUSTERED[:-70]).assets
    changed = np.concatenate([CLUSTERED[:-7], 3 * CLUSTERED[-7:]])
    (other,) = try_models(["A"], changed).assets
    assert short.served == chosen.served[:-10]
    assert other.served[:-1] == chosen.served[:-1]
    assert other.served[-1] > chosen.served[-1]


def test_models_of_a_short_history_are_scored_on_the_same_outcomes() -> None:
    trials = try_models(["A"], garch(364, seed=5)[:, None])
    (found,) = trials.assets
    assert {card.scored for card in found.cards.values()} == {(364 - 250) // 7}
    assert set(found.against) == {"constant"}


def test_one_more_row_never_leaves_too_few_scores() -> None:
    """Where a model comes to have enough of them, and where the last year's constant comes in."""
    returns, needed = garch(560, seed=5)[:, None], Settings().needed
    cards = {
        rows: try_models(["A"], returns[:rows], "log_har").assets[0].cards["log_har"]
        for rows in (361, 362, 364, 365, 366, 450, 546, 547, 560)
    }
    assert [card.scored >= needed for card in cards.values()] == [False, *[True] * 8]
    assert [len(card.constants) for card in cards.values()] == [1] * 7 + [2] * 2


def test_cash_has_neither_volatility_nor_correlation() -> None:
    returns = np.column_stack([garch(500, seed=6), np.zeros(500)])
    trials = try_models(["A", "USD"], returns, "ewma")
    assert trials.volatilities[1] == 0
    assert trials.correlations.tolist() == [[1, 0], [0, 1]]
    assert trials.assets[1].active is None


def test_the_same_rows_give_the_same_bits() -> None:
    returns = two(400)
    first, second = (try_models(["A", "B"], returns) for _ in range(2))
    assert first.covariance.tobytes() == second.covariance.tobytes()
    assert [each.served for each in first.assets] == [each.served for each in second.assets]


def test_the_flag_of_the_regime_needs_rows() -> None:
    calm = np.random.default_rng(7).normal(0, 0.01, 300)
    assert try_models(["A"], calm[:100, None], "ewma").assets[0].high is None
    assert try_models(["A"], np.append(calm, 0.2)[:, None], "ewma").assets[0].high is True


def test_auto_on_recorded_prices_answers_as_the_page_says() -> None:
    trials = try_models(NAMES, log_returns())
    by_name = {each.asset: each for each in trials.assets}
    assert [by_name[name].active for name in NAMES] == [None, "ewma", "garch"]
    for name, served, constant in (
        ("BTC", 0.5662, 0.5584),
        ("ETH", 0.5059, 0.5820),
        ("LINK", 0.4278, 0.4564),
    ):
        assert np.mean(by_name[name].served) == pytest.approx(served, abs=5e-5)
        assert np.mean(by_name[name].against["constant 365"]) == pytest.approx(constant, abs=5e-5)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        try_models(["A"], np.ones((400, 1)), "log-har")
    assert caught.value.nearest == "log_har"


@pytest.mark.parametrize(("model", "needed"), [("log_har", 180), ("garch", 250), ("ewma", 60), ("auto", 250)])
def test_too_few_rows_says_how_many_are_needed(model: str, needed: int) -> None:
    with pytest.raises(InsufficientHistory, match=rf"has {needed - 1} rows, {needed} are needed"):
        try_models(["A"], garch(needed - 1, seed=1)[:, None], model)


def test_nan_and_names_that_do_not_fit_are_refused() -> None:
    returns = two(400)
    with pytest.raises(InputError, match="1 names for 2 columns"):
        try_models(["A"], returns)
    returns[7, 1] = np.nan
    with pytest.raises(NotFinite, match=r"\[7, 1\]"):
        try_models(["A", "B"], returns)


def test_settings_count_rows_of_any_interval() -> None:
    assert settings_of(1 / 365) == Settings(periods_per_year=1 / (1 / 365))
    assert settings_of(1 / 365 / 24, 1).horizon == 24
    for days in (0.1, 400, float("nan")):
        with pytest.raises(InputError, match="horizon_days"):
            settings_of(1 / 365, days)


@pytest.mark.parametrize(("days", "horizon"), [(1, 7), (3, 2), (7, 1), (30, 1), (366, 1), (800, 1)])
def test_a_forecast_is_about_a_week_or_a_row_where_rows_are_farther_apart(days: int, horizon: int) -> None:
    assert settings_of(days / 365).horizon == horizon
    assert settings_of(days / 365, max(days, 7)).horizon == horizon


def test_every_model_can_be_named() -> None:
    returns = garch(420, seed=8)[:, None]
    for name in MODELS:
        assert list(try_models(["A"], returns, name).assets[0].cards) == [name]
