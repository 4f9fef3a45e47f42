"""Recorded daily closes of shared data; tests that ask for them skip where they are absent."""

from __future__ import annotations

import csv
import os
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))
PRICES = SHARED / "prices/coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
ASSETS = ("BTC", "ETH", "LINK", "USD")


@cache
def _rows() -> list[dict[str, str]]:
    with PRICES.open(newline="") as file:
        return list(csv.DictReader(file))


def closes() -> tuple[list[date], tuple[str, ...], np.ndarray]:
    """(dates, assets, closes in dollars): BTC, ETH, LINK, and cash at 1."""
    if not PRICES.is_file():
        pytest.skip(f"recorded prices are not at {PRICES} (set REBALANCE_SHARED_DATA)")
    rows = _rows()
    prices = [[float(row[f"{asset}_close"]) for asset in ASSETS[:-1]] + [1.0] for row in rows]
    return [date.fromisoformat(row["Date"]) for row in rows], ASSETS, np.array(prices)
