"""The region's condition equals the program, and its edge is where the condition ends."""

from dataclasses import replace

import numpy as np
import pytest

from router.strategy.no_trade_region import edge, is_inside, multipliers
from router.strategy.trade_program import cheapest_trade
from tests.unit.strategy.trade_cases import random_problem


@pytest.mark.parametrize("cash", [True, False])
@pytest.mark.parametrize("pieces", [1, 3])
def test_weights_are_inside_just_where_the_program_trades_nothing(cash: bool, pieces: int) -> None:
    inside = 0
    for seed in range(25):
        problem = random_problem(seed, assets=4, pieces=pieces, cash=cash, spread=0.15)
        trade = cheapest_trade(problem)
        assert is_inside(problem) == (not trade.any())
        inside += is_inside(problem)
    assert 3 <= inside <= 22


@pytest.mark.parametrize("cash", [True, False])
def test_the_edge_is_where_the_region_ends(cash: bool) -> None:
    for seed in range(10):
        problem = random_problem(seed, assets=5, cash=cash)
        way, reach = problem.deviations, edge(problem)
        for share, inside in ((0.999999, True), (1.000001, False)):
            assert is_inside(problem.moved(problem.targets + share * reach * way)) is inside


def test_with_cash_a_unit_of_budget_is_worth_nothing_inside() -> None:
    problem = random_problem(1, assets=4, spread=0.001)
    low, high = multipliers(problem)
    assert low <= 0 <= high


def test_a_side_that_is_shut_does_not_bind() -> None:
    problem = random_problem(3, assets=4, horizon_years=0.25)
    assert not is_inside(problem)
    assert is_inside(replace(problem, floors=problem.weights, caps=problem.weights))
    shallow = random_problem(3, assets=4, horizon_years=0.25, depth=0.0)
    assert is_inside(shallow)
    assert not is_inside(shallow, open_depth=True)


def test_without_risk_there_is_no_edge() -> None:
    problem = random_problem(1)
    assert edge(replace(problem, pull=np.zeros_like(problem.pull))) == np.inf
