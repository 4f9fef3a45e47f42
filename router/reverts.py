"""The executor's custom errors by their Solidity names: raised by a replay, decoded from a chain.

`interfaces/IRebalanceExecutor.sol` declares the same errors, and says when each is thrown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from router.errors import ExecutionReverted

Figure = int | str | bytes
SELECTOR_BYTES = 4


class ExecutorRevert(ExecutionReverted):
    """Base of the errors below.

    Attributes:
        declared: type and name of each figure, as Solidity declares them but for the case of the names.
        figures: the values by name; addresses in lower case, amounts raw.
        data: the revert bytes.
    """

    declared: ClassVar[str] = ""
    figures: Mapping[str, Figure]

    def __init__(self, *values: Figure) -> None:
        names, types = self.names(), self.types()
        self.figures = dict(zip(names, values, strict=True))
        shown = (f"{name}={_shown(value)}" for name, value in self.figures.items())
        super().__init__(
            f"{type(self).__name__}({', '.join(shown)})", self.selector() + abi_encode(types, values)
        )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(cls.declared.replace(",", "").split()[1::2])

    @classmethod
    def types(cls) -> tuple[str, ...]:
        return tuple(cls.declared.split()[::2])

    @classmethod
    def selector(cls) -> bytes:
        """The first four bytes of the revert data."""
        return keccak(text=f"{cls.__name__}({','.join(cls.types())})")[:SELECTOR_BYTES]


def _shown(value: Figure) -> str:
    """Bytes as the error or the sentence that they are, else in hex."""
    if not isinstance(value, bytes):
        return str(value)
    inner = decode_revert(value)
    if inner is not None:
        return inner.reason
    text = value.decode("ascii", errors="replace")
    return text if text.isascii() and text.isprintable() else "0x" + value.hex()


# --- who may call, and when ---


class NotOwner(ExecutorRevert):
    """Only the owner may call this."""

    declared = "address caller"


class Reentered(ExecutorRevert):
    """A program is running already."""


class DeadlinePassed(ExecutorRevert):
    """The block is later than the program allows."""

    declared = "uint256 deadline, uint256 timestamp"


class OutsideBlockWindow(ExecutorRevert):
    """The block number is not in the window that the program names; `last_block` 0 has no end."""

    declared = "uint256 block_number, uint256 first_block, uint256 last_block"


class UnexpectedCallback(ExecutorRevert):
    """No callback is due from this caller."""

    declared = "address caller"


class UnexpectedCallbackData(ExecutorRevert):
    """The callback is due from this caller, with other data."""

    declared = "bytes32 expected_hash, bytes32 actual_hash"


class UnexpectedInitiator(ExecutorRevert):
    """The lender names another account as the one who asked for the loan."""

    declared = "address initiator"


# --- programs that cannot be read ---


class UnsupportedVersion(ExecutorRevert):
    """The program is written in another version of the format."""

    declared = "uint256 version"


class TruncatedProgram(ExecutorRevert):
    """The program ends at `length`, and what is being read ends at `needed`."""

    declared = "uint256 needed, uint256 length"


class ProgramTooLong(ExecutorRevert):
    """The program is longer than the executor reads."""

    declared = "uint256 length, uint256 max_length"


class DuplicateToken(ExecutorRevert):
    """The program lists a token twice."""

    declared = "uint256 index, address token"


class UnknownToken(ExecutorRevert):
    """A step names a place beyond the token list."""

    declared = "uint256 step, uint256 index, uint256 token_count"


class UnknownStep(ExecutorRevert):
    """No step has this kind byte."""

    declared = "uint256 step, uint256 kind"


class IllegalRoute(ExecutorRevert):
    """Payer, recipient, amount mode, tokens or neighbours of a swap that do not fit together."""

    declared = "uint256 step, uint256 route"


class IllegalFee(ExecutorRevert):
    """A Uniswap v2 fee of a whole or more."""

    declared = "uint256 step, uint256 fee_pips"


class IllegalTokenCount(ExecutorRevert):
    """More or fewer tokens than one loan of this kind carries."""

    declared = "uint256 step, uint256 count, uint256 max_count"


class LoanTokensNotAscending(ExecutorRevert):
    """Loan tokens stand in ascending order of address, none twice."""

    declared = "uint256 step, address previous, address token"


# --- steps that fail ---


class StepFailed(ExecutorRevert):
    """A pool, lender or token refuses; `reason` is its revert data, or a sentence in a replay."""

    declared = "uint256 step, bytes reason"


class ZeroAmount(ExecutorRevert):
    """A step that must move something would move nothing."""

    declared = "uint256 step"


class LedgerTooLow(ExecutorRevert):
    """A step spends more than the executor holds of the token."""

    declared = "uint256 step, address token, uint256 needed, uint256 held"


class PullExceedsMax(ExecutorRevert):
    """All pulls of the token together, this one included, exceed what the owner may spend."""

    declared = "uint256 step, address token, uint256 pulled, uint256 max_spent"


class PartialFill(ExecutorRevert):
    """The pool took `spent` of the `amount_in` that it was to swap."""

    declared = "uint256 step, uint256 amount_in, uint256 spent"


class UnexpectedPayment(ExecutorRevert):
    """The pool asks for other payment than the swap's amount of its token in."""

    declared = "uint256 step, int256 amount0, int256 amount1, uint256 amount_in"


class MissingCallback(ExecutorRevert):
    """The contract that was to call back did not."""

    declared = "uint256 step, address expected"


class PremiumCountMismatch(ExecutorRevert):
    """The lender names premiums for another number of tokens than were borrowed."""

    declared = "uint256 step, uint256 expected, uint256 actual"


class ShortRepayment(ExecutorRevert):
    """The executor holds less than the loan takes back. `step` is the one that borrowed."""

    declared = "uint256 step, address token, uint256 due, uint256 available"


# --- tokens that cannot be handled ---


class UnreadableToken(ExecutorRevert):
    """The token does not answer `balanceOf` or `allowance`."""

    declared = "address token"


class BalanceFell(ExecutorRevert):
    """A balance here fell while only a receipt was due."""

    declared = "address token, uint256 balance_before, uint256 balance_after"


class AmountTooLarge(ExecutorRevert):
    """Balances and amounts from 2^128 up, or worth 2^222 / 10^36 numeraire units up, are not handled."""

    declared = "address token, uint256 amount"


class PayoutFailed(ExecutorRevert):
    """The token does not pay the owner what is left after the last step; `reason` is what it said."""

    declared = "address token, bytes reason"


# --- bounds on the owner's balances ---


class SpentTooMuch(ExecutorRevert):
    """The owner lost more of the token than allowed."""

    declared = "address token, uint256 spent, uint256 max_spent"


class InsufficientReceived(ExecutorRevert):
    """The owner gained less of the token than demanded; 0 where it lost some."""

    declared = "address token, uint256 received, uint256 min_received"


class ValueBelowMinimum(ExecutorRevert):
    """The owner's gains and losses at the program's prices, times 10**36, sum to less than demanded."""

    declared = "int256 value_change, int256 min_value_change"


class WeightOutOfBounds(ExecutorRevert):
    """The token's share of the owner's balances in the priced tokens is out of bounds."""

    declared = "address token, uint256 weight_pips, uint256 min_weight_pips, uint256 max_weight_pips"


_BY_SELECTOR = {error.selector(): error for error in ExecutorRevert.__subclasses__()}


def decode_revert(data: bytes) -> ExecutorRevert | None:
    """The executor's own error that these bytes carry; None where they are another contract's, or damaged."""
    found = _BY_SELECTOR.get(data[:SELECTOR_BYTES])
    if found is None:
        return None
    try:
        values = abi_decode(found.types(), data[SELECTOR_BYTES:])
    except DecodingError:
        return None
    return found(*values)
