"""Which markets are refused: reference prices beside the pools', and what a plan leaves of its pools."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.documents import load_snapshot, save_snapshot
from router.errors import (
    BrokenMarket,
    DepthExceeded,
    PoolAwayFromOracle,
    PriceJumped,
    SourcesDisagree,
    TooFewSources,
)
from router.market_guards import check_market, check_trade, pool_prices
from router.planner import plan
from router.planner.valuation import Valuation
from router.portfolio import Guards
from router.rebalancer import make_plan
from router.snapshot import Snapshot
from router.strategy.feeds import OVERRULED, PriceReading
from tests.markets import PRICES, SYMBOLS, portfolio, snapshot, token, v2, v3, weighted
from tests.targets import SLOW

DEEP = [v2(0, "USD", "ETH", 5e7), v2(1, "USD", "BTC", 5e7)]
OWNER = portfolio({"USD": 1e5}, {"ETH": 0.5, "BTC": 0.5})


def dear(symbol: str, factor: float) -> dict[str, str]:
    """Reference prices, one of them off."""
    prices = {token(each): price for each, price in zip(SYMBOLS, PRICES, strict=True)}
    return prices | {token(symbol): f"{float(prices[token(symbol)]) * factor:.12f}"}


def said(market: Snapshot, symbol: str) -> float | None:
    """What the pools say of a token."""
    return pool_prices(Valuation(market, OWNER), [token(symbol)]).get(token(symbol))


@pytest.mark.parametrize(
    "pool",
    [
        v2(0, "USD", "ETH", 1e6),
        v2(0, "BTC", "ETH", 1e6, fee_pips=10_000),
        v3(0, "ETH", "EUR", 1e6),
        weighted(0, {"GOV": 20, "ETH": 50, "USD": 30}, 1e6),
    ],
)
def test_pool_price_is_the_mid_price_without_the_fee(pool: object) -> None:
    market = snapshot([pool])  # type: ignore[list-item]
    assert said(market, "ETH") == pytest.approx(2000, rel=2e-3)


def test_pool_price_is_none_where_no_pool_trades_it_for_a_priced_token() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "GOV", "BTC", 1e6)])
    assert said(market, "EUR") is None
    prices = {each: price for each, price in market.prices.items() if each != token("GOV")}
    assert said(snapshot(market.pools, prices=prices), "BTC") is None


@settings(SLOW)
@given(st.lists(st.floats(0.2, 5.0), min_size=1, max_size=8))
def test_dust_says_nothing_beside_a_deep_pool(skews: list[float]) -> None:
    dust = [v2(place, "USD", "ETH", 1e4, skew=skew) for place, skew in enumerate(skews, 1)]
    market = snapshot([*dust, v2(0, "USD", "ETH", 1e6)])
    assert said(market, "ETH") == pytest.approx(2000, rel=1e-6)


def test_prices_that_agree_pass_and_so_does_the_numeraire_alone() -> None:
    assert check_market(snapshot(DEEP), OWNER) == ()
    assert check_market(snapshot(DEEP), portfolio({"USD": 1e5}, {"USD": 1.0})) == ()


@pytest.mark.parametrize(("factor", "refused"), [(1.02, False), (0.98, False), (1.04, True), (0.9, True)])
def test_a_reference_price_away_from_the_pools_is_refused_by_name(factor: float, refused: bool) -> None:
    market = snapshot(DEEP, prices=dear("ETH", factor))
    if not refused:
        assert check_market(market, OWNER) == ()
        return
    with pytest.raises(SourcesDisagree, match=r"ETH.*2000 by the pools.* by the snapshot") as caught:
        check_market(market, OWNER)
    assert caught.value.token == "ETH"
    assert caught.value.limit == OWNER.guards.max_source_deviation_bps
    assert caught.value.found == pytest.approx(abs(factor - 1) / ((factor + 1) / 2) * 1e4, rel=1e-3)


def test_an_owners_price_is_held_to_the_pools_too() -> None:
    own = replace(OWNER, prices={token("ETH"): "2500"})
    with pytest.raises(SourcesDisagree, match="2500 by the owner"):
        check_market(snapshot(DEEP), own)


def test_a_token_that_is_neither_held_nor_wanted_is_not_looked_at() -> None:
    market = snapshot([*DEEP, v2(2, "USD", "GOV", 1e6)], prices=dear("GOV", 3))
    assert check_market(market, OWNER) == ()


def test_least_sources_of_two_refuses_what_no_pool_speaks_of() -> None:
    owner = portfolio({"USD": 1e5, "GOV": 10}, {"ETH": 0.5, "BTC": 0.5})
    assert check_market(snapshot(DEEP), owner) == ()
    strict = replace(owner, guards=Guards(min_sources=2))
    with pytest.raises(TooFewSources, match="GOV needs 2 usable sources of its price and has 1"):
        check_market(snapshot(DEEP), strict)


def test_every_fault_is_told_and_all_are_overruled() -> None:
    market = snapshot(DEEP, prices=dear("ETH", 1.2) | {token("BTC"): "30000"})
    with pytest.raises(SourcesDisagree) as caught:
        check_market(market, OWNER)
    assert [fault.token for fault in (caught.value, *caught.value.also)] == ["ETH", "BTC"]
    overruled = check_market(market, OWNER, trade_broken_market=True)
    assert [fault.token for fault in overruled] == ["ETH", "BTC"]


def test_a_snapshot_that_was_read_from_a_broken_market_stays_one(tmp_path: Path) -> None:
    save_snapshot(snapshot(DEEP, overruled=("SequencerDown: it is",)), tmp_path / "market.json")
    market = load_snapshot(tmp_path / "market.json")
    with pytest.raises(BrokenMarket, match="when the snapshot was read: SequencerDown: it is"):
        check_market(market, OWNER)
    (fault,) = check_market(market, OWNER, trade_broken_market=True)
    assert "SequencerDown" in fault.message


def test_symbols_that_two_tokens_have_are_told_by_address() -> None:
    market = snapshot(DEEP, prices=dear("ETH", 1.2))
    twins = {**market.tokens, token("BTC"): replace(market.tokens[token("BTC")], symbol="ETH")}
    with pytest.raises(SourcesDisagree, match=token("ETH")):
        check_market(replace(market, tokens=twins), OWNER)


def test_a_plan_is_held_to_depth_and_to_the_price_it_leaves() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6), v2(1, "USD", "BTC", 5e7)])
    owner = portfolio({"USD": 1e5}, {"USD": 0.5, "ETH": 0.5}, max_cost_bps=10_000)
    made = plan(market, owner)
    found = check_trade(made, market, Guards(), trade_broken_market=True)
    assert [type(fault) for fault in found] == [DepthExceeded, PoolAwayFromOracle]
    with pytest.raises(DepthExceeded, match="more than 20000"):
        check_trade(made, market, Guards())
    with pytest.raises(PoolAwayFromOracle, match="more than 300 either way"):
        check_trade(made, market, Guards(max_pool_share_bps=10**6, max_price_deviation_bps=300))
    assert check_trade(made, market, Guards(max_pool_share_bps=10**6, max_price_deviation_bps=2000)) == ()


def test_a_plan_that_holds_takes_nothing_of_any_pool() -> None:
    market = snapshot(DEEP)
    held = plan(market, portfolio({"ETH": 5e4, "BTC": 5e4}, {"ETH": 0.5, "BTC": 0.5}))
    assert not held.swaps
    assert check_trade(held, market, Guards(1, 1, 1)) == ()


def test_make_plan_refuses_before_it_plans_and_notes_what_was_overruled() -> None:
    market = snapshot(DEEP, prices=dear("ETH", 0.95))
    loose = replace(OWNER, max_cost_bps=10_000, guards=Guards(max_price_deviation_bps=10_000))
    with pytest.raises(SourcesDisagree):
        make_plan(market, loose)
    made = make_plan(market, loose, trade_broken_market=True)
    told = [note for note in made.notes if note.startswith(OVERRULED)]
    assert len(told) == 1
    assert "SourcesDisagree: the price of ETH is" in told[0]
    calm = make_plan(snapshot(DEEP), OWNER)
    assert not [note for note in calm.notes if note.startswith(OVERRULED)]


def test_a_price_that_jumped_since_an_earlier_look_is_refused_unless_overruled() -> None:
    market = snapshot(DEEP)
    then = datetime.fromtimestamp(market.timestamp, UTC) - timedelta(hours=3)

    def last(price: float) -> dict[str, PriceReading]:
        unheld = {token("GOV"): PriceReading("the journal", token("GOV"), 1e9, then)}
        return {token("ETH"): PriceReading("the journal", token("ETH"), price, then), **unheld}

    assert check_market(market, OWNER, last_accepted=last(1600.0)) == ()
    with pytest.raises(PriceJumped, match="the price of ETH is 2000"):
        check_market(market, OWNER, last_accepted=last(1500.0))
    (fault,) = check_market(market, OWNER, last_accepted=last(1500.0), trade_broken_market=True)
    assert isinstance(fault, PriceJumped)
    narrow = replace(OWNER, guards=Guards(max_jump_bps=100))
    with pytest.raises(PriceJumped):
        make_plan(market, narrow, last_accepted=last(1970.0))
    told = make_plan(market, narrow, last_accepted=last(1970.0), trade_broken_market=True)
    assert any(note.startswith(f"{OVERRULED}PriceJumped") for note in told.notes)


def test_a_jump_is_of_the_reference_price_and_not_of_what_the_pools_say() -> None:
    market = snapshot(DEEP, prices=dear("ETH", 1.02))
    then = datetime.fromtimestamp(market.timestamp, UTC) - timedelta(hours=3)
    narrow = replace(OWNER, guards=Guards(max_jump_bps=50))

    def last(price: float) -> dict[str, PriceReading]:
        return {token("ETH"): PriceReading("the journal", token("ETH"), price, then)}

    assert check_market(market, narrow, last_accepted=last(2040.0)) == ()
    with pytest.raises(PriceJumped, match="the price of ETH is 2040, and 2020 was last accepted"):
        check_market(market, narrow, last_accepted=last(2020.0))


def test_what_was_seen_when_it_was_read_is_told_beside_what_the_prices_say() -> None:
    market = snapshot(DEEP, prices=dear("ETH", 1.2), overruled=("SequencerDown: it is",))
    with pytest.raises(BrokenMarket, match="SequencerDown") as caught:
        check_market(market, OWNER)
    assert [type(fault) for fault in caught.value.also] == [SourcesDisagree]
