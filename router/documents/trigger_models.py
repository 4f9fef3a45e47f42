"""The `trigger` and `gates` tables of a portfolio file: when to rebalance, and what holds that back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from router.documents.fields import BpsText, DecimalText, FileModel, PositiveText
from router.errors import InputError
from router.fixed_point import BPS
from router.strategy.drift import DriftKind
from router.strategy.schedule import Cron, Interval
from router.strategy.triggers import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_RETRY_AFTER,
    AllOf,
    AnyOf,
    Calendar,
    Gates,
    Threshold,
)
from router.strategy.triggers import Trigger as Condition
from router.tokens import parse_amount

MAX_DEPTH = 10
"""Conditions within conditions; more than anybody means."""

_GWEI_DECIMALS = 9
_DAY, _HOUR, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"interval_days": _DAY, "interval_hours": _HOUR}
_LONGEST = timedelta(days=36_525)

Addresses: TypeAlias = Callable[[str, Iterable[str]], Mapping[str, str]]
"""From a table's place, and the tokens that its keys name, to their addresses by key."""


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError("moment", "should be a date and time with its offset: 2024-01-01T09:00:00Z")
    return value


def _refused(error: InputError) -> PydanticCustomError:
    """What the strategy refuses, as a fault of the key that it names."""
    context = {"message": error.message, "nearest": error.nearest, "key": error.path}
    return PydanticCustomError("refused_key", "{message}", context)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class _Leaf(FileModel):
    """A condition without parts; what the strategy refuses about it is refused as a key of the file."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            self.condition("", lambda _, keys: {key: key for key in keys})
        except InputError as error:
            raise _refused(error) from None
        return self

    @abstractmethod
    def condition(self, place: str, addresses: Addresses) -> Condition: ...


class CalendarTrigger(_Leaf):
    """Rebalance when a slot has come: of a cron expression, or every so many days or hours."""

    kind: Literal["calendar"]
    cron: Annotated[str | None, Field(description="minute hour day month weekday")] = None
    timezone: Annotated[str | None, Field(description="of `cron`, an IANA name; UTC without one")] = None
    interval_days: Annotated[PositiveText | None, Field(description="24 hours each")] = None
    interval_hours: PositiveText | None = None
    start: Annotated[
        Moment | None, Field(description="one slot of an interval; without it, it counts from the first look")
    ] = None
    restart: Annotated[
        bool, Field(strict=True, description="an interval counts anew from each completed rebalance")
    ] = False
    grace_hours: Annotated[
        DecimalText | None, Field(description="how late a slot may be seen first and still count")
    ] = None

    def condition(self, place: str, addresses: Addresses) -> Calendar:  # noqa: ARG002
        given = [key for key in ("cron", *_UNITS) if getattr(self, key) is not None]
        if len(given) != 1:
            raise InputError("should have one of cron, interval_days and interval_hours", path="")
        grace = _optional("grace_hours", self.grace_hours, _HOUR)
        if self.cron is not None:
            if self.start is not None or self.restart:
                raise InputError("is of an interval, not of cron", path="start" if self.start else "restart")
            return Calendar(Cron(self.cron, self.timezone or "UTC"), grace)
        if self.timezone is not None:
            raise InputError("is of cron; an interval is elapsed time", path="timezone")
        length, unit = getattr(self, given[0]), _UNITS[given[0]]
        return Calendar(_interval(given[0], length, unit, self.start, self.restart), grace)


class ThresholdTrigger(_Leaf):
    """Rebalance when drift is beyond a band: of the portfolio, or, where relative, of an asset's target."""

    kind: Literal["threshold"]
    measure: Annotated[
        Literal["absolute", "relative", "l1", "l2", "tracking_error"] | None,
        Field(description="absolute and relative are looked at token by token; absolute without one"),
    ] = None
    relative: Annotated[bool, Field(strict=True, description='the same as measure = "relative"')] = False
    band_bps: Annotated[BpsText | None, Field(description="for every token that has none of its own")] = None
    bands_bps: Annotated[dict[str, BpsText], Field(default_factory=dict, description="by token")]

    def condition(self, place: str, addresses: Addresses) -> Threshold:
        if self.relative and self.measure not in (None, "relative"):
            raise InputError(f"contradicts measure {self.measure!r}", path="relative")
        measure = DriftKind.RELATIVE if self.relative else DriftKind(self.measure or "absolute")
        named = addresses(f"{place}.bands_bps", self.bands_bps)
        bands = {named[key]: band / BPS for key, band in self.bands_bps.items()}
        band_of_all = None if self.band_bps is None else self.band_bps / BPS
        try:
            return Threshold(measure, band_of_all, tuple(sorted(bands.items())))
        except InputError as error:
            raise InputError(error.message, path=f"{error.path}_bps") from None


class HybridTrigger(_Leaf):
    """Look every so many days, act when a weight has drifted too far: the same as `all` of both."""

    kind: Literal["hybrid"]
    interval_days: PositiveText
    band_bps: BpsText
    relative: Annotated[bool, Field(strict=True)] = False

    def condition(self, place: str, addresses: Addresses) -> AllOf:  # noqa: ARG002
        look = Calendar(_interval("interval_days", self.interval_days, _DAY))
        measure = DriftKind.RELATIVE if self.relative else DriftKind.ABSOLUTE
        return AllOf((look, Threshold(measure, self.band_bps / BPS)))


class _Tree(FileModel):
    """A condition of parts."""

    @model_validator(mode="after")
    def _check_depth(self) -> Self:
        if _depth(self) > MAX_DEPTH:
            raise PydanticCustomError(
                "depth", "should be nested at most {most} deep", {"most": str(MAX_DEPTH)}
            )
        return self


class AllTrigger(_Tree):
    """Rebalance when every part holds at once; a calendar in it is a look at the others."""

    kind: Literal["all"]
    parts: Annotated[tuple[Trigger, ...], Field(alias="of", min_length=1)]

    def condition(self, place: str, addresses: Addresses) -> AllOf:
        return AllOf(_parts(self.parts, place, addresses))


class AnyTrigger(_Tree):
    """Rebalance when at least one part holds."""

    kind: Literal["any"]
    parts: Annotated[tuple[Trigger, ...], Field(alias="of", min_length=1)]

    def condition(self, place: str, addresses: Addresses) -> AnyOf:
        return AnyOf(_parts(self.parts, place, addresses))


Trigger = Annotated[
    CalendarTrigger | ThresholdTrigger | HybridTrigger | AllTrigger | AnyTrigger, Field(discriminator="kind")
]
AllTrigger.model_rebuild()
AnyTrigger.model_rebuild()


class GatesTable(FileModel):
    """What holds a due rebalance back until it is met; see `router.strategy.triggers.Gates`."""

    cooldown_hours: Annotated[DecimalText | None, Field(description="since the last rebalance")] = None
    min_trade: Annotated[DecimalText | None, Field(description="to sell, in the numeraire")] = None
    gas_ceiling_gwei: DecimalText | None = None
    max_price_age_s: Annotated[
        DecimalText | None, Field(description="of the oldest feed's answer, or of the block")
    ] = None
    max_attempts: Annotated[int, Field(strict=True, ge=1, description="at one cause")] = DEFAULT_MAX_ATTEMPTS
    retry_after_s: Annotated[DecimalText, Field(description="since a failed attempt")] = str(
        DEFAULT_RETRY_AFTER // _SECOND
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            self.gates()
        except InputError as error:
            raise _refused(error) from None
        return self

    def gates(self) -> Gates:
        """The same for the strategy.

        Raises:
            InputError: a time too long to count, or a price of gas finer than one wei.
        """
        ceiling = self.gas_ceiling_gwei
        wei = None if ceiling is None else parse_amount(ceiling, _GWEI_DECIMALS, "gas_ceiling_gwei")
        return Gates(
            cooldown=_optional("cooldown_hours", self.cooldown_hours, _HOUR),
            min_trade=None if self.min_trade is None else float(self.min_trade),
            gas_ceiling_wei=wei,
            max_price_age=_optional("max_price_age_s", self.max_price_age_s, _SECOND),
            max_attempts=self.max_attempts,
            retry_after=_duration("retry_after_s", self.retry_after_s, _SECOND),
        )


def _depth(trigger: object) -> int:
    parts = trigger.parts if isinstance(trigger, AllTrigger | AnyTrigger) else ()
    return 1 + max(map(_depth, parts), default=0)


def _parts(parts: tuple[Trigger, ...], place: str, addresses: Addresses) -> tuple[Condition, ...]:
    return tuple(part.condition(f"{place}.of[{index}]", addresses) for index, part in enumerate(parts))


def _interval(
    key: str, text: str, unit: timedelta, start: datetime | None = None, restart: bool = False
) -> Interval:
    try:
        return Interval(_duration(key, text, unit), start, restart)
    except InputError as error:
        raise InputError(error.message, path="start" if error.path == "anchor" else key) from None


def _optional(key: str, text: str | None, unit: timedelta) -> timedelta | None:
    return None if text is None else _duration(key, text, unit)


def _duration(key: str, text: str, unit: timedelta) -> timedelta:
    """So many units, to the microsecond."""
    microseconds = int(Decimal(text) * (unit // _MICROSECOND))
    if microseconds > _LONGEST // _MICROSECOND:
        raise InputError(f"should be at most 100 years, is {text}", path=key)
    return timedelta(microseconds=microseconds)
