"""The swap graph as a drawing: which tokens and pools are shown, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from router.pools.base import Pool
from router.tokens import Address

MAX_POOLS = 200
MAX_TOKENS = 400
"""More can't be read; and networkx lays up to 499 nodes out without further libraries."""
LAYOUT_SEED = 7
LAYOUT_ROUNDS = 200
SPACING = 4.0
"""The distance that the layout aims at, times the root of the number of tokens; networkx's own, 1, is too
tight around hubs."""
BELOW = -1.3

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Edge:
    """One pool between two of its tokens.

    Attributes:
        bend: sideways distance of its middle from the straight line, in units of its length, so that parallel
            pools lie beside each other.
    """

    pool: Pool
    first: Address
    second: Address
    bend: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is shown of a market.

    Attributes:
        pools: the deepest first.
        depth: numeraire units by token, over the pools that are shown.
    """

    pools: tuple[Pool, ...]
    edges: tuple[Edge, ...]
    depth: Mapping[Address, float]
    places: Mapping[Address, Point]


def draw(pools: Iterable[Pool], depths: Mapping[Address, float | None]) -> Drawing:
    """The deepest pools, their tokens, and a place for each; equal answers for equal markets.

    Args:
        depths: numeraire units by pool; None where no price tells. Those come last.
    """
    shown = _deepest(pools, depths)
    graph = nx.MultiGraph()
    depth: dict[Address, float] = defaultdict(float)
    for pool in shown:
        for token in pool.tokens:
            depth[token] += depths.get(pool.address) or 0.0
        graph.add_edges_from((*pair, pool.address) for pair in combinations(sorted(pool.tokens), 2))
    return Drawing(shown, tuple(_edges(shown)), dict(depth), _places(nx.Graph(graph)))


def _deepest(pools: Iterable[Pool], depths: Mapping[Address, float | None]) -> tuple[Pool, ...]:
    ranked = sorted(pools, key=lambda pool: (-(depths.get(pool.address) or 0.0), pool.address))
    shown: list[Pool] = []
    tokens: set[Address] = set()
    for pool in ranked:
        if len(shown) == MAX_POOLS or len(tokens | set(pool.tokens)) > MAX_TOKENS:
            break
        shown.append(pool)
        tokens.update(pool.tokens)
    return tuple(shown)


def _places(graph: nx.Graph) -> dict[Address, Point]:
    """Each connected part is laid out alone, for parts push one another away; the largest stands on top, the
    others in a row below."""
    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    places: dict[Address, Point] = {}
    for rank, part in enumerate(parts):
        around = (2 * rank / len(parts) - 1, BELOW) if rank else (0.0, 0.0)
        size = 1.0 if rank == 0 else 0.8 / len(parts)
        alone = nx.Graph()
        alone.add_nodes_from(sorted(part))  # their order decides where the layout starts
        alone.add_edges_from(graph.edges(part))
        spacing = SPACING / len(part) ** 0.5
        spots = nx.spring_layout(alone, k=spacing, iterations=LAYOUT_ROUNDS, seed=LAYOUT_SEED)
        for token, (x, y) in spots.items():
            places[token] = (around[0] + size * float(x), around[1] + size * float(y))
    return places


def _edges(pools: Iterable[Pool]) -> Iterable[Edge]:
    by_pair: dict[tuple[Address, Address], list[Pool]] = defaultdict(list)
    for pool in pools:
        for first, second in combinations(sorted(pool.tokens), 2):
            by_pair[first, second].append(pool)
    for (first, second), parallel in by_pair.items():
        step = min(0.12, 0.8 / len(parallel))
        for place, pool in enumerate(parallel):
            yield Edge(pool, first, second, step * (place - (len(parallel) - 1) / 2))


def middle(edge: Edge, places: Mapping[Address, Point]) -> Point:
    """The middle of the edge's arc."""
    (x0, y0), (x1, y1) = places[edge.first], places[edge.second]
    return (x0 + x1) / 2 - edge.bend * (y1 - y0), (y0 + y1) / 2 + edge.bend * (x1 - x0)


def arc(edge: Edge, places: Mapping[Address, Point], pieces: int = 10) -> list[Point]:
    """Points of a parabola from one token to the other, through the middle."""
    (x0, y0), (x1, y1) = places[edge.first], places[edge.second]
    found = []
    for piece in range(pieces + 1):
        t = piece / pieces
        bow = 4 * t * (1 - t) * edge.bend
        found.append((x0 + t * (x1 - x0) - bow * (y1 - y0), y0 + t * (y1 - y0) + bow * (x1 - x0)))
    return found
