"""A trigger's journal, replayed: what `rebalance replay` prints with `--json`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, FileModel


class JournalRow(FileModel):
    """One line. `differences` is empty where it gives bit for bit what was recorded."""

    line: Count
    at: Annotated[str, Field(description="ISO time")]
    what: Literal["fired", "held", "completed", "failed", "declined"]
    reasons: tuple[str, ...]
    causes: tuple[str, ...]
    differences: tuple[str, ...]


class JournalFile(FileModel):
    """Every line of a journal."""

    schema_: Annotated[Literal["rebalance-replay/1"], Field(alias="schema")] = "rebalance-replay/1"
    holds: bool
    lines: tuple[JournalRow, ...]
