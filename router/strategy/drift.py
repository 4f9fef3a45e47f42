"""How far a portfolio is from its target, in every sense in use; whoever prints one says which.

With weights `w`, targets `t`, deviation `d = w - t` and annual covariance `S`:

    absolute        max |d_i|              points of the portfolio; what `status` and the planner count in bps
    relative        max |d_i| / |t_i|      shares of the target
    l1              sum |d_i|              twice the one-way turnover to the target
    l2              sqrt(sum d_i**2)
    tracking_error  sqrt(d' S d)           annual volatility of the return against the target's

Cash is an asset like any other and counts in all of them. An asset that is held with a target of 0 has an
infinite relative drift, so it exceeds any relative band, and only a least trade keeps its dust from firing.
An asset with neither weight nor target has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError
from router.strategy.covariance import check_covariance

Array = NDArray[np.float64]

_SUM_TOLERANCE = 1e-6
"""How far weights may sum from 1: floating error passes, percent and forgotten cash don't."""


class DriftKind(StrEnum):
    """Which drift is meant; see the module's table."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    L1 = "l1"
    L2 = "l2"
    TRACKING_ERROR = "tracking_error"


def distance(kind: DriftKind, deviations: Array, targets: Array, covariance: Array | None = None) -> Array:
    """One measure of each row of deviations.

    Sums run along the last axis without BLAS, so that a row alone and the same row among others have equal
    bits.

    Args:
        deviations: weights less targets, shape (..., n).
        targets: shape (n,) or (..., n).
        covariance: annual, (n, n), positive semidefinite; for the tracking error alone.

    Returns:
        shape (...): a share of NAV, or of the target where relative.

    Raises:
        InputError: a tracking error without a covariance.
    """
    result: Array
    match kind:
        case DriftKind.ABSOLUTE:
            result = np.abs(deviations).max(axis=-1)
        case DriftKind.RELATIVE:
            result = relative_drifts(deviations, targets).max(axis=-1)
        case DriftKind.L1:
            result = np.abs(deviations).sum(axis=-1)
        case DriftKind.L2:
            result = np.sqrt(np.square(deviations).sum(axis=-1))
        case DriftKind.TRACKING_ERROR:
            if covariance is None:
                raise InputError("a tracking error needs a covariance", path="covariance")
            result = np.sqrt(_variance(deviations, covariance))
    return result


def _variance(deviations: Array, covariance: Array) -> Array:
    exposures = (deviations[..., None, :] * covariance).sum(axis=-1)
    variance: Array = (deviations * exposures).sum(axis=-1)
    return np.maximum(variance, 0.0)  # rounding can take it below


def relative_drifts(deviations: Array, targets: Array) -> Array:
    """Size of each deviation as a share of its target: 0 where nothing deviates, else infinite at a target of
    0."""
    sizes = np.abs(deviations)
    bases = np.broadcast_to(np.abs(targets), sizes.shape)
    result = np.where(sizes > 0, np.inf, 0.0)
    np.divide(sizes, bases, out=result, where=bases > 0)
    return result


@dataclass(frozen=True, eq=False)
class Drift:
    """The deviation of one portfolio from its target, and its measures.

    Attributes:
        deviation: weight less target by asset, (n,).
        targets: (n,).
        covariance: annual, (n, n), or None where no tracking error is asked for.
        nav: value of the portfolio in the numeraire, or None where no money is asked for.
    """

    deviation: Array
    targets: Array
    covariance: Array | None = None
    nav: float | None = None

    @cached_property
    def absolute(self) -> Array:
        """Size of the deviation by asset, in shares of NAV."""
        return np.abs(self.deviation)

    @cached_property
    def relative(self) -> Array:
        """Size of the deviation by asset, in shares of its target."""
        return relative_drifts(self.deviation, self.targets)

    @property
    def money(self) -> Array:
        """Deviation by asset in the numeraire: what is held too much of, negative where too little.

        Raises:
            InputError: no NAV was given.
        """
        return self.deviation * self._nav()

    @property
    def tracking_error(self) -> float | None:
        """Annual, in shares of NAV; None without a covariance."""
        return None if self.covariance is None else self.of(DriftKind.TRACKING_ERROR)

    def of(self, kind: DriftKind) -> float:
        """One measure over all assets: a share of NAV, or of the target where relative.

        Raises:
            InputError: a tracking error without a covariance.
        """
        return float(distance(kind, self.deviation, self.targets, self.covariance))

    def money_of(self, kind: DriftKind) -> float:
        """One measure in the numeraire. The relative drift is that of the asset it is largest for.

        Raises:
            InputError: no NAV, or a tracking error without a covariance.
        """
        if kind is DriftKind.RELATIVE:
            return float(self.absolute[self.worst(kind)]) * self._nav()
        return self.of(kind) * self._nav()

    def worst(self, kind: DriftKind = DriftKind.ABSOLUTE) -> int:
        """Index of the asset that is farthest off, the first of several: in shares of its target where
        relative, of NAV elsewhere."""
        return int(np.argmax(self.relative if kind is DriftKind.RELATIVE else self.absolute))

    def _nav(self) -> float:
        if self.nav is None:
            raise InputError("drift in money needs a NAV", path="nav")
        return self.nav


def drift_of(
    weights: ArrayLike, targets: ArrayLike, covariance: ArrayLike | None = None, nav: float | None = None
) -> Drift:
    """The drift of weights from targets, both (n,) and summing to 1.

    Args:
        covariance: annual, (n, n).
        nav: value of the portfolio in the numeraire.

    Raises:
        InputError: shapes that don't match, a figure that is not finite, weights that don't sum to 1, a
            covariance that no returns have, or a NAV that is not positive.
    """
    held, wanted = _shares(weights, "weights"), _shares(targets, "targets")
    if held.shape != wanted.shape:
        raise InputError(f"has {held.size} entries, targets have {wanted.size}", path="weights")
    if nav is not None and not (np.isfinite(nav) and nav > 0):
        raise InputError(f"should be a positive amount, is {nav}", path="nav")
    checked = None if covariance is None else check_covariance(covariance, held.size)
    return Drift(held - wanted, wanted, checked, nav)


def _shares(values: ArrayLike, path: str) -> Array:
    shares = np.asarray(values, dtype=np.float64)
    if shares.ndim != 1 or not shares.size:
        raise InputError(f"should be one row of weights, has shape {shares.shape}", path=path)
    if not np.isfinite(shares).all():
        raise InputError("has a figure that is not finite", path=path)
    total = float(shares.sum())
    if not abs(total - 1) <= _SUM_TOLERANCE:
        raise InputError(f"should sum to 1, sums to {total:.9g}", path=path)
    return shares
