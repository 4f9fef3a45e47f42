"""Whether a portfolio should be rebalanced now: decisions, the plans that follow them, and what those net."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.advice import NO_PLAN, PLAN_COSTS_MORE, advise
from router.documents.plan_file import load_plan, save_plan
from router.errors import Infeasible, InfeasibleWeights, InputError
from router.fixed_point import BPS, WAD
from router.market_cost import CostProbe, measure_cost
from router.plan import Plan, Verdict
from router.planner.statement import hold_plan
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.portfolio import Portfolio, TokenRule, Trade
from router.rebalancer import find_payload, make_plan, replay_plan
from router.snapshot import Snapshot
from router.strategy import choice
from router.strategy.costs import MarketCost
from router.strategy.discipline import Discipline
from tests import markets
from tests.markets import SYMBOLS, portfolio, raw, snapshot, token, v2

VOLATILITY = {token("ETH"): 0.8, token("BTC"): 0.6, token("EUR"): 0.1, token("GOV"): 1.2}
CAREFUL = Discipline(3.0, 30.0, VOLATILITY, correlation=0.5)
POOLS = [v2(0, "USD", "ETH", 5e6), v2(1, "USD", "BTC", 5e6), v2(2, "ETH", "BTC", 1e6)]
HELD = {"USD": 3e4, "ETH": 5e4, "BTC": 2e4}
WANTED = {"USD": 0.3, "ETH": 0.35, "BTC": 0.35}


def planned(owner: Portfolio, pools: Any = POOLS, discipline: Discipline = CAREFUL) -> tuple[Snapshot, Plan]:
    market = snapshot(pools)
    return market, make_plan(market, owner, discipline=discipline, trade_broken_market=True)


def ascending(pool: Pool) -> Pool:
    """As pairs are on chain, and so in a file."""
    if not isinstance(pool, UniswapV2Pool) or list(pool.tokens) == sorted(pool.tokens):
        return pool
    (one, two), (first, second) = pool.tokens, pool.reserves
    return UniswapV2Pool(pool.address, (two, one), (second, first), pool.fee_pips)


def test_a_plan_that_pays_lands_where_the_decision_does() -> None:
    owner = portfolio(HELD, WANTED)
    market, plan = planned(owner)
    decision = advise(market, owner, CAREFUL)
    assert decision is not None
    assert plan.verdict is Verdict.TRADE
    told = plan.judgement
    assert told is not None
    assert told.measured
    assert told.net_bps > 0
    valuation = Valuation(market, owner)
    after = valuation.weights(plan.holdings_after)
    for symbol in HELD:
        wanted = decision.judgement.landing_wad[token(symbol)] / WAD
        assert after[token(symbol)] == pytest.approx(wanted, abs=1e-4)
    assert replay_plan(plan, market).balance_changes


def test_the_judgement_of_a_plan_is_made_of_its_own_costs() -> None:
    _, plan = planned(portfolio(HELD, WANTED, gas_price_wei=10**9))
    told = plan.judgement
    assert told is not None
    assert told.cost_bps == pytest.approx(plan.cost.total / plan.value_before * 1e4)
    assert told.net_value == pytest.approx(told.net_bps * plan.value_before / 1e4)
    assert told.gas_bps > 0


def test_a_drift_that_no_trade_pays_for_holds_and_says_what_would() -> None:
    market, plan = planned(portfolio({"USD": 3.05e4, "ETH": 3.5e4, "BTC": 3.45e4}, WANTED, tolerance_bps=10))
    assert (plan.verdict, plan.program) == (Verdict.HOLD, None)
    told = plan.judgement
    assert told is not None
    assert not told.trade
    assert told.reason == "inside_no_trade_region"
    assert told.break_even_drift is not None
    assert told.break_even_drift > told.drift
    assert make_plan(market, portfolio(HELD, WANTED)).judgement is None


def test_gas_above_the_benefit_holds() -> None:
    _, plan = planned(portfolio(HELD, WANTED, gas_price_wei=10**13))
    assert plan.verdict is Verdict.HOLD
    assert plan.judgement is not None
    assert plan.judgement.reason == "below_fixed_cost"


def test_a_plan_that_costs_more_than_promised_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def free(probe: CostProbe) -> MarketCost:
        return MarketCost.proportional(probe.valuation.tokens, 0.0)

    monkeypatch.setattr(CostProbe, "cost", property(free))
    _, plan = planned(portfolio({"USD": 3.05e4, "ETH": 3.5e4, "BTC": 3.45e4}, WANTED, tolerance_bps=10))
    assert plan.verdict is Verdict.HOLD
    assert plan.judgement is not None
    assert plan.judgement.reason == PLAN_COSTS_MORE
    assert plan.judgement.measured
    assert plan.judgement.net_bps < 0


@pytest.mark.parametrize("trade", [Trade.BUY, Trade.SELL, Trade.NONE])
def test_rules_limit_the_landing(trade: Trade) -> None:
    _, plan = planned(portfolio(HELD, WANTED, rules={token("ETH"): TokenRule(trade)}))
    change = plan.holdings_after[token("ETH")] - plan.holdings_before[token("ETH")]
    assert change < 0 if trade is Trade.SELL else change == 0


def test_no_landing_part_of_the_way_is_above_a_largest_weight() -> None:
    most = {token("ETH"): 0.4}
    capped = Discipline(3.0, 30.0, VOLATILITY, 0.5, max_weight=most)
    market, plan = planned(portfolio(HELD, WANTED), discipline=capped)
    after = Valuation(market, portfolio(HELD, WANTED)).weights(plan.holdings_after)
    assert after[token("ETH")] <= 0.4 * (1 + 1e-4)


@pytest.mark.parametrize("spare", [0.0, 1e-3])
def test_largest_weights_that_sum_to_little_more_than_one_leave_room_for_costs(spare: float) -> None:
    most = {token(name): weight for name, weight in WANTED.items()}
    most[token("USD")] += spare
    capped = Discipline(3.0, 30.0, VOLATILITY, 0.5, max_weight=most)
    market, plan = planned(portfolio(HELD, WANTED), discipline=capped)
    assert plan.judgement is not None
    assert (plan.verdict, plan.judgement.reason) == (Verdict.TRADE, "limit_broken")
    after = Valuation(market, portfolio(HELD, WANTED)).weights(plan.holdings_after)
    cost = plan.judgement.cost_bps / BPS
    assert all(after[name] <= weight * (1 + 2 * cost) for name, weight in most.items())


def test_a_decided_trade_is_planned_though_every_token_tolerates_more() -> None:
    rules = {token(name): TokenRule(tolerance_bps=5_000) for name in HELD}
    owner = portfolio(HELD, WANTED, rules=rules)
    market, plan = planned(owner)
    assert plan.judgement is not None
    assert (plan.verdict, plan.judgement.reason) == (Verdict.TRADE, "pays")
    assert plan.holdings_after == planned(portfolio(HELD, WANTED))[1].holdings_after
    assert make_plan(market, owner).verdict is Verdict.HOLD


@pytest.mark.parametrize(("off", "reason"), [(5.0, "too_small"), (9.9, "too_small"), (10.1, "pays")])
def test_a_trade_that_no_plan_could_make_is_not_decided(off: float, reason: str) -> None:
    keen = Discipline(300.0, 365.0, VOLATILITY, correlation=0.5)
    deep = [v2(0, "USD", "ETH", 5e9, fee_pips=1), v2(1, "USD", "BTC", 5e9, fee_pips=1)]
    owner = portfolio({"USD": 3e4 + off, "ETH": 3.5e4 - off, "BTC": 3.5e4}, WANTED)
    market, plan = planned(owner, deep, keen)
    advice = advise(market, owner, keen)
    assert advice is not None
    assert plan.judgement is not None
    assert (advice.judgement.reason, plan.judgement.reason) == (reason, reason)
    assert advice.decision.trade is plan.judgement.trade is (plan.verdict is Verdict.TRADE)
    assert plan.judgement.net_bps > 0


def test_a_plan_that_finds_nothing_to_trade_says_so_in_its_judgement() -> None:
    market, owner = snapshot(POOLS), portfolio(HELD, WANTED)
    advice = advise(market, owner, CAREFUL)
    assert advice is not None
    nothing = hold_plan(advice.valuation, "the rules leave nothing to trade", "")
    told = advice.weighed(nothing).judgement
    assert told is not None
    assert (told.trade, told.reason, told.aim) == (False, NO_PLAN, "none")
    assert told.explanation == "the rules leave nothing to trade"


def test_a_plan_that_ends_above_a_largest_weight_says_so() -> None:
    capped = Discipline(3.0, 30.0, VOLATILITY, 0.5, max_weight={token("ETH"): 0.4})
    owner = portfolio(HELD, WANTED, tolerance_bps=50)
    market, within = planned(owner, discipline=capped)
    advice = advise(market, owner, capped)
    assert advice is not None
    assert not any("largest" in note for note in within.notes)
    beyond = planned(owner)[1]
    assert "ETH ends at 42.72%, above its largest weight of 40.00%" in advice.weighed(beyond).notes


def test_a_weight_a_little_above_its_largest_is_left_alone() -> None:
    capped = Discipline(3.0, 30.0, VOLATILITY, 0.5, max_weight={token("ETH"): 0.35})
    near, far = (
        portfolio({"USD": 3e4, "ETH": 3.5e4 + extra, "BTC": 3.5e4 - extra}, WANTED, tolerance_bps=50)
        for extra in (300, 3_000)
    )
    assert planned(near, discipline=capped)[1].verdict is Verdict.HOLD
    _, plan = planned(far, discipline=capped)
    assert plan.judgement is not None
    assert (plan.verdict, plan.judgement.reason) == (Verdict.TRADE, "limit_broken")


def test_what_is_to_be_left_is_traded_for_whatever_it_costs() -> None:
    flows = {token("BTC"): -raw("BTC", 3e4)}
    owner = portfolio(HELD, {"USD": 0.5, "ETH": 0.5}, cash_flows=flows)
    market = snapshot(POOLS)
    assert advise(market, owner, CAREFUL) is None
    plan = make_plan(market, owner, discipline=CAREFUL, trade_broken_market=True)
    assert (plan.verdict, plan.judgement) == (Verdict.TRADE, None)


def test_a_decision_rests_on_curves_that_hold_where_it_trades() -> None:
    owner = portfolio(HELD, WANTED)
    advice = advise(snapshot(POOLS), owner, CAREFUL)
    assert advice is not None
    trade = advice.decision.proposal
    again = CostProbe(snapshot(POOLS), owner)
    again.measure()
    again.refine(trade, 1.01)
    exact, coarse = again.cost.variable(trade), measure_cost(snapshot(POOLS), owner).variable(trade)
    assert advice.cost.variable(trade) == pytest.approx(exact, rel=1e-4)
    assert coarse > exact * (1 + 1e-3)


def test_tokens_are_called_by_their_symbols() -> None:
    def capped(**most: float) -> Discipline:
        limits = {token(name): weight for name, weight in most.items()}
        return Discipline(3.0, 30.0, VOLATILITY, 0.5, max_weight=limits)

    plan = planned(portfolio(HELD, WANTED), discipline=capped(ETH=0.3))[1]
    assert plan.judgement is not None
    assert plan.judgement.explanation.startswith("ETH beyond limits, so a trade is due")
    with pytest.raises(InfeasibleWeights, match=r"^discipline\.max_weight: no weights"):
        planned(portfolio(HELD, WANTED), discipline=capped(ETH=0.1, BTC=0.1, USD=0.1))


@pytest.mark.parametrize("gas_price_wei", [10**9, 10**11])
def test_dust_that_is_worth_less_than_any_gas_is_held(gas_price_wei: int) -> None:
    for value in (1e-6, 1e-2):
        held = {"USD": value * 0.7, "ETH": value * 0.3}
        _, plan = planned(portfolio(held, {"USD": 0.5, "ETH": 0.5}, gas_price_wei=gas_price_wei))
        assert plan.judgement is not None
        assert (plan.verdict, plan.judgement.trade) == (Verdict.HOLD, False)


def test_a_token_without_a_volatility_is_named() -> None:
    with pytest.raises(InputError, match=r"^discipline\.volatility\.(BTC|EUR): has no volatility"):
        planned(
            portfolio({**HELD, "EUR": 1e4}, WANTED), discipline=Discipline(3.0, 30.0, {token("ETH"): 0.8})
        )


def test_a_judgement_comes_back_from_its_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "WORK", 0)
    monkeypatch.setattr(choice, "FEWEST_PROGRAMS", 1)
    _, plan = planned(portfolio(HELD, WANTED, gas_price_wei=10**11))
    assert plan.judgement is not None
    assert plan.judgement.choice_gap_bps > 0
    path = tmp_path / "plan.json"
    save_plan(plan, find_payload(plan), path)
    assert load_plan(path)[0].judgement == plan.judgement
    text = path.read_text()
    net = text[text.index('"net_bps":') :].split(",")[0]
    path.write_text(text.replace(net, '"net_bps":99'))
    with pytest.raises(InputError, match=r"judgement\.net_bps: is 99"):
        load_plan(path)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(markets.pools(), markets.values(), markets.weights(), st.sampled_from((0, 10**9, 10**11)))
def test_a_plan_with_a_discipline_nets_more_than_doing_nothing(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], gas_price: int
) -> None:
    owner = portfolio(held, wanted, gas_price_wei=gas_price, max_cost_bps=10_000)
    try:
        market, plan = planned(owner, [ascending(pool) for pool in pools])
    except Infeasible:
        return
    told = plan.judgement
    assert told is not None
    assert told.trade == (plan.verdict is Verdict.TRADE)
    assert not told.trade or told.net_bps > 0
    assert sum(told.landing_wad.values()) == WAD
    if not told.trade:
        return
    covariance = CAREFUL.covariance(Valuation(market, owner).tokens, market.numeraire)
    assert np.isfinite(covariance).all()
    outcome = replay_plan(plan, market)
    moved = {each for each, change in outcome.balance_changes.items() if change}
    assert moved <= {*told.traded, *(swap.token_out for swap in plan.swaps)}
    assert {SYMBOLS[int(each, 16) - 1] for each in told.traded} <= {*held, *wanted}
