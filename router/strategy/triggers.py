"""What makes a rebalance due, and what holds a due one back: a tree of conditions, and gates before it.

    Calendar    a slot of a schedule has come
    Threshold   drift is beyond its band, strictly
    AllOf       every part at once; a slot in it is a look: where the rest doesn't hold then, it is over
    AnyOf       at least one part

A condition that holds for a reason not acted on yet is a cause, and has a name: of a calendar, the slot; of a
threshold, the episode, which lasts while drift stays beyond the band and ends with any completed rebalance.
`router.strategy.state` lets each cause fire once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from router.errors import InputError
from router.strategy.drift import Drift, DriftKind
from router.strategy.schedule import Cron, Interval

DEFAULT_MAX_ATTEMPTS = 3
DEFAULT_RETRY_AFTER = timedelta(minutes=5)

_BY_ASSET = (DriftKind.ABSOLUTE, DriftKind.RELATIVE)


class Reason(StrEnum):
    """Why a tick fired, or didn't, the most telling first. The values are stable: files may hold them."""

    FIRED = "fired"
    """A cause holds that was not acted on yet, and every gate is open."""
    CLOCK_BACKWARDS = "clock_backwards"
    """The clock stands before the last tick. Nothing is decided until it has caught up, or `rearm`."""
    IN_FLIGHT = "in_flight"
    """A rebalance was fired, and neither completed nor failed yet."""
    SLOT_MISSED = "slot_missed"
    """A slot was first seen later than its grace allows, and is over."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    """A cause has failed as often as they may."""
    BEFORE_SLOT = "before_slot"
    """A calendar in the tree has no slot to act on."""
    WITHIN_BAND = "within_band"
    """A drift in the tree is within its band."""
    PRICES_STALE = "prices_stale"
    """A price is older than the gates allow."""
    RETRY_WAIT = "retry_wait"
    """The last attempt failed too short a time ago."""
    COOLDOWN = "cooldown"
    """The last rebalance was completed too short a time ago."""
    GAS_ABOVE_CEILING = "gas_above_ceiling"
    """Gas costs more than the gates allow."""
    TRADE_BELOW_MINIMUM = "trade_below_minimum"
    """The trade is worth less than the gates ask for."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A slot of a schedule has come.

    Attributes:
        grace: how late a slot may be seen first and still count; None for however late. Of several that
            passed unseen only the newest counts.
    """

    schedule: Cron | Interval
    grace: timedelta | None = None

    def __post_init__(self) -> None:
        _not_negative(self.grace, "grace")


@dataclass(frozen=True, slots=True)
class Threshold:
    """Drift is beyond a band, strictly.

    Attributes:
        measure: which drift; the absolute and the relative one are looked at asset by asset.
        band: shares of NAV, or of the target where relative. None where only the assets in `bands` count.
        bands: by asset, in place of `band`; sorted by asset.
    """

    measure: DriftKind
    band: float | None
    bands: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.band is None and not self.bands:
            raise InputError("needs a band, for all assets or for some", path="band")
        if self.bands and self.measure not in _BY_ASSET:
            raise InputError(f"has no bands by asset: {self.measure} is of the whole portfolio", path="bands")
        names = [name for name, _ in self.bands]
        if names != sorted(set(names)):
            raise InputError("should name each asset once, in order", path="bands")
        for band in (self.band, *(each for _, each in self.bands)):
            if band is not None and not 0 <= band < math.inf:
                raise InputError(f"should be a share from 0 on, is {band}", path="band")

    def reading(self, assets: tuple[str, ...], drift: Drift) -> tuple[float, float]:
        """The drift that is farthest beyond its band, or nearest to it, and that band.

        An asset in `bands` that the portfolio doesn't have is neither held nor wanted, so it has no drift.

        Raises:
            InputError: a tracking error without a covariance.
        """
        if self.measure not in _BY_ASSET:
            assert self.band is not None
            return drift.of(self.measure), self.band
        by_asset = drift.absolute if self.measure is DriftKind.ABSOLUTE else drift.relative
        sizes = dict(zip(assets, by_asset.tolist(), strict=True))
        own = dict(self.bands)
        pairs = [(sizes.get(name, 0.0), band) for name, band in self.bands]
        if self.band is not None:
            pairs += [(size, self.band) for name, size in sizes.items() if name not in own]
        return max(pairs, key=lambda pair: pair[0] - pair[1])


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds at once."""

    parts: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        _not_empty(self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        _not_empty(self.parts)


Trigger: TypeAlias = Calendar | Threshold | AllOf | AnyOf
Leaf: TypeAlias = Calendar | Threshold


@dataclass(frozen=True, slots=True)
class Gates:
    """What holds a due rebalance back until it is met. None asks for nothing.

    Attributes:
        cooldown: least time since the last completed rebalance.
        min_trade: least value to trade, in the numeraire.
        gas_ceiling_wei: highest price of gas.
        max_price_age: of the oldest price of an asset that is held or wanted.
        max_attempts: how often one cause may be tried.
        retry_after: least time since a failed attempt.
    """

    cooldown: timedelta | None = None
    min_trade: float | None = None
    gas_ceiling_wei: int | None = None
    max_price_age: timedelta | None = None
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    retry_after: timedelta = DEFAULT_RETRY_AFTER

    def __post_init__(self) -> None:
        for name in ("cooldown", "min_trade", "gas_ceiling_wei", "max_price_age", "retry_after"):
            _not_negative(getattr(self, name), name)
        if self.max_attempts < 1:
            raise InputError(f"should be at least 1, is {self.max_attempts}", path="max_attempts")


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """When to rebalance."""

    when: Trigger
    gates: Gates = field(default_factory=Gates)


def leaves(trigger: Trigger, path: str = "trigger") -> Iterator[tuple[str, Leaf]]:
    """Calendars and thresholds of a tree in order, with their places as in a file: `trigger.of[1].of[0]`."""
    if isinstance(trigger, Calendar | Threshold):
        yield path, trigger
        return
    for index, part in enumerate(trigger.parts):
        yield from leaves(part, f"{path}.of[{index}]")


def _not_negative(value: timedelta | float | None, path: str) -> None:
    zero = timedelta() if isinstance(value, timedelta) else 0
    if value is not None and not value >= zero:  # type: ignore[operator]
        raise InputError(f"should not be negative, is {value}", path=path)


def _not_empty(parts: tuple[Trigger, ...]) -> None:
    if not parts:
        raise InputError("needs at least one condition", path="of")
