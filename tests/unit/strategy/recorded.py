"""Recorded daily closes of shared data; tests that ask for them skip where they are absent."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache

import numpy as np
import pytest

from scripts.bench.recorded import DATA

PRICES = DATA / "prices" / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
NAMES = ("BTC", "ETH", "LINK")
ASSETS = (*NAMES, "USD")


@cache
def _rows() -> list[dict[str, str]]:
    with PRICES.open(newline="") as file:
        return list(csv.DictReader(file))


def closes() -> tuple[list[date], tuple[str, ...], np.ndarray]:
    """(dates, assets, closes in dollars): BTC, ETH, LINK, and cash at 1."""
    if not PRICES.is_file():
        pytest.skip(f"recorded prices are not at {PRICES} (set REBALANCE_SHARED_DATA)")
    rows = _rows()
    prices = [[float(row[f"{asset}_close"]) for asset in NAMES] + [1.0] for row in rows]
    return [date.fromisoformat(row["Date"]) for row in rows], ASSETS, np.array(prices)


def log_returns() -> np.ndarray:
    """Daily log returns without cash, (days - 1, 3)."""
    return np.diff(np.log(closes()[2][:, : len(NAMES)]), axis=0)
