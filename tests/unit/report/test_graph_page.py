"""The swap graph's page: every pool that is said to be shown, between its own tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from router.pools.base import Pool
from router.report import graph_page, swap_graph
from router.report.swap_graph import arc, draw, middle
from router.tokens import to_checksum
from tests.markets import address, snapshot, token, v2, v3, weighted
from tests.unit.report.page import Page

POOLS: tuple[Pool, ...] = (
    v2(0, "USD", "ETH", 1e6),
    v3(1, "USD", "ETH", 3e6, fee_pips=500),
    v2(2, "ETH", "BTC", 2e5),
    weighted(3, {"USD": 50, "ETH": 30, "BTC": 20}, 4e5),
    v2(4, "EUR", "GOV", 1e4),
)
DEPTHS = {address(0): 1000.0, address(1): 9000.0, address(2): 400.0, address(3): 500.0, address(4): None}
MARKET = snapshot(POOLS)


def traces(page: Page, mode: str) -> list[dict[str, Any]]:
    return [trace for trace in page.figures["graph"]["data"] if trace["mode"] == mode]


def test_every_pool_is_an_edge_of_its_kind_with_fee_and_depth() -> None:
    page = Page(graph_page(POOLS, DEPTHS, MARKET))
    texts = {trace["legendgroup"]: trace["customdata"] for trace in traces(page, "markers")}
    assert {kind: len(found) for kind, found in texts.items()} == {
        "uniswap_v2": 3,
        "uniswap_v3": 1,
        "balancer_v2_weighted": 3,
    }
    assert texts["uniswap_v3"] == [
        f"uniswap_v3 {to_checksum(address(1))}<br>USD/ETH<br>fee 0.05 %<br>depth 9,000.00 USD"
    ]
    assert any(text.endswith("depth unknown: no price") for text in texts["uniswap_v2"])
    colours = [trace["line"]["color"] for trace in traces(page, "lines")]
    assert len(set(colours)) == 3
    assert page.fetched == []


def test_every_token_is_a_node_as_large_as_its_pools_are_deep() -> None:
    page = Page(graph_page(POOLS, DEPTHS, MARKET))
    (nodes,) = traces(page, "markers+text")
    sizes = dict(zip(nodes["text"], nodes["marker"]["size"], strict=True))
    assert set(sizes) == {"USD", "ETH", "BTC", "EUR", "GOV"}
    assert sizes["ETH"] > sizes["USD"] > sizes["BTC"] > 0
    assert sizes["EUR"] == sizes["GOV"] == min(sizes.values())


def test_the_deepest_pools_are_shown_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_graph, "MAX_POOLS", 2)
    page = Page(graph_page(POOLS, DEPTHS, MARKET))
    assert "The 2 deepest of 5 pools and 2 tokens are shown." in page.text
    assert [row[0] for row in page.tables[-1][1:]] == [to_checksum(address(1)), to_checksum(address(0))]


def test_no_more_tokens_are_shown_than_can_be_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_graph, "MAX_TOKENS", 2)
    assert [pool.address for pool in draw(POOLS, DEPTHS).pools] == [address(1), address(0)]


def test_a_market_without_pools_has_an_empty_page() -> None:
    page = Page(graph_page((), {}, MARKET))
    assert "0 pools and 0 tokens are shown." in page.text


def test_the_same_pools_in_any_order_are_drawn_the_same() -> None:
    assert draw(POOLS, DEPTHS) == draw(POOLS[::-1], DEPTHS)


def test_parallel_pools_bend_apart_and_arcs_end_at_their_tokens() -> None:
    drawing = draw(POOLS, DEPTHS)
    pair = {token("USD"), token("ETH")}
    parallel = [edge for edge in drawing.edges if {edge.first, edge.second} == pair]
    assert len({middle(edge, drawing.places) for edge in parallel}) == len(parallel) == 3
    for edge in drawing.edges:
        points = arc(edge, drawing.places)
        assert points[0] == pytest.approx(drawing.places[edge.first])
        assert points[-1] == pytest.approx(drawing.places[edge.second])
        assert points[len(points) // 2] == pytest.approx(middle(edge, drawing.places))


def test_parts_that_no_pool_joins_do_not_overlap() -> None:
    drawing = draw(POOLS, DEPTHS)
    apart = [drawing.places[token(symbol)][1] for symbol in ("EUR", "GOV")]
    assert max(apart) < min(drawing.places[token(symbol)][1] for symbol in ("USD", "ETH", "BTC"))


def test_a_symbol_is_text() -> None:
    evil = replace(MARKET.tokens[token("ETH")], symbol="<script>")
    market = replace(MARKET, tokens={**MARKET.tokens, token("ETH"): evil})
    text = graph_page(POOLS, DEPTHS, market)
    page = Page(text)
    assert text.count("<script>") == len(page.scripts) == 2
    (nodes,) = traces(page, "markers+text")
    assert "&lt;script&gt;" in nodes["text"]
