"""Scores: QLIKE is least at the truth, coverage is a normal return's, a card says why it is on or off."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from router.strategy.scores import Score, Scorecard, score

RNG = np.random.default_rng(4)


def test_qlike_of_one_asset_is_the_textbook_form() -> None:
    outcome = RNG.standard_normal((7, 1)) * 0.03
    ratio = np.square(outcome).mean() / 0.002
    assert score(np.array([[0.002]]), outcome, 0.9).loss == pytest.approx(ratio - np.log(ratio) - 1)
    exact = np.array([[np.square(outcome).mean()]])
    assert score(exact, outcome, 0.9).loss == pytest.approx(0.0, abs=1e-12)


def test_qlike_of_one_asset_survives_prices_that_stood_still() -> None:
    assert np.isfinite(score(np.array([[0.01]]), np.zeros((7, 1)), 0.9).loss)


def test_expected_qlike_is_least_at_the_true_covariance() -> None:
    truth = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, 0.5], [0.2, 0.5, 0.5]]) * 1e-3
    outcomes = RNG.multivariate_normal(np.zeros(3), truth, size=(400, 7))
    losses = {
        factor: np.mean([score(truth * factor, outcome, 0.9).loss for outcome in outcomes])
        for factor in (0.5, 0.8, 1.0, 1.25, 2.0)
    }
    assert min(losses, key=lambda factor: losses[factor]) == 1.0
    off = np.mean([score(np.diag(np.diag(truth)), outcome, 0.9).loss for outcome in outcomes])
    assert off > losses[1.0]


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_of_the_true_covariance_cover_their_level(size: int, level: float) -> None:
    root = RNG.standard_normal((size, size + 2)) * 0.02
    truth = root @ root.T
    outcomes = RNG.multivariate_normal(np.zeros(size), truth, size=(1500, 5))
    covered = np.mean([score(truth, outcome, level).covered for outcome in outcomes])
    assert covered == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 1500))


def test_interval_of_one_asset_is_the_normal_one() -> None:
    edge = norm.ppf(0.95) * 0.02 * np.sqrt(2)
    for total, inside in ((edge * 0.999, True), (edge * 1.001, False), (-edge * 1.001, False)):
        assert score(np.array([[0.0004]]), np.array([[0.0], [total]]), 0.9).covered is inside


def card(
    losses: list[float], constant: list[float], covered: list[bool] | None = None, needed: int = 3
) -> Scorecard:
    marks = covered or [True] * len(losses)
    model = [Score(loss, mark) for loss, mark in zip(losses, marks, strict=True)]
    other = [Score(loss, True) for loss in constant]
    worse = [Score(loss + 1, True) for loss in constant]
    return Scorecard.of(
        model, {"worse": worse, "flat": other}, name="model", level=0.9, needed=needed, failures=0
    )


def test_a_model_is_on_only_where_it_beats_the_best_constant() -> None:
    assert card([0.1, 0.2, 0.3], [0.3, 0.3, 0.3]).active
    assert not card([0.3, 0.3, 0.3], [0.3, 0.3, 0.3]).active
    assert not card([0.4, 0.3, 0.3], [0.3, 0.3, 0.3]).active
    assert card([0.4, 0.3, 0.3], [0.3, 0.3, 0.3]).best_constant == "flat"


def test_a_model_with_too_few_scores_is_off() -> None:
    few = card([0.1, 0.1], [0.3, 0.3])
    assert not few.active
    assert few.reason == "model off: 2 forecasts scored, 3 needed"
    none = card([], [])
    assert not none.active
    assert np.isnan(none.loss)


def test_a_model_with_dishonest_intervals_is_off_however_small_its_loss() -> None:
    covered = [True] * 20 + [False] * 20
    dishonest = card([0.1] * 40, [0.3] * 40, covered)
    assert not dishonest.active
    assert dishonest.coverage == 0.5
    assert "coverage 50.0% of 90%, 10.0% off allowed" in dishonest.reason
    assert card([0.1] * 40, [0.3] * 40, [True] * 35 + [False] * 5).active


def test_the_reason_has_the_scores() -> None:
    assert card([0.1, 0.2, 0.3], [0.3, 0.3, 0.3]).reason.startswith(
        "model on: QLIKE 0.2000 against 0.3000 of flat, coverage 100.0% of 90%"
    )
