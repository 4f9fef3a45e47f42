"""The one-shot program: several solvers, the budget, depth, and what its curves mean."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from router.errors import InfeasibleWeights, Unsolved
from router.strategy import trade_program
from router.strategy.choice import total_cost
from router.strategy.costs import CostCurve, MarketCost
from router.strategy.trade_problem import trade_problem
from router.strategy.trade_program import cheapest_trade, relaxed_trade, separable
from tests.unit.strategy.trade_cases import random_problem, with_legs
from tests.unit.strategy.trade_peers import trade_by

PEERS = {
    "CLARABEL": {},
    "OSQP": {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iter": 50_000, "polishing": True},
    "SCS": {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iters": 50_000},
    "HIGHS": {},
}
SEASON = 0.25
"""A horizon, in years, at which most of the random problems trade."""


@pytest.mark.parametrize("solver", PEERS)
@pytest.mark.parametrize("pieces", [1, 3])
def test_solvers_agree_on_the_least_cost(solver: str, pieces: int) -> None:
    for seed in range(3):
        problem = random_problem(seed, assets=5, pieces=pieces, horizon_years=SEASON)
        ours = total_cost(problem, cheapest_trade(problem))
        theirs = total_cost(problem, trade_by(solver, problem, **PEERS[solver]))
        assert ours == pytest.approx(theirs, abs=1e-9)
        assert ours <= theirs + 1e-11


@pytest.mark.parametrize("cash", [True, False])
@pytest.mark.parametrize("pieces", [1, 4])
def test_the_trade_pays_its_own_costs_and_no_other_near_it_is_cheaper(cash: bool, pieces: int) -> None:
    drawn = np.random.default_rng(11)
    for seed in range(6):
        problem = random_problem(seed, assets=4, pieces=pieces, cash=cash, horizon_years=SEASON)
        trade = cheapest_trade(problem)
        assert trade.sum() + problem.cost.variable(trade) == pytest.approx(0, abs=1e-12)
        assert (problem.weights + trade >= 0).all()
        least = total_cost(problem, trade)
        assert least <= problem.drift_cost(problem.weights)
        for _ in range(200):
            other = trade + drawn.normal(0, 10 ** drawn.uniform(-6, -1), 4) * (drawn.random(4) < 0.7)
            other = np.maximum(other, -problem.weights)
            for _ in range(5):  # close the budget in one asset
                other[0] -= other.sum() + problem.cost.variable(other)
            if problem.weights[0] + other[0] >= 0:
                assert total_cost(problem, other) >= least - 1e-12


def test_a_curve_of_many_pieces_trades_until_its_slope_meets_the_gain() -> None:
    # Cost 0.1 x2: selling x leaves (0.1 - x); pull (0.1 - x) = 0.2 x.
    sizes = np.linspace(0, 0.2, 257)
    impact = CostCurve(sizes, 0.1 * sizes**2)
    free = CostCurve.proportional(0.0)
    problem = trade_problem(
        np.array([0.6, 0.4]),
        np.array([0.5, 0.5]),
        np.diag([0.64, 0.0]),
        MarketCost(("WETH", "USDC"), (impact, free), (impact, free)),
        risk_aversion=3.0,
        horizon_years=0.1,
    )
    pull = 3 * 0.1 * 0.64
    assert -cheapest_trade(problem)[0] == pytest.approx(pull * 0.1 / (pull + 0.2), abs=0.2 / 256)


def test_no_more_is_traded_than_depth_and_caps_allow() -> None:
    free = random_problem(1, assets=4, horizon_years=SEASON)
    assert np.abs(cheapest_trade(free)[:-1]).max() > 0.01
    shallow = random_problem(1, assets=4, depth=0.01, horizon_years=SEASON)
    assert np.abs(cheapest_trade(shallow)[:-1]).max() == pytest.approx(0.01, abs=1e-12)
    capped = replace(free, caps=free.weights + 0.005)
    trade = cheapest_trade(capped)
    assert (capped.weights + trade <= capped.caps + 1e-9).all()
    assert trade.max() == pytest.approx(0.005, abs=1e-9)


def test_assets_that_are_not_allowed_keep_their_weight() -> None:
    problem = random_problem(4, assets=5, horizon_years=SEASON)
    allowed = np.array([True, False, True, False, True])
    trade = cheapest_trade(problem, allowed)
    assert trade[[1, 3]].tolist() == [0.0, 0.0]
    assert trade[[0, 2]].all()


def test_limits_out_of_depth_are_infeasible() -> None:
    problem = random_problem(3, assets=4, depth=0.001)
    caps = np.where(problem.weights == problem.weights.max(), problem.weights - 0.05, 1.0)
    with pytest.raises(InfeasibleWeights, match="within depth"):
        cheapest_trade(replace(problem, caps=caps))


def test_what_has_to_be_sold_and_can_not_is_infeasible() -> None:
    problem = random_problem(3, assets=4, pieces=2, horizon_years=SEASON)
    sells = tuple(replace(curve, depth=0.0) for curve in problem.cost.sells[:1]) + problem.cost.sells[1:]
    caps = problem.caps.copy()
    caps[0] = problem.weights[0] - 0.05
    with pytest.raises(InfeasibleWeights, match="within depth"):
        cheapest_trade(replace(problem, cost=replace(problem.cost, sells=sells), caps=caps))


@pytest.mark.parametrize("pieces", [1, 4])
def test_limits_that_only_waste_would_keep_are_infeasible(pieces: int) -> None:
    problem = random_problem(3, assets=4, pieces=pieces, cash=False, horizon_years=SEASON)
    caps = problem.weights + np.array([-0.05, 0.0, 0.02, 0.01])
    with pytest.raises(InfeasibleWeights, match="within depth"):
        cheapest_trade(replace(problem, caps=caps))


def test_the_same_problem_has_the_same_trade_whatever_was_solved_before() -> None:
    first = cheapest_trade(random_problem(1))
    cheapest_trade(random_problem(2))
    assert cheapest_trade(random_problem(1)).tobytes() == first.tobytes()


def test_a_tiny_drift_is_solved_as_well_as_a_large_one() -> None:
    problem = random_problem(5, assets=4, spread=1e-6)
    free = replace(problem, cost=MarketCost.proportional(problem.assets, 0.0))
    landing = free.weights + cheapest_trade(free)
    assert np.abs(landing - free.targets).max() < 1e-4 * np.abs(free.deviations).max()


def test_a_covariance_that_rounding_took_below_zero_is_solved() -> None:
    problem = random_problem(1, assets=5, pieces=2, cash=False, horizon_years=SEASON)
    values, axes = np.linalg.eigh(problem.pull)
    values[0] = 0.0
    singular = replace(problem, pull=(axes * values) @ axes.T)
    values[0] = -0.9e-9 * np.abs(problem.pull).max()
    below = replace(problem, pull=(axes * values) @ axes.T)
    assert cheapest_trade(below) == pytest.approx(cheapest_trade(singular), abs=1e-6)


def test_an_answer_that_does_not_add_up_is_none() -> None:
    problem = random_problem(1)
    with pytest.raises(Unsolved, match="unaccounted"):
        trade_program._settled(problem, np.array([0.1, 0.0, 0.0, 0.0, 0.0]), 0.1)


def test_a_precision_that_is_not_reached_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_problem(1, horizon_years=SEASON)
    least = total_cost(problem, cheapest_trade(problem))
    monkeypatch.setattr(trade_program, "PRECISIONS", (0.0, 1e-8))
    assert total_cost(problem, cheapest_trade(problem)) == pytest.approx(least, abs=1e-9)
    monkeypatch.setattr(trade_program, "PRECISIONS", (0.0,))
    with pytest.raises(Unsolved, match="Clarabel ended as"):
        cheapest_trade(problem)


def test_an_asset_between_equal_limits_moves_there_and_pays_for_it() -> None:
    free = random_problem(1, assets=4, pieces=3, horizon_years=SEASON)
    wanted = free.weights[0] + 0.01
    floors, caps = free.floors.copy(), free.caps.copy()
    floors[0] = caps[0] = wanted
    trade = cheapest_trade(replace(free, floors=floors, caps=caps))
    assert trade[0] == pytest.approx(0.01, abs=1e-9)
    assert trade.sum() + free.cost.variable(trade) == pytest.approx(0, abs=1e-12)


def test_a_loan_is_paid_for_what_is_sold() -> None:
    problem = random_problem(1, assets=4, pieces=2, horizon_years=SEASON)
    lent = replace(problem, cost=replace(problem.cost, premium_rate=0.002))
    theirs = trade_by("CLARABEL", lent)
    assert total_cost(lent, cheapest_trade(lent)) == pytest.approx(total_cost(lent, theirs), abs=1e-9)
    assert np.abs(cheapest_trade(lent)).sum() < np.abs(cheapest_trade(problem)).sum()


@pytest.mark.parametrize("years", [0.1, 2.0, 100.0])
def test_drift_dearer_than_the_value_it_is_of_is_traded_as_far_as_limits_allow(years: float) -> None:
    fee = CostCurve.proportional(0.003)
    problem = trade_problem(
        np.array([1.0, 0.0, 0.0]),
        np.array([0.1, 0.5, 0.4]),
        np.diag([1.44, 0.64, 0.01]),
        MarketCost(("GOV", "ETH", "EUR"), (fee,) * 3, (fee,) * 3),
        risk_aversion=3.0,
        horizon_years=years,
        caps={"ETH": 0.05, "EUR": 0.05},
    )
    trade = cheapest_trade(problem)
    assert trade[1:] == pytest.approx([0.05, 0.05], abs=1e-6)
    assert trade.sum() == pytest.approx(-problem.cost.variable(trade), abs=1e-12)


# Gas by its convex hull.


@pytest.mark.parametrize("cash", [True, False])
def test_no_choice_costs_less_than_the_program_with_the_hull_of_its_gas(cash: bool) -> None:
    tight = 0
    for seed in range(2):
        problem = with_legs(random_problem(seed, assets=5, pieces=2, cash=cash, horizon_years=0.5), 1e-4)
        curvature, loose = separable(problem.pull), problem.cost.variable
        for flags in product([False, True], repeat=5):
            allowed = np.array(flags)
            trade, bound = relaxed_trade(problem, curvature, problem.legs, allowed)
            assert not trade[~allowed].any()
            exact = cheapest_trade(problem, allowed)
            free = problem.drift_cost(problem.weights + exact) + loose(exact)
            assert bound >= free - 1e-11
            for chosen in product([False, True], repeat=5):
                done = cheapest_trade(problem, allowed & np.array(chosen))
                cost = problem.drift_cost(problem.weights + done) + loose(done)
                assert bound <= cost + problem.legs[done != 0].sum() + 1e-11
            tight += bool(bound > free + 5e-5)
    assert tight > 10


@pytest.mark.parametrize("gas", [0.0, 1e-4])
def test_without_curvature_or_gas_the_hull_is_nothing(gas: float) -> None:
    problem = random_problem(3, assets=4, pieces=2)
    given = np.zeros(4) if gas else separable(problem.pull)
    trade, bound = relaxed_trade(problem, given, np.full(4, gas), np.ones(4, np.bool_))
    exact = cheapest_trade(problem)
    assert trade == pytest.approx(exact, abs=1e-9)
    cost = problem.drift_cost(problem.weights + exact) + problem.cost.variable(exact)
    assert bound == pytest.approx(cost, abs=1e-11)


@pytest.mark.parametrize("cash", [True, False])
def test_what_is_separated_leaves_a_pull(cash: bool) -> None:
    for seed in range(10):
        pull = random_problem(seed, assets=8, cash=cash).pull
        own = separable(pull)
        assert (own >= 0).all()
        assert (own > 0).sum() == 8 - cash
        assert np.linalg.eigvalsh(pull - np.diag(own))[0] >= -1e-12 * np.abs(pull).max()


def test_assets_that_replicate_each_other_have_nothing_to_separate() -> None:
    one = np.array([0.3, 0.3, 0.6])
    assert separable(np.outer(one, one)) == pytest.approx(np.zeros(3), abs=1e-9)
    assert not separable(np.zeros((2, 2))).any()
