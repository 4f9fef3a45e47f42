"""An owner's executor: where it is, how it gets there, and what must be approved for one plan.

Approvals are exact and are taken back when anything of them is left; none is ever unlimited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from router.chain.calls import Node, Transaction, allowance, approve, calldata, read_word, to_bytes
from router.encoder import execute_calldata
from router.errors import GuardRefused, MissingCode
from router.fixed_point import MAX_U128
from router.tokens import Address

_SALT = bytes(32)


@cache
def artifact(name: str) -> Mapping[str, Any]:
    """A contract that ships with the package: `abi`, `bytecode`, `deployedBytecode`."""
    text = resources.files("router").joinpath("artifacts", f"{name}.json").read_text()
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def creation_code(owner: Address) -> bytes:
    """What the factory deploys for an owner: the executor's bytecode and its one constructor argument."""
    bytecode = bytes.fromhex(artifact("RebalanceExecutor")["bytecode"].removeprefix("0x"))
    return bytecode + bytes(encode(("address",), (owner,)))


def executor_address(factory: Address, owner: Address) -> Address:
    """Where the owner's executor is, or will be (EIP-1014).

    Found without asking the node: only the shipped bytecode, for this owner, can stand at this address, so an
    approval to it is safe whatever the node says.
    """
    preimage = b"\xff" + bytes.fromhex(factory[2:]) + _SALT + bytes(keccak(creation_code(owner)))
    return "0x" + keccak(preimage)[-20:].hex()


def has_code(node: Node, address: Address, block: str = "latest") -> bool:
    """True when a contract stands at the address."""
    where: Any = {"blockHash": block} if len(block) == 66 else block
    return len(to_bytes(node.call("eth_getCode", address, where), "eth_getCode")) > 0


def deploy_transaction(factory: Address, owner: Address) -> Transaction:
    """Deploys the owner's executor. Anyone may send it."""
    return Transaction("deploy executor", factory, calldata("deploy(address)", owner))


def execute_transaction(executor: Address, payload: bytes) -> Transaction:
    """Runs a payload."""
    return Transaction("execute", executor, execute_calldata(payload))


def deployment(
    node: Node, factory: Address, owner: Address, block: str = "latest"
) -> tuple[Transaction, ...]:
    """The transaction that deploys the executor, or none where it stands.

    Raises:
        MissingCode: it does not stand, and neither does the factory.
    """
    if has_code(node, executor_address(factory, owner), block):
        return ()
    if not has_code(node, factory, block):
        raise MissingCode(f"no executor factory at {factory}")
    return (deploy_transaction(factory, owner),)


def approvals(
    node: Node,
    owner: Address,
    executor: Address,
    pulls: Mapping[Address, int],
    *,
    symbols: Mapping[Address, str],
    block: str = "latest",
) -> tuple[Transaction, ...]:
    """Approvals that leave exactly `pulls` allowed.

    Where another amount is allowed it is set to zero first: some tokens (USDT) refuse to change one in use.

    Raises:
        GuardRefused: an amount beyond 128 bits, which would be an unlimited approval.
    """
    needed: list[Transaction] = []
    for token, amount in pulls.items():
        if not 0 <= amount < MAX_U128:
            raise GuardRefused(f"an approval of {amount} {symbols.get(token, token)} is not a bounded one")
        current = read_word(node, token, allowance(owner, executor), block, f"allowance of {token}")
        if current == amount:
            continue
        symbol = symbols.get(token, token)
        if current:
            needed.append(approve(token, symbol, executor, 0))
        if amount:
            needed.append(approve(token, symbol, executor, amount))
    return tuple(needed)


def revocations(
    node: Node,
    owner: Address,
    executor: Address,
    tokens: Iterable[Address],
    *,
    symbols: Mapping[Address, str],
    block: str = "latest",
) -> tuple[Transaction, ...]:
    """Takes back what is left of the owner's approvals to the executor."""
    return tuple(
        approve(token, symbols.get(token, token), executor, 0)
        for token in dict.fromkeys(tokens)
        if read_word(node, token, allowance(owner, executor), block, f"allowance of {token}")
    )
