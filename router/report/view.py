"""What every part of a plan's page reads: the plan, its market, names and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.fixed_point import PRICE_ONE
from router.plan import Plan, PlannedSwap
from router.report.words import Names, fee, money
from router.snapshot import Snapshot, price_text_to_e36
from router.tokens import Address


@dataclass(frozen=True, slots=True)
class View:
    """One plan for people.

    Attributes:
        price_e36: numeraire per raw unit, times 10**36, by the plan where it has a price.
        unit: the numeraire's name.
    """

    plan: Plan
    market: Snapshot
    names: Names
    price_e36: Mapping[Address, int]
    unit: str

    @classmethod
    def of(cls, plan: Plan, market: Snapshot) -> View:
        shown = _mentioned(plan, market)
        names = Names.of(market.tokens, shown)
        prices = {**market.prices, **plan.prices}
        price_e36 = {
            token: price_text_to_e36(prices[token], market.tokens[token].decimals)
            for token in shown
            if token in prices and token in market.tokens
        }
        return cls(plan, market, names, price_e36, names.name(market.numeraire))

    def value(self, token: Address, raw: int) -> float:
        """Numeraire units; 0 without a price."""
        return self.price_e36.get(token, 0) * raw / PRICE_ONE

    def paid(self, swap: PlannedSwap) -> float:
        return self.value(swap.token_in, swap.amount_in)

    def received(self, swap: PlannedSwap) -> float:
        return self.value(swap.token_out, swap.amount_out)

    def fee(self, swap: PlannedSwap) -> str:
        pool = self.market.pool_by_address.get(swap.pool)
        return fee(pool.fee_pips) if pool else "unknown"

    def money(self, value: float) -> str:
        return f"{money(value)} {self.unit}"


def _mentioned(plan: Plan, market: Snapshot) -> list[Address]:
    """Every token that the page names, those of the portfolio first."""
    held = [*plan.targets_wad, *plan.holdings_before, *plan.holdings_after, *plan.reserved]
    traded = [token for swap in plan.swaps for token in (swap.token_in, swap.token_out)]
    bound = [bounds.token for bounds in plan.program.tokens] if plan.program else []
    excluded = [token for gone in plan.excluded for token in (gone.token_in, gone.token_out)]
    return list(dict.fromkeys((*held, *traded, *bound, *excluded, market.numeraire)))
