"""The project's own policy: trade once drift costs more than its correction, and only as far as that pays.

One configuration for every portfolio. It is decided from net asset value, gas, fees, risk aversion and past
prices; nothing in it is fitted to any price history. See `router.backtest.no_trade` for the mathematics.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from router.backtest.costs import FeeConvention
from router.backtest.no_trade import Region
from router.backtest.policies import OTHERS, Observation
from router.strategy.covariance import CovarianceKind, covariance_of

Floats = npt.NDArray[np.float64]

LEAST_HISTORY = 30
"""Returns until a covariance is estimated; before, all assets vary alike with `PRIOR_CORRELATION`."""
GROWTH = 1.5
"""How much longer the history is each time that it is estimated anew."""
PRIOR_CORRELATION = 0.5
SPARE = 0.01
"""Of the costs of a trade, kept beside them in cash: what is sold for them costs too."""
LEAST_EIGENVALUE = 1e-4
"""Of the covariance, as a share of its mean variance: assets nearer to each other count as this different."""


class DefaultPolicy:
    """Watches the region in which no trade pays, and lands on its inner edge."""

    name = "default"

    def __init__(self) -> None:
        self._region: Region | None = None
        self._estimated = 0
        self._active = np.zeros(0, dtype=np.intp)
        self._names: tuple[str, ...] = ()

    def decide(self, observation: Observation) -> Floats | None:
        targets = observation.targets
        if observation.row == 0 or not self._names:
            self._region = None
            self._active = np.flatnonzero(targets[:-1] > 0)
            self._names = tuple(observation.assets[index] for index in self._active)
        if observation.row == 0:
            return targets
        active, closed = self._active, not targets[-1] > 0
        if len(active) - closed < 1:
            return None
        if self._region is None or self._due(observation.row):
            covariance = well_conditioned(self._covariance(observation))
            self._region = Region.of(targets[active], covariance, observation.risk_aversion, closed=closed)
            self._estimated = observation.row
        deviations = (observation.weights - targets)[active]
        if self._region.holds(deviations, observation.costs.fee_rate):
            return None
        # What the whole way to the target costs per unit of value, by asset.
        rates = observation.costs.rates(self._names, -deviations * observation.nav)
        farthest = self._names[int(np.abs(deviations).argmax())]  # trades surely
        fixed = (observation.costs.fixed + observation.costs.leg(farthest)) / observation.nav
        band = self._region.band(deviations, rates, fixed)
        if band is None:
            return None
        landing = targets.copy()
        landing[active] += self._region.landing(deviations, rates, band)
        landing[-1] = 1 - landing[:-1].sum()
        if landing.min() < 0:  # the parallelotope reaches beyond what there is
            length = float(np.sqrt(deviations @ deviations))
            landing = targets + (observation.weights - targets) * (band.landing / length)
        if observation.convention is FeeConvention.FEE_FROM_CASH:
            moved = np.abs(landing - observation.weights)[active]
            _leave_in_cash(landing, float(rates @ moved) + fixed)
        return landing

    def _due(self, row: int) -> bool:
        """Whether there is so much more history that the covariance is estimated anew."""
        before = self._estimated
        return row >= LEAST_HISTORY and (before < LEAST_HISTORY or row >= GROWTH * before)

    def _covariance(self, observation: Observation) -> Floats:
        """Of the active assets, up to a scale, from what has been seen."""
        prices = observation.prices[:, self._active]
        if len(prices) <= LEAST_HISTORY:
            return (1 - PRIOR_CORRELATION) * np.eye(prices.shape[1]) + PRIOR_CORRELATION
        return covariance_of(prices[1:] / prices[:-1] - 1, CovarianceKind.SHRUNK)


def well_conditioned(covariance: Floats) -> Floats:
    """The covariance with a mean variance of 1, and positive definite."""
    count = len(covariance)
    mean = float(np.trace(covariance)) / count
    if not mean > 0:
        return np.eye(count)
    values, axes = np.linalg.eigh(covariance / mean)
    return np.asarray((axes * np.maximum(values, LEAST_EIGENVALUE)) @ axes.T)


def _leave_in_cash(weights: Floats, share: float) -> None:
    """Takes evenly from the priced assets what cash is short of."""
    short = share * (1 + SPARE) - weights[-1]
    if short > 0:
        weights[:-1] *= 1 - short / weights[:-1].sum()
        weights[-1] += short


OTHERS["default"] = DefaultPolicy
