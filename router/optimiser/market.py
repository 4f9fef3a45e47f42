"""The pools that one rebalance may use, in value units: amounts times reference prices.

Tokens are columns. Several tokens may share a column: they are then worth the same at the margin, as tokens
whose final shares are free within their bands are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np
import numpy.typing as npt

from router.optimiser.arrays import Arrays, Floats, Ints
from router.optimiser.book import Book
from router.optimiser.compiled import compiled, inner
from router.pools.base import Pool

Flags = npt.NDArray[np.bool_]
LEAST_KEPT = 1e-6
"""Of what goes into a pool, once its fee is paid. Fees that stay in a pool move its price as well, so limits
of the price leave room for them."""
SHORT = 1e-8
"""How far before an edge that must not be crossed a ladder ends, as a share of the root of the price:
concentrated liquidity crosses a tick when it arrives there."""
SMALLEST_REST = 1e-18
"""Of a weighted pool's weights, beside one: no smaller weight can be written."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What is allowed of a book's pools, and what it costs.

    Attributes:
        prices: numeraire per raw unit, by token of the book.
        ladders: whether each ladder may be used.
        sells, buys: by basin entry, whether the pool may take that token, and give it.
        widest: by token, how far its price may be moved in one pool, as a logarithm; infinite for no limit.
        depth_share: of a pool's depth that may be taken; infinite for no limit.
        depth_move: the move of a price, as a logarithm, that defines depth.
        costs: what using a pool costs, in numeraire units, by pool of the book.
        room: share of the AMMs' own limits that may be used.
        tick_cost: what crossing one initialised tick costs, in numeraire units.
        crossings: by ladder of the book, how many edges it may cross; None for no limit.
    """

    prices: Floats
    ladders: Flags
    sells: Flags
    buys: Flags
    widest: Floats
    depth_share: float
    depth_move: float
    costs: Floats
    room: float = 1.0
    tick_cost: float = 0.0
    crossings: Ints | None = None


@dataclass(frozen=True, eq=False)
class Market:
    """Pools of a book under terms.

    Attributes:
        column: by token of the book, its column; -1 where the token is not traded.
        ladders, basins: places in the book.
        arrays: their shapes in value units; its tokens are columns.
    """

    book: Book
    terms: Terms
    column: Ints
    columns: int
    ladders: Ints
    basins: Ints

    @cached_property
    def arrays(self) -> Arrays:
        book, terms = self.book, self.terms
        after_fee = np.maximum(book.keep[self.ladders], LEAST_KEPT)
        first, edges, liquidity, paid, got, cap = _scaled_ladders(
            self.ladders,
            book.first,
            book.edges,
            book.liquidity,
            terms.prices[book.sold[self.ladders]],
            terms.prices[book.bought[self.ladders]],
            np.minimum(terms.widest[book.sold[self.ladders]], terms.widest[book.bought[self.ladders]])
            * (2 * after_fee / (1 + after_fee)),
            terms.depth_share,
            terms.depth_move,
            terms.room,
        )
        if terms.crossings is not None:
            stop = np.minimum(first[:-1] + 1 + terms.crossings[self.ladders], first[1:] - 1)
            cap = np.where(stop < first[1:] - 1, np.minimum(cap, edges[stop] * (1 - SHORT)), cap)
        start, entries = _entries(self.basins, book.start)
        keep = book.basin_keep[self.basins]
        count = np.diff(start)
        token = book.token[entries]
        low, high = _box(
            book.weight[entries],
            np.repeat(book.most[self.basins], count) * terms.room,
            terms.widest[token] * np.maximum(np.repeat(keep, count), LEAST_KEPT),
            terms.depth_share,
            terms.depth_move,
        )
        return Arrays(
            sold=self.column[book.sold[self.ladders]],
            bought=self.column[book.bought[self.ladders]],
            keep=book.keep[self.ladders],
            cap=cap,
            cost=terms.costs[book.ladder_pool[self.ladders]],
            floor=edges[first[:-1]] ** 2,
            tick=np.full(len(cap), terms.tick_cost),
            sunk=np.zeros(len(cap), dtype=np.int64),
            first=first,
            edges=edges,
            liquidity=liquidity,
            paid=paid,
            got=got,
            start=start,
            basin_keep=keep,
            basin_cost=terms.costs[book.basin_pool[self.basins]],
            token=self.column[token],
            value=book.balance[entries] * terms.prices[token],
            weight=book.weight[entries],
            low=np.where(terms.buys[entries], low, 0.0),
            high=np.where(terms.sells[entries], high, 0.0),
        )

    @cached_property
    def costless(self) -> Arrays:
        """The arrays where using a pool, or crossing a tick, costs nothing."""
        arrays = self.arrays
        return arrays._replace(
            cost=np.zeros_like(arrays.cost),
            tick=np.zeros_like(arrays.tick),
            basin_cost=np.zeros_like(arrays.basin_cost),
        )

    @cached_property
    def entries(self) -> Ints:
        """Places of the basins' entries in the book."""
        return _entries(self.basins, self.book.start)[1]

    @cached_property
    def representatives(self) -> Ints:
        """By column, one token of the book."""
        first = np.zeros(self.columns, dtype=np.int64)
        traded = np.flatnonzero(self.column >= 0)[::-1]
        first[self.column[traded]] = traded
        return first

    def pool_of(self, place: int) -> Pool:
        """Of a ladder, or of a basin when `place` counts on behind the ladders."""
        count = len(self.ladders)
        if place < count:
            return self.book.pools[int(self.book.ladder_pool[self.ladders[place]])]
        return self.book.pools[int(self.book.basin_pool[self.basins[place - count]])]

    def only(self, ladders: Ints, basins: Ints, ends: Ints) -> Market:
        """Fewer pools, and no columns but those that these pools and the ends (tokens of the book) touch."""
        touched = _touched(self.book, ladders, basins)
        touched[ends] = True
        old = np.unique(self.column[touched])
        new = np.full(self.columns + 1, -1, dtype=np.int64)
        new[old] = np.arange(len(old))
        column = np.where(touched, new[self.column], -1)
        return Market(self.book, self.terms, column, len(old), ladders, basins)

    def like(self, support: Market, ends: Ints) -> Market:
        """Only the pools of a market of the same book, and no farther than those may go."""
        few = self.only(support.ladders, support.basins, ends)
        return replace(few, terms=replace(few.terms, crossings=support.terms.crossings))

    def joined(self, tokens: Sequence[int]) -> Market:
        """These tokens of the book in one column."""
        column = self.column.copy()
        column[np.isin(self.column, self.column[np.array(tokens)])] = self.column[tokens[0]]
        old, fresh = np.unique(column, return_inverse=True)
        offset = int(old[0] == -1)
        return Market(
            self.book,
            self.terms,
            fresh.astype(np.int64) - offset,
            len(old) - offset,
            self.ladders,
            self.basins,
        )


def market_of(book: Book, terms: Terms) -> Market:
    """All pools that the terms allow, a column for each token that they trade."""
    ladders = np.flatnonzero(terms.ladders)
    begins = book.start[:-1]
    open_pools = [
        np.add.reduceat(flags.astype(np.int64), begins) > 0 if len(begins) else np.zeros(0, dtype=np.bool_)
        for flags in (terms.sells, terms.buys)
    ]
    basins = np.flatnonzero(open_pools[0] & open_pools[1])
    touched = _touched(book, ladders, basins)
    column = np.where(touched, np.cumsum(touched) - 1, -1)
    return Market(book, terms, column.astype(np.int64), int(touched.sum()), ladders, basins)


def _touched(book: Book, ladders: Ints, basins: Ints) -> Flags:
    """By token of the book, whether these pools trade it."""
    touched = np.zeros(len(book.tokens), dtype=np.bool_)
    touched[book.sold[ladders]] = True
    touched[book.bought[ladders]] = True
    touched[book.token[_entries(basins, book.start)[1]]] = True
    return touched


@compiled
def _entries(basins: Ints, start: Ints) -> tuple[Ints, Ints]:
    """(where each basin starts, places of all entries in the book)."""
    begins = np.zeros(len(basins) + 1, dtype=np.int64)
    for k in range(len(basins)):
        begins[k + 1] = begins[k] + start[basins[k] + 1] - start[basins[k]]
    entries = np.empty(begins[-1], dtype=np.int64)
    for k in range(len(basins)):
        for e in range(begins[k + 1] - begins[k]):
            entries[begins[k] + e] = start[basins[k]] + e
    return begins, entries


def _box(
    weight: Floats, most: Floats, widest: Floats, depth_share: float, depth_move: float
) -> tuple[Floats, Floats]:
    """Least and most logarithm of the change of each balance. A balance that changes by c moves its token's
    price against the rest of the pool by c / (1 - weight)."""
    rest = np.maximum(1 - weight, SMALLEST_REST)
    reach = widest * rest
    taken = np.log1p(depth_share * np.expm1(depth_move * rest))
    return -reach, np.minimum(np.log1p(most), np.minimum(reach, taken))


@compiled
def _scaled_ladders(
    ladders: Ints,
    book_first: Ints,
    book_edges: Floats,
    book_liquidity: Floats,
    price_in: Floats,
    price_out: Floats,
    widest: Floats,
    depth_share: float,
    depth_move: float,
    room: float,
) -> tuple[Ints, Floats, Floats, Floats, Floats, Floats]:
    """(first, edges, liquidity, paid, got, cap) in value units: edges scale with the root of the price ratio,
    liquidity with the root of the product."""
    count = len(ladders)
    first = np.zeros(count + 1, dtype=np.int64)
    for k in range(count):
        first[k + 1] = first[k] + book_first[ladders[k] + 1] - book_first[ladders[k]]
    edges, liquidity = np.empty(first[-1]), np.empty(first[-1])
    paid, got, cap = np.empty(first[-1]), np.empty(first[-1]), np.empty(count)
    for k in range(count):
        stretch = sqrt(price_in[k]) / sqrt(price_out[k])
        size = sqrt(price_in[k]) * sqrt(price_out[k])
        source = book_first[ladders[k]]
        total_in, total_out = 0.0, 0.0
        for e in range(first[k], first[k + 1]):
            edges[e] = book_edges[source + e - first[k]] * stretch
            if e > first[k]:
                width = max(edges[e] - edges[e - 1], 0.0)
                total_in += liquidity[e - 1] * width
                total_out += liquidity[e - 1] * width / (edges[e] * edges[e - 1])
            paid[e], got[e] = total_in, total_out
            liquidity[e] = book_liquidity[source + e - first[k]] * size
        cap[k] = _cap(first[k], first[k + 1] - 1, edges, liquidity, widest[k], depth_share, depth_move)
        last = edges[first[k + 1] - 1]
        cap[k] = min(cap[k], edges[first[k]] + room * (last - edges[first[k]]))
    return first, edges, liquidity, paid, got, cap


@inner
def _cap(
    begin: int,
    end: int,
    edges: Floats,
    liquidity: Floats,
    widest: float,
    depth_share: float,
    depth_move: float,
) -> float:
    """The farthest edge that the limits allow: of the price, and of the amount in."""
    cap = edges[begin] * np.exp(widest / 2)
    if depth_share < np.inf:
        marked, depth = edges[begin] * np.exp(depth_move / 2), 0.0
        for e in range(begin, end):
            depth += liquidity[e] * max(min(edges[e + 1], marked) - edges[e], 0.0)
        left = depth_share * depth
        for e in range(begin, end):
            room = liquidity[e] * (edges[e + 1] - edges[e])
            if room > left:
                return float(min(cap, edges[e] + left / liquidity[e]))
            left -= room
    return float(cap)
