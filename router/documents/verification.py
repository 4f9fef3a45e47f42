"""What `rebalance verify --json` prints: `rebalance-verification/1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, FileModel, Number
from router.documents.outputs import ChainId, Check
from router.documents.plan_models import ExclusionEntry


class VerificationFile(FileModel):
    """A plan checked against its snapshot. Values and bounds are numeraire units, recomputed.

    `value` is that of the final holdings of held or wanted tokens, reserved amounts aside; no trade that ends
    within the plan's bands has more than `upper_bound`. `net_value` is that less gas, of at most `net_bound`;
    `gap_bps` is between these two, in bp of the first. `pools` are covered by the bounds; `pools_left_out`
    are not, nor are the directions in `exclusions`. `arbitrage` is what the pools would pay, at most, to
    somebody who holds the target already.
    """

    schema_: Annotated[Literal["rebalance-verification/1"], Field(alias="schema")] = (
        "rebalance-verification/1"
    )
    chain_id: ChainId
    block_number: Count
    holds: bool
    value: Number
    upper_bound: Number
    net_value: Number
    net_bound: Number
    gap_bps: Number
    arbitrage: Number
    pools: Count
    pools_left_out: Count
    excluded: Count
    exclusions: tuple[ExclusionEntry, ...]
    checks: tuple[Check, ...]
