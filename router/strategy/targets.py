"""Target weights: what to hold, as pure functions of a covariance or of values. `tilts` moves them.

A rule on a covariance takes it annual, (n, n), and gives weights (n,) that sum to 1, none below 0. Assets of
variance 0 (cash) share `riskless` equally; the rule is over the others. Optimisation is skfolio's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, SingularCovariance
from router.strategy.covariance import check_definite
from router.strategy.guards import GuardRails, check_weights, finite, project, rounding

Floats = NDArray[np.float64]

_PRECISION: Final = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
"""Of Clarabel, tried before its defaults."""

_GOOD_GAP: Final = 1e-6
_LARGEST_GAP: Final = 1e-2
"""Of the optimality conditions, relative: no further try below the first, refused above the second."""


class RiskRule(Protocol):
    """A rule that needs nothing but a covariance."""

    def __call__(self, covariance: ArrayLike, *, riskless: float = 0.0) -> Floats: ...


def fixed(shares: ArrayLike) -> Floats:
    """The weights themselves, checked. Raises what `check_weights` raises."""
    return check_weights(shares)


def equal(assets: int) -> Floats:
    """The same weight for each of so many assets."""
    if assets < 1:
        raise InputError(f"should be at least 1, is {assets}", path="assets")
    return np.full(assets, 1 / assets, dtype=np.float64)


def market_cap(capitals: ArrayLike, cap: float = 1.0) -> Floats:
    """Weights in proportion to market capitals, none above the cap.

    What is over the cap goes to the others in proportion, as index providers do.

    Args:
        capitals: (n,) at least 0, in any one unit.
        cap: most weight of one asset.

    Raises:
        InfeasibleWeights: so low a cap that no weights sum to 1.
        InputError: negative capitals, or none above 0.
    """
    values = finite(capitals, "capitals")
    if (values < 0).any() or not values.any():
        raise InputError("should be at least 0, and one above 0", path="capitals")
    listed = values > 0
    GuardRails(cap=cap).box(int(listed.sum()))
    weights = values / values.sum()
    capped = np.zeros(values.size, dtype=bool)
    while (over := ~capped & (weights > cap)).any():
        capped |= over
        free = listed & ~capped
        weights[capped] = cap
        if free.any():
            weights[free] = values[free] / values[free].sum() * (1 - cap * capped.sum())
    return np.asarray(weights, dtype=np.float64)


def inverse_volatility(covariance: ArrayLike, *, riskless: float = 0.0) -> Floats:
    """Weights in proportion to 1 / volatility."""
    return _over_risky(covariance, riskless, lambda matrix: _normalised(1 / np.sqrt(np.diag(matrix))))


def minimum_variance(
    covariance: ArrayLike, *, riskless: float = 0.0, rails: GuardRails | None = None
) -> Floats:
    """The weights of least variance within floors and caps (steps are `GuardRails.apply`'s).

    Raises:
        SingularCovariance: a covariance of the risky assets that is not positive definite.
        InfeasibleWeights: floors and caps leave no weights.
        NotFinite, InputError: a covariance or share that makes no sense.
    """
    matrix = finite(covariance, "covariance", dimensions=2)
    calm = ~matrix.any(axis=1)
    floors, caps = (limits[~calm] for limits in (rails or GuardRails()).box(len(matrix)))
    share = 1 - riskless if 0 <= riskless < 1 else 1.0
    high = np.minimum(_of_share(caps, share), 1.0)
    low = np.where(floors == caps, high, _of_share(floors, share))
    return _over_risky(matrix, riskless, lambda risky: _least_variance(risky, low, high))


def risk_parity(
    covariance: ArrayLike, *, riskless: float = 0.0, budgets: Sequence[float] | None = None
) -> Floats:
    """The weights whose shares of the variance are the budgets, equal ones unless given.

    One solution exists (Maillard, Roncalli and Teiletche 2010; Spinu 2013). It is solved on correlations,
    which makes it blind to the scale of each asset.

    Args:
        budgets: positive, one for each risky asset, in any one unit.

    Raises:
        SingularCovariance: a covariance of the risky assets that is not positive definite.
        InputError: budgets that are not positive, or not one for each risky asset.
        NotFinite: NaN or infinity.
    """
    from skfolio.optimization import RiskBudgeting

    def rule(matrix: Floats) -> Floats:
        shares = np.ones(len(matrix)) if budgets is None else finite(budgets, "budgets")
        if shares.size != len(matrix) or (shares <= 0).any():
            raise InputError(
                f"should be {len(matrix)} positive numbers, are {shares.tolist()}", path="budgets"
            )
        deviations = np.sqrt(np.diag(matrix))
        correlations = matrix / np.outer(deviations, deviations)
        wanted = _normalised(shares)

        def gap(weights: Floats) -> float:
            contributions = weights * (correlations @ weights)
            return float(np.abs(_normalised(contributions) / wanted - 1).max())

        return _normalised(_solved(RiskBudgeting, correlations, gap, risk_budget=wanted) / deviations)

    return _over_risky(covariance, riskless, rule)


def maximum_diversification(covariance: ArrayLike, *, riskless: float = 0.0) -> Floats:
    """The weights of the greatest diversification ratio w'v / sqrt(w'Sw), v the volatilities.

    They are those of least variance on correlations, each divided by its volatility (Choueifaty, Froidure
    and Reynier 2013, section 3.2). Errors are those of `minimum_variance`.
    """

    def rule(matrix: Floats) -> Floats:
        deviations = np.sqrt(np.diag(matrix))
        correlations = matrix / np.outer(deviations, deviations)
        size = len(matrix)
        return _normalised(_least_variance(correlations, np.zeros(size), np.ones(size)) / deviations)

    return _over_risky(covariance, riskless, rule)


RISK_RULES: Final[dict[str, RiskRule]] = {
    "inverse_volatility": inverse_volatility,
    "minimum_variance": minimum_variance,
    "risk_parity": risk_parity,
    "maximum_diversification": maximum_diversification,
}
"""By the name that a file uses."""


def _over_risky(covariance: ArrayLike, riskless: float, rule: Callable[[Floats], Floats]) -> Floats:
    """A rule over the assets with a variance, `riskless` shared by the others."""
    matrix = finite(covariance, "covariance", dimensions=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"should be square, has shape {matrix.shape}", path="covariance")
    if not 0 <= riskless <= 1:
        raise InputError(f"should be between 0 and 1, is {riskless}", path="riskless")
    calm = ~matrix.any(axis=1)
    if riskless > 0 and not calm.any():
        raise InputError(f"a share of {riskless:.9g}, and no asset of variance 0", path="riskless")
    if riskless < 1 and calm.all():
        raise SingularCovariance("no asset has a variance", path="covariance")
    weights = np.where(calm, riskless / max(calm.sum(), 1), 0.0)
    if riskless < 1:
        risky = np.flatnonzero(~calm)
        weights[risky] = (1 - riskless) * rule(check_definite(matrix[np.ix_(risky, risky)]))
    return weights


def _of_share(limits: Floats, share: float) -> Floats:
    """Floors or caps of assets that make up a share of the portfolio, as parts of that share."""
    parts = limits / share
    total = float(parts.sum())
    # The share is known to the rounding of 1: what sums to 1 but for that leaves one point.
    return parts / total if abs(total - 1) <= rounding(len(parts)) / share else parts


def _least_variance(matrix: Floats, low: Floats, high: Floats) -> Floats:
    """Weights of least variance in a box, on a positive definite covariance."""
    from skfolio.optimization import MeanRisk

    # Refuses a box that is empty, and is the answer of one that is a point.
    weights = project(low, low, high)
    if min(1 - low.sum(), high.sum() - 1) <= rounding(len(low)) or len(low) == 1:
        return weights
    parity = _normalised(1 / np.diag(matrix))
    scaled = matrix / (parity @ matrix @ parity)

    def gap(weights: Floats) -> float:
        gradient = scaled @ weights
        return _linear_gap(weights, gradient / (weights @ gradient), low, high)

    return project(_solved(MeanRisk, scaled, gap, min_weights=low, max_weights=high), low, high)


def _solved(estimator: Any, covariance: Floats, gap: Callable[[Floats], float], **settings: Any) -> Floats:
    """Weights of one of skfolio's estimators on a known covariance.

    What counts is how far the optimality conditions are from holding, not what the solver says of itself.

    Args:
        gap: of weights, 0 where they are optimal.

    Raises:
        SingularCovariance: the solver finds no weights; for a well-conditioned covariance it always does.
    """
    from skfolio.exceptions import SkfolioError

    best, least, problem = None, np.inf, ""
    for precision in (_PRECISION, None):
        model = estimator(prior_estimator=_known()(covariance), solver_params=precision, **settings)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                model.fit(np.zeros((2, len(covariance))))
        except SkfolioError as error:
            problem = f"; {str(error).splitlines()[0]}"
            continue
        weights = np.asarray(model.weights_, dtype=np.float64)
        if (reached := gap(weights)) < least:
            best, least = weights, reached
        if least < _GOOD_GAP:
            break
    if best is None or least > _LARGEST_GAP:
        raise SingularCovariance(
            f"no weights found at a condition number of {np.linalg.cond(covariance):.3g}: "
            f"gap {least:.3g}, at most {_LARGEST_GAP:g}{problem}",
            path="covariance",
        )
    return best


def _linear_gap(weights: Floats, gradient: Floats, low: Floats, high: Floats) -> float:
    """What a linear objective could still fall by within the box (the gap of Frank and Wolfe)."""
    order = np.argsort(gradient, kind="stable")
    room = np.minimum(np.cumsum((high - low)[order]), 1 - low.sum())
    least = low @ gradient + np.diff(room, prepend=0.0) @ gradient[order]
    return float(weights @ gradient - least)


@cache
def _known() -> Any:
    """skfolio's form of a covariance that is known, not estimated; the rows it is fitted on are ignored."""
    from skfolio.prior import BasePrior, ReturnDistribution

    class Known(BasePrior):  # type: ignore[misc]  # the library has no types
        def __init__(self, covariance: Floats) -> None:
            self.covariance = covariance

        def fit(self, X: Floats, y: None = None, **_: Any) -> Known:  # noqa: ARG002, N803
            mean = np.zeros(len(self.covariance))
            self.return_distribution_ = ReturnDistribution(mu=mean, covariance=self.covariance, returns=X)
            return self

    return Known


def _normalised(values: Floats) -> Floats:
    return np.asarray(values / values.sum(), dtype=np.float64)
