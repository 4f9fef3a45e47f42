"""Random series that the tests of targets and forecasts share."""

from __future__ import annotations

import numpy as np


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
