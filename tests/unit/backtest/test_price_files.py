"""Files: columns by name, times in any usual form, and an error that names the place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from router.backtest import load_prices
from router.errors import (
    DuplicatedColumn,
    DuplicatedTime,
    InputError,
    InsufficientHistory,
    MissingPrice,
    MixedTimeZones,
    UnsortedTimes,
)

DAYS = ["2021-01-01", "2021-01-02", "2021-01-03"]


def write(folder: Path, columns: dict[str, list[object]], name: str = "p.csv") -> Path:
    path = folder / name
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_named_columns_are_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, {"Date": DAYS, "B_close": [2.5, 3, 4], "A_close": [0.1, 0.2, 0.3]}, name)
    prices = load_prices(path, ["A_close", "beta=B_close"], keep_jumps=True)
    assert prices.assets == ("A", "beta")
    assert prices.values.tolist() == [[0.1, 2.5], [0.2, 3], [0.3, 4]]
    assert prices.at(0).isoformat() == "2021-01-01T00:00:00+00:00"


@pytest.mark.parametrize("first", [20210101, 44197, 0, 0.5], ids=["date", "spreadsheet's", "row", "share"])
def test_numbers_that_would_all_lie_in_1970_are_not_taken_for_seconds(tmp_path: Path, first: float) -> None:
    path = write(tmp_path, {"date": [first, first + 1, first + 2], "A": [1.0, 1.1, 1.2]})
    with pytest.raises(InputError, match=rf"p.csv: date: {first} would be seconds since 1970"):
        load_prices(path)


@pytest.mark.parametrize("rows", [slice(None), slice(1, None)], ids=["whole", "filtered"])
def test_an_index_that_counts_rows_is_no_price(tmp_path: Path, rows: slice) -> None:
    frame = pd.DataFrame({"date": ["2020-12-31", *DAYS], "A": [1.0, 1.1, 1.2, 1.3]})
    frame.index = pd.Index([7, 8, 9, 10])
    frame[rows].to_parquet(tmp_path / "p.parquet")
    assert load_prices(tmp_path / "p.parquet").assets == ("A",)


def test_without_names_a_word_among_prices_is_refused_and_words_alone_are_no_prices(tmp_path: Path) -> None:
    words = {"note": ["x", "y", "z"], "open": [True, False, True], "empty": [None] * 3}
    path = write(tmp_path, {"date": DAYS, **words, "A": [1.0, 1.1, 1.2]})
    assert load_prices(path).assets == ("A",)
    path = write(tmp_path, {"date": DAYS, **words, "A": [1.0, "1,100.5", 1.2], "B": [1.0, 1.1, 1.2]})
    with pytest.raises(InputError, match=r"p.csv: A, row 2: '1,100.5' is not a price"):
        load_prices(path)


def test_columns_that_no_comma_separates_are_told(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("date;A\n2021-01-01;1\n2021-01-02;2\n")
    with pytest.raises(InputError, match="has one column, 'date;A'; columns are separated by commas"):
        load_prices(tmp_path / "p.csv")


def test_a_file_without_rows_is_too_short(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": pd.Series([], dtype="int64"), "A": pd.Series([], dtype="float64")})
    frame.to_parquet(tmp_path / "p.parquet")
    (tmp_path / "p.csv").write_text("date,A\n")
    for name in ("p.parquet", "p.csv"):
        with pytest.raises(InsufficientHistory, match="has 0 rows"):
            load_prices(tmp_path / name)


def test_without_names_every_number_is_a_price(tmp_path: Path) -> None:
    path = write(tmp_path, {"note": ["x", "y", "z"], "time": DAYS, "A": [1, 1, 1], "B": [2, 2, 2]})
    assert load_prices(path).assets == ("A", "B")


@pytest.mark.parametrize(
    "times",
    [
        [1609459200, 1609545600, 1609632000],
        [1609459200000, 1609545600000, 1609632000000],
        ["2021-01-01T00:00:00Z", "2021-01-02T00:00:00Z", "2021-01-03T00:00:00Z"],
        ["2021-01-01 01:00+01:00", "2021-01-02 01:00+01:00", "2021-01-03 01:00+01:00"],
        DAYS,
    ],
)
def test_times_are_read_in_any_usual_form(tmp_path: Path, times: list[object]) -> None:
    prices = load_prices(write(tmp_path, {"timestamp": times, "A": [1, 1, 1]}))
    assert [f"{prices.at(row):%F %T}" for row in range(3)] == [f"{day} 00:00:00" for day in DAYS]


def test_an_index_of_a_parquet_file_is_its_time(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pd.DataFrame(
        {"A": [1.0, 1, 1]}, index=pd.DatetimeIndex(DAYS, tz="Europe/Berlin", name="when")
    ).to_parquet(path)
    assert f"{load_prices(path).at(0):%F %H}" == "2020-12-31 23"


def test_mixed_zones_are_refused_or_brought_to_utc(tmp_path: Path) -> None:
    times = ["2021-01-01T00:00:00", "2021-01-02T00:00:00+00:00", "2021-01-03T02:00:00+02:00"]
    path = write(tmp_path, {"time": times, "A": [1, 1, 1]})
    with pytest.raises(MixedTimeZones, match=r"p.csv: time: '2021-01-02.*follows"):
        load_prices(path)
    prices = load_prices(path, repair=True)
    assert prices.repairs.zones == 2
    assert [f"{prices.at(row):%F %T}" for row in range(3)] == [f"{day} 00:00:00" for day in DAYS]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"columns": ["A_clse"]}, "p.csv: no column 'A_clse' .did you mean 'A_close'"),
        ({"columns": ["A=A_clse"]}, "no column 'A_clse' .did you mean 'A_close'"),
        ({"columns": ["A_close", "A=B_close"]}, "two columns for one asset"),
        ({"time": "dat"}, "no column 'dat' .did you mean 'date'"),
        ({"columns": ["note"]}, r"p.csv: note, row 1: 'x' is not a price"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(
    tmp_path: Path, arguments: dict[str, object], text: str
) -> None:
    columns = {"date": DAYS, "A_close": [1, 1, 1], "B_close": [1, 1, 1], "note": ["x", "y", "z"]}
    with pytest.raises(InputError, match=text):
        load_prices(write(tmp_path, columns), **arguments)  # type: ignore[arg-type]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_prices(tmp_path / "none.csv")
    with pytest.raises(InputError, match="only files on this machine"):
        load_prices("https://example.org/p.csv")
    with pytest.raises(InputError, match="is not a file"):
        load_prices(tmp_path)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InsufficientHistory, match="is empty"):
        load_prices(tmp_path / "empty.csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"broken\.parquet: cannot be parsed"):
        load_prices(tmp_path / "broken.parquet")
    (tmp_path / "ragged.csv").write_text("date,A\n2021-01-01,1,2,3\n2021-01-02,1\n")
    with pytest.raises(InputError):
        load_prices(tmp_path / "ragged.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00date")
    with pytest.raises(InputError, match="cannot be parsed"):
        load_prices(tmp_path / "binary.csv")


def test_times_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as times"):
        load_prices(write(tmp_path, {"date": ["2021-01-01", "soon", "later"], "A": [1, 1, 1]}))
    with pytest.raises(InputError, match="no time in row 2"):
        load_prices(write(tmp_path, {"date": ["2021-01-01", None, "2021-01-02"], "A": [1, 1, 1]}))
    with pytest.raises(InputError, match="no time column"):
        load_prices(write(tmp_path, {"when": DAYS, "A": [1, 1, 1]}))


def test_faults_of_rows_reach_the_caller_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(MissingPrice, match=r"p\.csv: A at 2021-01-02"):
        load_prices(write(tmp_path, {"date": DAYS, "A": [1, None, 1]}))
    with pytest.raises(DuplicatedTime, match=r"p\.csv"):
        load_prices(write(tmp_path, {"date": [DAYS[0], DAYS[0], DAYS[1]], "A": [1, 1, 1]}))
    with pytest.raises(InsufficientHistory):
        load_prices(write(tmp_path, {"date": DAYS[:1], "A": [1]}))
    repaired = load_prices(write(tmp_path, {"date": DAYS, "A": [1, None, 1]}), repair=True)
    assert (repaired.repairs.total, repaired.repairs.missing) == (1, 1)


LONG = [f"2021-01-{day:02}" for day in range(1, 11)]
BROKEN = [1.0, -1.0, "halted", 1.0, 2.5, 2.6, 2.7, 2.8, float("inf"), 40.0]
INSIDE = {"start": datetime(2021, 1, 5, tzinfo=UTC), "end": datetime(2021, 1, 8, tzinfo=UTC)}


def test_faults_outside_what_was_asked_for_are_counted_and_refuse_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, {"time": LONG, "A": BROKEN})
    with pytest.raises(InputError, match="'halted' is not a price"):
        load_prices(path, ["A"])
    prices = load_prices(path, ["A"], **INSIDE)
    assert prices.values[:, 0].tolist() == [2.5, 2.6, 2.7, 2.8]
    assert (prices.repairs.outside, prices.repairs.total) == (3, 0)
    assert prices.repairs.details == ("3 faults in rows that were not asked for",)


@pytest.mark.parametrize(
    ("outside", "count"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([1.0, 3.0, 3.0, 3.0], 1),
        ([1.0, 3.0, 0.0, 3.0], 2),
        ([1.0, 20.5, 20.5, 20.5], 1),
    ],
)
def test_jumps_count_as_faults_outside_unless_they_are_kept(
    tmp_path: Path, outside: list[float], count: int
) -> None:
    path = write(tmp_path, {"time": LONG, "A": [*outside, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0]})
    assert load_prices(path, start=INSIDE["start"]).repairs.outside == count
    kept = load_prices(path, start=INSIDE["start"], keep_jumps=True).repairs.outside
    assert kept == sum(price <= 0 for price in outside)


def test_times_out_of_order_outside_are_counted_and_inside_refused(tmp_path: Path) -> None:
    times = ["2021-01-02", "2021-01-01", "2021-01-01", *LONG[3:]]
    prices = load_prices(write(tmp_path, {"time": times, "A": [1.0] * 10}), **INSIDE)
    assert (len(prices), prices.repairs.outside) == (4, 2)
    times[0] = "2021-01-06"
    with pytest.raises(UnsortedTimes):
        load_prices(write(tmp_path, {"time": times, "A": [1.0] * 10}), **INSIDE)


def test_bounds_need_a_zone_and_rows_between_them(tmp_path: Path) -> None:
    path = write(tmp_path, {"time": LONG, "A": [1.0] * 10})
    with pytest.raises(InputError, match=r"start: .* needs a time zone"):
        load_prices(path, start=datetime(2021, 1, 5))
    with pytest.raises(InsufficientHistory, match="has 1 rows from 2021-01-10 00:00; its own are from"):
        load_prices(path, start=datetime(2021, 1, 10, tzinfo=UTC))
    single = write(tmp_path, {"time": LONG[:1], "A": [1.0]})
    with pytest.raises(InsufficientHistory, match="has 0 rows"):
        load_prices(single, **INSIDE)


def test_a_repair_looks_at_no_row_outside(tmp_path: Path) -> None:
    split = write(tmp_path, {"time": LONG, "A": [4.0] * 5 + [2.0] * 5})
    assert load_prices(split, repair=True).values[0, 0] == 2.0
    before = load_prices(split, repair=True, end=datetime(2021, 1, 5, tzinfo=UTC))
    assert before.values[:, 0].tolist() == [4.0] * 5
    assert before.repairs.total == 0


@pytest.mark.parametrize("header", ["time,A,B,A", "time,A, A ", "time,time,A", 'time,"A",A'])
def test_two_columns_of_one_name_are_refused_by_name(tmp_path: Path, header: str) -> None:
    path = tmp_path / "p.csv"
    row = ",1" * header.count(",")
    path.write_text(f"{header}\n2021-01-01{row}\n2021-01-02{row}\n")
    with pytest.raises(DuplicatedColumn, match=r"p\.csv: has two columns of one name: (A|time)$"):
        load_prices(path)


def test_columns_without_a_name_are_no_twins(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("time,,,A\n2021-01-01,x,x,1\n2021-01-02,x,x,1\n")
    assert load_prices(path).assets == ("A",)
