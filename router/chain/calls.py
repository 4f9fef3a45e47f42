"""Transactions before they are signed, and the handful of contract calls that sending needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from router.errors import InconsistentAnswer
from router.tokens import Address

SELECTOR_BYTES = 4
ZERO_ADDRESS = "0x" + "00" * 20
MAX_WORD = (1 << 256) - 1


class Node(Protocol):
    """A JSON-RPC node."""

    def call(self, method: str, *params: Any) -> Any:
        """One request's result.

        Raises:
            RpcFailure: no answer, or a refusal; names the method and carries the node's words.
        """


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an account is about to do, without nonce, fees and signature.

    Attributes:
        purpose: one line for people, e.g. ``approve USDC``.
        value: wei.
    """

    purpose: str
    to: Address
    data: bytes
    value: int = 0

    @property
    def data_hash(self) -> str:
        """keccak256 of the data, 0x-hex: what a simulation and a send must have in common."""
        return keccak_hex(self.data)


@dataclass(frozen=True, slots=True)
class Log:
    """One event. `topics` are 32 bytes each."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


def keccak_hex(data: bytes) -> str:
    """keccak256 as 0x-hex."""
    return "0x" + keccak(data).hex()


def topic(signature: str) -> bytes:
    """The first topic of an event."""
    return bytes(keccak(text=signature))


def calldata(signature: str, *values: Any) -> bytes:
    """Data that calls e.g. ``approve(address,uint256)``; argument types must not be tuples."""
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return bytes(keccak(text=signature)[:SELECTOR_BYTES] + encode(types, values))


def approve(token: Address, symbol: str, spender: Address, amount: int) -> Transaction:
    """An approval of exactly `amount` raw units; 0 revokes."""
    purpose = f"approve {symbol}" if amount else f"revoke {symbol}"
    return Transaction(purpose, token, calldata("approve(address,uint256)", spender, amount))


def balance_of(owner: Address) -> bytes:
    return calldata("balanceOf(address)", owner)


def allowance(owner: Address, spender: Address) -> bytes:
    return calldata("allowance(address,address)", owner, spender)


def to_bytes(value: Any, what: str) -> bytes:
    """0x-hex out of a node's answer.

    Raises:
        InconsistentAnswer: it is not.
    """
    if not isinstance(value, str) or not value.startswith("0x"):
        raise InconsistentAnswer(f"{what}: {str(value)[:80]!r} is not hex data")
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise InconsistentAnswer(f"{what}: {value[:80]!r} is not hex data") from None


def to_int(value: Any, what: str) -> int:
    """A 0x-hex quantity out of a node's answer.

    Raises:
        InconsistentAnswer: it is not, or exceeds 256 bits.
    """
    try:
        number = int(value, 16) if isinstance(value, str) and value.startswith("0x") else -1
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_WORD:
        raise InconsistentAnswer(f"{what}: {str(value)[:80]!r} is not a quantity")
    return number


def to_address(value: Any, what: str) -> Address:
    """A lower-case address out of a node's answer.

    Raises:
        InconsistentAnswer: not 20 bytes of hex.
    """
    data = to_bytes(value, what)
    if len(data) != 20:
        raise InconsistentAnswer(f"{what}: {value!r} is not an address")
    return "0x" + data.hex()


def to_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """An object out of a node's answer.

    Raises:
        InconsistentAnswer: it is something else.
    """
    if not isinstance(value, dict):
        raise InconsistentAnswer(f"{what}: {str(value)[:80]!r} is not an object")
    return value


def word(data: bytes, what: str) -> int:
    """The one uint256 that a view returned.

    Raises:
        InconsistentAnswer: not 32 bytes; so answers an account without code.
    """
    if len(data) != 32:
        raise InconsistentAnswer(f"{what}: {len(data)} bytes where one word was due (no such contract?)")
    return int.from_bytes(data, "big")


def decode_words(types: Sequence[str], data: bytes, what: str) -> tuple[Any, ...]:
    """ABI values out of event or return data.

    Raises:
        InconsistentAnswer: the data does not hold them.
    """
    try:
        return tuple(decode(list(types), data))
    except (DecodingError, OverflowError):
        raise InconsistentAnswer(f"{what}: 0x{data[:64].hex()} does not hold ({','.join(types)})") from None


def read_word(node: Node, to: Address, data: bytes, block: str, what: str) -> int:
    """One uint256 by eth_call at a block (a tag, a number or a hash)."""
    where: Any = {"blockHash": block} if len(block) == 66 else block
    answer = node.call("eth_call", {"to": to, "data": "0x" + data.hex()}, where)
    return word(to_bytes(answer, f"eth_call {what}"), what)


def parse_logs(entries: Any, what: str) -> tuple[Log, ...]:
    """The logs of a receipt or a simulated call.

    Raises:
        InconsistentAnswer: a field is missing or malformed.
    """
    if not isinstance(entries, list):
        raise InconsistentAnswer(f"{what}: logs are missing")
    logs = []
    for entry in entries:
        fields = to_mapping(entry, what)
        topics = fields.get("topics")
        if not isinstance(topics, list):
            raise InconsistentAnswer(f"{what}: a log without topics")
        logs.append(
            Log(
                to_address(fields.get("address"), what),
                tuple(to_bytes(entry, what) for entry in topics),
                to_bytes(fields.get("data"), what),
            )
        )
    return tuple(logs)
