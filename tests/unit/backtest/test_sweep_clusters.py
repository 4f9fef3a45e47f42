"""The same rows from dask and ray, where they are installed; neither is among this project's own packages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from router.backtest.sweep import Case, Row, grid, sweep
from router.errors import InputError
from tests.unit.backtest.series import COSTS, random_prices, study_of

ROOT = Path(__file__).parents[3]
STUDY = study_of(random_prices(1, rows=60), costs=COSTS["fees"])
POLICIES = (*grid("abs_band_{b}_{aim}", b=[0.02, 0.05, 0.1], aim=["edge", "half"]), "hold", "calendar_1")
CASES = [Case(STUDY, policy) for policy in (*POLICIES, "no_such_policy")]

pytestmark = pytest.mark.filterwarnings("ignore")


def bits(rows: tuple[Row, ...]) -> list[Any]:
    def exact(value: Any) -> Any:
        return struct.pack("d", value) if isinstance(value, float) else value

    return [
        (row.policy, row.stop, row.error, [(name, exact(value)) for name, value in row.metrics.items()])
        for row in rows
    ]


@contextmanager
def dask_cluster() -> Iterator[str]:
    """The address of a scheduler with two workers on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_dask_gives_the_rows_of_one_process_through_a_client_or_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    alone = bits(sweep(CASES, workers=1))
    with dask_cluster() as address:
        with distributed.Client(address):
            assert bits(sweep(CASES, backend="dask")) == alone
        with dask.config.set({"scheduler-address": address}):
            assert bits(sweep(CASES, backend="dask")) == alone
            with pytest.raises(ValueError, match="No clients found"):
                distributed.default_client()
    with pytest.raises(InputError, match="DASK_SCHEDULER_ADDRESS"):
        sweep(CASES, backend="dask")
    monkeypatch.setattr("router.backtest.sweep.CONNECT_SECONDS", 1)
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:9"}),
        pytest.raises(InputError, match="backend: dask does not work"),
    ):
        sweep(CASES, backend="dask")


def test_ray_gives_the_rows_of_one_process() -> None:
    ray = pytest.importorskip("ray")
    alone = bits(sweep(CASES, workers=1))
    here = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=here)
    try:
        assert bits(sweep(CASES, backend="ray")) == alone
    finally:
        ray.shutdown()
