"""Directions of pools that pay more than they honestly can, and markets without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np

from router.optimiser.arrays import Floats
from router.optimiser.book import Book
from router.optimiser.dual import Solution
from router.optimiser.market import Flags, Market, Terms, market_of
from router.plan import Exclusion

MISPRICED_CAP = 0.03
"""How much better than the reference prices a direction may pay: beyond, its price, the reference price or
the token itself is not what it seems."""
PHANTOM = 0.003
"""Margin, fees paid, beyond which a direction's price is taken for a ghost of a dead or stale pool."""


def without_mispriced(book: Book, terms: Terms) -> tuple[Terms, tuple[Exclusion, ...]]:
    """Leaves out directions that pay too well at the reference prices. In a pool of several tokens, neither
    may its token in be sold then, nor its token out be bought."""
    sold, bought = terms.prices[book.sold], terms.prices[book.bought]
    begin = book.first[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = book.keep / (book.edges[begin] ** 2 * sold / bought)
        bad = terms.ladders & ~(rate <= 1 + MISPRICED_CAP)
    sells, buys = terms.sells.copy(), terms.buys.copy()
    found = [direction(book, int(k), "mispriced") for k in np.flatnonzero(bad)]
    for b in np.flatnonzero(terms.sells[book.start[:-1]]).tolist():
        entries = range(book.start[b], book.start[b + 1])
        depth = [book.balance[e] * terms.prices[book.token[e]] / book.weight[e] for e in entries]
        for i, j in permutations(range(len(depth)), 2):
            if not depth[j] / depth[i] * book.basin_keep[b] <= 1 + MISPRICED_CAP:
                sells[entries[i]] = buys[entries[j]] = False
        found += shut(book, b, sells, buys, terms, "mispriced")
    return replace(terms, ladders=terms.ladders & ~bad, sells=sells, buys=buys), tuple(found)


def without_phantoms(solution: Solution, least: float) -> tuple[Market, list[Exclusion]]:
    """Leaves out the directions of the largest margins, beyond PHANTOM, of those that earn arbitrage more
    than `least`; of equals, the one that pays more at the reference prices."""
    market, book, profits = solution.market, solution.market.book, solution.profits
    terms, count = market.terms, len(market.ladders)
    margins, at_reference = _margins(solution), profits_at(market, np.ones(market.columns))
    phantoms = np.flatnonzero((profits > least) & (margins > PHANTOM)).tolist()
    order = sorted(phantoms, key=lambda k: (-round(float(margins[k]), 9), -at_reference[k], k))
    ladders, sells, buys = terms.ladders.copy(), terms.sells.copy(), terms.buys.copy()
    gone: list[Exclusion] = []
    for k in order:
        if gone and not margins[order[0]] / 2 < margins[k] < margins[order[0]] * (1 - 1e-6):
            break
        if k < count:
            ladders[market.ladders[k]] = False
            gone.append(direction(book, int(market.ladders[k]), "phantom"))
        else:
            b = int(market.basins[k - count])
            gain = solution.response.gain[market.arrays.start[k - count] : market.arrays.start[k - count + 1]]
            sells[book.start[b] : book.start[b + 1]] &= gain >= 0
            buys[book.start[b] : book.start[b + 1]] &= gain <= 0
            gone += shut(book, b, sells, buys, terms, "phantom")
    return market_of(book, replace(terms, ladders=ladders, sells=sells, buys=buys)), gone


def _margins(solution: Solution) -> Floats:
    """Profit per value received, by ladder, then by basin."""
    market, at = solution.market, solution.response
    received = np.zeros(len(at.profit))
    received[: len(market.ladders)] = solution.prices[market.arrays.bought] * at.got
    gains = np.maximum(solution.prices[market.arrays.token] * at.gain, 0.0)
    owner = np.repeat(np.arange(len(market.basins)), np.diff(market.arrays.start))
    received[len(market.ladders) :] = np.bincount(owner, gains, minlength=len(market.basins))
    return np.divide(at.profit, received, out=np.zeros_like(received), where=received > 0)


def profits_at(market: Market, prices: Floats) -> Floats:
    """Of every pool, at prices by column."""
    return Solution.at(market, prices).profits


def direction(book: Book, ladder: int, reason: str) -> Exclusion:
    """Of a ladder."""
    pool = book.pools[book.ladder_pool[ladder]]
    return Exclusion(pool.address, book.tokens[book.sold[ladder]], book.tokens[book.bought[ladder]], reason)


def shut(book: Book, b: int, sells: Flags, buys: Flags, before: Terms, reason: str) -> Iterator[Exclusion]:
    """Directions of a basin that are no longer possible."""
    entries = range(book.start[b], book.start[b + 1])
    pool = book.pools[book.basin_pool[b]]
    for i, j in permutations(entries, 2):
        if before.sells[i] and before.buys[j] and not (sells[i] and buys[j]):
            yield Exclusion(pool.address, book.tokens[book.token[i]], book.tokens[book.token[j]], reason)
