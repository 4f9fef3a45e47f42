"""Prices from CSV and Parquet files on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from router.backtest.prices import Prices
from router.backtest.repairs import Floats, Repairs, Table, Times, checked, fault_count, names_of
from router.errors import DuplicatedColumn, InputError, InsufficientHistory, MixedTimeZones, nearest

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = ("time", "timestamp", "date", "datetime", "datetime_utc", "open_time", "day", "unix")
EPOCH_UNITS = {"s": 10**9, "ms": 10**12, "us": 10**15, "ns": 10**18}
"""Unit of a whole number as a time: the first whose bound is not reached before the year 5138."""
LEAST_EPOCH = 365 * 86_400
"""Numbers below, as seconds, lie in 1970: they are dates such as 20211231, days, or row numbers."""
MIN_ROWS = 2
MAX_FILE_BYTES = 2 * 1024**3


def load_prices(
    path: Path | str,
    columns: Sequence[str] = (),
    *,
    time: str | None = None,
    repair: bool = False,
    keep_jumps: bool = False,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Prices:
    """Reads the prices of some columns of a file, and checks those that are asked for.

    Args:
        path: a local `.csv`, `.csv.gz` or `.parquet` file.
        columns: price columns, each `COLUMN` or `ASSET=COLUMN`; all with a number where none is named. An
            asset without a name of its own is called as its column, less `_close` or `_price`.
        time: the time column; found by its name where absent. Times without a zone are UTC, numbers are
            seconds (or ms, us, ns) since 1970; refused where all of them would lie in that year.
        repair: repair faults instead of refusing them; see `router.backtest.repairs`.
        keep_jumps: large changes are real.
        start, end: rows from and to here, both included, with a zone. Faults of others are counted, and
            nothing is repaired by them.

    Raises:
        InputError: no such file or column, not the format that its name says, or a bound without a zone.
        PriceSeriesError, NotFinite, InsufficientHistory: the first fault found in the prices.
    """
    frame = _read(Path(path))
    name = Path(path).name
    if frame.empty:
        raise InsufficientHistory(f"has 0 rows; a backtest needs at least {MIN_ROWS}", path=name)
    time_column = _time_column(frame, time, name)
    wanted = _wanted(frame, columns, time_column, name)
    times, repairs = _times(frame[time_column], f"{name}: {time_column}", repair)
    inside = _inside(times, start, end, name)
    columns_read = [_numbers(frame[column], f"{name}: {column}", inside) for column in wanted.values()]
    table = Table(times, tuple(wanted), np.column_stack(columns_read), name)
    if not inside.all():
        repairs = _outside(table, inside, repairs, keep_jumps=keep_jumps)
        table = replace(table, times=times[inside], values=table.values[inside])
    table, repairs = checked(table, repair=repair, keep_jumps=keep_jumps, done=repairs)
    return Prices(table.times, table.assets, table.values, repairs)


def _inside(times: Times, start: datetime | None, end: datetime | None, path: str) -> npt.NDArray[np.bool_]:
    """(rows,) which were asked for.

    Raises:
        InsufficientHistory: fewer than a backtest needs, of others that are there.
    """
    inside = np.ones(len(times), dtype=np.bool_)
    for name, bound in (("start", start), ("end", end)):
        if bound is None:
            continue
        if bound.tzinfo is None:
            raise InputError(f"{bound} needs a time zone", path=name)
        moment = np.datetime64(bound.astimezone(UTC).replace(tzinfo=None), "us")
        inside &= times >= moment if name == "start" else times <= moment
    count = int(inside.sum())
    if count < MIN_ROWS and not inside.all():
        first, last = (np.datetime_as_string(each, unit="m") for each in (times.min(), times.max()))
        asked = " ".join(
            f"{word} {bound:%Y-%m-%d %H:%M}" for word, bound in (("from", start), ("to", end)) if bound
        )
        raise InsufficientHistory(f"has {count} rows {asked}; its own are from {first} to {last}", path=path)
    return inside


def _outside(table: Table, inside: npt.NDArray[np.bool_], repairs: Repairs, *, keep_jumps: bool) -> Repairs:
    """With the faults of rows that were not asked for, those before and those after on their own."""
    after = table.times > table.times[inside].max()
    parts = (~inside & ~after, after)
    count = sum(
        fault_count(replace(table, times=table.times[part], values=table.values[part]), keep_jumps=keep_jumps)
        for part in parts
    )
    if not count:
        return repairs
    return repairs.with_note(f"{count} faults in rows that were not asked for", outside=count)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    if "://" in str(path) or ":/" in str(path)[1:8]:
        raise InputError("only files on this machine are read", path=str(path))
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError("is not a file", path=str(path))
        if size > MAX_FILE_BYTES:
            raise InputError(f"is larger than {MAX_FILE_BYTES} bytes", path=path.name)
        if path.suffix in (".parquet", ".pq"):
            return _with_index(pd.read_parquet(path, engine="pyarrow"))
        _refuse_twins(path)
        return pd.read_csv(path, skipinitialspace=True)
    except FileNotFoundError:
        raise InputError("no such file", path=str(path)) from None
    except pd.errors.EmptyDataError:
        raise InsufficientHistory("is empty", path=path.name) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path.name) from None
    except (ValueError, EOFError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        raise InputError(f"cannot be parsed: {error}", path=path.name) from None


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Its index as columns; one that only counts rows is none."""
    import pandas as pd

    counts = frame.index.names == [None] and not isinstance(frame.index, pd.DatetimeIndex)
    return frame.reset_index(drop=counts)


def _refuse_twins(path: Path) -> None:
    """pandas would rename the second of two columns of one name, and nobody would know which was read."""
    import pandas as pd

    header = pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True)
    names = [str(name).strip() for name in header.iloc[0].dropna()]
    _refuse_twin_names(names, path.name)


def _refuse_twin_names(names: Sequence[str], path: str) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise DuplicatedColumn(f"has two columns of one name: {', '.join(twins)}", path=path)


def _time_column(frame: pd.DataFrame, named: str | None, path: str) -> str:
    from pandas.api.types import is_datetime64_any_dtype

    columns = [str(column) for column in frame.columns]
    frame.columns = columns
    _refuse_twin_names(columns, path)
    if named is not None:
        if named not in columns:
            raise InputError(f"no column {named!r}", path=path, nearest=nearest(named, columns))
        return named
    by_type = [column for column in columns if is_datetime64_any_dtype(frame[column].dtype)]
    by_name = [column for column in columns if column.strip().lower() in TIME_NAMES]
    if found := by_type or by_name:
        return found[0]
    if len(columns) < 2:
        raise InputError(f"has one column, {columns[0]!r}; columns are separated by commas", path=path)
    known = ", ".join(TIME_NAMES)
    raise InputError(f"has no time column (known names: {known}); name it", path=path)


def _wanted(frame: pd.DataFrame, columns: Sequence[str], time_column: str, path: str) -> dict[str, str]:
    """Columns by asset."""
    there = [str(column) for column in frame.columns if column != time_column]
    if not columns:
        columns = [column for column in there if _parsed(frame[column]).notna().any()]
    if not columns:
        raise InputError("has no column of prices", path=path)
    split = [(column, "") if column in there else column.rpartition("=")[::2] for column in columns]
    pairs = [(asset, column) if column else ("", asset) for asset, column in split]
    for _, column in pairs:
        if column not in there:
            raise InputError(f"no column {column!r}", path=path, nearest=nearest(column, there))
    short = names_of([column for _, column in pairs])
    assets = [asset or name for (asset, _), name in zip(pairs, short, strict=True)]
    if len(set(assets)) != len(assets):
        raise InputError(f"two columns for one asset among {', '.join(assets)}", path=path)
    return dict(zip(assets, (column for _, column in pairs), strict=True))


def _times(column: pd.Series[Any], path: str, repair: bool) -> tuple[Times, Repairs]:
    """datetime64[us] in UTC."""
    import pandas as pd

    if column.isna().any():
        raise InputError(f"no time in row {int(column.isna().to_numpy().argmax()) + 1}", path=path)
    repairs = Repairs()
    try:
        if pd.api.types.is_numeric_dtype(column.dtype):
            size = float(column.abs().max())
            if size < LEAST_EPOCH:
                said = "would be seconds since 1970, and no row later than that year"
                raise InputError(f"{column.iloc[0]} {said}; write dates as 2021-12-31", path=path)
            unit: Any = next((unit for unit, bound in EPOCH_UNITS.items() if size < 100 * bound), "ns")
            parsed = pd.to_datetime(column, unit=unit, utc=True)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            parsed = pd.to_datetime(column, utc=True)
        else:
            zones = (
                column.astype(str).str.extract(r"\d\s*(Z|UTC|[+-]\d{2}:?\d{2})$", expand=False).fillna("none")
            )
            zones = zones.replace({"Z": "+00:00", "UTC": "+00:00", "+0000": "+00:00"})
            found = sorted(set(zones))
            if len(found) > 1:
                if not repair:
                    odd = int((zones != zones.iloc[0]).to_numpy().argmax())
                    raise MixedTimeZones(f"{column.iloc[odd]!r} follows {column.iloc[0]!r}", path=path)
                count = int((zones != zones.mode().iloc[0]).sum())
                repairs = repairs.with_note(
                    f"{count} times of zones {', '.join(found)} brought to UTC", zones=count
                )
            parsed = pd.to_datetime(column.astype(str), utc=True, format="ISO8601")
        times = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    except (ValueError, OverflowError, TypeError) as error:
        raise InputError(f"cannot be read as times: {error}", path=path) from None
    return times, repairs


def _numbers(column: pd.Series[Any], path: str, inside: npt.NDArray[np.bool_]) -> Floats:
    """What is no number is refused inside, and missing outside."""
    numbers = _parsed(column)
    odd = numbers.isna() & column.notna() & inside
    if odd.any():
        row = int(odd.to_numpy().argmax())
        raise InputError(f"{column.iloc[row]!r} is not a price", path=f"{path}, row {row + 1}")
    found: Floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _parsed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers, missing where there is none. What is true or a time is no number."""
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype

    if is_bool_dtype(column.dtype) or is_datetime64_any_dtype(column.dtype):
        return pd.Series(np.nan, index=column.index)
    return pd.to_numeric(column, errors="coerce")
