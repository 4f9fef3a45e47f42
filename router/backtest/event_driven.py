"""One row after the other, for any policy.

A policy is shown a copy of the past that holds nothing later, so no decision can depend on what comes.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from router.backtest import kernel
from router.backtest.ledger import Ledger, stop_of
from router.backtest.policies import Observation, Policy
from router.backtest.study import Backtest
from router.errors import InputError

Floats = npt.NDArray[np.float64]
_Kind = TypeVar("_Kind", bound=np.generic)

WEIGHT_ROUNDING = 1e-6
"""How far a policy's landing may sum from 1; cash takes the difference."""


def run_event_driven(study: Backtest, policy: Policy) -> Ledger:
    """A run of any policy.

    Raises:
        InputError: the policy lands on weights that are negative, don't sum to 1, or lack cash.
    """
    values, targets, net = study.values, study.weights, study.convention == "net_of_fee"
    fee, gas, legs, coefficients, exponent, knots = study.tables.for_kernel()
    tables = fee, gas, legs.tolist(), coefficients.tolist(), exponent, knots
    seen = np.full(study.prices.values.shape, np.nan)
    prices, times = _unwritable(seen), np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
    moments = _unwritable(times)
    # Plain numbers, which Python adds up faster than those of arrays, and to the same bits.
    holding = [0.0] * len(study.prices.assets) + [study.initial]
    units = np.array(holding)
    traded, parts = [0.0] * (len(units) - 1), [0.0] * 4
    log: list[tuple[int, Floats, list[float], list[float]]] = []
    stop = None
    interval = study.prices.interval_years
    for row in range(len(values)):
        seen[row], times[row] = study.prices.values[row], study.prices.times[row]
        held = units * values[row]
        nav = sum(held.tolist())
        observation = Observation(
            row=row,
            times=moments[: row + 1],
            prices=prices[: row + 1],
            weights=_unwritable(held / nav),
            targets=targets,
            nav=nav,
            traded=log[-1][0] if log else None,
            assets=study.assets,
            costs=study.costs,
            convention=study.convention,
            risk_aversion=study.risk_aversion,
            interval_years=interval,
        )
        decided = policy.decide(observation)
        if decided is None:
            continue
        landing = np.asarray(decided, dtype=np.float64)
        _check(landing, len(units), policy, row)
        ended = kernel.rebalance_in_python(
            holding, values[row].tolist(), landing.tolist(), tables, net, traded, parts
        )
        if ended == kernel.DONE:
            units = np.array(holding)
            log.append((row, units, traded.copy(), parts.copy()))
        stop = stop_of(ended, row)
        if stop:
            break
    return Ledger(
        np.array([row for row, *_ in log], dtype=np.int64),
        np.array([each[1] for each in log]).reshape(len(log), len(units)),
        np.array([each[2] for each in log]).reshape(len(log), len(traded)),
        np.array([each[3] for each in log]).reshape(len(log), len(parts)),
        stop,
    )


def _unwritable(array: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
    view = array.view()
    view.flags.writeable = False
    return view


def _check(landing: Floats, count: int, policy: Policy, row: int) -> None:
    if landing.shape != (count,):
        raise InputError(
            f"lands on weights of shape {landing.shape}, should be {count} with cash, in row {row}",
            path=policy.name,
        )
    total = float(landing.sum())
    if landing.min() < -WEIGHT_ROUNDING or not abs(total - 1) <= WEIGHT_ROUNDING:
        raise InputError(
            f"lands on weights of {landing.tolist()}, sum {total:.9g}, in row {row}", path=policy.name
        )
