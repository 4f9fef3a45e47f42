"""The files of `backtest`: all of them whole, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.backtest import Result, run
from router.cli.console import say
from router.documents.backtest_models import BacktestFile
from router.documents.extra import strategy_extra
from router.documents.files import canonical_json, write_bytes
from router.errors import InputError

BENCHMARK = "hold"
"""What a tear sheet shows a policy beside."""
_DRAWN_AT = re.compile(rb"<dc:date>[^<]*</dc:date>")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the outputs go that were asked for."""

    report: Path | None
    tearsheet: Path | None
    png: Path | None
    out: Path | None

    def check(self, prices: Path) -> None:
        """Refuses before any work what could not, or should not, be written after it.

        Raises:
            InputError: a folder that is missing, one file for two outputs, or the file of the prices.
        """
        given = [path for path in (self.report, self.tearsheet, self.png, self.out) if path is not None]
        for path in given:
            if not path.parent.is_dir():
                raise InputError("no such folder", path=str(path.parent))
            if path.resolve() == prices.resolve():
                raise InputError("holds the prices and is not written to", path=str(path))
            if [each.resolve() for each in given].count(path.resolve()) > 1:
                raise InputError("is named for two outputs", path=str(path))

    def write(self, results: Sequence[Result], document: BacktestFile, source: str) -> None:
        """Makes all before it writes any.

        Raises:
            InputError: a library is missing, or a file cannot be written.
            InsufficientHistory: too few days for a tear sheet.
        """
        made: list[tuple[Path, bytes]] = []
        if self.out is not None:
            made.append((self.out, canonical_json(document.to_json())))
        if self.report is not None:
            made.append((self.report, _page(results, document, source)))
        if self.png is not None:
            made.append((self.png, _picture(results)))
        if self.tearsheet is not None:
            made.append((self.tearsheet, _tear_sheet(results)))
        for path, data in made:
            write_bytes(data, path)
            say(f"saved {path}", markup=False)


def _page(results: Sequence[Result], document: BacktestFile, source: str) -> bytes:
    from router.report.backtest_page import backtest_page

    return backtest_page(results, source, document.sweep).encode(errors="replace")


def _picture(results: Sequence[Result]) -> bytes:
    with strategy_extra("png"):
        from matplotlib import style

        from router.backtest.pictures import picture

        with style.context("default"):
            return picture(results)


def _tear_sheet(results: Sequence[Result]) -> bytes:
    """Of the first policy that does not just hold, beside holding; equal runs give equal bytes."""
    shown = next((each for each in results if each.policy != BENCHMARK), results[0])
    beside = run(shown.study, BENCHMARK) if shown.policy != BENCHMARK else None
    with strategy_extra("tearsheet"):
        from matplotlib import rc_context

        from router.backtest.pictures import tear_sheet

        with rc_context({"svg.hashsalt": "rebalance"}):
            return _DRAWN_AT.sub(b"", tear_sheet(shown, benchmark=beside))
