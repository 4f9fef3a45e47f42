"""`brownie run deploy [--network NAME]`: the executor factory, and the executor of the sending account.

Both are deployed where they do not stand yet, from the bytecode that ships with the package: only that
gives the addresses that the package computes. What stands is compared with it, byte for byte.

    REBALANCE_ACCOUNT     the account in Brownie's keystore, on a live network; or BROWNIE_ACCOUNT
    REBALANCE_PASSWORD    its password; asked for where it is not set
    REBALANCE_FACTORY     a factory to use
    REBALANCE_DEPLOYMENT  a deployment file, or the name of a built-in one: its factory is used, and a file
                          that names none is filled in
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brownie import accounts, web3
from brownie._config import CONFIG

from router.chain.broadcast import Receipt
from router.chain.calls import Node, Transaction, parse_logs, to_bytes, to_int, to_mapping
from router.chain.deployments import find_deployment
from router.chain.executor import artifact, deployment, executor_address
from router.chain.head import require_chain
from router.chain.rpc import RpcClient
from router.documents.deployment import Deployment
from router.documents.files import write_json
from router.errors import InconsistentAnswer, InputError
from router.tokens import Address, parse_address, to_checksum

GAS_MARGIN_PERCENT = 20
FACTORY = "RebalanceExecutorFactory"
EXECUTOR = "RebalanceExecutor"


@dataclass(frozen=True)
class Deployed:
    """What stands on the chain for one owner."""

    factory: Address
    executor: Address
    owner: Address


def main() -> Deployed:
    """Deploys what is missing, checks it, and prints the addresses."""
    named = os.environ.get("REBALANCE_DEPLOYMENT")
    known = find_deployment(named) if named else None
    account = sender()
    owner = str(account.address).lower()
    with connected_node() as (_, node):
        if known is not None:
            require_chain(node, known.chain_id)
        factory = ensure_factory(node, account, known_factory(known))
        executor = ensure_executor(node, account, factory, owner)
    print(
        f"factory   {to_checksum(factory)}\nexecutor  {to_checksum(executor)}\nowner     {to_checksum(owner)}"
    )
    if known is not None and known.executor_factory is None:
        note_factory(known, Path(str(named)), factory)
    return Deployed(factory, executor, owner)


def sender() -> Any:
    """accounts[0] of a development network; on a live one the named account of Brownie's keystore.

    Raises:
        InputError: a live network, and no account named.
    """
    if not is_live():
        return accounts[0]
    name = os.environ.get("REBALANCE_ACCOUNT") or os.environ.get("BROWNIE_ACCOUNT")
    if not name:
        raise InputError(
            "names no account: `brownie accounts list` shows those of the keystore", path="REBALANCE_ACCOUNT"
        )
    return accounts.load(name, os.environ.get("REBALANCE_PASSWORD"))


def is_live() -> bool:
    return bool(CONFIG.network_type == "live")


@contextlib.contextmanager
def connected_node() -> Iterator[tuple[str, RpcClient]]:
    """The URL of the node that Brownie is connected to, and a client of it."""
    url = str(web3.provider.endpoint_uri)
    with contextlib.closing(RpcClient(url)) as node:
        yield url, node


def known_factory(known: Deployment | None) -> Address | None:
    """The factory that the environment or the deployment names."""
    named = os.environ.get("REBALANCE_FACTORY")
    if named:
        return parse_address(named, "REBALANCE_FACTORY")
    return known.executor_factory if known else None


def ensure_factory(node: Node, account: Any, known: Address | None) -> Address:
    """The factory; deployed where none is known.

    Raises:
        InconsistentAnswer: what stands there is not the factory that ships with the package.
    """
    if known is None:
        known = str(account.get_deployment_address()).lower()
        send(node, account, Transaction("deploy factory", "", shipped(FACTORY, "bytecode")))
    require_code(node, known, shipped(FACTORY, "deployedBytecode"), FACTORY)
    return known


def ensure_executor(node: Node, account: Any, factory: Address, owner: Address) -> Address:
    """The owner's executor, at the address that the package computes.

    Raises:
        InconsistentAnswer: something else stands there.
    """
    executor = executor_address(factory, owner)
    for transaction in deployment(node, factory, owner):
        send(node, account, transaction)
    owner_word, unset = bytes(12) + bytes.fromhex(owner[2:]), bytes(32)
    require_code(node, executor, shipped(EXECUTOR, "deployedBytecode"), EXECUTOR, (owner_word, unset))
    return executor


def shipped(name: str, field: str) -> bytes:
    """Bytecode of a contract, as the package ships it."""
    return bytes.fromhex(artifact(name)[field].removeprefix("0x"))


def require_code(
    node: Node, address: Address, expected: bytes, name: str, immutable: tuple[bytes, bytes] | None = None
) -> None:
    """Requires the code at an address to be the shipped one.

    Args:
        immutable: a value that the constructor has put into the code, and what stands for it in the artifact.
    """
    code = to_bytes(node.call("eth_getCode", address, "latest"), "eth_getCode")
    found = code.replace(*immutable) if immutable else code
    if found != expected:
        what = f"{len(code)} bytes of other code" if code else "no code"
        raise InconsistentAnswer(f"{name} is expected at {address}, and there is {what}")


def send(node: Node, account: Any, transaction: Transaction, gas_limit: int | None = None) -> Receipt:
    """Sends through Brownie, and reads the receipt back from the node.

    Args:
        gas_limit: None takes the node's estimate and a margin; Brownie's default, the block's whole gas, is
            more than EIP-7825 lets one transaction have.

    Raises:
        VirtualMachineError: Brownie's; it reverts.
    """
    data = "0x" + transaction.data.hex()
    if gas_limit is None:
        ask = {"from": str(account.address), "data": data} | (
            {"to": transaction.to} if transaction.to else {}
        )
        estimate = to_int(node.call("eth_estimateGas", ask), "eth_estimateGas")
        gas_limit = estimate * (100 + GAS_MARGIN_PERCENT) // 100
    to = to_checksum(transaction.to) if transaction.to else None
    sent = account.transfer(to, transaction.value, data=data, gas_limit=gas_limit, **_fees(node))
    return read_receipt(node, transaction, str(sent.txid))


def _fees(node: Node) -> dict[str, int]:
    """Brownie's own choice on a live network; on a development one just the base fee, which may be zero."""
    if is_live():
        return {}
    header = to_mapping(node.call("eth_getBlockByNumber", "latest", False), "eth_getBlockByNumber")
    base_fee = to_int(header.get("baseFeePerGas", "0x0"), "eth_getBlockByNumber")
    return {"max_fee": 2 * base_fee, "priority_fee": 0}


def read_receipt(node: Node, transaction: Transaction, tx_hash: str) -> Receipt:
    """The receipt of a mined transaction."""
    what = "eth_getTransactionReceipt"
    fields = to_mapping(node.call(what, tx_hash), what)
    return Receipt(
        purpose=transaction.purpose,
        tx_hash=tx_hash,
        block_number=to_int(fields.get("blockNumber"), what),
        block_hash="0x" + to_bytes(fields.get("blockHash"), what).hex(),
        gas_used=to_int(fields.get("gasUsed"), what),
        effective_gas_price_wei=to_int(fields.get("effectiveGasPrice"), what),
        succeeded=to_int(fields.get("status"), what) == 1,
        logs=parse_logs(fields.get("logs"), what),
    )


def note_factory(known: Deployment, path: Path, factory: Address) -> None:
    """Writes the factory's address into the deployment file; a built-in deployment is left alone."""
    if not path.is_file():
        print(f"{known.name} is built in: name the factory by REBALANCE_FACTORY from here on")
        return
    filled = known.model_copy(update={"executor_factory": factory})
    write_json(filled.to_json(), path)
    print(f"{path}: executor_factory is set")
