"""Revert bytes in words: the executor's errors, nested ones, and those of pools, lenders and tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from router.chain.revert_tables import AAVE, BALANCER, CUSTOM_ERRORS, PANICS, SENTENCES
from router.errors import ExecutionReverted
from router.reverts import ExecutorRevert, Figure, PayoutFailed, StepFailed, decode_revert

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_MAX_DEPTH = 8
_MAX_SHOWN_BYTES = 68

DescribeStep = Callable[[int], str]
"""Says in words what the step of this index does."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A decoded revert.

    Attributes:
        name: of the Solidity error; ``Error`` or ``Panic`` for the built-in ones, ``Halt`` where the EVM
            stopped, ``Empty`` where nothing was said, ``Unknown`` for a selector not known here.
        arguments: by name; bytes as 0x-hex.
        message: one line for people, nested reasons included.
        step: index into the program's steps where the error names one.
        data: the revert bytes.
        cause: what the failing step's contract said.
    """

    name: str
    message: str
    arguments: Mapping[str, int | str] = field(default_factory=dict)
    step: int | None = None
    data: bytes = b""
    cause: Reason | None = None


def explain(data: bytes, describe_step: DescribeStep | None = None) -> Reason:
    """The reason that revert bytes carry. Never raises: what cannot be decoded is shown as hex."""
    return _explain(data, describe_step, 0)


def explain_halt(halt: str) -> Reason:
    """The reason of a transaction that ended without revert data, e.g. out of gas."""
    return Reason("Halt", f"the EVM stopped: {halt}")


def reverted(data: bytes, halt: str = "", describe_step: DescribeStep | None = None) -> ExecutionReverted:
    """The exception for a failed transaction: the class of the executor's error where it is one of them.

    Its `reason` is `Reason.message`; `explain(error.data)` gives the rest.
    """
    if halt:
        return ExecutionReverted(explain_halt(halt).message)
    reason = explain(data, describe_step)
    error = decode_revert(data) or ExecutionReverted(reason.message, data)
    error.reason, error.args = reason.message, (reason.message,)
    return error


def _explain(data: bytes, describe_step: DescribeStep | None, depth: int) -> Reason:
    if not data:
        return Reason("Empty", "it reverted without a reason")
    own = decode_revert(data)
    if own is not None:
        return _own(own, data, describe_step, depth)
    if data[:4] == _ERROR_STRING:
        text = _decoded(("string",), data)
        if text is not None:
            return Reason("Error", _sentence(str(text[0])), {"message": str(text[0])}, data=data)
    if data[:4] == _PANIC:
        code = _decoded(("uint256",), data)
        if code is not None:
            number = int(code[0])
            words = PANICS.get(number, "unknown code")
            return Reason("Panic", f"panic 0x{number:02x}: {words}", {"code": number}, data=data)
    return _foreign(data)


def _own(error: ExecutorRevert, data: bytes, describe_step: DescribeStep | None, depth: int) -> Reason:
    name = type(error).__name__
    arguments = {key: _plain(value) for key, value in error.figures.items()}
    step = arguments.get("step")
    index = step if isinstance(step, int) else None
    cause = None
    inner = error.figures.get("reason")
    if isinstance(error, StepFailed | PayoutFailed) and isinstance(inner, bytes) and depth < _MAX_DEPTH:
        cause = _explain(inner, describe_step, depth + 1)
        failed = f"step {index}" if index is not None else f"paying out {arguments['token']}"
        message = f"{failed} failed: {cause.message}"
    else:
        message = error.reason
    if index is not None and describe_step is not None:
        message += f" [step {index}: {_described(describe_step, index)}]"
    return Reason(name, message, arguments, index, data, cause)


def _described(describe_step: DescribeStep, index: int) -> str:
    try:
        return describe_step(index)
    except IndexError:
        return "not in the program"


def _foreign(data: bytes) -> Reason:
    for name, names, types in _CUSTOM.get(data[:4], ()):
        values = _decoded(types, data)
        if values is not None:
            arguments = dict(zip(names, map(_plain, values), strict=True))
            shown = ", ".join(f"{key}={value}" for key, value in arguments.items())
            return Reason(name, f"{name}({shown})", arguments, data=data)
    more = "…" if len(data) > _MAX_SHOWN_BYTES else ""
    return Reason("Unknown", f"unknown error 0x{data[:_MAX_SHOWN_BYTES].hex()}{more}", data=data)


def _sentence(text: str) -> str:
    """The short string, and what it means where that is known."""
    if text.startswith("BAL#"):
        digits = text[4:]
        words = BALANCER.get(int(digits)) if digits.isdecimal() and digits.isascii() else None
        return f"{text} (Balancer: {words})" if words else text
    if text in AAVE:
        return f"{text} (Aave: {AAVE[text]})"
    if text in SENTENCES:
        return f"{text} ({SENTENCES[text]})"
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown or "it reverted with an empty message"


def _decoded(types: tuple[str, ...], data: bytes) -> tuple[Figure, ...] | None:
    try:
        return tuple(decode(types, data[4:]))
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return None


def _plain(value: Figure) -> int | str:
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _table() -> dict[bytes, list[tuple[str, tuple[str, ...], tuple[str, ...]]]]:
    table: dict[bytes, list[tuple[str, tuple[str, ...], tuple[str, ...]]]] = {}
    for declaration in CUSTOM_ERRORS:
        name, _, rest = declaration.partition("(")
        words = rest.rstrip(")").replace(",", "").split()
        types, names = tuple(words[::2]), tuple(words[1::2])
        selector = bytes(keccak(text=f"{name}({','.join(types)})")[:4])
        table.setdefault(selector, []).append((name, names, types))
    return table


_CUSTOM = _table()
