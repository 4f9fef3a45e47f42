"""Aave v3 and its forks: one contract with two entry points, chosen by how many tokens a loan carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from router.fixed_point import BPS, mul_div_half_up, mul_div_up
from router.pools.base import Pool
from router.tokens import Address

SIMPLE_LOAN_GAS = 131_000
"""Gas of `flashLoanSimple`."""
MULTI_LOAN_GAS = 21_000
"""Gas of `flashLoan`, tokens apart."""
MULTI_TOKEN_GAS = 127_000
"""Gas of each token of `flashLoan`."""


class Rounding(StrEnum):
    """How the deployed version rounds the premium."""

    HALF_UP = "half_up"
    """`PercentageMath.percentMul`: aave/core-v3 3.0.x."""
    UP = "up"
    """`percentMulCeil`: aave-dao/aave-v3-origin 3.6."""


@dataclass(frozen=True, slots=True)
class AaveV3:
    """An Aave v3 Pool.

    Attributes:
        available: the underlying held by each reserve that is active, not paused and enabled for flash loans.
        premium_bps: FLASHLOAN_PREMIUM_TOTAL, in hundredths of a percent.
    """

    address: Address
    available: Mapping[Address, int]
    premium_bps: int
    rounding: Rounding

    kind: ClassVar[str] = "aave_v3"
    multi_kind: ClassVar[str] = "aave_v3_multi"
    max_tokens: ClassVar[int] = 128
    """ReservesConfiguration.MAX_RESERVES_COUNT."""
    reentrant: ClassVar[bool] = True

    def loan_kind(self, token_count: int) -> str:
        return self.kind if token_count == 1 else self.multi_kind

    def premium(self, _token: Address, amount: int) -> int:
        rounded = mul_div_up if self.rounding is Rounding.UP else mul_div_half_up
        return rounded(amount, self.premium_bps, BPS)

    def gas(self, token_count: int) -> int:
        return SIMPLE_LOAN_GAS if token_count == 1 else MULTI_LOAN_GAS + MULTI_TOKEN_GAS * token_count

    def blocks(self, _pool: Pool) -> bool:
        return False

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(
            state["address"], dict(state["available"]), state["premium_bps"], Rounding(state["rounding"])
        )

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "available": dict(self.available),
            "premium_bps": self.premium_bps,
            "rounding": self.rounding.value,
        }
