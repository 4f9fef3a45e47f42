"""`backtest`: what policies would have earned and cost on recorded prices."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from router.backtest import (
    Backtest,
    Costs,
    FeeConvention,
    Impact,
    Result,
    load_prices,
    policy_of,
    run,
)
from router.cli.backtest_inputs import (
    Grid,
    ParameterSet,
    open_places,
    parameter_sets,
    parse_amounts,
    parse_depth,
    parse_grid,
    strategy_extra,
    window,
)
from router.cli.backtest_options import backtest_options
from router.cli.backtest_sweep import best_of, run_sweep
from router.cli.backtest_views import say_notes, show_results, show_sweep
from router.cli.console import print_json, progress_bar, say
from router.documents.backtest_file import backtest_file
from router.documents.backtest_models import SweepEntry
from router.documents.files import canonical_json, write_bytes
from router.errors import InputError
from router.fixed_point import BPS

BENCHMARK = "hold"
"""What a tear sheet shows a policy beside."""


@click.command("backtest")
@backtest_options
def backtest_command(
    *,
    prices: Path,
    columns: str | None,
    time_column: str | None,
    start: str | None,
    end: str | None,
    repair: bool,
    keep_jumps: bool,
    targets: str,
    fee_bps: float,
    fee_convention: str,
    gas: float,
    impact_bps: float | None,
    impact_depth: str | None,
    impact_exponent: float,
    initial: float,
    gamma: float,
    policies: tuple[str, ...],
    sweep: tuple[str, ...],
    jobs: int,
    backend: str,
    series: bool,
    report: Path | None,
    tearsheet: Path | None,
    png: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run policies on recorded prices, and compare them. A run starts with cash alone.

    All of it is the past: nothing printed here is a forecast.
    """
    grid = parse_grid(sweep)
    sets = parameter_sets(_known(policies), grid)
    _writable([report, tearsheet, png, out])
    wanted = tuple(each.strip() for each in columns.split(",")) if columns else ()
    with strategy_extra("prices"):
        loaded = load_prices(prices, wanted, time=time_column, repair=repair, keep_jumps=keep_jumps)
    study = Backtest(
        window(loaded, start, end),
        parse_amounts(targets, "targets"),
        Costs(fee_bps / BPS, gas, _impact(impact_bps, impact_depth, impact_exponent)),
        FeeConvention(fee_convention),
        initial,
        gamma,
    )
    found = _swept(study, sets, grid, jobs, backend)
    results = _results(study, _closed(policies, found))
    document = backtest_file(results, prices.name, series=series, sweep=found)
    contents = {
        report: lambda: _page(results, prices.name, found),
        tearsheet: lambda: _tear_sheet(results),
        png: lambda: _picture(results),
        out: lambda: canonical_json(document.to_json()),
    }
    _save(contents)
    if as_json:
        print_json(document.to_json())
    else:
        show_results(results)
        if found:
            show_sweep(found)
    say_notes(results)


def _known(policies: Sequence[str]) -> tuple[str, ...]:
    """The policies, none of them twice and none unknown."""
    for name in policies:
        if policies.count(name) > 1:
            raise InputError(f"{name} is given twice", path="policy")
        if not open_places(name):
            policy_of(name)
    return tuple(policies)


def _impact(bps: float | None, depth: str | None, exponent: float) -> Impact | None:
    if bps is None and depth is None:
        return None
    if bps is None or depth is None:
        raise InputError("--impact-bps and --impact-depth go together", path="impact")
    return Impact(bps / BPS, parse_depth(depth), exponent)


def _swept(
    study: Backtest, sets: Sequence[ParameterSet], grid: Grid, jobs: int, backend: str
) -> SweepEntry | None:
    if not grid:
        return None
    with strategy_extra("sweep"):
        return run_sweep(study, sets, grid, jobs, backend)


def _closed(policies: Sequence[str], found: SweepEntry | None) -> tuple[str, ...]:
    """The policies to run in full: those with an open parameter at its best value."""
    closed: list[str] = []
    for name in policies:
        best = best_of(found, name) if found and open_places(name) else name
        if best != name:
            say(f"{name}: {best} had the lowest objective; that is hindsight", markup=False)
        closed += [best] if best not in closed else []
    return tuple(closed)


def _results(study: Backtest, policies: Sequence[str]) -> tuple[Result, ...]:
    results = []
    with progress_bar("backtest") as update, strategy_extra("policy"):
        for done, name in enumerate(policies):
            update(name, done, len(policies))
            results.append(run(study, name))
    return tuple(results)


def _page(results: Sequence[Result], source: str, found: SweepEntry | None) -> bytes:
    from router.report.backtest_page import backtest_page

    return backtest_page(results, source, found).encode(errors="replace")


def _tear_sheet(results: Sequence[Result]) -> bytes:
    """Of the first policy that trades, beside holding."""
    from router.backtest.pictures import write_tear_sheet

    with strategy_extra("tearsheet"):
        shown = next((each for each in results if each.policy != BENCHMARK), None)
        if shown is None:
            return _written(lambda path: write_tear_sheet(results[0], path))
        beside = run(shown.study, BENCHMARK)
        return _written(lambda path: write_tear_sheet(shown, path, benchmark=beside))


def _picture(results: Sequence[Result]) -> bytes:
    from router.backtest.pictures import write_png

    with strategy_extra("png"):
        return _written(lambda path: write_png(results, path))


def _written(write: Callable[[Path], None]) -> bytes:
    """What a function writes into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written"
        write(path)
        return path.read_bytes()


def _writable(paths: Sequence[Path | None]) -> None:
    """Refuses before any work what could not be written after it."""
    given = [path for path in paths if path is not None]
    for path in given:
        if not path.parent.is_dir():
            raise InputError("no such folder", path=str(path.parent))
        if [each.resolve() for each in given].count(path.resolve()) > 1:
            raise InputError("is named for two outputs", path=str(path))


def _save(contents: dict[Path | None, Callable[[], bytes]]) -> None:
    """All files, or none where one cannot be made."""
    made = {path: make() for path, make in contents.items() if path is not None}
    for path, data in made.items():
        write_bytes(data, path)
        say(f"saved {path}", markup=False)
