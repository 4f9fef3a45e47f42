"""The swap graph: its edges, what something can pass through, and its separate parts."""

from __future__ import annotations

from hypothesis import given

from router.graph import parts, passable, swap_graph
from router.pools.base import Pool
from tests import markets
from tests.markets import token, v2, weighted


def names(*symbols: str) -> set[str]:
    return {token(symbol) for symbol in symbols}


def test_swap_graph_joins_every_pair_of_a_pools_tokens() -> None:
    pool = weighted(0, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6)
    graph = swap_graph([pool])
    assert graph.number_of_edges() == 3
    assert {frozenset(edge) for edge in graph.edges()} == {
        frozenset(names("USD", "ETH")),
        frozenset(names("USD", "BTC")),
        frozenset(names("ETH", "BTC")),
    }
    assert all(each is pool for *_, each in graph.edges(data="pool"))


def test_swap_graph_keeps_parallel_pools_apart() -> None:
    graph = swap_graph([v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "USD", 1e5)])
    assert set(graph[token("USD")][token("ETH")]) == {markets.address(0), markets.address(1)}


def test_passable_leaves_out_dead_ends_and_what_leads_to_them_only() -> None:
    graph = swap_graph([v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "BTC", 1e6), v2(2, "BTC", "GOV", 1e6)])
    assert passable(graph, names("USD", "ETH")) == names("USD", "ETH")


def test_passable_keeps_what_lies_between_two_ends() -> None:
    graph = swap_graph([v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "BTC", 1e6), v2(2, "ETH", "GOV", 1e6)])
    assert passable(graph, names("USD", "BTC")) == names("USD", "ETH", "BTC")


def test_passable_keeps_a_circle() -> None:
    circle = [v2(0, "USD", "ETH", 1e6), v2(1, "ETH", "BTC", 1e6), v2(2, "BTC", "USD", 1e6)]
    assert passable(swap_graph(circle), names("USD")) == names("USD", "ETH", "BTC")


def test_passable_counts_neighbours_not_pools() -> None:
    parallel = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 1e6), v2(2, "ETH", "GOV", 1e6)]
    assert passable(swap_graph(parallel), names("USD")) == names("USD")


@given(markets.pools())
def test_passable_holds_ends_and_leaves_nothing_with_one_way_out(pools: list[Pool]) -> None:
    graph = swap_graph(pools)
    ends = names("USD", "BTC") & set(graph)
    kept = passable(graph, ends)
    assert ends <= kept
    assert all(len(set(graph[each]) & (kept | ends)) >= 2 for each in kept - ends)


def test_parts_are_what_no_path_joins() -> None:
    graph = swap_graph([v2(0, "USD", "ETH", 1e6), v2(1, "BTC", "GOV", 1e6)])
    assert parts(graph) == sorted((names("USD", "ETH"), names("BTC", "GOV")), key=min)
