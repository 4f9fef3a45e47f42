"""Recorded prices: one row per time, one column per asset, checked before anything is computed from them.

The numeraire has no column: it is worth 1 at all times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from router.backtest.repairs import Repairs
from router.errors import InputError, InsufficientHistory, NotFinite

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

YEAR = np.timedelta64(365 * 24 * 3600 * 10**6, "us")
"""A year of 365 days: these markets never close."""


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices without a fault: finite and positive, at ascending times.

    Attributes:
        times: (rows,) UTC, datetime64 in microseconds.
        assets: names, in the order of the columns.
        values: (rows, assets) numeraire per unit; nobody writes to it.
        repairs: what was changed on the way here, and what was seen.

    Raises:
        InputError: shapes that don't fit, or a name used twice.
        InsufficientHistory: fewer than two rows.
        NotFinite: a price that is no positive number, or times that don't ascend.
    """

    times: Times
    assets: tuple[str, ...]
    values: Floats
    repairs: Repairs = field(default_factory=Repairs)

    def __post_init__(self) -> None:
        times = np.array(self.times, dtype="datetime64[us]")
        values = np.array(self.values, dtype=np.float64, order="C")
        if values.ndim != 2 or values.shape != (len(times), len(self.assets)):
            shape = f"{len(times)} times and {len(self.assets)} assets"
            raise InputError(f"have shape {values.shape} for {shape}", path="prices")
        if len(set(self.assets)) != len(self.assets) or not self.assets:
            raise InputError(f"need assets of different names, not {self.assets}", path="prices")
        if len(times) < 2:
            raise InsufficientHistory(f"a backtest needs at least 2 rows, not {len(times)}", path="prices")
        if not (
            np.isfinite(values).all() and (values > 0).all() and (np.diff(times) > np.timedelta64(0)).all()
        ):
            raise NotFinite("should be positive numbers at ascending times", path="prices")
        for name, array in (("times", times), ("values", values)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __repr__(self) -> str:
        span = f"{self.at(0):%Y-%m-%d} to {self.at(-1):%Y-%m-%d}"
        return f"Prices({', '.join(self.assets)}: {len(self)} rows, {span})"

    def __len__(self) -> int:
        return len(self.times)

    def at(self, row: int) -> datetime:
        """The time of a row, in UTC."""
        found: datetime = self.times[row].astype("datetime64[us]").item()
        return found.replace(tzinfo=UTC)

    @property
    def interval_years(self) -> float:
        """The usual time between two rows: their median."""
        return float(np.median(np.diff(self.times).astype(np.int64)) / YEAR.astype(np.int64))

    @property
    def years(self) -> float:
        """What all rows stand for: each one usual interval."""
        return len(self) * self.interval_years

    def returns(self) -> Floats:
        """Simple returns, (rows - 1, assets)."""
        return np.asarray(self.values[1:] / self.values[:-1] - 1)

    def log_returns(self) -> Floats:
        """Logarithms of price ratios, (rows - 1, assets)."""
        return np.asarray(np.diff(np.log(self.values), axis=0), dtype=np.float64)

    def covariance(self) -> Floats:
        """Of simple returns over all rows, annual, (assets, assets). It knows the whole history: for judging
        a run, not for decisions in it."""
        return (
            np.atleast_2d(np.cov(self.returns(), rowvar=False, ddof=min(1, len(self) - 2)))
            / self.interval_years
        )

    def select(self, assets: Sequence[str]) -> Prices:
        """The same rows with these columns, in this order."""
        order = [self.assets.index(asset) for asset in assets]
        return Prices(self.times, tuple(assets), self.values[:, order], self.repairs)
