"""Sends a long series of transactions from one account; every new contract's address is known beforehand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak
from rlp import encode as rlp_encode  # type: ignore[import-untyped]

from router.errors import ExecutionReverted, RpcFailure
from router.localnet.abi import decode_result, encode_call, encode_constructor
from router.localnet.artifacts import Artifact, Artifacts
from router.localnet.rpc import LocalRpc, Request
from router.tokens import Address

GAS = 16_000_000
"""For every transaction: enough for the largest contract, below the cap of EIP-7825 (2**24)."""

MAX_UINT256 = 2**256 - 1
FAR_FUTURE = 2**32
"""A deadline that never passes, in seconds."""


@dataclass(slots=True)
class Deployer:
    """A queue of transactions; `flush` sends them in order and requires every one to succeed."""

    rpc: LocalRpc
    artifacts: Artifacts
    sender: Address
    nonce: int
    _queue: list[tuple[str, Request]] = field(default_factory=list)
    _libraries: dict[str, Address] = field(default_factory=dict)

    def create(self, artifact: Artifact, types: str = "()", *args: Any, libraries_from: str = "") -> Address:
        """Queues a contract creation and returns the address it will have.

        Args:
            types: the constructor's argument types, e.g. ``(address,uint256)``.
            libraries_from: npm folder of the artifacts of the libraries to link; each is deployed once.
        """
        addresses = {
            library.name: self._library(
                f"{libraries_from}/{library.source}/{library.name}.json", libraries_from
            )
            for library in artifact.libraries
        }
        code = "0x" + artifact.linked(addresses) + encode_constructor(types, *args)
        address = create_address(self.sender, self.nonce)
        self._push(f"create {artifact.name}", {"data": code})
        return address

    def send(self, to: Address, signature: str, *args: Any, value: int = 0) -> None:
        """Queues a call of `to`, with `value` wei."""
        self.send_data(to, encode_call(signature, *args), label=f"{signature} on {to}", value=value)

    def send_data(self, to: Address, data: str, *, label: str, value: int = 0) -> None:
        """Queues a call of `to` with calldata as 0x-hex; `label` names it in errors."""
        self._push(label, {"to": to, "data": data, "value": hex(value)})

    def call(self, to: Address, signature: str, *args: Any, returns: str = "(address)") -> Any:
        """The first value that a view function returns, after everything queued."""
        self.flush()
        return read(self.rpc, to, signature, *args, returns=returns)

    def flush(self) -> None:
        """Sends what is queued.

        Raises:
            ExecutionReverted: a transaction failed; names the first.
        """
        queue, self._queue = self._queue, []
        if not queue:
            return
        with _mining_by_hand(self.rpc):
            receipts = _mine(self.rpc, self.rpc.batch([request for _, request in queue]))
        for (label, (_, params)), receipt in zip(queue, receipts, strict=True):
            if int(receipt["status"], 16) != 1:
                raise ExecutionReverted(f"{label}: {_reason(self.rpc, params[0])}")

    def _library(self, path: str, libraries_from: str) -> Address:
        if path not in self._libraries:
            self._libraries[path] = self.create(self.artifacts.npm(path), libraries_from=libraries_from)
        return self._libraries[path]

    def _push(self, label: str, fields: dict[str, str]) -> None:
        transaction = {"from": self.sender, "nonce": hex(self.nonce), "gas": hex(GAS), **fields}
        self._queue.append((label, ("eth_sendTransaction", [transaction])))
        self.nonce += 1


def read(rpc: LocalRpc, to: Address, signature: str, *args: Any, returns: str = "(address)") -> Any:
    """The first value that a view function returns at the latest block."""
    data = rpc.call("eth_call", {"to": to, "data": encode_call(signature, *args)}, "latest")
    return decode_result(returns, data)[0]


def _mine(rpc: LocalRpc, hashes: Sequence[str]) -> list[dict[str, Any]]:
    """Mines blocks until every transaction is in one; the receipts in order.

    Raises:
        RpcFailure: a block took none of those left.
    """
    left = len(hashes)
    while True:
        rpc.call("evm_mine")
        receipts = rpc.batch([("eth_getTransactionReceipt", [item]) for item in hashes])
        if None not in receipts:
            return receipts
        if receipts.count(None) == left:
            raise RpcFailure(f"evm_mine: {left} transactions stay out of the chain")
        left = receipts.count(None)


@contextlib.contextmanager
def _mining_by_hand(rpc: LocalRpc) -> Iterator[None]:
    """Keeps the node from mining by itself, so that blocks are the same each time.

    anvil 1.7.1, mining for every transaction, now and then leaves the last ones of a batch in its pool.
    """
    automatic = rpc.call("anvil_getAutomine")
    if automatic:
        rpc.call("evm_setAutomine", False)
    try:
        yield
    finally:
        if automatic:
            rpc.call("evm_setAutomine", True)


def create_address(sender: Address, nonce: int) -> Address:
    """Where `sender`'s transaction with this nonce creates its contract."""
    return "0x" + keccak(rlp_encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex()


def _reason(rpc: LocalRpc, transaction: dict[str, str]) -> str:
    call = {key: value for key, value in transaction.items() if key != "nonce"}
    try:
        rpc.call("eth_call", call, "latest")
    except Exception as error:
        return str(error)
    return "reverted"
