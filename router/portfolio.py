"""Who holds what, and what they want to hold. All of it resolved to addresses and raw units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from router.tokens import Address

DEFAULT_MAX_COST_BPS = 5_000
"""A plan that costs more than half of the portfolio is never what was meant; owners set less."""


class LoanPolicy(StrEnum):
    """When to take a flash loan."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Settlement(StrEnum):
    """What happens first: the owner's tokens leave, or the bought ones arrive."""

    PULL_FIRST = "pull-first"
    DELIVER_FIRST = "deliver-first"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Holdings and target of one owner.

    Attributes:
        owner: the account that holds the tokens.
        holdings: raw units by token.
        targets_wad: share of the portfolio's value by token, times 10**18; they sum to 10**18 exactly.
        prices: numeraire per whole token as decimal text; the user's own, over the snapshot's.
        tolerance_bps: how far each final weight may be from its target, in basis points of the portfolio.
        max_slippage_bps: how much less than planned the owner accepts, of the value traded.
        max_cost_bps: the most that fees, price impact, premium and gas may take of the portfolio's value.
        gas_price_wei: price of gas to plan with; None takes the snapshot's base fee.
        allow_tokens: where not empty, only pools whose tokens are all listed are used.
        deny_tokens: no pool with one of these is used.
    """

    owner: Address
    holdings: Mapping[Address, int]
    targets_wad: Mapping[Address, int]
    prices: Mapping[Address, str] = field(default_factory=dict)
    tolerance_bps: int = 50
    max_slippage_bps: int = 50
    gas_price_wei: int | None = None
    loan: LoanPolicy = LoanPolicy.AUTO
    settlement: Settlement = Settlement.PULL_FIRST
    allow_tokens: frozenset[Address] = frozenset()
    deny_tokens: frozenset[Address] = frozenset()
    max_cost_bps: int = DEFAULT_MAX_COST_BPS
