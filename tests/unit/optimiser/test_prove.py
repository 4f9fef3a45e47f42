"""Proofs against trying every set of pools, and every tick to stop at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import Infeasible
from router.optimiser.prove import GAP, Proof, prove
from router.optimiser.support import choose
from router.optimiser.units import reached
from tests.gas_cases import (
    FEASIBLE,
    GasCase,
    best_by_stopping,
    best_by_trying,
    gas_case,
    net_of,
    swap_case,
    tick_case,
)

SEEDS = st.integers(min_value=0, max_value=10**6)


def proved(case: GasCase, seconds: float = 20.0) -> Proof:
    choice = choose(case.market, case.goal, case.ends)
    return prove(case.market, case.goal, case.ends, choice, seconds=seconds)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(SEEDS)
def test_proof_equals_trying_every_set_of_pools(seed: int) -> None:
    case = gas_case(seed)
    best = best_by_trying(case)
    if best <= 0.1 * case.value:
        return
    proof = proved(case)
    slack = FEASIBLE * case.value
    assert proof.complete
    assert proof.net_bound >= best - slack
    assert proof.choice.net >= best - GAP * case.value - slack
    assert proof.choice.net <= proof.net_bound + slack


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_proof_equals_trying_every_set_of_pools_and_ticks(seed: int) -> None:
    case = tick_case(seed)
    best = best_by_stopping(case)
    if best <= 0.1 * case.value:
        return
    choice = choose(case.market, case.goal, case.ends)
    proof = proved(case)
    slack = FEASIBLE * case.value
    assert proof.complete
    assert proof.net_bound >= best - slack
    assert proof.choice.net >= best - GAP * case.value - slack
    assert proof.choice.net <= best + slack
    assert best - slack <= choice.net_bound
    assert choice.net <= best + slack


def test_a_tick_that_costs_more_than_lies_beyond_is_not_crossed() -> None:
    """The same order, with ticks that cost nothing and ticks that cost a lot."""
    case = next(case for case in map(tick_case, range(100)) if _crossed(case, 0.0) > _crossed(case))
    proof = proved(case)
    stops = proof.choice.support.terms.crossings
    assert stops is not None
    assert proof.complete
    assert net_of(replace(case, market=proof.choice.support), np.arange(9)) == pytest.approx(
        proof.choice.net, rel=1e-7
    )


def _crossed(case: GasCase, tick_cost: float | None = None) -> int:
    """Ticks crossed by the support that is chosen."""
    terms = case.market.terms
    cost = terms.tick_cost if tick_cost is None else tick_cost
    try:
        found = choose(replace(case.market, terms=replace(terms, tick_cost=cost)), case.goal, case.ends)
    except Infeasible:
        return 0
    arrays, prices = found.solution.market.arrays, found.solution.prices
    return int(reached(arrays, prices, 0.0).sum())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SEEDS)
def test_bound_holds_at_any_stop(seed: int) -> None:
    case = swap_case(seed)
    try:
        choice = choose(case.market, case.goal, case.ends)
    except Infeasible:
        return
    short = prove(case.market, case.goal, case.ends, choice, seconds=0.0)
    whole = prove(case.market, case.goal, case.ends, choice, seconds=20.0)
    assert whole.complete
    assert short.net_bound >= whole.choice.net - FEASIBLE * case.value
    assert choice.net <= whole.choice.net + FEASIBLE * case.value
    assert whole.net_bound <= short.net_bound + FEASIBLE * case.value


def test_proof_says_when_time_ran_out() -> None:
    case = next(case for case in map(swap_case, range(100)) if _gap(case) > 10 * GAP)
    cut = proved(case, seconds=0.0)
    assert not cut.complete
    assert cut.gap > GAP


def _gap(case: GasCase) -> float:
    try:
        return choose(case.market, case.goal, case.ends).gap
    except Infeasible:
        return 0.0


def test_proof_improves_a_bad_support() -> None:
    """Handed the support of all pools, it finds one as good as the search does."""
    case = swap_case(2)
    choice = choose(case.market, case.goal, case.ends)
    every = net_of(case, np.arange(len(case.market.book.pools)))
    worse = replace(choice, support=case.market, net=every)
    proof = prove(case.market, case.goal, case.ends, worse, seconds=20.0)
    assert proof.complete
    assert proof.choice.net >= choice.net - GAP * choice.solution.value


def test_result_does_not_depend_on_the_run() -> None:
    case = swap_case(4)
    first, second = proved(case), proved(case)
    assert (first.net_bound, first.nodes, first.choice.net) == (
        second.net_bound,
        second.nodes,
        second.choice.net,
    )


def test_progress_is_told_a_valid_bound() -> None:
    told: list[tuple[int, float, float]] = []
    case = next(case for case in map(swap_case, range(100)) if _gap(case) > 10 * GAP)
    choice = choose(case.market, case.goal, case.ends)
    proof = prove(
        case.market, case.goal, case.ends, choice, seconds=20.0, progress=lambda *args: told.append(args)
    )
    assert told
    assert all(bound >= proof.choice.net * (1 - FEASIBLE) for _, _, bound in told)
    assert proof.complete
    assert [nodes for nodes, _, _ in told] == sorted(nodes for nodes, _, _ in told)
