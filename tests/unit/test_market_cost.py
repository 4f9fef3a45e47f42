"""Measured cost curves: one constant-product pool in closed form, rules, gas and loans, and mainnet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from router import market_cost
from router.errors import Infeasible, InputError
from router.fixed_point import WAD
from router.lenders.aave_v3 import AaveV3, Rounding
from router.market_cost import AROUND, CostProbe, Marked, measure_cost
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.market import Market
from router.plan import Verdict
from router.planner import plan
from router.planner.gas import BASE_GAS, BOUND_GAS, BYTE_GAS, CHECK_GAS, PULL_GAS, ZERO_BYTE_GAS
from router.planner.valuation import Valuation
from router.pools.uniswap_v2 import UniswapV2Pool
from router.portfolio import Portfolio, Settlement, TokenRule, Trade
from router.strategy.decision import Aim, decide
from scripts.bench.recorded import MAINNET, OWNER, mainnet
from tests.markets import portfolio, raw, snapshot, token, v2

DEPTH, NAV, FEE = 1e6, 1e5, 0.003
HALVES = portfolio({"ETH": NAV / 2, "USD": NAV / 2}, {"ETH": 0.5, "USD": 0.5})
SIZES = (1e-3, 1e-2, 0.1, 0.5)
GWEI = 10**9


def received(paid: float) -> float:
    """Of a pool of DEPTH on each side, by x y = k."""
    kept = paid * (1 - FEE)
    return DEPTH * kept / (DEPTH + kept)


def test_a_constant_product_pool_costs_its_closed_form() -> None:
    market = snapshot([v2(0, "USD", "ETH", DEPTH)])
    cost = measure_cost(market, HALVES, sizes=SIZES)
    eth = cost.assets.index(token("ETH"))
    for size in SIZES:
        assert cost.sells[eth].at(size) * NAV == pytest.approx(size * NAV - received(size * NAV), rel=1e-5)
    for bought in cost.buys[eth].sizes[1:] * NAV:
        needed = DEPTH * bought / (DEPTH - bought) / (1 - FEE)
        assert cost.buys[eth].at(bought / NAV) * NAV == pytest.approx(needed - bought, rel=1e-5)
    usd = cost.assets.index(token("USD"))
    assert cost.buys[usd].at(0.3) == cost.sells[usd].at(0.3) == 0.0
    assert (cost.fixed, cost.premium_rate, cost.legs) == (0.0, 0.0, (0.0, 0.0))


def test_the_depth_is_the_largest_size_that_the_pools_take() -> None:
    cost = measure_cost(snapshot([v2(0, "USD", "ETH", DEPTH)]), HALVES, sizes=SIZES)
    eth = cost.assets.index(token("ETH"))
    assert cost.sells[eth].depth == 0.5
    assert cost.buys[eth].depth == pytest.approx(0.5, rel=0.05)
    limited = portfolio(
        {"ETH": NAV / 2, "USD": NAV / 2},
        {"ETH": 0.5, "USD": 0.5},
        rules={token("ETH"): TokenRule(max_impact_bps=100)},
    )
    shallow = measure_cost(snapshot([v2(0, "USD", "ETH", DEPTH / 10)]), limited, sizes=SIZES)
    assert shallow.sells[eth].depth == 1e-3  # 1 % of price is about 0.5 % of a depth of NAV


def test_a_pool_beside_the_reference_price_costs_the_difference_or_nothing() -> None:
    market = snapshot([v2(0, "USD", "ETH", DEPTH, skew=1.01)])
    at_reference = measure_cost(market, HALVES, sizes=SIZES)
    eth = at_reference.assets.index(token("ETH"))
    assert at_reference.sells[eth].at(1e-3) == 0.0  # it pays more than the reference: no gain is counted
    assert at_reference.buys[eth].slope(0.0) > 0.01
    at_rest = measure_cost(market, HALVES, sizes=SIZES, marked=Marked.REST)
    assert at_rest.sells[eth].slope(0.0) == pytest.approx(FEE, rel=0.05)
    assert at_rest.buys[eth].slope(0.0) == pytest.approx(FEE, rel=0.05)


def test_rules_shut_their_side() -> None:
    market = snapshot([v2(0, "USD", "ETH", DEPTH)])

    def depths(rule: Trade) -> tuple[bool, bool]:
        ruled = portfolio(
            {"ETH": NAV / 2, "USD": NAV / 2},
            {"ETH": 0.5, "USD": 0.5},
            rules={token("ETH"): TokenRule(trade=rule)},
        )
        cost = measure_cost(market, ruled, sizes=(0.01,))
        eth = cost.assets.index(token("ETH"))
        return cost.buys[eth].depth > 0, cost.sells[eth].depth > 0

    assert depths(Trade.BUY) == (True, False)
    assert depths(Trade.SELL) == (False, True)
    assert depths(Trade.NONE) == (False, False)


def test_a_token_without_pools_has_no_depth() -> None:
    held = portfolio({"USD": NAV, "GOV": NAV, "ETH": NAV}, {"ETH": 0.5, "GOV": 0.5})
    cost = measure_cost(snapshot([v2(0, "USD", "ETH", DEPTH)]), held, sizes=(0.01,))
    gov = cost.assets.index(token("GOV"))
    assert cost.buys[gov].depth == cost.sells[gov].depth == 0.0


def test_gas_is_fixed_or_by_asset() -> None:
    pool = v2(0, "USD", "ETH", DEPTH)
    owner = portfolio({"ETH": NAV / 2, "USD": NAV / 2}, {"ETH": 0.5, "USD": 0.5}, gas_price_wei=10 * GWEI)
    cost = measure_cost(snapshot([pool]), owner, sizes=(0.01,), hub=token("USD"))
    per_gas = 10e-9 * 2000 / NAV
    assert cost.fixed == pytest.approx(BASE_GAS * per_gas)
    legs = dict(zip(cost.assets, cost.legs, strict=True))
    assert legs[token("USD")] == pytest.approx((PULL_GAS + BOUND_GAS) * per_gas)
    assert isinstance(pool, UniswapV2Pool)
    kind, route, token_in, token_out, amount = bytes((1,)), bytes(1), bytes(1), bytes((1,)), bytes(16)
    called = bytes.fromhex(pool.address[2:]) + pool.fee_pips.to_bytes(3, "big")
    leg = kind + route + token_in + token_out + amount + called
    swap = pool.gas + BYTE_GAS * len(leg) - (BYTE_GAS - ZERO_BYTE_GAS) * leg.count(0)
    assert legs[token("ETH")] == pytest.approx((PULL_GAS + BOUND_GAS + swap) * per_gas)


def test_a_loan_costs_its_premium_and_is_bounded_by_what_lenders_have() -> None:
    available = {token("ETH"): raw("ETH", 2e4), token("USD"): raw("USD", 1e9)}
    lender = AaveV3("0x" + "aa" * 20, available, 5, Rounding.UP)
    owner = portfolio(
        {"ETH": NAV / 2, "USD": NAV / 2}, {"ETH": 0.5, "USD": 0.5}, settlement=Settlement.DELIVER_FIRST
    )
    cost = measure_cost(snapshot([v2(0, "USD", "ETH", DEPTH)], [lender]), owner, sizes=SIZES)
    eth = cost.assets.index(token("ETH"))
    assert cost.premium_rate == pytest.approx(0.0005, rel=1e-6)
    assert cost.sells[eth].depth == pytest.approx(0.2)
    priced = portfolio(
        {"ETH": NAV / 2, "USD": NAV / 2},
        {"ETH": 0.5, "USD": 0.5},
        settlement=Settlement.DELIVER_FIRST,
        gas_price_wei=10 * GWEI,
    )
    with_gas = measure_cost(snapshot([v2(0, "USD", "ETH", DEPTH)], [lender]), priced, sizes=(0.01,))
    assert with_gas.fixed == pytest.approx((BASE_GAS + CHECK_GAS + lender.gas(1)) * 10e-9 * 2000 / NAV)


def test_the_hub_is_the_cheaper_of_numeraire_and_native_token() -> None:
    held = portfolio({"ETH": NAV / 2, "BTC": NAV / 2}, {"ETH": 0.5, "BTC": 0.5})
    market = snapshot([v2(0, "USD", "ETH", DEPTH, fee_pips=10000), v2(1, "ETH", "BTC", DEPTH, fee_pips=500)])
    cost = measure_cost(market, held, sizes=(0.001,))
    assert cost.sells[cost.assets.index(token("ETH"))].at(0.001) == 0.0
    assert cost.sells[cost.assets.index(token("BTC"))].slope(0.0) < 0.001


def test_no_trade_is_solved_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [v2(0, "USD", "ETH", DEPTH), v2(1, "USD", "BTC", DEPTH), v2(2, "ETH", "BTC", DEPTH)]
    held = portfolio({"USD": NAV, "ETH": NAV, "BTC": NAV}, {"ETH": 0.5, "BTC": 0.5})
    asked: list[Goal] = []

    def counted(market: Market, goal: Goal, *args: Any, **more: Any) -> Solution:
        asked.append(goal)
        return solve(market, goal, *args, **more)

    monkeypatch.setattr(market_cost, "solve", counted)
    probe = CostProbe(snapshot(pools), held)
    probe.measure(SIZES)
    first, known = probe.cost, len(asked)
    probe.measure(SIZES)
    assert probe.cost.buys[0].costs.tolist() == first.buys[0].costs.tolist()
    assert len(asked) == known
    probe.measure((*SIZES, 0.7))
    assert len(asked) == known + 4  # two assets against the hub, both sides
    assert len({(*goal.held.tolist(), *goal.wanted.tolist()) for goal in asked}) == len(asked)


def test_only_what_a_trade_moves_is_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [v2(0, "USD", "ETH", DEPTH), v2(1, "USD", "BTC", DEPTH)]
    held = portfolio({"USD": NAV, "ETH": NAV, "BTC": NAV}, {"ETH": 0.5, "BTC": 0.5})
    probe = CostProbe(snapshot(pools), held, hub=token("USD"))
    probe.measure(SIZES)
    before, assets = probe.cost, probe.valuation.tokens
    trade = np.array([{token("ETH"): -0.05, token("USD"): 0.05}.get(asset, 0.0) for asset in assets])
    assert probe.refine(trade, 1.2)
    assert not probe.refine(trade, 1.2)
    eth = assets.index(token("ETH"))
    for place in range(len(assets)):
        assert probe.cost.buys[place].sizes.tolist() == before.buys[place].sizes.tolist()
        more = len(probe.cost.sells[place].sizes) - len(before.sells[place].sizes)
        assert more == (len(AROUND) if place == eth else 0)
    lost = 0.05 * 3 * NAV - received(0.05 * 3 * NAV)
    assert probe.cost.variable(trade) * 3 * NAV == pytest.approx(lost, rel=1e-6)
    assert before.variable(trade) > probe.cost.variable(trade)
    assert not probe.refine(np.zeros(len(assets)), 1.2)


def test_what_can_not_be_measured_is_refused() -> None:
    market = snapshot([v2(0, "USD", "ETH", DEPTH)])
    with pytest.raises(InputError, match="sizes"):
        measure_cost(market, HALVES, sizes=(0.1, 0.01))
    with pytest.raises(Infeasible, match="GOV"):
        measure_cost(market, HALVES, hub=token("GOV"))
    with pytest.raises(Infeasible, match="no usable pool trades USD, ETH: there"):
        measure_cost(snapshot([v2(0, "EUR", "GOV", DEPTH)]), HALVES)


@pytest.mark.skipif(not MAINNET.exists(), reason=f"{MAINNET} is absent")
def test_mainnet_curves_are_convex_and_rise_as_pools_run_out() -> None:
    market = mainnet().snapshot
    names = ("WETH", "WBTC", "USDC", "LINK")
    tokens = [market.token(name).address for name in names]
    values = (400_000.0, 300_000.0, 200_000.0, 100_000.0)
    held = {
        address: int(value / market.unit_prices[address])
        for address, value in zip(tokens, values, strict=True)
    }
    owner = Portfolio(OWNER, held, dict.fromkeys(tokens, 10**18 // 4), gas_price_wei=10 * GWEI)
    cost = measure_cost(market, owner, hub=tokens[2], marked=Marked.REST)
    rates = {
        name: 1e4 * cost.sells[cost.assets.index(address)].at(0.01) / 0.01
        for name, address in zip(names, tokens, strict=True)
    }
    assert 1 < rates["WETH"] < 20
    assert 1 < rates["WBTC"] < 20
    assert rates["LINK"] > 2 * rates["WETH"]
    assert 0 < cost.fixed < 1e-5
    link = cost.sells[cost.assets.index(tokens[3])]
    assert link.slope(0.5) > 10 * link.slope(0.001)


def test_a_decision_at_measured_costs_expects_no_less_cost_than_its_plan_has() -> None:
    pools = [v2(0, "USD", "ETH", DEPTH), v2(1, "USD", "BTC", DEPTH), v2(2, "ETH", "BTC", DEPTH)]
    market = snapshot(pools)
    held = {"ETH": 0.55 * NAV, "BTC": 0.25 * NAV, "USD": 0.2 * NAV}
    owner = portfolio(held, {"ETH": 0.4, "BTC": 0.4, "USD": 0.2}, tolerance_bps=1, gas_price_wei=GWEI)
    cost = measure_cost(market, owner)
    valuation = Valuation(market, owner)
    weights = np.array([valuation.weights(valuation.tradable)[asset] for asset in cost.assets])
    targets = np.array([valuation.target(asset) for asset in cost.assets])
    risks = {token("ETH"): 0.8, token("BTC"): 0.6, token("USD"): 0.0}
    covariance = np.diag([risks[asset] ** 2 for asset in cost.assets])
    found = decide(weights, targets, covariance, cost, nav=NAV, risk_aversion=10.0, horizon_years=1.0)
    assert found.trade
    assert found.aim is Aim.PART  # every unit costs more than the one before
    assert found.proven
    landing = {
        asset: int(share * WAD) for asset, share in zip(cost.assets, found.landing.tolist(), strict=True)
    }
    landing[token("USD")] += WAD - sum(landing.values())
    made = plan(market, replace(owner, targets_wad=landing))
    assert made.verdict is Verdict.TRADE
    spent = made.cost.pool_fees + made.cost.price_impact
    assert 0 < spent <= (found.benefit.fees + found.benefit.impact) * NAV
    assert found.benefit.gas * NAV == pytest.approx(made.cost.gas, rel=0.5)
