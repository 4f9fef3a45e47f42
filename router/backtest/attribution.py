"""Where the return of a run came from."""

from __future__ import annotations

import numpy as np

from router.backtest.prices import YEAR
from router.backtest.result import Result
from router.strategy.attribution import Attribution, Bills, attribute


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
