"""Shocked snapshots: prices, liquidity and gas move as told and nothing else, and plans tried on them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError
from router.fixed_point import WAD
from router.lenders.morpho_blue import MorphoBlue
from router.liquidity import pool_depths
from router.plan import Verdict
from router.planner import plan
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.registry import BY_NAME
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Guards
from router.shocks import SHOCKS, shocked, shocked_portfolio, stress_plan
from router.strategy.safety import Collateral, Position
from router.strategy.scenarios import CALM, DEAR_GAS, THIN, Scenario
from router.strategy.stress import Debt, StressVerdict
from tests import markets
from tests.markets import SYMBOLS, portfolio, snapshot, token, v2, v3, weighted
from tests.strategies import pools as any_pools
from tests.targets import SLOW, SOME

HALF = Fraction(1, 2)
moves = st.dictionaries(st.sampled_from(SYMBOLS[1:]), st.floats(-0.9, 3), max_size=4)


def rate(pool: Pool, first: str, second: str) -> float:
    """Price of the first token in the second, the fee apart."""
    return (pool.spot_price(first, second) / pool.spot_price(second, first)) ** 0.5


def test_every_kind_of_pool_can_be_shocked() -> None:
    assert SHOCKS.keys() == BY_NAME.keys()


@given(any_pools(), st.fractions(Fraction(1, 100), 2, max_denominator=100))
def test_a_share_of_liquidity_is_exact_and_moves_no_price(pool: Pool, share: Fraction) -> None:
    after = SHOCKS[pool.kind](pool, {}, share)
    match pool, after:
        case UniswapV2Pool(), UniswapV2Pool():
            assert after.reserves == tuple(floor(each * share) for each in pool.reserves)
        case BalancerV2WeightedPool(), BalancerV2WeightedPool():
            assert after.balances == tuple(floor(each * share) for each in pool.balances)
        case UniswapV3Pool(), UniswapV3Pool():
            assert (after.sqrt_price_x96, after.tick) == (pool.sqrt_price_x96, pool.tick)
            assert after.liquidity == floor(pool.liquidity * share)
            for tick in (*pool.ladder.ticks, *(each - 1 for each in pool.ladder.ticks), pool.tick):
                expected = floor(pool.ladder.liquidity_at(tick) * share)
                assert after.ladder.liquidity_at(tick) == expected
            assert UniswapV3Pool.from_state(after.to_state()) == after
    assert SHOCKS[pool.kind](pool, {}, Fraction(1)) == pool


@given(markets.pools(), moves)
def test_pools_follow_prices_and_keep_their_distance_from_the_market(
    pools: list[Pool], told: dict[str, float]
) -> None:
    market = snapshot(pools)
    after = shocked(market, {token(symbol): move for symbol, move in told.items()})
    for pool in market.pools:
        later = after.pool_by_address[pool.address]
        for second in pool.tokens[1:]:
            first = pool.tokens[0]
            changes = [1 + told.get(market.tokens[each].symbol, 0.0) for each in (first, second)]
            expected = rate(pool, first, second) * changes[0] / changes[1]
            assert rate(later, first, second) == pytest.approx(expected, rel=2e-4)


@given(moves)
def test_what_pools_keep_of_a_move_is_their_invariant(told: dict[str, float]) -> None:
    pair, basket = v2(0, "ETH", "BTC", 1e7), weighted(1, {"ETH": 50, "GOV": 30, "BTC": 20}, 1e7)
    found = shocked(snapshot([pair, basket]), {token(symbol): move for symbol, move in told.items()})
    later_pair, later_basket = found.pools
    assert prod(later_pair.reserves) == pytest.approx(prod(pair.reserves), rel=1e-6)

    def product(pool: BalancerV2WeightedPool) -> float:
        return prod(b ** (w / WAD) for b, w in zip(pool.balances, pool.weights, strict=True))

    assert product(later_basket) == pytest.approx(product(basket), rel=1e-6)


def test_a_range_pool_moves_along_its_ladder() -> None:
    pool = v3(0, "USD", "BTC", 1e6)
    fallen = shocked(snapshot([pool]), {token("BTC"): -0.3}).pools[0]
    assert fallen.ladder is pool.ladder
    assert fallen.liquidity == pool.ladder.liquidity_at(fallen.tick) < pool.liquidity
    assert UniswapV3Pool.from_state(fallen.to_state()) == fallen
    beyond = shocked(snapshot([pool]), {token("BTC"): -0.999999}).pools[0]
    assert beyond.liquidity == 0


@settings(SLOW, max_examples=10)
@given(markets.pools(), moves, st.sampled_from((Fraction(1), HALF)))
def test_a_shocked_snapshot_is_a_valid_one(pools: list[Pool], told: dict[str, float], left: Fraction) -> None:
    market = snapshot(pools, base_fee_wei=7)
    after = shocked(market, {token(symbol): move for symbol, move in told.items()}, left, Fraction(20))
    for pool in after.pools:
        extra = {"decimals": pool.decimals} if isinstance(pool, BalancerV2WeightedPool) else {}
        assert type(pool).from_state({**pool.to_state(), **extra}) == pool
    for symbol in SYMBOLS:
        before, later = (float(each.prices[token(symbol)]) for each in (market, after))
        assert later == pytest.approx(before * (1 + told.get(symbol, 0.0)))
    assert after.base_fee_wei == 140
    assert market.pools == tuple(pools)


def test_half_the_liquidity_is_half_the_depth_and_half_the_loans() -> None:
    lender = MorphoBlue("0x" + "bb" * 20, {token("USD"): 1001})
    market = snapshot([*SOME, weighted(9, {"USD": 60, "GOV": 40}, 1e6)], [lender])
    after = shocked(market, {}, HALF)
    before, later = pool_depths(market.pools), pool_depths(after.pools)
    assert later.keys() == before.keys()
    for key, depth in before.items():
        assert later[key] == pytest.approx(depth / 2, rel=1e-4)
    assert after.lenders[0].available == {token("USD"): 500}


def test_gas_is_dearer_in_every_place_that_it_is_paid() -> None:
    market = snapshot(SOME, base_fee_wei=3, pool_gas_cost_wei={SOME[0].address: 5}, l1_fee_wei_per_byte=7)
    after = shocked(market, {}, gas=Fraction(3, 2))
    assert (after.base_fee_wei, after.l1_fee_wei_per_byte) == (5, 11)
    assert after.pool_gas_cost_wei == {SOME[0].address: 8}
    assert shocked(replace(market, base_fee_wei=None), {}, gas=Fraction(20)).base_fee_wei is None
    owner = portfolio({"USD": 1.0}, {"ETH": 1.0}, gas_price_wei=10**10, prices={token("ETH"): "1999"})
    moved = shocked_portfolio(owner, {token("ETH"): -0.5}, Fraction(20))
    assert (moved.gas_price_wei, moved.prices) == (2 * 10**11, {token("ETH"): "999.5"})


@pytest.mark.parametrize(
    "change",
    [
        {"moves": {token("USD"): -0.1}},
        {"moves": {token("ETH"): -1.0}},
        {"moves": {}, "liquidity": Fraction(0)},
        {"moves": {}, "gas": Fraction(0)},
    ],
)
def test_impossible_shocks_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        shocked(snapshot(SOME), **change)


# --- a portfolio and its plan

CRASH = Scenario("crash", "made up", {"ETH": -0.5, "BTC": -0.3}, otherwise=-0.6)
OWNER = portfolio(
    {"USD": 2e4, "ETH": 4e4, "BTC": 4e4},
    {"USD": 0.2, "ETH": 0.4, "BTC": 0.4},
    gas_price_wei=10**9,
    max_cost_bps=100,
)


def test_an_unshocked_portfolio_at_its_target_holds() -> None:
    (row,) = stress_plan(snapshot(SOME), OWNER, [CALM])
    assert (row.verdict, row.cost_to_target) == (StressVerdict.HOLDS, 0.0)
    assert row.plan_holds is None


def test_a_crash_brings_drift_and_a_way_back_at_the_planners_cost() -> None:
    market = snapshot(SOME)
    (row,) = stress_plan(market, OWNER, [CRASH])
    assert row.value_after == pytest.approx(2e4 + 2e4 + 2.8e4, rel=1e-6)
    assert row.drift == pytest.approx(abs(2 / 6.8 - 0.4), rel=1e-3)
    told = {token("ETH"): -0.5, token("BTC"): -0.3, token("EUR"): -0.6, token("GOV"): -0.6}
    made = plan(shocked(market, told), OWNER)
    assert made.verdict is Verdict.TRADE
    assert row.cost_to_target == made.cost.total
    assert row.verdict is StressVerdict.DRIFTED


def test_thin_pools_and_dear_gas_make_the_way_back_dearer() -> None:
    rows = stress_plan(
        snapshot(SOME),
        OWNER,
        [CRASH, replace(CRASH, liquidity=HALF), replace(CRASH, gas=Fraction(20)), DEAR_GAS, THIN],
    )
    crash, thin, dear, *still = rows
    assert thin.cost_to_target > crash.cost_to_target * 1.2
    assert dear.cost_to_target > crash.cost_to_target
    assert [row.verdict for row in still] == [StressVerdict.HOLDS] * 2
    gone = replace(CRASH, liquidity=Fraction(1, 10**5))
    (row,) = stress_plan(snapshot(SOME), OWNER, [gone])
    assert row.verdict in {StressVerdict.UNREACHABLE, StressVerdict.REFUSED}
    (row,) = stress_plan(snapshot(SOME), OWNER, [gone], trade_broken_market=True)
    assert row.verdict in {StressVerdict.UNREACHABLE, StressVerdict.COSTLY}


def test_guards_that_refuse_the_way_back_are_an_outcome_with_its_cost() -> None:
    tight = replace(OWNER, guards=Guards(max_pool_share_bps=20, max_price_deviation_bps=1))
    calm, crash = stress_plan(snapshot(SOME), tight, [CALM, CRASH])
    assert (calm.verdict, calm.refused) == (StressVerdict.HOLDS, ())
    assert crash.verdict is StressVerdict.REFUSED
    assert {text.partition(":")[0] for text in crash.refused} == {"DepthExceeded", "PoolAwayFromOracle"}
    (plain,) = stress_plan(snapshot(SOME), OWNER, [CRASH])
    assert crash.cost_to_target == plain.cost_to_target
    (told,) = stress_plan(snapshot(SOME), tight, [CRASH], trade_broken_market=True)
    assert (told.verdict, told.refused) == (StressVerdict.DRIFTED, ())


def test_prices_that_guards_refuse_before_the_stress_are_refused_in_it() -> None:
    unspoken = replace(OWNER, guards=Guards(min_sources=2))
    alone = [pool for pool in SOME if token("BTC") not in pool.tokens]
    (row,) = stress_plan(snapshot(alone), unspoken, [CALM])
    assert row.verdict is StressVerdict.REFUSED
    assert row.refused[0].startswith("TooFewSources: BTC")


def test_bounds_of_a_plan_made_before_trip_where_prices_moved() -> None:
    market = snapshot(SOME)
    owner = portfolio({"USD": 5e4}, {"USD": 0.5, "ETH": 0.5}, max_slippage_bps=100)
    made = plan(market, owner)
    up = Scenario("up", "made up", {"ETH": 0.2}, otherwise=0.0)
    down = replace(up, name="down", moves={"ETH": -0.2})
    rows = stress_plan(market, owner, [CALM, up, down], plan=made)
    assert [row.plan_holds for row in rows] == [True, False, True]
    assert rows[1].broken_bound
    assert rows[0].broken_bound == rows[2].broken_bound == ""


def test_a_debt_is_stressed_with_its_collateral() -> None:
    debt = Debt(Position((Collateral("ETH", 10**10, 8_000),), 5 * 10**9), "USD")
    (row,) = stress_plan(snapshot(SOME), OWNER, [CRASH], debt=debt)
    assert row.verdict is StressVerdict.LIQUIDATED
    assert row.health_factor == pytest.approx(0.8)


def test_a_token_that_a_scenario_must_know_and_does_not_is_named() -> None:
    partial = Scenario("s", "made up", {"ETH": -0.5})
    with pytest.raises(InputError, match="says nothing of BTC"):
        stress_plan(snapshot(SOME), OWNER, [partial])
    (row,) = stress_plan(snapshot(SOME), OWNER, [partial], classes={"BTC": "ETH"})
    assert row.value_after == pytest.approx(6e4, rel=1e-6)
