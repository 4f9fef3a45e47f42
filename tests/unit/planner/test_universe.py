"""Which pools a plan may use: price sources, phantoms, arbitrage, and what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import networkx as nx
import pytest

from router.plan import Exclusion, Plan
from router.planner import plan
from router.planner.exclusions import MISPRICED_CAP, PHANTOM
from router.planner.gas import gas_price_of
from router.planner.universe import Universe, universe_of
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Portfolio, TokenRule
from router.snapshot import Snapshot
from tests.markets import SYMBOLS, portfolio, snapshot, token, v2, v3, weighted

SOME = (
    v2(0, "USD", "ETH", 1e6),
    v3(1, "USD", "ETH", 1e6),
    v2(2, "USD", "BTC", 1e6),
    v3(3, "ETH", "BTC", 1e6),
    v2(4, "EUR", "USD", 1e6),
    v2(5, "EUR", "ETH", 1e6),
    weighted(6, {"USD": 40, "ETH": 30, "BTC": 30}, 1e6),
)
USD_TO_ETH = portfolio({"USD": 1e4}, {"ETH": 1.0})


def universe(pools: Sequence[Pool], owner: Portfolio = USD_TO_ETH, **changes: Any) -> Universe:
    return opened(snapshot(pools, **changes), owner)


def opened(market: Snapshot, owner: Portfolio) -> Universe:
    valuation = Valuation(market, owner)
    return universe_of(valuation, gas_price_of(valuation))


def is_circular(made: Plan) -> bool:
    hops = [(swap.token_in, swap.token_out) for swap in made.swaps]
    return not nx.is_directed_acyclic_graph(nx.DiGraph(hops))


def pools_of(made: Plan) -> set[str]:
    return {swap.pool for swap in made.swaps}


def test_a_token_passed_through_needs_two_sources_that_agree() -> None:
    agreeing = [SOME[0], v2(7, "USD", "GOV", 1e6), v2(8, "GOV", "ETH", 1e6)]
    off = [*agreeing[:2], v2(8, "GOV", "ETH", 1e6, skew=1.1)]
    shallow = [*agreeing[:2], v2(8, "GOV", "ETH", 1e1)]
    assert token("GOV") in universe(agreeing).component
    for pools in (off, shallow, [*agreeing[:2], v2(8, "USD", "EUR", 1e6)]):
        found = universe(pools)
        assert token("GOV") not in found.component
        assert pools_of(plan(snapshot(pools), USD_TO_ETH)) == {SOME[0].address}
    assert any("fewer than 2 price sources" in note for note in universe(off).notes)


def test_one_source_is_not_confirmed_by_a_token_that_has_none() -> None:
    """GOV and EUR vouch for each other only."""
    pools = [SOME[0], v2(7, "USD", "GOV", 1e6), v2(8, "GOV", "EUR", 1e6)]
    assert universe(pools).component.keys() == {token("USD"), token("ETH")}


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": {token("GOV"): "0.35"}},
        {"allow_tokens": frozenset({token("USD"), token("ETH"), token("GOV")})},
    ],
    ids=["price", "list"],
)
def test_the_owners_own_word_vouches_for_a_token(changes: dict[str, Any]) -> None:
    pools = [SOME[0], v2(7, "USD", "GOV", 1e6), v2(8, "GOV", "ETH", 1e6, skew=1.1)]
    assert token("GOV") in universe(pools, replace(USD_TO_ETH, **changes)).component


def test_a_token_held_or_wanted_needs_no_second_source() -> None:
    pools = [SOME[0], v2(7, "USD", "GOV", 1e6)]
    owner = portfolio({"USD": 1e4}, {"GOV": 1.0})
    assert token("GOV") not in universe(pools).component
    assert token("GOV") in universe(pools, owner).component
    assert pools_of(plan(snapshot(pools), owner)) == {pools[1].address}


def test_a_mispriced_direction_is_left_out_and_listed_and_the_other_is_not() -> None:
    off = v2(9, "USD", "ETH", 1e6, skew=1 / (1 + 2 * MISPRICED_CAP))
    found = universe([*SOME, off])
    assert found.excluded == (Exclusion(off.address, token("USD"), token("ETH"), "mispriced"),)
    book = found.market.book
    kept = [
        book.tokens[book.sold[k]]
        for k in found.market.ladders
        if found.market.book.pools[book.ladder_pool[k]] is off
    ]
    assert kept == [token("ETH")]
    made = plan(snapshot([*SOME, off]), USD_TO_ETH)
    assert made.excluded[: len(found.excluded)] == found.excluded
    assert off.address not in pools_of(made)


def test_a_direction_that_pays_more_than_the_other_pools_is_left_out_as_a_phantom() -> None:
    better = v2(9, "USD", "ETH", 1e6, skew=1 / (1 + 0.9 * MISPRICED_CAP), fee_pips=0)
    found = universe([*SOME, better])
    assert Exclusion(better.address, token("USD"), token("ETH"), "phantom") in found.excluded
    assert better.address not in pools_of(plan(snapshot([*SOME, better]), USD_TO_ETH))


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("pay", ["one pool", "three pools"])
def test_a_phantom_circle_cannot_buy_its_way_into_a_plan(margin: float, pay: str) -> None:
    """A circle over tokens that the trade has nothing to do with, and over those that it has."""
    each = (1 + margin) ** (1.0 if pay == "one pool" else 1 / 3)
    skews = [each, 1.0, 1.0] if pay == "one pool" else [each] * 3
    for ring in (("BTC", "EUR", "GOV"), ("USD", "ETH", "GOV"), ("ETH", "USD", "GOV")):
        hops = zip(ring, (*ring[1:], ring[0]), skews, strict=True)
        circle = [
            v2(20 + k, one, two, 1e7, skew=1 / skew, fee_pips=0) for k, (one, two, skew) in enumerate(hops)
        ]
        market = snapshot([*SOME, *circle])
        found = opened(market, USD_TO_ETH)
        assert found.arbitrage < 0.01 * 1e4
        made = plan(market, USD_TO_ETH)
        assert not is_circular(made)
        closed = {(each.pool, each.token_in, each.token_out) for each in made.excluded}
        assert not closed & {(swap.pool, swap.token_in, swap.token_out) for swap in made.swaps}
        if "USD" not in ring and pay == "three pools" and margin > 0.03:
            assert not pools_of(made) & {pool.address for pool in circle}


def test_taxed_and_denied_tokens_are_never_passed_through() -> None:
    for market, owner in (
        (snapshot(SOME, transfer_tax_bps={token("BTC"): 1}), USD_TO_ETH),
        (snapshot(SOME), replace(USD_TO_ETH, deny_tokens=frozenset({token("BTC")}))),
    ):
        assert token("BTC") not in opened(market, owner).component
        barred = {pool.address for pool in SOME if token("BTC") in pool.tokens}
        assert not pools_of(plan(market, owner)) & barred
    assert token("BTC") in opened(snapshot(SOME, transfer_tax_bps={token("BTC"): 0}), USD_TO_ETH).component


def test_no_flows_go_in_a_circle_where_arbitrage_is_beyond_the_cap() -> None:
    edge = 1 + PHANTOM * 0.4
    pools = [
        v2(0, "USD", "ETH", 1e9),
        v2(1, "ETH", "BTC", 1e6, skew=edge, fee_pips=0),
        v2(2, "ETH", "BTC", 1e6, skew=1 / edge, fee_pips=0),
        v2(3, "USD", "BTC", 1e5, fee_pips=10_000),
    ]
    owner = portfolio({"USD": 1e4}, {"ETH": 1.0}, max_arbitrage_bps=1_000)
    below, beyond = (plan(snapshot(pools), replace(owner, max_arbitrage_bps=cap)) for cap in (1_000, 0.05))
    assert is_circular(below)
    assert not is_circular(beyond)
    assert pools_of(beyond) == {pools[0].address}
    assert below.value_after > beyond.value_after
    assert beyond.certificate is not None
    assert beyond.certificate.arbitrage == pytest.approx(opened(snapshot(pools), owner).arbitrage, rel=0.1)


def test_a_universe_is_remembered_whatever_is_held_and_wanted() -> None:
    market = snapshot(SOME)
    first = opened(market, USD_TO_ETH)
    assert opened(market, portfolio({"ETH": 2e4}, {"USD": 0.5, "BTC": 0.5})) is first
    assert opened(snapshot(SOME), USD_TO_ETH) is not first


@pytest.mark.parametrize(
    "changes",
    [
        {"deny_tokens": frozenset({token("EUR")})},
        {"allow_tokens": frozenset({token("USD"), token("ETH")})},
        {"prices": {token("ETH"): "2010"}},
        {"gas_price_wei": 10**9},
        {"max_depth_bps": 100},
        {"rules": {token("ETH"): TokenRule(max_impact_bps=10)}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_universe_is_not_another_policys(changes: dict[str, Any]) -> None:
    market = snapshot(SOME)
    assert opened(market, replace(USD_TO_ETH, **changes)) is not opened(market, USD_TO_ETH)


def portfolios(seed: int, count: int) -> list[Portfolio]:
    """Of all policies, more than a snapshot remembers."""
    rng = Random(seed)
    found = []
    for _ in range(count):
        held, bought = rng.sample(SYMBOLS[:4], 2)
        changes: dict[str, Any] = {"gas_price_wei": rng.choice((0, 10**8, 10**10))}
        match rng.randrange(6):
            case 0:
                changes["deny_tokens"] = frozenset(
                    {token(rng.choice(SYMBOLS))} - {token(held), token(bought)}
                )
            case 1:
                changes["allow_tokens"] = frozenset({token(held), token(bought), token("ETH")})
            case 2:
                changes["prices"] = {token("ETH"): rng.choice(("1990", "2005"))}
            case 3:
                changes["max_depth_bps"] = rng.choice((500, 5_000))
            case 4:
                changes["rules"] = {token(bought): TokenRule(max_impact_bps=rng.choice((30, 90)))}
        found.append(portfolio({held: 10 ** rng.uniform(2, 4.5)}, {bought: 0.6, held: 0.4}, **changes))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_after_other_plans_is_the_plan_on_a_fresh_snapshot(seed: int) -> None:
    market, owners = snapshot(SOME), portfolios(seed, 20)

    def answer(where: Snapshot, owner: Portfolio) -> Plan | str:
        try:
            return plan(where, owner)
        except Exception as error:  # the same error, whatever it is
            return repr(error)

    fresh = [answer(snapshot(SOME), owner) for owner in owners]
    order = [*range(len(owners)), *Random(seed).sample(range(len(owners)), len(owners))]
    assert [answer(market, owners[k]) for k in order] == [fresh[k] for k in order]
    assert sum(isinstance(each, Plan) for each in fresh) > len(owners) / 2


@pytest.mark.parametrize("wanted", [{"GOV": 1.0}, {"GOV": 0.5, "EUR": 0.5}, {"GOV": 0.3, "BTC": 0.7}])
def test_ends_that_nothing_passes_through_join_what_is_admitted_already(
    wanted: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = [
        v2(0, "USD", "ETH", 1e6),
        v2(1, "USD", "BTC", 1e6),
        v3(2, "ETH", "BTC", 5e5),
        v2(3, "GOV", "ETH", 3e5),
        weighted(4, {"EUR": 40, "USD": 60}, 4e5),
    ]
    owner = portfolio({"USD": 1e4}, wanted)
    quick = plan(snapshot(pools), owner)
    monkeypatch.setattr("router.planner.universe._extended", lambda *_: None)
    whole = plan(snapshot(pools), owner)
    assert pools_of(quick) == pools_of(whole)
    assert quick.value_after == pytest.approx(whole.value_after, rel=1e-9)
    assert quick.certificate is not None
    assert whole.certificate is not None
    assert quick.certificate.upper_bound == pytest.approx(whole.certificate.upper_bound, rel=1e-9)
    assert quick.certificate.dual_prices.keys() == whole.certificate.dual_prices.keys()
