"""The project's own policy: nothing kept between runs, no cost that it can't pay, not worse than fixed bands
on the model that all of them are made for."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest

from router.backtest import Backtest, Costs, FeeConvention, Prices, compare, load_prices, run
from router.backtest.no_trade import Region
from router.backtest.result import Result
from tests.unit.backtest.series import COSTS, prices_of, random_prices, study_of

FIXED = ("hold", "calendar_7", "calendar_30", "calendar_90", "abs_band_0.05", "abs_band_0.05_half")
FIXED += ("abs_band_0.05_edge", "abs_band_0.1", "abs_band_0.1_half", "rel_band_0.25")
RECORDED = Path(__file__).parents[2] / "data" / "huobi_daily_2017-10_2021-06.csv"
COINS = ("BTC", "ETH", "ETC", "LTC", "BCH")
VOLATILITIES = np.array([0.7, 0.9, 1.1])
PATHS, ROWS = 6, 730
WORST_RATIO = 1.05


def paths(seed: int) -> np.ndarray:
    """Geometric Brownian motions, correlation 0.7, daily."""
    covariance = np.outer(VOLATILITIES, VOLATILITIES) * (0.7 + 0.3 * np.eye(3)) / 365
    moves = np.random.default_rng(seed).multivariate_normal(-np.diag(covariance) / 2, covariance, ROWS)
    return 100 * np.exp(moves.cumsum(axis=0))


@pytest.mark.parametrize("nav", [1e4, 1e5, 1e6, 1e7])
def test_on_average_no_fixed_policy_is_much_better(nav: float) -> None:
    means: dict[str, list[float]] = {}
    for seed in range(PATHS):
        study = study_of(prices_of(paths(seed)), costs=Costs(0.003, 30), initial=nav)
        for result in compare(study, (*FIXED, "default")):
            means.setdefault(result.policy, []).append(result.objective)
    mean = {policy: float(np.mean(values)) for policy, values in means.items()}
    assert mean["default"] <= WORST_RATIO * min(mean[policy] for policy in FIXED)


@pytest.mark.parametrize(
    "targets",
    [
        dict.fromkeys(COINS, 0.2),
        dict.fromkeys(COINS, 0.18) | {"cash": 0.1},
        {"BTC": 0.4, "ETH": 0.3, "LTC": 0.2, "cash": 0.1},
        {"ETH": 0.5, "cash": 0.5},
        {"BTC": 0.5, "cash": 0.5},
    ],
    ids=" ".join,
)
def test_on_prices_it_was_not_made_on_no_fixed_policy_is_a_tenth_better(targets: dict[str, float]) -> None:
    """On the mean of five starts, at any value."""
    prices = load_prices(RECORDED, [asset for asset in targets if asset != "cash"])
    for nav in (1e4, 1e5, 1e6, 1e7):
        sums = dict.fromkeys((*FIXED, "default"), 0.0)
        for start in range(0, 120, 24):
            rest = Prices(prices.times[start:], prices.assets, prices.values[start:])
            study = Backtest(rest, targets, Costs(0.003, 30), FeeConvention.NET_OF_FEE, initial=nav)
            for result in compare(study, tuple(sums)):
                sums[result.policy] += inf if result.stop else result.objective
        assert sums["default"] <= 1.1 * min(sums[policy] for policy in FIXED)


@pytest.mark.parametrize("targets", [(0.4, 0.3, 0.2), (0.5, 0.3, 0.2), (0.5, 0.0, 0.5), (0.33, 0.33, 0.335)])
@pytest.mark.parametrize("convention", list(FeeConvention))
@pytest.mark.parametrize("costs", ["none", "fees", "gas", "all"])
def test_it_lives_through_any_costs(
    targets: tuple[float, ...], convention: FeeConvention, costs: str
) -> None:
    if convention is FeeConvention.FEE_FROM_CASH and sum(targets) > 0.99 and costs != "none":
        return  # the first purchase itself can't be paid
    result = run(study_of(random_prices(3, rows=300), targets, COSTS[costs], convention), "default")
    assert result.stop is None
    assert result.rebalances > 1
    assert result.weights.min() >= -1e-9


def test_without_costs_it_holds_the_target() -> None:
    result = run(study_of(random_prices(4)), "default")
    assert result.drift.max() <= 1e-12
    assert result.final == pytest.approx(run(result.study, "calendar_1").final, rel=1e-12)


@pytest.mark.parametrize("targets", [{"A": 1.0}, {"cash": 1.0}, {"A": 1.0, "B": 0.0, "cash": 0.0}])
def test_what_cannot_drift_is_never_traded_again(targets: dict[str, float]) -> None:
    result = run(Backtest(random_prices(5), targets, COSTS["gas"]), "default")
    assert result.rebalances <= 1


@pytest.mark.parametrize("targets", [(0.4, 0.3, 0.2), (0.5, 0.3, 0.2)])
def test_a_run_whose_landings_are_guessed_is_that_whose_are_solved(
    targets: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(random_prices(8, rows=300), targets, Costs(0.003, 30))
    guessed = run(study, "default").ledger
    monkeypatch.setattr(Region, "_guessed", lambda *_: None)
    solved = run(study, "default").ledger
    assert guessed.rows.tolist() == solved.rows.tolist()
    assert len(guessed.rows) > 10
    assert guessed.units == pytest.approx(solved.units, rel=1e-9, abs=1e-6)


def test_dearer_trades_are_made_less_often() -> None:
    def rebalances(**costs: float) -> Result:
        return run(study_of(random_prices(6, rows=400), costs=Costs(**costs)), "default")

    assert rebalances(fee_rate=0.01).turnover < rebalances(fee_rate=0.001).turnover
    assert rebalances(gas=500).rebalances < rebalances(gas=5).rebalances


def test_prices_that_never_move_or_move_together_are_no_trouble() -> None:
    flat = np.ones((100, 3))
    assert run(study_of(prices_of(flat), costs=COSTS["fees"]), "default").rebalances == 1
    together = random_prices(7, rows=200).values[:, :1] * np.ones(3)
    result = run(study_of(prices_of(together), costs=COSTS["fees"]), "default")
    assert result.stop is None
    assert result.drift.max() < 0.2


def test_a_second_run_starts_from_nothing() -> None:
    study = study_of(random_prices(8, rows=200), costs=COSTS["gas"])
    other = replace(study, prices=random_prices(9, rows=200))
    alone = run(study, "default")
    run(other, "default")
    assert (run(study, "default").units == alone.units).all()
