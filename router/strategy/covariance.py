"""Covariances of returns: sample, shrunk, exponentially weighted; and what optimisation asks of one.

Every covariance is annual. A riskless asset (cash: returns that never change) has a row and a column of 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, InsufficientHistory, SingularCovariance
from router.strategy.guards import finite

Floats = NDArray[np.float64]

DAYS: Final = 365.0
"""Periods in a year of daily returns: these markets never close."""

MOST_VOLATILE: Final = 10.0
"""Annual volatility, a share of 1, above which what is typed is taken for percent."""

LEAST_EIGENVALUE: Final = 1e-8
"""Of a correlation matrix, a share of its average: below it, two assets are one and weights are noise."""

ROUNDING: Final = 1e-9
"""How far below 0 rounding may take an eigenvalue of a covariance, as a share of its largest entry."""

_RISKLESS: Final = 1e-12
"""A volatility per period below which returns are rounding."""


class CovarianceKind(StrEnum):
    """How a covariance is estimated.

    SAMPLE: equal weights, needs more rows than assets.
    SHRUNK: sample volatilities, correlations shrunk to 0 (Ledoit and Wolf 2004, on standardised returns, so
        that a quiet asset isn't lent the volatility of a wild one).
    EXPONENTIAL: newer rows weigh more (skfolio, uncentred).
    REGIME_ADJUSTED: the same, scaled to the volatility seen lately (skfolio).
    """

    SAMPLE = "sample"
    SHRUNK = "shrunk"
    EXPONENTIAL = "exponential"
    REGIME_ADJUSTED = "regime_adjusted"


def check_returns(returns: ArrayLike, *, rows: int = 2, path: str = "returns") -> Floats:
    """Returns as an array (rows, assets), oldest row first.

    Raises:
        InsufficientHistory: fewer rows than asked for.
        NotFinite: NaN or infinity; names the row and the column.
        InputError: another number of dimensions.
    """
    array = finite(returns, path, dimensions=2)
    if len(array) < rows:
        raise InsufficientHistory(f"has {len(array)} rows, {rows} are needed", path=path)
    return array


def covariance_of(
    returns: ArrayLike,
    kind: CovarianceKind = CovarianceKind.SHRUNK,
    *,
    periods_per_year: float = DAYS,
    half_life: float = 40.0,
) -> Floats:
    """Annual covariance of returns.

    Args:
        returns: (rows, assets) simple or log returns of one period each, oldest first.
        half_life: rows after which a row weighs half; for the exponential kinds.

    Returns:
        (assets, assets), symmetric; 0 for assets whose returns never change.

    Raises:
        InsufficientHistory: fewer than 2 rows, or, where nothing is shrunk, no more than there are assets.
        NotFinite: NaN or infinity.
        InputError: a half-life or number of periods that is not positive.
    """
    rows = check_returns(returns)
    for name, value in (("periods_per_year", periods_per_year), ("half_life", half_life)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"should be a positive number, is {value}", path=name)
    risky = np.flatnonzero(rows.std(axis=0) > _RISKLESS)
    result = np.zeros((rows.shape[1], rows.shape[1]))
    if risky.size:
        if kind is not CovarianceKind.SHRUNK:
            check_returns(rows, rows=risky.size + 1)
        result[np.ix_(risky, risky)] = _estimate(rows[:, risky], kind, half_life) * periods_per_year
    return result


def check_covariance(covariance: ArrayLike, size: int | None = None) -> Floats:
    """A covariance that returns can have; riskless assets, and assets that are one, among them.

    Args:
        covariance: (n, n).
        size: n, where it is known.

    Returns:
        The covariance as a symmetric array.

    Raises:
        NotFinite: NaN or infinity.
        InputError: another shape, not symmetric, or a combination of assets with a variance below 0.
    """
    matrix = finite(covariance, "covariance", dimensions=2)
    wanted = matrix.shape[0] if size is None else size
    if matrix.shape != (wanted, wanted):
        raise InputError(f"should be {wanted} x {wanted}, is {matrix.shape}", path="covariance")
    scale = float(np.abs(matrix).max())
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * scale):
        raise InputError("should be symmetric", path="covariance")
    matrix = (matrix + matrix.T) / 2
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -ROUNDING * scale:
        raise InputError(f"has the eigenvalue {least:.3g}: no returns vary like this", path="covariance")
    return matrix


def check_definite(covariance: ArrayLike, assets: Sequence[str] = ()) -> Floats:
    """A covariance that weights can be optimised on.

    Args:
        covariance: (n, n).
        assets: names for messages.

    Returns:
        The covariance as a symmetric array.

    Raises:
        SingularCovariance: a riskless asset, or assets that together are riskless; names them.
        InputError, NotFinite: as `check_covariance`.
    """
    matrix = check_covariance(covariance)
    variances = np.diag(matrix)
    if (variances <= 0).any():
        place = int(np.argmin(variances))
        raise SingularCovariance(
            f"{_name(assets, place)} has a variance of {variances[place]:.9g}", path="covariance"
        )
    scale = 1 / np.sqrt(variances)
    eigenvalues, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    if eigenvalues[0] < LEAST_EIGENVALUE:
        involved = np.flatnonzero(np.abs(vectors[:, 0]) > 0.1)
        names = ", ".join(_name(assets, place) for place in involved.tolist())
        raise SingularCovariance(
            f"{names} move together: least eigenvalue of the correlations {eigenvalues[0]:.3g}",
            path="covariance",
        )
    return matrix


def with_volatilities(covariance: ArrayLike, volatilities: ArrayLike) -> Floats:
    """The same correlations with other volatilities, e.g. forecast ones.

    Args:
        covariance: (n, n).
        volatilities: (n,) annual, at least 0; what a riskless asset is given is ignored.

    Raises:
        InputError: a negative volatility, or shapes that don't match.
        NotFinite: NaN or infinity.
    """
    matrix = finite(covariance, "covariance", dimensions=2)
    wanted = finite(volatilities, "volatilities")
    if matrix.shape != (wanted.size, wanted.size):
        raise InputError(f"{wanted.size} volatilities for shape {matrix.shape}", path="volatilities")
    if (wanted < 0).any():
        raise InputError(f"should be at least 0, is {wanted.min():.9g}", path="volatilities")
    present = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.divide(wanted, present, out=np.zeros_like(wanted), where=present > 0)
    return np.asarray(matrix * np.outer(scale, scale), dtype=np.float64)


def _estimate(rows: Floats, kind: CovarianceKind, half_life: float) -> Floats:
    """Per period, of risky assets."""
    if kind is CovarianceKind.SAMPLE:
        return np.atleast_2d(np.cov(rows, rowvar=False))
    if kind is CovarianceKind.SHRUNK:
        from sklearn import config_context
        from sklearn.covariance import ledoit_wolf_shrinkage

        sample = np.atleast_2d(np.cov(rows, rowvar=False))
        variances = np.diag(sample)
        standardised = (rows - rows.mean(axis=0)) / np.sqrt(variances)
        with config_context(assume_finite=True, skip_parameter_validation=True):  # checked above
            shrinkage = ledoit_wolf_shrinkage(standardised, assume_centered=True)
        # Standardised rows have one variance for all, which is what they are shrunk to.
        shrunk = (1 - shrinkage) * sample
        np.fill_diagonal(shrunk, variances)
        return np.asarray(shrunk)
    from skfolio.moments import EWCovariance, RegimeAdjustedEWCovariance

    estimators = {
        CovarianceKind.EXPONENTIAL: EWCovariance,
        CovarianceKind.REGIME_ADJUSTED: RegimeAdjustedEWCovariance,
    }
    return np.asarray(estimators[kind](half_life=half_life).fit(rows).covariance_, dtype=np.float64)


def _name(assets: Sequence[str], place: int) -> str:
    return assets[place] if assets else f"asset {place}"
