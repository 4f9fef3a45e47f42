"""Thresholds: bands, measures, and the episodes that they begin and end."""

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.drift import DriftKind
from router.strategy.triggers import AllOf, AnyOf, Reason
from tests.unit.strategy.trigger_cases import HOUR, IN, ODD, OUT, Run, band, every, seen


@pytest.mark.parametrize(
    ("measure", "drift"),
    [(DriftKind.ABSOLUTE, ODD), (DriftKind.RELATIVE, 2 * ODD), (DriftKind.L1, 2 * ODD)],
)
def test_threshold_fires_strictly_beyond_its_band(measure, drift):
    run = Run(band(drift, measure))
    assert run.tick(0, seen(ODD)).reasons == (Reason.WITHIN_BAND,)
    assert run.tick(1, seen(np.nextafter(ODD, 1))).fires is False  # 0.5 + d rounds to the same weight
    decision = run.tick(2, seen(ODD + 2**-50))
    assert decision.fires
    assert decision.reason is Reason.FIRED
    assert decision.causes == ("trigger#1",)
    (reading,) = decision.readings
    assert (reading.measure, reading.band) == (measure, drift)
    assert reading.drift > drift


def test_band_of_zero_needs_some_drift():
    run = Run(band(0.0))
    assert not run.tick(0, IN).fires
    assert run.tick(1, seen(2**-40)).fires


def test_tracking_error_threshold_reads_the_covariance():
    run = Run(band(0.05, DriftKind.TRACKING_ERROR))
    calm, wild = ([[v, 0.0], [0.0, 0.0]] for v in (0.03, 0.05))
    assert not run.tick(0, seen(0.25, covariance=calm)).fires
    assert run.tick(1, seen(0.25, covariance=wild)).fires
    with pytest.raises(InputError, match="covariance"):
        run.tick(2, OUT)


def test_episode_that_ended_by_itself_makes_room_for_the_next():
    run = Run(band(0.1), cooldown=5 * HOUR)
    run.done(0)
    assert run.tick(1, OUT).causes == ("trigger#1",)
    assert run.tick(2, IN).reason is Reason.WITHIN_BAND
    assert run.tick(3, OUT).causes == ("trigger#2",)


def test_completed_rebalance_ends_the_episode_even_where_drift_stays():
    run = Run(band(0.1))
    assert run.tick(0, OUT).causes == ("trigger#1",)
    assert run.tick(1, OUT).reason is Reason.IN_FLIGHT
    run.done(1)
    assert run.tick(1, OUT).causes == ("trigger#2",)


def test_a_tracking_error_without_a_covariance_is_refused_at_its_place():
    run = Run(AnyOf((band(0.1), AllOf((every(6), band(0.1, DriftKind.TRACKING_ERROR))))))
    with pytest.raises(InputError, match=r"a \[discipline\] gives") as caught:
        run.tick(1, OUT)
    assert caught.value.path == "trigger.of[1].of[1].measure"
