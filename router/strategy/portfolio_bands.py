"""Bands for every weight of a portfolio: for each asset the scalar problem against the rest, pro rata.

What one asset's own return does to the weights is just that: it moves against all others in proportion. So
each row is a band for a drift in that direction; n rows overlap, as weights have n - 1 degrees of freedom.
`router.strategy.decision` decides about a whole vector of weights; these rows explain and forecast.

Gas is not divided: whichever weight meets its trigger first pays for the transaction, and the others join
it for nothing. That is nearly the best for independent assets: triggers are 2 % wider than the best ones with
two of them, 3 % with three, 7 % with six (simulated); gas divided evenly would make them 14 %, 22 % and 32 %
too narrow. So figures of `gas` do not add up over rows: each is for a portfolio in which only one drifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from router.errors import InputError
from router.strategy.bands import DriftingWeight
from router.strategy.costs import Floats


def drifting_weights(
    targets: Floats,
    covariance: Floats,
    *,
    risk_aversion: float,
    fee_rates: Sequence[float],
    fixed_cost: float = 0.0,
) -> tuple[DriftingWeight | None, ...]:
    """By asset, its scalar problem; None where the target is 0 or 1, which does not drift.

    The weight's variance rate is w2 (e - w)' covariance (e - w); the volatility is that of the asset against
    the rest, sqrt((e - w)' covariance (e - w)) / (1 - w), so that with one risky asset and cash it is the
    risky asset's. A trade of one unit pays the asset's own fee and those of the rest in proportion.

    Args:
        targets: (assets,) that sum to 1.
        covariance: (assets, assets), annual.
        fee_rates: (assets,) one-way cost per unit of value traded in each.

    Raises:
        InputError: shapes that do not match, or a value out of range.
    """
    count = len(targets)
    if covariance.shape != (count, count):
        raise InputError(f"should be {count} x {count}, not {covariance.shape}", path="covariance")
    if len(fee_rates) != count:
        raise InputError(f"{len(fee_rates)} rates for {count} assets", path="fee_rates")
    rates = np.asarray(fee_rates, dtype=np.float64)
    spare = np.eye(count) - targets
    variances = np.einsum("ij,jk,ik->i", spare, covariance, spare)
    rows: list[DriftingWeight | None] = []
    for weight, rate, variance in zip(targets.tolist(), rates.tolist(), variances.tolist(), strict=True):
        if not 0 < weight < 1:
            rows.append(None)
            continue
        rest = (float(targets @ rates) - weight * rate) / (1 - weight)
        rows.append(
            DriftingWeight(
                weight=weight,
                volatility=sqrt(max(variance, 0.0)) / (1 - weight),
                risk_aversion=risk_aversion,
                fee_rate=rate + max(rest, 0.0),
                fixed_cost=fixed_cost,
            )
        )
    return tuple(rows)
