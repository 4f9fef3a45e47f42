"""One tick of a trigger as text that proves itself: all that went in, all that came out, bit for bit.

A record holds the conditions, the state before, the observation and the time, and the decision and state
after. `replay` runs the machine on the first four and compares. Calendars depend on time zone rules, which
governments change: a replay under other rules names the slot that moved.

How a rebalance ended is a record too, so that a journal's last line always holds the state to go on from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from router.errors import InputError
from router.strategy.exact import decode, digest_of, encode, text_of
from router.strategy.machine import advance
from router.strategy.observation import Observation
from router.strategy.schedule import utc
from router.strategy.state import TriggerDecision, TriggerState, completed, declined, failed
from router.strategy.triggers import TriggerSpec


class _Line:
    """One line of JSON with its own digest, and back."""

    __slots__ = ()
    SCHEMA: ClassVar[str]

    def to_text(self) -> str:
        plain = encode(type(self), self)
        return text_of({"schema": self.SCHEMA, "digest": digest_of(plain), "record": plain})

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The record that `to_text` wrote.

        Raises:
            InputError: of another version, altered, or no record at all; says where.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise InputError(f"is no JSON: {error}", path="record") from None
        if not isinstance(document, dict) or document.keys() != {"schema", "digest", "record"}:
            raise InputError("should hold schema, digest and record", path="record")
        if document["schema"] != cls.SCHEMA:
            raise InputError(f"should be {cls.SCHEMA!r}, is {document['schema']!r}", path="schema")
        if (found := digest_of(document["record"])) != document["digest"]:
            raise InputError(f"is {document['digest']!r}, the record's is {found}", path="digest")
        return decode(cls, document["record"], "record")


@dataclass(frozen=True, slots=True)
class Record(_Line):
    """One tick: what went in, and what came out."""

    SCHEMA: ClassVar[str] = "rebalance-trigger-record/1"

    spec: TriggerSpec
    before: TriggerState | None
    observation: Observation
    now: datetime
    decision: TriggerDecision
    after: TriggerState


class Ending(StrEnum):
    """How a rebalance ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    DECLINED = "declined"
    """It was not begun, because it doesn't pay."""


@dataclass(frozen=True, slots=True)
class End(_Line):
    """The end of a rebalance that a trigger fired, or that was made by hand."""

    SCHEMA: ClassVar[str] = "rebalance-trigger-end/1"

    ending: Ending
    before: TriggerState
    at: datetime
    after: TriggerState


@dataclass(frozen=True, slots=True)
class Replay:
    """What the machine made of a record's input now.

    Attributes:
        decision: None of an end.
        differences: where that isn't what was recorded, e.g.
            ``decision.reasons[0]: recorded 'cooldown', replayed 'fired'``.
    """

    decision: TriggerDecision | None
    after: TriggerState
    differences: tuple[str, ...]


def tick(spec: TriggerSpec, before: TriggerState | None, observation: Observation, now: datetime) -> Record:
    """One tick of the machine, with its record.

    Raises:
        InputError: as `advance`.
    """
    decision, after = advance(spec, before, observation, now)
    return Record(spec, before, observation, utc(now, "now"), decision, after)


def end(ending: Ending, before: TriggerState, at: datetime) -> End:
    """How a rebalance ended, with its record.

    Raises:
        InputError: it failed or was declined, and nothing had been fired.
    """
    match ending:
        case Ending.COMPLETED:
            after = completed(before, at)
        case Ending.FAILED:
            after = failed(before, at)
        case Ending.DECLINED:
            after = declined(before)
    return End(ending, before, utc(at, "at"), after)


def replay(record: Record | End) -> Replay:
    """The same step again."""
    if isinstance(record, End):
        after = end(record.ending, record.before, record.at).after
        return Replay(None, after, tuple(_states_differ(record.after, after)))
    decision, after = advance(record.spec, record.before, record.observation, record.now)
    found = [
        *_differences(
            encode(TriggerDecision, record.decision), encode(TriggerDecision, decision), "decision"
        ),
        *_states_differ(record.after, after),
    ]
    return Replay(decision, after, tuple(found))


def _states_differ(recorded: TriggerState, replayed: TriggerState) -> list[str]:
    return _differences(encode(TriggerState, recorded), encode(TriggerState, replayed), "after")


def _differences(recorded: Any, replayed: Any, path: str) -> list[str]:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        keys = sorted(recorded.keys() | replayed.keys())
        pairs = [(f"{path}.{key}".lstrip("."), recorded.get(key), replayed.get(key)) for key in keys]
    elif isinstance(recorded, list) and isinstance(replayed, list) and len(recorded) == len(replayed):
        pairs = [
            (f"{path}[{index}]", *pair) for index, pair in enumerate(zip(recorded, replayed, strict=True))
        ]
    else:
        return [] if recorded == replayed else [f"{path}: recorded {recorded!r}, replayed {replayed!r}"]
    return [each for where, old, new in pairs for each in _differences(old, new, where)]
