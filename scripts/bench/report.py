"""Tables, clocks and the page that they end in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any

from router.fixed_point import BPS


@dataclass(frozen=True)
class Section:
    """One table of the report, a sentence on how to read it, and its plot where it has one.

    Attributes:
        figures: the numbers behind the rows, for plots and for comparing runs.
        plots: file names below docs/benchmarks/.
    """

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Any = None
    plots: Sequence[str] = field(default_factory=tuple)

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.note, "", "| " + " | ".join(self.columns) + " |"]
        lines.append("| --- |" + " ---: |" * (len(self.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        for name in self.plots:
            lines += ["", f"![{self.title}](benchmarks/{name})"]
        return "\n".join(lines) + "\n"


def prose(text: str) -> str:
    """A paragraph, however the source is broken into lines."""
    return " ".join(text.split())


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def warm(run: Callable[[], object], runs: int) -> float:
    """Median seconds of some runs after one that does not count."""
    run()
    return statistics.median(seconds(run) for _ in range(runs))


def ahead_bps(ours: float, theirs: float | None) -> float | None:
    """Basis points that ours is ahead; None where the peer found nothing."""
    return None if not theirs else (ours / theirs - 1) * BPS


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Slope of the least-squares line through the logarithms of both figures."""
    logs = [(log(x), log(y)) for x, y in points]
    return float(statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope)


def signed(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:+.{digits}f}"


def plain(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def times(value: float | None) -> str:
    """A ratio for people."""
    return "" if value is None else f"{value:.3g}"
