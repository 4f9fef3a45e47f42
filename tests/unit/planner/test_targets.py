"""Plans to targets as users mean them: bands, one-sided trades, cash flows and limits. Every plan is checked
with `verify` as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.certificate import verify
from router.errors import Infeasible, InputError
from router.fixed_point import BPS, WAD
from router.plan import Plan, Verdict
from router.planner import plan
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import DEPTH_MOVE, Landing, Portfolio, TokenRule, Trade
from router.snapshot import Snapshot
from tests import markets
from tests.markets import SYMBOLS, portfolio, raw, snapshot, token, v2, v3, weighted

SLOW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DEAREST_UNIT = 0.0108
"""Value of the smallest unit of the coarsest token."""
INSET_COST = 1e-7
"""What ending a hair within the bands may cost, as a share of the value."""
SOME = (
    v2(0, "USD", "ETH", 1e6),
    v3(1, "USD", "BTC", 1e6, fee_pips=500),
    v2(2, "ETH", "BTC", 4e5),
    v2(3, "ETH", "GOV", 5e5),
    v2(4, "USD", "GOV", 3e5, fee_pips=10000),
)
AFIELD = {"USD": 6e4, "ETH": 2e4, "BTC": 1.5e4, "GOV": 5e3}
WANTED = {"USD": 0.3, "ETH": 0.3, "BTC": 0.2, "GOV": 0.2}


def checked(market: Snapshot, owner: Portfolio) -> Plan:
    """A plan that trades, with every finding of its verification holding."""
    made = plan(market, owner)
    assert made.verdict is Verdict.TRADE
    found = verify(made, market, "")
    assert found.holds, [finding for finding in found.findings if not finding.ok]
    assert made.certificate is not None
    assert made.certificate.parts.bounds >= 0
    return made


def net(made: Plan) -> float:
    return made.value_after - made.cost.gas


def weights_after(market: Snapshot, owner: Portfolio, made: Plan) -> dict[str, float]:
    valuation = Valuation(market, owner)
    weights = valuation.weights(valuation.net_of_reserved(made.holdings_after))
    return {valuation.symbol(each): weight for each, weight in weights.items()}


def change(made: Plan, symbol: str) -> int:
    each = token(symbol)
    return made.holdings_after.get(each, 0) - made.holdings_before.get(each, 0)


def ruled(**rules: TokenRule) -> dict[str, TokenRule]:
    return {token(symbol): rule for symbol, rule in rules.items()}


def gap_bps(made: Plan) -> float:
    assert made.certificate is not None
    return made.certificate.gap_bps


# --- bands


@pytest.mark.parametrize("tolerance", [1, 50, 500])
def test_a_landing_within_bands_is_proven_and_ends_within_them(tolerance: int) -> None:
    market = snapshot(SOME)
    owner = portfolio(AFIELD, WANTED, landing=Landing.BAND, tolerance_bps=tolerance)
    made = checked(market, owner)
    assert gap_bps(made) < 0.01
    for symbol, weight in weights_after(market, owner, made).items():
        assert abs(weight - WANTED[symbol]) * BPS <= tolerance
    exact = checked(market, replace(owner, landing=Landing.TARGET))
    assert made.value_after > exact.value_after


def test_a_band_is_as_wide_as_the_tokens_own_tolerance() -> None:
    market = snapshot(SOME)
    rules = ruled(ETH=TokenRule(tolerance_bps=300), GOV=TokenRule(tolerance_bps=2))
    owner = portfolio(AFIELD, WANTED, landing=Landing.BAND, tolerance_bps=40, rules=rules)
    made = checked(market, owner)
    assert made.tolerance_bps == 300
    off = {
        symbol: abs(weight - WANTED[symbol]) * BPS
        for symbol, weight in weights_after(market, owner, made).items()
    }
    assert off["GOV"] <= 2
    assert max(off["USD"], off["BTC"]) <= 40
    assert 40 < off["ETH"] <= 300
    least, most = made.bands[token("GOV")]
    assert (least, most) == (WAD // 5 - 2 * WAD // BPS, WAD // 5 + 2 * WAD // BPS)


def test_a_band_of_two_tokens_is_entered_at_its_near_edge_only() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 1e4}, {"USD": 0.5, "ETH": 0.5}, landing=Landing.BAND, tolerance_bps=100)
    made = checked(market, owner)
    assert weights_after(market, owner, made)["ETH"] == pytest.approx(0.49, abs=2e-6)


def test_a_portfolio_within_its_bands_holds() -> None:
    owner = portfolio({"USD": 5.04e3, "ETH": 4.96e3}, {"USD": 0.5, "ETH": 0.5}, landing=Landing.BAND)
    assert plan(snapshot(SOME), owner).verdict is Verdict.HOLD


def test_tokens_of_which_the_market_makes_one_dearer_end_at_opposite_edges() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6, skew=1.009, fee_pips=500), v2(1, "USD", "BTC", 1e6)])
    owner = portfolio(
        {"USD": 1e4}, {"USD": 0.2, "ETH": 0.4, "BTC": 0.4}, landing=Landing.BAND, tolerance_bps=100
    )
    weights = weights_after(market, owner, checked(market, owner))
    assert weights["USD"] == pytest.approx(0.21, abs=2e-6)
    assert weights["ETH"] == pytest.approx(0.39, abs=2e-6) or weights["BTC"] == pytest.approx(0.39, abs=2e-6)


@pytest.mark.parametrize("skew", [0.995, 1.0, 1.009])
@pytest.mark.parametrize("tolerance", [100, 700])
def test_a_landing_on_two_tokens_is_the_best_of_a_grid(skew: float, tolerance: int) -> None:
    market = snapshot([v2(0, "USD", "ETH", 3e5, skew=skew, fee_pips=500), v2(1, "USD", "ETH", 5e4)])
    owner = portfolio({"USD": 4e4, "ETH": 1e4}, {"USD": 0.5, "ETH": 0.5}, tolerance_bps=tolerance)
    made = checked(market, replace(owner, landing=Landing.BAND))
    room = tolerance / BPS
    grid = [
        best_at(market, owner, {"USD": 0.5 + part * room, "ETH": 0.5 - part * room})
        for part in np.linspace(-1, 1, 21)
    ]
    assert made.value_after >= max(grid) * (1 - INSET_COST)
    assert made.value_after <= max(grid) + 1e-4 * made.value_after


@pytest.mark.parametrize("held", [{"USD": 5e4}, {"ETH": 2e4, "BTC": 3e4}, {"USD": 2e4, "GOV": 3e4}])
def test_a_landing_on_three_tokens_is_the_best_of_a_grid(held: dict[str, float]) -> None:
    pools = [*SOME[:4], v2(9, "BTC", "GOV", 4e5, skew=1.01, fee_pips=500)]
    market = snapshot(pools)
    owner = portfolio(held, {"USD": 0.4, "ETH": 0.35, "BTC": 0.25}, tolerance_bps=400)
    made = checked(market, replace(owner, landing=Landing.BAND))
    room = 0.04
    grid = [
        best_at(market, owner, {"USD": 0.4 + a, "ETH": 0.35 + b, "BTC": 0.25 - a - b})
        for a in np.linspace(-room, room, 9)
        for b in np.linspace(-room, room, 9)
        if abs(a + b) <= room * (1 + 1e-9)
    ]
    assert made.value_after >= max(grid) * (1 - INSET_COST)
    assert gap_bps(made) < 0.1


def best_at(market: Snapshot, owner: Portfolio, weights: Mapping[str, float]) -> float:
    """Final value of the plan that ends at exactly these weights."""
    held = dict.fromkeys(weights, 1.0)
    targets = portfolio(held, {symbol: float(weight) for symbol, weight in weights.items()}).targets_wad
    return plan(market, replace(owner, targets_wad=targets, tolerance_bps=1)).value_after


@SLOW
@given(
    markets.pools(),
    markets.values(),
    markets.weights(),
    st.sampled_from((5, 50, 500)),
    st.sampled_from((0, 10**10)),
)
def test_a_landing_within_bands_is_never_worse_than_the_exact_one(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], tolerance: int, gas: int
) -> None:
    market = snapshot(pools)
    owner = portfolio(held, wanted, tolerance_bps=tolerance, gas_price_wei=gas)
    exact = attempt(market, owner)
    made = attempt(market, replace(owner, landing=Landing.BAND))
    if exact is None:
        return
    assert made is not None
    assert made.verdict is exact.verdict
    if made.verdict is Verdict.HOLD:
        return
    found = verify(made, market, "")
    assert found.holds, [finding for finding in found.findings if not finding.ok]
    rounding = (len(made.swaps) + len(exact.swaps)) * DEAREST_UNIT
    assert net(made) >= net(exact) - 1e-7 * net(exact) - rounding


def attempt(market: Snapshot, owner: Portfolio) -> Plan | None:
    try:
        return plan(market, owner)
    except Infeasible:
        return None


# --- what may be traded


@pytest.mark.parametrize("landing", list(Landing))
def test_a_token_that_may_not_be_traded_keeps_its_amount(landing: Landing) -> None:
    held = {"USD": 6e4, "ETH": 2e4, "BTC": 2e4}
    owner = portfolio(
        held,
        {"USD": 0.5, "ETH": 0.3, "BTC": 0.2},
        landing=landing,
        rules=ruled(BTC=TokenRule(Trade.NONE)),
    )
    made = checked(snapshot(SOME), owner)
    assert change(made, "BTC") == 0
    assert change(made, "ETH") > 0


@pytest.mark.parametrize("landing", list(Landing))
def test_a_token_that_may_only_be_bought_is_bought_or_kept(landing: Landing) -> None:
    market = snapshot(SOME)
    rules = ruled(ETH=TokenRule(Trade.BUY), BTC=TokenRule(Trade.BUY))
    held = {"USD": 6e4, "ETH": 2e4, "BTC": 2.0005e4}
    owner = portfolio(held, {"USD": 0.5, "ETH": 0.3, "BTC": 0.2}, landing=landing, rules=rules)
    made = checked(market, owner)
    assert change(made, "ETH") > 0
    assert change(made, "BTC") == 0
    assert gap_bps(made) < 0.1


@pytest.mark.parametrize("landing", list(Landing))
def test_a_token_that_may_only_be_sold_is_sold_or_kept(landing: Landing) -> None:
    rules = ruled(USD=TokenRule(Trade.SELL), BTC=TokenRule(Trade.SELL))
    owner = portfolio(
        {"USD": 6e4, "ETH": 2e4, "BTC": 1.998e4},
        {"USD": 0.5, "ETH": 0.3, "BTC": 0.2},
        landing=landing,
        rules=rules,
    )
    made = checked(snapshot(SOME), owner)
    assert change(made, "USD") < 0
    assert change(made, "BTC") == 0 or (landing is Landing.BAND and change(made, "BTC") < 0)
    assert gap_bps(made) < 0.1


def test_nearest_divides_what_rules_leave_in_proportion() -> None:
    market = snapshot(SOME)
    held = {"USD": 4e4, "BTC": 6e4}
    owner = portfolio(
        held,
        {"USD": 0.3, "ETH": 0.3, "BTC": 0.4},
        landing=Landing.NEAREST,
        rules=ruled(BTC=TokenRule(Trade.BUY)),
    )
    made = checked(market, owner)
    weights = weights_after(market, owner, made)
    assert change(made, "BTC") == 0
    assert weights["USD"] == pytest.approx(weights["ETH"], abs=1e-6)
    with pytest.raises(Infeasible, match=r"BTC may only be bought.*landing 'nearest' goes there"):
        plan(market, replace(owner, landing=Landing.TARGET))


def test_a_plan_with_nothing_left_to_trade_holds() -> None:
    owner = portfolio(
        {"USD": 4e4, "BTC": 6e4},
        {"USD": 1.0},
        landing=Landing.NEAREST,
        rules=ruled(BTC=TokenRule(Trade.BUY)),
    )
    made = plan(snapshot(SOME), owner)
    assert made.verdict is Verdict.HOLD
    assert made.reason == "the rules leave nothing to trade"


@pytest.mark.parametrize("listed", [True, False])
def test_a_held_token_that_lists_bar_stays_and_its_pools_are_named(listed: bool) -> None:
    others = frozenset({token("USD"), token("ETH")})
    barred = {"allow_tokens": others} if listed else {"deny_tokens": frozenset({token("BTC")})}
    owner = portfolio(
        {"USD": 6e4, "ETH": 2e4, "BTC": 2e4},
        {"USD": 0.5, "ETH": 0.5},
        landing=Landing.NEAREST,
        rules=ruled(BTC=TokenRule(Trade.NONE)),
        **barred,
    )
    made = checked(snapshot(SOME), owner)
    assert change(made, "BTC") == 0
    named = {each.pool for each in made.excluded if each.reason == "not admitted"}
    assert {SOME[1].address, SOME[2].address} <= named
    assert SOME[0].address not in named


# --- cash


def test_a_deposit_is_put_to_work_and_a_withdrawal_left_aside() -> None:
    market = snapshot(SOME)
    flows = {token("USD"): raw("USD", 2e4), token("ETH"): -raw("ETH", 5e3)}
    owner = portfolio({"USD": 4e4, "ETH": 4e4}, {"USD": 0.5, "ETH": 0.25, "BTC": 0.25}, cash_flows=flows)
    made = checked(market, owner)
    assert made.reserved == {token("ETH"): raw("ETH", 5e3)}
    assert made.holdings_before[token("USD")] == raw("USD", 4e4) + raw("USD", 2e4)
    weights = weights_after(market, owner, made)
    assert weights["USD"] == pytest.approx(0.5, abs=1e-5)
    assert weights["BTC"] == pytest.approx(0.25, abs=1e-5)
    assert made.value_before == pytest.approx(9.5e4, rel=1e-9)


@pytest.mark.parametrize("landing", list(Landing))
def test_more_to_withdraw_than_is_held_is_bought_to_the_last_unit(landing: Landing) -> None:
    flows = {token("BTC"): -raw("BTC", 3e3), token("GOV"): -raw("GOV", 1e3)}
    owner = portfolio(
        {"USD": 4e4, "ETH": 4e4, "BTC": 1e3}, {"USD": 0.5, "ETH": 0.5}, cash_flows=flows, landing=landing
    )
    made = checked(snapshot(SOME), owner)
    for each, amount in flows.items():
        assert -amount <= made.holdings_after[each] <= -amount * (1 + 0.01)


def test_a_withdrawal_alone_is_reason_enough_to_trade() -> None:
    flows = {token("BTC"): -raw("BTC", 30)}
    owner = portfolio({"USD": 4e4, "ETH": 4e4}, {"USD": 0.5, "ETH": 0.5}, cash_flows=flows)
    made = checked(snapshot(SOME), owner)
    assert made.holdings_after[token("BTC")] >= raw("BTC", 30)


def test_a_withdrawal_that_rules_put_out_of_reach_is_named() -> None:
    owner = portfolio(
        {"USD": 4e4, "ETH": 4e4, "BTC": 1e3},
        {"USD": 0.5, "ETH": 0.5},
        cash_flows={token("BTC"): -raw("BTC", 3e3)},
        rules=ruled(BTC=TokenRule(Trade.NONE)),
        landing=Landing.NEAREST,
    )
    with pytest.raises(Infeasible, match=r"BTC may not be traded.*0\.01666666 can be"):
        plan(snapshot(SOME), owner)


# --- the owner's limits


@pytest.mark.parametrize("limit", [10, 50])
@pytest.mark.parametrize(
    "pool",
    [
        v2(0, "USD", "ETH", 1e5),
        v2(0, "USD", "ETH", 1e5, fee_pips=10000),
        v3(0, "USD", "ETH", 1e5),
        weighted(0, {"USD": 50, "ETH": 50}, 2e5),
        weighted(0, {"USD": 20, "ETH": 80}, 2e5),
    ],
    ids=["v2", "dear v2", "v3", "weighted", "skewed"],
)
def test_no_exact_pool_is_moved_beyond_the_impact_that_is_allowed(pool: Pool, limit: int) -> None:
    market = snapshot([pool, v2(1, "USD", "ETH", 1e8, fee_pips=10000)])
    rules = ruled(ETH=TokenRule(max_impact_bps=limit))
    owner = portfolio({"USD": 2e4}, {"USD": 0.2, "ETH": 0.8}, rules=rules)
    made = checked(market, owner)
    moves = [
        move_bps(market, swap.pool, swap.token_in, swap.token_out, swap.amount_in) for swap in made.swaps
    ]
    assert max(moves) <= limit
    free = checked(market, replace(owner, rules={}))
    assert made.certificate is not None
    if free.value_after - made.value_after > 1e-6 * made.value_after:
        assert made.certificate.parts.bounds == pytest.approx(
            (free.value_after / made.value_after - 1) * BPS, abs=1e-3
        )
        assert max(moves) > limit * 0.98


def move_bps(market: Snapshot, pool: str, token_in: str, token_out: str, amount: int) -> float:
    """How far a swap moves the price of what is bought, in bp."""
    before = market.pool_by_address[pool]
    after = before.swap(token_in, token_out, amount)[1]
    return (before.spot_price(token_in, token_out) / after.spot_price(token_in, token_out) - 1) * BPS


def test_no_more_of_a_pools_depth_is_taken_than_allowed() -> None:
    small, large = v2(0, "USD", "ETH", 1e5, fee_pips=500), v2(1, "USD", "ETH", 1e8)
    market = snapshot([small, large])
    owner = portfolio({"USD": 2e4}, {"ETH": 1.0}, max_depth_bps=1_000)
    made = checked(market, owner)
    amounts = {swap.pool: swap.amount_in for swap in made.swaps}
    depth = raw("USD", 1e5) * (np.sqrt(1 + DEPTH_MOVE) - 1)
    assert amounts[small.address] == pytest.approx(depth / 10, rel=0.01)
    assert made.certificate is not None
    assert made.certificate.parts.bounds > 0.01


@pytest.mark.parametrize("most", [3, 4, 6])
def test_a_plan_has_no_more_legs_than_allowed(most: int) -> None:
    market = snapshot([*SOME, v2(5, "USD", "ETH", 6e5), v2(6, "USD", "GOV", 2e5), v2(7, "USD", "BTC", 3e5)])
    owner = portfolio({"USD": 9e4, "ETH": 1e4}, {"USD": 0.25, "ETH": 0.25, "BTC": 0.25, "GOV": 0.25})
    made = checked(market, replace(owner, max_legs=most))
    assert len(made.swaps) <= most
    assert len(checked(market, owner).swaps) > 6


def test_fewer_legs_cost_more_and_the_certificate_says_so() -> None:
    market = snapshot([v2(place, "USD", "ETH", 1e5 * (place + 1)) for place in range(5)])
    owner = portfolio({"USD": 5e4}, {"ETH": 1.0})
    made = [checked(market, replace(owner, max_legs=most)) for most in (1, 2, 3, 5)]
    assert [len(each.swaps) for each in made] == [1, 2, 3, 5]
    assert all(fewer.value_after < more.value_after for fewer, more in pairwise(made))
    for each in made:
        assert each.certificate is not None
        lost = (made[-1].value_after / each.value_after - 1) * BPS
        assert each.certificate.parts.bounds == pytest.approx(lost, abs=0.01)


# --- when there is no answer


def test_too_few_legs_are_named() -> None:
    owner = portfolio({"USD": 9e4}, {"USD": 0.3, "ETH": 0.3, "BTC": 0.2, "GOV": 0.2}, max_legs=2)
    with pytest.raises(Infeasible, match="at most 2 swaps that end at the target were found; of 3 swaps"):
        plan(snapshot(SOME), owner)


@pytest.mark.parametrize("landing", [Landing.TARGET, Landing.BAND])
def test_rules_that_contradict_the_target_are_named_and_what_is_told_can_be_reached(landing: Landing) -> None:
    market = snapshot(SOME)
    owner = portfolio(
        {"USD": 6e4, "ETH": 1e4, "BTC": 3e4},
        {"USD": 0.5, "ETH": 0.4, "BTC": 0.1},
        landing=landing,
        rules=ruled(BTC=TokenRule(Trade.BUY), USD=TokenRule(Trade.SELL)),
    )
    with pytest.raises(
        Infeasible, match=r"BTC may only be bought; USD may only be sold: .* beyond 50 bp"
    ) as info:
        plan(market, owner)
    again = replace(owner, targets_wad=told(str(info.value)))
    assert plan(market, again).verdict is Verdict.TRADE


def test_bands_that_together_leave_room_are_no_contradiction() -> None:
    rules = ruled(
        BTC=TokenRule(Trade.NONE, tolerance_bps=200),
        ETH=TokenRule(tolerance_bps=5),
        USD=TokenRule(tolerance_bps=200),
    )
    owner = portfolio(
        {"USD": 4.65e4, "ETH": 3.5e4, "BTC": 1.85e4},
        {"USD": 0.4, "ETH": 0.4, "BTC": 0.2},
        landing=Landing.BAND,
        rules=rules,
    )
    made = checked(snapshot(SOME), owner)
    assert abs(weights_after(snapshot(SOME), owner, made)["ETH"] - 0.4) * BPS <= 5
    with pytest.raises(Infeasible):
        plan(snapshot(SOME), replace(owner, landing=Landing.TARGET))


@pytest.mark.parametrize("size", [1e5, 1e8, 1e11])
@pytest.mark.parametrize("landing", [Landing.TARGET, Landing.BAND])
def test_the_best_that_liquidity_allows_is_told_and_can_be_reached(size: float, landing: Landing) -> None:
    market = snapshot(
        [v3(0, "USD", "BTC", 2e4, width=5, fee_pips=500), v3(1, "USD", "ETH", 1e5, width=5, fee_pips=500)]
    )
    owner = portfolio({"USD": size}, {"ETH": 0.2, "BTC": 0.8}, landing=landing, max_cost_bps=10_000)
    with pytest.raises(
        Infeasible, match=r"can be (bought|sold) up to about .*of the way can be gone"
    ) as info:
        plan(market, owner)
    again = plan(market, replace(owner, targets_wad=told(str(info.value)), landing=Landing.TARGET))
    assert again.verdict in (Verdict.TRADE, Verdict.HOLD)
    tight = replace(owner, targets_wad=told(str(info.value)), landing=Landing.TARGET, tolerance_bps=1)
    assert attempt(market, tight) is not None


def told(message: str) -> dict[str, int]:
    """The weights that a message says can be reached."""
    part = re.split(r"can be gone, to |the best that can be reached is ", message)[-1]
    found = re.findall(r"\b([A-Z]{3}) (-?[\d.]+)%", re.split(r", where|; ", part)[0])
    targets = {token(symbol): round(float(weight) / 100 * WAD) for symbol, weight in found}
    last = max(targets, key=lambda each: targets[each])
    targets[last] += WAD - sum(targets.values())
    return {each: weight for each, weight in targets.items() if weight}


def test_a_target_that_no_pools_join_is_named() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "BTC", "GOV", 1e6), v2(2, "BTC", "GOV", 1e6)])
    for landing in (Landing.TARGET, Landing.BAND, Landing.NEAREST):
        with pytest.raises(Infeasible, match="no path of usable pools joins BTC and USD"):
            plan(market, portfolio({"USD": 1e4}, {"BTC": 1.0}, landing=landing))


# --- everything at once


@SLOW
@given(
    markets.pools(),
    markets.values(),
    markets.weights(),
    st.dictionaries(
        st.sampled_from(SYMBOLS),
        st.builds(
            TokenRule,
            st.sampled_from(Trade),
            st.sampled_from((None, 20, 800)),
            st.sampled_from((None, None, 100)),
        ),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(SYMBOLS), st.floats(-8e3, 8e3), max_size=2),
    st.tuples(
        st.sampled_from((None, 5_000)), st.sampled_from((None, 3, 6)), st.sampled_from((None, *SYMBOLS))
    ),
    st.sampled_from(Landing),
    st.sampled_from((0, 10**10)),
)
def test_whatever_is_asked_every_plan_does_it_and_verifies(
    pools: list[Pool],
    held: dict[str, float],
    wanted: dict[str, float],
    rules: dict[str, TokenRule],
    flows: dict[str, float],
    limits: tuple[int | None, int | None, str | None],
    landing: Landing,
    gas: int,
) -> None:
    market = snapshot(pools)
    depth, legs, denied = limits
    owner = portfolio(
        held,
        wanted,
        landing=landing,
        gas_price_wei=gas,
        rules=ruled(**rules),
        cash_flows={token(symbol): raw(symbol, value) for symbol, value in flows.items()},
        max_depth_bps=depth,
        max_legs=legs,
        deny_tokens=frozenset({token(denied)} if denied else ()),
    )
    try:
        made = plan(market, owner)
    except (Infeasible, InputError):
        return
    if made.verdict is Verdict.HOLD:
        return
    found = verify(made, market, "")
    assert found.holds, [finding for finding in found.findings if not finding.ok]
    assert legs is None or len(made.swaps) <= legs
    for each, amount in made.reserved.items():
        assert made.holdings_after[each] >= amount
    for symbol, rule in rules.items():
        assert rule.trade in (Trade.BOTH, Trade.SELL) or change(made, symbol) >= 0
        assert rule.trade in (Trade.BOTH, Trade.BUY) or change(made, symbol) <= 0
    assert made.certificate is not None
    assert made.certificate.parts.bounds >= 0
