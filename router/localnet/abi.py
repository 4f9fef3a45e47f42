"""Calls written as their signature: ``encode_call("transfer(address,uint256)", to, amount)``."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.grammar import TupleType, parse
from eth_utils.crypto import keccak


@cache
def _split(signature: str) -> tuple[str, tuple[str, ...]]:
    """The selector as hex digits, and the argument types."""
    selector, arguments = keccak(text=signature)[:4].hex(), signature[signature.index("(") :]
    if arguments == "()":
        return selector, ()
    parsed = parse(arguments)
    assert isinstance(parsed, TupleType)
    return selector, tuple(part.to_type_str() for part in parsed.components)


def encode_call(signature: str, *args: Any) -> str:
    """Calldata as 0x-hex."""
    selector, types = _split(signature)
    return f"0x{selector}{encode(types, args).hex()}"


def encode_constructor(types: str, *args: Any) -> str:
    """Constructor arguments as hex digits; `types` is a bracketed list such as ``(address,uint256)``."""
    return encode(_split(types)[1], args).hex()


def decode_result(types: str, data: str) -> tuple[Any, ...]:
    """The values of a call's 0x-hex answer."""
    return decode(_split(types)[1], bytes.fromhex(data.removeprefix("0x")))
