"""Sweeps: the same rows for any number of workers, errors kept in their row, progress told."""

from __future__ import annotations

import pytest

from router.backtest import Costs, FeeConvention, Observation, run
from router.backtest.sweep import Backend, Case, grid, sweep
from router.errors import InputError
from tests.unit.backtest.series import COSTS, random_prices, study_of

STUDY = study_of(random_prices(1, rows=80), costs=COSTS["fees"])
POLICIES = (*grid("abs_band_{b}_{aim}", b=(0.02, 0.04, 0.06), aim=("edge", "half")), "default", "hold")
CASES = [Case(STUDY, name) for name in POLICIES]


def test_a_grid_names_every_combination() -> None:
    assert grid("hybrid_{n}_{b}", n=(1, 2), b=(0.1, 0.2)) == (
        "hybrid_1_0.1",
        "hybrid_1_0.2",
        "hybrid_2_0.1",
        "hybrid_2_0.2",
    )
    with pytest.raises(InputError, match="no values for 'b'"):
        grid("abs_band_{b}", n=(1, 2))


@pytest.mark.parametrize(("workers", "backend"), [(1, "loky"), (2, "threading"), (3, Backend.THREADING)])
def test_rows_are_those_of_single_runs_in_order(workers: int, backend: str) -> None:
    rows = sweep(CASES, workers=workers, backend=backend)
    assert [row.policy for row in rows] == list(POLICIES)
    for row, case in zip(rows, CASES, strict=True):
        assert row.metrics == run(case.study, case.policy).metrics


def test_processes_come_to_the_same() -> None:
    assert sweep(CASES, workers=2) == sweep(CASES, workers=1)


def test_progress_ends_with_all_cases() -> None:
    told: list[tuple[int, int]] = []
    sweep(CASES, workers=2, backend="threading", progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(CASES), len(CASES))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_case_that_cannot_be_run_keeps_its_error() -> None:
    poor = study_of(random_prices(1), (0.5, 0.3, 0.2), Costs(0.01), FeeConvention.FEE_FROM_CASH)
    broke = study_of(random_prices(1), costs=Costs(gas=9e4))
    rows = sweep(
        [Case(STUDY, "abs_bund_0.1"), Case(poor, "hold"), Case(broke, "calendar_1"), CASES[0]], workers=1
    )
    assert "no policy 'abs_bund_0.1'" in (rows[0].error or "")
    assert "unaffordable" in (rows[1].error or "")
    assert "insolvent" in (rows[2].stop or "")
    assert rows[3].error is rows[3].stop is None


class Faulty:
    name = "faulty"

    def decide(self, observation: Observation) -> None:
        raise ValueError("a fault of its own")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_a_policy_is_not_taken_for_one_of_the_backend(workers: int) -> None:
    with pytest.raises(ValueError, match=r"^a fault of its own"):
        sweep([*CASES, Case(STUDY, Faulty())], workers=workers, backend="threading")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backend": "loki"}, "no backend 'loki'; there are loky, threading, dask, ray"),
        ({"workers": 0}, "at least 1"),
        ({"workers": -2}, "at least 1"),
    ],
)
def test_what_cannot_do_the_work_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        sweep(CASES, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_that_is_not_installed_is_named(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.backtest.sweep.find_spec", lambda name: None)
    with pytest.raises(InputError, match=f"{backend} needs the package .*{backend}.*not installed"):
        sweep(CASES, backend=backend)


def test_no_case_is_no_row() -> None:
    assert sweep([]) == ()
