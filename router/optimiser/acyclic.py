"""Takes the cycles out of a set of flows: profit from turning in a circle is refused, and steps need an
order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import networkx as nx

from router.optimiser.market import Edge, Flow


def token_order(flows: Iterable[Flow]) -> tuple[int, ...]:
    """Tokens of the flows, sources first. Of every cycle the pair with the smallest net flow is left out."""
    net: dict[tuple[int, int], float] = defaultdict(float)
    for flow in flows:
        a, b = flow.edge.source, flow.edge.sink
        net[min(a, b), max(a, b)] += flow.value_in if a < b else -flow.value_in
    graph = nx.DiGraph()
    for (a, b), value in sorted(net.items()):
        graph.add_edge(*((a, b) if value >= 0 else (b, a)), value=abs(value))
    while True:
        try:
            cycle = nx.find_cycle(graph)
        except nx.NetworkXNoCycle:
            break
        graph.remove_edge(*min(cycle, key=lambda pair: (graph.edges[pair]["value"], pair)))
    return tuple(nx.lexicographical_topological_sort(graph))


def ascending(edges: Iterable[Edge], order: Sequence[int]) -> tuple[Edge, ...]:
    """The edges that lead from an earlier to a later token of the order."""
    place = {token: k for k, token in enumerate(order)}
    last = len(place)
    return tuple(edge for edge in edges if place.get(edge.source, last) < place.get(edge.sink, -1))
