"""Simple supports to start from and to compare with: one path per pair of sold and bought token, and one hub
for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from router.optimiser.market import Edge, Goal, Market

MAX_EXACT = 40
"""How many of the most promising paths of a pair are evaluated on their curves."""
HUBS = 3

Parallel = dict[int, dict[int, list[Edge]]]


def adjacency(market: Market) -> Parallel:
    """source -> sink -> parallel edges."""
    found: Parallel = defaultdict(lambda: defaultdict(list))
    for edge in market.edges:
        found[edge.source][edge.sink].append(edge)
    return found


def single_paths(market: Market, goal: Goal, max_hops: int) -> tuple[Edge, ...]:
    """The union of the best single path, net of gas, of each pair of a sold and a bought token; sold and
    bought values are matched largest with largest. Pairs without a path add nothing."""
    links = adjacency(market)
    used: dict[tuple[str, str, str], Edge] = {}
    for source, sink, value in _match(goal):
        path = best_path(links, source, sink, value, max_hops)
        for edge in path or ():
            used[edge.name] = edge
    return tuple(used.values())


def best_path(
    links: Parallel, source: int, sink: int, value: float, max_hops: int
) -> tuple[Edge, ...] | None:
    """The path of at most `max_hops` pools, each hop its best pool, that yields the most net of gas."""
    ranked = sorted(
        _token_paths(links, source, sink, max_hops), key=lambda path: (-_estimate(links, path, value), path)
    )
    evaluated = [_follow(links, path, value) for path in ranked[:MAX_EXACT]]
    found = [result for result in evaluated if result is not None]
    return max(found, key=lambda result: result[0])[1] if found else None


def hub_supports(market: Market, goal: Goal) -> Iterator[tuple[Edge, ...]]:
    """For each of the best-connected tokens: the best pool from every sold token to it, and from it to every
    bought."""
    links = adjacency(market)
    sold = {token: value for token, value in enumerate(_changes(goal)) if value > 0}
    bought = {token: -value for token, value in enumerate(_changes(goal)) if value < 0}
    degree = {token: len(links[token]) for token in range(len(market.tokens))}
    for hub in sorted(degree, key=lambda token: (-degree[token], token))[:HUBS]:
        into = [_best_pool(links[token].get(hub, ()), value) for token, value in sold.items() if token != hub]
        out = [
            _best_pool(links[hub].get(token, ()), value) for token, value in bought.items() if token != hub
        ]
        if all([*into, *out]):
            yield tuple(edge for result in (*into, *out) if result for edge in (result[1],))


def _changes(goal: Goal) -> list[float]:
    """Value to sell (positive) or buy (negative) per token, costs left out."""
    return [held - weight * goal.value for held, weight in zip(goal.held, goal.weights, strict=True)]


def _match(goal: Goal) -> Iterator[tuple[int, int, float]]:
    changes = _changes(goal)
    sold = sorted(((v, k) for k, v in enumerate(changes) if v > 0), key=lambda item: (item[0], -item[1]))
    bought = sorted(((-v, k) for k, v in enumerate(changes) if v < 0), key=lambda item: (item[0], -item[1]))
    while sold and bought:
        (surplus, source), (deficit, sink) = sold.pop(), bought.pop()
        value = min(surplus, deficit)
        yield source, sink, value
        if surplus > value * (1 + 1e-9):
            sold.append((surplus - value, source))
        if deficit > value * (1 + 1e-9):
            bought.append((deficit - value, sink))


def _token_paths(links: Parallel, source: int, sink: int, max_hops: int) -> Iterator[tuple[int, ...]]:
    stack: list[tuple[int, ...]] = [(source,)]
    while stack:
        path = stack.pop()
        if sink in links[path[-1]]:
            yield (*path, sink)
        if len(path) < max_hops:
            stack.extend((*path, token) for token in links[path[-1]] if token != sink and token not in path)


def _estimate(links: Parallel, path: Sequence[int], value: float) -> float:
    """Value out by marginal rate and depth alone, gas taken off."""
    for a, b in pairwise(path):
        value = max(value * edge.rate / (1 + value / edge.depth) - edge.gas_cost for edge in links[a][b])
        if value <= 0:
            return value
    return value


def _follow(links: Parallel, path: Sequence[int], value: float) -> tuple[float, tuple[Edge, ...]] | None:
    """(value out net of gas, edges), or None where a pool on the way cannot take the amount."""
    edges: list[Edge] = []
    gas = 0.0
    for a, b in pairwise(path):
        best = _best_pool(links[a][b], value)
        if best is None:
            return None
        value = best[0]
        gas += best[1].gas_cost
        edges.append(best[1])
    return value - gas, tuple(edges)


def _best_pool(edges: Sequence[Edge], value: float) -> tuple[float, Edge] | None:
    """(value out, pool) of the pool that pays the most net of its gas and can take all of the value."""
    able = [(edge, curve) for edge in edges if (curve := edge.curve) is not None and curve.limit >= value]
    paid = [(curve.at(value)[0], edge) for edge, curve in able]
    return max(paid, key=lambda item: (item[0] - item[1].gas_cost, item[1].name), default=None)
