"""What executing a program costs."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from router.encoder import encode
from router.plan import Plan
from router.planner import plan
from router.planner.gas import TICK_GAS, GasBill, bill, gas_price_of, least_base_cost, least_cost
from router.planner.valuation import Valuation
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Portfolio
from router.replay import replay
from router.snapshot import Snapshot
from tests.markets import PRICES, TOKENS, address, portfolio, raw, snapshot, token, v2

ETHER = 2000.0
GWEI = 10**9
OWNER = portfolio({"USD": 1e4}, {"ETH": 1.0}, gas_price_wei=10 * GWEI)


def billed(made: Plan, market: Snapshot, owner: Portfolio) -> GasBill:
    assert made.program is not None
    price = gas_price_of(Valuation(market, owner))
    return bill(made.program, replay(made.program, market, owner.holdings), market, (), price)


def ladder_pool(ticks: list[int], fee_pips: int = 500) -> UniswapV3Pool:
    """GOV and USD at one raw unit for another, about 1e6 of value deep, its liquidity a little different
    between any two ticks."""
    low, high = sorted((token("USD"), token("GOV")))
    size = 10**15
    nets = {tick: (-1) ** k * 1000 * (k + 1) for k, tick in enumerate(ticks)}
    nets |= {-200_000: size, 200_000: -size - sum(nets.values())}
    return UniswapV3Pool.from_state(
        {
            "address": address(7),
            "tokens": [low, high],
            "fee_pips": fee_pips,
            "tick_spacing": 1,
            "sqrt_price_x96": sqrt_ratio_at_tick(0) + 12345,
            "tick": 0,
            "liquidity": size + sum(net for tick, net in nets.items() if -200_000 < tick <= 0),
            "ticks": sorted(nets.items()),
        }
    )


@pytest.mark.parametrize("seed", range(20))
def test_ticks_crossed_are_counted_exactly(seed: int) -> None:
    """Against the square roots of the prices at the ticks, down and up."""
    rng = Random(seed)
    ticks = sorted(rng.sample([*range(-400, 0), *range(1, 400)], rng.randint(0, 30)))
    pool = ladder_pool(ticks)
    names = ("USD", "GOV") if seed % 2 else ("GOV", "USD")
    prices = {token("USD"): "0.000001", token("GOV"): "1000000"}
    market = snapshot(
        [pool], prices={**dict(zip([t.address for t in TOKENS], PRICES, strict=True)), **prices}
    )
    amount = int(10**13 * rng.uniform(0.01, 2))
    owner = replace(
        portfolio({}, {names[1]: 1.0}, gas_price_wei=GWEI, prices=prices, max_slippage_bps=9_999),
        holdings={token(names[0]): amount},
    )
    made = plan(market, owner)
    _, after = pool.swap(token(names[0]), token(names[1]), amount)
    low, high = sorted((pool.sqrt_price_x96, after.sqrt_price_x96))
    crossed = sum(low < sqrt_ratio_at_tick(tick) < high for tick in ticks)
    found = billed(made, market, owner)
    assert found.ticks == crossed
    assert found.gas == made.gas_estimate
    assert found.gas > TICK_GAS * crossed + pool.gas


def test_gas_is_priced_in_the_native_token() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    made = plan(market, OWNER)
    assert made.cost.gas == pytest.approx(made.gas_estimate * 10 * GWEI * ETHER / 1e18)
    assert made.cost.gas == pytest.approx(billed(made, market, OWNER).cost)


def test_a_rollup_charges_every_byte_of_the_payload() -> None:
    pools, fee = [v2(0, "USD", "ETH", 1e6)], 10**12
    plain, rollup = snapshot(pools), snapshot(pools, l1_fee_wei_per_byte=fee)
    made = plan(rollup, OWNER)
    assert made.program is not None
    more = billed(made, rollup, OWNER).cost - billed(made, plain, OWNER).cost
    assert more == pytest.approx(len(encode(made.program)) * fee * ETHER / 1e18)
    assert made.cost.gas == pytest.approx(billed(made, rollup, OWNER).cost)
    assert made.gas_estimate == plan(plain, OWNER).gas_estimate


def test_a_rollups_bytes_can_cost_while_its_gas_does_not() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)], base_fee_wei=0, l1_fee_wei_per_byte=10**12)
    made = plan(market, replace(OWNER, gas_price_wei=None))
    assert made.cost.gas > 0
    assert plan(market, replace(OWNER, gas_price_wei=0)).cost.gas == 0


def test_a_pools_own_cost_takes_the_place_of_its_kinds() -> None:
    pools = [v2(0, "USD", "ETH", 1e6)]
    wei = 5 * 10**15
    plain, own = snapshot(pools), snapshot(pools, pool_gas_cost_wei={pools[0].address: wei})
    made = plan(own, OWNER)
    kinds = pools[0].gas * 10 * GWEI
    more = billed(made, own, OWNER).cost - billed(made, plain, OWNER).cost
    assert more == pytest.approx((wei - kinds) * ETHER / 1e18, rel=1e-5)
    price = gas_price_of(Valuation(own, OWNER))
    difference = least_cost(pools[0], price, own) - least_cost(pools[0], price, plain)
    assert difference == pytest.approx(more, rel=1e-5)


def test_an_expensive_pool_is_left_for_a_cheap_one() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 1e6)]
    market = snapshot(pools, pool_gas_cost_wei={pools[0].address: 10**17})
    assert {swap.pool for swap in plan(market, OWNER).swaps} == {pools[1].address}


def test_the_snapshots_base_fee_counts_where_no_price_is_given() -> None:
    pools = [v2(0, "USD", "ETH", 1e6)]
    asked, unasked = OWNER, replace(OWNER, gas_price_wei=None)
    same = plan(snapshot(pools, base_fee_wei=10 * GWEI), unasked).cost
    assert same == plan(snapshot(pools, base_fee_wei=77 * GWEI), asked).cost
    unknown = gas_price_of(Valuation(snapshot(pools), unasked))
    assert unknown.free
    assert unknown.notes == ("gas counts as free: neither a gas price nor a base fee is known",)


def test_gas_is_free_and_told_so_where_the_native_token_has_no_price() -> None:
    market = snapshot([v2(0, "USD", "BTC", 1e6)], prices={token("USD"): "1", token("BTC"): "60000"})
    found = gas_price_of(Valuation(market, OWNER))
    assert found.free
    assert "no price" in found.notes[0]


def test_what_any_trade_costs_is_below_every_bill() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "BTC", 1e6)])
    for wanted in ({"ETH": 1.0}, {"BTC": 1.0}, {"ETH": 0.4, "BTC": 0.4, "USD": 0.2}):
        owner = portfolio({"USD": 1e4}, wanted, gas_price_wei=10 * GWEI)
        made, moved = plan(market, owner), wanted.keys() | {"USD"}
        price = gas_price_of(Valuation(market, owner))
        pools = sum(
            least_cost(market.pool_by_address[pool], price, market) for pool in {s.pool for s in made.swaps}
        )
        assert least_base_cost([token(each) for each in moved], len(moved), price) + pools <= made.cost.gas
    assert raw("USD", 1) == 10**6
