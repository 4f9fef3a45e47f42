"""The portfolio file, `rebalance-portfolio/1`, as people write it: TOML or JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from router.documents.fields import (
    AddressText,
    DecimalText,
    FileModel,
    PositiveText,
    SignedText,
)
from router.fixed_point import BPS
from router.portfolio import DEFAULT_MAX_COST_BPS, LoanPolicy, Settlement

DEFAULT_BPS = 50


def _bps(value: Any) -> int:
    """Whole basis points; a fraction is most likely a percentage or a share of 1, and the refusal says so."""
    if type(value) is int and 0 <= value <= BPS:
        return value
    raise PydanticCustomError(
        "bps",
        "should be a whole number of basis points from 0 to 10000 (1 % is 100, 0.05 % is 5), is {value}",
        {"value": str(value)},
    )


BpsText = Annotated[
    int,
    BeforeValidator(_bps),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": BPS}),
]


class CalendarTrigger(FileModel):
    """Rebalance every so many days."""

    kind: Literal["calendar"]
    interval_days: PositiveText


class ThresholdTrigger(FileModel):
    """Rebalance when a weight has drifted too far: `band_bps` of the portfolio, or of its target."""

    kind: Literal["threshold"]
    band_bps: BpsText
    relative: bool = False


class HybridTrigger(FileModel):
    """Look every so many days, act when a weight has drifted too far."""

    kind: Literal["hybrid"]
    interval_days: PositiveText
    band_bps: BpsText
    relative: bool = False


Trigger = Annotated[CalendarTrigger | ThresholdTrigger | HybridTrigger, Field(discriminator="kind")]


class PortfolioModel(FileModel):
    """Who holds what, and what they want to hold. Tokens by address, or by unambiguous symbol."""

    schema_: Annotated[Literal["rebalance-portfolio/1"], Field(alias="schema")] = "rebalance-portfolio/1"
    chain_id: Annotated[int | None, Field(strict=True, gt=0)] = None
    owner: AddressText
    numeraire: str | None = None
    holdings: Annotated[dict[str, SignedText] | None, Field(description="whole tokens by token")] = None
    targets: Annotated[dict[str, SignedText], Field(description="weight by token; they sum to 1")]
    prices: Annotated[dict[str, PositiveText], Field(default_factory=dict, description="by token")]
    tolerance_bps: BpsText = DEFAULT_BPS
    max_slippage_bps: BpsText = DEFAULT_BPS
    max_cost_bps: BpsText = DEFAULT_MAX_COST_BPS
    gas_price_gwei: DecimalText | None = None
    loan: Literal["auto", "always", "never"] = LoanPolicy.AUTO.value
    settlement: Literal["pull-first", "deliver-first"] = Settlement.PULL_FIRST.value
    allow_tokens: tuple[str, ...] = ()
    deny_tokens: tuple[str, ...] = ()
    trigger: Trigger | None = None
