"""Where the return of a run came from, and what a pool that keeps the same weights would have lost."""

from __future__ import annotations

import numpy as np

from router.backtest.prices import YEAR
from router.backtest.result import Result
from router.strategy.attribution import Attribution, Bills, attribute
from router.strategy.pooling import PoolingAttribution, compare_pooling


def attribution_of(result: Result) -> Attribution:
    """What prices, the rebalancing and each part of the costs made of the return.

    The numeraire earns nothing. What pools and a loan took counts as impact.
    """
    study, ledger = result.study, result.ledger
    paid = np.zeros((result.rows, ledger.costs.shape[1]))
    paid[ledger.rows] = ledger.costs
    fees, impact, market, gas = paid.T
    return attribute(
        study.values[: result.rows],
        np.maximum(result.weights, 0.0),
        study.weights,
        Bills(fees=fees, impact=impact + market, gas=gas),
        study.initial,
        float((result.times[-1] - result.times[0]) / YEAR),
    )


def pooling_of(result: Result, traded: Attribution) -> PoolingAttribution:
    """Beside what trading took: what arbitrageurs would have taken of a pool that keeps the targets over the
    rows of this run, and asks the fee that its trades pay.

    Args:
        traded: the attribution of this result.
    """
    study = result.study
    logs = np.diff(np.log(study.values[: result.rows]), axis=0)
    spread = np.atleast_2d(np.cov(logs, rowvar=False, ddof=min(1, len(logs) - 1)))
    covariance = spread / study.prices.interval_years
    return compare_pooling(study.weights, covariance, traded, fee=study.costs.fee_rate)
