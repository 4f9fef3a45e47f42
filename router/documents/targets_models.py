"""What `targets` prints, `rebalance-targets/1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.backtest_models import PricesEntry
from router.documents.fields import Count, DecimalText, FileModel, Number


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
