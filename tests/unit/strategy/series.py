"""Series that the tests of targets and forecasts share."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
PRICES = SHARED / "prices" / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"


@cache
def closes() -> np.ndarray:
    """Daily closes of BTC, ETH and LINK, 2021 to 2023, (days, 3); a test that asks skips without the data."""
    if not PRICES.exists():
        pytest.skip(f"needs {PRICES}")
    with PRICES.open() as file:
        return np.array([[float(row[f"{name}_close"]) for name in NAMES] for row in csv.DictReader(file)])


NAMES = ("BTC", "ETH", "LINK")


def log_returns() -> np.ndarray:
    """Daily log returns of the same, (days - 1, 3)."""
    return np.diff(np.log(closes()), axis=0)


def garch(rows: int, *, seed: int, persistence: float = 0.97, daily: float = 0.04) -> np.ndarray:
    """Returns whose volatility clusters: a GARCH(1,1) path, (rows,)."""
    rng = np.random.default_rng(seed)
    alpha = 0.12
    variance, result = daily**2, np.empty(rows)
    for row, noise in enumerate(rng.standard_normal(rows)):
        result[row] = variance**0.5 * noise
        variance = daily**2 * (1 - persistence) + alpha * result[row] ** 2 + (persistence - alpha) * variance
    return result


def random_covariance(rng: np.random.Generator, size: int, spread: float = 0.5) -> np.ndarray:
    """A well-conditioned annual covariance of assets whose volatilities differ by about `spread` in logs."""
    factors = rng.standard_normal((size, size + 3))
    deviations = 0.8 * np.exp(spread * rng.standard_normal(size))
    return factors @ factors.T / size * np.outer(deviations, deviations)
