"""Targets, forecasts and timing in the event-driven backtester: the plugs fit, and nothing looks ahead."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from router.backtest.costs import Costs
from router.backtest.policies import Observation, Policy, policy_of
from router.backtest.prices import Prices
from router.backtest.run import run
from router.backtest.study import Backtest
from router.strategy.forecasts import Outlook, Settings
from router.strategy.guards import GuardRails
from router.strategy.targets import risk_parity
from router.strategy.timing import Timing, TimingRule
from router.strategy.volatility import Ewma

ROWS, CUT = 420, 330
ASSETS = ("BTC", "ETH")
TARGETS = {"BTC": 0.4, "ETH": 0.4}


def moves(seed: int = 1, rows: int = ROWS) -> np.ndarray:
    """Log returns that take back most of the last row's."""
    noise = np.random.default_rng(seed).standard_normal((rows, 2)) * 0.04
    for row in range(1, rows):
        noise[row] -= 0.6 * noise[row - 1]
    return noise


def study(returns: np.ndarray, fee_rate: float = 0.01) -> Backtest:
    times = np.datetime64("2024-01-01", "us") + np.arange(len(returns) + 1) * np.timedelta64(1, "D")
    values = 100 * np.exp(np.vstack([np.zeros(2), np.cumsum(returns, axis=0)]))
    return Backtest(Prices(times, ASSETS, values), TARGETS, Costs(fee_rate=fee_rate, gas=5.0))


@dataclass
class RiskParity:
    """Every 30 rows to equal shares of the variance that the outlook expects, 20% in cash."""

    name: str = "risk parity on forecasts"
    rails: GuardRails = field(default_factory=lambda: GuardRails(floor=0.1, cap=0.7, step=0.1))
    outlook: Outlook | None = None

    def decide(self, observation: Observation) -> np.ndarray | None:
        if observation.row == 0:
            self.outlook = Outlook((*ASSETS, "cash"), Ewma, Settings(needed=10))
            return observation.targets
        assert self.outlook is not None
        newest = np.diff(np.log(observation.prices[-2:]), axis=0)[0]
        self.outlook.observe([*newest, 0.0])
        if observation.row < 365 or observation.row % 30:
            return None
        wanted = risk_parity(self.outlook.covariance, riskless=0.2)
        return self.rails.apply(wanted, observation.weights)


@dataclass
class Timed:
    """A policy whose trades wait for the advice."""

    policy: Policy
    rule: TimingRule
    name: str = "timed"
    timing: Timing | None = None
    waited: int = 0
    waits: int = 0

    def decide(self, observation: Observation) -> np.ndarray | None:
        landing = self.policy.decide(observation)
        if observation.row == 0:
            self.timing = Timing(self.rule)
            return landing
        assert self.timing is not None
        self.timing.observe([*(observation.prices[-1] / observation.prices[-2] - 1), 0.0])
        if landing is None:
            self.waited = 0
            return None
        if self.timing.advise(observation.weights, self.waited).wait:
            self.waited += 1
            self.waits += 1
            return None
        self.waited = 0
        return landing


def timed(rate: float = 0.01) -> Timed:
    rule = TimingRule(
        np.array([0.4, 0.4, 0.2]), 0.02, np.array([rate, rate, 0.0]), least_rows=150, refit=150, window=200
    )
    return Timed(policy_of("abs_band_0.02"), rule)


def test_targets_from_forecasts_move_within_their_rails() -> None:
    policy = RiskParity()
    result = run(study(moves() * np.array([1.0, 2.0])), policy)
    assert result.rebalances >= 3
    assert policy.outlook is not None
    wanted = risk_parity(policy.outlook.covariance, riskless=0.2)
    assert wanted[0] > 1.5 * wanted[1]
    assert result.stop is None


def test_timing_saves_in_the_backtester_where_moves_are_taken_back() -> None:
    policy = timed()
    result, plain = run(study(moves()), policy), run(study(moves()), "abs_band_0.02")
    assert policy.timing is not None
    assert policy.timing.score.active
    assert policy.waits > 10
    assert result.objective < 0.8 * plain.objective
    assert result.rebalances < plain.rebalances


@pytest.mark.parametrize("make", [RiskParity, timed], ids=["forecasts", "timing"])
def test_what_was_done_does_not_depend_on_what_came_after(make: type) -> None:
    first, other = moves(), moves()
    other[CUT:] = moves(seed=2)[CUT:] * 1.5
    ledgers = [run(study(returns), make()).ledger for returns in (first, other)]
    kept = [ledger.rows[ledger.rows <= CUT] for ledger in ledgers]
    np.testing.assert_array_equal(*kept)
    assert len(kept[0])
