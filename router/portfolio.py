"""Who holds what, and what they want to hold. All of it resolved to addresses and raw units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from router.tokens import Address

DEFAULT_MAX_COST_BPS = 5_000
"""A plan that costs more than half of the portfolio is never what was meant; owners set less."""
DEFAULT_MAX_ARBITRAGE_BPS = 0.05
"""Room for the price differences that fees leave between live pools, and for nothing else."""
DEPTH_MOVE = 0.02
"""The move of a pool's price that defines its depth."""


class LoanPolicy(StrEnum):
    """When to take a flash loan."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Settlement(StrEnum):
    """What happens first: the owner's tokens leave, or the bought ones arrive."""

    PULL_FIRST = "pull-first"
    DELIVER_FIRST = "deliver-first"


class Landing(StrEnum):
    """Where the final weights may be: at the target exactly, anywhere within its tolerance, or, where rules
    keep some token from its target, as near as those allow."""

    TARGET = "target"
    BAND = "band"
    NEAREST = "nearest"


class Trade(StrEnum):
    """What may happen to the owner's balance of a token."""

    BOTH = "both"
    BUY = "buy"
    SELL = "sell"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TokenRule:
    """What the owner allows for one token.

    Attributes:
        tolerance_bps: in place of the portfolio's own.
        max_impact_bps: how far this token's price may be moved in any one pool.
    """

    trade: Trade = Trade.BOTH
    tolerance_bps: int | None = None
    max_impact_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Guards:
    """What of the market the owner refuses to trade into.

    Attributes:
        max_pool_share_bps: of a pool's depth that a plan may take in one direction; twice the depth by
            default, which moves a pool's price by about twice DEPTH_MOVE.
        max_price_deviation_bps: of a pool's price after the plan from the reference price, either way.
        max_source_deviation_bps: of a reference price from the pools', of each held or wanted token. Feeds
            are written when they are 50 to 200 bp off, and pools follow to within their fees.
        min_sources: of the price of each held or wanted token: 1 also takes one that no pool speaks of, 2
            refuses it.
        max_jump_bps: of a price from the one that the last look of a journal accepted, within a day. Of 3,270
            daily changes of BTC, ETH and LINK from 2021 to 2023 three were larger than the default, all in
            May 2021; a wrong decimal place or feed is off by far more.
    """

    max_pool_share_bps: int = 20_000
    max_price_deviation_bps: int = 500
    max_source_deviation_bps: int = 300
    min_sources: int = 1
    max_jump_bps: int = 3_000


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
        landing: where the final weights may be.
        rules: by token; a token that is missing has no rule.
        cash_flows: raw units by token that are added to the holdings before the trade (positive), or that
            must be left beside the weights after it (negative).
        max_depth_bps: the most of a pool's depth that the plan may take, depth being the amount in that
            moves the pool's price by DEPTH_MOVE.
        max_legs: the most swaps in one plan.
        max_arbitrage_bps: the most, of the portfolio's value, that the pools may pay somebody who trades
            nothing else, for a plan to take part in it; where they offer more, no flows go in a circle.
        gas_price_wei: price of gas to plan with; None takes the snapshot's base fee.
        allow_tokens: where not empty, only pools whose tokens are all listed are used.
        deny_tokens: no pool with one of these is used.
        guards: what of the market is refused.
        notes: sentences for people on where the targets come from.
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
    landing: Landing = Landing.TARGET
    rules: Mapping[Address, TokenRule] = field(default_factory=dict)
    cash_flows: Mapping[Address, int] = field(default_factory=dict)
    max_depth_bps: int | None = None
    max_legs: int | None = None
    max_arbitrage_bps: float = DEFAULT_MAX_ARBITRAGE_BPS
    guards: Guards = field(default_factory=Guards)
    notes: tuple[str, ...] = ()
