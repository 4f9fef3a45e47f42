"""Calls and their answers: selectors, arguments and results of the few functions that the reader asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from router.tokens import Address

_WORD = 32
_ONE_WORD = ("uint256",)


@dataclass(frozen=True, slots=True)
class Function:
    """A view function: its signature, e.g. ``balanceOf(address)``, and the types it returns."""

    signature: str
    returns: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    def call(self, target: Address, *arguments: Address | int | bytes) -> Call:
        """A call of this function on a contract."""
        return Call(target, _selector(self.signature) + b"".join(map(_word, arguments)), self)


@dataclass(frozen=True, slots=True)
class Call:
    """One eth_call. Equal calls have equal answers at one block."""

    target: Address
    data: bytes
    function: Function = field(compare=False)

    def decode(self, answer: bytes) -> tuple[Any, ...] | None:
        """The values returned; None where the bytes are not of these types."""
        if self.function.returns == _ONE_WORD:
            return (int.from_bytes(answer[:_WORD], "big"),) if len(answer) >= _WORD else None
        try:
            return tuple(decode(self.function.returns, answer, strict=False))
        except (DecodingError, OverflowError):
            return None

    def __str__(self) -> str:
        return f"{self.function.name} of {self.target}"


_SELECTORS: dict[str, bytes] = {}


def _selector(signature: str) -> bytes:
    if signature not in _SELECTORS:
        _SELECTORS[signature] = bytes(keccak(text=signature))[:4]
    return _SELECTORS[signature]


def _word(argument: Address | int | bytes) -> bytes:
    """An address, whole number or bytes32 as the one word that it takes."""
    if isinstance(argument, str):
        return bytes.fromhex(argument[2:]).rjust(_WORD, b"\0")
    if isinstance(argument, int):
        return argument.to_bytes(_WORD, "big", signed=argument < 0)
    return argument.ljust(_WORD, b"\0")


DECIMALS = Function("decimals()", ("uint8",))
SYMBOL = Function("symbol()", ("string",))
BALANCE_OF = Function("balanceOf(address)", ("uint256",))
LATEST_ROUND = Function("latestRoundData()", ("uint80", "int256", "uint256", "uint256", "uint80"))

TOKEN0 = Function("token0()", ("address",))
TOKEN1 = Function("token1()", ("address",))
GET_RESERVES = Function("getReserves()", ("uint112", "uint112", "uint32"))
GET_PAIR = Function("getPair(address,address)", ("address",))

GET_POOL = Function("getPool(address,address,uint24)", ("address",))
FEE = Function("fee()", ("uint24",))
TICK_SPACING = Function("tickSpacing()", ("int24",))
SLOT0 = Function("slot0()", ("uint160", "int24"))
LIQUIDITY = Function("liquidity()", ("uint128",))
TICK_BITMAP = Function("tickBitmap(int16)", ("uint256",))
TICKS = Function("ticks(int24)", ("uint128", "int128"))

POOL_TOKENS = Function("getPoolTokens(bytes32)", ("address[]", "uint256[]", "uint256"))
NORMALIZED_WEIGHTS = Function("getNormalizedWeights()", ("uint256[]",))
SWAP_FEE = Function("getSwapFeePercentage()", ("uint256",))
PAUSED_STATE = Function("getPausedState()", ("bool", "uint256", "uint256"))
POST_JOIN_INVARIANT = Function("getLastPostJoinExitInvariant()", ("uint256",))
FEES_COLLECTOR = Function("getProtocolFeesCollector()", ("address",))
FLASH_LOAN_FEE = Function("getFlashLoanFeePercentage()", ("uint256",))

AAVE_PREMIUM = Function("FLASHLOAN_PREMIUM_TOTAL()", ("uint128",))
AAVE_REVISION = Function("POOL_REVISION()", ("uint256",))
AAVE_RESERVE = Function("getReserveData(address)", ("uint256",) * 8 + ("address",))
AAVE_VIRTUAL_BALANCE = Function("getVirtualUnderlyingBalance(address)", ("uint128",))
