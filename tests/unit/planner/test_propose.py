"""Proposals: fewer pools for little, no more swaps than allowed, and starts from earlier prices."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from router.errors import Infeasible
from router.fixed_point import BPS
from router.planner import plan
from router.planner.flows import legs_of, ordered
from router.planner.gas import gas_price_of
from router.planner.land import best_flows
from router.planner.problem import Problem, pose
from router.planner.propose import DUST_LOSS, propose, thinner
from router.planner.universe import universe_of
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Portfolio
from tests.hash_seeds import printed
from tests.markets import SYMBOLS, portfolio, snapshot, v2, v3, weighted
from tests.unit.planner.test_circles import skewed_pools

MANY = portfolio({"USD": 9e4, "EUR": 2e4}, {"ETH": 0.4, "BTC": 0.3, "USD": 0.3})


def market_pools(seed: int, count: int = 24) -> list[Pool]:
    """Every pair twice and more, most pools deep, some of next to no use."""
    rng = Random(seed)
    found: list[Pool] = []
    for place in range(count):
        one, other = rng.sample(SYMBOLS[:4], 2)
        depth = 10 ** rng.uniform(2, 7)
        match place % 3:
            case 0:
                found.append(v2(place, one, other, depth, skew=1 + rng.gauss(0, 5e-4)))
            case 1:
                found.append(v3(place, one, other, depth, fee_pips=rng.choice((500, 3000))))
            case _:
                names = dict(zip(rng.sample(SYMBOLS[:4], 3), (50, 30, 20), strict=True))
                found.append(weighted(place, names, depth))
    return [*found, *(v2(90 + k, "USD", each, 1e6) for k, each in enumerate(("ETH", "BTC", "EUR")))]


def posed(pools: list[Pool], owner: Portfolio) -> Problem:
    valuation = Valuation(snapshot(pools), owner)
    price = gas_price_of(valuation)
    return pose(valuation, universe_of(valuation, price), price)


@pytest.mark.parametrize("seed", range(8))
def test_small_flows_are_left_out_for_less_than_is_told(seed: int) -> None:
    problem = posed(market_pools(seed), MANY)
    whole = best_flows(problem, problem.market, problem.universe.calm)
    found = propose(problem)[0]
    assert len(legs_of(found.solution)) <= len(legs_of(whole))
    assert found.solution.value >= whole.value * (1 - DUST_LOSS) - found.evidence.limits
    assert found.evidence.limits <= DUST_LOSS * whole.value


@pytest.mark.parametrize("seed", range(4))
def test_pools_of_dust_are_left_out(seed: int) -> None:
    pairs = [Random(k).sample(SYMBOLS[:4], 2) for k in range(10)]
    dust = [v2(200 + k, one, other, 0.2) for k, (one, other) in enumerate(pairs)]
    found = propose(posed([*market_pools(seed), *dust], MANY))[0]
    names = {pool.address for pool in dust}
    assert not names & {leg.pool.address for leg in legs_of(found.solution)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [3, 4, 6, 9])
@pytest.mark.parametrize("gas_price", [0, 10**8])
def test_no_plan_has_more_swaps_than_allowed(seed: int, most: int, gas_price: int) -> None:
    market, owner = snapshot(market_pools(seed)), replace(MANY, gas_price_wei=gas_price)
    free, few = plan(market, owner), plan(market, replace(owner, max_legs=most))
    assert len(few.swaps) <= most
    assert few.value_after - few.cost.gas <= (free.value_after - free.cost.gas) * (1 + 1e-7)
    assert few.certificate is not None
    assert few.certificate.gap_bps < (150 if most == 3 else 100)


def test_fewer_swaps_than_any_plan_needs_are_refused() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "BTC", 1e6)]
    owner = portfolio({"USD": 1e4}, {"ETH": 0.5, "BTC": 0.5}, max_legs=1)
    with pytest.raises(Infeasible, match="at most 1 swaps"):
        plan(snapshot(pools), owner)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("gas_price", [0, 10**8])
def test_a_warm_start_leads_to_the_same_value(seed: int, gas_price: int) -> None:
    market, owner = snapshot(market_pools(seed)), replace(MANY, gas_price_wei=gas_price)
    cold = plan(market, owner)
    assert cold.certificate is not None
    moved = replace(owner, holdings={token: amount * 98 // 100 for token, amount in owner.holdings.items()})
    other = plan(market, moved).certificate
    assert other is not None
    room = 1e-9 if gas_price == 0 else 1e-5
    for start in (cold.certificate.dual_prices, other.dual_prices, dict.fromkeys(owner.holdings, 1e-9)):
        warm = plan(market, owner, warm_start=start)
        assert warm.value_after - warm.cost.gas == pytest.approx(cold.value_after - cold.cost.gas, rel=room)


@pytest.mark.parametrize("seed", range(4))
def test_proposals_have_an_order_and_thinned_ones_too(seed: int) -> None:
    problem = posed(market_pools(seed), MANY)
    proposal: Any = propose(problem)[0]
    for _ in range(3):
        funds = {
            token: max(-float(proposal.solution.added[place]) / problem.valuation.prices[token], 0.0)
            for token, place in problem.places.items()
        }
        assert not ordered(legs_of(proposal.solution), funds).stuck
        before = len(legs_of(proposal.solution))
        proposal = thinner(proposal)
        assert proposal is not None
        assert len(legs_of(proposal.solution)) < before + 2


def test_proving_closes_the_gap_and_never_loses() -> None:
    market, owner = snapshot(market_pools(3)), replace(MANY, gas_price_wei=10**9)
    plain, proven = plan(market, owner), plan(market, owner, prove=True)
    assert plain.certificate is not None
    assert proven.certificate is not None
    assert proven.certificate.proven_net_bound is not None
    net = proven.value_after - proven.cost.gas
    assert net >= (plain.value_after - plain.cost.gas) * (1 - 1e-7)
    assert (
        net <= proven.certificate.proven_net_bound * (1 + 1e-7) <= proven.certificate.net_bound * (1 + 2e-7)
    )
    assert (proven.certificate.proven_net_bound / net - 1) * BPS < plain.certificate.gap_bps + 1e-3


def test_plans_of_every_mode_do_not_depend_on_the_seed_of_string_hashes() -> None:
    code = (
        "from dataclasses import replace\n"
        "from router.planner import plan\n"
        "from router.portfolio import Landing\n"
        "from tests.markets import snapshot\n"
        "from tests.unit.planner.test_propose import MANY, market_pools\n"
        "market = snapshot(market_pools(1))\n"
        "for changes in ({}, {'gas_price_wei': 10**9}, {'max_legs': 5}, {'landing': Landing.BAND},"
        " {'max_depth_bps': 50_000}):\n"
        "    print(plan(market, replace(MANY, **changes)))\n"
        "print(plan(market, replace(MANY, gas_price_wei=10**9), prove=True).swaps)\n"
    )
    assert len(printed(code)) == 1


@pytest.mark.parametrize(("gas_price", "most", "seed"), [(2 * 10**9, 5, 31), (0, 5, 7), (0, 4, 3)])
def test_few_swaps_of_flows_in_circles_leave_none_waiting_for_another(
    gas_price: int, most: int, seed: int
) -> None:
    """Fewer swaps may wait for each other where more did not."""
    owner = portfolio(
        {"USD": 9e3, "EUR": 2e3},
        {"ETH": 0.4, "BTC": 0.3, "USD": 0.3},
        gas_price_wei=gas_price,
        max_legs=most,
        max_arbitrage_bps=10_000.0,
    )
    made = plan(snapshot(skewed_pools(seed)), owner)
    assert 0 < len(made.swaps) <= most


def test_the_best_single_path_keeps_to_the_number_of_swaps_allowed() -> None:
    """A path of two pools beats the deepest single one, which alone is allowed."""
    pools = [v2(0, "USD", "ETH", 3e4), v2(1, "USD", "BTC", 1e7), v2(2, "BTC", "ETH", 1e7)]
    owner = portfolio({"USD": 1e4}, {"ETH": 1.0})
    assert len(plan(snapshot(pools), owner).swaps) > 1
    made = plan(snapshot(pools), replace(owner, max_legs=1))
    assert [swap.pool for swap in made.swaps] == [pools[0].address]
