"""Measures the planner, the pools and the files on recorded and random markets, in one run: `make bench`.

    python -m scripts.bench [SECTION ...]

Prints tables; without sections named also writes docs/benchmarks.md, its plots and build/bench/bench.json.
Needs ../shared/data (or REBALANCE_SHARED_DATA): says so and ends where it is absent. Peers come from npm.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial

from router.cli.console import print_table, say
from scripts.bench import (
    backtest,
    command,
    convex,
    decision,
    gas,
    growth,
    orders,
    plots,
    quotes,
    random_orders,
    recorded,
    weighted,
)
from scripts.bench.peers import WORK
from scripts.bench.recorded import DATA, ROOT
from scripts.bench.report import Section, seconds

REPORT = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"

mainnet = cache(recorded.mainnet)
balancer = cache(recorded.balancer)

SECTIONS: dict[str, Callable[[], Sequence[Section]]] = {
    "orders": lambda: [orders.orders(mainnet())],
    "baskets": lambda: [orders.baskets(mainnet())],
    "growth": lambda: [growth.growth(), random_orders.random_orders()],
    "gas": lambda: gas.gas(mainnet()),
    "balancer": lambda: weighted.weighted(balancer()),
    "convex": lambda: [convex.convex()],
    "decision": lambda: [decision.decision()],
    "quotes": lambda: [quotes.quotes_against_peer(mainnet()), quotes.quote_rates(mainnet(), balancer())],
    "backtests": backtest.backtests,
    "command": lambda: [command.small_costs(mainnet()), command.whole_command(mainnet())],
}


def main(names: Sequence[str]) -> int:
    unknown = set(names) - set(SECTIONS)
    if unknown:
        say(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
        return 2
    if not recorded.MAINNET.exists() or not recorded.PEERS.exists():
        say(f"no benchmark: {DATA} is absent; name it by REBALANCE_SHARED_DATA")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    done: list[Section] = []
    for name in names or SECTIONS:
        spent = seconds(partial(_measure, name, done))
        say(f"{name}: {spent:.0f} s")
    if not names:
        write(done)
    return 0


def _measure(name: str, done: list[Section]) -> None:
    for section in SECTIONS[name]():
        print_table(section.title, section.columns, section.rows)
        say(section.note)
        done.append(section)


def write(sections: Sequence[Section]) -> None:
    """The report for people, its plots, and the same figures as JSON."""
    machine = f"{os.cpu_count()} cores ({platform.machine()})"
    machine += f", Python {platform.python_version()}, Node.js {_node()}"
    state = "Recorded state: Ethereum at block 24,721,407, and 1,250 Balancer pools."
    head = f"# Benchmarks\n\n`make bench` writes this page. Machine: {machine}. {state}\n"
    REPORT.write_text("\n".join((head, *(section.markdown() for section in sections))))
    figures = {section.title: section.figures for section in sections}
    plots.growth(figures["Growth"], PLOTS / "growth.svg")
    plots.ahead(figures["Orders"], PLOTS / "ahead.svg")
    tables = {
        section.title: [dict(zip(section.columns, row, strict=True)) for row in section.rows]
        for section in sections
    }
    document = {"machine": machine, "tables": tables, "figures": figures}
    (WORK / "bench.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    say(f"wrote {REPORT.relative_to(ROOT)} and {WORK.relative_to(ROOT)}/bench.json")


def _node() -> str:
    ended = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return ended.stdout.strip().removeprefix("v")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
