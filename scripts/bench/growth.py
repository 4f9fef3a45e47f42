"""How time and memory grow with the market: each size in a process of its own.

python -m scripts.bench.growth POOLS TOKENS     measures one size, prints JSON
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from router.cli.console import say
from router.errors import RouterError
from router.plan import Plan
from router.planner import plan
from scripts.bench.apart import peak_mib
from scripts.bench.random_basket import random_basket
from scripts.bench.random_market import random_market
from scripts.bench.recorded import ROOT
from scripts.bench.report import Section, exponent, plain, prose

SIZES = ((50, 25), (200, 40), (1_000, 100), (5_000, 500), (10_000, 1_000), (20_000, 2_000), (50_000, 5_000))
FIT_FROM = 1_000
"""Smaller markets take the time that any plan takes."""
BASKETS = 7
SHARE = 0.25
"""Of the depth of the shallower side: half a percent of impact."""
SMALL = (60, 25)
ENOUGH, TIMEOUT = 20, 60
"""Seconds after which a size is not planned again, and is given up."""

COLUMNS = (
    "pools",
    "tokens",
    "cold ms",
    "warm ms",
    "slowest ms",
    "peak MiB",
    "planning MiB",
    "gap bp",
    "swaps",
    "refused",
)


def measure(pools: int, tokens: int) -> dict[str, Any]:
    """One size in this process. Code is compiled on a small market first: cold is preparation only."""
    small = random_market(*SMALL, seed=1)
    for seed in range(2):
        plan(small, random_basket(small, seed=seed))
    program = peak_mib()
    snapshot = random_market(pools, tokens)
    market = peak_mib()
    made: list[Plan] = []
    spent, refused = [], []
    for seed in range(BASKETS + 1):
        basket = random_basket(snapshot, share=SHARE, seed=seed)
        start = time.perf_counter()
        try:
            made.append(plan(snapshot, basket))
        except RouterError as error:
            refused.append(f"{type(error).__name__}: {error}"[:200])
        spent.append(time.perf_counter() - start)
        if seed and sum(spent) > ENOUGH:
            break
    certificates = [each.certificate for each in made if each.certificate]
    return {
        "pools": pools,
        "tokens": tokens,
        "cold_seconds": spent[0],
        "warm_seconds": statistics.median(spent[1:]),
        "slowest_seconds": max(spent[1:]),
        "gap_bps": max((each.gap_bps for each in certificates), default=None),
        "legs": statistics.median([len(each.swaps) for each in made]) if made else None,
        "program_mib": program,
        "market_mib": market,
        "peak_mib": peak_mib(),
        "refused": refused,
    }


def growth() -> Section:
    """Every size, and the power of the number of pools that fits."""
    figures = [_apart(pools, tokens) for pools, tokens in SIZES]
    done = [each for each in figures if "warm_seconds" in each]
    large = [each for each in done if each["pools"] >= FIT_FROM]
    warm, cold = (
        exponent([(each["pools"], each[key]) for each in large]) for key in ("warm_seconds", "cold_seconds")
    )
    note = f"""Random markets (scripts/bench/random_market.py: hubs and spokes, Uniswap v2 and v3, Balancer
        of 2 to 8 tokens), ten tokens held to ten others, a quarter of what moves the shallower side
        by 2%, gas price 0. Each size runs in a process of its own. Cold is the first plan of a
        market, which prepares it, compiled code loaded before; warm is the median of up to {BASKETS}
        plans for baskets never seen before, and slowest the worst of them. Peak memory is the whole
        process, Python and libraries included; the next column is what planning adds to the market
        itself. The gap is the largest. From {FIT_FROM:,} pools on, warm time grows like the number of
        pools to the power {warm:.2f}, cold time {cold:.2f}."""
    fitted = {"sizes": done, "warm_exponent": warm, "cold_exponent": cold}
    rows = [_row(each) for each in figures]
    return Section("Growth", prose(note), COLUMNS, rows, fitted, ("growth.svg",))


def _row(figure: Mapping[str, Any]) -> list[str]:
    size = [f"{figure['pools']:,}", f"{figure['tokens']:,}"]
    if "warm_seconds" not in figure:
        return [*size, f"over {TIMEOUT} s", *[""] * 7]
    return [
        *size,
        f"{figure['cold_seconds'] * 1e3:.0f}",
        f"{figure['warm_seconds'] * 1e3:.1f}",
        f"{figure['slowest_seconds'] * 1e3:.1f}",
        f"{figure['peak_mib']:.0f}",
        f"{figure['peak_mib'] - figure['market_mib']:.0f}",
        plain(figure["gap_bps"]),
        plain(figure["legs"], 0),
        str(len(figure["refused"])),
    ]


def _apart(pools: int, tokens: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.bench.growth", str(pools), str(tokens)]
    try:
        ended = subprocess.run(
            command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return {"pools": pools, "tokens": tokens}
    if ended.returncode:
        raise SystemExit(f"{pools:,} pools: {ended.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    for reason in answer["refused"]:
        say(f"{pools:,} pools: {reason}", markup=False)
    return answer


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
