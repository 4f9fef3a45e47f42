"""A trigger's journal, replayed: what `rebalance replay` prints with `--json`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, FileModel, Number


class JournalRow(FileModel):
    """One line. `differences` is empty where it gives what was recorded."""

    line: Count
    at: Annotated[str, Field(description="ISO time")]
    what: Literal["fired", "held", "completed", "failed", "declined"]
    reasons: tuple[str, ...]
    causes: tuple[str, ...]
    transaction: Annotated[str | None, Field(description="hash of the one that completed it")] = None
    weighed: Annotated[
        Literal["trade", "hold"] | None, Field(description="by costs; null where no trade was weighed")
    ] = None
    weighed_reason: Annotated[str, Field(description="stable code")] = ""
    net_bps: Annotated[Number | None, Field(description="net benefit of the trade weighed")] = None
    compared: Annotated[
        Literal["exact", "tolerance"],
        Field(description="tolerance: the weighing was made by another version or on another machine"),
    ] = "exact"
    differences: tuple[str, ...]


class JournalFile(FileModel):
    """Every line of a journal."""

    schema_: Annotated[Literal["rebalance-replay/1"], Field(alias="schema")] = "rebalance-replay/1"
    holds: bool
    lines: tuple[JournalRow, ...]
