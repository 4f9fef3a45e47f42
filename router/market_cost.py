"""The router's own cost curves on one snapshot: what a portfolio's assets cost to buy and to sell, by size.

Each asset is traded against one hub over all pools that the planner would use, under the owner's limits, by
the planner's optimiser. A change of weights then costs the sum of its sides, which is no less than what the
planner, who trades them together, will find. Beside the traded size the hub holds the whole portfolio, so
that a small trade is solved as well as a large one; what the pools would pay for no trade at all is no gain
of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain
from math import log

import numpy as np

from router.errors import Infeasible, InputError
from router.optimiser.arrays import Floats
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.support import choose
from router.planner.gas import (
    BASE_GAS,
    BOUND_GAS,
    CHECK_GAS,
    PULL_GAS,
    GasPrice,
    gas_price_of,
    least_cost,
)
from router.planner.settlement import needs_loan
from router.planner.universe import Universe, universe_of
from router.planner.valuation import Valuation
from router.portfolio import Portfolio, Settlement, TokenRule, Trade
from router.snapshot import Snapshot
from router.strategy.costs import CostCurve, MarketCost
from router.tokens import Address

SIZES: tuple[float, ...] = tuple(float(10 ** (-4 + k / 2)) for k in range(9))
"""Shares of the portfolio's value that are tried: 1 bp to all of it."""
FINE_SIZES: tuple[float, ...] = tuple(10 ** (-4 + place / 16) for place in range(65))
"""The same where no trade is known that curves could be refined about: a chord between two of them is at most
half a percent above the cost of what pools quote."""
TYPICAL = 1e-2
"""Size, as a share of the portfolio's value, at which the pools worth their gas are counted."""
CLEARLY = 0.9
"""Share of what the numeraire costs as the hub below which the native token is taken."""
NEAR = 1e-5
"""Where the smoothing starts when a solution is adapted to another size."""
AROUND = (-3, -1, 0, 1, 3)
"""Powers of a spread at which curves are refined about a trade: between two sizes a curve is a chord, which
is above it."""


class Marked(StrEnum):
    """At which prices a trade's loss is counted."""

    REFERENCE = "reference"
    """Those that the portfolio is valued at: pools that stand beside them cost, or save, the difference."""
    REST = "rest"
    """Those at which the pools stand: fees and impact alone, which is what lasts."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """One solved trade: shares of the portfolio's value, and the prices that the market ends at."""

    size: float
    cost: float
    prices: Floats


@dataclass(frozen=True, eq=False)
class _Ground:
    """What every measurement of one portfolio against one hub shares.

    Attributes:
        known: by token and whether it is sold, and by size asked for: None where the pools do not take it.
    """

    valuation: Valuation
    universe: Universe
    price: GasPrice
    hub: Address
    marked: Marked
    known: dict[tuple[Address, bool], dict[float, _Sample | None]] = field(default_factory=dict)

    @cached_property
    def nav(self) -> float:
        return self.valuation.value(self.valuation.tradable)

    def column(self, token: Address) -> int:
        """-1 where no usable pool trades it."""
        market = self.universe.market
        place = market.book.place.get(token)
        return -1 if place is None else int(market.column[place])

    def mark(self, token: Address) -> float:
        """Value that counts, per unit of value at reference prices."""
        column = self.column(token)
        return 1.0 if self.marked is Marked.REFERENCE else float(self.universe.calm[column])

    def goal(self, held: Mapping[Address, float], wanted: Mapping[Address, float]) -> Goal:
        """Values held, and shares wanted."""
        columns = self.universe.market.columns
        arrays = np.zeros(columns), np.zeros(columns)
        for array, amounts in zip(arrays, (held, wanted), strict=True):
            for token, amount in amounts.items():
                array[self.column(token)] += amount
        return Goal(*arrays)

    def solved(self, goal: Goal, near: Floats | None) -> Solution:
        market, calm = self.universe.market, self.universe.calm
        if near is not None:
            found = solve(market, goal, near, ghost=NEAR)
            if found.converged:
                return found
        return solve(market, goal, calm)

    def trades(self, token: Address) -> bool:
        """Whether pools trade it against the hub."""
        return token != self.hub and self.column(token) >= 0

    def measure(self, token: Address, sells: bool, sizes: Iterable[float]) -> bool:
        """Solves each size that is not known yet, from the prices of the nearest one; whether any was not."""
        known = self.known.setdefault((token, sells), {})
        new = [size for size in sizes if size not in known] if self.trades(token) else []
        for size in new:
            near = min(
                ((abs(log(other / size)), each.prices) for other, each in known.items() if each),
                key=lambda pair: pair[0],
                default=(0.0, None),
            )
            known[size] = self._sample(token, size, sells, near[1])
        return bool(new)

    def samples(self, token: Address, sells: bool) -> list[_Sample]:
        return [each for each in self.known.get((token, sells), {}).values() if each]

    def _sample(self, token: Address, size: float, sells: bool, near: Floats | None) -> _Sample | None:
        hub, nav = self.hub, self.nav
        share = size if sells else min(size, 1.0)
        held = {hub: nav, token: size * nav} if sells else {hub: nav}
        wanted = {hub: 1.0} if sells else {hub: 1.0 - share, token: share}
        found = self.solved(self.goal(held, wanted), near)
        if not found.converged:
            return None
        value = (found.value - self.idle_gain) / nav
        if sells:
            return _Sample(size, size * self.mark(token) - (value - 1) * self.mark(hub), found.prices)
        bought = share * value
        lost = (1 - (1 - share) * value) * self.mark(hub) - bought * self.mark(token)
        return _Sample(bought, lost, found.prices)

    @cached_property
    def idle_gain(self) -> float:
        """What the pools pay to somebody who only holds the hub."""
        found = self.solved(self.goal({self.hub: self.nav}, {self.hub: 1.0}), None)
        return max(found.value - self.nav, 0.0) if found.converged else self.universe.arbitrage


class CostProbe:
    """What it costs one owner to change weights on one snapshot; no trade is solved twice.

    Args:
        hub: against which everything is traded; where None, the numeraire or the native token, whichever
            trades the portfolio's assets for less.

    Raises:
        InputError: unknown or unpriced tokens, nothing held, or a settlement that the loan policy forbids.
        Infeasible: no usable pool trades the hub.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        portfolio: Portfolio,
        *,
        hub: Address | None = None,
        marked: Marked = Marked.REFERENCE,
    ) -> None:
        self.valuation = Valuation(snapshot, portfolio)
        self.valuation.check()
        price = gas_price_of(self.valuation)
        self._borrows = needs_loan(portfolio.loan, portfolio.settlement)
        self._ground = _ground(self.valuation, universe_of(self.valuation, price), price, hub, marked)

    def measure(self, sizes: Sequence[float] = SIZES) -> None:
        """Solves trades of these sizes, for every asset and both sides.

        Args:
            sizes: shares of the portfolio's value, ascending.

        Raises:
            InputError: sizes that do not ascend from above 0.
        """
        if not sizes or min(sizes) <= 0 or list(sizes) != sorted(set(sizes)):
            raise InputError("should ascend from above 0", path="sizes")
        for token in self.valuation.tokens:
            for sells in (False, True):
                self._ground.measure(token, sells, sizes)

    def refine(self, trade: Floats, spread: float) -> bool:
        """Solves trades about this one, for the side of each asset that it trades; whether any was not
        known. Sizes beyond `SIZES` are left out.

        Args:
            trade: (assets,) changes of weights.
            spread: ratio of the sizes next to the trade to it.
        """
        new = False
        for token, change in zip(self.valuation.tokens, trade.tolist(), strict=True):
            sizes = [abs(change) * spread**power for power in AROUND]
            within = [size for size in sizes if SIZES[0] < size < SIZES[-1]]
            new |= self._ground.measure(token, change < 0, within)
        return new

    @property
    def cost(self) -> MarketCost:
        """By all that has been solved. A side's depth is the largest size that the pools took, and 0 where
        the owner's rules, or what lenders have, shut it."""
        valuation, ground = self.valuation, self._ground
        portfolio, snapshot, borrows = valuation.portfolio, valuation.snapshot, self._borrows
        assets = valuation.tokens
        sides = [_sides(ground, token) for token in assets]
        premium, lent = _loans(ground, assets) if borrows else (0.0, dict.fromkeys(assets, 1.0))
        gas = BASE_GAS + (CHECK_GAS if portfolio.settlement is Settlement.DELIVER_FIRST else 0)
        gas += min((lender.gas(1) for lender in snapshot.lenders), default=0) if borrows else 0
        return MarketCost(
            assets,
            tuple(buys for buys, _ in sides),
            tuple(_no_deeper(sells, lent[token]) for token, (_, sells) in zip(assets, sides, strict=True)),
            fixed=gas * ground.price.per_gas / ground.nav,
            premium_rate=premium,
            legs=self._legs,
        )

    @cached_property
    def _legs(self) -> tuple[float, ...]:
        return tuple(_leg(self._ground, token) / self._ground.nav for token in self.valuation.tokens)


def measure_cost(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    sizes: Sequence[float] = SIZES,
    hub: Address | None = None,
    marked: Marked = Marked.REFERENCE,
) -> MarketCost:
    """What it costs the owner to change weights on this snapshot, measured once: see `CostProbe`.

    The assets are the addresses of all tokens held or wanted, sorted.

    Raises:
        InputError, Infeasible: as `CostProbe` and its `measure`.
    """
    probe = CostProbe(snapshot, portfolio, hub=hub, marked=marked)
    probe.measure(sizes)
    return probe.cost


def _ground(
    valuation: Valuation, universe: Universe, price: GasPrice, hub: Address | None, marked: Marked
) -> _Ground:
    """With the hub that is asked for; or of numeraire and native token the cheaper, or else the first asset
    that is traded."""
    snapshot = valuation.snapshot
    usual = dict.fromkeys((snapshot.numeraire, snapshot.native_token))
    choices = [[hub]] if hub else [list(usual), [*valuation.tokens]]
    for each in choices:
        grounds = [_Ground(valuation, universe, price, token, marked) for token in each]
        usable = [ground for ground in grounds if ground.column(ground.hub) >= 0]
        if len(usable) > 1 and each is choices[0]:
            numeraire, native = usable
            cheaper = _typical_cost(native) < CLEARLY * _typical_cost(numeraire)
            return native if cheaper else numeraire
        if usable:
            return usable[0]
    names = ", ".join(valuation.symbol(token) for token in dict.fromkeys(chain.from_iterable(choices)))
    raise Infeasible(f"no usable pool trades {names}: there is nothing to measure cost against", path="hub")


def _typical_cost(ground: _Ground) -> float:
    """Of buying and selling a little of every asset; what can't be traded costs all of it."""
    total = 0.0
    for token in filter(ground.trades, ground.valuation.tokens):
        for sells in (False, True):
            ground.measure(token, sells, [TYPICAL])
            found = ground.known[token, sells][TYPICAL]
            total += found.cost if found else TYPICAL
    return total


def _sides(ground: _Ground, token: Address) -> tuple[CostCurve, CostCurve]:
    """(buying, selling)."""
    rule = ground.valuation.portfolio.rules.get(token, TokenRule()).trade
    found = []
    for sells, shut in ((False, Trade.SELL), (True, Trade.BUY)):
        if token == ground.hub:
            curve = CostCurve.proportional(0.0)
        else:
            rows = ground.samples(token, sells)
            sizes, costs = [each.size for each in rows], [each.cost for each in rows]
            curve = CostCurve.of_samples(sizes, costs, depth=max(sizes, default=0.0))
        found.append(_no_deeper(curve, 0.0) if rule in (Trade.NONE, shut) else curve)
    return found[0], found[1]


def _no_deeper(curve: CostCurve, depth: float) -> CostCurve:
    return CostCurve(curve.sizes, curve.costs, min(curve.depth, depth))


def _leg(ground: _Ground, token: Address) -> float:
    """Gas of trading a token at all, numeraire units: its transfer, its bounds, and the pools that are worth
    their gas at a typical size."""
    own = (PULL_GAS + BOUND_GAS) * ground.price.per_gas
    worthless = TYPICAL * ground.nav <= own  # a swap takes more gas than that
    if not ground.trades(token) or ground.price.free or worthless:
        return own
    market, book = ground.universe.market, ground.universe.market.book
    goal = ground.goal({ground.hub: ground.nav, token: TYPICAL * ground.nav}, {ground.hub: 1.0})
    ends = np.array(sorted({book.place[token], book.place[ground.hub]}), dtype=np.int64)
    try:
        support = choose(market, goal, ends).support
    except Infeasible:
        return own
    used = np.union1d(book.ladder_pool[support.ladders], book.basin_pool[support.basins])
    snapshot = ground.valuation.snapshot
    return own + sum(least_cost(book.pools[int(k)], ground.price, snapshot) for k in used)


def _loans(ground: _Ground, assets: Sequence[Address]) -> tuple[float, dict[Address, float]]:
    """(the dearest asset's premium per unit of value, the most that one lender has of each, as a share of the
    portfolio's value)."""
    prices, lenders = ground.valuation.prices, ground.valuation.snapshot.lenders
    rates, lent = [0.0], {}
    for token in assets:
        able = [lender for lender in lenders if lender.available.get(token, 0) > 0]
        lent[token] = max((each.available[token] for each in able), default=0) * prices[token] / ground.nav
        amount = max(int(ground.nav / prices[token]), 1)
        rates.append(min((each.premium(token, amount) / amount for each in able), default=0.0))
    return max(rates), lent
