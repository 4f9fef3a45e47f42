"""Triggers, observations and runs of a machine that the tests of it share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from router.strategy.drift import DriftKind
from router.strategy.machine import advance
from router.strategy.observation import Observation
from router.strategy.schedule import Interval
from router.strategy.state import arm, completed, failed
from router.strategy.triggers import AllOf, AnyOf, Calendar, Gates, Threshold, TriggerSpec

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASSETS = ("RISK", "CASH")


def at(hours: float) -> datetime:
    return START + hours * HOUR


def seen(drift: float, **others) -> Observation:
    """A portfolio of half and half that is this far off, exactly where `drift` is a short binary fraction."""
    return Observation.of(ASSETS, [0.5 + drift, 0.5 - drift], [0.5, 0.5], **others)


def band(width: float, measure: DriftKind = DriftKind.ABSOLUTE) -> Threshold:
    return Threshold(measure, width)


def every(hours: float, grace: float | None = None, **others) -> Calendar:
    return Calendar(Interval(hours * HOUR, **others), None if grace is None else grace * HOUR)


OUT, IN = seen(0.25), seen(0.0)
ODD = 0.0625
"""A drift and its doubles that floats hold exactly."""


class Run:
    """A machine with its state, at hours since the start."""

    def __init__(self, when, **gates):
        self.spec = TriggerSpec(when, Gates(**gates))
        self.state = arm(self.spec, START)

    def tick(self, hour, observation=IN):
        decision, self.state = advance(self.spec, self.state, observation, at(hour))
        return decision

    def done(self, hour):
        self.state = completed(self.state, at(hour))

    def broke(self, hour):
        self.state = failed(self.state, at(hour))


def hours(least: int, most: int):
    return st.integers(least, most).map(lambda count: count * HOUR)


calendars = st.builds(
    lambda length, anchor, restart, grace: Calendar(
        Interval(length, at(anchor) if anchor is not None else None, restart), grace
    ),
    hours(1, 12),
    st.none() | st.integers(-5, 5),
    st.booleans(),
    st.none() | hours(0, 3),
)
thresholds = st.builds(
    Threshold,
    st.sampled_from([DriftKind.ABSOLUTE, DriftKind.RELATIVE, DriftKind.L1, DriftKind.L2]),
    st.sampled_from([0.03125, 0.0625, 0.125]),
)
trees = st.recursive(
    calendars | thresholds,
    lambda parts: st.lists(parts, min_size=1, max_size=3).flatmap(
        lambda some: st.sampled_from([AllOf(tuple(some)), AnyOf(tuple(some))])
    ),
    max_leaves=5,
)
gates = st.builds(
    Gates,
    cooldown=st.none() | hours(0, 8),
    min_trade=st.none() | st.just(2.0),
    gas_ceiling_wei=st.none() | st.just(50),
    max_price_age=st.none() | hours(1, 3),
    max_attempts=st.integers(1, 3),
    retry_after=hours(0, 4),
)
specs = st.builds(TriggerSpec, trees, gates)
drifts = st.sampled_from([0.0, 0.03125, 0.04, 0.0625, 0.07, 0.25])


@st.composite
def observations(draw, now: datetime):
    """A look at `now` that a gate may or may not pass."""
    return seen(
        draw(drifts),
        nav=draw(st.sampled_from([30.0, 1000.0])),
        gas_price_wei=draw(st.sampled_from([10, 50, 51])),
        priced_at=(now - draw(hours(0, 4)), now),
    )
