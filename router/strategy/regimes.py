"""Regimes of volatility, high or low, known at the time: a row's flag uses that row and those before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError
from router.strategy.guards import finite
from router.strategy.volatility import Parameters

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regimes:
    """When volatility counts as high, with hysteresis; and as a `Model`, what follows from it.

    The regime turns high where the volatility of late is above the `enter` quantile of all volatilities so
    far, and low again where it is below the `leave` quantile; between them it stays what it was.

    As a model it forecasts the mean variance over the horizon that followed rows of the present regime, so a
    `Forecaster` says whether the flags were worth anything.

    Attributes:
        half_life: rows, of the exponentially weighted volatility of late.
        enter, leave: quantiles.
        least_rows: rows before which every flag is low.

    Raises:
        InputError: quantiles that do not ascend from 0 to 1, a half-life or number of rows not positive.
    """

    half_life: float = 10.0
    enter: float = 0.8
    leave: float = 0.6
    least_rows: int = 180

    def __post_init__(self) -> None:
        if not 0 < self.leave <= self.enter < 1:
            raise InputError(f"leave {self.leave}, enter {self.enter}: should ascend in 0 to 1", path="enter")
        if not (np.isfinite(self.half_life) and self.half_life > 0):
            raise InputError(f"should be positive, is {self.half_life}", path="half_life")
        if self.least_rows < 1:
            raise InputError(f"should be at least 1, is {self.least_rows}", path="least_rows")

    @property
    def name(self) -> str:
        return f"regimes {self.enter:g}/{self.leave:g}"

    def flags(self, returns: ArrayLike) -> NDArray[np.bool_]:
        """True where volatility is high.

        Args:
            returns: (rows,) log returns of one asset or of the portfolio, oldest first.

        Raises:
            NotFinite, InputError: returns that make no sense.
        """
        import pandas as pd

        squares = pd.Series(np.square(finite(returns, "returns")))
        late = squares.ewm(halflife=self.half_life).mean()
        past = late.expanding(self.least_rows)
        upper, lower = past.quantile(self.enter).to_numpy(), past.quantile(self.leave).to_numpy()
        flags = np.zeros(len(squares), dtype=np.bool_)
        high = False
        for row, level in enumerate(late.to_numpy()):
            # Before enough rows the quantiles are NaN, and nothing is above or at least that.
            high = bool(level >= lower[row]) if high else bool(level > upper[row])
            flags[row] = high
        return flags

    def fit(self, past: Floats, horizon: int) -> Parameters | None:
        """Mean variance over the horizon after low rows, and after high ones; None where one never came."""
        squares = np.square(past[:, 0])
        sums = np.concatenate([[0.0], np.cumsum(squares)])
        ends = np.arange(self.least_rows, len(squares) - horizon + 1)
        followed = (sums[ends + horizon] - sums[ends]) / horizon
        high = self.flags(past[:, 0])[ends - 1]
        if not high.any() or high.all():
            return None
        return float(followed[~high].mean()), float(followed[high].mean())

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:  # noqa: ARG002
        return np.array([[parameters[int(self.flags(past[:, 0])[-1])]]])
