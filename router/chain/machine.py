"""An in-process EVM on the state of one pinned block that runs transactions as a chain would, one by one.

pyrevm keeps warm what a call has touched, and remembers storage as it was on the fork, so a second call would
be charged as part of the first. Each transaction here runs in a checkpoint; its writes are read out of the
journal, the checkpoint is undone, and the writes go into the database below. The next transaction starts cold
on the state that the last one left, and uses the gas that its receipt will show.

The EVM is of Cancun; the calldata floor of Prague is added here. It does not know code delegation of accounts
that are called, precompiles and prices later than Cancun, and the separate data fees of rollups.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyrevm

from router.chain.calls import ZERO_ADDRESS, Log, Transaction
from router.errors import RpcFailure
from router.tokens import Address

SPEC = "PRAGUE"
BASE_GAS = 21_000
FLOOR_GAS_PER_TOKEN = 10
"""EIP-7623: at least 21,000 gas and 10 per token of calldata; a zero byte is one token, any other four."""

_STORAGE = re.compile(r"StorageChange \{ address: (0x[0-9a-f]{40}), key: (\d+), had_value: Some")
_NONCE = re.compile(r"(?:NonceChange|CodeChange|AccountCreated) \{ address: (0x[0-9a-f]{40})")
_BALANCE = re.compile(r"BalanceTransfer \{ from: (0x[0-9a-f]{40}), to: (0x[0-9a-f]{40}), balance: (\d+) \}")
_REVERT = re.compile(r"^Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}")
_HALT = re.compile(r"^Halt \{ reason: (.+), gas_used: (\d+) \}")
_NODE_MESSAGE = re.compile(r'JsonRpcError \{ code: -?\d+, message: "([^"]{0,300})')
_DELEGATION = bytes.fromhex("ef0100")
_JOURNAL = "journal: [["


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The block that transactions run in, and the block whose state they start from.

    Attributes:
        state_hash: hash of the block whose post-state is the start.
        number, timestamp, base_fee_wei, coinbase, gas_limit: of the block that they run in.
        calldata_floor: EIP-7623 is in force (Prague and later).
    """

    chain_id: int
    state_hash: str
    number: int
    timestamp: int
    base_fee_wei: int
    coinbase: Address
    gas_limit: int
    calldata_floor: bool


@dataclass(frozen=True, slots=True)
class Executed:
    """What one transaction did.

    Attributes:
        gas: as the receipt will show it.
        peak_gas: spent before the refund. A gas limit needs it, and a 64th more for each call inside a call.
        revert: its revert data; None where it succeeded.
        halt: why the EVM stopped otherwise.
    """

    gas: int
    peak_gas: int = 0
    output: bytes = b""
    logs: tuple[Log, ...] = ()
    revert: bytes | None = None
    halt: str = ""

    @property
    def succeeded(self) -> bool:
        return self.revert is None and not self.halt


class Machine:
    """One EVM. Not for several threads."""

    def __init__(self, rpc_url: str, block: BlockContext) -> None:
        """Connects to the node; state is fetched as it is touched, and kept.

        Raises:
            RpcFailure: the node cannot be reached or does not serve the block.
        """
        self.block = block
        with _node_errors():
            self._evm: Any = pyrevm.EVM(
                fork_url=rpc_url,
                fork_block=block.state_hash,
                spec_id=SPEC,
                gas_limit=block.gas_limit,
                env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=block.chain_id)),
            )
        self._evm.set_block_env(
            pyrevm.BlockEnv(
                number=block.number,
                timestamp=block.timestamp,
                basefee=block.base_fee_wei,
                coinbase=block.coinbase,
                gas_limit=block.gas_limit,
            )
        )

    def run(self, sender: Address, transaction: Transaction, gas_limit: int | None = None) -> Executed:
        """Runs one transaction and keeps its changes, unless it reverts.

        Raises:
            RpcFailure: the node did not deliver the state that the transaction touches.
        """
        executed, writes = self._call(sender, transaction, gas_limit or self.block.gas_limit, keep=True)
        writes.apply(self._evm)
        floor = floor_gas(transaction.data) if self.block.calldata_floor else 0
        if executed.gas < floor:
            return dataclasses.replace(executed, gas=floor, peak_gas=max(floor, executed.peak_gas))
        return executed

    def view(self, to: Address, data: bytes) -> bytes | None:
        """What a call returns; None where it reverts. Changes nothing."""
        executed, _ = self._call(
            ZERO_ADDRESS, Transaction("view", to, data), self.block.gas_limit, keep=False
        )
        return executed.output if executed.succeeded else None

    def _undelegate(self, sender: Address) -> None:
        """Lets an account that has delegated its code (EIP-7702) send: pyrevm knows no delegations."""
        with _node_errors():
            code = self._evm.get_code(sender)
            if code and bytes(code).startswith(_DELEGATION):
                info = self._evm.basic(sender)
                with _undone(self._evm):
                    self._evm.insert_account_info(sender, pyrevm.AccountInfo(info.balance, info.nonce))

    def has_code(self, address: Address) -> bool:
        with _node_errors():
            return bool(self._evm.get_code(address))

    def _call(
        self, sender: Address, transaction: Transaction, gas_limit: int, *, keep: bool
    ) -> tuple[Executed, _Writes]:
        evm, to = self._evm, transaction.to
        self._undelegate(sender)
        evm.set_tx_env(pyrevm.TxEnv(caller=sender, to=to, gas_price=self.block.base_fee_wei))
        try:
            with _undone(evm):
                output = evm.message_call(
                    caller=sender, to=to, calldata=transaction.data, value=transaction.value, gas=gas_limit
                )
                result, writes = evm.result, _Writes.of(evm) if keep else _Writes()
                logs = tuple(_log(entry) for entry in result.logs)
                peak = result.gas_used + result.gas_refunded
                return Executed(result.gas_used, peak, bytes(output), logs), writes
        except (RuntimeError, OverflowError) as error:
            return _failed(str(error)), _Writes()
        finally:
            evm.reset_transient_storage()


def floor_gas(data: bytes) -> int:
    """The least gas that a transaction with this data uses (EIP-7623)."""
    tokens = 4 * len(data) - 3 * data.count(0)
    return BASE_GAS + FLOOR_GAS_PER_TOKEN * tokens


@dataclass(frozen=True, slots=True)
class _Writes:
    """What a transaction has changed: storage by (address, slot), accounts by address."""

    storage: tuple[tuple[Address, int, int], ...] = ()
    accounts: tuple[tuple[Address, Any], ...] = ()

    @classmethod
    def of(cls, evm: Any) -> _Writes:
        """The writes in the journal of the transaction just run."""
        text: str = evm.journal_str
        journal = text[text.rindex(_JOURNAL) :]
        slots = dict.fromkeys((address, int(key)) for address, key in _STORAGE.findall(journal))
        moved = {side for source, to, wei in _BALANCE.findall(journal) if int(wei) for side in (source, to)}
        return cls(
            tuple((address, key, evm.storage(address, key)) for address, key in slots),
            tuple(
                (address, pyrevm.AccountInfo(info.balance, info.nonce, code=evm.get_code(address)))
                for address in sorted(moved | set(_NONCE.findall(journal)))
                for info in (evm.basic(address),)
            ),
        )

    def apply(self, evm: Any) -> None:
        """Puts the writes below the journal, each on its own.

        To an account that is loaded pyrevm would write in the journal only; an undone checkpoint unloads it.
        """
        for address, info in self.accounts:
            with _undone(evm):
                evm.insert_account_info(address, info)
        for address, key, value in self.storage:
            with _undone(evm):
                evm.insert_account_storage(address, key, value)


@contextlib.contextmanager
def _undone(evm: Any) -> Iterator[None]:
    """Undoes what the journal records meanwhile; the database below keeps what it was given."""
    checkpoint = evm.snapshot()
    try:
        yield
    finally:
        evm.revert(checkpoint)


def _log(entry: Any) -> Log:
    _, data = entry.data
    return Log(entry.address.lower(), tuple(bytes.fromhex(each[2:]) for each in entry.topics), bytes(data))


def _failed(message: str) -> Executed:
    if found := _REVERT.match(message):
        return Executed(int(found[1]), revert=bytes.fromhex(found[2]))
    if found := _HALT.match(message):
        return Executed(int(found[2]), halt=found[1])
    raise RpcFailure(f"in-process EVM: {_without_url(message)}")


def _without_url(message: str) -> str:
    """What the node said, or that it did not answer; never its address, which may hold an access key."""
    said = _NODE_MESSAGE.search(message)
    if said:
        return said[1]
    return "the node does not answer" if "HTTPError" in message else message.split("{", maxsplit=1)[0].strip()


@contextlib.contextmanager
def _node_errors() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise RpcFailure(f"in-process EVM: {_without_url(str(error))}") from None
