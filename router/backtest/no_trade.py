"""Where a whole portfolio is best left alone, and where a trade out of it lands.

Deviations y of the weights drift with covariance rate M a year and cost (risk aversion / 2) y' S y a year; a
rebalance costs a fixed f and fees k_i for each asset's value. Far from a trade the value function solves

    tr(M V'') / 2 + risk aversion / 2 y' S y = constant
    V(y) = 2 c y'Qy - (y'Qy)**2    with    risk aversion / 2 S = 2 tr(M Q) Q + 4 Q M Q

for every c. Under a fixed cost alone this is the exact solution: the region is the ellipsoid y'Qy < sqrt(f),
left for the target (Atkinson & Wilmott 1995; Altarovici, Muhle-Karbe & Soner 2015). With fees as well V is a
quartic along each ray from the target, as it is for a single weight: so on each ray trigger and landing are
those of `router.strategy.bands.long_run_band`, with 1 / (12 (e'Qe)**2) for spread / risk aversion.

A trade then lands where no further one pays its fees under the quadratic that has the ray's landing on its
edge: the point of the parallelotope |P y|_i <= k_i nearest to the weights in the metric P (Leland 2000;
Dybvig & Pezzo 2019). So assets that are off alone are traded alone.

Only the shape of S matters: where all volatilities double, M doubles with S, and Q stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from router.strategy.bands import Band, DriftingWeight, long_run_band

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Region:
    """The shape of the region for some targets and a covariance.

    Attributes:
        basis: (assets, n) from free deviations y to those of all assets that may trade.
        shape: (n, n) the matrix Q.
    """

    basis: Floats
    shape: Floats

    @classmethod
    def of(cls, targets: Floats, covariance: Floats, risk_aversion: float, *, closed: bool) -> Region:
        """The region around targets.

        Args:
            targets: (assets,) each above 0; what they leave of 1 is cash.
            covariance: (assets, assets), positive definite; its scale is of no account.
            closed: there is no cash to trade against, so deviations sum to 0.
        """
        count = len(targets)
        basis = np.vstack([np.eye(count - 1), -np.ones(count - 1)]) if closed else np.eye(count)
        free = basis.shape[1]
        moves = (targets[:, None] * (np.eye(count) - targets))[:free]
        rates = moves @ covariance @ moves.T
        return cls(basis, _shape(risk_aversion / 2 * basis.T @ covariance @ basis, rates))

    def holds(self, deviations: Floats, least_rate: float) -> bool:
        """Whether no trade pays that costs at least this per unit of value: the trigger under fees alone is
        the smaller one."""
        size: float = sum(map(abs, deviations.tolist()))
        return self._curvature(deviations) ** 2 <= least_rate * size / 8

    def band(self, deviations: Floats, fee_rates: Floats, fixed_cost: float) -> Band | None:
        """Trigger and landing along the ray from the target, as lengths of `deviations`; None where they are
        surely within. The figures of cost in it mean nothing.

        Args:
            deviations: (assets,) weights less targets.
            fee_rates: (assets,) cost per unit of value traded.
            fixed_cost: share of net asset value.
        """
        energy = self._curvature(deviations)
        fees = float(fee_rates @ np.abs(deviations))
        if energy**2 <= max(fixed_cost, fees / 8):  # the triggers under either cost alone are smaller
            return None
        length = float(np.sqrt(deviations @ deviations))
        curvature = energy / length**2
        case = DriftingWeight(
            weight=0.5,  # whose spread is 1 / 16
            volatility=1.0,
            risk_aversion=0.75 * curvature**2,
            fee_rate=fees / length,
            fixed_cost=fixed_cost,
        )
        band = long_run_band(case)
        return band if length > band.trigger else None

    def landing(self, deviations: Floats, fee_rates: Floats, band: Band) -> Floats:
        """Deviations that a trade from outside the region should end at, (assets,)."""
        if not band.landing:
            return np.zeros_like(deviations)
        length = float(np.sqrt(deviations @ deviations))
        slope = self._curvature(deviations) / length * band.landing
        rate = float(fee_rates @ np.abs(deviations)) / slope
        fees = np.maximum(fee_rates, 1e-12 * fee_rates.max()) / rate
        found = self._guessed(deviations, fees)
        return self._solved(deviations, fees) if found is None else found

    def _guessed(self, deviations: Floats, fees: Floats) -> Floats | None:
        """The landing if those assets trade of which the first unit gains more than its fee; None where the
        prices there show that it is not the best one. What is not traded has a price within its fee, what is
        traded one of its fee."""
        prices = self._pull @ deviations
        traded = np.abs(prices) >= fees
        if not traded.any():
            return None
        known = np.where(traded, np.copysign(fees, prices), 0.0)
        wanted = np.where(traded, known, deviations - self._inverse @ known)
        rows = np.where(traded | traded[:, None], np.eye(len(fees)), self._inverse)
        prices = np.linalg.solve(rows, wanted)
        landing = np.where(traded, self._inverse @ prices, deviations)
        best = (np.abs(prices) <= fees).all() and ((deviations - landing) * prices >= 0).all()
        return landing if best else None

    def _solved(self, deviations: Floats, fees: Floats) -> Floats:
        """The landing by the prices nearest to those that would hold the weights where they are."""
        from scipy.optimize import lsq_linear

        root = np.linalg.cholesky(self.shape)
        factor = np.linalg.solve(root, self.basis.T)
        free = deviations[: self.basis.shape[1]]
        found = lsq_linear(factor, root.T @ free, (-fees, fees), method="bvls", tol=1e-14)
        return np.asarray(factor.T @ (factor @ found.x))

    @cached_property
    def _inverse(self) -> Floats:
        """(assets, assets) from what a unit more of each weight costs, its price, to deviations."""
        return np.asarray(self.basis @ np.linalg.solve(self.shape, self.basis.T))

    @cached_property
    def _pull(self) -> Floats:
        """(assets, assets) from deviations to prices; where there is no cash, the smallest of those that
        differ by the same for all."""
        free = np.linalg.solve(self.basis.T @ self.basis, self.basis.T)
        return np.asarray(free.T @ self.shape @ free)

    def _curvature(self, deviations: Floats) -> float:
        """y'Qy."""
        free = deviations[: self.basis.shape[1]]
        return float(free @ self.shape @ free)


def _shape(penalty: Floats, rates: Floats) -> Floats:
    """Q with penalty = 2 tr(rates Q) Q + 4 Q rates Q.

    In the basis where rates are the identity, Q and the penalty have the same axes, and the lengths of Q
    follow from its trace alone.
    """
    from scipy.optimize import brentq

    root = np.linalg.cholesky(rates)
    sizes, axes = np.linalg.eigh(root.T @ penalty @ root)
    sizes = np.maximum(sizes, 0.0)

    def lengths(trace: float) -> Floats:
        return np.asarray((np.sqrt(trace**2 + 4 * sizes) - trace) / 4)

    most = float(np.sqrt(sizes).sum())
    trace = brentq(lambda trace: lengths(trace).sum() - trace, 0.0, most, xtol=1e-300, rtol=1e-14)
    back = np.linalg.inv(root)
    return np.asarray(back.T @ (axes * lengths(trace)) @ axes.T @ back)
