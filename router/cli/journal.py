"""A trigger's journal: how a rebalance ended goes in, and every line can be replayed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from router.cli.console import leave, print_json, print_table, say
from router.cli.settings import FILE, json_option
from router.documents.journal_models import JournalFile, JournalRow
from router.errors import ExecutionReverted, GuardRefused, InputError
from router.strategy.journal import End, Ending, end
from router.strategy.state import TriggerState
from router.trigger_journal import Finding, open_journal, replay_journal


@contextmanager
def ending(journal: Path | None) -> Iterator[None]:
    """Writes into a trigger's journal how the block ended; what a node's failure leaves open stays in
    flight."""
    if journal is None:
        yield
        return
    with open_journal(journal) as opened:
        if opened.state is None:
            raise InputError("holds no look yet; `status --journal` begins it", path=journal.name)
        try:
            yield
        except (ExecutionReverted, GuardRefused):
            if opened.state.flight is not None:
                opened.add(end(Ending.FAILED, opened.state, _now(opened.state)))
            raise
        opened.add(end(Ending.COMPLETED, opened.state, _now(opened.state)))


def _now(state: TriggerState) -> datetime:
    return max(datetime.now(UTC), state.clock)


@click.command("replay")
@click.argument("journal", type=FILE)
@json_option
def replay_command(journal: Path, as_json: bool) -> None:
    """Run every decision of a trigger's JOURNAL again, bit for bit, from what was recorded.

    Exit code 4 where one comes out otherwise.
    """
    rows = tuple(map(_row, replay_journal(journal)))
    report = JournalFile.of(holds=all(not row.differences for row in rows), lines=rows)
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)
    if not report.holds:
        lines = ", ".join(str(row.line) for row in rows if row.differences)
        leave(GuardRefused(f"{journal.name}: not what was recorded: line {lines}"))


def _row(found: Finding) -> JournalRow:
    record = found.record
    if isinstance(record, End):
        return JournalRow.of(
            line=found.line,
            at=record.at.isoformat(),
            what=record.ending.value,
            reasons=(),
            causes=(),
            differences=found.differences,
        )
    decision = record.decision
    return JournalRow.of(
        line=found.line,
        at=record.now.isoformat(),
        what="fired" if decision.fires else "held",
        reasons=tuple(reason.value for reason in decision.reasons),
        causes=decision.causes,
        differences=found.differences,
    )


def _show(report: JournalFile) -> None:
    print_table(
        f"{len(report.lines)} lines",
        ["line", "at", "what", "why", "causes", "replayed"],
        [
            (
                row.line,
                row.at,
                row.what,
                ", ".join(row.reasons),
                ", ".join(row.causes),
                "; ".join(row.differences) or "the same",
            )
            for row in report.lines
        ],
        left=["at", "what", "why", "causes", "replayed"],
    )
    say("every line gives what it gave" if report.holds else "[bold red]lines differ[/]")
