"""Copies the executor's ABI and bytecode from build/contracts into the package, or checks them.

`python scripts/artifacts.py` writes router/artifacts/*.json; `--check` exits 1 when a fresh compile differs.
The compiler appends a hash of sources and machine-dependent settings to the code; it is shipped, but left out
of the comparison.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "contracts"
SHIPPED = ROOT / "router" / "artifacts"
CONTRACTS = ("RebalanceExecutor", "RebalanceExecutorFactory")

_METADATA = re.compile(r"a264697066735822[0-9a-f]{68}64736f6c6343[0-9a-f]{6}0033")
"""solc's CBOR tail, {"ipfs": 34 bytes, "solc": 3 bytes} and its length; also within code that embeds code."""


def artifact(build: dict[str, Any]) -> dict[str, Any]:
    """What the package ships of one Brownie build file."""
    compiler = build["compiler"]
    return {
        "contractName": build["contractName"],
        "abi": build["abi"],
        "bytecode": "0x" + build["bytecode"].removeprefix("0x"),
        "deployedBytecode": "0x" + build["deployedBytecode"].removeprefix("0x"),
        "compiler": {
            "version": compiler["version"],
            "evmVersion": compiler["evm_version"],
            "optimizer": compiler["optimizer"],
            "viaIR": True,
        },
    }


def render(data: dict[str, Any]) -> str:
    """One deterministic line of JSON."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n"


def without_metadata(text: str) -> str:
    """The same artifact with every metadata hash blanked."""
    return _METADATA.sub("", text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check: bool = parser.parse_args().check
    stale = []
    for name in CONTRACTS:
        source, target = BUILD / f"{name}.json", SHIPPED / f"{name}.json"
        if not source.exists():
            print(f"{source.relative_to(ROOT)} is missing: run `brownie compile` first", file=sys.stderr)
            return 1
        fresh = render(artifact(json.loads(source.read_text())))
        shipped = target.read_text() if target.exists() else ""
        if without_metadata(fresh) == without_metadata(shipped):
            continue
        stale.append(target.relative_to(ROOT))
        if not check:
            SHIPPED.mkdir(parents=True, exist_ok=True)
            target.write_text(fresh)
    for path in stale:
        print(f"{path}: {'differs from build/contracts' if check else 'written'}", file=sys.stderr)
    if check and stale:
        print("run `make artifacts` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
