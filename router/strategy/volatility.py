"""Models of volatility and covariance. Each sees the past it is handed, and nothing else.

Returns are log returns of one period, (rows, n), oldest first, taken to have mean 0: over days their mean is
noise. A model fits parameters now and then, and forecasts from them and the rows up to now. What it forecasts
is the covariance per period, (n, n), averaged over the next `horizon` periods.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import exp, log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from router.errors import InputError
from router.strategy.covariance import CovarianceKind, covariance_of

Floats = NDArray[np.float64]

Parameters = tuple[float, ...]


class Model(Protocol):
    """What a `Forecaster` asks of a model; pure, and the same for the same rows."""

    @property
    def name(self) -> str:
        """Short, for tables and messages."""

    @property
    def least_rows(self) -> int:
        """Rows without which it can't be fitted."""

    def fit(self, past: Floats, horizon: int) -> Parameters | None:
        """Parameters from the rows so far; None where the fit can't be used."""

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:
        """Covariance per period over the next `horizon` periods, (n, n)."""


class _Fitless:
    """A model without parameters."""

    def fit(self, past: Floats, horizon: int) -> Parameters | None:  # noqa: ARG002
        """Nothing to fit."""
        return ()


@dataclass(frozen=True)
class Constant(_Fitless):
    """The mean of r r' over all rows, or over the last `window`: what a forecast must beat."""

    window: int | None = None

    def __post_init__(self) -> None:
        _at_least(1, "window", self.window)

    @property
    def name(self) -> str:
        return f"constant {self.window}" if self.window else "constant"

    @property
    def least_rows(self) -> int:
        return self.window or 30

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:  # noqa: ARG002
        rows = past[-self.window :] if self.window else past
        return np.asarray(rows.T @ rows / len(rows), dtype=np.float64)


@dataclass(frozen=True)
class Ewma(_Fitless):
    """Exponentially weighted r r' (RiskMetrics 1996): each row weighs `decay` times the next newer one."""

    decay: float = 0.97
    least_rows: int = 60

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise InputError(f"should be above 0 and at most 1, is {self.decay}", path="decay")
        _at_least(1, "least_rows", self.least_rows)

    @property
    def name(self) -> str:
        return f"EWMA {self.decay:g}"

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:  # noqa: ARG002
        weights = self.decay ** np.arange(len(past))[::-1]
        return np.asarray((past * weights[:, None]).T @ past / weights.sum(), dtype=np.float64)


@dataclass(frozen=True)
class Shrunk(_Fitless):
    """`covariance_of` as a model, for several assets at once.

    Attributes:
        kind: which estimate.
        window: newest rows that it uses, or None for all.
    """

    kind: CovarianceKind = CovarianceKind.SHRUNK
    window: int | None = 180
    half_life: float = 40.0
    least_rows: int = 60

    def __post_init__(self) -> None:
        _at_least(1, "window", self.window)
        if not self.half_life > 0:
            raise InputError(f"should be above 0, is {self.half_life}", path="half_life")
        _at_least(2, "least_rows", self.least_rows)

    @property
    def name(self) -> str:
        return f"{self.kind} covariance"

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:  # noqa: ARG002
        rows = past[-self.window :] if self.window else past
        return covariance_of(rows, self.kind, periods_per_year=1.0, half_life=self.half_life)


@dataclass(frozen=True)
class Garch:
    """GARCH(1,1) of one asset (Bollerslev 1986), normal likelihood, from arch.

    A fit is not used where the optimiser did not converge, warned of anything, or found a variance that
    grows without end.
    """

    name: str = "GARCH(1,1)"
    least_rows: int = 250

    def fit(self, past: Floats, horizon: int) -> Parameters | None:  # noqa: ARG002
        """Scale, omega, alpha, beta; the scale brings returns to a deviation of 10, where arch fits well."""
        from arch import arch_model

        spread = float(past.std())
        if not spread > 0:
            return None
        scale = 10 / spread
        model = arch_model(past[:, 0] * scale, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                result = model.fit(disp="off", show_warning=False)
        except Warning:
            return None
        omega, alpha, beta = (float(value) for value in result.params)
        if result.convergence_flag != 0 or not omega > 0 or not alpha + beta < 1:
            return None
        return scale, omega, alpha, beta

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:
        from arch import arch_model

        scale, *fitted = parameters
        model = arch_model(past[:, 0] * scale, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
        paths = model.fix(fitted).forecast(horizon=horizon, reindex=False).variance
        return np.array([[float(paths.to_numpy()[-1].mean()) / scale**2]])


@dataclass(frozen=True)
class Har:
    """Heterogeneous autoregression of one asset (Corsi 2009), directly on the variance over the horizon.

    Least squares of the mean squared return over the next `horizon` rows on its means over the last `lags`
    rows, or of logarithm on logarithms, brought back as the mean of a lognormal (Andersen, Bollerslev &
    Diebold 2007).
    A forecast outside of what was ever realised is pulled to the edge of it (Swanson and White 1995).
    """

    lags: tuple[int, ...] = (1, 7, 30)
    logs: bool = False
    least_rows: int = 180

    def __post_init__(self) -> None:
        _at_least(1, "lags", min(self.lags, default=0))
        _at_least(max(self.lags) + 1, "least_rows", self.least_rows)

    @property
    def name(self) -> str:
        return f"{'log-' if self.logs else ''}HAR {'/'.join(map(str, self.lags))}"

    def fit(self, past: Floats, horizon: int) -> Parameters | None:
        """Coefficients, retransformation factor, floor under a logarithm, least and largest realised."""
        squares = np.square(past[:, 0])
        floor = 1e-3 * float(squares.mean()) if self.logs else 0.0
        sums = np.concatenate([[0.0], np.cumsum(squares)])
        ends = np.arange(max(self.lags), len(squares) - horizon + 1)
        if len(ends) <= len(self.lags) + 1:
            return None
        realised = (sums[ends + horizon] - sums[ends]) / horizon
        edges = realised[realised > 0]
        if not edges.size:
            return None
        features = self._features(sums, ends, floor)
        wanted = np.log(realised + floor) if self.logs else realised
        coefficients, _, rank, _ = np.linalg.lstsq(features, wanted, rcond=None)
        if rank < features.shape[1]:
            return None
        residuals = wanted - features @ coefficients
        factor = exp(float(residuals.var()) / 2) if self.logs else 1.0
        return (*coefficients.tolist(), factor, floor, float(edges.min()), float(edges.max()))

    def forecast(self, parameters: Parameters, past: Floats, horizon: int) -> Floats:  # noqa: ARG002
        *coefficients, factor, floor, least, largest = parameters
        squares = np.square(past[-max(self.lags) :, 0])
        sums = np.concatenate([[0.0], np.cumsum(squares)])
        level = float((self._features(sums, np.array([len(squares)]), floor) @ np.array(coefficients))[0])
        variance = exp(min(level, log(largest + floor))) * factor - floor if self.logs else level
        return np.array([[min(max(variance, least), largest)]])

    def _features(self, sums: Floats, ends: NDArray[np.int64], floor: float) -> Floats:
        """A row of 1 and of means (or their logarithms) for each end of the past."""
        means = np.column_stack([(sums[ends] - sums[ends - lag]) / lag for lag in self.lags])
        columns = np.log(means + floor) if self.logs else means
        return np.column_stack([np.ones(len(ends)), columns])


def _at_least(least: int, path: str, value: float | None) -> None:
    if value is not None and not value >= least:
        raise InputError(f"should be at least {least}, is {value}", path=path)


def log_har() -> Har:
    """HAR in logarithms."""
    return Har(logs=True)
