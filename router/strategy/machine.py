"""The state machine of a trigger: one look in, one decision and the next state out.

A cause fires once. It fires again only after it was said to have failed, and only so often. A cause that a
gate holds back stays, and fires when the gate opens, if it still holds then. A calendar slot beside a
condition that doesn't hold was a look, and is over. While prices are too old, what depends on them is
unknown, not false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from router.errors import InputError
from router.strategy.drift import Drift, DriftKind
from router.strategy.observation import Observation
from router.strategy.schedule import Interval, Schedule, utc
from router.strategy.state import (
    Flight,
    Mark,
    Reading,
    TriggerDecision,
    TriggerState,
    arm,
    rearm,
    tree_digest,
)
from router.strategy.triggers import AllOf, Calendar, Gates, Reason, Threshold, Trigger, TriggerSpec, leaves

_LOOKAHEAD = 100
"""How many moments `next_due` looks at, where none of them will do."""
_SEEN = frozenset({Reason.PRICES_STALE, Reason.GAS_ABOVE_CEILING, Reason.TRADE_BELOW_MINIMUM})
"""Gates that only another look can find open."""

Level: TypeAlias = bool | None
"""Whether a condition holds; None where that is unknown."""
Levels: TypeAlias = Mapping[str, Level]
"""By place in the tree."""


@dataclass(frozen=True, slots=True)
class NextDue:
    """When a trigger may fire next, if what it was last shown stays as it is.

    Attributes:
        at: None where only a change can make it fire: of drift, of gas, or the end of what is in flight.
        slot: the next slot of any calendar, whether it will matter or not.
        waiting: causes that hold now and may still be acted on.
        in_flight: a rebalance was fired and hasn't ended.
    """

    at: datetime | None
    slot: datetime | None
    waiting: tuple[str, ...]
    in_flight: bool


def advance(
    spec: TriggerSpec, state: TriggerState | None, observation: Observation, now: datetime
) -> tuple[TriggerDecision, TriggerState]:
    """One tick.

    Args:
        state: None before the first. One that belongs to other conditions is rearmed.

    Raises:
        InputError: an observation that can't be judged: bad weights, or without what a threshold or a gate
            needs.
    """
    now = utc(now, "now")
    state = _current(spec, state, now)
    if now < state.clock:
        return TriggerDecision(now, False, (Reason.CLOCK_BACKWARDS,)), state
    drift = observation.drift()
    thresholds = [(place, leaf) for place, leaf in leaves(spec.when) if isinstance(leaf, Threshold)]
    for place, leaf in thresholds:
        if leaf.measure is DriftKind.TRACKING_ERROR and drift.covariance is None:
            raise InputError(
                "a tracking error needs a covariance, which a [discipline] gives", path=f"{place}.measure"
            )
    readings = tuple(
        Reading(place, leaf.measure, *leaf.reading(observation.assets, drift)) for place, leaf in thresholds
    )
    shut = _shut(spec.gates, observation, drift, now)
    beyond = {reading.place: reading.drift > reading.band for reading in readings}
    levels: Levels = dict.fromkeys(beyond) if Reason.PRICES_STALE in shut else beyond
    decision, after = _step(spec, state, levels, shut, now)
    return replace(decision, readings=readings), after


def next_due(
    spec: TriggerSpec, state: TriggerState | None, now: datetime, reasons: Iterable[Reason] = ()
) -> NextDue:
    """When the trigger may fire next, seen from `now`; drift, gas and prices as at the last tick.

    Args:
        reasons: of the last decision.
    """
    now = utc(now, "now")
    state = _current(spec, state, now)
    marks = _by_place(spec, state)
    waiting = tuple(mark.cause for mark in marks.values() if mark.cause and not _spent(mark, spec.gates))
    held = state.flight is not None or not _SEEN.isdisjoint(reasons)
    at = None if held else _first_firing(spec, state, max(now, state.clock))
    slots = (slot for slot in _next_slots(spec, state, now).values() if slot is not None)
    return NextDue(at, min(slots, default=None), waiting, state.flight is not None)


def _first_firing(spec: TriggerSpec, state: TriggerState, now: datetime) -> datetime | None:
    """The machine itself, run over the moments at which time alone can change anything."""
    levels = {place: mark.cause is not None for place, mark in _by_place(spec, state).items()}
    openings = _openings(spec.gates, state)
    for _ in range(_LOOKAHEAD):
        decision, state = _step(spec, state, levels, (), now)
        if decision.fires:
            return now
        if openings.keys() >= set(decision.reasons):
            return max(openings[reason] for reason in decision.reasons)
        if (moment := _next_moment(spec, state, levels, now)) is None:
            return None
        now = moment
    return None


def _next_moment(spec: TriggerSpec, state: TriggerState, levels: Levels, now: datetime) -> datetime | None:
    """When to look again after a look that found nothing to act on, at drift that stays.

    Nothing can come before every calendar that it takes has had a slot. Of the slots until then the last one
    of each calendar leaves the state that looks at all of them would.
    """
    slots = _next_slots(spec, state, now)
    first = min((slot for slot in slots.values() if slot is not None), default=None)
    out = {place: now if level else None for place, level in levels.items()}
    least = _earliest(spec.when, "trigger", out | slots)
    if first is None or least is None:
        return None
    due = max(first, least)
    lasts = (
        _schedule(leaf, state).previous(due, state.since)
        for _, leaf in leaves(spec.when)
        if isinstance(leaf, Calendar)
    )
    return min(last for last in lasts if last is not None and last > max(now, _floor(state)))


def _earliest(trigger: Trigger, place: str, moments: Mapping[str, datetime | None]) -> datetime | None:
    """When a tree may hold at the earliest, given when its leaves may."""
    if isinstance(trigger, Calendar | Threshold):
        return moments[place]
    parts = [_earliest(part, f"{place}.of[{index}]", moments) for index, part in enumerate(trigger.parts)]
    known = [part for part in parts if part is not None]
    if isinstance(trigger, AllOf):
        return max(known) if len(known) == len(parts) else None
    return min(known, default=None)


def _next_slots(spec: TriggerSpec, state: TriggerState, now: datetime) -> dict[str, datetime | None]:
    """By place of each calendar."""
    after = max(now, _floor(state))
    return {
        place: _schedule(leaf, state).following(after, state.since)
        for place, leaf in leaves(spec.when)
        if isinstance(leaf, Calendar)
    }


def _current(spec: TriggerSpec, state: TriggerState | None, now: datetime) -> TriggerState:
    if state is None:
        return arm(spec, now)
    return state if state.tree == tree_digest(spec.when) else rearm(spec, state, now)


def _step(
    spec: TriggerSpec, state: TriggerState, levels: Levels, shut: Iterable[Reason], now: datetime
) -> tuple[TriggerDecision, TriggerState]:
    """One tick, given what the observation comes to.

    Args:
        levels: of the thresholds.
        shut: gates that the observation doesn't pass.
    """
    marks, missed, episodes = _noticed(spec, state, levels, now)
    state = replace(state, clock=now, marks=tuple(marks.values()), episodes=episodes)
    if state.flight is not None:
        return TriggerDecision(now, False, (Reason.IN_FLIGHT,), state.flight.causes, missed=missed), state

    verdict = _judge(spec.when, "trigger", _leaf_verdicts(spec, marks, levels))
    marks = {place: _looked(mark, place in verdict.places, spec.gates) for place, mark in marks.items()}
    acting = {
        place: mark
        for place, mark in marks.items()
        if place in verdict.places and mark.cause and not _spent(mark, spec.gates)
    }
    causes = tuple(mark.cause for mark in acting.values() if mark.cause)
    reasons = set(verdict.blockers)
    if verdict.level is False:
        reasons |= {Reason.SLOT_MISSED} if missed else set()
    elif verdict.level and not causes:
        reasons = {Reason.ATTEMPTS_EXHAUSTED}
    else:
        reasons = {*shut, *(reason for reason, at in _openings(spec.gates, state).items() if now < at)}
    state = replace(state, marks=tuple(marks.values()))
    if reasons:
        return TriggerDecision(now, False, _ordered(reasons), causes, missed=missed), state

    fired = {place: replace(mark, attempts=mark.attempts + 1) for place, mark in acting.items()}
    attempt = max(mark.attempts for mark in fired.values())
    state = replace(state, marks=tuple((marks | fired).values()), flight=Flight(causes, now))
    return TriggerDecision(now, True, (Reason.FIRED,), causes, attempt, missed), state


def _noticed(
    spec: TriggerSpec, state: TriggerState, levels: Levels, now: datetime
) -> tuple[dict[str, Mark], tuple[str, ...], int]:
    """The marks with what came, began or ended since; slots missed; episodes so far."""
    marks, missed, episodes = _by_place(spec, state), [], state.episodes
    for place, leaf in leaves(spec.when):
        mark = marks[place]
        if isinstance(leaf, Threshold):
            level = levels[place]
            if level is False:
                marks[place] = Mark()
            elif level and mark.cause is None:
                episodes += 1
                marks[place] = Mark(f"{place}#{episodes}")
            continue
        slot = _schedule(leaf, state).previous(now, state.since)
        if slot is None or slot <= max(_floor(state), mark.seen or state.since):
            continue
        cause = f"{place}@{slot.isoformat()}"
        if leaf.grace is not None and now - slot > leaf.grace:
            missed.append(cause)
            marks[place] = replace(mark, seen=slot)
        else:
            marks[place] = Mark(cause, 0, slot)
    return marks, tuple(missed), episodes


def _looked(mark: Mark, counts: bool, gates: Gates) -> Mark:
    """The mark of a calendar once its slot was looked at; of a threshold, the same."""
    over = mark.seen is not None and not counts and not _spent(mark, gates)
    return Mark(seen=mark.seen) if over else mark


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a condition holds, through which calendars and thresholds, or for want of which."""

    level: Level
    places: tuple[str, ...] = ()
    blockers: tuple[Reason, ...] = ()


def _leaf_verdicts(spec: TriggerSpec, marks: Mapping[str, Mark], levels: Levels) -> dict[str, _Verdict]:
    verdicts = {}
    for place, leaf in leaves(spec.when):
        mark = marks[place]
        if isinstance(leaf, Threshold):
            level, blocker = levels[place], Reason.WITHIN_BAND
        elif _spent(mark, spec.gates):
            level, blocker = False, Reason.ATTEMPTS_EXHAUSTED
        else:
            level, blocker = mark.cause is not None, Reason.BEFORE_SLOT
        verdicts[place] = _Verdict(level, (), (blocker,)) if level is False else _Verdict(level, (place,))
    return verdicts


def _judge(trigger: Trigger, place: str, verdicts: Mapping[str, _Verdict]) -> _Verdict:
    """A tree's verdict from its leaves', in the logic of true, false and unknown."""
    if isinstance(trigger, Calendar | Threshold):
        return verdicts[place]
    parts = [_judge(part, f"{place}.of[{index}]", verdicts) for index, part in enumerate(trigger.parts)]
    levels = [part.level for part in parts]
    failing = [part for part in parts if part.level is False]
    if failing and (isinstance(trigger, AllOf) or len(failing) == len(parts)):
        return _Verdict(False, (), tuple(each for part in failing for each in part.blockers))
    places = tuple(each for part in parts for each in part.places)
    if isinstance(trigger, AllOf):
        return _Verdict(None if None in levels else True, places)
    return _Verdict(True if True in levels else None, places)


def _shut(gates: Gates, observation: Observation, drift: Drift, now: datetime) -> tuple[Reason, ...]:
    """The gates that this observation doesn't pass."""
    shut = []
    if gates.max_price_age is not None and observation.price_age(now) > gates.max_price_age:
        shut.append(Reason.PRICES_STALE)
    if gates.gas_ceiling_wei is not None:
        if observation.gas_price_wei is None:
            raise InputError(
                "a gas ceiling needs a base fee, or the owner's price of gas", path="gas_price_wei"
            )
        if observation.gas_price_wei > gates.gas_ceiling_wei:
            shut.append(Reason.GAS_ABOVE_CEILING)
    if gates.min_trade is not None and observation.traded(drift) < gates.min_trade:
        shut.append(Reason.TRADE_BELOW_MINIMUM)
    return tuple(shut)


def _openings(gates: Gates, state: TriggerState) -> dict[Reason, datetime]:
    """When the gates that wait for time open."""
    openings = {}
    if state.last_failed is not None:
        openings[Reason.RETRY_WAIT] = state.last_failed + gates.retry_after
    if state.last_completed is not None and gates.cooldown is not None:
        openings[Reason.COOLDOWN] = state.last_completed + gates.cooldown
    return openings


def _schedule(leaf: Calendar, state: TriggerState) -> Schedule:
    schedule = leaf.schedule
    if isinstance(schedule, Interval) and schedule.restart and state.last_completed is not None:
        return replace(schedule, anchor=state.last_completed)
    return schedule


def _floor(state: TriggerState) -> datetime:
    """Slots up to here are met, or were nobody's to act on."""
    return max(state.since, state.last_completed or state.since)


def _by_place(spec: TriggerSpec, state: TriggerState) -> dict[str, Mark]:
    return {place: mark for (place, _), mark in zip(leaves(spec.when), state.marks, strict=True)}


def _spent(mark: Mark, gates: Gates) -> bool:
    return mark.cause is not None and mark.attempts >= gates.max_attempts


def _ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=list(Reason).index))
