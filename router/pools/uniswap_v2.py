"""Uniswap v2 pairs and forks that differ by fee only, to the wei.

Source: Uniswap v2-periphery, contracts/libraries/UniswapV2Library.sol, and v2-core,
    contracts/UniswapV2Pair.sol. Their 997/1000 is (1e6 - 3000)/1e6 with both sides divided by 1000, which
    changes no rounding; so is Pancake's 9975/10000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from router.errors import InputError, InsufficientLiquidity
from router.fixed_point import MAX_U256, PIPS
from router.pools.base import require_amount, require_tokens
from router.tokens import Address

GAS_PER_SWAP = 67_800
"""One more hop through a router, reference/executor.md section 4."""
MAX_RESERVE = (1 << 112) - 1


def amount_out_for(amount_in: int, reserve_in: int, reserve_out: int, fee_pips: int) -> int:
    """UniswapV2Library.getAmountOut for any fee, rounded down; may be 0. Assumes positive reserves."""
    after_fee = amount_in * (PIPS - fee_pips)
    return after_fee * reserve_out // (reserve_in * PIPS + after_fee)


def amount_in_for(amount_out: int, reserve_in: int, reserve_out: int, fee_pips: int) -> int:
    """UniswapV2Library.getAmountIn for any fee: the quotient plus one. Assumes 0 < amount_out <
    reserve_out.
    """
    return reserve_in * amount_out * PIPS // ((reserve_out - amount_out) * (PIPS - fee_pips)) + 1


@dataclass(frozen=True, slots=True)
class UniswapV2Pool:
    """A constant-product pair. `reserves` are raw units in the order of `tokens`; `protocol` names a fork
    for people.
    """

    kind: ClassVar[str] = "uniswap_v2"

    address: Address
    tokens: tuple[Address, Address]
    reserves: tuple[int, int]
    fee_pips: int = 3000
    protocol: str = ""

    @property
    def gas(self) -> int:
        return GAS_PER_SWAP

    def __repr__(self) -> str:
        return f"UniswapV2Pool({self.address}, {self.fee_pips / PIPS:.2%})"

    def quote_exact_in(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        """What the pair pays for `amount_in`, rounded down.

        Raises:
            InsufficientLiquidity: an empty side, nothing to pay, or a reserve that would not fit 112 bits.
        """
        index_in, index_out = require_tokens(self, token_in, token_out)
        return self._amount_out(index_in, index_out, amount_in)

    def quote_exact_out(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """What the pair charges for `amount_out`, rounded up and one more, as the library's `getAmountIn`
        does.

        Raises:
            InsufficientLiquidity: not less than the reserve, or a reserve that would not fit 112 bits.
        """
        index_in, index_out = require_tokens(self, token_in, token_out)
        require_amount(self, amount_out, MAX_U256)
        reserve_in, reserve_out = self.reserves[index_in], self.reserves[index_out]
        if not reserve_in or amount_out >= reserve_out:
            raise InsufficientLiquidity(
                f"{self!r} holds {reserve_out} of {token_out}, asked for {amount_out}"
            )
        amount_in = amount_in_for(amount_out, reserve_in, reserve_out, self.fee_pips)
        self._check_reserve(reserve_in + amount_in)
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, UniswapV2Pool]:
        """The amount out, and the pair after the swap; its whole fee stays in the reserves."""
        index_in, index_out = require_tokens(self, token_in, token_out)
        amount_out = self._amount_out(index_in, index_out, amount_in)
        reserve_in, reserve_out = self.reserves[index_in] + amount_in, self.reserves[index_out] - amount_out
        reserves = (reserve_in, reserve_out) if index_in == 0 else (reserve_out, reserve_in)
        return amount_out, UniswapV2Pool(self.address, self.tokens, reserves, self.fee_pips, self.protocol)

    def spot_price(self, token_in: Address, token_out: Address) -> float:
        """Marginal rate, fee included: raw units of `token_out` per raw unit of `token_in`."""
        index_in, index_out = require_tokens(self, token_in, token_out)
        reserve_in, reserve_out = self.reserves[index_in], self.reserves[index_out]
        if not reserve_in or not reserve_out:
            raise InsufficientLiquidity(f"{self!r} is empty")
        return reserve_out / reserve_in * (1 - self.fee_pips / PIPS)

    def _amount_out(self, index_in: int, index_out: int, amount_in: int) -> int:
        require_amount(self, amount_in, MAX_U256)
        reserve_in, reserve_out = self.reserves[index_in], self.reserves[index_out]
        if not reserve_in or not reserve_out:
            raise InsufficientLiquidity(f"{self!r} is empty")
        self._check_reserve(reserve_in + amount_in)
        amount_out = amount_out_for(amount_in, reserve_in, reserve_out, self.fee_pips)
        if not amount_out:
            raise InsufficientLiquidity(f"{self!r} pays nothing for {amount_in} of {self.tokens[index_in]}")
        return amount_out

    def _check_reserve(self, reserve: int) -> None:
        if reserve > MAX_RESERVE:
            raise InsufficientLiquidity(f"{self!r}: a reserve of {reserve} does not fit 112 bits")

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> UniswapV2Pool:
        """Builds the pair from its snapshot-file form.

        Raises:
            InputError: values that no pair can have.
        """
        tokens, reserves = tuple(state["tokens"]), tuple(state["reserves"])
        if len(tokens) != 2 or tokens[0] == tokens[1]:
            raise InputError("a uniswap_v2 pool has two different tokens", path="tokens")
        if len(reserves) != 2 or not all(0 <= reserve <= MAX_RESERVE for reserve in reserves):
            raise InputError("a uniswap_v2 pool has two reserves of at most 112 bits", path="reserves")
        if not 0 <= state["fee_pips"] < PIPS:
            raise InputError(f"{state['fee_pips']} is not a fee below 1000000 pips", path="fee_pips")
        return cls(
            address=state["address"],
            tokens=(tokens[0], tokens[1]),
            reserves=(reserves[0], reserves[1]),
            fee_pips=state["fee_pips"],
            protocol=state.get("protocol", ""),
        )

    def to_state(self) -> dict[str, Any]:
        """The snapshot-file form; big integers as ints."""
        state: dict[str, Any] = {"kind": self.kind, "address": self.address, "tokens": list(self.tokens)}
        if self.protocol:
            state["protocol"] = self.protocol
        return state | {"fee_pips": self.fee_pips, "reserves": list(self.reserves)}
