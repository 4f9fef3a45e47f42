"""What plans take of their pools, by the planner's own measure of depth, and what is refused of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.errors import (
    BrokenMarket,
    DepthExceeded,
    Infeasible,
    InputError,
    InsufficientLiquidity,
    LiquidationInReach,
    PoolAwayFromOracle,
)
from router.fixed_point import BPS, PIPS
from router.liquidity import (
    check_liquidity,
    cpmm_max_input_down,
    liquidity_use,
    pool_depths,
    pools_after,
)
from router.plan import Plan, Verdict
from router.planner import plan
from router.pools.base import Pool
from router.pools.uniswap_v2 import amount_out_for
from router.portfolio import DEPTH_MOVE
from router.replay import replay_market
from router.snapshot import Snapshot
from tests import markets
from tests.markets import PRICES, SYMBOLS, portfolio, raw, snapshot, token, v2, v3, weighted
from tests.targets import SLOW, SOME


def trade(pools: list[Pool], value: float = 5e4, **limits: object) -> tuple[Plan, Snapshot]:
    market = snapshot(pools)
    made = plan(market, portfolio({"USD": value}, {"USD": 0.4, "ETH": 0.4, "BTC": 0.2}, **limits))
    assert made.verdict is Verdict.TRADE
    return made, market


# --- depth


@pytest.mark.parametrize("fee_pips", [500, 3000, 10000])
def test_depth_is_the_amount_that_moves_the_price_by_its_definition(fee_pips: int) -> None:
    keep = 1 - fee_pips / PIPS
    pair = v2(0, "USD", "ETH", 1e6, fee_pips=fee_pips)
    range_pool = v3(1, "USD", "BTC", 1e6, fee_pips=fee_pips)
    shares = {"USD": 50, "ETH": 30, "GOV": 20}
    three = weighted(2, shares, 1e6, fee_pips=fee_pips)
    depths = pool_depths([pair, range_pool, three])
    for symbol in ("USD", "ETH"):
        reserve = pair.reserves[pair.tokens.index(token(symbol))]
        expected = reserve * (sqrt(1 + DEPTH_MOVE) - 1) / keep
        assert depths[pair.address, token(symbol)] == pytest.approx(expected)
    for symbol, share in shares.items():
        balance = three.balances[three.tokens.index(token(symbol))]
        expected = balance * ((1 + DEPTH_MOVE) ** (1 - share / 100) - 1) / keep
        assert depths[three.address, token(symbol)] == pytest.approx(expected)
    for sold, bought in (("USD", "BTC"), ("BTC", "USD")):
        amount = int(depths[range_pool.address, token(sold)])
        after = range_pool.swap(token(sold), token(bought), amount)[1]
        before, later = (each.spot_price(token(sold), token(bought)) for each in (range_pool, after))
        assert before / later == pytest.approx(1 + DEPTH_MOVE, rel=1e-5)


def test_a_range_that_ends_before_the_move_is_all_the_depth_there_is() -> None:
    whole = v3(0, "USD", "BTC", 1e6, fee_pips=500)
    base = whole.tick // whole.tick_spacing * whole.tick_spacing
    near = (base - whole.tick_spacing, base + whole.tick_spacing)
    ladder = replace(whole.ladder, ticks=near, nets=(whole.liquidity, -whole.liquidity), base_liquidity=0)
    ends = replace(whole, ladder=ladder)
    for sold, bought in (("USD", "BTC"), ("BTC", "USD")):
        depth = pool_depths([ends])[ends.address, token(sold)]
        assert depth < pool_depths([whole])[whole.address, token(sold)] / 5
        ends.swap(token(sold), token(bought), int(depth * (1 - 1e-6)))
        with pytest.raises(InsufficientLiquidity):
            ends.swap(token(sold), token(bought), int(depth * (1 + 1e-6)) + 10)


def test_dead_pools_have_no_depth() -> None:
    dead = replace(v2(0, "USD", "ETH", 1e6), reserves=(0, 0))
    assert pool_depths([dead]) == {}
    assert pool_depths([]) == {}


@settings(SLOW, max_examples=12)
@given(markets.pools(), markets.values(), markets.weights(), st.sampled_from((50, 500, 5_000)))
def test_plans_under_a_limit_of_depth_are_within_it_here(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], most_bps: int
) -> None:
    market = snapshot(pools)
    try:
        made = plan(market, portfolio(held, wanted, max_depth_bps=most_bps))
    except (Infeasible, InputError):
        assume(False)
    use = liquidity_use(made, market)
    for each in use.pools:
        unit = 1 / each.depth if each.depth else 0.0
        assert each.depth_share <= most_bps / BPS * (1 + 1e-6) + unit
    check_liquidity(
        use,
        max_depth_bps=most_bps * (1 + 1e-6) + BPS * max((1 / each.depth for each in use.pools), default=0.0),
    )


def test_a_limit_that_binds_is_taken_to_the_full() -> None:
    small = v2(7, "USD", "ETH", 1e5, fee_pips=500)
    made, market = trade([small, v2(8, "USD", "ETH", 1e8), v2(9, "USD", "BTC", 1e8)], max_depth_bps=1_000)
    shares = {each.pool: each.depth_share for each in liquidity_use(made, market).pools}
    assert shares[small.address] == pytest.approx(0.1, rel=0.001)


# --- prices


@SLOW
@given(markets.pools(), markets.values(), markets.weights())
def test_the_pools_after_are_those_of_the_replay(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float]
) -> None:
    market = snapshot(pools)
    try:
        made = plan(market, portfolio(held, wanted))
    except (Infeasible, InputError):
        assume(False)
    assume(made.program is not None)
    _, later = replay_market(made.program, market, made.holdings_before)
    assert {**market.pool_by_address, **pools_after(made, market)} == dict(later.pool_by_address)


def test_prices_after_the_plan_are_beside_the_oracles() -> None:
    made, market = trade(list(SOME))
    use = liquidity_use(made, market)
    after = pools_after(made, market)
    assert use.pools
    for each in use.pools:
        assert each.before_bps == pytest.approx(0, abs=1)
        assert each.move_bps > 0
        assert each.after_bps == pytest.approx(each.before_bps + each.move_bps, rel=1e-3)
        pool = after[each.pool]
        rate = pool.spot_price(each.token_in, each.token_out) / (1 - pool.fee_pips / PIPS)
        sold, bought = (
            float(PRICES[place]) / 10 ** market.tokens[address].decimals
            for address in (each.token_in, each.token_out)
            for place in (SYMBOLS.index(market.tokens[address].symbol),)
        )
        assert each.after_bps == pytest.approx((sold / bought / rate - 1) * BPS, abs=1e-6)


def test_a_pair_without_an_oracle_price_has_a_move_and_no_deviation() -> None:
    made, market = trade(list(SOME))
    use = liquidity_use(replace(made, prices={token("USD"): "1", token("BTC"): "0"}), market)
    assert all(each.before_bps is None and each.after_bps is None for each in use.pools)
    assert all(each.move_bps > 0 for each in use.pools)


def test_a_plan_on_another_snapshot_is_refused() -> None:
    made, market = trade(list(SOME))
    with pytest.raises(InputError, match="has no pool"):
        liquidity_use(made, replace(market, pools=()))
    swap = made.swaps[0]
    pool = market.pool_by_address[swap.pool]
    moved = pool.swap(swap.token_in, swap.token_out, swap.amount_in)[1]
    others = tuple(moved if each.address == pool.address else each for each in market.pools)
    with pytest.raises(InputError, match="not the plan's snapshot"):
        liquidity_use(made, replace(market, pools=others))


# --- refusals


def test_too_much_of_a_pool_and_too_far_from_the_oracle_are_refused_and_overruled() -> None:
    made, market = trade(list(SOME))
    use = liquidity_use(made, market)
    assert check_liquidity(use) == ()
    for limit in ("max_depth_bps", "max_deviation_bps"):
        with pytest.raises(BrokenMarket):
            check_liquidity(use, **{limit: float("nan")})
    deepest = max(each.depth_share for each in use.pools) * BPS
    with pytest.raises(DepthExceeded) as depth:
        check_liquidity(use, max_depth_bps=deepest * 0.999)
    assert depth.value.found == pytest.approx(deepest)
    check_liquidity(use, max_depth_bps=deepest)
    farthest = max(abs(each.after_bps) for each in use.pools)
    with pytest.raises(PoolAwayFromOracle) as away:
        check_liquidity(use, max_deviation_bps=farthest * 0.999)
    assert away.value.found == pytest.approx(farthest)
    told = check_liquidity(use, max_depth_bps=0, max_deviation_bps=0, trade_broken_market=True)
    assert len(told) == 2 * len(use.pools)
    with pytest.raises(BrokenMarket) as both:
        check_liquidity(use, max_depth_bps=0, max_deviation_bps=0)
    assert [both.value.message, *(fault.message for fault in both.value.also)] == [
        fault.message for fault in told
    ]


def test_a_liquidation_price_on_the_way_is_refused() -> None:
    made, market = trade(list(SOME))
    use = liquidity_use(made, market)
    bought = next(
        each for each in use.pools if (each.token_in, each.token_out) == (token("USD"), token("ETH"))
    )
    end = 2000 * (1 + bought.after_bps / BPS)
    for fine in (end * 1.001, 1990.0):
        check_liquidity(use, liquidation_prices={token("ETH"): [fine]})
    with pytest.raises(LiquidationInReach, match="at which others are liquidated") as caught:
        check_liquidity(use, liquidation_prices={token("ETH"): [5000.0, (2000 + end) / 2, 1990.0]})
    assert caught.value.limit == (2000 + end) / 2


# --- closed form


@given(st.integers(0, 10**30), st.integers(0, PIPS - 1), st.integers(0, 999_999))
def test_the_most_input_is_within_its_impact_and_one_more_is_not(
    reserve: int, impact_pips: int, fee_pips: int
) -> None:
    most = cpmm_max_input_down(reserve, impact_pips, fee_pips)

    def impact(amount: int) -> Fraction:
        """1 - average rate / marginal rate of what the fee leaves."""
        after_fee = Fraction(amount * (PIPS - fee_pips), PIPS)
        return after_fee / (reserve + after_fee) if amount else Fraction(0)

    assert impact(most) <= Fraction(impact_pips, PIPS) < impact(most + 1)


@given(st.integers(10**15, 10**25), st.integers(10**15, 10**25), st.integers(1, 200_000))
def test_the_contract_pays_what_the_impact_says_to_the_unit(
    reserve_in: int, reserve_out: int, impact_pips: int
) -> None:
    most = cpmm_max_input_down(reserve_in, impact_pips, 3000)
    paid = amount_out_for(most, reserve_in, reserve_out, 3000)
    marginal = Fraction(most * (PIPS - 3000) * reserve_out, PIPS * reserve_in)
    assert paid > marginal * (1 - Fraction(impact_pips, PIPS)) - 1
    more = amount_out_for(most + 1, reserve_in, reserve_out, 3000)
    assert more < Fraction((most + 1) * (PIPS - 3000) * reserve_out, PIPS * reserve_in) * (
        1 - Fraction(impact_pips, PIPS)
    )


@pytest.mark.parametrize("figures", [(-1, 0, 0), (1, PIPS, 0), (1, -1, 0), (1, 0, PIPS), (1, 0, -1)])
def test_impossible_impacts_are_refused(figures: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        cpmm_max_input_down(*figures)


def test_raw_units_are_those_of_the_sold_token() -> None:
    depths = pool_depths([v2(0, "USD", "ETH", 1e6)])
    worth = {
        symbol: depths[markets.address(0), token(symbol)] / raw(symbol, 1e6) for symbol in ("USD", "ETH")
    }
    assert worth["USD"] == pytest.approx(worth["ETH"], rel=1e-5)
