"""Which pools a plan may use at all, and at which prices the market is at rest.

A pool is admitted if the portfolio's lists allow its tokens, none of them is taxed, all are priced, and each
token that is only passed through has two independent price sources: pools that agree with its reference
price, against tokens of which the same is true. Then directions that pay more than they can honestly pay
are left out: against the reference prices by MISPRICED_CAP, and against the other pools by PHANTOM. What
arbitrage the rest still offers is told, and a plan takes part in it up to the portfolio's cap only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import floor, inf, log1p, log10
from typing import Any, TypeVar

import numpy as np

from router import graph
from router.fixed_point import BPS
from router.optimiser.book import Book
from router.optimiser.dual import Goal, Solution, at_rest
from router.optimiser.kernels import Floats
from router.optimiser.market import Flags, Market, Terms, market_of
from router.plan import Exclusion
from router.planner.gas import TICK_GAS, GasPrice, least_cost
from router.planner.trust import SOURCES, reference_prices, trusted_tokens, usable_tokens
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import DEPTH_MOVE
from router.tokens import Address

MISPRICED_CAP = 0.03
"""How much better than the reference prices a direction may pay: beyond, its price, the reference price or
the token itself is not what it seems."""
PHANTOM = 0.003
"""Margin, fees paid, beyond which a direction's price is taken for a ghost of a dead or stale pool."""
PHANTOM_ROUNDS = 60
MATTERS = 1e-7
"""Share of the portfolio's value that a phantom must offer to be worth a name."""
PLANNED_ROOM = 1e-6
"""What is left unused of an AMM's own limits, for integers and the swaps before."""
MOST_KEPT = 16
"""Universes, and what they are made of, that a snapshot remembers."""
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, eq=False)
class Universe:
    """The pools of one snapshot that one portfolio may use.

    Attributes:
        market: under the owner's limits of impact and depth, and a hair within the AMMs' own.
        free: the same pools under the AMMs' limits alone; what certificates are about.
        calm: by column, prices (multiples of the reference prices) at which the pools are at rest.
        arbitrage: numeraire units that the pools would pay, at most, to somebody who trades nothing else.
        excluded: directions left out.
        component: by token that may be traded, the part of the graph it belongs to; no path joins two.
        notes: for people.
    """

    market: Market
    free: Market
    calm: Floats
    arbitrage: float
    excluded: tuple[Exclusion, ...]
    component: Mapping[Address, int]
    notes: tuple[str, ...]

    def without(self, pools: Iterable[Pool]) -> Universe:
        """Fewer pools to plan with; certificates stay about all."""
        book, gone = self.market.book, {pool.address for pool in pools}
        kept = np.array([pool.address not in gone for pool in book.pools], dtype=np.bool_)
        ladders, basins = self.market.ladders, self.market.basins
        every = np.flatnonzero(self.market.column >= 0)
        return replace(
            self,
            market=self.market.only(
                ladders[kept[book.ladder_pool[ladders]]], basins[kept[book.basin_pool[basins]]], every
            ),
        )


def book_of(valuation: Valuation) -> Book:
    """All pools of the snapshot, made once."""
    memo = valuation.snapshot.memo
    if "book" not in memo:
        memo["book"] = Book.of(valuation.snapshot.pools)
    book: Book = memo["book"]
    return book


def universe_of(valuation: Valuation, price: GasPrice) -> Universe:
    """The universe of a portfolio, remembered by the snapshot for the next plan: it depends on the policy,
    the gas price and the order of magnitude of the value, and hardly ever on what is held and wanted."""
    ends = frozenset(valuation.tokens)
    whole = _remembered(valuation, ("admitted", _policy(valuation), frozenset()), lambda: _admit(valuation))
    missing = ends.difference(whole.component)
    if missing:
        whole = _remembered(
            valuation, ("admitted", _policy(valuation), missing), lambda: _admit(valuation, missing)
        )
    touched = frozenset(whole.component[token] for token in ends if token in whole.component)
    portfolio = valuation.portfolio
    scale = 10.0 ** floor(log10(valuation.value(valuation.tradable)))
    key = (
        "universe",
        _policy(valuation),
        missing,
        touched,
        scale,
        tuple(sorted((token, rule.max_impact_bps) for token, rule in portfolio.rules.items())),
        portfolio.max_depth_bps,
        (price.per_gas, price.per_byte, price.per_wei),
    )
    return _remembered(valuation, key, lambda: _open(valuation, price, whole, touched, scale))


def _remembered(valuation: Valuation, key: Hashable, make: Callable[[], _Kept]) -> _Kept:
    """What was made for a key before, or is made now; the oldest is forgotten."""
    kept: dict[Hashable, Any] = valuation.snapshot.memo.setdefault("universes", {})
    if key not in kept:
        while len(kept) >= MOST_KEPT:
            del kept[next(iter(kept))]
        kept[key] = make()
    found: _Kept = kept[key]
    return found


def _policy(valuation: Valuation) -> Hashable:
    portfolio = valuation.portfolio
    return portfolio.allow_tokens, portfolio.deny_tokens, tuple(sorted(portfolio.prices.items()))


@dataclass(frozen=True, eq=False, slots=True)
class _Admission:
    """Tokens that may be traded or passed through: by token, which part of the graph it belongs to.

    Attributes:
        doubtful: how many tokens had too few price sources.
    """

    component: Mapping[Address, int]
    doubtful: int


def _admit(valuation: Valuation, ends: frozenset[Address] = frozenset()) -> _Admission:
    """What the policy admits; `ends` are vouched for by the owner."""
    book = book_of(valuation)
    usable = usable_tokens(valuation, book)
    trusted = trusted_tokens(valuation, book, usable, ends)
    swaps = graph.swap_graph(
        pool for pool in book.pools if all(trusted[book.place[token]] for token in pool.tokens)
    )
    useful = swaps.subgraph(graph.passable(swaps, ends))
    component = {token: k for k, part in enumerate(graph.parts(useful)) for token in part}
    return _Admission(component, int((usable & ~trusted).sum()))


def _open(
    valuation: Valuation, price: GasPrice, admitted: _Admission, parts: frozenset[int], scale: float
) -> Universe:
    """The universe of some parts of the graph."""
    book = book_of(valuation)
    known = np.zeros(len(book.tokens), dtype=np.bool_)
    known[[book.place[token] for token, part in admitted.component.items() if part in parts]] = True
    terms = _with_tokens(book, _terms(valuation, book, price), known)
    terms, mispriced = _without_mispriced(book, terms)
    free, calm, arbitrage, paying = _calmed(valuation, market_of(book, terms), scale)
    limited = _limited(valuation, book, free.terms)
    return Universe(
        market=replace(free, terms=limited),
        free=free,
        calm=calm,
        arbitrage=arbitrage,
        excluded=(*mispriced, *paying),
        component=admitted.component,
        notes=tuple(_notes(valuation, admitted.doubtful, mispriced, paying)),
    )


def _terms(valuation: Valuation, book: Book, price: GasPrice) -> Terms:
    return Terms(
        prices=reference_prices(valuation, book),
        ladders=np.ones(len(book.sold), dtype=np.bool_),
        sells=np.ones(len(book.token), dtype=np.bool_),
        buys=np.ones(len(book.token), dtype=np.bool_),
        widest=np.full(len(book.tokens), inf),
        depth_share=inf,
        depth_move=log1p(DEPTH_MOVE),
        costs=np.array([least_cost(pool, price, valuation.snapshot) for pool in book.pools]),
        room=1.0,
        tick_cost=TICK_GAS * price.per_gas,
    )


def _limited(valuation: Valuation, book: Book, terms: Terms) -> Terms:
    """Under the owner's limits."""
    portfolio = valuation.portfolio
    widest = np.full(len(book.tokens), inf)
    for token, rule in portfolio.rules.items():
        if rule.max_impact_bps is not None and token in book.place:
            widest[book.place[token]] = log1p(rule.max_impact_bps / BPS)
    share = inf if portfolio.max_depth_bps is None else portfolio.max_depth_bps / BPS
    return replace(terms, room=1 - PLANNED_ROOM, widest=widest, depth_share=share)


def _with_tokens(book: Book, terms: Terms, known: Flags) -> Terms:
    """Only pools all of whose tokens are known."""
    whole = np.ones(len(book.pools), dtype=np.bool_)
    np.logical_and.at(whole, book.ladder_pool, known[book.sold] & known[book.bought])
    owner = np.repeat(book.basin_pool, np.diff(book.start))
    np.logical_and.at(whole, owner, known[book.token])
    return replace(
        terms,
        ladders=terms.ladders & whole[book.ladder_pool],
        sells=terms.sells & whole[owner],
        buys=terms.buys & whole[owner],
    )


def _without_mispriced(book: Book, terms: Terms) -> tuple[Terms, tuple[Exclusion, ...]]:
    """Leaves out directions that pay too well at the reference prices. In a pool of several tokens, neither
    may its token in be sold then, nor its token out be bought."""
    sold, bought = terms.prices[book.sold], terms.prices[book.bought]
    begin = book.first[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = book.keep / (book.edges[begin] ** 2 * sold / bought)
        bad = terms.ladders & ~(rate <= 1 + MISPRICED_CAP)
    sells, buys = terms.sells.copy(), terms.buys.copy()
    found = [_direction(book, int(k), "mispriced") for k in np.flatnonzero(bad)]
    for b in range(len(book.basin_pool)):
        entries = range(book.start[b], book.start[b + 1])
        if not terms.sells[entries.start]:
            continue
        depth = [book.balance[e] * terms.prices[book.token[e]] / book.weight[e] for e in entries]
        for i, j in permutations(range(len(depth)), 2):
            if not depth[j] / depth[i] * book.basin_keep[b] <= 1 + MISPRICED_CAP:
                sells[entries[i]] = buys[entries[j]] = False
        found += _shut(book, b, sells, buys, terms, "mispriced")
    return replace(terms, ladders=terms.ladders & ~bad, sells=sells, buys=buys), tuple(found)


def _direction(book: Book, ladder: int, reason: str) -> Exclusion:
    pool = book.pools[book.ladder_pool[ladder]]
    return Exclusion(pool.address, book.tokens[book.sold[ladder]], book.tokens[book.bought[ladder]], reason)


def _shut(book: Book, b: int, sells: Flags, buys: Flags, before: Terms, reason: str) -> Iterator[Exclusion]:
    """Directions of a basin that are no longer possible."""
    entries = range(book.start[b], book.start[b + 1])
    pool = book.pools[book.basin_pool[b]]
    for i, j in permutations(entries, 2):
        if before.sells[i] and before.buys[j] and not (sells[i] and buys[j]):
            yield Exclusion(pool.address, book.tokens[book.token[i]], book.tokens[book.token[j]], reason)


def _calmed(
    valuation: Valuation, market: Market, scale: float
) -> tuple[Market, Floats, float, tuple[Exclusion, ...]]:
    """The market without phantoms: directions that at the market's prices at rest pay more than any live pool
    would for long. Its prices at rest, what arbitrage would still earn, and what was left out.

    Args:
        scale: numeraire value that the portfolio is about.
    """
    excluded: list[Exclusion] = []
    calm, paid = np.ones(market.columns), 0.0
    for _ in range(PHANTOM_ROUNDS):
        if not market.columns:
            break
        held = np.zeros(market.columns)
        held[_root(valuation, market)] = scale
        solution = at_rest(market, Goal(held, held / scale), calm)
        calm, paid = solution.prices, float(solution.profits.sum())
        smaller, gone = _without_phantoms(solution, scale * MATTERS)
        if not gone:
            break
        market, excluded = smaller, excluded + gone
        calm = solution.start_for(market)
    return market, calm, paid, tuple(excluded)


def _root(valuation: Valuation, market: Market) -> int:
    """The column whose price the others are measured by: the numeraire's, or the native token's."""
    place = market.book.place
    for token in (valuation.snapshot.numeraire, valuation.snapshot.native_token):
        if token in place and market.column[place[token]] >= 0:
            return int(market.column[place[token]])
    return 0


def _without_phantoms(solution: Solution, least: float) -> tuple[Market, list[Exclusion]]:
    """Leaves out the directions of the largest margins, beyond PHANTOM, of those that earn arbitrage more
    than `least`; of equals, the one that pays more at the reference prices."""
    market, book, profits = solution.market, solution.market.book, solution.profits
    terms, count = market.terms, len(market.ladders)
    margins, at_reference = _margins(solution), _profits_at_reference(market)
    phantoms = [k for k in range(len(profits)) if profits[k] > least and margins[k] > PHANTOM]
    order = sorted(phantoms, key=lambda k: (-round(float(margins[k]), 9), -at_reference[k], k))
    ladders, sells, buys = terms.ladders.copy(), terms.sells.copy(), terms.buys.copy()
    gone: list[Exclusion] = []
    for k in order:
        if gone and not margins[order[0]] / 2 < margins[k] < margins[order[0]] * (1 - 1e-6):
            break
        if k < count:
            ladders[market.ladders[k]] = False
            gone.append(_direction(book, int(market.ladders[k]), "phantom"))
        else:
            b = int(market.basins[k - count])
            gain = solution.response.gain[market.arrays.start[k - count] : market.arrays.start[k - count + 1]]
            sells[book.start[b] : book.start[b + 1]] &= gain >= 0
            buys[book.start[b] : book.start[b + 1]] &= gain <= 0
            gone += _shut(book, b, sells, buys, terms, "phantom")
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


def _profits_at_reference(market: Market) -> Floats:
    """Of every pool, at the reference prices."""
    zero = np.zeros(market.columns)
    return Solution(market, Goal(zero, zero), np.ones(market.columns), inf, 0.0, 0).profits


def _notes(
    valuation: Valuation, doubtful: int, mispriced: Sequence[Exclusion], paying: Sequence[Exclusion]
) -> Iterator[str]:
    if doubtful:
        yield f"{doubtful} tokens with fewer than {SOURCES} price sources that agree are not routed through"
    refused = (
        f"pools that pay over {MISPRICED_CAP:.0%} more than the reference prices were refused as mispriced"
    )
    left_out = f"pools that pay over {PHANTOM:.1%} more than the other pools were left out"
    for found, why in ((mispriced, refused), (paying, left_out)):
        names = sorted({_pair(valuation, each.pool) for each in found})
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            yield f"{why}: {', '.join(names[:5])}{more}"


def _pair(valuation: Valuation, pool: Address) -> str:
    found = valuation.snapshot.pool_by_address[pool]
    return "/".join(valuation.symbol(token) for token in found.tokens)
