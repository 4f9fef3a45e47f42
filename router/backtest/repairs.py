"""What is wrong with recorded prices, and the one way each fault is repaired when that is asked for.

| fault                      | error            | repair |
| ---                        | ---              | --- |
| a row of an earlier time   | UnsortedTimes    | rows are sorted |
| two rows of one time       | DuplicatedTime   | the one that stands last in the file is kept |
| no price                   | MissingPrice     | the one before holds; rows before the first go |
| an infinite price          | NotFinite        | as if it were missing |
| a zero or negative price   | NonPositivePrice | as if it were missing |
| a change like a split      | PriceJump        | earlier prices are divided by the whole ratio |
| any other jump             | PriceJump        | none |
| no rows for long           | PriceGap         | rows at the usual interval; the price before holds |

A gap of up to `LONGEST_GAP` intervals, such as weekends and holidays, is counted and left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from router.errors import (
    DuplicatedTime,
    InsufficientHistory,
    MissingPrice,
    NonPositivePrice,
    NotFinite,
    PriceGap,
    PriceJump,
    UnsortedTimes,
)

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

LONGEST_GAP = 10
"""Usual intervals between two rows that pass for a holiday."""
MOST_FILLED = 1_000_000
"""Rows that a repair adds at most: a wrong year in one time would ask for more than fits."""
LARGEST_JUMP = 10.0
"""Factor between two rows, up or down, beyond which a price is not believed."""
SPLIT_RATIOS = range(2, 101)
SPLIT_TOLERANCE = 0.005
"""How near a change is to a whole ratio, as a share of it, to be taken for a split."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What was changed, counted; all zero for prices that came without a fault.

    Attributes:
        zones: times that were brought to UTC because the file mixes zones.
        sorted_rows, duplicates, dropped_rows, filled_rows: rows moved, dropped as older versions, dropped
            before an asset's first price, added in long gaps.
        missing, infinite, nonpositive: prices replaced by the one before.
        splits: changes that earlier prices were divided for.
        gaps: places where rows are missing and nothing was done; no repair.
        outside: faults in rows that were not asked for, and about which nothing was done; no repair.
        details: one sentence each, for people.
    """

    zones: int = 0
    sorted_rows: int = 0
    duplicates: int = 0
    dropped_rows: int = 0
    filled_rows: int = 0
    missing: int = 0
    infinite: int = 0
    nonpositive: int = 0
    splits: int = 0
    gaps: int = 0
    outside: int = 0
    details: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Changes made in all."""
        counts = (self.zones, self.sorted_rows, self.duplicates, self.dropped_rows, self.filled_rows)
        return sum(counts) + self.missing + self.infinite + self.nonpositive + self.splits

    def with_note(self, detail: str, **counts: int) -> Repairs:
        added: dict[str, Any] = {name: getattr(self, name) + count for name, count in counts.items()}
        return replace(self, **added, details=(*self.details, detail))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as a file has them: `values` (rows, assets), NaN where there is no price."""

    times: Times
    assets: tuple[str, ...]
    values: Floats
    path: str = "prices"

    def place(self, row: int, column: int) -> str:
        return f"{self.path}: {self.assets[column]} at {self.times[row]}"


def checked(
    table: Table, *, repair: bool, keep_jumps: bool = False, done: Repairs | None = None
) -> tuple[Table, Repairs]:
    """The table without a fault, and what was done to it.

    Args:
        repair: repair faults instead of refusing them.
        keep_jumps: large changes are real.

    Raises:
        PriceSeriesError, NotFinite: the first fault, by name, where it is not repaired.
        InsufficientHistory: fewer than two rows, or an asset without any price.
    """
    repairs = done or Repairs()
    steps = [_times_in_order, _times_once, _prices_there]
    steps += [] if keep_jumps else [_no_jumps]
    for step in (*steps, _no_gaps):
        _enough(table)
        table, repairs = step(table, repairs, repair)
    _enough(table)
    return table, repairs


def fault_count(table: Table, *, keep_jumps: bool = False) -> int:
    """Faults of rows that are not used: times that repeat or go back, prices that are none, and jumps."""
    steps, values = np.diff(table.times), table.values
    found = int((steps <= np.timedelta64(0)).sum() + (~np.isfinite(values) | (values <= 0)).sum())
    if keep_jumps:
        return found
    with np.errstate(all="ignore"):
        changes = values[1:] / values[:-1]
        changes = np.where(np.isfinite(changes) & (changes > 0), changes, 1.0)
    large = (float(changes[row, column]) for row, column in _large(changes))
    return found + sum(bool(split_ratio(each)) or max(each, 1 / each) > LARGEST_JUMP for each in large)


def _enough(table: Table) -> None:
    if len(table.times) < 2:
        rows = f"{len(table.times)} row{'s' * (len(table.times) != 1)}"
        raise InsufficientHistory(f"has {rows}; a backtest needs at least 2", path=table.path)


def _times_in_order(table: Table, repairs: Repairs, repair: bool) -> tuple[Table, Repairs]:
    back = np.flatnonzero(np.diff(table.times) < np.timedelta64(0))
    if not len(back):
        return table, repairs
    row = int(back[0]) + 1
    if not repair:
        raise UnsortedTimes(
            f"{table.times[row]} follows {table.times[row - 1]}", path=f"{table.path}: row {row + 1}"
        )
    order = np.argsort(table.times, kind="stable")
    moved = int((order != np.arange(len(order))).sum())
    table = replace(table, times=table.times[order], values=table.values[order])
    return table, repairs.with_note(f"sorted by time: {moved} rows moved", sorted_rows=moved)


def _times_once(table: Table, repairs: Repairs, repair: bool) -> tuple[Table, Repairs]:
    again = np.flatnonzero(np.diff(table.times) == np.timedelta64(0))
    if not len(again):
        return table, repairs
    first = table.times[again[0]]
    if not repair:
        raise DuplicatedTime(f"{len(again)} rows repeat a time, first {first}", path=table.path)
    keep = np.append(np.diff(table.times) != np.timedelta64(0), True)
    table = replace(table, times=table.times[keep], values=table.values[keep])
    return table, repairs.with_note(
        f"{len(again)} rows of a repeated time dropped, first {first}", duplicates=len(again)
    )


def _prices_there(table: Table, repairs: Repairs, repair: bool) -> tuple[Table, Repairs]:
    values = table.values.copy()
    faults = (
        ("infinite", np.isinf(values), NotFinite, "is infinite"),
        ("missing", np.isnan(values), MissingPrice, "is missing"),
        ("nonpositive", np.isfinite(values) & (values <= 0), NonPositivePrice, "is not above 0"),
    )
    for name, found, error, text in faults:
        count = int(found.sum())
        if not count:
            continue
        row, column = (int(each) for each in np.argwhere(found)[0])
        others = f"; {count - 1} more like it" if count > 1 else ""
        if not repair:
            raise error(f"the price {text}{others}", path=table.place(row, column))
        values[found] = np.nan
        detail = (
            f"{count} prices {name}, first {table.assets[column]} at {table.times[row]}: the one before holds"
        )
        repairs = repairs.with_note(detail, **{name: count})
    known = ~np.isnan(values)
    if known.all():
        return table, repairs
    for column, asset in enumerate(table.assets):
        if not known[:, column].any():
            raise InsufficientHistory("has no price at all", path=f"{table.path}: {asset}")
    start = int(known.argmax(axis=0).max())
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    values = np.take_along_axis(values, last, axis=0)[start:]
    if start:
        repairs = repairs.with_note(f"{start} rows before an asset's first price dropped", dropped_rows=start)
    return replace(table, times=table.times[start:], values=values), repairs


def split_ratio(change: float) -> int:
    """n where a price changed by a factor of n (or -n: by 1/n) within the tolerance; 0 where it did not."""
    ratio = round(max(change, 1 / change))
    if ratio not in SPLIT_RATIOS or abs(max(change, 1 / change) / ratio - 1) > SPLIT_TOLERANCE:
        return 0
    return ratio if change > 1 else -ratio


def _large(changes: Floats) -> npt.NDArray[np.int64]:
    """(n, 2) row and column of changes that may be a split or worse."""
    return np.argwhere(np.maximum(changes, 1 / changes) > 2 * (1 - SPLIT_TOLERANCE))


def _no_jumps(table: Table, repairs: Repairs, repair: bool) -> tuple[Table, Repairs]:
    values = table.values.copy()
    changes = values[1:] / values[:-1]
    for row, column in _large(changes):
        change = float(changes[row, column])
        ratio = split_ratio(change)
        place = table.place(int(row) + 1, int(column))
        if ratio and repair:
            values[: row + 1, column] *= ratio if ratio > 0 else -1 / ratio
            repairs = repairs.with_note(
                f"{place}: earlier prices scaled by {abs(ratio)} as before a split", splits=1
            )
        elif ratio:
            raise PriceJump(f"changed by a factor of {change:.4g}, like a split", path=place)
        elif max(change, 1 / change) > LARGEST_JUMP:
            raise PriceJump(f"changed by a factor of {change:.4g} from one row to the next", path=place)
    return replace(table, values=values), repairs


def _no_gaps(table: Table, repairs: Repairs, repair: bool) -> tuple[Table, Repairs]:
    steps = np.diff(table.times).astype(np.int64)
    usual = int(np.median(steps))
    missed = np.round(steps / usual).astype(np.int64) - 1
    long = np.flatnonzero(missed >= LONGEST_GAP)
    short = int(((missed > 0) & (missed < LONGEST_GAP)).sum())
    if short:
        longest = int(missed[missed < LONGEST_GAP].max())
        detail = f"{short} gaps of up to {longest} rows left as they are"
        repairs = repairs.with_note(detail, gaps=short)
    if not len(long):
        return table, repairs
    first = table.times[long[0]]
    if not repair:
        raise PriceGap(f"{missed[long[0]]} rows are missing after {first}", path=table.path)
    filled = int(missed[long].sum())
    if filled > MOST_FILLED:
        raise PriceGap(f"{filled} rows are missing after {first}: too many to fill", path=table.path)
    repeats = np.ones(len(table.times), dtype=np.int64)
    repeats[long] += missed[long]
    rows = np.repeat(np.arange(len(table.times)), repeats)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    times = table.times[rows] + (within * usual).astype("timedelta64[us]")
    detail = f"{filled} rows added in {len(long)} gaps, first after {first}: the price before holds"
    return replace(table, times=times, values=table.values[rows]), repairs.with_note(
        detail, filled_rows=filled
    )


def names_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Asset names for price columns: what the columns are called, less an ending such as `_close`."""
    endings = ("_close", "_price", "_adj_close", "_open")
    names = []
    for column in columns:
        ending = max((each for each in endings if column.lower().endswith(each)), key=len, default="")
        names.append(column[: len(column) - len(ending)] or column)
    return tuple(names) if len(set(names)) == len(names) else tuple(columns)
