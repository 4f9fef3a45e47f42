"""What `rebalance verify --json` prints: `rebalance-verification/1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, FileModel, Number
from router.documents.outputs import ChainId, Check


class VerificationFile(FileModel):
    """A plan checked against its snapshot. Values and bounds are numeraire units, recomputed.

    `value` is that of the final holdings of held or wanted tokens. `same_weights_bound` holds for trades that
    end at the plan's own weights, `upper_bound` for all within its tolerance; both leave gas out. `pools` are
    covered by them, `pools_left_out` are not.
    """

    schema_: Annotated[Literal["rebalance-verification/1"], Field(alias="schema")] = (
        "rebalance-verification/1"
    )
    chain_id: ChainId
    block_number: Count
    holds: bool
    value: Number
    upper_bound: Number
    gap_bps: Number
    same_weights_bound: Number
    same_weights_gap_bps: Number
    pool_arbitrage: Annotated[Number, Field(description="the pools' part of the bound, at the dual prices")]
    pools: Count
    pools_left_out: Count
    checks: tuple[Check, ...]
