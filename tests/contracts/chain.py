"""An in-process EVM with what contract tests need: typed calls, decoded reverts, cold copies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, Env

from router.localnet.artifacts import Artifact

DEPLOYER = "0x" + "d0" * 20
BLOCK_NUMBER, TIMESTAMP = 1_000, 1_700_000_000
GAS_LIMIT = 30_000_000
_ACCOUNT = re.compile(r"(0x[0-9a-f]{40}): Account \{ info: AccountInfo \{ balance: (\d+), nonce: (\d+),")
_SLOT = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+) \}")
_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")


class Reverted(Exception):  # noqa: N818
    """A call reverted with `data`."""

    def __init__(self, data: bytes, text: str) -> None:
        self.data = data
        super().__init__(text)


@dataclass(frozen=True)
class Account:
    """One account of a frozen chain."""

    address: str
    info: AccountInfo
    storage: dict[int, int]


@dataclass(frozen=True)
class Event:
    """One log."""

    address: str
    topics: list[str]
    data: bytes


def selector(signature: str) -> bytes:
    """The four bytes of ``name(types)``."""
    return keccak(text=signature)[:4]


def split_types(text: str) -> list[str]:
    """The top-level types of ``(a,b(c,d),e)``."""
    inner, parts, depth, start = text[1:-1], [], 0, 0
    for place, char in enumerate(inner):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(inner[start:place])
            start = place + 1
    return [*parts, inner[start:]] if inner else []


def calldata(signature: str, *args: Any) -> bytes:
    """ABI-encoded call of ``name(types)``."""
    return selector(signature) + encode(split_types(signature[signature.index("(") :]), args)


class Chain:
    """One EVM. Every `send` is its own transaction; state persists."""

    def __init__(self) -> None:
        self.gas_used = 0
        self.logs: list[Event] = []
        self._origin: tuple[Account, ...] = ()
        self.evm = self._fresh()

    @staticmethod
    def _fresh() -> EVM:
        evm = EVM(spec_id="CANCUN", env=Env(block=BlockEnv(number=BLOCK_NUMBER, timestamp=TIMESTAMP)))
        evm.set_balance(DEPLOYER, 10**30)
        return evm

    def freeze(self) -> tuple[Account, ...]:
        """Every account as it is now."""
        text = self.evm.journal_str.split("transient_storage:")[0]
        found = list(_ACCOUNT.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        accounts = {account.address: account for account in self._origin}
        for match, end in zip(found, ends, strict=True):
            address, balance, nonce = match[1], int(match[2]), int(match[3])
            code = bytes(self.evm.get_code(address) or b"")
            earlier = accounts[address].storage if address in accounts else {}
            now = {int(slot[1]): int(slot[2]) for slot in _SLOT.finditer(text, match.end(), end)}
            info = AccountInfo(balance=balance, nonce=nonce, code=code)
            accounts[address] = Account(address, info, {**earlier, **now})
        return tuple(accounts.values())

    @classmethod
    def thaw(cls, accounts: tuple[Account, ...]) -> Chain:
        """A new EVM in that state: nothing is warm, no transient value is left."""
        chain = cls()
        chain._origin = accounts
        for account in accounts:
            chain.evm.insert_account_info(account.address, account.info)
            for slot, value in account.storage.items():
                # The first insertion loads the account, which would make it and later slots warm.
                checkpoint = chain.evm.snapshot()
                chain.evm.insert_account_storage(account.address, slot, value)
                chain.evm.revert(checkpoint)
        return chain

    def at(self, number: int = BLOCK_NUMBER, timestamp: int = TIMESTAMP) -> None:
        """Moves to another block."""
        self.evm.set_block_env(BlockEnv(number=number, timestamp=timestamp))

    def create(self, artifact: Artifact, types: str = "()", *args: Any, **libraries: str) -> str:
        """Deploys and returns the address, lower-case."""
        code = bytes.fromhex(artifact.linked(libraries)) + encode(split_types(types), args)
        return str(self.evm.deploy(DEPLOYER, code)).lower()

    def send(self, to: str, signature: str, *args: Any, sender: str = DEPLOYER, returns: str = "()") -> Any:
        """A transaction. Returns the decoded answer; a single value is not wrapped."""
        return self.raw(to, calldata(signature, *args), sender=sender, returns=returns)

    def raw(self, to: str, data: bytes, *, sender: str = DEPLOYER, returns: str = "()") -> Any:
        """A transaction with these bytes.

        Raises:
            Reverted: it reverted, or halted (then without data).
        """
        self.evm.reset_transient_storage()
        return self._decode(self._call(to, data, sender), returns)

    def read(self, to: str, signature: str, *args: Any, returns: str = "(uint256)") -> Any:
        """A call that changes nothing."""
        checkpoint = self.evm.snapshot()
        try:
            return self._decode(self._call(to, calldata(signature, *args), DEPLOYER), returns)
        finally:
            self.evm.revert(checkpoint)

    def _call(self, to: str, data: bytes, sender: str) -> bytes:
        try:
            answer = self.evm.message_call(caller=sender, to=to, calldata=data, gas=GAS_LIMIT)
        except RuntimeError as error:
            found = _OUTPUT.search(str(error))
            raise Reverted(bytes.fromhex(found[1]) if found else b"", str(error)) from None
        self.gas_used = self.evm.result.gas_used
        self.logs = [Event(log.address.lower(), log.topics, log.data[1]) for log in self.evm.result.logs]
        return bytes(answer)

    @staticmethod
    def _decode(answer: bytes, returns: str) -> Any:
        values = decode(split_types(returns), answer)
        return values[0] if len(values) == 1 else values


class ErrorTable:
    """Custom errors by selector, from ABIs."""

    def __init__(self, *abis: list[dict[str, Any]]) -> None:
        entries = [entry for abi in abis for entry in abi if entry["type"] == "error"]
        self._known = {selector(self._signature(entry)): entry for entry in entries}

    @staticmethod
    def _signature(entry: dict[str, Any]) -> str:
        return f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"

    def decode(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Name and arguments. A `reason` is decoded in its turn."""
        if data[:4] == selector("Error(string)"):
            return "Error", {"message": decode(["string"], data[4:])[0]}
        if data[:4] not in self._known:
            return "", {"data": data}
        entry = self._known[data[:4]]
        values = decode([item["type"] for item in entry["inputs"]], data[4:])
        args = {item["name"]: value for item, value in zip(entry["inputs"], values, strict=True)}
        if "reason" in args:
            args["reason"] = self.decode(args["reason"])
        return entry["name"], args

    @contextmanager
    def expects(self, name: str, **args: Any) -> Iterator[None]:
        """The block reverts with this error; arguments given must be equal."""
        with pytest.raises(Reverted) as caught:
            yield
        found, values = self.decode(caught.value.data)
        assert found == name, f"{found}{values} instead of {name}: {caught.value}"
        assert {key: values[key] for key in args} == args
