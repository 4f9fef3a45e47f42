"""Bounds that no trade beats, and certificates that fail when anything in the plan is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.certificate import ends, references, upper_bounds, verify
from router.errors import Infeasible, InputError, PoolError
from router.fixed_point import BPS, WAD
from router.plan import Plan
from router.planner import plan
from router.planner.certify import certify
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address
from tests import markets

HELD = {"USD": 40_000.0, "ETH": 30_000.0, "BTC": 5_000.0}
WANTED = {"USD": 0.2, "ETH": 0.3, "EUR": 0.3, "GOV": 0.2}
ROUNDING = 1 + 1e-12


def market() -> Snapshot:
    return markets.snapshot(
        [
            markets.v2(0, "USD", "ETH", 2e6),
            markets.v3(1, "USD", "ETH", 5e6, fee_pips=500),
            markets.v2(2, "ETH", "BTC", 1e6, skew=1.003),
            markets.weighted(3, {"USD": 50, "EUR": 30, "BTC": 20}, 3e6),
            markets.v3(4, "EUR", "ETH", 4e5, width=8),
            markets.v2(5, "GOV", "ETH", 3e5, skew=0.995),
            markets.v2(6, "GOV", "USD", 1e5),
        ]
    )


def made(**changes: Any) -> Plan:
    return plan(market(), markets.portfolio(HELD, WANTED, **changes), snapshot_hash="ab" * 32)


def value_of(made: Plan, snapshot: Snapshot) -> float:
    prices = references(made, snapshot)
    return sum(prices[token] * made.holdings_after.get(token, 0) for token in ends(made))


def solved(pools: list[Pool], held: Mapping[str, float], wanted: Mapping[str, float], tolerance: int) -> Plan:
    """The plan, where there is one to be made."""
    try:
        found = plan(markets.snapshot(pools), markets.portfolio(held, wanted, tolerance_bps=tolerance))
    except Infeasible:
        assume(False)
    assume(found.program is not None)
    return found


def randomly_traded(data: st.DataObject, pools: list[Pool], held: dict[Address, int]) -> dict[Address, int]:
    """Holdings after up to six swaps of random size through random pools, by their own integers."""
    states = {pool.address: pool for pool in pools}
    after = dict(held)
    for _ in range(data.draw(st.integers(1, 6))):
        pool: Any = states[data.draw(st.sampled_from(sorted(states)))]
        one, other = data.draw(st.permutations(pool.tokens))[:2]
        amount = int(after.get(one, 0) * data.draw(st.sampled_from((0.01, 0.3, 1.0))))
        try:
            paid, states[pool.address] = pool.swap(one, other, amount)
        except PoolError:
            continue
        after[one] -= amount
        after[other] = after.get(other, 0) + paid
    return after


@settings(max_examples=60, deadline=None)
@given(pools=markets.pools(), held=markets.values(), data=st.data())
def test_no_random_trade_beats_the_bound_of_a_target_within_tolerance(
    pools: list[Pool], held: dict[str, float], data: st.DataObject
) -> None:
    snapshot = markets.snapshot(pools)
    before = {markets.token(symbol): markets.raw(symbol, value) for symbol, value in held.items()}
    after = {token: amount for token, amount in randomly_traded(data, pools, before).items() if amount}
    prices = {
        token.address: float(text) / 10**token.decimals
        for token, text in zip(markets.TOKENS, markets.PRICES, strict=True)
    }
    value = sum(prices[token] * amount for token, amount in after.items())
    targets = {token: int(prices[token] * amount / value * WAD) for token, amount in after.items()}
    tolerance = data.draw(st.integers(1, 200))
    if len(targets) > 1:
        lower, higher = data.draw(st.permutations(sorted(targets)))[:2]
        shift = min(targets[lower], (tolerance - 1) * WAD // BPS)
        targets[lower], targets[higher] = targets[lower] - shift, targets[higher] + shift
    portfolio = Portfolio(markets.OWNER, before, targets, tolerance_bps=tolerance)
    proof = certify(Valuation(snapshot, portfolio), after, {})
    assert proof is not None
    assert proof.value <= proof.same_weights * ROUNDING
    assert proof.same_weights <= proof.upper_bound * ROUNDING
    assert proof.gap_bps >= -1e-8


@settings(max_examples=25, deadline=None)
@given(
    pools=markets.pools(),
    held=markets.values(),
    wanted=markets.weights(),
    tolerance=st.sampled_from((1, 50)),
    data=st.data(),
)
def test_no_plan_beats_the_bound_at_any_prices(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], tolerance: int, data: st.DataObject
) -> None:
    found = solved(pools, held, wanted, tolerance)
    snapshot = markets.snapshot(pools)
    assert verify(found, snapshot, "").holds
    value = value_of(found, snapshot)
    for _ in range(4):
        other = {token: price * data.draw(st.floats(0.5, 2)) for token, price in found.dual_prices.items()}
        bounds = upper_bounds(replace(found, dual_prices=other), snapshot)
        assert value <= bounds.same_weights * ROUNDING
        assert bounds.same_weights <= bounds.within_tolerance * ROUNDING


def test_a_looser_tolerance_raises_the_bound_and_not_the_one_at_the_same_weights() -> None:
    tight, loose = made(tolerance_bps=1), made(tolerance_bps=100)
    bounds = [upper_bounds(each, market()) for each in (tight, loose)]
    assert bounds[0].within_tolerance < bounds[1].within_tolerance
    assert bounds[0].same_weights == pytest.approx(bounds[1].same_weights, rel=1e-6)


def test_the_gap_at_the_same_weights_is_small_when_gas_is_free() -> None:
    found = made()
    checked = verify(found, market(), "ab" * 32)
    assert checked.holds
    assert 1 <= checked.bounds.same_weights / checked.value < 1 + 1e-4


def test_the_bound_covers_pools_of_tokens_that_the_plan_does_not_trade() -> None:
    found = made()
    assert upper_bounds(found, market()).pools == len(market().pools)
    fewer = {token: price for token, price in found.dual_prices.items() if token != markets.token("GOV")}
    with pytest.raises(InputError, match="lack"):
        verify(replace(found, dual_prices=fewer), market(), "ab" * 32)


@pytest.mark.parametrize("barred", ["BTC", "EUR"])
def test_barred_tokens_are_left_out_of_the_proof(barred: str) -> None:
    denied = frozenset({markets.token(barred)})
    found = plan(market(), markets.portfolio({"ETH": 5e4}, {"USD": 0.5, "GOV": 0.5}, deny_tokens=denied))
    assert not denied & found.dual_prices.keys()
    assert verify(found, market(), "").holds
    assert verify(found, market(), "").bounds.left_out > 0


def test_a_barred_token_that_is_held_keeps_the_certificate_checkable() -> None:
    found = plan(
        market(),
        markets.portfolio(
            {"USD": 5e4, "BTC": 2e4},
            {"ETH": 5 / 7, "BTC": 2 / 7},
            deny_tokens=frozenset({markets.token("BTC")}),
        ),
    )
    assert verify(found, market(), "").holds


def test_a_mispriced_pool_does_not_raise_the_bound() -> None:
    phantom = markets.v2(20, "USD", "EUR", 1e6, skew=3.0)
    snapshot = markets.snapshot([*market().pools, phantom])
    with_it = plan(snapshot, markets.portfolio(HELD, WANTED))
    assert with_it.upper_bound == pytest.approx(made().upper_bound, rel=1e-4)
    assert verify(with_it, snapshot, "").holds


def test_prices_of_the_user_are_in_the_plan_that_they_judge() -> None:
    own = {markets.token("BTC"): "60100"}
    found = plan(
        market(), markets.portfolio({"ETH": 5e4}, {"USD": 0.5, "GOV": 0.5}, prices=own, tolerance_bps=1)
    )
    assert found.prices[markets.token("BTC")] == "60100"
    assert verify(found, market(), "").holds


def test_arbitrage_with_nothing_held_is_at_least_what_a_cycle_earns_and_nothing_in_a_fair_market() -> None:
    usd, eth = markets.token("USD"), markets.token("ETH")
    dear, cheap = markets.v2(0, "ETH", "USD", 1e6, skew=0.992), markets.v2(1, "ETH", "USD", 1e6)
    holding = markets.portfolio({"USD": 1e4}, {"ETH": 1.0})
    bought = cheap.swap(usd, eth, 10**9)[0]
    earned = (dear.swap(eth, usd, bought)[0] - 10**9) / 10**6
    after = {eth: bought}
    skewed = certify(Valuation(markets.snapshot([dear, cheap]), holding), after, {})
    fair = certify(Valuation(markets.snapshot([cheap]), holding), after, {})
    assert skewed is not None
    assert fair is not None
    assert 0 < earned <= skewed.arbitrage < 100
    assert fair.arbitrage < 1e-9


def spoiled() -> Mapping[str, tuple[Plan, str]]:
    good = made()
    assert good.upper_bound is not None
    first = good.swaps[0]
    token = markets.token("USD")
    lower = {each: price * 0.99 if each == token else price for each, price in good.dual_prices.items()}
    more = {**good.holdings_after, token: good.holdings_after[token] + 1}
    return {
        "an amount": (
            replace(good, swaps=(replace(first, amount_out=first.amount_out + 1), *good.swaps[1:])),
            "replay",
        ),
        "a holding": (replace(good, holdings_after=more), "replay"),
        "a pull": (replace(good, pulls=dict.fromkeys(good.pulls, 1)), "replay"),
        "the block": (replace(good, block_number=good.block_number + 1), "snapshot"),
        "the bound lowered": (replace(good, upper_bound=good.upper_bound * (1 - 1e-6)), "upper bound"),
        "a dual price": (replace(good, dual_prices=lower), "upper bound"),
        "the gap": (replace(good, gap_bps=0.0), "gap"),
        "the value": (replace(good, value_after=good.value_after * (1 + 1e-6)), "value after"),
        "the value before": (replace(good, value_before=good.value_before * 1.1), "value before"),
        "the targets": (
            replace(good, targets_wad={**good.targets_wad, token: WAD // 4, markets.token("EUR"): WAD // 4}),
            "weights",
        ),
    }


@pytest.mark.parametrize("what", sorted(spoiled()))
def test_a_plan_that_was_touched_fails_by_name(what: str) -> None:
    touched, name = spoiled()[what]
    checked = verify(touched, market(), "ab" * 32)
    assert not checked.holds
    assert name in {finding.name for finding in checked.findings if not finding.ok}


def test_another_snapshot_fails() -> None:
    checked = verify(made(), market(), "cd" * 32)
    assert [finding.name for finding in checked.findings if not finding.ok] == ["snapshot"]


def test_a_pool_that_moved_fails_the_replay() -> None:
    pools = list(market().pools)
    moved = markets.snapshot(
        [pools[0].swap(markets.token("USD"), markets.token("ETH"), 10**10)[1], *pools[1:]]
    )
    checked = verify(made(), moved, "ab" * 32)
    assert "replay" in {finding.name for finding in checked.findings if not finding.ok}


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf"), 1e308])
def test_prices_that_prove_nothing_are_refused(price: float) -> None:
    good = made()
    spoilt = dict.fromkeys(good.dual_prices, price)
    with pytest.raises(InputError, match="dual_prices"):
        verify(replace(good, dual_prices=spoilt), market(), "ab" * 32)


def test_a_plan_without_a_certificate_is_refused() -> None:
    held = plan(market(), markets.portfolio({"USD": 1e4}, {"USD": 1.0}))
    with pytest.raises(InputError, match="no certificate"):
        verify(held, market(), "")
