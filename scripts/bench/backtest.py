"""Backtests: time of one run and of a sweep, and the calendar policy beside vectorbt's on the same prices."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from router.backtest import Backtest, Costs, Engine, FeeConvention, Prices, run
from router.backtest.sweep import Case, grid, sweep
from scripts.bench.recorded import ROOT
from scripts.bench.report import Section, plain, prose, seconds, times, warm

ROWS, ASSETS = 1000, 10
RUNS = 5
PYTHON = ROOT / "build" / "peers" / "vectorbt" / "bin" / "python"
SCRIPT = Path(__file__).parent / "peers" / "vectorbt_calendar.py"
TIMEOUT = 600
ONE, MANY = (30,), tuple(range(1, 201))
EQUAL = 1e-10


def study(seed: int = 0) -> Backtest:
    """Random daily prices, 30 bp from cash; 9 % in each asset, the rest in cash."""
    moves = np.random.default_rng(seed).normal(0, 0.04, (ROWS, ASSETS))
    names = tuple(f"asset {column}" for column in range(ASSETS))
    times_ = np.datetime64("2020-01-01", "us") + np.arange(ROWS) * np.timedelta64(1, "D")
    prices = Prices(times_, names, 100 * np.exp(moves.cumsum(axis=0)))
    return Backtest(prices, dict.fromkeys(names, 0.09), Costs(fee_rate=0.003), FeeConvention.FEE_FROM_CASH)


def backtests() -> Sequence[Section]:
    return [_policies(), _calendar()]


def _policies() -> Section:
    asked = study()
    rows, figures = [], {}
    for name in (
        "hold",
        "calendar_30",
        "abs_band_0.03_edge",
        "rel_band_0.25",
        "hybrid_7_0.03_half",
        "default",
    ):
        for engine in (Engine.VECTORISED, Engine.EVENT_DRIVEN):
            if name == "default" and engine is Engine.VECTORISED:
                continue
            spent = warm(lambda name=name, engine=engine: run(asked, name, engine).metrics, RUNS)
            rows.append((f"{name}, {engine}", plain(spent * 1e3, 1)))
            figures[f"{name} {engine}"] = spent
    names = grid("abs_band_{b}_{aim}", b=np.linspace(0.01, 0.1, 167).round(5), aim=("target", "edge", "half"))
    names += grid("calendar_{n}", n=range(1, 500))
    cases = [Case(asked, name) for name in names]
    for backend in ("threading", "loky"):
        spent = seconds(partial(sweep, cases, backend=backend))
        rows.append((f"sweep of {len(cases)} policies, all cores, {backend}", plain(spent * 1e3, 0)))
        figures[f"sweep {backend}"] = spent
    return Section(
        "Backtests",
        prose(
            f"""{ROWS:,} days and {ASSETS} assets, random prices, with all metrics; warm medians. The sweep is
            one run of it, workers' start included."""
        ),
        ("run", "ms"),
        rows,
        figures,
    )


def _calendar() -> Section:
    asked = study()
    columns = ("calendar policies at once", "vectorbt, ms", "this project, ms", "ratio", "largest difference")
    title, note = (
        "Backtests beside vectorbt",
        "Calendar rebalancing on the same prices; final values compared.",
    )
    if not PYTHON.exists():
        return Section(
            title, f"{PYTHON.relative_to(ROOT)} is absent: `make bench` puts it there.", columns, ()
        )
    rows, figures = [], {}
    version = ""
    for every in (ONE, MANY):
        names = grid("calendar_{n}", n=every)
        theirs = _vectorbt(asked, every)
        version = theirs["version"]
        ours = [run(asked, name).final for name in names]
        spent = warm(lambda names=names: [run(asked, name).final for name in names], RUNS)
        apart = float(np.max(np.abs(np.array(ours) / theirs["final"] - 1)))
        if apart > EQUAL:
            raise AssertionError(f"vectorbt's final values differ by {apart:.3g}")
        peer = statistics.median(theirs["seconds"])
        milli = (plain(peer * 1e3, 1), plain(spent * 1e3, 1))
        rows.append((str(len(every)), *milli, times(spent / peer), f"{apart:.1e}"))
        figures[str(len(every))] = {"vectorbt": peer, "ours": spent, "apart": apart}
    return Section(title, f"{note} vectorbt {version}, warm medians of {RUNS} calls.", columns, rows, figures)


def _vectorbt(asked: Backtest, every: Sequence[int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prices.npz"
        np.savez(file, values=asked.prices.values, weights=asked.weights[:-1])
        command = [str(PYTHON), str(SCRIPT), str(file), str(RUNS), *(str(each) for each in every)]
        environment = {**os.environ, "PYTHONPATH": "", "NUMBA_CACHE_DIR": folder}
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False
        )
    if ended.returncode:
        raise RuntimeError(f"vectorbt failed: {ended.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found
