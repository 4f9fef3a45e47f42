"""The swap graph: tokens are nodes, pools are edges, one for each pair of tokens that a pool trades."""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import combinations

import networkx as nx

from router.pools.base import Pool
from router.tokens import Address


def swap_graph(pools: Iterable[Pool]) -> nx.MultiGraph:
    """Every pool as edges keyed by its address, with the pool itself as attribute `pool`."""
    graph = nx.MultiGraph()
    for pool in pools:
        for one, other in combinations(pool.tokens, 2):
            graph.add_edge(one, other, key=pool.address, pool=pool)
    return graph


def passable(graph: nx.MultiGraph, ends: Set[Address]) -> set[Address]:
    """Tokens that something can pass through, and the ends: all others have one neighbour at most, or lead to
    such only."""
    left = {token: len(graph[token]) for token in graph}
    idle = [token for token, neighbours in left.items() if neighbours < 2 and token not in ends]
    while idle:
        token = idle.pop()
        del left[token]
        for other in graph[token]:
            if other in left and other not in ends:
                left[other] -= 1
                if left[other] == 1:
                    idle.append(other)
    return set(left)


def parts(graph: nx.MultiGraph) -> list[frozenset[Address]]:
    """Its tokens, grouped by whether any path joins them."""
    return sorted((frozenset(part) for part in nx.connected_components(graph)), key=min)
