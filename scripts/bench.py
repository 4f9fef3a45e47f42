"""Measures the planner, the pools and the files on a recorded mainnet block, in one run: `make bench`.

Prints tables, and writes docs/benchmarks.md and build/bench/bench.json. Needs ../shared/data (or
REBALANCE_SHARED_DATA); says so and ends where it is absent. The quoting peer is fetched from npm once.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from router.cli.console import print_table, say
from router.documents.snapshot_file import load_snapshot
from router.encoder import encode
from router.errors import PoolError
from router.fixed_point import BPS, WAD
from router.plan import Plan
from router.planner import plan
from router.pools.base import Pool
from router.pools.depth import depth_within
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Portfolio
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address, format_amount

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(ROOT / "../shared/data")))
SNAPSHOT = DATA / "snapshots" / "mainnet-24721407.json.gz"
PEERS = DATA / "fynd" / "peers.json"
WORK = ROOT / "build" / "bench"
REPORT = ROOT / "docs" / "benchmarks.md"

PEER = "@uniswap/v3-sdk@3.25.2"
PEER_FEES = (100, 500, 3000, 10_000)
"""The fee tiers that it knows."""
OWNER = "0x" + "11" * 20
RUNS = 5
PASSES = 50
LOSSES = (0.0005, 0.005, 0.03)
"""Sizes of the quoted swaps: those that lose this much to price impact."""
FIVE_HELD = {"WETH": "100", "USDC": "200000", "WBTC": "2", "LINK": "5000", "UNI": "10000"}
FIVE_WANTED = {"USDT": "0.25", "DAI": "0.2", "cbBTC": "0.2", "WETH": "0.25", "AAVE": "0.1"}


@dataclass(frozen=True)
class Section:
    """One table of the report, and a sentence on how to read it."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.note, "", "| " + " | ".join(self.columns) + " |"]
        lines.append("| --- |" + " ---: |" * (len(self.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Market:
    """The recorded block."""

    snapshot: Snapshot
    peers: Mapping[str, Any] = field(repr=False)

    @cached_property
    def addresses(self) -> dict[str, Address]:
        """By symbol; where several tokens share one, the one with the most pools."""
        uses = Counter(token for pool in self.snapshot.pools for token in pool.tokens)
        tokens = sorted(self.snapshot.tokens.values(), key=lambda token: (uses[token.address], token.address))
        return {token.symbol: token.address for token in tokens}

    @cached_property
    def allowed(self) -> frozenset[Address]:
        """The tokens that the recorded routers used."""
        return frozenset(self.addresses[symbol] for symbol in self.peers["tokens"])

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """The pools between those tokens."""
        return tuple(pool for pool in self.snapshot.pools if self.allowed.issuperset(pool.tokens))

    def portfolio(self, held: Mapping[str, str], wanted: Mapping[str, Any], **more: Any) -> Portfolio:
        tokens = self.snapshot.tokens
        holdings = {
            self.addresses[symbol]: int(Decimal(text) * 10 ** tokens[self.addresses[symbol]].decimals)
            for symbol, text in held.items()
        }
        targets = {self.addresses[symbol]: int(Decimal(str(share)) * WAD) for symbol, share in wanted.items()}
        return Portfolio(OWNER, holdings, targets, gas_price_wei=0, **more)


def main() -> int:
    if not SNAPSHOT.exists() or not PEERS.exists():
        say(f"no benchmark: {DATA} is absent; name it by REBALANCE_SHARED_DATA")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    loads = [seconds(lambda: load_snapshot(SNAPSHOT)) for _ in range(3)]
    market = Market(load_snapshot(SNAPSHOT), json.loads(PEERS.read_text()))
    sections = (
        orders(market),
        baskets(market),
        quotes_against_peer(market),
        quote_rates(market),
        small_costs(market, loads),
        whole_command(market),
    )
    for section in sections:
        print_table(section.title, section.columns, section.rows)
        say(section.note)
    write(sections)
    return 0


# --- the planner against recorded routers ---


def orders(market: Market) -> Section:
    """Single orders; what other routers got on the same block is recorded, not run here."""
    rows = []
    for order in market.peers["orders"]:
        sold, bought = order["sell"], order["buy"]
        portfolio = market.portfolio({sold: order["amount"]}, {bought: 1}, allow_tokens=market.allowed)
        made, spent = planned(market, portfolio)
        address = market.addresses[bought]
        text = format_amount(made.holdings_after[address], market.snapshot.tokens[address].decimals)
        left = made.holdings_after.get(market.addresses[sold], 0)
        ahead = [
            f"{(Decimal(text) / Decimal(str(order[peer])) - 1) * BPS:+.2f}" if peer in order else ""
            for peer in ("tines_100", "tines_12", "pancakeswap_smart_router", "dual_optimum")
        ]
        name = f"{order['amount']} {sold} → {bought}" + (f" ({left} raw left)" if left else "")
        rows.append((name, text, *ahead, str(len(made.swaps)), f"{spent:.0f}", str(order["tines_100_ms"])))
    columns = ("order", "ours", "tines 100", "tines 12", "pancakeswap", "optimum", "swaps", "ms", "tines ms")
    return Section(
        "Orders",
        "Ours is the exact integer amount that replay gives, over the same tokens at gas price 0. The next "
        "four columns are basis points that ours is ahead of what is recorded of others on this block: Sushi "
        "Tines with 100 and with 12 flows, PancakeSwap's smart-router, and the dual optimum without free "
        "arbitrage, computed in floats. None of them runs here. "
        f"ms is the median of {RUNS} warm runs; that of Tines, at 100 flows, is recorded with its amounts.",
        columns,
        rows,
    )


def baskets(market: Market) -> Section:
    """Several tokens to several: no recorded router does it, so the optimum is the only yardstick."""
    rows = []
    price = market.snapshot.price_e36
    weth = price(market.addresses["WETH"]) * WAD
    for basket in market.peers["baskets"]:
        portfolio = market.portfolio(basket["holdings"], basket["targets"], allow_tokens=market.allowed)
        made, spent = planned(market, portfolio)
        mid = sum(amount * price(token) for token, amount in portfolio.holdings.items()) / weth
        reached = min(
            made.holdings_after[token] * price(token) * WAD / share / weth
            for token, share in portfolio.targets_wad.items()
        )
        optimum, recorded_mid = basket["dual_optimum_eth"], basket["mid_value_eth"]
        rows.append(
            (
                " + ".join(f"{amount} {symbol}" for symbol, amount in basket["holdings"].items()),
                " ".join(f"{share:.0%} {symbol}" for symbol, share in basket["targets"].items()),
                f"{mid:.3f} → {reached:.3f}",
                f"{(1 - reached / mid) * BPS:.1f}",
                f"{recorded_mid:.3f} → {optimum:.3f}",
                f"{(1 - optimum / recorded_mid) * BPS:.1f}",
                str(len(made.swaps)),
                f"{spent:.0f}",
            )
        )
    return Section(
        "Baskets",
        "From the mid value, in ETH, to the value of the largest portfolio of exactly the target weights "
        "that the final holdings contain; and what that costs in basis points. The recorded dual optimum is "
        "in mid prices of its own, which are not recorded, so the two costs compare only roughly.",
        ("basket", "targets", "ours", "cost bp", "recorded optimum", "its cost bp", "swaps", "ms"),
        rows,
    )


def planned(market: Market, portfolio: Portfolio) -> tuple[Plan, float]:
    """The plan, and the median milliseconds of its warm runs."""
    made = plan(market.snapshot, portfolio)
    spent = [seconds(lambda: plan(market.snapshot, portfolio)) for _ in range(RUNS)]
    return made, statistics.median(spent) * 1000


# --- quotes ---


def cases(pools: Sequence[Pool], kind: str) -> list[tuple[Pool, Address, Address, int]]:
    """Swaps both ways through every pair of tokens of every pool, in each size that the pool takes."""
    found = []
    for pool in (pool for pool in pools if pool.kind == kind):
        for token_in, token_out in ((a, b) for a in pool.tokens for b in pool.tokens if a != b):
            for loss in LOSSES:
                try:
                    amount = depth_within(pool, token_in, token_out, loss)
                    if pool.quote_exact_in(token_in, token_out, amount):
                        found.append((pool, token_in, token_out, amount))
                except PoolError:
                    continue
    return found


def quotes_against_peer(market: Market) -> Section:
    """Uniswap v3, the same swaps on the same states: another package in its own process, then ours."""
    known = [pool for pool in market.pools if pool.fee_pips in PEER_FEES]
    found = cases(known, UniswapV3Pool.kind)
    theirs = run_peer(found)
    fresh = load_snapshot(SNAPSHOT).pool_by_address
    swaps = [(fresh[pool.address], *rest) for pool, *rest in found]
    sqrt_ratio_at_tick.cache_clear()
    cold = seconds(lambda: quote_all(swaps))
    ours = statistics.median(seconds(lambda: quote_all(swaps)) for _ in range(PASSES))
    cold_peer, peer = theirs["seconds"][0], statistics.median(theirs["seconds"][1:])
    answers = zip(theirs["answers"], quote_all(swaps), strict=True)
    equal = sum(answer == str(amount) for answer, amount in answers)
    count = len(swaps)
    rows = [
        (name, f"{count / spent:,.0f}", f"{spent / count * 1e6:.1f}", f"{base / spent:.1f}")
        for name, spent, base in (
            ("ours, warm", ours, peer),
            (f"{PEER}, warm", peer, peer),
            ("ours, first pass", cold, cold_peer),
            (f"{PEER}, first pass", cold_peer, cold_peer),
        )
    ]
    sizes = ", ".join(f"{loss:.2%}" for loss in LOSSES)
    return Section(
        "Uniswap v3 quotes against a peer",
        f"{count:,} exact-in quotes through {len({pool.address for pool, *_ in found})} pools, both ways, of "
        f"sizes that lose {sizes} to price impact; {equal:,} of the peer's answers equal ours. Medians of "
        f"{PASSES} warm passes in this run, one process for each. The peer is JavaScript, on Node.js. Ours "
        "keeps the range boundaries that it has computed; the first pass has none yet.",
        ("quoter", "quotes/s", "µs", "times the peer"),
        rows,
    )


def run_peer(found: Sequence[tuple[Pool, Address, Address, int]]) -> dict[str, Any]:
    """Installs the peer below build/bench where it is not yet, and lets it quote."""
    folder = WORK / "peer"
    if not (folder / "node_modules").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        command = ["npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--loglevel=error", PEER], cwd=folder, check=True)
    pools = {pool.address: v3_state(pool) for pool, *_ in found}
    swaps = [(pool.address, token_in == pool.tokens[0], str(amount)) for pool, token_in, _, amount in found]
    asked, answered = WORK / "peer-cases.json", WORK / "peer-answers.json"
    asked.write_text(json.dumps({"pools": pools, "swaps": swaps}))
    script = str(ROOT / "scripts" / "bench_peer.mjs")
    subprocess.run(
        ["node", script, str(folder), str(asked), str(answered), str(PASSES + 1)], check=True, timeout=600
    )
    answers: dict[str, Any] = json.loads(answered.read_text())
    return answers


def v3_state(pool: Pool) -> dict[str, Any]:
    assert isinstance(pool, UniswapV3Pool)
    names = ("fee_pips", "tick_spacing", "sqrt_price_x96", "tick", "liquidity")
    ticks = [(str(tick), str(net)) for tick, net in pool.ticks]
    return {**{name: str(getattr(pool, name)) for name in names}, "tokens": pool.tokens, "ticks": ticks}


def quote_rates(market: Market) -> Section:
    """Every AMM, alone."""
    balancer = load_snapshot(DATA / "snapshots" / "balancer-1280.json.gz")
    rows = []
    for kind, pools in (
        ("uniswap_v2", market.pools),
        ("uniswap_v3", market.pools),
        ("balancer_v2_weighted", balancer.pools[:150]),
    ):
        swaps = cases(pools, kind)
        spent = statistics.median(seconds(lambda swaps=swaps: quote_all(swaps)) for _ in range(PASSES))
        rows.append(
            (kind, f"{len(swaps):,}", f"{len(swaps) / spent:,.0f}", f"{spent / len(swaps) * 1e6:.1f}")
        )
    return Section(
        "Quotes by AMM",
        "Exact-in quotes, warm, one core. Balancer's are of the first 150 recorded pools; their cost is the "
        "contract's own fixed-point powers.",
        ("AMM", "quotes", "quotes/s", "µs"),
        rows,
    )


def quote_all(swaps: Sequence[tuple[Pool, Address, Address, int]]) -> list[int]:
    return [pool.quote_exact_in(token_in, token_out, amount) for pool, token_in, token_out, amount in swaps]


# --- everything else ---


def small_costs(market: Market, loads: Sequence[float]) -> Section:
    """Loading, replay and encoding."""
    portfolio = market.portfolio(FIVE_HELD, FIVE_WANTED)
    made, spent = planned(market, portfolio)
    program = made.program
    assert program is not None
    replays = [seconds(lambda: replay(program, market.snapshot, portfolio.holdings)) for _ in range(50)]
    encodings = [seconds(lambda: encode(program)) for _ in range(200)]
    count, size = len(made.swaps), len(encode(program))
    rows = (
        (f"load the snapshot, {len(market.snapshot.pools):,} pools", milliseconds(loads)),
        ("plan five tokens to five over all of them", f"{spent:.0f} ms"),
        (f"replay the plan, {count} swaps", milliseconds(replays)),
        (f"encode it, {size:,} bytes", milliseconds(encodings)),
    )
    return Section("Files, replay, encoding", "Medians of warm runs.", ("what", "time"), rows)


def whole_command(market: Market) -> Section:
    """`rebalance plan` from nothing, as its own process."""
    targets = "\n".join(f'"{market.addresses[name]}" = "{share}"' for name, share in FIVE_WANTED.items())
    holdings = "\n".join(f'"{market.addresses[name]}" = "{amount}"' for name, amount in FIVE_HELD.items())
    portfolio = WORK / "portfolio.toml"
    portfolio.write_text(
        f'schema = "rebalance-portfolio/1"\nowner = "{OWNER}"\nnumeraire = "USDC"\n'
        f'gas_price_gwei = "1"\n\n[holdings]\n{holdings}\n\n[targets]\n{targets}\n'
    )
    command = [str(Path(sys.executable).parent / "rebalance"), "plan", "--json"]
    command += ["--snapshot", str(SNAPSHOT), "--portfolio", str(portfolio)]
    start = time.perf_counter()
    with (WORK / "plan.json").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    spent = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    rows = (("time", f"{spent:.1f} s"), ("peak memory", f"{usage.ru_maxrss / 1024:.0f} MiB"))
    return Section(
        "`rebalance plan`, cold",
        "Five tokens to five over the whole recorded block, no node: start of Python, loading, planning and "
        "printing JSON, in a process of its own.",
        ("what", "measured"),
        rows,
    )


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def milliseconds(spent: Sequence[float]) -> str:
    return f"{statistics.median(spent) * 1000:.3g} ms"


def write(sections: Sequence[Section]) -> None:
    """The report for people, and the same figures as JSON."""
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    state = "State: Ethereum at block 24,721,407, recorded."
    head = f"# Benchmarks\n\n`make bench` writes this page. Machine: {machine}. {state}\n"
    REPORT.write_text("\n".join((head, *(section.markdown() for section in sections))))
    tables = {
        section.title: [dict(zip(section.columns, row, strict=True)) for row in section.rows]
        for section in sections
    }
    (WORK / "bench.json").write_text(
        json.dumps({"machine": machine, "tables": tables}, indent=2, ensure_ascii=False) + "\n"
    )
    say(f"wrote {REPORT.relative_to(ROOT)} and {WORK.relative_to(ROOT)}/bench.json")


if __name__ == "__main__":
    sys.exit(main())
