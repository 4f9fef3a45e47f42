"""Orders of tokens, with cycles broken."""

from __future__ import annotations

from router.optimiser.acyclic import ascending, token_order
from router.optimiser.market import Edge, Flow
from tests.markets import token, v2

POOL = v2(0, "USD", "ETH", 1e6)


def flow(source: int, sink: int, value: float) -> Flow:
    edge = Edge(POOL, token("USD"), token("ETH"), source, sink, 1.0, 1.0, 1.0, 1e6, 0.0, 1e6)
    return Flow(edge, value, value)


def test_order_puts_sources_first() -> None:
    order = token_order([flow(2, 0, 5), flow(0, 1, 5), flow(2, 1, 1)])
    assert order == (2, 0, 1)


def test_order_nets_opposite_flows_of_a_pair() -> None:
    assert token_order([flow(0, 1, 5), flow(1, 0, 7)]) == (1, 0)


def test_order_leaves_out_the_smallest_flow_of_a_cycle() -> None:
    assert token_order([flow(0, 1, 5), flow(1, 2, 4), flow(2, 0, 1)]) == (0, 1, 2)


def test_ascending_keeps_edges_along_the_order_between_its_tokens() -> None:
    edges = [flow(0, 1, 1).edge, flow(1, 0, 1).edge, flow(1, 3, 1).edge]
    assert ascending(edges, (0, 1)) == (edges[0],)
