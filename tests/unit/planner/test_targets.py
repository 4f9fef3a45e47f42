"""Plans to targets as users mean them: bands and one-sided trades, and what is said where there is no answer.
Every plan is checked with `verify` as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.certificate import verify
from router.errors import Infeasible
from router.fixed_point import BPS, WAD
from router.plan import Verdict
from router.planner import plan
from router.pools.base import Pool
from router.portfolio import Landing, Portfolio, TokenRule, Trade
from router.snapshot import Snapshot
from tests import markets
from tests.markets import portfolio, snapshot, token, v2, v3
from tests.targets import (
    DEAREST_UNIT,
    SLOW,
    SOME,
    attempt,
    change,
    checked,
    gap_bps,
    net,
    ruled,
    told,
    weights_after,
)

INSET_COST = 1e-7
"""What ending a hair within the bands may cost, as a share of the value."""
AFIELD = {"USD": 6e4, "ETH": 2e4, "BTC": 1.5e4, "GOV": 5e3}
WANTED = {"USD": 0.3, "ETH": 0.3, "BTC": 0.2, "GOV": 0.2}


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
    pools: list[Pool] = [*SOME[:4], v2(9, "BTC", "GOV", 4e5, skew=1.01, fee_pips=500)]
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


def test_a_target_that_no_pools_join_is_named() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "BTC", "GOV", 1e6), v2(2, "BTC", "GOV", 1e6)])
    for landing in (Landing.TARGET, Landing.BAND, Landing.NEAREST):
        with pytest.raises(Infeasible, match="no path of usable pools joins BTC and USD"):
            plan(market, portfolio({"USD": 1e4}, {"BTC": 1.0}, landing=landing))
