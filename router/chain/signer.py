"""Who signs. Keys and passwords never stand in arguments, messages, logs or representations."""

from __future__ import annotations

import getpass
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from router.chain.calls import Node, to_bytes
from router.errors import GuardRefused, InconsistentAnswer, InputError
from router.tokens import Address, to_checksum

PASSWORD_VARIABLE = "REBALANCE_PASSWORD"  # noqa: S105 - the name of a variable
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_DYNAMIC_FEE = 2


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """An EIP-1559 transaction. Fees are wei per gas."""

    chain_id: int
    nonce: int
    to: Address
    value: int
    data: bytes
    gas_limit: int
    max_fee: int
    max_priority_fee: int

    def fields(self) -> dict[str, Any]:
        """As eth-account takes them."""
        return {
            "type": _DYNAMIC_FEE,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "to": to_checksum(self.to),
            "value": self.value,
            "data": "0x" + self.data.hex(),
            "gas": self.gas_limit,
            "maxFeePerGas": self.max_fee,
            "maxPriorityFeePerGas": self.max_priority_fee,
        }


class Signer(Protocol):
    """One account that can sign. Hardware and remote signers implement the same two members."""

    @property
    def address(self) -> Address: ...

    def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
        """The raw signed transaction, ready to broadcast."""


class KeySigner:
    """Signs with a key held in this process."""

    __slots__ = ("_account", "address")

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address: Address = account.address.lower()

    @classmethod
    def from_key(cls, key: bytes) -> KeySigner:
        """A signer for a raw key of 32 bytes.

        Raises:
            InputError: the bytes are no key; they are not shown.
        """
        try:
            return cls(Account.from_key(key))
        except Exception:
            raise InputError("not a private key") from None

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be copied or stored")

    def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
        return bytes(self._account.sign_transaction(transaction.fields()).raw_transaction)


class RemoteSigner:
    """Asks another process for signatures by `eth_signTransaction`, as Web3Signer and Clef serve it."""

    __slots__ = ("_node", "address")

    def __init__(self, node: Node, address: Address) -> None:
        self._node, self.address = node, address

    def __repr__(self) -> str:
        return f"RemoteSigner({self.address})"

    def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
        """Asks for one signature.

        Raises:
            RpcFailure: no answer, or the signer refuses.
            InconsistentAnswer: the answer is no signed transaction.
        """
        fields = {
            name: hex(value) if isinstance(value, int) else value
            for name, value in transaction.fields().items()
        }
        answer = self._node.call("eth_signTransaction", {"from": to_checksum(self.address), **fields})
        raw = answer.get("raw") if isinstance(answer, dict) else answer
        return to_bytes(raw, "eth_signTransaction")


def sign(signer: Signer, transaction: UnsignedTransaction) -> bytes:
    """A signature, trusted only after reading it back.

    Raises:
        InconsistentAnswer: what was signed is not what was asked, or not by this account.
    """
    raw = signer.sign_transaction(transaction)
    try:
        signed = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        by = str(Account.recover_transaction(raw)).lower()
    except Exception:
        raise InconsistentAnswer("the signer's answer is no signed transaction") from None
    wanted = transaction.fields() | {"to": transaction.to, "data": transaction.data}
    found = {name: signed.get(name) for name in wanted} | {
        "to": "0x" + bytes(HexBytes(signed["to"])).hex(),
        "data": bytes(HexBytes(signed["data"])),
    }
    if found != wanted or signed.get("accessList"):
        raise InconsistentAnswer("the signer has signed another transaction than was asked")
    if by != signer.address:
        raise InconsistentAnswer(f"signed by {by}, not by {signer.address}")
    return raw


# --- keystores ---


def load_keystore(path: Path, password: str) -> KeySigner:
    """Opens an encrypted key file (Web3 Secret Storage, version 3).

    Raises:
        InputError: no such file, not a keystore, or the wrong password.
    """
    content = _read_keystore(path)
    try:
        key = bytes(Account.decrypt(content, password))
    except ValueError:
        raise InputError("wrong password", path=str(path)) from None
    except Exception:
        raise InputError("a damaged keystore", path=str(path)) from None
    return KeySigner.from_key(key)


def keystore_address(path: Path) -> Address | None:
    """Whose key a keystore says it holds; None where it does not say.

    Raises:
        InputError: no such file, or not a keystore.
    """
    address = _read_keystore(path).get("address")
    return f"0x{address.removeprefix('0x').lower()}" if isinstance(address, str) else None


def _read_keystore(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", path=str(path)) from None
    except ValueError:
        raise InputError("not a keystore (JSON, version 3)", path=str(path)) from None
    if not isinstance(content, dict) or content.get("version") != 3 or "crypto" not in content:
        raise InputError("not a keystore (JSON, version 3)", path=str(path))
    return content


def read_password(
    password_file: Path | None = None,
    *,
    prompt: Callable[[str], str] | None = getpass.getpass,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The keystore's password: out of the file where one is named, else REBALANCE_PASSWORD, else asked for.

    Raises:
        GuardRefused: others than its owner can read or write the file.
        InputError: the file cannot be read, or there is nobody to ask (`prompt` None).
    """
    if password_file is not None:
        return _password_of(password_file)
    found = (os.environ if environment is None else environment).get(PASSWORD_VARIABLE)
    if found is not None:
        return found
    if prompt is None:
        raise InputError(f"no password: name a password file or set {PASSWORD_VARIABLE}")
    return prompt("Keystore password: ")


def _password_of(path: Path) -> str:
    try:
        with path.open() as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & _OTHERS:
                raise GuardRefused(f"{path}: others can read this password file; run chmod 600 on it")
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(getattr(error, "strerror", None) or "not text", path=str(path)) from None
