"""What a portfolio is worth at one set of prices: the user's where given, the snapshot's elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from router.errors import InputError
from router.fixed_point import BPS, PRICE_ONE, WAD
from router.portfolio import Portfolio
from router.snapshot import Snapshot, price_text_to_e36
from router.tokens import Address


@dataclass(frozen=True)
class Valuation:
    """Prices and weights of one portfolio on one snapshot."""

    snapshot: Snapshot
    portfolio: Portfolio

    @cached_property
    def price_texts(self) -> Mapping[Address, str]:
        """Numeraire per whole token, of every token that has a price."""
        return {**self.snapshot.prices, **self.portfolio.prices}

    @cached_property
    def prices_e36(self) -> Mapping[Address, int]:
        """Numeraire per raw unit times 10**36, of every token with a price of at least one unit of that."""
        own = self.portfolio.prices
        if not own:
            return self.snapshot.prices_e36
        tokens = self.snapshot.tokens
        given = {
            token: price_text_to_e36(text, tokens[token].decimals)
            for token, text in own.items()
            if token in tokens
        }
        known = {**self.snapshot.prices_e36, **given}
        return {token: price for token, price in known.items() if price > 0}

    @cached_property
    def prices(self) -> Mapping[Address, float]:
        """Numeraire per raw unit."""
        if not self.portfolio.prices:
            return self.snapshot.unit_prices
        return {token: price / PRICE_ONE for token, price in self.prices_e36.items()}

    @cached_property
    def reserved(self) -> Mapping[Address, int]:
        """Raw units that must be left beside the weights."""
        return {token: -amount for token, amount in self.portfolio.cash_flows.items() if amount < 0}

    @cached_property
    def funds(self) -> Mapping[Address, int]:
        """Raw units that the owner will have before the trade: holdings and what flows in."""
        total = dict(self.portfolio.holdings)
        for token, amount in self.portfolio.cash_flows.items():
            if amount > 0:
                total[token] = total.get(token, 0) + amount
        return total

    @cached_property
    def tradable(self) -> Mapping[Address, int]:
        """Raw units that the weights are about; negative where more is reserved than there is."""
        return self.net_of_reserved(self.funds)

    def net_of_reserved(self, amounts: Mapping[Address, int]) -> Mapping[Address, int]:
        """Without what must be left beside the weights."""
        if not self.reserved:
            return amounts
        every = amounts.keys() | self.reserved.keys()
        return {token: amounts.get(token, 0) - self.reserved.get(token, 0) for token in sorted(every)}

    @cached_property
    def tokens(self) -> tuple[Address, ...]:
        """Every token that is held, wanted or to be left, sorted."""
        held = {token for token, amount in self.funds.items() if amount}
        wanted = {token for token, weight in self.portfolio.targets_wad.items() if weight}
        return tuple(sorted(held | wanted | self.reserved.keys()))

    def symbol(self, token: Address) -> str:
        known = self.snapshot.tokens.get(token)
        return known.symbol if known else token

    def value_e36(self, amounts: Mapping[Address, int]) -> int:
        """Numeraire value of raw amounts, times 10**36; amounts may be negative, tokens without a price
        count nothing."""
        return sum(self.prices_e36.get(token, 0) * amount for token, amount in amounts.items())

    def value(self, amounts: Mapping[Address, int]) -> float:
        return self.value_e36(amounts) / PRICE_ONE

    def own_e36(self, amounts: Mapping[Address, int]) -> int:
        """The same of the held or wanted tokens alone: what is left of one that was only passed through is no
        part of the portfolio."""
        return self.value_e36({token: amounts.get(token, 0) for token in self.tokens})

    def target(self, token: Address) -> float:
        return self.portfolio.targets_wad.get(token, 0) / WAD

    def tolerance_bps(self, token: Address) -> int:
        """How far the token's final weight may be from its target."""
        rule = self.portfolio.rules.get(token)
        own = rule.tolerance_bps if rule else None
        return self.portfolio.tolerance_bps if own is None else own

    def weights(self, amounts: Mapping[Address, int]) -> dict[Address, float]:
        """Share of the value of each held or wanted token; `amounts` as in `tradable`."""
        total = self.own_e36(amounts)
        return {token: self.prices_e36[token] * amounts.get(token, 0) / total for token in self.tokens}

    def drifts_bps(self, amounts: Mapping[Address, int]) -> dict[Address, float]:
        """Weight less target per held or wanted token, in hundredths of a percent; `amounts` as in
        `tradable`."""
        weights = self.weights(amounts)
        return {token: (weight - self.target(token)) * BPS for token, weight in weights.items()}

    def check(self) -> None:
        """Refuses what can't be planned for.

        Raises:
            InputError: nothing held, an unknown token, or one without a price.
        """
        for token in self.tokens:
            if token not in self.snapshot.tokens:
                raise InputError(f"token {token} is not in the snapshot", path=self._place(token))
            if token not in self.prices_e36:
                raise InputError(
                    f"{self.symbol(token)} has no price; give one under 'prices'", path=self._place(token)
                )
        if self.value_e36(self.tradable) <= 0:
            raise InputError("nothing of value is held", path="holdings")

    def _place(self, token: Address) -> str:
        portfolio = self.portfolio
        places = {"targets": portfolio.targets_wad, "holdings": portfolio.holdings}
        name = next((name for name, held in places.items() if token in held), "cash_flows")
        return f"{name}.{self.symbol(token)}"


def worst(
    drifts_bps: Mapping[Address, float], tokens: Iterable[Address] | None = None
) -> tuple[Address, float]:
    """The token farthest from its target, and by how much."""
    chosen = sorted(drifts_bps if tokens is None else tokens)
    token = max(chosen, key=lambda each: abs(drifts_bps[each]))
    return token, drifts_bps[token]
