"""Certificates of plans on small random markets, found again from the snapshot alone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.certificate import verify
from router.errors import Infeasible
from router.fixed_point import WAD
from router.plan import Plan
from router.planner import plan
from router.planner.gas import TICK_GAS
from router.pools.base import Pool
from router.portfolio import Landing, Portfolio, TokenRule, Trade
from router.snapshot import Snapshot
from tests import markets
from tests.markets import SYMBOLS, portfolio, snapshot, token, v2, v3

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
ROUND_OFF_BPS = 1e-5
HASH = "cd" * 32


def made_of(market: Snapshot, owner: Portfolio) -> Plan | None:
    try:
        made = plan(market, owner, snapshot_hash=HASH)
    except Infeasible:
        return None
    return made if made.program is not None else None


def check(made: Plan, market: Snapshot) -> None:
    told = made.certificate
    assert told is not None
    net = made.value_after - made.cost.gas
    assert told.upper_bound >= made.value_after * (1 - 1e-9)
    assert told.net_bound >= net * (1 - 1e-9)
    assert told.net_bound <= told.upper_bound * (1 + 1e-9)
    assert told.gap_bps == pytest.approx((told.net_bound / net - 1) * 1e4, abs=ROUND_OFF_BPS)
    assert told.gap_bps >= -ROUND_OFF_BPS
    parts = told.parts
    assert parts.gas + parts.integers + parts.bounds == pytest.approx(told.gap_bps, abs=ROUND_OFF_BPS)
    assert parts.bounds >= -ROUND_OFF_BPS
    assert told.arbitrage >= 0
    used = {swap.pool for swap in made.swaps}
    least = told.base_gas + sum(told.pool_gas.get(pool, 0.0) for pool in used)
    assert least <= made.cost.gas * (1 + 1e-9)
    findings = verify(made, market, HASH).findings
    assert not [finding for finding in findings if not finding.ok]


@SLOW
@given(markets.pools(), markets.values(), markets.weights(), st.sampled_from((0, 0, 10**8, 10**10)))
def test_no_plan_is_better_than_its_bounds_and_its_gap_is_the_sum_of_its_parts(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], gas_price: int
) -> None:
    market = snapshot(pools)
    made = made_of(market, portfolio(held, wanted, gas_price_wei=gas_price))
    assume(made is not None and made.value_after > made.cost.gas)
    assert made is not None
    check(made, market)


@SLOW
@given(
    markets.pools(),
    markets.values(),
    markets.weights(),
    st.sampled_from(list(Landing)),
    st.dictionaries(
        st.sampled_from(SYMBOLS),
        st.builds(
            TokenRule,
            st.sampled_from(list(Trade)),
            st.sampled_from((None, 5, 300)),
            st.sampled_from((None, 20, 400)),
        ),
        max_size=2,
    ),
    st.sampled_from((None, 500)),
    st.sampled_from((0, 10**9)),
)
def test_the_same_is_true_under_rules_limits_and_all_landings(
    pools: list[Pool],
    held: dict[str, float],
    wanted: dict[str, float],
    landing: Landing,
    rules: dict[str, TokenRule],
    depth: int | None,
    gas_price: int,
) -> None:
    market = snapshot(pools)
    owner = portfolio(
        held,
        wanted,
        landing=landing,
        rules={token(symbol): rule for symbol, rule in rules.items()},
        max_depth_bps=depth,
        gas_price_wei=gas_price,
    )
    made = made_of(market, owner)
    assume(made is not None and made.value_after > made.cost.gas)
    assert made is not None
    check(made, market)


def test_the_bound_knows_that_one_token_pays_for_several_in_swaps_of_their_own() -> None:
    """A joint trade, which no program can make, would get 3.9 bp more."""
    market = snapshot([markets.weighted(0, {"USD": 40, "ETH": 30, "BTC": 30}, 1e6, fee_pips=10000)])
    made = plan(market, portfolio({"USD": 8e4}, {"ETH": 0.5, "BTC": 0.5}), snapshot_hash=HASH)
    check(made, market)
    assert made.certificate is not None
    assert made.certificate.gap_bps < 0.02
    assert made.certificate.parts.gas >= -ROUND_OFF_BPS


def test_gas_that_is_free_leaves_one_bound() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    made = plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}))
    told = made.certificate
    assert told is not None
    assert told.net_bound == told.upper_bound
    assert told.net_dual_prices == told.dual_prices
    assert (told.pool_gas, told.base_gas, told.tick_gas) == ({}, 0.0, 0.0)


def test_gas_of_base_pools_and_ticks_is_told_and_a_lower_bound_of_the_bill() -> None:
    market = snapshot([v3(0, "USD", "ETH", 1e5, width=1), v2(1, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 3e4}, {"ETH": 1.0}, gas_price_wei=10**9)
    made = plan(market, owner, snapshot_hash=HASH)
    told = made.certificate
    assert told is not None
    assert told.tick_gas == pytest.approx(TICK_GAS * 10**9 * 2000 / 1e18)
    assert set(told.pool_gas) == {pool.address for pool in market.pools}
    assert 0 < told.base_gas + sum(told.pool_gas.values()) <= made.cost.gas
    check(made, market)


def test_what_limits_cost_is_told_apart() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 1e5)])
    free = portfolio({"USD": 1e4}, {"ETH": 1.0})
    bound = portfolio({"USD": 1e4}, {"ETH": 1.0}, rules={token("ETH"): TokenRule(max_impact_bps=199)})
    legs = portfolio({"USD": 1e4}, {"ETH": 1.0}, max_legs=1)
    told = [plan(market, owner).certificate for owner in (free, bound, legs)]
    parts = [each.parts.bounds for each in told if each is not None]
    assert parts[0] == pytest.approx(0, abs=1e-6)
    assert parts[2] > 1
    assert parts[1] == pytest.approx(0, abs=1e-4)


def test_bands_of_an_exact_landing_are_where_the_plan_ends() -> None:
    made = plan(snapshot([v2(0, "USD", "ETH", 1e6)]), portfolio({"USD": 1e4}, {"USD": 0.5, "ETH": 0.5}))
    for low, high in made.bands.values():
        assert low <= WAD / 2 <= high or abs(low - WAD / 2) < 1e-6 * WAD
        assert high - low < 1e-6 * WAD


def test_what_branch_and_bound_proves_is_no_weaker_where_ticks_cost() -> None:
    market = snapshot([v3(0, "USD", "ETH", 1e5, width=1), v2(1, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 3e4}, {"ETH": 1.0}, gas_price_wei=10**10)
    told = plan(market, owner, prove=True).certificate
    assert told is not None
    assert told.tick_gas > 0
    assert told.proven_net_bound is not None
    assert told.proven_net_bound <= told.net_bound
