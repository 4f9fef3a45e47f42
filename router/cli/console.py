"""Where output goes: stdout is data, stderr is prose and progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, keys as given."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: Sequence[str] = ()
) -> None:
    """A table on stdout; columns are right-aligned, except the first and those named in `left`."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", expand=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or column in left else "right")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    stdout.print(table)


def say(text: str, *, end: str = "\n", markup: bool = True) -> None:
    """A sentence for people; `markup` False shows the text as it is."""
    stderr.print(text, end=end, markup=markup)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on stderr while the block runs; call the value with (what, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda what, done, total: progress.update(
            task, description=f"{label}: {what}", completed=done, total=total
        )
