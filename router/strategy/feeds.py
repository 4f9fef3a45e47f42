"""Which prices may be traded on: readings of several sources in, one price per token out, or a refusal.

A reading counts when it is a positive number, not from the future, and not older than its feed's heartbeat
allows. Enough sources must be left, none of them far from their median, and the median must not be further
from the price last accepted than the time since then explains; on a rollup the sequencer must have been up
for a while, as feeds there stand still while it is down. Whatever fails is a `BrokenMarket` error with its
figures.

`check_prices` raises it, unless the operator says to trade all the same: then every fault is part of the
answer, for the journal. No flag makes a price where there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import expm1, isfinite, log, log1p, sqrt
from statistics import median

from router.errors import (
    BrokenMarket,
    InputError,
    InvalidPrice,
    PriceJumped,
    SequencerDown,
    SourcesDisagree,
    StalePrice,
    TooFewSources,
)
from router.fixed_point import BPS

DAILY_HEARTBEAT = timedelta(hours=25)
"""The slowest feeds are written every 24 hours, whatever the price does; an hour for the block to come."""
_FAR = 600.0
"""Of log prices: what is further apart is told as this far, so that the figure is a number."""
OVERRULED = "trades into a broken market, as told: "
"""How the sentence begins that names a refusal that was overruled."""


@dataclass(frozen=True, slots=True)
class PriceReading:
    """What one source says of one token.

    Attributes:
        price: numeraire per whole token, as the source gave it.
        updated_at: when the source last wrote it, not when it was read.
    """

    source: str
    token: str
    price: float
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SequencerStatus:
    """A rollup's sequencer, from its uptime feed. `since`: begin of this state; None where the feed has not
    been written yet."""

    up: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """What is asked of prices.

    Attributes:
        max_age: of a reading.
        heartbeats: by (source, token), in place of max_age.
        min_sources: usable readings of each token.
        max_deviation_bps: of a source from the median of all.
        max_jump_bps: of the larger over the smaller of the median and the price last accepted, within
            jump_window; after longer, as far as a random walk gets: in logs, times the root of how many
            windows have passed.
        sequencer_grace: how long a sequencer must have been up.

    Raises:
        InputError: a limit that is negative or no number, which would refuse nothing.
    """

    max_age: timedelta = DAILY_HEARTBEAT
    heartbeats: Mapping[tuple[str, str], timedelta] = field(default_factory=dict)
    min_sources: int = 2
    max_deviation_bps: float = 200.0
    max_jump_bps: float = 3_000.0
    jump_window: timedelta = timedelta(days=1)
    sequencer_grace: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        for name in ("max_deviation_bps", "max_jump_bps", "min_sources"):
            limit = getattr(self, name)
            if not limit >= 0:
                raise InputError(f"should not be negative, is {limit}", path=name)
        if self.jump_window <= timedelta():
            raise InputError(f"should be a time, is {self.jump_window}", path="jump_window")


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """Prices to trade on.

    Attributes:
        prices: the median of the usable readings, by token.
        faults: what was found wrong; only ever not empty where the operator said to trade all the same.
    """

    prices: Mapping[str, float]
    faults: tuple[BrokenMarket, ...] = ()


def require(faults: Sequence[BrokenMarket], *, trade_broken_market: bool = False) -> None:
    """Raises the first fault, which names the others too, unless told to trade all the same."""
    if faults and not trade_broken_market:
        first, *others = faults
        raise first.along_with(others)


def described(faults: Iterable[BrokenMarket]) -> tuple[str, ...]:
    """Each fault by name, with its figures."""
    return tuple(f"{type(fault).__name__}: {fault.message}" for fault in faults)


def find_invalid(reading: PriceReading, now: datetime) -> InvalidPrice | None:
    """What is no price, not being a positive number, and what is not one yet."""
    what, token, source = f"the price of {reading.token} from {reading.source}", reading.token, reading.source
    if not (isfinite(reading.price) and reading.price > 0):
        return InvalidPrice(f"{what} is {reading.price}", token=token, source=source, found=reading.price)
    ahead = (reading.updated_at - now).total_seconds()
    if ahead > 0:
        return InvalidPrice(
            f"{what} is {ahead:g} seconds in the future", token=token, source=source, found=-ahead, limit=0.0
        )
    return None


def find_stale(
    reading: PriceReading, now: datetime, max_age: timedelta = DAILY_HEARTBEAT
) -> StalePrice | None:
    """What is older than `max_age`; the fault has both in seconds."""
    age, most = (now - reading.updated_at).total_seconds(), max_age.total_seconds()
    if age <= most:
        return None
    return StalePrice(
        f"the price of {reading.token} from {reading.source} is {age:.0f} seconds old, more than {most:.0f}",
        token=reading.token,
        source=reading.source,
        found=age,
        limit=most,
    )


def find_disagreement(readings: Sequence[PriceReading], max_deviation_bps: float) -> SourcesDisagree | None:
    """Sources of one token that are apart. Of three or more the fault names those away from the median; of
    two nobody can tell which is off, so their distance counts whole and both are named. All prices valid."""
    if len(readings) < 2:
        return None
    middle = median(reading.price for reading in readings)
    whole = 2 if len(readings) == 2 else 1  # each of two is half of their distance from the median
    found = [(abs(reading.price - middle) / middle * BPS * whole, reading) for reading in readings]
    off = sorted(
        (reading for deviation, reading in found if not deviation <= max_deviation_bps),
        key=lambda reading: reading.source,
    )
    if not off:
        return None
    token, worst = readings[0].token, max(deviation for deviation, _ in found)
    told = ", ".join(f"{reading.price:.9g} by {reading.source}" for reading in off)
    return SourcesDisagree(
        f"the price of {token} is {middle:.9g} in the median and {told}, up to {worst:.1f} bp apart, and "
        f"{max_deviation_bps:g} are allowed",
        token=token,
        source=", ".join(reading.source for reading in off),
        found=worst,
        limit=max_deviation_bps,
    )


def find_jump(
    token: str, price: float, last_accepted: float, max_jump_bps: float, windows: float = 1.0
) -> PriceJumped | None:
    """A price far from the one last accepted: by how much the larger of the two is above the smaller, so that
    a half and a double are as far.

    Args:
        max_jump_bps: within one window.
        windows: how many have passed; less than one counts as one.
    """
    most = log1p(max_jump_bps / BPS) * sqrt(max(windows, 1.0))
    jump = abs(log(price) - log(last_accepted))
    if jump <= most:
        return None
    found, limit = (expm1(min(each, _FAR)) * BPS for each in (jump, most))
    return PriceJumped(
        f"the price of {token} is {price:.9g}, and {last_accepted:.9g} was last accepted: one is {found:.0f} "
        f"bp above the other, and {limit:.0f} are allowed",
        token=token,
        found=found,
        limit=limit,
    )


def find_outage(status: SequencerStatus, now: datetime, grace: timedelta) -> SequencerDown | None:
    """A sequencer that is down, or back for less than the grace period, in which nobody could act yet on what
    happened meanwhile. The fault has the seconds that it has been up."""
    if status.since is None:
        return SequencerDown("the sequencer's uptime feed has not been written yet")
    lasted, least = (now - status.since).total_seconds(), grace.total_seconds()
    if not status.up:
        return SequencerDown(f"the sequencer has been down for {lasted:.0f} seconds", found=0.0, limit=least)
    if lasted >= least:
        return None
    return SequencerDown(
        f"the sequencer has been up for {lasted:.0f} seconds, less than {least:.0f}",
        found=lasted,
        limit=least,
    )


def check_prices(
    tokens: Iterable[str],
    readings: Sequence[PriceReading],
    now: datetime,
    limits: FeedLimits | None = None,
    *,
    last_accepted: Mapping[str, PriceReading] | None = None,
    sequencer: SequencerStatus | None = None,
    trade_broken_market: bool = False,
) -> PriceCheck:
    """One price for each token, or a refusal.

    Args:
        tokens: that need a price.
        readings: of any tokens; each source once per token.
        last_accepted: by token, the prices last traded on.
        sequencer: of a rollup; None where the chain has none.
        trade_broken_market: overrules every refusal that leaves a price, and reports it in `faults`. A price
            is then the median of the usable readings, of all valid ones where none is usable.

    Raises:
        BrokenMarket: the first fault, as its own class; its `also` has the others.
        InputError: a source that is counted twice for a token, a price last accepted that is none, or a time
            without a zone.
    """
    limits = FeedLimits() if limits is None else limits
    _require_zone(now, "now")
    by_token = _by_token(readings)
    faults: list[BrokenMarket | None] = []
    if sequencer is not None:
        _require_zone(sequencer.since or now, "sequencer.since")
        faults.append(find_outage(sequencer, now, limits.sequencer_grace))
    prices: dict[str, float] = {}
    for token in dict.fromkeys(tokens):
        found = [(reading, *_faults_of(reading, now, limits)) for reading in by_token.get(token, ())]
        faults.extend(fault for _, *both in found for fault in both)
        valid = [reading for reading, invalid, _ in found if invalid is None]
        usable = [reading for reading, *both in found if not any(both)]
        faults.append(_find_too_few(token, usable, limits.min_sources))
        faults.append(find_disagreement(usable, limits.max_deviation_bps))
        if valid:
            prices[token] = median(reading.price for reading in usable or valid)
            faults.append(_find_jump_since(last_accepted, token, prices[token], now, limits))
    real = tuple(fault for fault in faults if fault is not None)
    priceless = [token for token in dict.fromkeys(tokens) if token not in prices]
    if real and (priceless or not trade_broken_market):
        first, *others = sorted(real, key=lambda fault: fault.token not in priceless)
        raise first.along_with(others)
    return PriceCheck(prices, real)


def _faults_of(
    reading: PriceReading, now: datetime, limits: FeedLimits
) -> tuple[InvalidPrice | None, StalePrice | None]:
    max_age = limits.heartbeats.get((reading.source, reading.token), limits.max_age)
    return find_invalid(reading, now), find_stale(reading, now, max_age)


def _find_too_few(token: str, usable: Sequence[PriceReading], least: int) -> TooFewSources | None:
    if usable and len(usable) >= least:
        return None
    named = ", ".join(sorted(reading.source for reading in usable)) or "none"
    return TooFewSources(
        f"{token} needs {max(least, 1)} usable sources of its price and has {len(usable)}: {named}",
        token=token,
        found=float(len(usable)),
        limit=float(max(least, 1)),
    )


def _find_jump_since(
    last_accepted: Mapping[str, PriceReading] | None,
    token: str,
    price: float,
    now: datetime,
    limits: FeedLimits,
) -> PriceJumped | None:
    last = (last_accepted or {}).get(token)
    if last is None:
        return None
    _require_zone(last.updated_at, f"last_accepted.{token}.updated_at")
    if not (isfinite(last.price) and last.price > 0):
        raise InputError(f"should be a positive number, is {last.price}", path=f"last_accepted.{token}.price")
    windows = abs(now - last.updated_at) / limits.jump_window
    return find_jump(token, price, last.price, limits.max_jump_bps, windows)


def _by_token(readings: Sequence[PriceReading]) -> dict[str, list[PriceReading]]:
    """Refuses a source that would count twice, and so agree with itself."""
    found: dict[str, list[PriceReading]] = defaultdict(list)
    for place, reading in enumerate(readings):
        _require_zone(reading.updated_at, f"readings[{place}].updated_at")
        if any(reading.source == other.source for other in found[reading.token]):
            raise InputError(
                f"{reading.source} gives the price of {reading.token} a second time",
                path=f"readings[{place}]",
            )
        found[reading.token].append(reading)
    return found


def _require_zone(time: datetime, path: str) -> None:
    if time.tzinfo is None:
        raise InputError(f"{time} should have a time zone", path=path)
