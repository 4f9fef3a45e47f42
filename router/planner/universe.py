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
from math import floor, inf, log1p, log10, sqrt
from typing import Any, TypeVar

import numpy as np

from router import graph
from router.fixed_point import BPS
from router.optimiser.arrays import Floats
from router.optimiser.book import Book
from router.optimiser.dual import Goal, Solution, at_rest
from router.optimiser.market import Flags, Market, Terms, market_of
from router.plan import Exclusion
from router.planner.exclusions import MISPRICED_CAP, PHANTOM, profits_at, without_mispriced, without_phantoms
from router.planner.gas import TICK_GAS, GasPrice, least_cost
from router.planner.trust import SOURCES, reference_prices, trusted_tokens, usable_tokens
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import DEPTH_MOVE
from router.tokens import Address

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
        offered: `free`, and what plans leave of it lest they turn in circles; what `arbitrage` is about.
        calm: by column, prices (multiples of the reference prices) at which the pools are at rest.
        arbitrage: numeraire units that the pools would pay, at most, to somebody who trades nothing else.
        excluded: directions left out.
        component: by token that may be traded, the part of the graph it belongs to; no path joins two.
        notes: for people.
    """

    market: Market
    free: Market
    offered: Market
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
    policy, portfolio = _policy(valuation), valuation.portfolio
    core = _remembered(valuation, ("admitted", policy), lambda: _admit(valuation))
    missing = ends.difference(core.component)
    whole = _extended(valuation, core, missing) if missing else core
    if whole is None:
        whole = _remembered(valuation, ("admitted", policy, missing), lambda: _admit(valuation, missing))
        core = whole
    touched = frozenset(whole.component[token] for token in ends if token in whole.component)
    scale = 10.0 ** floor(log10(valuation.value(valuation.tradable)))
    key = (
        "universe",
        policy,
        frozenset() if core is not whole else missing,
        touched,
        scale,
        tuple(sorted((token, rule.max_impact_bps) for token, rule in portfolio.rules.items())),
        portfolio.max_depth_bps,
        (price.per_gas, price.per_byte, price.per_wei),
    )
    found = _remembered(valuation, key, lambda: _open(valuation, price, core, touched, scale))
    return found if core is whole else _with_leaves(valuation, found, whole, missing, scale)


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
        usable: by token of the book, whether the owner's lists allow it at all.
    """

    component: Mapping[Address, int]
    doubtful: int
    usable: Flags


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
    return _Admission(component, int((usable & ~trusted).sum()), usable)


def _extended(valuation: Valuation, core: _Admission, leaves: frozenset[Address]) -> _Admission | None:
    """With ends that nothing has to pass through, each joined to what is admitted already by its own pools;
    None where that is not all there is to it."""
    book, touching = book_of(valuation), _touching(valuation)
    component = dict(core.component)
    waiting = {token for token in leaves if token in book.place and core.usable[book.place[token]]}
    while waiting:
        joined = set()
        for token in sorted(waiting):
            parts = {
                component[other]
                for k in touching[token]
                if all(each == token or each in component for each in book.pools[k].tokens)
                for other in book.pools[k].tokens
                if other != token
            }
            if len(parts) > 1:
                return None
            if parts:
                component[token] = parts.pop()
                joined.add(token)
        if not joined:
            return None
        waiting -= joined
    return replace(core, component=component)


def _with_leaves(
    valuation: Valuation, core: Universe, whole: _Admission, leaves: frozenset[Address], scale: float
) -> Universe:
    """A universe with the pools of ends that nothing else passes through."""
    book, before, touching = core.free.book, core.free.terms, _touching(valuation)
    pools = sorted(
        {
            k
            for token in leaves & whole.component.keys()
            for k in touching[token]
            if all(each in whole.component for each in book.pools[k].tokens)
        }
    )
    entries = np.isin(np.repeat(book.basin_pool, np.diff(book.start)), pools)
    own = replace(before, ladders=np.isin(book.ladder_pool, pools), sells=entries, buys=entries)
    own, mispriced = without_mispriced(book, own)
    terms = replace(
        before,
        ladders=before.ladders | own.ladders,
        sells=before.sells | own.sells,
        buys=before.buys | own.buys,
    )
    free = market_of(book, terms)
    calm = _carried(core, free, pools)
    excluded: list[Exclusion] = []
    for _ in range(PHANTOM_ROUNDS):
        rest = Solution.at(free, calm)
        smaller, gone = without_phantoms(rest, scale * MATTERS)
        if not gone:
            break
        calm, free, excluded = rest.start_for(smaller), smaller, excluded + gone
    return replace(
        core,
        market=replace(free, terms=_limited(valuation, book, free.terms)),
        free=free,
        offered=free,
        calm=calm,
        arbitrage=float(profits_at(free, calm).sum()),
        excluded=(*core.excluded, *mispriced, *excluded),
        component=whole.component,
    )


def _carried(core: Universe, market: Market, pools: Sequence[int]) -> Floats:
    """Prices at rest by column of a larger market: of a token that is new, that of its deepest pool."""
    book, value = market.book, market.terms.prices
    rows: list[tuple[float, int, int, float]] = []
    for k in np.flatnonzero(np.isin(book.ladder_pool, pools)):
        sold, bought, begin = int(book.sold[k]), int(book.bought[k]), book.first[k]
        depth = book.liquidity[begin] * sqrt(value[sold]) * sqrt(value[bought])
        rows.append((depth, bought, sold, book.edges[begin] ** 2 * value[sold] / value[bought]))
    for b in np.flatnonzero(np.isin(book.basin_pool, pools)):
        for i, j in permutations(range(book.start[b], book.start[b + 1]), 2):
            one, other = (book.balance[e] * value[book.token[e]] / book.weight[e] for e in (i, j))
            rows.append((one * book.weight[i], int(book.token[i]), int(book.token[j]), other / one))
    first, column = market.representatives, core.free.column
    calm = np.where(column[first] >= 0, core.calm[np.maximum(column[first], 0)], np.nan)
    for _, token, other, ratio in sorted(rows, reverse=True) * 2:
        mine, its = market.column[token], market.column[other]
        if mine >= 0 and its >= 0 and np.isnan(calm[mine]) and calm[its] * ratio > 0:
            calm[mine] = calm[its] * ratio
    return np.where(np.isnan(calm), 1.0, calm)


def _touching(valuation: Valuation) -> Mapping[Address, list[int]]:
    """By token, the places of its pools in the book; made once."""
    memo = valuation.snapshot.memo
    if "touching" not in memo:
        found: dict[Address, list[int]] = {}
        for k, pool in enumerate(book_of(valuation).pools):
            for token in pool.tokens:
                found.setdefault(token, []).append(k)
        memo["touching"] = found
    touching: Mapping[Address, list[int]] = memo["touching"]
    return touching


def _open(
    valuation: Valuation, price: GasPrice, admitted: _Admission, parts: frozenset[int], scale: float
) -> Universe:
    """The universe of some parts of the graph."""
    book = book_of(valuation)
    known = np.zeros(len(book.tokens), dtype=np.bool_)
    known[[book.place[token] for token, part in admitted.component.items() if part in parts]] = True
    terms = _with_tokens(book, _terms(valuation, book, price), known)
    terms, mispriced = without_mispriced(book, terms)
    free, calm, arbitrage, paying = _calmed(valuation, market_of(book, terms), scale)
    limited = _limited(valuation, book, free.terms)
    return Universe(
        market=replace(free, terms=limited),
        free=free,
        offered=free,
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
        smaller, gone = without_phantoms(solution, scale * MATTERS)
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
