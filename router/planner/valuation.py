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
        found = {
            token: price_text_to_e36(text, self.snapshot.tokens[token].decimals)
            for token, text in self.price_texts.items()
            if token in self.snapshot.tokens
        }
        return {token: price for token, price in found.items() if price > 0}

    @cached_property
    def prices(self) -> Mapping[Address, float]:
        """Numeraire per raw unit."""
        return {token: price / PRICE_ONE for token, price in self.prices_e36.items()}

    @cached_property
    def tokens(self) -> tuple[Address, ...]:
        """Every token that is held or wanted, sorted."""
        held = {token for token, amount in self.portfolio.holdings.items() if amount}
        wanted = {token for token, weight in self.portfolio.targets_wad.items() if weight}
        return tuple(sorted(held | wanted))

    def symbol(self, token: Address) -> str:
        known = self.snapshot.tokens.get(token)
        return known.symbol if known else token

    def value_e36(self, amounts: Mapping[Address, int]) -> int:
        """Numeraire value of raw amounts, times 10**36; amounts may be negative, tokens without a price
        count nothing."""
        return sum(self.prices_e36.get(token, 0) * amount for token, amount in amounts.items())

    def value(self, amounts: Mapping[Address, int]) -> float:
        return self.value_e36(amounts) / PRICE_ONE

    def target(self, token: Address) -> float:
        return self.portfolio.targets_wad.get(token, 0) / WAD

    def drifts_bps(self, amounts: Mapping[Address, int]) -> dict[Address, float]:
        """Weight less target per held or wanted token, in hundredths of a percent of the portfolio."""
        total = self.value_e36({token: amounts.get(token, 0) for token in self.tokens})
        return {
            token: (self.prices_e36[token] * amounts.get(token, 0) / total - self.target(token)) * BPS
            for token in self.tokens
        }

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
        if self.value_e36(self.portfolio.holdings) <= 0:
            raise InputError("nothing of value is held", path="holdings")

    def _place(self, token: Address) -> str:
        return f"{'targets' if token in self.portfolio.targets_wad else 'holdings'}.{self.symbol(token)}"


def worst(
    drifts_bps: Mapping[Address, float], tokens: Iterable[Address] | None = None
) -> tuple[Address, float]:
    """The token farthest from its target, and by how much."""
    chosen = sorted(drifts_bps if tokens is None else tokens)
    token = max(chosen, key=lambda each: abs(drifts_bps[each]))
    return token, drifts_bps[token]
