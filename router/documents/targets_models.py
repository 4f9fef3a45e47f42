"""Targets by a rule: the `target_rule` table of a portfolio file, and what `targets` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from router.documents.backtest_models import PricesEntry
from router.documents.fields import Count, DecimalText, FileModel, Number, PositiveText, SignedText
from router.documents.price_models import LEAST_RETURNS, PricesTable


def _shape(value: Any) -> str:
    return "by_asset" if isinstance(value, Mapping) else "number"


Limits = Annotated[
    Annotated[DecimalText, Tag("number")] | Annotated[dict[str, DecimalText], Tag("by_asset")],
    Discriminator(_shape),
]
"""One weight of every priced asset, or weights by asset."""


class RuleModel(FileModel):
    """A rule for target weights, and its limits; see `router.strategy.target_rules.TargetRule`."""

    rule: str
    base: Annotated[
        str | None, Field(description="what volatility_target, momentum and mean_reversion start from")
    ] = None
    capitals: Annotated[
        dict[str, DecimalText] | None, Field(description="market capitals, for market_cap")
    ] = None
    volatility: Annotated[DecimalText | None, Field(description="annual, of volatility_target")] = None
    window: Annotated[
        int | None, Field(strict=True, ge=2, description="rows of momentum and mean_reversion")
    ] = None
    strength: Annotated[SignedText | None, Field(description="of momentum and mean_reversion")] = None
    cash_asset: Annotated[
        str | None, Field(min_length=1, description="the numeraire; without prices, without risk")
    ] = None
    cash_weight: Annotated[
        DecimalText, Field(description="share of cash; under volatility_target the least")
    ] = "0"
    floor: Annotated[Limits | None, Field(description="least weight, of every priced asset or by asset")] = (
        None
    )
    cap: Annotated[Limits | None, Field(description="most weight, of every priced asset or by asset")] = None
    max_step: Annotated[
        PositiveText | None, Field(description="most that a weight moves from the present one")
    ] = None
    covariance: Annotated[
        str, Field(description="shrunk, sample, exponential, regime_adjusted or forecast")
    ] = "shrunk"
    covariance_rows: Annotated[
        int, Field(strict=True, ge=2, description="newest rows that it is from; a forecast uses all")
    ] = 365
    places: Annotated[int, Field(strict=True, ge=1, le=12, description="decimals of the weights")] = 4


class TargetRuleTable(PricesTable, RuleModel):
    """A rule in place of fixed targets; computed when the portfolio is read."""

    covariance_rows: Annotated[
        int,
        Field(strict=True, ge=LEAST_RETURNS, description="newest rows that it is from; a forecast uses all"),
    ] = 365


class WeightEntry(FileModel):
    """One target, and the risk that it brings."""

    asset: str
    weight: DecimalText
    volatility: Annotated[Number, Field(description="annual")]
    risk: Annotated[Number, Field(description="share of the portfolio's variance; they sum to 1")]


class TargetsFile(FileModel):
    """Target weights by a rule."""

    schema_: Annotated[Literal["rebalance-targets/1"], Field(alias="schema")] = "rebalance-targets/1"
    prices: PricesEntry
    rule: str
    base: Annotated[str | None, Field(description="the rule that it starts from")]
    covariance: Annotated[str, Field(description="how it was estimated")]
    covariance_rows: Annotated[Count, Field(description="newest returns that it is from")]
    volatility: Annotated[Number, Field(description="of the targets, annual")]
    assets: tuple[WeightEntry, ...]
    targets: Annotated[
        dict[str, DecimalText], Field(description="they sum to exactly 1; a table of a portfolio")
    ]
