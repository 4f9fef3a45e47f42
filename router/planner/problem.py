"""A rebalance as the optimiser sees it: which tokens move, what of them is held, which shares are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.arrays import Ints
from router.optimiser.dual import Goal, Solution
from router.optimiser.market import Market
from router.planner.gas import GasPrice
from router.planner.universe import Universe
from router.planner.valuation import Valuation
from router.portfolio import Landing, TokenRule, Trade
from router.tokens import Address, format_amount

TYPICAL_SWAP_GAS = 100_000
SETTLED_BPS = 1e-6
"""A drift below this, in bp, is none."""
INSET = 1e-7
WIDEST_INSET = 0.25
"""Of a band's width."""
FREE = TokenRule()


@dataclass(frozen=True, slots=True)
class Share:
    """What a token that moves is to be in the end.

    Attributes:
        wanted: share of the final value of all tokens that move.
        band: least and most share of the final value of all held or wanted tokens, where the landing leaves
            room.
    """

    wanted: float
    band: tuple[float, float] | None = None

    @property
    def most(self) -> float:
        return self.wanted if self.band is None else self.band[1]


@dataclass(frozen=True)
class Problem:
    """One rebalance to solve.

    Attributes:
        shares: by token that moves; all other held or wanted tokens keep what they have.
        premiums: raw units per token that repaying its loan takes on top.
        inset: how far within a band flows end, as a share of the value, for what integers lose.
    """

    valuation: Valuation
    universe: Universe
    price: GasPrice
    shares: Mapping[Address, Share]
    premiums: Mapping[Address, int] = field(default_factory=dict)
    inset: float = INSET

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
    def kept(self) -> float:
        """Value of the held or wanted tokens that do not move."""
        prices, tradable = self.valuation.prices, self.valuation.tradable
        return sum(
            prices[token] * tradable.get(token, 0)
            for token in self.valuation.tokens
            if token not in self.shares
        )

    @cached_property
    def sold_value(self) -> float:
        """Value that has to be sold, costs left out."""
        value = self.value
        return sum(max(self.held[token] - share.wanted * value, 0.0) for token, share in self.shares.items())

    def trade(self, token: Address) -> Trade:
        """What the owner's rules allow."""
        return self.valuation.portfolio.rules.get(token, FREE).trade

    @cached_property
    def banded(self) -> bool:
        """Whether the landing leaves room for the final shares."""
        return any(share.band for share in self.shares.values())

    @cached_property
    def fluid(self) -> bool:
        """Whether the shares that are allowed depend on the final value: where something keeps its amount."""
        one_sided = any(self.trade(token) in (Trade.BUY, Trade.SELL) for token in self.shares)
        return one_sided or (self.banded and self.kept != 0)

    @property
    def least_moved(self) -> int:
        """How many tokens any trade moves: all, but where some may stay."""
        return min(len(self.shares), 2) if self.banded or self.fluid else len(self.shares)

    def limits(self, value: float, inset: float | None = None) -> dict[Address, tuple[float, float]]:
        """Least and most share of what moves, by token, where all that moves ends with this value.

        Args:
            inset: in place of the problem's own.
        """
        if not self.banded:
            exact = self._exact(value, self.inset if inset is None else inset)
            return {token: (share, share) for token, share in exact.items()}
        found = self._banded(value, self.inset if inset is None else inset)
        least, most = (sum(limit[side] for limit in found.values()) for side in (0, 1))
        return found if least <= 1 <= most else self._banded(value, 0.0)

    def _exact(self, value: float, inset: float) -> dict[Address, float]:
        """The wanted shares, where none would take what may only be bought, or add to what may only be sold:
        such tokens keep what they have, the others divide the rest, which may be less than nothing; what
        is not wanted takes no part. Of what is reserved a hair more than nothing is left."""
        aims = {
            token: max(share.wanted, self._spare(token, value, inset)) for token, share in self.shares.items()
        }
        stuck: dict[Address, float] = {}
        while True:
            left = 1.0 - sum(stuck.values())
            total = sum(aim for token, aim in aims.items() if token not in stuck)
            each = left / total if total else 0.0
            found = {token: stuck[token] if token in stuck else aim * each for token, aim in aims.items()}
            more = {
                token: self.held[token] / value
                for token in found
                if token not in stuck and self._against(token, found[token] * value - self.held[token])
            }
            if not more or len(more) + len(stuck) == len(found):
                return found
            stuck |= more

    def _spare(self, token: Address, value: float, inset: float) -> float:
        """Least share of a token of which more is reserved than there is."""
        if self.held[token] >= 0 or not inset:
            return 0.0
        return inset + 2 * self.valuation.prices[token] / value

    def _against(self, token: Address, change: float) -> bool:
        """Whether a rule forbids a change of a token's amount."""
        rule = self.trade(token)
        return (rule is Trade.BUY and change < 0) or (rule is Trade.SELL and change > 0)

    def _banded(self, value: float, inset: float) -> dict[Address, tuple[float, float]]:
        whole, prices = (value + self.kept) / value, self.valuation.prices
        found = {}
        for token, share in self.shares.items():
            least, most = share.band or (share.wanted / whole,) * 2
            room = min(inset + 2 * prices[token] / value if inset else 0.0, (most - least) * WIDEST_INSET)
            low = (least + room if least > 0 else self._spare(token, value, inset)) * whole
            high = (most - room if most < 1 else 1.0) * whole
            own = self.held[token] / value
            if self.trade(token) is Trade.BUY:
                low = max(low, own)
                high = max(high, low)
            if self.trade(token) is Trade.SELL:
                high = min(high, own)
                low = min(low, high)
            found[token] = low, high
        return found

    def value_after(self, solution: Solution) -> dict[Address, float]:
        """Final value per moving token."""
        added = solution.added
        return {token: self.held[token] + float(added[self.places[token]]) for token in self.shares}

    def shares_after(self, solution: Solution) -> dict[Address, float]:
        """Final shares of what moves."""
        final = self.value_after(solution)
        total = sum(final.values())
        return {token: value / total for token, value in final.items()}

    def goal(self, market: Market, wanted: Mapping[Address, float] | None = None) -> Goal:
        """For a market of the same book; `wanted`, shares of what moves, in place of the problem's own."""
        held, shares = np.zeros(market.columns), np.zeros(market.columns)
        for token, share in self.shares.items():
            column = market.column[self.places[token]]
            held[column] += self.held[token]
            shares[column] += share.wanted if wanted is None else wanted[token]
        return Goal(held, shares / shares.sum())


def pose(valuation: Valuation, universe: Universe, price: GasPrice, *, idle: bool = True) -> Problem:
    """The problem of a portfolio.

    Args:
        idle: let tokens keep what they have where they are so near their target that trading them is not
            worth its gas. What the others cost may still take them beyond their tolerance.

    Raises:
        Infeasible: rules keep a token farther from its target than its tolerance, no admitted pool trades a
            token, or no path of pools joins those to sell and those to buy.
    """
    shares = _shares(valuation, price, idle)
    _require_pools(valuation, universe, shares)
    return Problem(valuation, universe, price, shares)


def _shares(valuation: Valuation, price: GasPrice, idle: bool) -> dict[Address, Share]:
    weights = valuation.weights(valuation.tradable)
    _require_reserved(valuation, weights)
    if valuation.portfolio.landing is Landing.BAND:
        return _bands(valuation, weights)
    fixed, wanted = _settled(valuation, weights, _idle(valuation, weights, price) if idle else frozenset())
    if valuation.portfolio.landing is Landing.TARGET:
        _require_within(valuation, {**{token: weights[token] for token in fixed}, **wanted})
    moving = sum(wanted.values())
    still = all(abs(share - weights[token]) * BPS <= SETTLED_BPS for token, share in wanted.items())
    if still or moving <= 0:
        return {}
    return {token: Share(wanted[token] / moving) for token in sorted(wanted)}


def _bands(valuation: Valuation, weights: Mapping[Address, float]) -> dict[Address, Share]:
    """Every token's band, but of those that may not be traded."""
    rules = valuation.portfolio.rules
    bands, reachable = {}, {}
    for token, weight in weights.items():
        target, room = valuation.target(token), valuation.tolerance_bps(token) / BPS
        rule = rules.get(token, FREE).trade
        low, high = bands[token] = max(target - room, 0.0), min(target + room, 1.0)
        least = weight if rule is Trade.NONE else max(low, weight) if rule is Trade.BUY else low
        most = weight if rule is Trade.NONE else min(high, weight) if rule is Trade.SELL else high
        reachable[token] = least, most
    shut = [token for token, (low, high) in bands.items() if not _overlap(reachable[token], (low, high))]
    least, most = (sum(reach[side] for reach in reachable.values()) for side in (0, 1))
    fixed, wanted = _settled(valuation, weights, frozenset())
    nearest = {**{token: weights[token] for token in fixed}, **wanted}
    if shut or not least <= 1 + SETTLED_BPS / BPS or not most >= 1 - SETTLED_BPS / BPS:
        _require_within(valuation, nearest)
    shares = {token: nearest[token] for token in sorted(bands) if _trade(rules, token) is not Trade.NONE}
    moving = sum(shares.values())
    if not shares or moving <= 0:
        return {}
    return {token: Share(share / moving, bands[token]) for token, share in shares.items()}


def _trade(rules: Mapping[Address, TokenRule], token: Address) -> Trade:
    return rules.get(token, FREE).trade


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    room = SETTLED_BPS / BPS
    return one[0] <= min(one[1], other[1]) + room and other[0] <= one[1] + room


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
        return weights[token] >= 0 and abs(drifts[token]) <= max(
            SETTLED_BPS, min(swap_bps, valuation.tolerance_bps(token))
        )

    idle = frozenset(token for token in drifts if small(token))
    active = [drift for token, drift in drifts.items() if token not in idle]
    if not active:
        return frozenset()
    least = min(valuation.tolerance_bps(token) for token in weights)
    return idle if abs(sum(active)) <= least / 2 and min(active) < 0 < max(active) else frozenset()


def _require_reserved(valuation: Valuation, weights: Mapping[Address, float]) -> None:
    """Refuses to leave more of a token than there is where a rule keeps it from being bought."""
    for token, weight in sorted(weights.items()):
        rule = _trade(valuation.portfolio.rules, token)
        if weight < 0 and rule in (Trade.NONE, Trade.SELL):
            name, decimals = valuation.symbol(token), valuation.snapshot.tokens[token].decimals
            most = format_amount(valuation.funds.get(token, 0), decimals)
            raise Infeasible(
                f"{name} may {_may(rule)}, and more of it is to be left than there is; {most} can be",
                path=f"cash_flows.{name}",
            )


def _require_within(valuation: Valuation, reachable: Mapping[Address, float]) -> None:
    """Refuses targets that rules put out of reach."""
    off = {
        token: (weight - valuation.target(token)) * BPS
        for token, weight in reachable.items()
        if abs(weight - valuation.target(token)) * BPS > max(valuation.tolerance_bps(token), SETTLED_BPS)
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
