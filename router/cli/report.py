"""Pages to open in a browser: the option of `plan`, the option of `pools`, and the writing of both.

The pages and their libraries are loaded when one is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from router.cli.console import say
from router.documents.files import write_bytes
from router.plan import Plan
from router.pools.base import Pool
from router.snapshot import Snapshot
from router.tokens import Address

_FILE = click.Path(dir_okay=False, path_type=Path)

report_option = click.option(
    "--report", type=_FILE, metavar="FILE.html", help="Also write a page that shows the plan in a browser."
)
graph_option = click.option(
    "--graph",
    type=_FILE,
    metavar="FILE.html",
    help="Also draw the pools as a graph, on a page for a browser.",
)


def write_report(plan: Plan, market: Snapshot, path: Path | None) -> None:
    """Writes the plan's page where a path is given.

    Raises:
        InputError: it cannot be written.
    """
    if path is not None:
        from router.report import plan_page

        _write(plan_page(plan, market), path)


def write_graph(
    pools: Sequence[Pool], depths: Mapping[Address, float | None], market: Snapshot, path: Path | None
) -> None:
    """Writes the swap graph's page where a path is given; `depths` are numeraire units by pool.

    Raises:
        InputError: it cannot be written.
    """
    if path is not None:
        from router.report import graph_page

        _write(graph_page(pools, depths, market), path)


def _write(page: str, path: Path) -> None:
    write_bytes(page.encode(errors="replace"), path)
    say(f"saved {path}", markup=False)
