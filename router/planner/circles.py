"""Flows that turn in no circle.

At the prices of a solution a pool pays for the last unit what the prices say, and for those before it more:
flows in a circle earn arbitrage, and nothing else. Taking back what goes around one costs no more than that,
and leaves nothing of one side of a pool at least: of what it takes, or pays, of one token. So the best flows
without that side lose no more either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import networkx as nx
import numpy as np

from router.optimiser.arrays import Ints
from router.optimiser.book import Book
from router.optimiser.dual import Solution
from router.optimiser.market import Flags, Market
from router.plan import CIRCLE
from router.planner.exclusions import direction, shut
from router.planner.flows import Leg
from router.planner.universe import Universe
from router.tokens import Address


@dataclass(frozen=True, slots=True, order=True)
class Side:
    """What a pool takes of one token (`taken`), or pays."""

    pool: Address
    token: Address
    taken: bool


Hop = tuple[Address, Address, Address]
"""Token in, token out, pool."""


def sides_of(solution: Solution) -> dict[Side, float]:
    """What every pool takes and pays: value at the solution's prices."""
    market, found = solution.market, dict[Side, float]()
    for trade in solution.trades():
        for place, gain in zip(trade.tokens, trade.gains, strict=True):
            if gain:
                value = abs(gain) * market.terms.prices[place] * solution.prices[market.column[place]]
                found[Side(trade.pool.address, market.book.tokens[place], bool(gain < 0))] = float(value)
    return found


def smaller_side(sides: Mapping[Side, float], leg: Leg) -> Side:
    """Of the two sides of a leg, the one of which there is less."""
    ends = Side(leg.pool.address, leg.token_in, True), Side(leg.pool.address, leg.token_out, False)
    return min(ends, key=lambda side: (sides.get(side, 0.0), side))


def closing(sides: Mapping[Side, float], among: Iterable[Leg] | None = None) -> list[Side]:
    """The sides that nothing is left of once what goes in circles is taken back.

    Args:
        among: legs that the circles are made of; None for whatever their pools trade.
    """
    left, graph = dict(sides), nx.MultiDiGraph()
    for one, other, pool in _hops(sides) if among is None else _hops_of(among):
        graph.add_edge(one, other, key=pool)
    gone: list[Side] = []
    while True:
        try:
            circle: list[Hop] = nx.find_cycle(graph)
        except nx.NetworkXNoCycle:
            return gone
        around = [
            side for one, other, pool in circle for side in (Side(pool, one, True), Side(pool, other, False))
        ]
        least = min(around, key=lambda side: (left[side], side))
        amount = left[least]
        for side in around:
            left[side] -= amount
        gone.append(least)
        hops = (
            graph.out_edges(least.token, keys=True) if least.taken else graph.in_edges(least.token, keys=True)
        )
        graph.remove_edges_from([hop for hop in hops if hop[2] == least.pool])


def _hops(sides: Iterable[Side]) -> Iterable[Hop]:
    by_pool: dict[Address, tuple[list[Address], list[Address]]] = {}
    for side in sides:
        by_pool.setdefault(side.pool, ([], []))[not side.taken].append(side.token)
    for pool, (taken, paid) in by_pool.items():
        for one, other in product(taken, paid):
            yield one, other, pool


def _hops_of(legs: Iterable[Leg]) -> Iterable[Hop]:
    return ((leg.token_in, leg.token_out, leg.pool.address) for leg in legs)


def closed(market: Market, sides: Collection[Side], ends: Ints | None = None) -> Market:
    """The market without these sides of its pools.

    Args:
        ends: tokens of the book that keep their column even where nothing trades them; None for all.
    """
    book, terms = market.book, market.terms
    ladders, sells, buys = (flags.copy() for flags in (terms.ladders, terms.sells, terms.buys))
    for side, k in _placed(book, sides):
        token = book.place[side.token]
        own = np.flatnonzero(book.ladder_pool == k)
        ladders[own[(book.sold if side.taken else book.bought)[own] == token]] = False
        for b in np.flatnonzero(book.basin_pool == k):
            entries = np.arange(book.start[b], book.start[b + 1])
            (sells if side.taken else buys)[entries[book.token[entries] == token]] = False
    open_basins = [b for b in market.basins if _is_open(book, int(b), sells) and _is_open(book, int(b), buys)]
    fewer = market.only(
        market.ladders[ladders[market.ladders]],
        np.array(open_basins, dtype=np.int64),
        np.flatnonzero(market.column >= 0) if ends is None else ends,
    )
    return replace(fewer, terms=replace(terms, ladders=ladders, sells=sells, buys=buys))


def _placed(book: Book, sides: Collection[Side]) -> list[tuple[Side, int]]:
    names = {side.pool for side in sides}
    places = {pool.address: k for k, pool in enumerate(book.pools) if pool.address in names}
    return [(side, places[side.pool]) for side in sides]


def _is_open(book: Book, b: int, flags: Flags) -> bool:
    return bool(flags[book.start[b] : book.start[b + 1]].any())


def without_sides(universe: Universe, sides: Collection[Side]) -> Universe:
    """The universe without these sides, which plan and certificate leave out."""
    before, free = universe.free, closed(universe.free, sides)
    book, terms = before.book, free.terms
    fewer = before.ladders[~terms.ladders[before.ladders]]
    gone = [direction(book, int(k), CIRCLE) for k in fewer]
    pools = {k for _, k in _placed(book, sides)}
    for b in before.basins:
        if int(book.basin_pool[b]) in pools:
            gone += shut(book, int(b), terms.sells, terms.buys, before.terms, CIRCLE)
    return replace(
        universe,
        market=closed(universe.market, sides),
        free=free,
        excluded=(*universe.excluded, *gone),
    )
