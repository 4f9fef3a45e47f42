"""The plan file, `rebalance-plan/1`: all that is needed to replay and check a plan without this package."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import (
    AddressText,
    Count,
    DecimalText,
    FileModel,
    HexText,
    Number,
    PositiveAmount,
    PositiveText,
    RawAmount,
    SignedAmount,
)
from router.documents.judgement_models import JudgementEntry


class StepEntry(FileModel):
    """One swap in execution order; `index` is its place among the payload's steps."""

    index: Count
    pool: AddressText
    kind: str
    token_in: AddressText
    token_out: AddressText
    amount_in: PositiveAmount
    amount_out: RawAmount


class LoanEntry(FileModel):
    """One borrowed token. `premium` is raw units of it."""

    lender: AddressText
    kind: str
    token: AddressText
    amount: PositiveAmount
    premium: RawAmount


class PullEntry(FileModel):
    """What leaves the owner's account, at the most that the plan expects."""

    token: AddressText
    amount: RawAmount


class TokenBoundsEntry(FileModel):
    """What must hold for the owner's balance of one token at the end; see `router.program.TokenBounds`."""

    token: AddressText
    max_spent: RawAmount
    min_received: RawAmount
    price_e36: RawAmount
    min_weight_pips: Count
    max_weight_pips: Count


class BoundsEntry(FileModel):
    """What the executor enforces. `deadline` is a block timestamp; `last_block` 0 means no upper end."""

    tokens: tuple[TokenBoundsEntry, ...]
    min_value_change_e36: SignedAmount
    deadline: Count
    first_block: Count
    last_block: Count


class CostEntry(FileModel):
    """Numeraire units; positive is a loss."""

    pool_fees: Number
    price_impact: Number
    flash_premium: Number
    gas: Number


class ExclusionEntry(FileModel):
    """One direction of one pool that plan and certificate leave out."""

    pool: AddressText
    token_in: AddressText
    token_out: AddressText
    reason: str


class GapPartsEntry(FileModel):
    """What makes up `gap_bps`, in bp of the net value; see `router.plan.GapParts`."""

    gas: Number
    integers: Number
    bounds: Number


class PlanFile(FileModel):
    """One plan. Values and bounds are numeraire units; weights in `targets` sum to 1.

    `bands` are the least and most share of the final value that `landing` allows; `reserved` stays beside the
    weights. From `upper_bound` to `base_gas` it is the certificate, see `router.plan.Certificate`: null and
    empty in plans that carry none.
    """

    schema_: Annotated[Literal["rebalance-plan/1"], Field(alias="schema")] = "rebalance-plan/1"
    chain_id: Annotated[int, Field(strict=True, gt=0)]
    block_number: Count
    snapshot_hash: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
    owner: AddressText
    settlement: Literal["pull-first", "deliver-first"]
    verdict: Literal["trade", "hold"]
    reason: str
    steps: tuple[StepEntry, ...]
    loans: tuple[LoanEntry, ...]
    pulls: tuple[PullEntry, ...]
    bounds: BoundsEntry | None
    holdings_before: dict[AddressText, RawAmount]
    holdings_after: dict[AddressText, RawAmount]
    targets: dict[AddressText, DecimalText]
    tolerance_bps: Count | None = None
    landing: Literal["target", "band", "nearest"] = "target"
    bands: Annotated[
        dict[AddressText, tuple[DecimalText, DecimalText]],
        Field(default_factory=dict, description="least and most share of the final value"),
    ]
    reserved: Annotated[dict[AddressText, RawAmount], Field(default_factory=dict)]
    excluded: tuple[ExclusionEntry, ...] = ()
    prices: dict[AddressText, PositiveText]
    value_before: Number
    value_after: Number
    upper_bound: Annotated[Number | None, Field(description="on the final value, gas left out")]
    dual_prices: Annotated[dict[AddressText, Number], Field(description="numeraire per raw unit")]
    net_bound: Annotated[Number | None, Field(description="on the final value less gas")] = None
    net_dual_prices: Annotated[dict[AddressText, Number], Field(default_factory=dict)]
    gap_bps: Annotated[Number | None, Field(description="from the plan's own net value to net_bound")]
    gap_parts: GapPartsEntry | None = None
    arbitrage: Annotated[
        Number | None, Field(description="the most that the pools pay to who holds the target already")
    ] = None
    arbitrage_prices: Annotated[dict[AddressText, Number], Field(default_factory=dict)]
    pool_gas: Annotated[
        dict[AddressText, Number],
        Field(default_factory=dict, description="least numeraire cost of using a pool"),
    ]
    base_gas: Annotated[Number | None, Field(description="of any trade beside its pools")] = None
    tick_gas: Annotated[Number, Field(description="of each initialised tick that a swap crosses")] = 0.0
    proven_net_bound: Annotated[
        Number | None, Field(description="a lower net bound, by branch and bound")
    ] = None
    cost: CostEntry
    gas_estimate: Count
    payload: HexText | None
    notes: tuple[str, ...] = ()
    judgement: Annotated[
        JudgementEntry | None, Field(description="null where the owner has not said what drift costs")
    ] = None
