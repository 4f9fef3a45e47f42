"""What `rebalance status` prints with `--json`: where a portfolio stands, and what is to be done about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import AddressText, Count, FileModel, Number, RawAmount, SignedText
from router.documents.judgement_models import JudgementEntry


class StatusRow(FileModel):
    """One token of the portfolio; weights are shares of 1, `drift_bps` is weight minus target, `drift_value`
    the same in the numeraire."""

    token: AddressText
    symbol: str
    raw: RawAmount
    amount: SignedText
    price: SignedText | None
    value: Number | None
    weight: Number | None
    target: SignedText
    drift_bps: Number | None
    drift_value: Number | None = None
    relative_drift: Annotated[
        Number | None, Field(description="|drift| as a share of the target; null where the target is 0")
    ] = None
    trigger_bps: Annotated[
        Number | None, Field(description="long-run band: the drift at which a trade is worth its cost")
    ] = None
    landing_bps: Annotated[Number | None, Field(description="the drift that such a trade leaves")] = None


class DriftEntry(FileModel):
    """One sense of drift; shares of the portfolio, or of a target where relative. Null where it is not
    known: without covariances, or with a target of 0."""

    measure: Annotated[str, Field(description="absolute, relative, l1, l2 or tracking_error")]
    value: Number | None
    numeraire: Number | None


class ReadingEntry(FileModel):
    """One threshold of the trigger, and the drift nearest to it or farthest beyond it."""

    place: str
    measure: str
    drift: Annotated[Number | None, Field(description="null where it has no bound")]
    band: Number


class TriggerEntry(FileModel):
    """Whether the trigger fires now. Times are ISO text; null where only a change can make it fire."""

    fires: bool
    reasons: Annotated[tuple[str, ...], Field(description="stable codes, the most telling first")]
    causes: tuple[str, ...]
    readings: tuple[ReadingEntry, ...]
    at: str
    next_due: str | None
    next_slot: str | None


class StatusFile(FileModel):
    """Where a portfolio stands. `due` says whether its trigger, or else its tolerance, wants a trade;
    `verdict`, whether that also pays where the owner has said what drift costs."""

    schema_: Annotated[Literal["rebalance-status/1"], Field(alias="schema")] = "rebalance-status/1"
    chain_id: Annotated[int, Field(strict=True, gt=0)]
    block_number: Count
    owner: AddressText
    numeraire: AddressText
    value: Number
    tokens: tuple[StatusRow, ...]
    max_drift_bps: Number
    tolerance_bps: Count
    drifts: tuple[DriftEntry, ...]
    due: bool
    trigger: TriggerEntry
    judgement: JudgementEntry | None
    verdict: Literal["trade", "hold"]
    reason: str
    notes: tuple[str, ...] = ()
