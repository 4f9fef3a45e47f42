"""Flows that turn in no circle: which sides of pools close one, and what is lost without them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.certificate import verify
from router.plan import CIRCLE, Plan
from router.planner import plan
from router.planner.circles import Side, closed, closing, sides_of, smaller_side, without_sides
from router.planner.flows import legs_of
from router.planner.gas import gas_price_of
from router.planner.land import best_flows
from router.planner.problem import Problem, pose
from router.planner.universe import universe_of
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Portfolio
from tests.markets import SYMBOLS, portfolio, snapshot, token, v2, v3, weighted

BASKET = portfolio({"USD": 9e3, "EUR": 2e3}, {"ETH": 0.4, "BTC": 0.3, "USD": 0.3})
PAIRS_LOSE = 1e-6
"""Of the value: what more swaps of pairs may lose to joint trades than the smallest circles earn."""
REFUSED = replace(BASKET, max_arbitrage_bps=0.0)


def skewed_pools(seed: int, count: int = 24) -> list[Pool]:
    """Pools whose prices differ by more than their fees, so that many circles pay."""
    rng = Random(seed)
    found: list[Pool] = [v2(90 + k, "USD", each, 1e6) for k, each in enumerate(("ETH", "BTC", "EUR"))]
    for place in range(count):
        names = rng.sample(SYMBOLS[:4], 4)
        depth = 10 ** rng.uniform(5, 6.5)
        match place % 3:
            case 0:
                found.append(v2(place, *names[:2], depth, skew=1 + rng.gauss(0, 2e-3), fee_pips=100))
            case 1:
                found.append(v3(place, *names[:2], depth, fee_pips=500))
            case _:
                shares = [rng.randint(15, 30) for _ in range(3)]
                weights = dict(zip(names, [*shares, 100 - sum(shares)], strict=True))
                found.append(weighted(place, weights, depth, fee_pips=rng.choice((100, 500, 3000))))
    return found


def posed(pools: list[Pool], owner: Portfolio) -> Problem:
    valuation = Valuation(snapshot(pools), owner)
    price = gas_price_of(valuation)
    return pose(valuation, universe_of(valuation, price), price)


def hops_of(made: Plan) -> nx.DiGraph:
    return nx.DiGraph((swap.token_in, swap.token_out) for swap in made.swaps)


def test_a_circle_closes_the_side_of_which_there_is_least() -> None:
    usd, eth, btc = token("USD"), token("ETH"), token("BTC")
    around = {("a", usd, eth): 5.0, ("b", eth, btc): 3.0, ("c", btc, usd): 4.0}
    sides = {}
    for (pool, one, other), value in around.items():
        sides |= {Side(pool, one, True): value, Side(pool, other, False): value}
    assert closing(sides) == [Side("b", eth, True)] or closing(sides) == [Side("b", btc, False)]
    del sides[Side("c", btc, True)], sides[Side("c", usd, False)]
    assert closing(sides) == []


def test_what_one_circle_takes_back_is_not_there_for_the_next() -> None:
    """Two circles share a pool, which carries what both need."""
    usd, eth, btc = token("USD"), token("ETH"), token("BTC")
    sides = {}
    for pool, one, other, value in (
        ("shared", usd, eth, 10.0),
        ("back", eth, usd, 4.0),
        ("out", eth, btc, 6.5),
        ("home", btc, usd, 6.0),
    ):
        sides |= {Side(pool, one, True): value, Side(pool, other, False): value}
    gone = closing(sides)
    assert {side.pool for side in gone} == {"back", "home"} or {side.pool for side in gone} == {
        "back",
        "shared",
    }
    assert len(gone) == 2


def test_circles_are_looked_for_among_the_legs_given_alone() -> None:
    problem = posed(skewed_pools(1), BASKET)
    sides = sides_of(best_flows(problem, problem.market, problem.universe.calm))
    assert closing(sides)
    assert closing(sides, []) == []


@pytest.mark.parametrize("seed", range(6))
def test_closed_sides_do_not_trade_and_the_others_still_may(seed: int) -> None:
    problem = posed(skewed_pools(seed), BASKET)
    whole = best_flows(problem, problem.market, problem.universe.calm)
    sides = list(sides_of(whole))[::3]
    fewer = best_flows(problem, closed(problem.market, sides), problem.universe.calm)
    assert not set(sides) & set(sides_of(fewer))
    assert fewer.market.columns == whole.market.columns
    assert fewer.value <= whole.value * (1 + 1e-9)
    leg = legs_of(whole)[0]
    side = smaller_side(sides_of(whole), leg)
    assert side.pool == leg.pool.address
    rest = best_flows(problem, closed(problem.market, [side], problem.ends), None)
    assert {each.pool for each in sides_of(rest)} - {each.pool for each in sides_of(fewer)}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), gas_price=st.sampled_from((0, 10**8, 2 * 10**9)))
def test_refused_circles_cost_no_more_than_the_arbitrage_and_the_rest_is_proven(
    seed: int, gas_price: int
) -> None:
    market = snapshot(skewed_pools(seed))
    taken, refused = (
        plan(market, replace(BASKET, max_arbitrage_bps=cap, gas_price_wei=gas_price))
        for cap in (10_000.0, 0.0)
    )
    assert nx.is_directed_acyclic_graph(hops_of(refused))
    assert refused.certificate is not None
    assert taken.certificate is not None
    checked = verify(refused, market, "")
    assert all(finding.ok for finding in checked.findings)
    assert refused.certificate.arbitrage == pytest.approx(taken.certificate.arbitrage, rel=1e-3, abs=1e-3)
    room = 1e-5 * refused.value_before
    assert taken.value_after - taken.cost.gas >= refused.value_after - refused.cost.gas - room
    if gas_price == 0:
        assert refused.value_after >= taken.value_after - taken.certificate.arbitrage - room
        assert refused.certificate.gap_bps < 0.5


def test_left_out_circles_are_listed_and_told() -> None:
    made = plan(snapshot(skewed_pools(1)), REFUSED)
    left_out = {(each.pool, each.token_in, each.token_out) for each in made.excluded if each.reason == CIRCLE}
    assert left_out
    assert not left_out & {(swap.pool, swap.token_in, swap.token_out) for swap in made.swaps}
    assert any(f"{len(left_out)} directions that would close circles" in note for note in made.notes)
    taken = plan(snapshot(skewed_pools(1)), replace(BASKET, max_arbitrage_bps=10_000.0))
    assert not any(each.reason == CIRCLE for each in taken.excluded)


def test_exclusions_name_every_direction_that_a_closed_side_ends() -> None:
    pool = weighted(0, {"USD": 40, "ETH": 30, "BTC": 30}, 1e6)
    problem = posed([pool, v2(1, "USD", "ETH", 1e6)], portfolio({"USD": 1e4}, {"ETH": 0.5, "BTC": 0.5}))
    universe = problem.universe
    sides = [Side(pool.address, token("USD"), True)]
    found = {(each.token_in, each.token_out) for each in without_sides(universe, sides).excluded}
    assert found == {(token("USD"), token("ETH")), (token("USD"), token("BTC"))}
    assert without_sides(universe, sides).offered is universe.offered
    assert all(one != other for one, other in pairwise(sorted(found)))


@pytest.mark.parametrize(("seed", "value"), [(37, 1e2), (31, 1e2), (6, 1e3), (2, 1e4)])
def test_circles_far_larger_than_the_portfolio_leave_a_plan_no_worse_than_without_them(
    seed: int, value: float
) -> None:
    """What can't go around in any order is left out, and the rest ends at the target."""
    market = snapshot(skewed_pools(seed))
    owner = portfolio({"USD": 0.9 * value, "EUR": 0.2 * value}, {"ETH": 0.4, "BTC": 0.3, "USD": 0.3})
    taken, refused = (plan(market, replace(owner, max_arbitrage_bps=cap)) for cap in (1e5, 0.0))
    assert taken.value_after >= refused.value_after * (1 - PAIRS_LOSE)
    assert all(finding.ok for finding in verify(taken, market, "").findings)


@pytest.mark.parametrize("seed", range(4))
def test_circles_somewhat_larger_than_what_is_sold_are_gone_around_whole(seed: int) -> None:
    market = snapshot(skewed_pools(seed))
    made = plan(market, replace(BASKET, max_arbitrage_bps=1e5))
    assert not nx.is_directed_acyclic_graph(hops_of(made))
    assert made.certificate is not None
    assert made.certificate.gap_bps < 0.5
