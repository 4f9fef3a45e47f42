"""What `stress` prints, `rebalance-stress/1`. Values are numeraire; shares are of 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import AddressText, FileModel, Number
from router.strategy.stress import Stressed


class StressRow(FileModel):
    """The portfolio under one scenario."""

    scenario: str
    source: Annotated[str, Field(description="where the scenario's figures come from")]
    value_before: Number
    value_after: Number
    value_change: Annotated[Number, Field(description="share of value_before")]
    drift: Annotated[Number, Field(description="largest |weight - target|")]
    tracking_error: Annotated[
        Number | None, Field(description="annual; null without a discipline that tells volatilities")
    ]
    cost_to_target: Annotated[
        Number | None,
        Field(description="of the plan made under stress; null where nothing reaches the target"),
    ]
    cost_share: Annotated[Number | None, Field(description="the same as a share of value_after")]
    plan_holds: Annotated[
        bool | None, Field(description="whether the plan made before keeps its bounds; null without one")
    ]
    broken_bound: Annotated[str, Field(description="why that plan would revert, which changes nothing")]
    refused: Annotated[
        tuple[str, ...], Field(description="what the owner's guards refuse of the way back")
    ] = ()
    health_factor: Annotated[Number | None, Field(description="null without a debt")]
    verdict: Annotated[
        Literal["liquidated", "unreachable", "refused", "costly", "drifted", "holds"],
        Field(description="the worst that is true"),
    ]
    reason: str


class StressFile(FileModel):
    """A portfolio, and a plan for it, under stressed markets."""

    schema_: Annotated[Literal["rebalance-stress/1"], Field(alias="schema")] = "rebalance-stress/1"
    chain_id: int
    block_number: int
    owner: AddressText
    numeraire: AddressText
    tolerance_bps: int
    max_cost_bps: int
    rows: tuple[StressRow, ...]
    not_run: Annotated[dict[str, str], Field(description="scenarios that were left out, and why")]
    notes: tuple[str, ...] = ()


def stress_rows(stressed: Iterable[Stressed]) -> tuple[StressRow, ...]:
    """The rows of a stress test, as a file holds them."""
    return tuple(StressRow.of(**each.to_record()) for each in stressed)
