"""Timing: it learns from the past alone, and only advice that beat the rule is given."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import InputError, NotFinite, Unaffordable
from router.strategy.timing import Timing, TimingRule, TimingScore, _figures, advise, lessons

from .recorded import closes

TARGETS = np.array([0.5, 0.5])


def rule(**changes: object) -> TimingRule:
    settings: dict[str, object] = {
        "targets": TARGETS,
        "band": 0.02,
        "rates": np.array([0.01, 0.0]),
        "fixed": 1e-4,
        "least_rows": 200,
        "refit": 200,
    }
    return TimingRule(**(settings | changes))  # type: ignore[arg-type]


def reverting(rows: int, seed: int = 1, pull: float = -0.7) -> np.ndarray:
    """Simple returns of a coin that takes back most of each move on the next row, and of cash."""
    noise = np.random.default_rng(seed).standard_normal(rows) * 0.05
    moves = np.empty(rows)
    last = 0.0
    for row, value in enumerate(noise):
        last = moves[row] = pull * last + value
    return np.column_stack([np.expm1(moves), np.zeros(rows)])


def fed(returns: np.ndarray, one: TimingRule) -> Timing:
    timing = Timing(one)
    for row in returns:
        timing.observe(row)
    return timing


def test_where_moves_are_taken_back_waiting_is_advised_and_saves() -> None:
    returns = reverting(500)
    timing = fed(returns, rule())
    score = timing.score
    assert score.active
    assert score.advised < 0.9 * score.rule
    assert score.waits >= 20
    assert score.reason.startswith("timing on: ")
    # After a last move up, a weight above the band is likely to come back.
    up = fed(np.vstack([returns, [[0.08, 0.0]]]), rule())
    advice = up.advise([0.53, 0.47])
    assert advice.wait
    assert advice.probability is not None
    assert advice.probability > 0.5


def test_where_moves_go_on_the_advice_is_to_go() -> None:
    timing = fed(reverting(500, pull=0.5), rule())
    timing.observe([0.08, 0.0])
    assert not timing.advise([0.53, 0.47]).wait


def test_advice_that_does_not_beat_the_rule_is_withheld() -> None:
    """The market learned from turns around: what the model likes has cost more since."""
    timing = fed(reverting(500), rule(least_rows=200, refit=10_000))
    for row in reverting(500, seed=2, pull=0.9) * 1.5:
        timing.observe(np.maximum(row, -0.9))
    score = timing.score
    assert score.waits >= score.needed
    assert score.advised >= score.rule
    assert not score.active
    assert not any(timing.advise([0.5 + drift, 0.5 - drift]).wait for drift in np.linspace(-0.1, 0.1, 21))
    assert score.reason.startswith("timing off: ")


def test_nothing_is_advised_before_the_first_fit_or_inside_the_band() -> None:
    early = fed(reverting(199), rule())
    assert early.advise([0.6, 0.4]).probability is None
    assert not early.advise([0.6, 0.4]).wait
    assert np.isnan(early.score.rule)
    assert not early.score.active
    inside = fed(reverting(500), rule()).advise([0.51, 0.49])
    assert inside.probability is None
    assert not inside.wait


def test_patience_ends() -> None:
    timing = fed(np.vstack([reverting(500), [[0.08, 0.0]]]), rule(patience=2))
    assert timing.advise([0.53, 0.47], waited=1).wait
    assert not timing.advise([0.53, 0.47], waited=2).wait


def test_a_model_of_one_answer_is_none_and_counted() -> None:
    """Where trading is free, waiting never pays."""
    timing = fed(reverting(500), rule(rates=0.0, fixed=0.0))
    assert timing.unfit == 2
    assert timing.advise([0.6, 0.4]).probability is None
    assert not timing.score.active


def test_advice_from_a_history_is_that_of_rows_one_by_one_and_the_same_twice() -> None:
    returns = reverting(500)
    timing = fed(returns, rule())
    for _ in range(2):
        again = advise(returns, [0.53, 0.47], rule())
        assert again == timing.advise([0.53, 0.47])


def test_lessons_figures_know_nothing_of_the_row_that_pays() -> None:
    returns = reverting(300)
    other = returns.copy()
    other[-1] = [0.3, 0.0]
    (figures, payoffs), (same, others) = lessons(returns, rule()), lessons(other, rule())
    np.testing.assert_array_equal(figures, same)
    assert 0 < (payoffs != others).sum() <= 4


def test_no_fit_knows_the_future() -> None:
    """A history, and the same with other rows after it, teach the same about the rows they share."""
    returns, other = reverting(400), reverting(400)
    other[300:] = reverting(100, seed=9)
    first, second = Timing(rule()), Timing(rule())
    for row, (mine, theirs) in enumerate(zip(returns, other, strict=True)):
        first.observe(mine)
        second.observe(theirs)
        if row == 299:
            assert first.advise([0.53, 0.47]) == second.advise([0.53, 0.47])
    assert first.advise([0.53, 0.47]) != second.advise([0.53, 0.47])


def test_payoffs_are_cost_saved_less_penalty() -> None:
    returns, one = reverting(101), rule(targets=np.array([0.5, 0.5]), band=0.02)
    figures, payoffs = lessons(returns, one)
    expected = []
    for age in (5, 10, 20, 40):
        for end in range(60, 101):
            grown = TARGETS * np.prod(1 + returns[end - age : end], axis=0)
            now = grown / grown.sum()
            if not 0.01 <= np.abs(now - TARGETS).max() <= 0.04:
                continue
            later = now * (1 + returns[end])
            later /= later.sum()
            saved = 0.01 * (abs(now[0] - 0.5) - abs(later[0] - 0.5))
            expected.append(saved - 1.5 * ((now - TARGETS) @ returns[end]) ** 2)
    np.testing.assert_allclose(payoffs, expected, rtol=1e-9)
    assert figures.shape == (len(expected), 5)
    assert np.isfinite(figures).all()


def test_the_probability_is_that_of_the_library_model() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    returns, one = reverting(300), rule()
    figures, payoffs = lessons(returns, one)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(
        figures, payoffs > 0, logisticregression__sample_weight=np.abs(payoffs) / np.abs(payoffs).mean()
    )
    timing = fed(returns, rule(refit=20))
    for held in ([0.53, 0.47], [0.46, 0.54]):
        asked = _figures(np.array([held]) - TARGETS, returns[None, -60:], one)
        assert timing.advise(held).probability == pytest.approx(model.predict_proba(asked)[0, 1], rel=1e-6)


def test_a_fit_that_does_not_converge_is_none_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(
        LogisticRegression, "fit", lambda *_: warnings.warn("", ConvergenceWarning, stacklevel=1)
    )
    timing = fed(reverting(300), rule())
    assert timing.unfit == 1
    assert timing.advise([0.6, 0.4]).probability is None


def test_the_rule_alone_costs_what_a_plain_simulation_says() -> None:
    returns, one = reverting(600), rule(window=400)
    score = fed(returns, one).score
    weights, objectives = TARGETS.copy(), []
    for row in returns:
        objective = 1.5 * ((weights - TARGETS) @ row) ** 2
        weights = weights * (1 + row)
        weights /= weights.sum()
        if abs(weights[0] - 0.5) > 0.02:
            objective += 0.01 * abs(weights[0] - 0.5) + 1e-4
            weights = TARGETS.copy()
        objectives.append(objective)
    assert score.rows == 400
    assert score.rule == pytest.approx(sum(objectives[-400:]) / 400 * 365 * 1e4)


def test_scores_below_the_needed_waits_are_off() -> None:
    assert not TimingScore(rows=300, rule=20.0, advised=10.0, waits=4, needed=5, unfit=0).active
    assert TimingScore(rows=300, rule=20.0, advised=10.0, waits=5, needed=5, unfit=0).active
    assert not TimingScore(rows=300, rule=20.0, advised=20.0, waits=5, needed=5, unfit=0).active


def test_rows_that_make_no_sense_are_refused_and_not_taken() -> None:
    timing = Timing(rule())
    for bad, error in (([np.nan, 0.0], NotFinite), ([0.1], InputError), ([-1.0, 0.0], InputError)):
        with pytest.raises(error, match="returns"):
            timing.observe(bad)
    returns = reverting(250)
    for row in returns:
        timing.observe(row)
    assert timing.score == fed(returns, rule()).score
    with pytest.raises(Unaffordable):
        timing.advise([0.6, 0.6])
    with pytest.raises(InputError, match="1 weights for 2 assets"):
        timing.advise([1.0])


@pytest.mark.parametrize(
    "setting",
    [
        {"band": 0.0},
        {"rates": -0.1},
        {"rates": np.zeros(3)},
        {"fixed": -1.0},
        {"least_rows": 100},
        {"patience": 0},
    ],
)
def test_rules_that_make_no_sense_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        rule(**setting)


def test_on_recorded_prices_the_advice_is_on_only_where_it_was_cheaper() -> None:
    """BTC, ETH, LINK and cash at 30 bp and a 5 % band, daily from 2021 to 2023."""
    _, _, prices = closes()
    returns = prices[1:] / prices[:-1] - 1
    one = TimingRule(np.array([0.4, 0.3, 0.2, 0.1]), 0.05, np.array([0.003, 0.003, 0.003, 0.0]), fixed=3e-5)
    score = fed(returns, one).score
    assert score.unfit == 0
    assert score.rows == 365
    assert score.active == (score.advised < score.rule and score.waits >= score.needed)
