"""When a calendar says so: cron expressions on the wall clock of a place, and intervals of elapsed time.

A schedule is a set of instants, called slots, that doesn't depend on who asks or when. Wall clocks skip and
repeat hours, so a cron expression's wall times become instants by cron's own customary rule:

    a fixed hour       in a gap: the instant at which the clock jumps; repeated: the first time alone
    any hour (`*...`)  in a gap: none; repeated: both times, so that "every 15 minutes" stays just that

croniter finds the wall times and knows nothing of zones here: with a zone, what it answers depends on where a
search starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from router.errors import InputError, nearest

_FIELDS = 5
_HOUR_FIELD = 1
_NOT_REPRODUCIBLE = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
"""croniter's H and R: a hash, and a random draw at each start."""
_NTH_WEEKDAY = re.compile(r"#|\bL[0-7]", re.IGNORECASE)
_SHIFT = timedelta(hours=26)
"""More than any clock has ever been set back or forward at once."""
_MOMENT = timedelta(minutes=1)
"""What a five-field expression can tell apart."""
_A_DATE = datetime(2000, 1, 1)
_LONGEST = timedelta(days=36_525)
_SHORTEST = timedelta(seconds=1)
_YEARS = range(1900, 3000)
"""Of times that are meant: dates reach a century before and after them."""


class Schedule(Protocol):
    """A set of instants. Times in and out are aware; those out are in UTC.

    `since` is where an interval without an anchor is counted from.
    """

    def previous(self, at: datetime, since: datetime) -> datetime | None:
        """The newest slot at or before `at`; None where there was none."""
        ...

    def following(self, after: datetime, since: datetime) -> datetime | None:
        """The first slot later than `after`; None where there will be none."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so much elapsed time: 24 hours are 24 hours, whatever the wall clock does.

    Attributes:
        every: from a second to a century.
        anchor: a slot, from which all others are counted; None counts from where the schedule was armed.
        restart: counts anew from each completed rebalance, so that a rebalance for another cause puts the
            next slot off.

    Raises:
        InputError: a length out of range, or an anchor without a time zone.
    """

    every: timedelta
    anchor: datetime | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        if not _SHORTEST <= self.every <= _LONGEST:
            raise InputError(f"should be from 1 second to 100 years, is {self.every}", path="every")
        if self.anchor is not None:
            utc(self.anchor, "anchor")

    def previous(self, at: datetime, since: datetime) -> datetime | None:
        start = self._start(since)
        count = (at - start) // self.every
        return start + count * self.every if count >= 0 else None

    def following(self, after: datetime, since: datetime) -> datetime | None:
        start = self._start(since)
        return start + max(0, (after - start) // self.every + 1) * self.every

    def _start(self, since: datetime) -> datetime:
        return (self.anchor or since).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields on the wall clock of an IANA time zone.

    As in Vixie's cron and its heirs, where neither day of month nor day of week begins with `*`, either is
    enough; else both are needed.

    Raises:
        InputError: not five fields, a value out of range, a random or hashed field, an nth weekday beside a
            day of month, an expression that never comes, or an unknown zone.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _zone(self.timezone)
        fields = self.expression.split()
        if len(fields) != _FIELDS:
            raise InputError(
                f"should have five fields (minute hour day month weekday), has {len(fields)}", path="cron"
            )
        if _NOT_REPRODUCIBLE.search(self.expression):
            raise InputError("should mean the same in every run; H and R don't", path="cron")
        _, _, day, _, weekday = fields
        if _NTH_WEEKDAY.search(weekday) and not day.startswith(("*", "?")):
            raise InputError(
                "has a day of month and an nth weekday, of which croniter drops one: use two calendars",
                path="cron",
            )
        if next(_walls(self.expression, _A_DATE), None) is None:
            raise InputError(f"{self.expression!r} never comes", path="cron")

    def previous(self, at: datetime, since: datetime) -> datetime | None:  # noqa: ARG002
        wall = self._wall(at)
        best: datetime | None = None
        for each in _walls(self.expression, wall + self._shift(at) + _MOMENT, back=True):
            instants = self._instants(each)
            if best is not None and instants and instants[-1] <= best:
                return best
            best = max((t for t in (*instants, best) if t is not None and t <= at), default=None)
        return best

    def following(self, after: datetime, since: datetime) -> datetime | None:  # noqa: ARG002
        wall = self._wall(after)
        best: datetime | None = None
        for each in _walls(self.expression, wall - self._shift(after) - _MOMENT):
            instants = self._instants(each)
            if best is not None and instants and instants[0] >= best:
                return best
            best = min((t for t in (*instants, best) if t is not None and t > after), default=None)
        return best

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """The instants that a wall time stands for, ascending; wall times in order have theirs in order."""
        zone = _zone(self.timezone)
        first, second = (
            wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(fold=0) for fold in (0, 1)
        )
        if first == second:
            return (first,)
        any_hour = self.expression.split()[_HOUR_FIELD].startswith("*")
        if first < second:
            return (first, second) if any_hour else (first,)
        return () if any_hour else (_jump(second, first, zone),)

    def _wall(self, at: datetime) -> datetime:
        return at.astimezone(_zone(self.timezone)).replace(tzinfo=None, fold=0)

    def _shift(self, at: datetime) -> timedelta:
        """How far wall times near `at` may be out of order with instants: not at all, but near a change."""
        zone = _zone(self.timezone)
        around = {(at + shift).astimezone(zone).utcoffset() for shift in (-_SHIFT, timedelta(), _SHIFT)}
        return _SHIFT if len(around) > 1 else timedelta()


def utc(at: datetime, path: str) -> datetime:
    """The same instant in UTC.

    Raises:
        InputError: a time without a zone, which could be anybody's, or one far from any that is meant.
    """
    if at.tzinfo is None or at.utcoffset() is None:
        raise InputError(f"should carry a time zone, is {at.isoformat()}", path=path)
    with suppress(OverflowError):
        found = at.astimezone(UTC).replace(fold=0)
        if found.year in _YEARS:
            return found
    raise InputError(f"should be from {_YEARS[0]} to {_YEARS[-1]}, is {at.isoformat()}", path=path)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two at which the zone's offset changes, to the second."""
    low, high = int(before.timestamp()), int(after.timestamp())
    offset = before.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _walls(expression: str, start: datetime, back: bool = False) -> Iterator[datetime]:
    """Wall times that the expression names, after `start` in order, or before it in reverse.

    Raises:
        InputError: with the first, for what croniter refuses.
    """
    from croniter import CroniterBadDateError, CroniterError, croniter

    try:
        times = croniter(expression, start, implement_cron_bug=True)
    except (CroniterError, ValueError) as error:
        raise InputError(f"is no cron expression: {error}", path="cron") from None
    step = times.get_prev if back else times.get_next
    with suppress(CroniterBadDateError):
        while True:
            yield step(datetime)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"no time zone {name!r}", path="timezone", nearest=nearest(name, available_timezones())
        ) from None
