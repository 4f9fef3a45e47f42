"""Recorded prices for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.strategy.series import garch


def price_file(path: Path, rows: int = 420, *, seed: int = 1, first: str = "2023-01-01") -> Path:
    """Daily closes of two correlated assets whose volatility clusters."""
    one, other = garch(rows, seed=seed), garch(rows, seed=seed + 1)
    both = np.column_stack([one, 0.5 * one + 0.8 * other])
    closes = np.exp(np.cumsum(np.clip(both, -0.3, 0.3), axis=0)) * [3000, 60000]
    days = np.datetime64(first) + np.arange(rows)
    lines = [f"{day},{one:.6f},{other:.6f}" for day, (one, other) in zip(days, closes, strict=True)]
    path.write_text("\n".join(["date,ETH_close,BTC_close", *lines]) + "\n")
    return path
