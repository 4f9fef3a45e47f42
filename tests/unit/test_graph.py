"""Which pools the swap graph keeps."""

from __future__ import annotations

from typing import Any

import pytest

from router.graph import MAX_HUBS, MAX_PARALLEL, SwapGraph, between, build
from router.pools.base import Pool
from router.tokens import Address
from tests import markets
from tests.markets import token, v2

PRICES = {
    each.address: float(text) / 10**each.decimals
    for each, text in zip(markets.TOKENS, markets.PRICES, strict=True)
}


def graph(pools: list[Pool], **changes: Any) -> SwapGraph:
    fields: dict[str, Any] = {
        "traded_value": 1e4,
        "ends": {token("USD"), token("BTC")},
        "symbols": {each.address: each.symbol for each in markets.TOKENS},
    }
    return build(pools, changes.pop("prices", PRICES), **{**fields, **changes})


def pools_of(swaps: SwapGraph) -> set[Address]:
    return {hop.pool.address for hop in swaps.hops()}


def test_build_has_both_directions_of_a_pool() -> None:
    swaps = graph([v2(0, "USD", "ETH", 1e6)])
    assert {(hop.token_in, hop.token_out) for hop in swaps.hops()} == {
        (token("USD"), token("ETH")),
        (token("ETH"), token("USD")),
    }
    assert all(hop.rate == pytest.approx(0.997) for hop in swaps.hops())
    assert all(hop.depth == pytest.approx(1e6, rel=0.02) for hop in swaps.hops())


@pytest.mark.parametrize(
    "changes",
    [
        {"deny": {token("ETH")}},
        {"allow": {token("USD"), token("BTC")}},
        {"taxed": {token("ETH")}},
        {"prices": {key: value for key, value in PRICES.items() if key != token("ETH")}},
    ],
)
def test_build_leaves_out_pools_of_refused_tokens(changes: dict[str, Any]) -> None:
    assert pools_of(graph([v2(0, "USD", "ETH", 1e6), v2(1, "USD", "BTC", 1e6)], **changes)) == {
        markets.address(1)
    }


def test_build_leaves_out_dust_beside_the_trade() -> None:
    assert pools_of(graph([v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 5)])) == {markets.address(0)}


def test_build_refuses_the_side_of_a_pool_that_pays_too_much_and_notes_it() -> None:
    swaps = graph([v2(0, "USD", "ETH", 1e6, skew=0.9)])
    assert [(hop.token_in, hop.token_out) for hop in swaps.hops()] == [(token("ETH"), token("USD"))]
    assert swaps.notes == (
        "pools that pay over 1% more than the reference prices were refused as mispriced: USD/ETH",
    )


def test_between_keeps_paths_within_the_hop_limit() -> None:
    swaps = graph([v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "GOV", 1e6), v2(2, "GOV", "BTC", 1e6)])
    sources, sinks = {token("USD")}, {token("BTC")}
    assert len(pools_of(between(swaps, sources, sinks, 3))) == 3
    assert not pools_of(between(swaps, sources, sinks, 2))


def test_between_drops_dead_ends_and_edges_out_of_the_way() -> None:
    swaps = graph([v2(0, "USD", "BTC", 1e6), v2(1, "USD", "GOV", 1e6), v2(2, "EUR", "GOV", 1e6)])
    assert pools_of(between(swaps, {token("USD")}, {token("BTC")})) == {markets.address(0)}


def test_between_keeps_the_deepest_parallel_pools() -> None:
    pools = [v2(k, "USD", "BTC", 1e6 * (k + 1)) for k in range(MAX_PARALLEL + 2)]
    kept = pools_of(between(graph(pools), {token("USD")}, {token("BTC")}))
    assert kept == {pool.address for pool in pools[2:]}


def test_between_keeps_the_deepest_hubs() -> None:
    hubs = [f"0x{0xC0000 + k:040x}" for k in range(MAX_HUBS + 3)]
    pools: list[Pool] = []
    for k, hub in enumerate(hubs):
        for side, symbol in enumerate(("USD", "BTC")):
            reserve = markets.raw(symbol, 1e5 * (k + 1))
            pair = (token(symbol), hub)
            pools.append(
                markets.UniswapV2Pool(markets.address(2 * k + side), pair, (reserve, 10**23 * (k + 1)), 3000)
            )
    swaps = build(
        pools,
        {**PRICES, **dict.fromkeys(hubs, 1e-18)},
        traded_value=1e4,
        ends={token("USD"), token("BTC")},
    )
    kept = between(swaps, {token("USD")}, {token("BTC")})
    assert {each for each in hubs if each in kept.graph} == set(hubs[3:])
