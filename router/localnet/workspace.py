"""The files with which the command line works on a local chain."""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account

from router.documents.files import write_bytes
from router.localnet.chain import Localnet

PASSWORD = "localnet"  # noqa: S105 - the key that it guards is public
_ITERATIONS = 1_000


def write_workspace(net: Localnet, folder: Path) -> None:
    """Writes config, portfolio, deployment, the owner's keystore and its password into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    net.write_deployment(folder / "deployment.json")
    _write(folder / "portfolio.toml", net.portfolio_toml())
    key = bytes.fromhex(net.owner.private_key.removeprefix("0x"))
    keystore = Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=_ITERATIONS)
    _write(folder / "owner.json", json.dumps(keystore) + "\n")
    _write(folder / "password", PASSWORD + "\n")
    for secret in ("owner.json", "password"):
        (folder / secret).chmod(0o600)
    _write(
        folder / "rebalance.toml",
        'schema = "rebalance-config/1"\n'
        f'rpc = "{net.rpc_url}"\n'
        'deployment = "deployment.json"\n'
        'portfolio = "portfolio.toml"\n'
        'keystore = "owner.json"\n'
        'cache = "cache"\n',
    )


def _write(path: Path, text: str) -> None:
    write_bytes(text.encode(), path)
