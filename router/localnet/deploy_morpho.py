"""Morpho Blue, compiled from its npm sources by its own compiler version, with liquidity in idle markets."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from router.documents.files import write_bytes
from router.errors import InputError
from router.localnet.artifacts import Artifact
from router.localnet.deploy_base import Site
from router.tokens import Address

_SOURCE = "@morpho-org/morpho-blue/src/Morpho.sol"
_COMPILER = "solc-0.8.19"
_COMPILE_SECONDS = 180
_NOBODY = "0x" + "00" * 20
_SETTINGS = {
    "optimizer": {"enabled": True, "runs": 999_999},
    "viaIR": True,
    "evmVersion": "paris",
    "outputSelection": {"*": {"Morpho": ["evm.bytecode.object"]}},
}


def compile_morpho(root: Path) -> Artifact:
    """Morpho's creation code; compiled once per source and settings, then read from build/localnet.

    Raises:
        InputError: the compiler is missing or refuses the source.
    """
    source = f"node_modules/{_SOURCE}"
    sources = {source: {"content": (root / source).read_text()}}
    request = {"language": "Solidity", "sources": sources, "settings": _SETTINGS}
    text = json.dumps(request, sort_keys=True)
    cached = root / "build/localnet" / f"Morpho-{hashlib.sha256(text.encode()).hexdigest()[:16]}.hex"
    if not cached.is_file():
        code = _compile(root, text, source)
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(code.encode(), cached)
    return Artifact("Morpho", cached.read_text())


def _compile(root: Path, request: str, source: str) -> str:
    node = shutil.which("node")
    if node is None:
        raise InputError("Node.js is not on PATH: Morpho Blue cannot be compiled")
    done = subprocess.run(
        [node, "scripts/toolchain/solc.mjs", "--standard-json"],
        cwd=root,
        env={**os.environ, "SOLC_PACKAGE": _COMPILER},
        input=request,
        capture_output=True,
        text=True,
        timeout=_COMPILE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise InputError(f"{_COMPILER} failed: {done.stderr.strip()}", path=source)
    answer = json.loads(done.stdout)
    errors = [item["formattedMessage"] for item in answer.get("errors", ()) if item["severity"] == "error"]
    if errors:
        raise InputError(errors[0], path=source)
    return str(answer["contracts"][source]["Morpho"]["evm"]["bytecode"]["object"])


def deploy_morpho(site: Site, artifact: Artifact) -> Address:
    """Queues Morpho and one market per token supplied.

    The markets are idle ones, as mainnet's vaults keep for cash: no collateral, oracle or rate model, LLTV 0.
    """
    deployer = site.deployer
    morpho = deployer.create(artifact, "(address)", deployer.sender)
    deployer.send(morpho, "enableIrm(address)", _NOBODY)
    deployer.send(morpho, "enableLltv(uint256)", 0)
    market_type = "(address,address,address,address,uint256)"
    for symbol, whole in site.scenario.morpho_blue.supply.items():
        market = (site.tokens[symbol], _NOBODY, _NOBODY, _NOBODY, 0)
        raw = site.scenario.raw(symbol, whole)
        deployer.send(morpho, f"createMarket({market_type})", market)
        site.mint(symbol, deployer.sender, raw)
        site.approve(symbol, morpho)
        deployer.send(
            morpho,
            f"supply({market_type},uint256,uint256,address,bytes)",
            *(market, raw, 0, deployer.sender, b""),
        )
    return morpho
