"""`backtest`: what policies would have earned and cost on recorded prices."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from router.backtest import (
    Backtest,
    Costs,
    FeeConvention,
    Impact,
    Result,
    policy_of,
    run,
)
from router.cli.backtest_files import Files
from router.cli.backtest_inputs import (
    Grid,
    ParameterSet,
    open_places,
    parameter_sets,
    parse_amounts,
    parse_depth,
    parse_grid,
    read_prices,
)
from router.cli.backtest_market import pool_costs
from router.cli.backtest_options import backtest_options
from router.cli.backtest_sweep import best_of, run_sweep
from router.cli.backtest_views import say_notes, show_results, show_sweep
from router.cli.console import print_json, progress_bar, say
from router.documents.backtest_file import backtest_file
from router.documents.backtest_models import SweepEntry
from router.documents.extra import strategy_extra
from router.errors import InputError
from router.fixed_point import BPS

EXAMPLES = {"N": "7", "B": "0.05"}
"""Of the parameters that a policy's name may leave open."""


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
    snapshot: Path | None,
    portfolio: Path | None,
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
    files = Files(report, tearsheet, png, out)
    files.check(prices)
    loaded = read_prices(
        prices,
        columns,
        time_column=time_column,
        repair=repair,
        keep_jumps=keep_jumps,
        start=start,
        end=end,
    )
    study = Backtest(
        loaded,
        parse_amounts(targets, "targets"),
        Costs(
            fee_bps / BPS,
            gas,
            _impact(impact_bps, impact_depth, impact_exponent),
            pool_costs(snapshot, portfolio),
        ),
        FeeConvention(fee_convention),
        initial,
        gamma,
    )
    found = _swept(study, sets, grid, jobs, backend)
    results = _results(study, _closed(policies, found))
    document = backtest_file(results, prices.name, series=series, sweep=found)
    files.write(results, document, prices.name)
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
        try:
            policy_of("_".join(EXAMPLES.get(part, part) for part in name.split("_")))
        except InputError:
            policy_of(name)  # which refuses it by the name that was given
            raise
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
        import_module("joblib")
        return run_sweep(study, sets, grid, jobs, backend)


def _closed(policies: Sequence[str], found: SweepEntry | None) -> tuple[str, ...]:
    """The policies to run in full: those with an open parameter at its best value."""
    closed: list[str] = []
    for name in policies:
        best, ended = best_of(found, name) if found and open_places(name) else (name, True)
        if not ended:
            say(f"{name}: none ran to the end; {best} is shown", markup=False)
        elif best != name:
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
