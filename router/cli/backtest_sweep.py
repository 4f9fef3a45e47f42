"""The parameter sets of `backtest`: from flags to cases, and from rows to a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from router.backtest import Backtest
from router.backtest.sweep import Case, sweep
from router.cli.backtest_inputs import SETTINGS, Grid, ParameterSet
from router.cli.console import progress_bar
from router.documents.backtest_file import metrics_entry
from router.documents.backtest_models import PointEntry, SweepEntry
from router.errors import InputError
from router.fixed_point import BPS


def run_sweep(
    study: Backtest, sets: Sequence[ParameterSet], grid: Grid, jobs: int, backend: str
) -> SweepEntry:
    """Every parameter set, over `jobs` workers; a progress bar on stderr."""
    studies: dict[tuple[Decimal | None, ...], Backtest] = {}
    cases = []
    for each in sets:
        key = tuple(each.values.get(name) for name in SETTINGS)
        if key not in studies:
            studies[key] = _study(study, each.values)
        cases.append(Case(studies[key], each.policy))
    with progress_bar("parameter sets") as update:
        rows = sweep(
            cases,
            workers=jobs,
            backend=backend,
            progress=lambda done, total: update("backtest", done, total),
        )
    points = [
        PointEntry.of(
            policy=each.policy,
            family=each.family,
            parameters={name: float(value) for name, value in each.values.items()},
            metrics=metrics_entry(row.metrics, case.study.initial) if row.metrics else None,
            stop=row.error or row.stop,
        )
        for each, case, row in zip(sets, cases, rows, strict=True)
    ]
    parameters = {name: tuple(float(value) for value in values) for name, values in grid.items()}
    return SweepEntry.of(parameters=parameters, points=tuple(points))


def best_of(found: SweepEntry, family: str) -> tuple[str, bool]:
    """The policy of a family that ran to the end under most of the settings that were swept, and of those the
    one whose objective is the least on average; and whether it ran to the end under any.

    Raises:
        InputError: no parameter set of the family can be run.
    """
    objectives: dict[str, list[float]] = defaultdict(list)
    points = [point for point in found.points if point.family == family]
    for point in points:
        if point.metrics is not None:
            value = point.metrics.objective_bps_per_year
            objectives[point.policy] += [] if value is None else [value]
    if not objectives:
        raise InputError(f"no parameter set can be run; the first: {points[0].stop}", path=family)

    def rank(policy: str) -> tuple[int, float]:
        return -len(objectives[policy]), sum(objectives[policy])

    best = min(objectives, key=rank)
    return best, bool(objectives[best])


def _study(study: Backtest, values: Mapping[str, Decimal]) -> Backtest:
    given = {name: float(value) for name, value in values.items()}
    fee_rate = given["fee_bps"] / BPS if "fee_bps" in given else study.costs.fee_rate
    return replace(
        study,
        costs=replace(study.costs, fee_rate=fee_rate, gas=given.get("gas", study.costs.gas)),
        initial=given.get("initial", study.initial),
        risk_aversion=given.get("gamma", study.risk_aversion),
    )
