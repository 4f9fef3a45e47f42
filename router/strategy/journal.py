"""One tick of a trigger as text that proves itself: all that went in, all that came out, bit for bit.

A record holds the conditions, the state before, the observation and the time, and the decision and state
after; where a trade was weighed, also by what and with which result. `replay` runs machine and weighing on
what went in and compares. Calendars depend on time zone rules, which governments change: a replay under other
rules names the slot that moved. It also holds the prices that the look rests on, for the next one to be held
against; they decide nothing here.

How a rebalance ended is a record too, so that a journal's last line always holds the state to go on from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self

from router.errors import InputError
from router.strategy.exact import decode, differences, digest_of, encode, text_of
from router.strategy.machine import advance
from router.strategy.observation import Observation
from router.strategy.schedule import utc
from router.strategy.state import TriggerDecision, TriggerState, completed, declined, failed
from router.strategy.triggers import TriggerSpec
from router.strategy.weighing import Ruling, Weighing, rule, rulings_differ


class _Line:
    """One line of JSON with its own digest, and back."""

    __slots__ = ()
    SCHEMA: ClassVar[str]
    EARLIER: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    """Versions that are still read, each with what it does not hold."""

    def to_text(self) -> str:
        plain = encode(type(self), self)
        return text_of({"schema": self.SCHEMA, "digest": digest_of(plain), "record": plain})

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The record that `to_text` wrote.

        Raises:
            InputError: of another version, altered, or no record at all; says where.
        """
        record, altered = cls.of_any_text(text)
        if altered:
            raise InputError(altered, path="digest")
        return record

    @classmethod
    def of_any_text(cls, text: str) -> tuple[Self, str]:
        """The record that a text holds, and how its digest differs: empty for what `to_text` wrote.

        Raises:
            InputError: of another version, or no record at all; says where.
        """
        try:
            document = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise InputError(f"is no JSON: {error}", path="record") from None
        if not isinstance(document, dict) or document.keys() != {"schema", "digest", "record"}:
            raise InputError("should hold schema, digest and record", path="record")
        schema, plain = document["schema"], document["record"]
        if not isinstance(schema, str) or schema not in (cls.SCHEMA, *cls.EARLIER):
            raise InputError(f"should be {cls.SCHEMA!r}, is {schema!r}", path="schema")
        found = digest_of(plain)
        altered = "" if found == document["digest"] else f"is {document['digest']!r}, the record's is {found}"
        if isinstance(plain, dict):
            plain = {**cls.EARLIER.get(schema, {}), **plain}
        return decode(cls, plain, "record"), altered


@dataclass(frozen=True, slots=True)
class Accepted:
    """Prices that a look rests on, after the owner's guards passed them or were overruled.

    Attributes:
        prices: numeraire per whole token, in the order of the look's assets.
        overruled: what guards refused, and the operator did not.
    """

    numeraire: str
    prices: tuple[float, ...]
    overruled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record(_Line):
    """One tick: what went in, and what came out.

    Attributes:
        weighing: None where no trade was weighed.
        accepted: None where nobody held the prices to anything.
        account: whose portfolio it is, by its CAIP-10 name; None where nobody said.
    """

    SCHEMA: ClassVar[str] = "rebalance-trigger-record/3"
    EARLIER: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "rebalance-trigger-record/2": {"account": None},
            "rebalance-trigger-record/1": {"weighing": None, "accepted": None, "account": None},
        }
    )

    spec: TriggerSpec
    before: TriggerState | None
    observation: Observation
    now: datetime
    decision: TriggerDecision
    after: TriggerState
    weighing: Weighing | None = None
    accepted: Accepted | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        if self.accepted is not None and len(self.accepted.prices) != len(self.observation.assets):
            found, assets = len(self.accepted.prices), len(self.observation.assets)
            raise InputError(f"has {found} entries for {assets} assets", path="accepted.prices")


class Ending(StrEnum):
    """How a rebalance ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    DECLINED = "declined"
    """It was not begun, because it doesn't pay."""


@dataclass(frozen=True, slots=True)
class End(_Line):
    """The end of a rebalance that a trigger fired, or that was made by hand.

    Attributes:
        transaction: hash of the one that completed it; None where nobody said.
    """

    SCHEMA: ClassVar[str] = "rebalance-trigger-end/2"
    EARLIER: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {"rebalance-trigger-end/1": {"transaction": None}}
    )

    ending: Ending
    before: TriggerState
    at: datetime
    after: TriggerState
    transaction: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What a record's input gives now.

    Attributes:
        decision: None of an end.
        ruling: None where no trade was weighed.
        to_the_bit: whether that weighing's figures had to be the same bits.
        differences: where that isn't what was recorded, e.g.
            ``decision.reasons[0]: recorded 'cooldown', replayed 'fired'``.
    """

    decision: TriggerDecision | None
    after: TriggerState
    ruling: Ruling | None
    to_the_bit: bool
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


def replay(record: Record | End, solver: tuple[str, ...] = ()) -> Replay:
    """The same step again.

    Args:
        solver: program, libraries and machine of this replay, as a weighing names its own. Where those
            differ, its figures may by `weighing.SAME`.

    Raises:
        InputError: a weighing that can't be made here, or of figures that no look has.
    """
    if isinstance(record, End):
        after = end(record.ending, record.before, record.at).after
        return Replay(None, after, None, True, _states_differ(record.after, after))
    decision, after = advance(record.spec, record.before, record.observation, record.now)
    found = (
        *differences(encode(TriggerDecision, record.decision), encode(TriggerDecision, decision), "decision"),
        *_states_differ(record.after, after),
    )
    weighed = record.weighing
    if weighed is None:
        return Replay(decision, after, None, True, found)
    try:
        ruling = rule(weighed.terms, record.observation)
    except InputError as error:
        raise InputError(error.message, path=f"record.weighing.{error.path}") from None
    to_the_bit = weighed.solver == solver
    apart = rulings_differ(weighed.ruling, ruling, to_the_bit=to_the_bit)
    return Replay(decision, after, ruling, to_the_bit, (*found, *apart))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _states_differ(recorded: TriggerState, replayed: TriggerState) -> tuple[str, ...]:
    return differences(encode(TriggerState, recorded), encode(TriggerState, replayed), "after")
