"""Plans with cash flows and under the owner's limits, each checked with `verify` as well."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.certificate import verify
from router.errors import Infeasible, InputError
from router.fixed_point import BPS
from router.plan import Verdict
from router.planner import plan
from router.pools.base import Pool
from router.portfolio import DEPTH_MOVE, Landing, TokenRule, Trade
from router.snapshot import Snapshot
from tests import markets
from tests.markets import SYMBOLS, portfolio, raw, snapshot, token, v2, v3, weighted
from tests.targets import (
    SLOW,
    SOME,
    change,
    checked,
    ruled,
    weights_after,
)

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
    if made.verdict is Verdict.HOLD or made.value_after < made.value_before / 2:
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
