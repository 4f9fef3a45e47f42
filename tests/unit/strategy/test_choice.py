"""Which assets to trade: branch and bound against every choice there is."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from router.errors import Unsolved
from router.strategy import choice
from router.strategy.choice import Choice, best_choice, total_cost
from router.strategy.trade_problem import TradeProblem
from router.strategy.trade_program import cheapest_trade
from tests.unit.strategy.trade_cases import random_problem, with_legs


def best_of_all(problem: TradeProblem) -> float:
    """Least total cost over every choice of assets that trades anything."""
    costs = []
    for flags in product([False, True], repeat=len(problem.weights)):
        trade = cheapest_trade(problem, np.array(flags))
        if trade.any():
            costs.append(total_cost(problem, trade))
    return min(costs)


def best_there_is(problem: TradeProblem) -> float:
    """The same, or the cost of trading nothing."""
    idle = problem.drift_cost(problem.weights) - problem.cost.fixed
    return min(best_of_all(problem), idle)


def best_found(problem: TradeProblem, found: Choice) -> float:
    idle = problem.drift_cost(problem.weights) - problem.cost.fixed
    return min(total_cost(problem, found.trade), idle)


@pytest.mark.parametrize("cash", [True, False])
@pytest.mark.parametrize("leg", [2e-5, 1e-3])
def test_the_choice_is_the_best_of_all(leg: float, cash: bool) -> None:
    for seed in (0, 2):
        problem = with_legs(random_problem(seed, assets=5, cash=cash, horizon_years=0.25), leg)
        found = best_choice(problem)
        assert found.gap == 0
        assert best_found(problem, found) == pytest.approx(best_there_is(problem), abs=1e-10)


def test_no_choice_among_dear_and_cheap_assets_is_better() -> None:
    for seed in range(3):
        problem = random_problem(seed, assets=6, pieces=3, horizon_years=0.5)
        legs = tuple(np.random.default_rng(seed).choice([0.0, 1e-5, 5e-5, 3e-4], 6).tolist())
        problem = replace(problem, cost=replace(problem.cost, legs=legs))
        found = best_choice(problem)
        assert found.gap == 0
        assert best_found(problem, found) == pytest.approx(best_there_is(problem), abs=1e-10)


@pytest.mark.parametrize("programs", [1, 2, 3])
def test_no_choice_is_better_by_more_than_the_gap(programs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "WORK", 0)
    monkeypatch.setattr(choice, "FEWEST_PROGRAMS", programs)
    gaps = []
    for seed in range(4):
        problem = with_legs(random_problem(seed, assets=6, pieces=2, horizon_years=0.5), 5e-5)
        found = best_choice(problem)
        missed = best_found(problem, found) - best_there_is(problem)
        assert missed <= found.gap + 1e-10
        gaps.append(found.gap)
    assert 0 < max(gaps) < 2e-4  # four assets' gas


def test_eight_assets_are_proven_in_the_time_there_is() -> None:
    for seed in range(4):
        problem = with_legs(random_problem(seed, assets=8, pieces=8, horizon_years=0.5), 2e-5)
        assert best_choice(problem).gap == 0


def test_where_no_trade_can_pay_its_gas_one_program_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "FEWEST_PROGRAMS", 1)
    problem = with_legs(random_problem(1, assets=30, spread=0.6, horizon_years=1.0), 5e-2)
    found = best_choice(problem)
    assert found.gap == 0
    assert total_cost(problem, found.trade) > problem.drift_cost(problem.weights)


def test_a_bound_that_is_not_found_leaves_the_choice_unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = with_legs(random_problem(2, assets=5, horizon_years=0.25), 2e-5)
    proven = best_choice(problem)

    def fail(*given: object) -> None:
        raise Unsolved("no answer")

    monkeypatch.setattr(choice, "relaxed_trade", fail)
    found = best_choice(problem)
    assert found.trade.any()
    assert found.gap > total_cost(problem, found.trade) - total_cost(problem, proven.trade)


def test_small_trades_are_dropped_where_their_gas_is_more_than_they_gain() -> None:
    problem = random_problem(2, assets=5, horizon_years=0.25)
    counts = [np.count_nonzero(best_choice(with_legs(problem, leg)).trade) for leg in (0.0, 1e-5, 1e-4, 1e-3)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 5
    assert counts[-1] == 2


def test_an_asset_that_must_trade_is_not_ruled_out() -> None:
    problem = with_legs(random_problem(2, assets=4, horizon_years=0.25), 1e-3)
    caps = problem.caps.copy()
    caps[0] = problem.weights[0] - 0.01
    assert best_choice(replace(problem, caps=caps)).trade[0] <= -0.01 + 1e-9


def test_of_many_assets_those_that_gain_less_than_their_gas_are_left_out() -> None:
    for seed in range(3):
        problem = with_legs(random_problem(seed, assets=20, spread=0.6, horizon_years=1.0), 1e-4)
        first, found = cheapest_trade(problem), best_choice(problem)
        assert total_cost(problem, found.trade) < total_cost(problem, first)
        assert np.count_nonzero(found.trade) < np.count_nonzero(first)


def test_what_an_absence_loses_is_what_the_program_without_the_asset_loses() -> None:
    compared = 0
    for seed in range(6):
        problem = random_problem(seed, assets=5, horizon_years=0.25)
        trade = cheapest_trade(problem)
        least, losses = total_cost(problem, trade), choice._losses(problem, trade)
        for asset in np.flatnonzero(trade[:-1]).tolist():
            allowed = np.arange(5) != asset
            without = cheapest_trade(problem, allowed)
            if np.array_equal(np.sign(without[allowed]), np.sign(trade[allowed])):
                assert losses[asset] == pytest.approx(total_cost(problem, without) - least, rel=0.02)
                compared += 1
    assert compared >= 5
