"""Uniswap v3 flash: any pool lends its two tokens at its own fee, and stays locked meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from router.fixed_point import PIPS, mul_div_up
from router.pools.base import Pool
from router.tokens import Address

LOAN_GAS = 8_700
"""Gas of a loan, tokens apart."""
TOKEN_GAS = 57_700
"""Gas of each token."""


@dataclass(frozen=True, slots=True)
class UniswapV3Flash:
    """One pool as a lender. `available` is its balance of its two tokens; empty when its liquidity is zero.

    Source: Uniswap/v3-core, `UniswapV3Pool.flash`; the fee is `mulDivRoundingUp(amount, fee, 1e6)`.
    """

    address: Address
    tokens: tuple[Address, Address]
    available: Mapping[Address, int]
    fee_pips: int

    kind: ClassVar[str] = "uniswap_v3"
    max_tokens: ClassVar[int] = 2
    reentrant: ClassVar[bool] = False

    def loan_kind(self, _token_count: int) -> str:
        return self.kind

    def premium(self, _token: Address, amount: int) -> int:
        return mul_div_up(amount, self.fee_pips, PIPS)

    def gas(self, token_count: int) -> int:
        return LOAN_GAS + TOKEN_GAS * token_count

    def blocks(self, pool: Pool) -> bool:
        return pool.address == self.address

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        first, second = state["tokens"]
        return cls(state["address"], (first, second), dict(state["available"]), state["fee_pips"])

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "tokens": list(self.tokens),
            "available": dict(self.available),
            "fee_pips": self.fee_pips,
        }
