"""Supports against every other set of pools, the best single path, and all pools at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import Infeasible
from router.optimiser.dual import bound
from router.optimiser.support import Choice, choose
from tests.gas_cases import FEASIBLE, GasCase, best_by_trying, gas_case, net_of, posed, swap_case
from tests.optimiser_markets import coin, market, v2

SEEDS = st.integers(min_value=0, max_value=10**6)


def chosen(case: GasCase) -> Choice:
    return choose(case.market, case.goal, case.ends)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_bound_is_never_below_any_support(seed: int) -> None:
    case = gas_case(seed)
    best = best_by_trying(case)
    try:
        choice = chosen(case)
    except Infeasible:
        assert best == -np.inf
        return
    slack = FEASIBLE * case.value
    assert choice.net <= choice.net_bound + slack
    assert best <= choice.net_bound + slack
    assert choice.solution.converged
    proven = bound(case.market, case.goal.held, choice.prices, float(case.goal.wanted @ choice.prices))
    assert proven <= choice.net_bound + slack


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_support_is_nearly_the_best_of_all(seed: int) -> None:
    case = gas_case(seed)
    best = best_by_trying(case)
    if best > 0.5 * case.value:
        assert chosen(case).net >= best - 1e-3 * case.value


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_never_worse_than_single_path_or_all_pools(seed: int) -> None:
    case = swap_case(seed)
    every = net_of(case, np.arange(len(case.market.book.pools)))
    try:
        choice = chosen(case)
    except Infeasible:
        assert every == -np.inf
        return
    assert choice.net >= choice.path_net - FEASIBLE * case.value
    assert choice.net >= every - FEASIBLE * case.value


@settings(max_examples=15, deadline=None, derandomize=True)
@given(SEEDS)
def test_path_net_is_that_of_the_best_pool_where_pools_are_parallel(seed: int) -> None:
    one, two = coin(0), coin(1)
    rng = np.random.default_rng(seed)
    pools = [
        v2(k, one, two, float(10 ** rng.uniform(4, 6)), skew=float(rng.normal(0, 0.003))) for k in range(6)
    ]
    case = posed(market(pools, [one, two], costs=rng.uniform(1, 30, 6)), {one: 10**4}, {two: 1.0})
    singles = max(net_of(case, np.array([k])) for k in range(6))
    assert chosen(case).path_net == pytest.approx(singles, rel=FEASIBLE)


def test_result_does_not_depend_on_the_run() -> None:
    case = swap_case(7)
    first, second = chosen(case), chosen(case)
    assert first.net == second.net
    assert first.support.ladders.tolist() == second.support.ladders.tolist()


def test_free_pools_are_all_used() -> None:
    """Without costs the support is the optimum over all pools, and the bound meets it."""
    case = swap_case(11)
    free = replace(case.market, terms=replace(case.market.terms, costs=np.zeros(len(case.market.book.pools))))
    choice = choose(free, case.goal, case.ends)
    assert choice.gap <= FEASIBLE


def test_pool_that_does_not_earn_its_cost_is_left_out() -> None:
    one, two = coin(0), coin(1)
    pools = [v2(0, one, two, 1e6), v2(1, one, two, 1e6)]
    case = posed(market(pools, [one, two], costs=np.array([1.0, 1e3])), {one: 1e4}, {two: 1.0})
    choice = chosen(case)
    assert [trade.pool for trade in choice.solution.trades()] == [pools[0]]


def test_dust_that_is_not_worth_its_swap_stays() -> None:
    """What is held of the third token is worth less than the pool that would sell it."""
    one, two, three = coin(0), coin(1), coin(2)
    pools = [v2(0, one, two, 1e6), v2(1, two, three, 1e6)]
    found = market(pools, [one, two, three], costs=np.array([2.0, 2.0]))
    case = posed(found, {one: 1e4, three: 0.5}, {two: 1.0})
    choice = chosen(case)
    assert [trade.pool for trade in choice.solution.trades()] == [pools[0]]
    assert choice.net == pytest.approx(chosen(posed(found, {one: 1e4}, {two: 1.0})).net)


def test_unconnected_target_is_infeasible() -> None:
    one, two, three = coin(0), coin(1), coin(2)
    pools = [v2(0, one, two, 1e6), v2(1, three, coin(3), 1e6)]
    found = market(pools, [one, two, three, coin(3)], costs=np.ones(2))
    with pytest.raises(Infeasible):
        chosen(posed(found, {one: 1e4}, {three: 1.0}))
