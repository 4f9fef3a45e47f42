"""A rebalance as the optimiser sees it: which tokens move, what of them is held, which shares are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.dual import Goal, Solution
from router.optimiser.kernels import Ints
from router.optimiser.market import Market
from router.planner.gas import GasPrice
from router.planner.universe import Universe
from router.planner.valuation import Valuation
from router.portfolio import Landing, TokenRule, Trade
from router.tokens import Address

TYPICAL_SWAP_GAS = 100_000
SETTLED_BPS = 1e-6
"""A drift below this, in bp, is none."""
FREE = TokenRule()


@dataclass(frozen=True, slots=True)
class Share:
    """Of the final value of all tokens that move: what one may be, and what it is wanted to be."""

    least: float
    wanted: float
    most: float


@dataclass(frozen=True)
class Problem:
    """One rebalance to solve.

    Attributes:
        shares: by token that moves; all other held or wanted tokens keep what they have.
        premiums: raw units per token that repaying its loan takes on top.
    """

    valuation: Valuation
    universe: Universe
    price: GasPrice
    shares: Mapping[Address, Share]
    premiums: Mapping[Address, int] = field(default_factory=dict)

    @property
    def market(self) -> Market:
        return self.universe.market

    @cached_property
    def places(self) -> dict[Address, int]:
        """Of the moving tokens, in the book."""
        return {token: self.market.book.place[token] for token in self.shares}

    @cached_property
    def ends(self) -> Ints:
        return np.array(sorted(self.places.values()), dtype=np.int64)

    @cached_property
    def held(self) -> dict[Address, float]:
        """Value per moving token, premiums already spent."""
        prices, tradable = self.valuation.prices, self.valuation.tradable
        return {
            token: (tradable.get(token, 0) - self.premiums.get(token, 0)) * prices[token]
            for token in self.shares
        }

    @property
    def value(self) -> float:
        """Of all that moves."""
        return sum(self.held.values())

    @cached_property
    def sold_value(self) -> float:
        """Value that has to be sold, costs left out."""
        value = self.value
        return sum(max(self.held[token] - share.wanted * value, 0.0) for token, share in self.shares.items())

    def value_after(self, solution: Solution) -> dict[Address, float]:
        """Final value per moving token."""
        added = solution.added
        return {token: self.held[token] + float(added[self.places[token]]) for token in self.shares}

    def goal(self, market: Market, wanted: Mapping[Address, float] | None = None) -> Goal:
        """For a market of the same book; `wanted` in place of the shares' own."""
        held, shares = np.zeros(market.columns), np.zeros(market.columns)
        for token, share in self.shares.items():
            column = market.column[self.places[token]]
            held[column] += self.held[token]
            shares[column] += share.wanted if wanted is None else wanted[token]
        return Goal(held, shares / shares.sum())


def pose(valuation: Valuation, universe: Universe, price: GasPrice) -> Problem:
    """The problem of a portfolio.

    Raises:
        Infeasible: rules keep a token farther from its target than its tolerance, no admitted pool trades a
            token, or no path of pools joins those to sell and those to buy.
    """
    shares = _shares(valuation, price)
    _require_pools(valuation, universe, shares)
    return Problem(valuation, universe, price, shares)


def _shares(valuation: Valuation, price: GasPrice) -> dict[Address, Share]:
    weights = valuation.weights(valuation.tradable)
    landing = valuation.portfolio.landing
    fixed, wanted = _settled(valuation, weights, _idle(valuation, weights, price))
    if landing is not Landing.NEAREST:
        _require_within(valuation, {**{token: weights[token] for token in fixed}, **wanted})
    moving = sum(wanted.values())
    if not wanted or moving <= 0:
        return {}

    def share(token: Address) -> Share:
        if landing is not Landing.BAND:
            return Share(*(wanted[token] / moving,) * 3)
        target, room = valuation.target(token), valuation.tolerance_bps(token) / BPS
        least, most = max(target - room, 0.0) / moving, min(target + room, 1.0) / moving
        rule = valuation.portfolio.rules.get(token, FREE).trade
        if rule is Trade.BUY:
            least = max(least, min(weights[token] / moving, most))
        if rule is Trade.SELL:
            most = min(most, max(weights[token] / moving, least))
        return Share(least, wanted[token] / moving, most)

    return {token: share(token) for token in sorted(wanted)}


def _settled(
    valuation: Valuation, weights: Mapping[Address, float], idle: frozenset[Address]
) -> tuple[frozenset[Address], dict[Address, float]]:
    """(tokens that keep what they have, share of the whole value wanted of each other): where a rule keeps a
    token from its target, the others divide the rest in proportion to theirs."""
    rules = valuation.portfolio.rules
    fixed = {token for token in weights if rules.get(token, FREE).trade is Trade.NONE} | idle
    while True:
        moving = [token for token in weights if token not in fixed]
        targets = {token: valuation.target(token) for token in moving}
        total, left = sum(targets.values()), sum(weights[token] for token in moving)
        if not total:
            return frozenset(weights), {}
        wanted = {token: target / total * left for token, target in targets.items()}
        stuck = {
            token
            for token in moving
            if (rules.get(token, FREE).trade is Trade.BUY and wanted[token] < weights[token])
            or (rules.get(token, FREE).trade is Trade.SELL and wanted[token] > weights[token])
        }
        if not stuck:
            return frozenset(fixed), wanted
        fixed |= stuck


def _idle(valuation: Valuation, weights: Mapping[Address, float], price: GasPrice) -> frozenset[Address]:
    """Tokens at their target, or whose whole drift is worth less than one swap's gas, while others are
    not."""
    value = valuation.value(valuation.tradable)
    swap_bps = TYPICAL_SWAP_GAS * price.per_gas / value * BPS
    drifts = {token: (weight - valuation.target(token)) * BPS for token, weight in weights.items()}

    def small(token: Address) -> bool:
        return abs(drifts[token]) <= max(SETTLED_BPS, min(swap_bps, valuation.tolerance_bps(token)))

    idle = frozenset(token for token in drifts if small(token))
    active = [drift for token, drift in drifts.items() if token not in idle]
    if not active:
        return frozenset()
    least = min(valuation.tolerance_bps(token) for token in weights)
    return idle if abs(sum(active)) <= least / 2 and min(active) < 0 < max(active) else frozenset()


def _require_within(valuation: Valuation, reachable: Mapping[Address, float]) -> None:
    """Refuses targets that rules put out of reach."""
    off = {
        token: (weight - valuation.target(token)) * BPS
        for token, weight in reachable.items()
        if abs(weight - valuation.target(token)) * BPS > valuation.tolerance_bps(token)
    }
    if not off:
        return
    rules = valuation.portfolio.rules
    binding = sorted(
        f"{valuation.symbol(token)} may {_may(rule.trade)}"
        for token, rule in rules.items()
        if rule.trade is not Trade.BOTH and token in reachable
    )
    token = max(sorted(off), key=lambda each: abs(off[each]))
    raise Infeasible(
        f"{'; '.join(binding)}: {valuation.symbol(token)} then ends {off[token]:+.1f} bp from its target, "
        f"beyond {valuation.tolerance_bps(token)} bp; the best that can be reached is "
        + ", ".join(f"{valuation.symbol(each)} {weight:.2%}" for each, weight in sorted(reachable.items()))
        + "; landing 'nearest' goes there",
        path=f"rules.{valuation.symbol(token)}" if token in rules else "rules",
    )


def _may(trade: Trade) -> str:
    return {Trade.NONE: "not be traded", Trade.BUY: "only be bought"}.get(trade, "only be sold")


def _require_pools(valuation: Valuation, universe: Universe, shares: Mapping[Address, Share]) -> None:
    """Refuses what no admitted pool, or no path of them, can bring about."""
    market, book = universe.market, universe.market.book
    refusals = "".join(f"; {note}" for note in universe.notes)
    for token in shares:
        if valuation.snapshot.transfer_tax_bps.get(token):
            name = valuation.symbol(token)
            raise Infeasible(
                f"{name} keeps part of every transfer and can't be traded exactly", path=f"targets.{name}"
            )
    wanted_first = sorted(shares, key=lambda each: (not shares[each].most, each))

    def no_pool(token: Address) -> Infeasible:
        name, verb = valuation.symbol(token), "bought" if shares[token].most else "sold"
        return Infeasible(
            f"no usable pool trades it: no {name} can be {verb}{refusals}", path=f"targets.{name}"
        )

    for token in wanted_first:
        if token not in universe.component:
            raise no_pool(token)
    groups: dict[int, list[Address]] = {}
    for token in shares:
        groups.setdefault(universe.component[token], []).append(token)
    if len(groups) > 1:
        names = sorted(", ".join(sorted(map(valuation.symbol, group))) for group in groups.values())
        raise Infeasible(f"no path of usable pools joins {' and '.join(names)}{refusals}")
    for token in wanted_first:
        if market.column[book.place[token]] < 0:
            raise no_pool(token)


def premised(problem: Problem, premiums: Mapping[Address, int]) -> Problem:
    """The same problem with premiums to pay."""
    return replace(problem, premiums=dict(premiums))
