"""What a trigger remembers between two looks at a portfolio, and how a rebalance that it fired ends.

Whoever runs it stores the new state before acting on a decision, and says how that ended: `completed` or
`failed`. Until then nothing fires, in this process or the next, so no cause is acted on twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from router.errors import InputError
from router.strategy.drift import DriftKind
from router.strategy.exact import decode, digest_of, encode, text_of
from router.strategy.schedule import utc
from router.strategy.triggers import Reason, Trigger, TriggerSpec, leaves


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of one calendar or threshold.

    Attributes:
        cause: of a calendar, the slot to act on; of a threshold, the episode that lasts.
        attempts: how often that cause has been fired.
        seen: the newest slot that was noticed.
    """

    cause: str | None = None
    attempts: int = 0
    seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """A rebalance that was fired and hasn't ended."""

    causes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class TriggerState:
    """All that one tick hands to the next.

    Attributes:
        tree: digest of the conditions that the marks belong to.
        since: when they were armed; slots count from after it.
        clock: time of the last tick.
        marks: in the order of `leaves`.
        episodes: how many episodes have begun, ever.
    """

    tree: str
    since: datetime
    clock: datetime
    marks: tuple[Mark, ...]
    episodes: int = 0
    flight: Flight | None = None
    last_completed: datetime | None = None
    last_failed: datetime | None = None

    def to_text(self) -> str:
        """One line of JSON; equal states have equal text."""
        return text_of(encode(TriggerState, self))

    @classmethod
    def of_text(cls, text: str) -> TriggerState:
        """The state that `to_text` wrote.

        Raises:
            InputError: anything else; says where.
        """
        try:
            plain = json.loads(text)
        except ValueError as error:
            raise InputError(f"is no JSON: {error}", path="state") from None
        return decode(cls, plain, "state")


@dataclass(frozen=True, slots=True)
class Reading:
    """One threshold at one tick: the drift farthest beyond its band, or nearest to it, and that band."""

    place: str
    measure: DriftKind
    drift: float
    band: float


@dataclass(frozen=True, slots=True)
class TriggerDecision:
    """What one tick came to.

    Attributes:
        reasons: why, the most telling first.
        causes: those acted on where it fires; those that wait where it doesn't; those acted on before, while
            their rebalance is in flight.
        attempt: 1 where none of the causes was acted on before; 0 where nothing fires.
        missed: slots that were seen too late.
        readings: of every threshold, in order.
    """

    at: datetime
    fires: bool
    reasons: tuple[Reason, ...]
    causes: tuple[str, ...] = ()
    attempt: int = 0
    missed: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()

    @property
    def reason(self) -> Reason:
        return self.reasons[0]


def arm(spec: TriggerSpec, now: datetime) -> TriggerState:
    """The state before the first tick."""
    now = utc(now, "now")
    return TriggerState(tree_digest(spec.when), now, now, tuple(Mark() for _ in leaves(spec.when)))


def rearm(spec: TriggerSpec, state: TriggerState, now: datetime) -> TriggerState:
    """Starts over, with other conditions or a clock put right; what is in flight and what was done remain."""
    return replace(
        arm(spec, now),
        episodes=state.episodes,
        flight=state.flight,
        last_completed=state.last_completed,
        last_failed=state.last_failed,
    )


def completed(state: TriggerState, at: datetime) -> TriggerState:
    """The portfolio was rebalanced, by this trigger or by hand: every cause up to then is met.

    Args:
        at: when it took effect.
    """
    at = utc(at, "at")
    return replace(
        state,
        marks=tuple(Mark(seen=mark.seen) for mark in state.marks),
        flight=None,
        last_completed=max(at, state.last_completed or at),
        last_failed=None,
    )


def failed(state: TriggerState, at: datetime) -> TriggerState:
    """What was fired had no effect; its causes may be tried again, within the gates.

    Raises:
        InputError: nothing was fired.
    """
    if state.flight is None:
        raise InputError("no rebalance is in flight", path="state.flight")
    return replace(state, flight=None, last_failed=utc(at, "at"))


def declined(state: TriggerState) -> TriggerState:
    """What was fired was not acted on, because it doesn't pay: a slot was looked at and is over; an episode
    lasts, and the next look may fire for it as if this one had not.

    Raises:
        InputError: nothing was fired.
    """
    if state.flight is None:
        raise InputError("no rebalance is in flight", path="state.flight")
    fired = state.flight.causes

    def before(mark: Mark) -> Mark:
        if mark.cause not in fired:
            return mark
        return replace(mark, attempts=mark.attempts - 1) if mark.seen is None else Mark(seen=mark.seen)

    return replace(state, flight=None, marks=tuple(map(before, state.marks)))


@lru_cache(maxsize=256)
def tree_digest(when: Trigger) -> str:
    """Which conditions a state belongs to. Gates may change without touching it."""
    return digest_of(encode(Trigger, when))
