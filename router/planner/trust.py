"""Which tokens may be traded or passed through: what the owner's lists say, and who vouches for a price."""

from __future__ import annotations

from collections.abc import Set
from itertools import permutations

import numpy as np

from router.optimiser.arrays import Floats
from router.optimiser.book import Book
from router.optimiser.market import Flags
from router.planner.valuation import Valuation
from router.tokens import Address

AGREEMENT = 0.02
"""How near the reference price a pool's own price must be to confirm it."""
SOURCE_SHARE = 1e-4
"""How deep a pool must be, beside the token's deepest, to count as a source."""
SOURCES = 2


def reference_prices(valuation: Valuation, book: Book) -> Floats:
    """Numeraire per raw unit, 0 where a token has none, by token of the book."""
    prices = valuation.prices
    return np.array([prices.get(token, 0.0) for token in book.tokens])


def usable_tokens(valuation: Valuation, book: Book) -> Flags:
    """Tokens that the portfolio's lists allow, that are priced and untaxed."""
    portfolio = valuation.portfolio
    taxed = {token for token, tax in valuation.snapshot.transfer_tax_bps.items() if tax}
    allow, barred = portfolio.allow_tokens, portfolio.deny_tokens | taxed
    prices = valuation.prices
    return np.array(
        [token in prices and token not in barred and (not allow or token in allow) for token in book.tokens],
        dtype=np.bool_,
    )


def trusted_tokens(valuation: Valuation, book: Book, usable: Flags, ends: Set[Address]) -> Flags:
    """Usable tokens whose price is vouched for: by the owner, who prices, lists or, where nothing else does,
    holds or wants them, or by two pools that agree with the reference price."""
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    if portfolio.allow_tokens:
        return usable
    named = {*ends, *portfolio.prices, snapshot.numeraire, snapshot.native_token}
    vouched = usable & np.array([token in named for token in book.tokens], dtype=np.bool_)
    pool, token, other, depth, agrees = _sources(book, reference_prices(valuation, book))
    trusted = usable
    while True:
        counted = trusted[other] & trusted[token]
        deepest = np.zeros(len(book.tokens))
        np.maximum.at(deepest, token[counted], depth[counted])
        good = counted & agrees & (depth >= SOURCE_SHARE * deepest[token])
        pairs = np.unique(np.stack((token[good], pool[good])), axis=1)
        sources = np.bincount(pairs[0], minlength=len(book.tokens))
        left = trusted & (vouched | (sources >= SOURCES))
        if (left == trusted).all():
            return trusted
        trusted = left


def _sources(book: Book, prices: Floats) -> tuple[np.ndarray, ...]:
    """(pool, token, other token, value of the depth, whether the pool's own price of the token is the
    reference price) of every ordered pair of tokens of every pool."""
    sold, bought = prices[book.sold], prices[book.bought]
    begin = book.first[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = book.edges[begin] ** 2 * sold / bought
        agrees = np.abs(np.log(ratio)) <= AGREEMENT
        depth = book.liquidity[begin] * np.sqrt(sold) * np.sqrt(bought)
    rows = [(book.ladder_pool, book.bought, book.sold, depth, agrees)]
    for b in range(len(book.basin_pool)):
        entries = np.arange(book.start[b], book.start[b + 1])
        with np.errstate(divide="ignore"):
            scaled = np.log(book.balance[entries] * prices[book.token[entries]] / book.weight[entries])
        pairs = np.array(list(permutations(range(len(entries)), 2)))
        one, other = entries[pairs[:, 0]], entries[pairs[:, 1]]
        with np.errstate(invalid="ignore"):
            near = np.abs(scaled[pairs[:, 0]] - scaled[pairs[:, 1]]) <= AGREEMENT
        value = book.balance[one] * prices[book.token[one]]
        rows.append((np.full(len(one), book.basin_pool[b]), book.token[one], book.token[other], value, near))
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))
