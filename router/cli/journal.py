"""A trigger's journal: how a rebalance ended goes in, and every line can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from router.cli.console import leave, print_json, print_table, progress_bar, say
from router.cli.settings import FILE, json_option
from router.documents.journal_models import JournalFile, JournalRow
from router.errors import ExecutionReverted, GuardRefused, Infeasible, InputError
from router.fixed_point import BPS
from router.strategy.journal import End, Ending, end
from router.strategy.state import TriggerState
from router.trigger_journal import NO_LOOK, Finding, open_journal, replay_journal


@contextmanager
def ending(journal: Path | None, account: str) -> Iterator[Callable[[str], None]]:
    """Writes into the journal of an account's trigger how the block ended: completed where it calls what it
    is given with the hash of its transaction, unless that is in the journal already. What a node's failure
    leaves open stays in flight."""
    if journal is None:
        yield lambda _: None
        return
    if not journal.is_file():
        raise InputError(NO_LOOK, path=journal.name)
    with open_journal(journal, account) as opened:
        if (state := opened.state) is None:
            raise InputError(NO_LOOK, path=journal.name)

        landed: list[str] = []
        try:
            yield landed.append
        except (ExecutionReverted, GuardRefused):
            if state.flight is not None:
                opened.add(end(Ending.FAILED, state, _now(state)))
            raise
        for transaction in landed:
            if opened.tells_of(transaction):
                say(f"note: {journal.name} has this rebalance already; nothing is added", markup=False)
            else:
                opened.add(replace(end(Ending.COMPLETED, state, _now(state)), transaction=transaction))


def end_flight(journal: Path | None, how: Ending, at: datetime | None) -> None:
    """Ends what is in flight in a trigger's journal; nothing where nothing is.

    Args:
        at: None takes the time of the last look.
    """
    if journal is None or not journal.is_file():
        return
    with open_journal(journal) as opened:
        state = opened.state
        if state is not None and state.flight is not None:
            opened.add(end(how, state, max(at or state.clock, state.clock)))


@contextmanager
def failing(journal: Path | None, at: datetime | None) -> Iterator[None]:
    """What is in flight has failed where the block can make no plan of it: guards refuse, or nothing reaches
    the target; `at` as in `end_flight`."""
    try:
        yield
    except (GuardRefused, Infeasible):
        end_flight(journal, Ending.FAILED, at)
        raise


def _now(state: TriggerState) -> datetime:
    return max(datetime.now(UTC), state.clock)


@click.command("replay")
@click.argument("journal", type=FILE)
@json_option
def replay_command(journal: Path, as_json: bool) -> None:
    """Run every decision of a trigger's JOURNAL again, bit for bit, from what was recorded: whether it fires,
    and whether a trade pays.

    A weighing that was made by another version, other libraries or on another machine has to come to the same
    verdict, and its figures to agree to a millionth of the portfolio. Exit code 4 where a line comes out
    otherwise.
    """
    rows: list[JournalRow] = []
    with progress_bar("replaying") as update:
        for found in replay_journal(journal):
            rows.append(row_of(found))
            update("lines", found.line, None)
    report = JournalFile.of(holds=all(not row.differences for row in rows), lines=tuple(rows))
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)
    if not report.holds:
        lines = ", ".join(str(row.line) for row in rows if row.differences)
        leave(GuardRefused(f"{journal.name}: not what was recorded: line {lines}"))


def row_of(found: Finding) -> JournalRow:
    """One line of a journal, replayed, as a file holds it."""
    record = found.record
    if isinstance(record, End):
        return JournalRow.of(
            line=found.line,
            at=record.at.isoformat(),
            what=record.ending.value,
            reasons=(),
            causes=(),
            transaction=record.transaction,
            differences=found.differences,
        )
    decision, weighing = record.decision, record.weighing
    told: dict[str, Any] = {}
    if weighing is not None:
        ruling = weighing.ruling
        told = {
            "weighed": "trade" if ruling.trade else "hold",
            "weighed_reason": ruling.reason.value,
            "net_bps": ruling.benefit.net * BPS,
        }
    return JournalRow.of(
        line=found.line,
        at=record.now.isoformat(),
        what="fired" if decision.fires else "held",
        reasons=tuple(reason.value for reason in decision.reasons),
        causes=decision.causes,
        compared="exact" if found.replayed.to_the_bit else "tolerance",
        differences=found.differences,
        **told,
    )


def _show(report: JournalFile) -> None:
    print_table(
        f"{len(report.lines)} lines",
        ["line", "at", "what", "why", "weighed", "causes", "replayed"],
        [
            (
                row.line,
                row.at,
                row.what,
                ", ".join(row.reasons),
                f"{row.weighed}: {row.weighed_reason}, {row.net_bps:+.2f} bp" if row.weighed else "",
                ", ".join(row.causes) or row.transaction or "",
                "; ".join(row.differences) or ("the same" if row.compared == "exact" else "agrees"),
            )
            for row in report.lines
        ],
        left=["at", "what", "why", "weighed", "causes", "replayed"],
    )
    say("every line gives what it gave" if report.holds else "[bold red]lines differ[/]")
    if any(row.compared != "exact" for row in report.lines):
        say("note: some trades were weighed by another version or on another machine: figures may differ")
