"""On which dates each sense of drift fires on recorded closes: four triggers, four lists of dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from router.strategy.drift import DriftKind
from router.strategy.machine import advance
from router.strategy.observation import Observation
from router.strategy.state import TriggerState, completed
from router.strategy.triggers import Threshold, TriggerSpec
from tests.unit.strategy.recorded import closes

TARGETS = np.array([0.4, 0.3, 0.2, 0.1])
Drift = Callable[[np.ndarray, np.ndarray], float]

MEASURES: dict[DriftKind, tuple[float, Drift]] = {
    DriftKind.ABSOLUTE: (0.05, lambda off, _: np.abs(off).max()),
    DriftKind.RELATIVE: (0.25, lambda off, _: (np.abs(off) / TARGETS).max()),
    DriftKind.L2: (0.07, lambda off, _: np.sqrt((off**2).sum())),
    DriftKind.TRACKING_ERROR: (0.04, lambda off, covariance: np.sqrt(off @ covariance @ off)),
}
"""Bands, and each measure written out once more."""
GOLDEN: dict[DriftKind, tuple[int, tuple[str, ...]]] = {
    DriftKind.ABSOLUTE: (19, ("2021-01-04", "2021-01-15", "2021-01-23", "2021-02-20")),
    DriftKind.RELATIVE: (25, ("2021-01-06", "2021-01-17", "2021-02-12", "2021-05-01")),
    DriftKind.L2: (19, ("2021-01-04", "2021-01-17", "2021-03-13", "2021-04-15")),
    DriftKind.TRACKING_ERROR: (19, ("2021-01-15", "2021-02-13", "2021-03-23", "2021-04-14")),
}
"""How often each fired in 1,091 days, and on which dates first."""


def covariance() -> np.ndarray:
    """Annual, of simple returns over all days: what a tracking error is measured by, whatever it is."""
    _, _, prices = closes()
    return np.cov(prices[1:] / prices[:-1] - 1, rowvar=False) * 365


def fired(fires: Callable[[int, np.ndarray], bool]) -> list[str]:
    """Dates on which a portfolio that drifts from its target was brought back to it."""
    dates, _, prices = closes()
    units = TARGETS / prices[0]
    found = []
    for row, date in enumerate(dates):
        held = units * prices[row]
        if fires(row, held / held.sum()):
            units = TARGETS * held.sum() / prices[row]
            found.append(date.isoformat())
    return found


def by_formula(kind: DriftKind) -> list[str]:
    band, drift = MEASURES[kind]
    matrix = covariance()
    return fired(lambda _, weights: bool(drift(weights - TARGETS, matrix) > band))


def by_machine(kind: DriftKind) -> list[str]:
    dates, assets, _ = closes()
    spec, matrix = TriggerSpec(Threshold(kind, MEASURES[kind][0])), covariance()
    state: TriggerState | None = None

    def fires(row: int, weights: np.ndarray) -> bool:
        nonlocal state
        now = datetime.combine(dates[row], datetime.min.time(), UTC)
        decision, state = advance(spec, state, Observation.of(assets, weights, TARGETS, matrix), now)
        if decision.fires:
            state = completed(state, now)
        return decision.fires

    return fired(fires)


@pytest.mark.parametrize("kind", MEASURES)
def test_each_measure_fires_on_its_own_dates(kind: DriftKind) -> None:
    dates = by_machine(kind)
    assert dates == by_formula(kind)
    count, first = GOLDEN[kind]
    assert (len(dates), tuple(dates[: len(first)])) == (count, first)


def test_no_two_measures_fire_on_the_same_dates() -> None:
    lists = {tuple(by_formula(kind)) for kind in MEASURES}
    assert len(lists) == len(MEASURES)
