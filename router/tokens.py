"""Tokens, addresses, and the only conversion between raw integer amounts and decimal text.

Addresses are lower-case 0x-hex strings everywhere inside the package; `to_checksum` is for people and web3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from eth_utils.address import to_checksum_address

from router.errors import InputError

Address = str

MAX_DECIMALS = 36
MAX_EXPONENT = 80
"""Largest power of ten, up or down, in an amount's text."""
_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 token on one chain. Amounts of it are ints in raw units, 10**decimals to the whole token."""

    chain_id: int
    address: Address
    symbol: str
    decimals: int

    def __str__(self) -> str:
        return self.symbol


def parse_address(text: str, path: str = "") -> Address:
    """The lower-case form of an address; a mixed-case one must pass its EIP-55 checksum.

    Raises:
        InputError: not 20 bytes of hex, or a checksum failure.
    """
    if not _HEX_ADDRESS.fullmatch(text):
        raise InputError(f"{text!r} is not an address (0x and 40 hex digits)", path=path)
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and to_checksum(text) != text:
        raise InputError(f"{text} fails its EIP-55 checksum", path=path, nearest=to_checksum(text))
    return text.lower()


def to_checksum(address: Address) -> str:
    """The EIP-55 form of an address."""
    return str(to_checksum_address(address))


def parse_amount(text: str, decimals: int, path: str = "") -> int:
    """Whole tokens as decimal text -> raw units, exactly.

    Raises:
        InputError: not a plain number, negative, or finer than the token's smallest unit.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InputError(f"{text!r} is not a number", path=path) from None
    if not value.is_finite() or value < 0:
        raise InputError(f"{text} is not a finite amount of at least zero", path=path)
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise InputError(f"{text} is out of range", path=path)
    raw: Fraction = Fraction(value) * 10**decimals
    if raw.denominator != 1:
        raise InputError(f"{text} has more than the token's {decimals} decimals", path=path)
    return raw.numerator


def format_amount(raw: int, decimals: int) -> str:
    """Raw units -> whole tokens as exact decimal text, without trailing zeros."""
    sign, digits = ("-", str(-raw)) if raw < 0 else ("", str(raw))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole
