"""Whether a trade pays, in the plan file and in what `status` prints; see `router.plan.Judgement`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router.documents.fields import AddressText, DecimalText, FileModel, Number


class JudgementEntry(FileModel):
    """Tracking-error cost avoided against what a trade costs, over the owner's horizon. Figures in bp are of
    the value before the trade; drifts are the largest |weight - target|."""

    trade: bool
    reason: Annotated[str, Field(description="stable code")]
    explanation: str
    aim: Annotated[str, Field(description="target, edge, part or none")]
    traded: tuple[AddressText, ...]
    landing: Annotated[dict[AddressText, DecimalText], Field(description="weights after costs")]
    risk_aversion: Number
    horizon_days: Number
    avoided_bps: Annotated[Number, Field(description="of tracking-error cost")]
    fees_bps: Number
    impact_bps: Number
    premium_bps: Number
    gas_bps: Number
    net_bps: Number
    net_value: Annotated[Number, Field(description="the net benefit in numeraire units")]
    drift: Number
    break_even_drift: Annotated[
        Number | None, Field(description="where a trade nets nothing; null where no drift pays")
    ]
    measured: Annotated[
        bool, Field(description="costs are those of the plan, and no estimate from cost curves")
    ] = False
    choice_gap_bps: Annotated[
        Number, Field(description="by which no other choice of assets nets more; 0 where that is proven")
    ] = 0.0
