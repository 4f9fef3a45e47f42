"""Whole runs of the named policies in machine code; the figures are those of the event-driven engine."""

from __future__ import annotations

import numpy as np

from router.backtest import kernel
from router.backtest.ledger import Ledger, stop_of
from router.backtest.policies import NamedPolicy
from router.backtest.study import Backtest


def run_vectorised(study: Backtest, policy: NamedPolicy) -> Ledger:
    """A run of a named policy."""
    rows, count = study.values.shape
    at = np.empty(rows, dtype=np.int64)
    units, traded, costs = np.empty((rows, count)), np.empty((rows, count - 1)), np.empty((rows, 4))
    done, ended, row = kernel.simulate(
        study.values,
        study.weights,
        study.initial,
        policy.kind,
        policy.every,
        policy.bounds(study.weights),
        policy.aim,
        study.tables.for_kernel(),
        study.convention == "net_of_fee",
        at,
        units,
        traded,
        costs,
    )
    stop = stop_of(ended, row)
    return Ledger(at[:done].copy(), units[:done].copy(), traded[:done].copy(), costs[:done].copy(), stop)
