"""Prices that a portfolio file names: what is known by a time; too old, too short or not there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.documents.history import History, read_history
from router.documents.price_models import PricesTable
from router.errors import InputError
from tests.unit.price_files import price_file

ROWS = 60
LAST = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=ROWS - 1)
COLUMNS = {"WETH": "ETH_close", "WBTC": "BTC_close"}


def history(folder: Path, now: datetime = LAST, **more: Any) -> History:
    price_file(folder / "prices.csv", ROWS)
    table = PricesTable.of(**{"prices": "prices.csv", "columns": COLUMNS} | more)
    return read_history(table, folder, now)


def refused(folder: Path, now: datetime = LAST, **more: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        history(folder, now, **more)
    return caught.value


def test_all_rows_are_known_at_the_last_one(tmp_path: Path) -> None:
    found = history(tmp_path)
    assert found.prices.assets == ("WETH", "WBTC")
    assert len(found.prices) == ROWS
    assert found.sha256 == hashlib.sha256((tmp_path / "prices.csv").read_bytes()).hexdigest()
    assert found.told == f"prices.csv, {ROWS} rows to 2023-03-01T00:00:00Z, sha-256 {found.sha256}"


def test_rows_after_the_market_s_time_are_left_out(tmp_path: Path) -> None:
    whole = history(tmp_path).prices
    found = history(tmp_path, LAST - timedelta(days=10, seconds=1))
    assert f"{ROWS - 11} rows to 2023-02-18" in found.told
    np.testing.assert_array_equal(found.prices.values, whole.values[: ROWS - 11])


def test_age_counts_from_the_newest_row_in_any_time_zone(tmp_path: Path) -> None:
    oldest = (LAST + timedelta(days=3)).astimezone(tz=None)
    assert len(history(tmp_path, oldest).prices) == ROWS
    error = refused(tmp_path, oldest + timedelta(seconds=1))
    assert type(error).__name__ == "OutdatedPrices"
    assert error.path == "prices"
    assert "ends at 2023-03-01 00:00Z, 3.0 days before the market's time; max_age_days allows 3" in str(error)
    for limit in ("4", "1e59"):
        assert len(history(tmp_path, oldest + timedelta(days=1), max_age_days=limit).prices) == ROWS


def test_fewer_than_thirty_returns_are_too_few(tmp_path: Path) -> None:
    start = LAST - timedelta(days=ROWS - 1)
    assert len(history(tmp_path, start + timedelta(days=30)).prices) == 31
    error = refused(tmp_path, start + timedelta(days=29))
    assert type(error).__name__ == "InsufficientHistory"
    assert "has 30 rows up to the market's time, 2023-01-30 00:00Z; 31 are needed" in error.message
    assert "has 0 rows to 2022-12-31" in refused(tmp_path, start - timedelta(days=1)).message


def test_a_fault_after_the_market_s_time_refuses_nothing(tmp_path: Path) -> None:
    path = price_file(tmp_path / "faulty.csv", ROWS)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], f"{lines[-1].split(',')[0]},-1,NaN"]))
    found = history(tmp_path, LAST - timedelta(days=1), prices="faulty.csv")
    assert len(found.prices) == ROWS - 1
    assert refused(tmp_path, prices="faulty.csv").path == "prices"


@pytest.mark.parametrize("repair", [True, False])
def test_a_feed_that_stopped_is_outdated_whoever_filled_the_rows_since(tmp_path: Path, repair: bool) -> None:
    path = price_file(tmp_path / "stopped.csv", ROWS)
    lines = [line.split(",") for line in path.read_text().splitlines()]

    def stopped(rows: int) -> dict[str, Any]:
        """The last known price of ETH is so many rows before the last."""
        filled = "" if repair else lines[-1 - rows][1]
        ends = [[day, filled, bitcoin] for day, _, bitcoin in lines[-rows:]]
        path.write_text("\n".join(map(",".join, [*lines[:-rows], *ends])))
        return {"prices": "stopped.csv", "repair": repair}

    assert len(history(tmp_path, **stopped(3)).prices) == ROWS
    error = refused(tmp_path, **stopped(4))
    assert (type(error).__name__, error.path) == ("OutdatedPrices", "columns.WETH")
    assert "one price of WETH since 2023-02-25 00:00Z, for longer than ever before and 4.0 days" in str(error)
    assert len(history(tmp_path, max_age_days="4", **stopped(4)).prices) == ROWS


@pytest.mark.parametrize("off_peg", [(5, 6, 9), (0,), tuple(range(10))])
def test_a_price_that_is_pegged_is_no_feed_that_stopped(tmp_path: Path, off_peg: tuple[int, ...]) -> None:
    path = price_file(tmp_path / "pegged.csv", ROWS)
    days = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    rows = [f"{day},1,{1 + (place + 1) / 1e4 if place in off_peg else 1}" for place, day in enumerate(days)]
    path.write_text("\n".join(["date,ETH_close,BTC_close", *rows]))
    assert len(history(tmp_path, prices="pegged.csv").prices) == ROWS


@pytest.mark.parametrize(
    ("more", "path", "message", "nearest"),
    [
        ({"prices": "price.csv"}, "prices", "no such file", None),
        ({"prices": "."}, "prices", "cannot be read", None),
        ({"columns": {"WETH": "ETH_clse"}}, "columns.WETH", "prices.csv: no column 'ETH_clse'", "ETH_close"),
        ({"columns": {"WETH": "ETH=X"}}, "columns.WETH", "'ETH=X' holds '='", None),
        ({"time_column": "dte"}, "time_column", "prices.csv: no column 'dte'", "date"),
    ],
)
def test_what_is_not_there_is_refused_by_its_key(
    tmp_path: Path, more: dict[str, Any], path: str, message: str, nearest: str | None
) -> None:
    error = refused(tmp_path, **more)
    assert (error.path, error.nearest) == (path, nearest)
    assert message in error.message


def test_faulty_prices_are_refused_or_repaired_and_told(tmp_path: Path) -> None:
    path = price_file(tmp_path / "faulty.csv", ROWS)
    lines = path.read_text().splitlines()
    lines[30] = ",".join([*lines[30].split(",")[:2], "NaN"])
    path.write_text("\n".join(lines))
    error = refused(tmp_path, prices="faulty.csv")
    assert type(error).__name__ == "MissingPrice"
    assert error.path == "prices"
    assert "faulty.csv" in error.message
    assert "repairs: 1" in history(tmp_path, prices="faulty.csv", repair=True).told
