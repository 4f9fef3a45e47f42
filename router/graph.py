"""The swap graph: tokens are nodes, each direction of each pool is an edge. Pruned to what one rebalance can
use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

import networkx as nx

from router.errors import PoolError
from router.pools.base import Pool
from router.tokens import Address

DEFAULT_MAX_HOPS = 3
MISPRICED_CAP = 0.01
"""How much better than the reference prices a pool may pay before it is refused as mispriced: its price, the
reference price or the token itself is not what it seems, and a planner that believed it would chase profit
that is not there."""
DEPTH_SHARE = 1e-3
"""The share of the traded value that a pool must absorb at no less than half its marginal rate; below, it is
dust."""
DEPTH_LOSS = 0.5
RANK_SHARE = 0.1
"""The share of the traded value at which depth is measured, for ranking, in pools that can take it."""
LEAST_LOSS = 1e-12
LEAST_PROBE = 10_000
"""Raw units that the probe moves on either side, where the trade is that large, so that rounding is not
taken for loss."""
HUB_LOSS = 0.9
"""What a pool that touches no held or wanted token must pay for that share, in value per value."""
MAX_HUBS = 28
"""Tokens in between, the deepest first."""
MAX_PARALLEL = 10
"""Pools per pair of tokens, the deepest first."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One direction of one pool.

    Attributes:
        rate: marginal rate at zero, fee included, in value per value at reference prices.
        depth: value in per unit of relative rate loss, measured at a tenth of the trade; infinite for a flat
            pool.
    """

    pool: Pool
    token_in: Address
    token_out: Address
    rate: float
    depth: float


@dataclass(frozen=True, slots=True)
class SwapGraph:
    """The pools that one rebalance may use. `graph` is a networkx MultiDiGraph with a `hop` on each edge,
    keyed by pool."""

    graph: nx.MultiDiGraph
    notes: tuple[str, ...] = ()

    def hops(self) -> Iterator[Hop]:
        """Every edge, in a fixed order."""
        for _, _, hop in sorted(
            self.graph.edges(data="hop"), key=lambda edge: (edge[0], edge[1], edge[2].pool.address)
        ):
            yield hop

    def __len__(self) -> int:
        return int(self.graph.number_of_edges())


def build(
    pools: Iterable[Pool],
    prices: Mapping[Address, float],
    *,
    traded_value: float,
    ends: Set[Address],
    allow: Set[Address] = frozenset(),
    deny: Set[Address] = frozenset(),
    taxed: Set[Address] = frozenset(),
    symbols: Mapping[Address, str] | None = None,
) -> SwapGraph:
    """All usable directions of all usable pools.

    Args:
        prices: numeraire per raw unit; tokens without a price are not traded, for nothing would tell profit
            from error.
        traded_value: numeraire value that the rebalance moves; sets the size that dust pools are measured at.
        ends: held and wanted tokens.
        allow: where not empty, only pools whose tokens are all listed are used.
        deny: no pool with one of these is used.
        taxed: tokens that keep part of each transfer; none of their pools is used.
    """
    graph = nx.MultiDiGraph()
    refused: dict[str, int] = defaultdict(int)
    for pool in pools:
        tokens = set(pool.tokens)
        if tokens & deny or tokens & taxed or (allow and not tokens <= allow) or not tokens <= prices.keys():
            continue
        for token_in in pool.tokens:
            for token_out in pool.tokens:
                if token_in == token_out:
                    continue
                hop = _measure(pool, token_in, token_out, prices, traded_value)
                if hop is None:
                    continue
                if hop.rate > 1 + MISPRICED_CAP:
                    refused[_pair(pool, symbols or {})] += 1
                elif _worth(hop, ends):
                    graph.add_edge(token_in, token_out, key=pool.address, hop=hop)
    return SwapGraph(graph, tuple(_refusals(refused)))


def between(
    swaps: SwapGraph, sources: Set[Address], sinks: Set[Address], max_hops: int = DEFAULT_MAX_HOPS
) -> SwapGraph:
    """Only what can lie on a path of at most `max_hops` swaps from a source to a sink: dead ends go, shallow
    parallel pools go, and of the tokens in between only the deepest stay."""
    ends = sources | sinks
    graph = _limit_hops(swaps.graph, sources, sinks, max_hops)
    graph = _drop_leaves(graph, ends)
    graph = _deepest_hubs(graph, ends)
    graph = _drop_leaves(_deepest_parallel(graph), ends)
    return replace(swaps, graph=_limit_hops(graph, sources, sinks, max_hops))


def _measure(
    pool: Pool, token_in: Address, token_out: Address, prices: Mapping[Address, float], traded_value: float
) -> Hop | None:
    """The hop with rate and depth; None where the pool is dead, or dust beside the trade."""
    price_in, price_out = prices[token_in], prices[token_out]
    fine = LEAST_PROBE * max(price_in, price_out)
    probe = max(1, int(max(traded_value * DEPTH_SHARE, min(traded_value, fine)) / price_in))
    try:
        rate = pool.spot_price(token_in, token_out) * price_out / price_in
        paid = pool.quote_exact_in(token_in, token_out, probe)
    except (PoolError, ArithmeticError):
        return None
    achieved = paid * price_out / (probe * price_in)
    if not rate > 0 or achieved < DEPTH_LOSS * rate:
        return None
    large = max(probe, int(traded_value * RANK_SHARE / price_in))
    try:
        amount, paid = large, pool.quote_exact_in(token_in, token_out, large)
    except PoolError:
        amount = probe
    loss = 1 - paid * price_out / (amount * price_in) / rate
    return Hop(
        pool, token_in, token_out, rate, amount * price_in / loss if loss > LEAST_LOSS else float("inf")
    )


def _worth(hop: Hop, ends: Set[Address]) -> bool:
    return hop.token_in in ends or hop.token_out in ends or hop.rate >= HUB_LOSS


def _pair(pool: Pool, symbols: Mapping[Address, str]) -> str:
    return "/".join(symbols.get(token, token) for token in pool.tokens)


def _refusals(refused: Mapping[str, int]) -> Iterator[str]:
    if refused:
        names = sorted(refused)
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield (
            f"pools that pay over {MISPRICED_CAP:.0%} more than the reference prices were refused "
            f"as mispriced: {shown}"
        )


def _limit_hops(
    graph: nx.MultiDiGraph, sources: Set[Address], sinks: Set[Address], max_hops: int
) -> nx.MultiDiGraph:
    """Edges with  distance(sources, tail) + 1 + distance(head, sinks) <= max_hops."""
    from_sources = _distances(graph, sources)
    to_sinks = _distances(graph.reverse(copy=False), sinks)
    far = max_hops + 1
    kept = nx.MultiDiGraph()
    for tail, head, key, hop in graph.edges(keys=True, data="hop"):
        if from_sources.get(tail, far) + 1 + to_sinks.get(head, far) <= max_hops:
            kept.add_edge(tail, head, key=key, hop=hop)
    return kept


def _distances(graph: nx.MultiDiGraph, roots: Set[Address]) -> dict[Address, int]:
    present = [root for root in roots if root in graph]
    layers = nx.bfs_layers(graph, present) if present else ()
    return {token: distance for distance, layer in enumerate(layers) for token in layer}


def _drop_leaves(graph: nx.MultiDiGraph, ends: Set[Address]) -> nx.MultiDiGraph:
    """Repeatedly drops tokens in between that have fewer than two neighbours: they lead nowhere."""
    kept = graph.copy()
    while leaves := [token for token in kept if token not in ends and _neighbours(kept, token) < 2]:
        kept.remove_nodes_from(leaves)
    return kept


def _neighbours(graph: nx.MultiDiGraph, token: Address) -> int:
    return len({*graph.successors(token), *graph.predecessors(token)})


def _deepest_hubs(graph: nx.MultiDiGraph, ends: Set[Address]) -> nx.MultiDiGraph:
    """Of the tokens in between, those that most can pass through."""
    hubs = sorted(
        (token for token in graph if token not in ends), key=lambda token: (-_passage(graph, token), token)
    )
    kept = graph.copy()
    kept.remove_nodes_from(hubs[MAX_HUBS:])
    return kept


def _passage(graph: nx.MultiDiGraph, token: Address) -> float:
    """The most depth that one neighbour has into the token and another one out of it, the lesser of the
    two."""
    into: dict[Address, float] = defaultdict(float)
    out: dict[Address, float] = defaultdict(float)
    for tail, _, hop in graph.in_edges(token, data="hop"):
        into[tail] += hop.depth
    for _, head, hop in graph.out_edges(token, data="hop"):
        out[head] += hop.depth
    return max(
        (min(into[tail], out[head]) for tail in into for head in out if tail != head),
        default=0.0,
    )


def _deepest_parallel(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """At most MAX_PARALLEL pools per direction of a pair, by depth."""
    kept = graph.copy()
    by_pair: dict[tuple[Address, Address], list[Hop]] = defaultdict(list)
    for tail, head, hop in graph.edges(data="hop"):
        by_pair[tail, head].append(hop)
    for (tail, head), hops in by_pair.items():
        for hop in sorted(hops, key=lambda hop: (-hop.depth, hop.pool.address))[MAX_PARALLEL:]:
            kept.remove_edge(tail, head, key=hop.pool.address)
    return kept
