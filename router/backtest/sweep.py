"""Many parameter sets at once, over all cores or a cluster; the number of workers changes no figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from math import ceil
from typing import Any

from router.backtest.policies import Policy
from router.backtest.run import Engine, run
from router.backtest.study import Backtest
from router.errors import InputError, RouterError

LARGEST_CHUNK = 64
"""Cases that go to a worker at once; they share one copy of their prices."""
CHUNKS_PER_WORKER = 8
CONNECT_SECONDS = 10
"""How long a dask scheduler may take to answer."""


class Backend(StrEnum):
    """Who does the work; dask and ray are clusters, and packages of their own."""

    LOKY = "loky"
    THREADING = "threading"
    DASK = "dask"
    RAY = "ray"


_MODULES = {Backend.DASK: ("distributed", "dask[distributed]"), Backend.RAY: ("ray", "ray")}
"""What a backend imports, and the package that has it."""

Progress = Callable[[int, int], None]
"""Called with the cases done and all cases, in the caller's thread."""


@dataclass(frozen=True)
class Case:
    """One run of a sweep."""

    study: Backtest
    policy: Policy | str

    @property
    def name(self) -> str:
        return self.policy if isinstance(self.policy, str) else self.policy.name


@dataclass(frozen=True, slots=True)
class Row:
    """What a case came to: the metrics of its result, and why it stopped early, if it did; or the error where
    it can't be run."""

    policy: str
    metrics: Mapping[str, float | int | None]
    stop: str | None = None
    error: str | None = None


def grid(form: str, **values: Iterable[object]) -> tuple[str, ...]:
    """Names of policies: `grid("abs_band_{b}_{aim}", b=[0.05, 0.1], aim=["edge", "half"])`, last value first.

    Raises:
        InputError: the form has a field without values, or not the form of a name.
    """
    try:
        chosen = product(*(list(each) for each in values.values()))
        return tuple(form.format(**dict(zip(values, each, strict=True))) for each in chosen)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{form!r} has no values for {error}", path="grid") from None


def sweep(
    cases: Iterable[Case],
    *,
    workers: int = -1,
    backend: Backend | str = Backend.LOKY,
    engine: Engine = Engine.AUTO,
    progress: Progress | None = None,
) -> tuple[Row, ...]:
    """Runs every case; a row for each, in their order.

    Args:
        workers: processes or threads; -1 for one per core. With 1 all runs here.
        backend: dask uses the client that is connected, else the scheduler that DASK_SCHEDULER_ADDRESS
            names; ray the cluster that it is connected to, else that of RAY_ADDRESS, else one of its own on
            this machine.
        progress: told after every chunk; after all of them on a cluster.

    Raises:
        InputError: an unknown backend, its package is not installed, or its cluster is not there.
    """
    listed = list(cases)
    chosen = _backend(backend)
    if workers == 0 or workers < -1:
        raise InputError(f"should be at least 1, or -1 for every core, not {workers}", path="workers")
    done, rows = 0, []
    for chunk in _chunks(listed, workers, chosen, engine):
        rows += chunk
        done += len(chunk)
        if progress is not None:
            progress(done, len(listed))
    return tuple(rows)


def _chunks(cases: Sequence[Case], workers: int, backend: Backend, engine: Engine) -> Iterator[list[Row]]:
    import joblib

    count = joblib.cpu_count() if workers == -1 else workers
    size = max(1, min(LARGEST_CHUNK, ceil(len(cases) / (count * CHUNKS_PER_WORKER))))
    chunks = [cases[start : start + size] for start in range(0, len(cases), size)]
    cluster = backend in _MODULES
    if count == 1 and not cluster:
        yield from (_rows(chunk, engine) for chunk in chunks)
        return
    if chunks:  # what is compiled here first, the others find on disk
        yield _rows(chunks.pop(0), engine)
    try:
        with _client(backend), joblib.parallel_config(backend=str(backend), n_jobs=workers):
            kind = "list" if cluster else "generator"
            yield from joblib.Parallel(return_as=kind)(
                joblib.delayed(_rows)(chunk, engine) for chunk in chunks
            )
    except (ValueError, ImportError, OSError) as error:
        if not cluster:  # then it is of a policy
            raise
        raise InputError(f"{backend} does not work: {error}", path="backend") from None


@contextmanager
def _client(backend: Backend) -> Iterator[None]:
    """For dask, a client of the scheduler that its configuration names, where none is connected yet.

    Raises:
        ValueError: neither is there.
        OSError: nobody answers at that address.
    """
    if backend is not Backend.DASK:
        yield
        return
    distributed, dask = import_module("distributed"), import_module("dask")
    try:
        distributed.default_client()
    except ValueError:
        address = dask.config.get("scheduler-address", None)
        if address is None:
            raise ValueError(
                "connect a distributed.Client, or name its scheduler in DASK_SCHEDULER_ADDRESS"
            ) from None
        with distributed.Client(address, timeout=CONNECT_SECONDS):
            yield
    else:
        yield


def _rows(cases: Sequence[Case], engine: Engine) -> list[Row]:
    return [_row(case, engine) for case in cases]


def _row(case: Case, engine: Engine) -> Row:
    try:
        result = run(case.study, case.policy, engine)
    except RouterError as error:
        return Row(case.name, {}, error=str(error))
    return Row(result.policy, result.metrics, result.stop.reason if result.stop else None)


def _backend(given: Backend | str) -> Backend:
    try:
        backend = Backend(given)
    except ValueError:
        known = ", ".join(Backend)
        raise InputError(f"no backend {str(given)!r}; there are {known}", path="backend") from None
    module, package = _MODULES.get(backend, ("joblib", "joblib"))
    if find_spec(module) is None:
        raise InputError(f"{backend} needs the package {package}, which is not installed", path="backend")
    if backend is Backend.RAY:
        register: Any = import_module("ray.util.joblib").register_ray
        register()
    return backend
