"""What `bands` prints, `rebalance-bands/1`. Shares are of net asset value; `_bps` are its basis points."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import FileModel, Number


class BandRow(FileModel):
    """The best band of one weight: trade beyond `trigger`, to `landing`; both are |weight - target|."""

    asset: str
    weight: Number
    volatility: Annotated[Number, Field(description="annual, of the asset against the rest")]
    nav: Number
    gas: Annotated[Number, Field(description="numeraire per transaction")]
    fee_bps: Annotated[Number, Field(description="of the value traded, its other side included")]
    trigger: Number
    landing: Number
    target_trigger: Annotated[Number, Field(description="the best trigger if trades land on the target")]
    target_objective_bps: Annotated[Number, Field(description="what that costs a year")]
    reach: Annotated[
        Literal["both", "below", "above", "never"],
        Field(description="sides on which the weight can meet its trigger"),
    ]
    tracking_error: Annotated[Number, Field(description="annual")]
    tracking_error_cost_bps: Annotated[Number, Field(description="a year")]
    fees_bps: Annotated[Number, Field(description="a year")]
    gas_bps: Annotated[Number, Field(description="a year")]
    objective_bps: Annotated[Number, Field(description="all three")]
    turnover: Annotated[Number | None, Field(description="a year; null where it has no limit")]
    trades_per_year: Annotated[Number | None, Field(description="null for a band held at its edge")]


class BandsFile(FileModel):
    """Bands over a grid of values, gas costs and volatilities."""

    schema_: Annotated[Literal["rebalance-bands/1"], Field(alias="schema")] = "rebalance-bands/1"
    risk_aversion: Number
    tracking_error: Annotated[
        Number | None,
        Field(description="annual budget that the bands keep; null where risk aversion sets them"),
    ]
    costs: Annotated[Literal["flags", "pools"], Field(description="where fees and gas come from")]
    rows: tuple[BandRow, ...]
