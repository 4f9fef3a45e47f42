"""Where output goes: stdout is data, stderr is prose and progress."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from router.errors import RouterError

PIPED_WIDTH = 200
"""Columns of a table that goes to a file or another program, where COLUMNS does not say otherwise."""

_WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
stdout = Console(highlight=False, width=_WIDE)
stderr = Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, keys as given; whoever reads a pipe has it at once."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    left: Sequence[str] = (),
    to: Console = stdout,
) -> None:
    """A table; columns are right-aligned, except the first and those named in `left`.

    A cell that does not fit is folded, never cut.
    """
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", expand=False)
    for place, column in enumerate(columns):
        at_left = place == 0 or column in left
        table.add_column(column, justify="left" if at_left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    to.print(table)


def say(text: str, *, end: str = "\n", markup: bool = True) -> None:
    """A sentence for people; `markup` False shows the text as it is."""
    stderr.print(text, end=end, markup=markup, soft_wrap=True)


def tell(error: RouterError) -> None:
    """An error for people: its class and its message."""
    say(f"[bold red]{type(error).__name__}[/]: ", end="")
    say(str(error), markup=False)


def leave(error: RouterError) -> NoReturn:
    """Ends a command whose output stands on stdout already: the error is told on stderr only."""
    tell(error)
    raise click.exceptions.Exit(error.exit_code)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on stderr while the block runs; call the value with (what, done, total).

    A total of None is one that nobody knows.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda what, done, total: progress.update(
            task, description=f"{label}: {what}", completed=done, total=total
        )
