"""A program in words, for whoever has to sign or judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from router.fixed_point import PIPS, SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Step,
    Swap,
    TokenBounds,
)
from router.tokens import Address, Token, format_amount, to_checksum

BOUNDS_HEADER = ("token", "spends at most", "receives at least", "price", "weight")
_PRICE_DECIMALS = 36
_PIPS_TO_PERCENT_DECIMALS = 4
_PAYERS = {
    Payer.EXECUTOR: "",
    Payer.OWNER: ", paid by the owner",
    Payer.PREPAID: ", paid by the step before",
}
_RECIPIENTS = {
    Recipient.EXECUTOR: "",
    Recipient.OWNER: ", to the owner",
    Recipient.NEXT_POOL: ", to the pool of the next step",
}


@dataclass(frozen=True, slots=True)
class Description:
    """Rows of text.

    Attributes:
        head: (name, value) of what holds for the whole program.
        bounds: one row per token, in the columns of `BOUNDS_HEADER`.
        steps: one sentence per step, in order.
    """

    head: tuple[tuple[str, str], ...]
    bounds: tuple[tuple[str, ...], ...]
    steps: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{name}: {value}" for name, value in self.head]
        table = (BOUNDS_HEADER, *self.bounds)
        widths = [max(len(row[column]) for row in table) for column in range(len(BOUNDS_HEADER))]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        lines += [f"{index}. {sentence}" for index, sentence in enumerate(self.steps)]
        return "\n".join(lines)


def describe(program: Program, tokens: Mapping[Address, Token] | None = None) -> Description:
    """The program in words: symbols and whole tokens where known, addresses and raw units elsewhere."""
    names = _Names(program, tokens or {})
    return Description(
        head=(
            ("deadline", _moment(program.deadline)),
            ("blocks", _window(program.first_block, program.last_block)),
            ("value change", f"at least {format_amount(program.min_value_change_e36, _PRICE_DECIMALS)}"),
        ),
        bounds=tuple(_bounds_row(bounds, names) for bounds in program.tokens),
        steps=tuple(_sentence(step, names) for step in program.steps),
    )


class _Names:
    """How tokens are called: by a symbol only where it is one printable word that no other token here has."""

    def __init__(self, program: Program, tokens: Mapping[Address, Token]) -> None:
        self.known = {
            bounds.token: tokens[bounds.token] for bounds in program.tokens if bounds.token in tokens
        }
        symbols = [token.symbol for token in self.known.values()]
        self.clear = {symbol for symbol in symbols if _is_word(symbol) and symbols.count(symbol) == 1}

    def name(self, address: Address) -> str:
        token = self.known.get(address)
        return token.symbol if token and token.symbol in self.clear else to_checksum(address)

    def number(self, address: Address, raw: int) -> str:
        token = self.known.get(address)
        return format_amount(raw, token.decimals) if token else f"{raw} raw"

    def amount(self, address: Address, raw: int) -> str:
        token = self.known.get(address)
        unit = "" if token else " units of"
        return f"{self.number(address, raw)}{unit} {self.name(address)}"

    def price(self, address: Address, price_e36: int) -> str:
        token = self.known.get(address)
        if token:
            return format_amount(price_e36 * 10**token.decimals, _PRICE_DECIMALS)
        return f"{format_amount(price_e36, _PRICE_DECIMALS)} per raw unit"


def _is_word(text: str) -> bool:
    return text.isprintable() and text.split() == [text] and not text.startswith("0x")


def _moment(timestamp: int) -> str:
    try:
        return f"{timestamp} ({datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    except (ValueError, OverflowError, OSError):
        return str(timestamp)


def _window(first: int, last: int) -> str:
    if last:
        return f"{first} to {last}"
    return f"from {first}" if first else "any"


def _bounds_row(bounds: TokenBounds, names: _Names) -> tuple[str, ...]:
    token = bounds.token
    return (
        names.name(token),
        names.number(token, bounds.max_spent),
        names.number(token, bounds.min_received),
        names.price(token, bounds.price_e36) if bounds.price_e36 else "none",
        _weights(bounds.min_weight_pips, bounds.max_weight_pips),
    )


def _weights(low: int, high: int) -> str:
    if (low, high) == (0, PIPS):
        return "any"
    return " to ".join(f"{format_amount(pips, _PIPS_TO_PERCENT_DECIMALS)}%" for pips in (low, high))


def _sentence(step: Step, names: _Names) -> str:
    match step:
        case Pull(token, None):
            return f"pull from the owner what the open loans still lack of {names.name(token)}"
        case Pull(token, int(amount)):
            return f"pull {names.amount(token, amount)} from the owner"
        case Deliver(token):
            return f"deliver all {names.name(token)} held to the owner"
        case Check():
            return "check that the owner has received every minimum"
        case Borrow(kind, lender, amounts):
            lent = " and ".join(names.amount(token, amount) for token, amount in amounts)
            return f"borrow {lent} from {kind} {to_checksum(lender)}, repaid after the last step"
        case Swap():
            return (
                f"swap {_amount_in(step, names)} for {names.name(step.token_out)} "
                f"in {step.kind} {to_checksum(step.pool)}{_PAYERS[step.payer]}{_RECIPIENTS[step.recipient]}"
            )
    raise AssertionError(step)


def _amount_in(swap: Swap, names: _Names) -> str:
    name = names.name(swap.token_in)
    if swap.payer is Payer.PREPAID:
        return f"the {name} it was paid"
    match swap.mode:
        case AmountMode.LITERAL:
            return names.amount(swap.token_in, swap.amount)
        case AmountMode.SHARE:
            return f"{100 * swap.amount / SHARE_ONE:.6g}% of the {name} held"
        case AmountMode.REMAINDER:
            return f"all {name} held"
