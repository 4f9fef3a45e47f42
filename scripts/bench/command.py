"""What surrounds a plan: files, replay, encoding, and the whole command in a process of its own."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from router.documents.snapshot_file import load_snapshot
from router.encoder import encode
from router.planner import plan
from router.replay import replay
from scripts.bench.apart import measured
from scripts.bench.orders import FIVE_HELD, FIVE_WANTED
from scripts.bench.peers import WORK
from scripts.bench.recorded import MAINNET, OWNER, Market
from scripts.bench.report import Section, prose, seconds

LATER_RUNS = 3


def small_costs(market: Market) -> Section:
    """Loading, replay and encoding."""
    portfolio = market.portfolio(FIVE_HELD, FIVE_WANTED)
    program = plan(market.snapshot, portfolio).program
    assert program is not None
    payload = encode(program)
    swaps = sum(type(step).__name__ == "Swap" for step in program.steps)
    rows = (
        (
            f"load the snapshot, {len(market.snapshot.pools):,} pools",
            _milliseconds([seconds(partial(load_snapshot, MAINNET)) for _ in range(3)]),
        ),
        (
            f"replay a plan, {swaps} swaps",
            _milliseconds(
                [seconds(partial(replay, program, market.snapshot, portfolio.holdings)) for _ in range(50)]
            ),
        ),
        (
            f"encode it, {len(payload):,} bytes",
            _milliseconds([seconds(partial(encode, program)) for _ in range(200)]),
        ),
    )
    return Section("Files, replay, encoding", "Medians of warm runs.", ("what", "time"), rows)


WIDE_GUARDS = "[guards]\nmax_pool_share_bps = 1000000\nmax_price_deviation_bps = 10000\n"
"""The portfolio is large for some of its tokens' pools."""


def whole_command(market: Market) -> Section:
    """`rebalance plan` from nothing, as its own process."""
    targets = "\n".join(f'"{market.addresses[name]}" = "{share}"' for name, share in FIVE_WANTED.items())
    holdings = "\n".join(f'"{market.addresses[name]}" = "{amount}"' for name, amount in FIVE_HELD.items())
    portfolio = WORK / "portfolio.toml"
    portfolio.write_text(
        f'schema = "rebalance-portfolio/1"\nowner = "{OWNER}"\nnumeraire = "USDC"\n'
        f'gas_price_gwei = "1"\n\n[holdings]\n{holdings}\n\n[targets]\n{targets}\n\n{WIDE_GUARDS}'
    )
    command = [str(Path(sys.executable).parent / "rebalance"), "plan", "--json"]
    command += ["--snapshot", str(MAINNET), "--portfolio", str(portfolio)]
    with TemporaryDirectory() as empty:
        first = measured(command, {"XDG_CACHE_HOME": empty})
    later = [measured(command) for _ in range(LATER_RUNS)]
    rows = (
        ("time", f"{statistics.median(spent for spent, _ in later):.1f} s", f"{first[0]:.0f} s"),
        ("peak memory", f"{max(memory for _, memory in later):.0f} MiB", f"{first[1]:.0f} MiB"),
    )
    note = f"""Five tokens to five over the whole recorded block, gas at 1 gwei, no node: start of Python,
        loading, planning and printing JSON, in a process of its own. Median time of {LATER_RUNS} runs
        with machine code on disk, and most memory of them; then the first run after an installation,
        which compiles it."""
    columns = ("what", "every run", "the first run")
    return Section("`rebalance plan`", prose(note), columns, rows, [first, *later])


def _milliseconds(spent: Sequence[float]) -> str:
    return f"{statistics.median(spent) * 1000:.3g} ms"
