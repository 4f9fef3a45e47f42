"""The router's own cost curves on one snapshot: what a portfolio's assets cost to buy and to sell, by size.

Each asset is traded against one hub over all pools that the planner would use, under the owner's limits, by
the planner's optimiser. A change of weights then costs the sum of its sides, which is no less than what the
planner, who trades them together, will find. Beside the traded size the hub holds the whole portfolio, so
that a small trade is solved as well as a large one; what the pools would pay for no trade at all is no gain
of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from router.errors import Infeasible, InputError
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.kernels import Floats
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
TYPICAL = 1e-2
"""Size, as a share of the portfolio's value, at which the pools worth their gas are counted."""
CLEARLY = 0.9
"""Share of what the numeraire costs as the hub below which the native token is taken."""
NEAR = 1e-3
"""Where the smoothing starts when a solution is adapted to the next size."""


class Marked(StrEnum):
    """At which prices a trade's loss is counted."""

    REFERENCE = "reference"
    """Those that the portfolio is valued at: pools that stand beside them cost, or save, the difference."""
    REST = "rest"
    """Those at which the pools stand: fees and impact alone, which is what lasts."""


@dataclass(frozen=True, eq=False)
class _Ground:
    """What every measurement of one portfolio shares."""

    valuation: Valuation
    universe: Universe
    price: GasPrice
    hub: Address
    marked: Marked

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

    @cached_property
    def idle_gain(self) -> float:
        """What the pools pay to somebody who only holds the hub."""
        found = self.solved(self.goal({self.hub: self.nav}, {self.hub: 1.0}), None)
        return max(found.value - self.nav, 0.0) if found.converged else self.universe.arbitrage


def measure_cost(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    sizes: Sequence[float] = SIZES,
    hub: Address | None = None,
    marked: Marked = Marked.REFERENCE,
) -> MarketCost:
    """What it costs the owner to change weights on this snapshot.

    The assets are the addresses of all tokens held or wanted, sorted. A side's depth is the largest size
    that the pools take, and 0 where the owner's rules, or what lenders have, shut it.

    Args:
        sizes: shares of the portfolio's value to measure at, ascending.
        hub: against which everything is traded; where None, the numeraire or the native token, whichever
            trades the portfolio's assets for less.

    Raises:
        InputError: unknown or unpriced tokens, nothing held, sizes that do not ascend from above 0, or a
            settlement that the loan policy forbids.
        Infeasible: no usable pool trades the hub.
    """
    if not sizes or min(sizes) <= 0 or list(sizes) != sorted(set(sizes)):
        raise InputError("should ascend from above 0", path="sizes")
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    price = gas_price_of(valuation)
    borrow = needs_loan(portfolio.loan, portfolio.settlement)
    universe = universe_of(valuation, price)
    ground = _ground(valuation, universe, price, hub, marked)
    assets = valuation.tokens
    sides = {token: _sides(ground, token, sizes) for token in assets}
    premium, lent = _loans(ground, assets, sizes) if borrow else (0.0, dict.fromkeys(assets, 1.0))
    gas = BASE_GAS + (CHECK_GAS if portfolio.settlement is Settlement.DELIVER_FIRST else 0)
    gas += min((lender.gas(1) for lender in snapshot.lenders), default=0) if borrow else 0
    return MarketCost(
        assets,
        tuple(sides[token][0] for token in assets),
        tuple(_no_deeper(sides[token][1], lent[token]) for token in assets),
        fixed=gas * price.per_gas / ground.nav,
        premium_rate=premium,
        legs=tuple(_leg(ground, token) / ground.nav for token in assets),
    )


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
    names = ", ".join(valuation.symbol(token) for each in choices for token in each)
    raise Infeasible(f"no usable pool trades {names}: there is nothing to measure cost against", path="hub")


def _typical_cost(ground: _Ground) -> float:
    """Of buying and selling a little of every asset."""
    total = 0.0
    for token in ground.valuation.tokens:
        for sells in (False, True):
            total += next((cost for _, cost in _samples(ground, token, [TYPICAL], sells)), 0.0)
    return total


def _sides(ground: _Ground, token: Address, sizes: Sequence[float]) -> tuple[CostCurve, CostCurve]:
    """(buying, selling)."""
    rule = ground.valuation.portfolio.rules.get(token, TokenRule()).trade
    found = []
    for sells, shut in ((False, Trade.SELL), (True, Trade.BUY)):
        if token == ground.hub:
            curve = CostCurve.proportional(0.0)
        else:
            rows = list(_samples(ground, token, sizes, sells))
            measured, costs = [size for size, _ in rows], [cost for _, cost in rows]
            curve = CostCurve.of_samples(measured, costs, depth=max(measured, default=0.0))
        found.append(_no_deeper(curve, 0.0) if rule in (Trade.NONE, shut) else curve)
    return found[0], found[1]


def _no_deeper(curve: CostCurve, depth: float) -> CostCurve:
    return CostCurve(curve.sizes, curve.costs, min(curve.depth, depth))


def _samples(
    ground: _Ground, token: Address, sizes: Sequence[float], sells: bool
) -> Iterator[tuple[float, float]]:
    """(size, cost) of each size that the pools take, shares of the portfolio's value."""
    hub, nav = ground.hub, ground.nav
    if token == hub or ground.column(token) < 0:
        return
    near: Floats | None = None
    for size in sizes:
        share = size if sells else min(size, 1.0)
        held = {hub: nav, token: size * nav} if sells else {hub: nav}
        wanted = {hub: 1.0} if sells else {hub: 1.0 - share, token: share}
        found = ground.solved(ground.goal(held, wanted), near)
        if not found.converged:
            continue
        near, value = found.prices, found.value - ground.idle_gain
        if sells:
            lost = size * ground.mark(token) - (value / nav - 1) * ground.mark(hub)
            yield size, lost
        else:
            bought = share * value / nav
            lost = (1 - (1 - share) * value / nav) * ground.mark(hub) - bought * ground.mark(token)
            yield bought, lost


def _leg(ground: _Ground, token: Address) -> float:
    """Gas of trading a token at all, numeraire units: its transfer, its bounds, and the pools that are worth
    their gas at a typical size."""
    own = (PULL_GAS + BOUND_GAS) * ground.price.per_gas
    if token == ground.hub or ground.column(token) < 0 or ground.price.free:
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


def _loans(
    ground: _Ground, assets: Sequence[Address], sizes: Sequence[float]
) -> tuple[float, dict[Address, float]]:
    """(the dearest asset's premium per unit of value, the most that one lender has of each, as a share of the
    portfolio's value)."""
    prices, lenders = ground.valuation.prices, ground.valuation.snapshot.lenders
    rates, lent = [0.0], {}
    for token in assets:
        able = [lender for lender in lenders if lender.available.get(token, 0) > 0]
        lent[token] = max((each.available[token] for each in able), default=0) * prices[token] / ground.nav
        amount = max(int(max(sizes) * ground.nav / prices[token]), 1)
        rates.append(min((each.premium(token, amount) / amount for each in able), default=0.0))
    return max(rates), lent
