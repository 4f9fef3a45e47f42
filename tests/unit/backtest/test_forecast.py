"""The default policy on forecast risks: as the default for a year, blind to later rows, and moved by risk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.backtest import Backtest, Costs, DefaultPolicy, Engine, ForecastPolicy, Prices, run
from router.backtest.policies import Observation
from router.errors import InputError
from tests.unit.backtest.series import prices_of, study_of

ROWS, CUT = 460, 420
WILD = 400
"""From here on the first asset moves five times as much."""


def moves(seed: int = 1, rows: int = ROWS) -> np.ndarray:
    """Log returns; the first asset's grow wild near the end."""
    noise = np.random.default_rng(seed).standard_normal((rows, 3)) * 0.03
    noise[WILD:, 0] *= 5
    return noise


def prices(returns: np.ndarray) -> Prices:
    return prices_of(100 * np.exp(np.vstack([np.zeros(3), np.cumsum(returns, axis=0)])))


def study(returns: np.ndarray) -> Backtest:
    return study_of(prices(returns), costs=Costs(0.003, 30))


class Watched(ForecastPolicy):
    """Keeps the covariances that its region was drawn from."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, np.ndarray] = {}

    def _covariance(self, observation: Observation) -> np.ndarray:
        self.seen[observation.row] = super()._covariance(observation)
        return self.seen[observation.row]


def test_for_a_year_it_does_what_the_default_policy_does() -> None:
    year = study(moves(rows=364))
    first, second = run(year, "forecast"), run(year, "default")
    np.testing.assert_array_equal(first.ledger.rows, second.ledger.rows)
    np.testing.assert_array_equal(first.equity, second.equity)
    assert first.rebalances > 1


def test_from_then_on_the_region_is_drawn_anew_every_week() -> None:
    policy = Watched()
    run(study(moves()), policy)
    forecast = [row for row in policy.seen if row >= 365]
    assert forecast == list(range(365, ROWS + 1, 7))


def test_the_region_follows_a_risk_that_a_model_saw_rise() -> None:
    """Enough weeks for its scores to count, then a quiet start and a wild end."""
    returns = moves(rows=720)
    policy = Watched()
    result = run(study(returns), policy)
    assert policy.outlook is not None
    assert policy.outlook.forecasters["A"].active
    late = policy.seen[max(policy.seen)]
    history = np.cov(np.diff(np.log(result.study.prices.values), axis=0), rowvar=False)
    assert late[0, 0] / late[1, 1] > 1.3 * history[0, 0] / history[1, 1]
    assert run(study(returns), DefaultPolicy()).final != result.final


def test_what_was_done_does_not_depend_on_what_came_after() -> None:
    first, other = moves(), moves()
    other[CUT:] = moves(seed=2)[CUT:]
    ledgers = [run(study(returns), "forecast").ledger for returns in (first, other)]
    kept = [ledger.rows[ledger.rows <= CUT] for ledger in ledgers]
    np.testing.assert_array_equal(*kept)
    assert (kept[0] > 365).any()


def test_one_policy_forgets_between_runs() -> None:
    policy = ForecastPolicy()
    results = [run(study(moves(seed)), policy).final for seed in (1, 2, 1)]
    assert results[0] == results[2] == run(study(moves()), "forecast").final
    assert results[0] != results[1]


@pytest.mark.parametrize("days", [7, 30, 366])
def test_rows_farther_apart_than_the_horizon_are_each_a_horizon(days: int) -> None:
    daily = prices(moves() / 2)
    apart = replace(daily, times=daily.times[0] + np.arange(len(daily)) * np.timedelta64(days, "D"))
    policy = Watched()
    assert run(study_of(apart, costs=Costs(0.003, 30)), policy).stop is None
    assert [row for row in policy.seen if row >= 365] == list(range(365, ROWS + 1))


@pytest.mark.parametrize("targets", [{"cash": 1.0}, {"A": 1.0}, {"A": 0.5, "B": 0.0, "cash": 0.5}])
def test_it_lives_with_targets_that_hardly_drift(targets: dict[str, float]) -> None:
    assert run(Backtest(prices(moves()), targets, Costs(0.003, 30)), "forecast").stop is None


def test_prices_that_stand_still_are_no_trouble() -> None:
    assert run(study_of(prices_of(np.ones((400, 3))), costs=Costs(0.003)), "forecast").rebalances == 1


def test_the_vectorised_engine_does_not_know_it() -> None:
    with pytest.raises(InputError, match="does not know forecast"):
        run(study(moves()), "forecast", Engine.VECTORISED)
