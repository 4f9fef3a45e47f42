"""How good a forecast of risk was: QLIKE and interval coverage, and whether it beat a constant.

A forecast is a covariance per period, (n, n); n = 1 is the variance of one asset. It is compared with the
`horizon` rows of returns that followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One forecast against what followed.

    Attributes:
        loss: QLIKE; smaller is better.
        covered: the return over the horizon lay within the forecast's interval.
    """

    loss: float
    covered: bool


def score(forecast: Floats, outcome: Floats, level: float) -> Score:
    """The score of one forecast.

    The loss is log det H + tr(H^-1 S), with H the forecast and S the mean of r r' over the outcome, less its
    least value where n = 1: x - log x - 1 with x = S / H. It ranks forecasts by the true covariance although
    S is only a noisy picture of it (Patton 2011; Patton and Sheppard 2009). The interval is that of a normal
    return: R' (h H)^-1 R at most the chi-squared quantile of `level`, R the sum of the h rows.

    Args:
        forecast: (n, n) positive definite, per period.
        outcome: (h, n) returns that followed.
        level: nominal coverage, between 0 and 1.
    """
    periods, size = outcome.shape
    factor = np.linalg.cholesky(forecast)
    spread = np.linalg.solve(factor, outcome.T)
    loss = 2 * float(np.log(np.diag(factor)).sum()) + float(np.square(spread).sum()) / periods
    realised = float(np.square(outcome).mean()) if size == 1 else 0.0
    if realised > 0:
        loss -= float(np.log(realised)) + 1.0
    distance = float(np.square(spread.sum(axis=1)).sum()) / periods
    return Score(loss, distance <= float(chdtri(size, 1 - level)))


@dataclass(frozen=True)
class Scorecard:
    """A model against constants over the window that counts.

    Attributes:
        model: its name.
        scored: forecasts in the window, none overlapping another.
        needed: scores below which nothing is switched on.
        loss: the model's mean QLIKE; NaN where nothing is scored.
        constants: mean QLIKE by constant.
        coverage: share of returns within the model's intervals.
        constant_coverage: the same of the best constant.
        level: nominal coverage.
        failures: forecasts since the start that could not be used; a constant's stood in, here too.
    """

    model: str
    scored: int
    needed: int
    loss: float
    constants: Mapping[str, float]
    coverage: float
    constant_coverage: float
    level: float
    failures: int

    @classmethod
    def of(
        cls,
        model: Sequence[Score],
        constants: Mapping[str, Sequence[Score]],
        *,
        name: str,
        level: float,
        needed: int,
        failures: int,
    ) -> Scorecard:
        """The card of scores on the same outcomes."""
        losses = {key: _mean([score.loss for score in scores]) for key, scores in constants.items()}
        return cls(
            model=name,
            scored=len(model),
            needed=needed,
            loss=_mean([score.loss for score in model]),
            constants=losses,
            coverage=_mean([score.covered for score in model]),
            constant_coverage=_mean([score.covered for score in constants[_least(losses)]]),
            level=level,
            failures=failures,
        )

    @property
    def best_constant(self) -> str:
        """Name of the constant of least loss, the first of equals."""
        return _least(self.constants)

    @property
    def coverage_allowed(self) -> float:
        """How far the coverage may be off: as far as the best constant's, or two standard errors."""
        if not self.scored:
            return 0.0
        noise = 2 * float(np.sqrt(self.level * (1 - self.level) / self.scored))
        return max(abs(self.constant_coverage - self.level), noise)

    @property
    def active(self) -> bool:
        """The model has less loss than every constant, intervals as honest, and enough scores to say so."""
        return (
            self.scored >= self.needed
            and self.loss < self.constants[self.best_constant]
            and abs(self.coverage - self.level) <= self.coverage_allowed
        )

    @property
    def reason(self) -> str:
        """Why it is on or off, in one line."""
        if self.scored < self.needed:
            return f"{self.model} off: {self.scored} forecasts scored, {self.needed} needed"
        best = self.best_constant
        losses = f"QLIKE {self.loss:.4f} against {self.constants[best]:.4f} of {best}"
        covered = f"coverage {self.coverage:.1%} of {self.level:.0%}, {self.coverage_allowed:.1%} off allowed"
        failed = f", {self.failures} failed" if self.failures else ""
        return f"{self.model} {'on' if self.active else 'off'}: {losses}, {covered}{failed}"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _least(losses: Mapping[str, float]) -> str:
    return min(losses, key=lambda name: losses[name])
