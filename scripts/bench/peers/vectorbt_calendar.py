"""Calendar rebalancing in vectorbt, in an environment of its own: `make build/peers/vectorbt/.ready`.

    vectorbt_calendar.py PRICES.npz RUNS EVERY [EVERY ...]

PRICES.npz holds `values` (rows, assets) and `weights` (assets,). Prints JSON: the final values of one run per
EVERY, all of them in one call, and the seconds of each of RUNS calls after the first.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt

FEE, INITIAL = 0.003, 1e6


def main() -> None:
    given = np.load(sys.argv[1])
    values, weights = given["values"], given["weights"]
    runs, every = int(sys.argv[2]), [int(each) for each in sys.argv[3:]]
    rows, count = values.shape
    columns = pd.MultiIndex.from_product([every, range(count)], names=["every", "asset"])
    close = pd.DataFrame(np.tile(values, len(every)), columns=columns)

    def run() -> tuple[list[float], str]:
        size = np.full((rows, len(every) * count), np.nan)
        for place, step in enumerate(every):
            size[::step, place * count : (place + 1) * count] = weights
        portfolio = vbt.Portfolio.from_orders(
            close,
            size,
            size_type="targetpercent",
            fees=FEE,
            init_cash=INITIAL,
            group_by="every",
            cash_sharing=True,
            call_seq="auto",
            freq="1D",
        )
        return portfolio.value().iloc[-1].tolist(), vbt.__version__

    final, version = run()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    json.dump({"final": final, "seconds": seconds, "version": version}, sys.stdout)


if __name__ == "__main__":
    main()
