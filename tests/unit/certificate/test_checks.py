"""Certificates that hold, and that fail by name when anything in the plan is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.certificate import Verification, verify
from router.certificate.bounds import Fees
from router.errors import InputError
from router.fixed_point import BPS, WAD
from router.plan import Certificate, GapParts, Plan
from router.snapshot import Snapshot
from tests import markets
from tests.certificates import HASH, Leg, at_own_weights, certified, excluding, traded, with_gas

USD, ETH, BTC, EUR, GOV = (markets.token(symbol) for symbol in markets.SYMBOLS)
HELD = {USD: 40_000 * 10**6, BTC: 10**7}
PER_GAS = 2e-5
"""Numeraire units: 10 gwei at 2000 a native token."""
POOLS = (
    markets.v2(0, "USD", "ETH", 2e6),
    markets.v3(1, "USD", "ETH", 5e6, fee_pips=500),
    markets.v2(2, "ETH", "BTC", 1e6, skew=1.003),
    markets.weighted(3, {"USD": 50, "EUR": 30, "BTC": 20}, 3e6),
    markets.v2(4, "GOV", "USD", 1e5),
    markets.v2(5, "GOV", "ETH", 1e5),
)
LEGS: list[Leg] = [
    (POOLS[1], USD, ETH, 12_000 * 10**6),
    (POOLS[3], USD, EUR, 8_000 * 10**6),
    (POOLS[4], USD, GOV, 400 * 10**6),
    (POOLS[5], GOV, ETH, POOLS[4].quote_exact_in(USD, GOV, 400 * 10**6)),
]


def market() -> Snapshot:
    return markets.snapshot(POOLS)


_GOOD: dict[bool, Plan] = {}


def made(*, gas: bool = True) -> Plan:
    """A plan whose certificate holds; made once."""
    if gas not in _GOOD:
        plan, fees = with_gas(traded(market(), HELD, LEGS), market(), PER_GAS if gas else 0.0)
        _GOOD[gas] = certified(plan, market(), fees if gas else None)
    return _GOOD[gas]


def proof(plan: Plan) -> Certificate:
    assert plan.certificate is not None
    return plan.certificate


def told(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, certificate=replace(proof(plan), **changes))


def checked(plan: Plan) -> Verification:
    return verify(plan, market(), HASH)


def failed(plan: Plan) -> set[str]:
    return {finding.name for finding in checked(plan).findings if not finding.ok}


@pytest.mark.parametrize("gas", [True, False])
def test_a_certificate_that_nobody_touched_holds(gas: bool) -> None:
    plan = made(gas=gas)
    found = checked(plan)
    assert failed(plan) == set()
    assert found.holds
    assert found.net_value == found.value - plan.cost.gas
    assert found.value <= found.upper_bound
    assert found.net_value <= found.net_bound <= found.upper_bound
    assert found.gap_bps == pytest.approx((found.net_bound / found.net_value - 1) * BPS)
    assert found.pools == len(POOLS)
    assert found.left_out == found.excluded == 0
    assert (found.net_bound == found.upper_bound) is not gas


def scaled(prices: Mapping[str, float], token: str, factor: float) -> dict[str, float]:
    return {each: price * factor if each == token else price for each, price in prices.items()}


def first_swap(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, swaps=(replace(plan.swaps[0], **changes), *plan.swaps[1:]))


def without(prices: Mapping[str, float], token: str) -> dict[str, float]:
    return {each: price for each, price in prices.items() if each != token}


TOUCHED: dict[str, tuple[Callable[[Plan], Plan], set[str]]] = {
    "the block": (lambda plan: replace(plan, block_number=plan.block_number + 1), {"snapshot"}),
    "the chain": (lambda plan: replace(plan, chain_id=10), {"snapshot"}),
    "the hash": (lambda plan: replace(plan, snapshot_hash="cd" * 32), {"snapshot"}),
    "an amount": (lambda plan: first_swap(plan, amount_out=plan.swaps[0].amount_out + 1), {"replay"}),
    "a token of a swap": (lambda plan: first_swap(plan, token_out=BTC), {"replay"}),
    "a holding": (
        lambda plan: replace(plan, holdings_after={**plan.holdings_after, BTC: HELD[BTC] + 1}),
        {"replay", "value after", "gap", "gap parts"},
    ),
    "a pull": (lambda plan: replace(plan, pulls=dict.fromkeys(plan.pulls, 1)), {"replay"}),
    "the value before": (
        lambda plan: replace(plan, value_before=plan.value_before * 1.000001),
        {"value before"},
    ),
    "the value": (lambda plan: replace(plan, value_after=plan.value_after * 1.000001), {"value after"}),
    "the bound": (lambda plan: told(plan, upper_bound=proof(plan).upper_bound * 0.999999), {"upper bound"}),
    "a dual price": (
        lambda plan: told(plan, dual_prices=scaled(proof(plan).dual_prices, USD, 0.99)),
        {"upper bound"},
    ),
    "the net bound": (lambda plan: told(plan, net_bound=proof(plan).net_bound * 0.999999), {"net bound"}),
    "a net dual price": (
        lambda plan: told(plan, net_dual_prices=scaled(proof(plan).net_dual_prices, USD, 0.99)),
        {"net bound", "gap", "gap parts"},
    ),
    "the gap": (lambda plan: told(plan, gap_bps=proof(plan).gap_bps + 0.001), {"gap"}),
    "a part of the gap": (
        lambda plan: told(plan, parts=replace(proof(plan).parts, gas=proof(plan).parts.gas - 0.001)),
        {"gap parts"},
    ),
    "a part that is no number": (
        lambda plan: told(plan, parts=GapParts(float("nan"), 0.0, 0.0)),
        {"gap parts"},
    ),
    "the arbitrage": (lambda plan: told(plan, arbitrage=proof(plan).arbitrage + 0.001), {"arbitrage"}),
    "a price of the arbitrage": (
        lambda plan: told(plan, arbitrage_prices=scaled(proof(plan).arbitrage_prices, USD, 0.99)),
        {"arbitrage"},
    ),
    "the cost of gas": (
        lambda plan: replace(plan, cost=replace(plan.cost, gas=plan.cost.gas * 0.9)),
        {"gap", "gap parts"},
    ),
    "a cost of gas that is too low": (
        lambda plan: replace(plan, cost=replace(plan.cost, gas=plan.cost.gas * 0.5)),
        {"gas", "gap", "gap parts"},
    ),
    "the base gas": (
        lambda plan: told(plan, base_gas=proof(plan).base_gas + 0.01),
        {"net bound", "gap", "gap parts"},
    ),
    "a landing nobody knows": (lambda plan: replace(plan, landing="somewhere"), {"bands"}),
    "a wide band": (
        lambda plan: replace(plan, tolerance_bps=0, landing="band"),
        {"bands"},
    ),
    "the targets": (
        lambda plan: replace(
            plan,
            targets_wad={
                **plan.targets_wad,
                ETH: plan.targets_wad[ETH] + WAD // 1000,
                EUR: plan.targets_wad[EUR] - WAD // 1000,
            },
        ),
        {"bands"},
    ),
    "prices of other pools": (
        lambda plan: told(plan, arbitrage_prices=without(proof(plan).arbitrage_prices, GOV)),
        {"pools"},
    ),
}


@pytest.mark.parametrize("what", TOUCHED)
def test_what_was_touched_fails_by_name(what: str) -> None:
    touch, names = TOUCHED[what]
    assert failed(touch(made())) == names


@pytest.mark.parametrize("what", ["the bound", "a dual price", "the net bound", "the gap"])
def test_what_was_touched_fails_where_gas_is_free_too(what: str) -> None:
    touch, names = TOUCHED[what]
    assert names <= failed(touch(made(gas=False)))


def test_a_pool_that_moved_fails_the_replay() -> None:
    moved = markets.snapshot([*POOLS[:1], POOLS[1].swap(USD, ETH, 10**10)[1], *POOLS[2:]])
    found = verify(made(), moved, HASH)
    assert "replay" in {finding.name for finding in found.findings if not finding.ok}


def again(plan: Plan, fees: Fees | None = None) -> Plan:
    """With a certificate for what the plan says, however odd."""
    return certified(plan, market(), fees)


def test_a_swap_in_a_direction_left_out_fails() -> None:
    used = again(excluding(made(gas=False), (POOLS[5], GOV, ETH)))
    assert "exclusions" in failed(used)
    unused = again(excluding(made(gas=False), (POOLS[5], ETH, GOV), (POOLS[0], ETH, USD)))
    assert failed(unused) == set()
    assert checked(unused).excluded == 2
    listed = next(finding.found for finding in checked(unused).findings if finding.name == "exclusions")
    assert "2 mispriced" in listed


def test_a_pool_of_the_plan_that_the_bounds_do_not_cover_fails() -> None:
    plan = made()
    gone = {
        name: without(getattr(proof(plan), name), GOV)
        for name in ("dual_prices", "net_dual_prices", "arbitrage_prices")
    }
    assert "pools" in failed(told(plan, **gone))


def test_final_weights_outside_of_the_bands_fail() -> None:
    plan = made(gas=False)
    moved = {**plan.bands, ETH: (WAD // 2, WAD), USD: (0, WAD)}
    assert "weights" in failed(again(replace(plan, landing="nearest", bands=moved)))
    assert "weights" not in failed(again(replace(plan, landing="nearest")))


def test_bands_within_the_tolerance_hold_only_where_the_landing_is_a_band() -> None:
    plan, room = made(gas=False), 40 * WAD // BPS
    wide = {
        token: (max(0, target - room), min(WAD, target + room)) for token, target in plan.targets_wad.items()
    }
    assert failed(again(replace(plan, landing="band", bands=wide))) == set()
    assert failed(again(replace(plan, landing="nearest", bands=wide))) == set()
    assert failed(again(replace(plan, landing="target", bands=wide))) == {"bands"}
    assert failed(again(replace(plan, landing="band", bands=wide, tolerance_bps=30))) == {"bands"}


def test_a_token_that_is_not_traded_may_stay_beside_its_target_and_the_rest_shares_what_is_left() -> None:
    plan = made(gas=False)
    shift = 20 * WAD // BPS
    targets = dict(plan.targets_wad)
    others = WAD - targets[BTC]
    scaled_down = {
        token: weight * (others - shift) // others for token, weight in targets.items() if token != BTC
    }
    scaled_down[USD] += WAD - targets[BTC] - shift - sum(scaled_down.values())
    drifted = replace(plan, targets_wad={**scaled_down, BTC: targets[BTC] + shift})
    assert failed(drifted) == set()
    assert failed(replace(drifted, tolerance_bps=10)) == {"bands"}


def test_gas_that_unlike_pools_would_cost_fails() -> None:
    plan, fees = with_gas(traded(market(), HELD, LEGS), market(), PER_GAS)
    dear = Fees(fees.base, {**fees.pool, POOLS[0].address: fees.pool[POOLS[0].address] * 20})
    assert failed(again(plan, dear)) == {"gas"}
    negative = Fees(fees.base, {**fees.pool, POOLS[0].address: -1.0})
    assert failed(again(plan, negative)) == {"gas"}


def test_a_pool_s_own_cost_in_the_snapshot_may_be_higher() -> None:
    place = POOLS[0].address
    costly = markets.snapshot(POOLS, pool_gas_cost_wei={place: 10**16})
    plan, fees = with_gas(traded(costly, HELD, LEGS), costly, PER_GAS)
    plan = certified(plan, costly, Fees(fees.base, {**fees.pool, place: 20.0}))
    assert verify(plan, costly, HASH).holds


def test_net_prices_of_their_own_need_gas_that_costs() -> None:
    plan = made(gas=False)
    other = scaled(proof(plan).net_dual_prices, GOV, 1.001)
    assert "gas" in failed(told(plan, net_dual_prices=other))


def test_reserved_amounts_stay_beside_value_and_weights() -> None:
    reserved = {USD: 3_000 * 10**6, EUR: 10_000}
    plan = at_own_weights(replace(made(gas=False), reserved=reserved), market())
    found = checked(again(plan))
    assert found.holds, found.findings
    assert found.value == pytest.approx(made(gas=False).value_after - 3_000 - 108)


def test_what_the_numbers_mean_does_not_depend_on_the_prices_scale() -> None:
    plan = made()
    dual = {token: price * 1e6 for token, price in proof(plan).dual_prices.items()}
    assert failed(told(plan, dual_prices=dual)) == set()


@settings(max_examples=25, deadline=None)
@given(factors=st.lists(st.floats(0.7, 1.4), min_size=5, max_size=5))
def test_any_prices_give_a_bound_above_the_plan(factors: list[float]) -> None:
    plan = made()
    prices = proof(plan).dual_prices
    other = {token: prices[token] * factor for token, factor in zip(sorted(prices), factors, strict=True)}
    found = checked(told(plan, dual_prices=other, net_dual_prices=other))
    assert found.value <= found.upper_bound
    assert found.net_value <= found.net_bound
    assert not failed(told(plan, dual_prices=other)) - {"upper bound"}


@pytest.mark.parametrize("name", ["dual_prices", "net_dual_prices", "arbitrage_prices"])
@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf"), 1e-320])
def test_prices_that_prove_nothing_are_refused(name: str, price: float) -> None:
    spoilt = dict.fromkeys(getattr(proof(made()), name), price)
    with pytest.raises(InputError, match="is no price"):
        checked(told(made(), **{name: spoilt}))


@pytest.mark.parametrize("name", ["dual_prices", "net_dual_prices", "arbitrage_prices"])
def test_a_held_or_wanted_token_without_a_price_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="lack"):
        checked(told(made(), **{name: without(getattr(proof(made()), name), EUR)}))


def test_a_plan_without_a_certificate_is_refused() -> None:
    with pytest.raises(InputError, match="no certificate"):
        checked(replace(made(), certificate=None))


def test_gas_that_takes_all_is_refused() -> None:
    with pytest.raises(InputError, match="gas"):
        checked(replace(made(), cost=replace(made().cost, gas=1e9)))
