"""What an engine writes down of a run: only what trades changed. Everything else follows from prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.backtest import kernel

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

STOPS = {
    kernel.INSOLVENT: "insolvent: a rebalance would cost all there is",
    kernel.UNAFFORDABLE: "unaffordable: cash can't pay what a rebalance costs",
    kernel.UNSELLABLE: "unsellable: no sale is large enough to bring in, net of its cost, what was wanted",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended before its last row. The rebalance of that row did not happen."""

    row: int
    reason: str


@dataclass(frozen=True, eq=False)
class Ledger:
    """A run, rebalance by rebalance; cash is the last asset.

    Attributes:
        rows: (rebalances,) rows that traded.
        units: (rebalances, assets + 1) held after each.
        traded: (rebalances, assets) money moved: bought above 0, sold below.
        costs: (rebalances, 4) by part, see `router.backtest.costs.PARTS`.
    """

    rows: Rows
    units: Floats
    traded: Floats
    costs: Floats
    stop: Stop | None = None


def stop_of(ended: int, row: int) -> Stop | None:
    return Stop(row, STOPS[ended]) if ended in STOPS else None
