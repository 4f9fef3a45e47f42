"""Routers and quoters of others: npm packages, each in a folder and a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.pools.base import Pool
from router.snapshot import Snapshot
from router.tokens import Address
from scripts.bench.recorded import ROOT

HERE = Path(__file__).resolve().parent
WORK = ROOT / "build" / "bench"
TIMEOUT = 300
"""Seconds until a peer is given up."""

Order = tuple[Address, Address, int]
"""Token in, token out, raw amount in."""


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package to measure, and the script here that drives it."""

    name: str
    version: str
    script: str
    needs: tuple[str, ...] = ()
    """What its own installation leaves out."""

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def folder(self) -> Path:
        return WORK / "peers" / self.script.removesuffix(".mjs")


TINES = Package("@sushiswap/tines", "1.0.11", "tines.mjs")
SMART_ROUTER = Package("@pancakeswap/smart-router", "7.7.3", "smart_router.mjs")
SOR = Package("@balancer-labs/sor", "4.1.3", "sor.mjs", ("@ethersproject/contracts@5.7.0",))
V3_SDK = Package("@uniswap/v3-sdk", "3.25.2", "v3_sdk.mjs")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer says to one order: raw units, or None where it finds nothing, and seconds warm."""

    amount_out: int | None
    seconds: float
    record: Mapping[str, Any]

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Answer:
        """From a script's own record; the first of several runs is cold and does not count."""
        runs, amount = record["seconds"], record["amount_out"]
        return cls(None if amount is None else int(amount), statistics.median(runs[1:] or runs), record)


def market_document(snapshot: Snapshot, pools: Iterable[Pool], orders: Sequence[Order]) -> dict[str, Any]:
    """What the routers' scripts read; every number as text."""
    pools = list(pools)
    used = sorted({token for pool in pools for token in pool.tokens})
    tokens = {each: snapshot.tokens[each] for each in used}
    return {
        "tokens": {
            address: {
                "symbol": token.symbol,
                "decimals": token.decimals,
                "price": snapshot.prices.get(address),
            }
            for address, token in tokens.items()
        },
        "base": snapshot.native_token,
        "pools": [{key: _text(value) for key, value in pool.to_state().items()} for pool in pools],
        "orders": [[token_in, token_out, str(amount)] for token_in, token_out, amount in orders],
    }


def run(package: Package, document: Any, *options: object, label: str = "") -> Any:
    """Installs the package where it is not yet, hands it the document and reads its answers.

    Raises:
        SystemExit: npm or the peer failed; ends with its own words.
        TimeoutExpired: either took too long.
    """
    install(package)
    stem = f"{package.script.removesuffix('.mjs')}{label}"
    asked, answered = WORK / f"{stem}-cases.json", WORK / f"{stem}-answers.json"
    asked.write_text(json.dumps(document))
    command = ["node", str(HERE / package.script), str(package.folder), str(asked), str(answered)]
    command += [str(option) for option in options]
    _run(package, command, WORK)
    return json.loads(answered.read_text())


def install(package: Package) -> None:
    """Each has a folder of its own, because their pins clash. The registry is npm's own setting."""
    if (package.folder / "node_modules" / package.name / "package.json").exists():
        return
    package.folder.mkdir(parents=True, exist_ok=True)
    (package.folder / "package.json").write_text('{"private": true}\n')
    command = ["npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    command += ["--loglevel=error", f"{package.name}@{package.version}", *package.needs]
    _run(package, command, package.folder)


def _run(package: Package, command: Sequence[str], folder: Path) -> None:
    ended = subprocess.run(command, cwd=folder, check=False, timeout=TIMEOUT, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{package.title}: {command[0]}: {ended.stderr.strip()[-2000:]}")


def walk(states: dict[Address, Pool], hops: Iterable[tuple[Address, Address, Address]], amount: int) -> int:
    """What comes out of a chain of (pool, token in, token out), exactly; `states` has the pools after it."""
    for address, token_in, token_out in hops:
        amount, states[address] = states[address].swap(token_in, token_out, amount)
    return amount


def _text(value: Any) -> Any:
    return [_text(each) for each in value] if isinstance(value, (list, tuple)) else str(value)
