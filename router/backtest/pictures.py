"""Results for people, as the bytes of a file: PNG through matplotlib, and a tear sheet through quantstats.
Neither needs a display or a network; who writes them decides how."""

from __future__ import annotations

import io
import logging
import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router.backtest.result import Result
from router.errors import InputError, InsufficientHistory
from router.fixed_point import BPS

if TYPE_CHECKING:
    import pandas as pd

DOTS_PER_INCH = 120
LEAST_DAYS = 10
"""Daily returns that a tear sheet's statistics need."""


def picture(results: Sequence[Result]) -> bytes:
    """A PNG of equity, drift, and costs so far of all results, and weights of the first; equal runs, equal
    bytes.

    Raises:
        InputError: no result.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not results:
        raise InputError("no result to draw", path="results")
    figure = Figure(figsize=(11, 11), layout="constrained")
    FigureCanvasAgg(figure)
    equity, drift, weights, costs = figure.subplots(4, 1, sharex=True)
    for result in results:
        equity.plot(result.times, result.equity, label=result.policy, linewidth=1)
        drift.plot(result.times, result.drift * 100, linewidth=1)
        spent = np.zeros(result.rows)
        spent[result.ledger.rows] = result.ledger.costs.sum(axis=1)
        costs.plot(result.times, spent.cumsum() / result.study.initial * BPS, linewidth=1)
    first = results[0]
    weights.stackplot(first.times, first.weights.T * 100, labels=first.assets, alpha=0.8)
    for axes, title in (
        (equity, "Net asset value"),
        (drift, "Largest drift from target after each row's trade, % of net asset value"),
        (weights, f"Weights, %: {first.policy}"),
        (costs, "Costs so far, bp of the initial value"),
    ):
        axes.set_title(title, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
    equity.set_yscale("log")
    equity.legend(fontsize=8)
    weights.legend(fontsize=8, loc="upper left")
    into = io.BytesIO()
    figure.savefig(into, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return into.getvalue()


def tear_sheet(result: Result, *, benchmark: Result | None = None) -> bytes:
    """quantstats' HTML report of daily returns, in one file that loads nothing.

    Args:
        benchmark: drawn beside it, e.g. the same portfolio held.

    Raises:
        InsufficientHistory: fewer than `LEAST_DAYS` daily returns, or none that is not 0.
    """
    returns = daily_returns(result)
    if len(returns) < LEAST_DAYS or not returns.any():
        raise InsufficientHistory(
            f"a tear sheet needs {LEAST_DAYS} daily returns, some not 0", path=result.policy
        )
    against = None if benchmark is None else daily_returns(benchmark)
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas and matplotlib, about how quantstats calls them
            fonts.setLevel(logging.ERROR)  # fonts that are not installed
            return _quantstats_html(returns, against, result.policy).encode(errors="replace")
    finally:
        fonts.setLevel(level)


def daily_returns(result: Result) -> pd.Series[Any]:
    """Of the last row of each day, on dates without a zone; 0 on days without a row, so that a year of weekly
    prices is a year as well."""
    import pandas as pd

    equity = pd.Series(result.equity, index=pd.DatetimeIndex(result.times), name=result.policy)
    daily = equity.groupby(equity.index.normalize()).last().asfreq("D").ffill()
    returns: pd.Series[Any] = daily.pct_change().iloc[1:]
    return returns


def _quantstats_html(returns: Any, benchmark: Any, title: str) -> str:
    import matplotlib as mpl

    mpl.use("Agg", force=False)
    from importlib import import_module

    reports: Any = import_module("quantstats.reports")
    options = {"benchmark_title": benchmark.name} if benchmark is not None else {}
    with mpl.rc_context(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.html"
        reports.html(
            returns, benchmark=benchmark, title=title, output=str(path), periods_per_year=365, **options
        )
        page = path.read_text(encoding="utf-8")
    return re.sub(r"<link[^>]*icon[^>]*>", "", page)  # the only thing it loads
