"""Units, states and narrowed instances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from router.optimiser.instance import Instance
from router.optimiser.support import choose
from router.optimiser.units import FREE, OUT, PAID, closed
from tests.gas_cases import GasCase, swap_case, tick_case


def instance_of(case: GasCase) -> Instance:
    return Instance.near(case.market, case.goal, case.ends, np.ones(case.market.columns))


def stepped(seed: int) -> Instance:
    """One of which some ladder has a crossing at least."""
    return next(
        found
        for found in (instance_of(tick_case(seed + k)) for k in range(100))
        if (found.units.above >= 0).any()
    )


def test_a_pool_is_one_unit_with_both_its_directions() -> None:
    found = instance_of(swap_case(5))
    assert len(found.pools) == len(set(found.pools)) == len(found.market.book.pools)
    pool = int(found.units.ladder[0])
    assert found.pools[found.state_of(np.array([pool])) != OUT].tolist() == [found.pools[pool]]


@pytest.mark.parametrize("seed", range(5))
def test_a_crossing_stands_below_the_one_before_it_and_the_first_below_its_pool(seed: int) -> None:
    units = stepped(seed).units
    for k, (begin, end) in enumerate(pairwise(units.crossing)):
        chain = [int(units.ladder[k]), *range(begin, end)]
        assert [int(units.above[unit]) for unit in chain[1:]] == chain[:-1]
        assert {int(units.pool[unit]) for unit in chain} == {chain[0]}
    assert (units.cost[units.above >= 0] == stepped(seed).market.terms.tick_cost).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_closed_state_uses_nothing_below_what_is_left_out(seed: int) -> None:
    units, rng = stepped(seed).units, np.random.default_rng(seed)
    for _ in range(50):
        state = rng.choice(np.array([OUT, FREE, PAID]), len(units.cost))
        found = closed(units, state)
        below = units.above >= 0
        above = found[units.above[below]]
        assert not ((above == OUT) & (found[below] != OUT)).any()
        assert not ((above != PAID) & (found[below] == PAID)).any()
        assert closed(units, found).tolist() == found.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_no_crossing_is_a_unit_where_it_costs_nothing(seed: int) -> None:
    found = instance_of(swap_case(seed))
    assert (found.units.above < 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_narrowed_keeps_the_order_of_its_units_and_stops_where_crossings_are_gone(seed: int) -> None:
    whole, rng = stepped(seed), np.random.default_rng(seed)
    chosen = whole.state(rng.random(len(whole.costs)) < 0.7) != OUT
    few = whole.narrowed(chosen)
    assert few.costs.tolist() == whole.costs[chosen].tolist()
    assert few.pools.tolist() == whole.pools[chosen].tolist()
    most = few.market.terms.crossings
    assert most is not None
    for k, (begin, end) in zip(whole.market.ladders, pairwise(whole.units.crossing), strict=True):
        kept = int(chosen[begin:end].sum())
        assert most[k] == kept if kept < end - begin else most[k] >= kept
    prices = np.ones(few.market.columns)
    assert whole.state_within(few.market)[chosen].tolist() == [PAID] * int(chosen.sum())
    got = few.solved(np.ones(len(few.costs), dtype=np.bool_), prices).response.got
    edges = few.market.arrays
    for k, place in enumerate(few.market.ladders):
        stop = edges.first[k] + 1 + most[place]
        if stop < edges.first[k + 1] - 1:
            assert got[k] <= edges.got[stop]


@pytest.mark.parametrize("seed", range(8))
def test_the_profit_beyond_a_crossing_is_what_the_pool_loses_without_it(seed: int) -> None:
    """At any prices: net of the crossings after it, as far as these pay."""
    whole = stepped(seed)
    prices = choose(whole.market, whole.goal, whole.ends).prices * np.array([1.0, 1.01])
    surplus = whole.surpluses(prices)
    units = whole.units
    for begin, end in pairwise(units.crossing):
        for unit in range(begin, end):
            free = whole.all_free.copy()
            free[unit] = OUT
            less = whole.surpluses(prices, closed(units, free))
            pool = int(units.pool[unit])
            nested = max(surplus[unit] - units.cost[unit], 0.0)
            for above in range(unit - 1, begin - 1, -1):
                stretch = less[above]
                nested = max(stretch + nested - units.cost[above], 0.0) - max(
                    stretch - units.cost[above], 0.0
                )
            assert surplus[pool] - less[pool] == pytest.approx(nested, abs=1e-9 * surplus.max() + 1e-12)


def test_what_is_paid_for_is_not_paid_for_again() -> None:
    whole = stepped(3)
    prices = np.array([1.0, 1.05])
    units = whole.units
    below = np.flatnonzero(units.above >= 0)
    state = closed(units, np.where(np.arange(len(units.cost)) == below[-1], PAID, FREE).astype(np.int8))
    free, paid = whole.surpluses(prices), whole.surpluses(prices, state)
    assert (paid >= free - 1e-9).all()
