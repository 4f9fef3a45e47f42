"""Recorded daily closes: of `tests/data`, and of shared data, without which tests that ask for them skip."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.recorded import DATA

HUOBI = Path(__file__).parents[2] / "data" / "huobi_daily_2017-10_2021-06.csv"
PRICES = DATA / "prices" / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
NAMES = ("BTC", "ETH", "LINK")
ASSETS = (*NAMES, "USD")


@cache
def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def huobi() -> tuple[list[date], tuple[str, ...], np.ndarray]:
    """(dates, assets, closes in tether) of five coins, 2017-10-31 to 2021-06-17."""
    rows = _rows(HUOBI)
    assets = tuple(rows[0])[1:]
    prices = [[float(row[asset]) for asset in assets] for row in rows]
    return [date.fromisoformat(row["Date"]) for row in rows], assets, np.array(prices)


def closes() -> tuple[list[date], tuple[str, ...], np.ndarray]:
    """(dates, assets, closes in dollars): BTC, ETH, LINK, and cash at 1."""
    if not PRICES.is_file():
        pytest.skip(f"recorded prices are not at {PRICES} (set REBALANCE_SHARED_DATA)")
    rows = _rows(PRICES)
    prices = [[float(row[f"{asset}_close"]) for asset in NAMES] + [1.0] for row in rows]
    return [date.fromisoformat(row["Date"]) for row in rows], ASSETS, np.array(prices)


def log_returns() -> np.ndarray:
    """Daily log returns without cash, (days - 1, 3)."""
    return np.diff(np.log(closes()[2][:, : len(NAMES)]), axis=0)


def long_log_returns(asset: str) -> np.ndarray:
    """Daily log returns of BTC or ETH from 2017-11-01 to 2023-12-30, (days,): of Huobi's closes, from
    2021 on of Coinbase's."""
    (early, coins, old), (late, names, new) = huobi(), closes()
    before = [row for row, day in enumerate(early) if day < late[0]]
    joined = np.concatenate([old[before, coins.index(asset)], new[:, names.index(asset)]])
    return np.diff(np.log(joined))
