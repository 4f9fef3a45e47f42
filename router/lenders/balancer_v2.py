"""Balancer v2: the Vault lends any of its tokens, and stays locked meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from router.fixed_point import WAD, mul_div_up
from router.pools.base import Pool
from router.tokens import Address

LOAN_GAS = 12_500
"""Gas of a loan, tokens apart."""
TOKEN_GAS = 38_000
"""Gas of each token."""

POOL_KIND_PREFIX = "balancer_v2"


@dataclass(frozen=True, slots=True)
class BalancerV2:
    """The Vault. `available` is its balance of each token, over all pools.

    Attributes:
        fee_wad: ProtocolFeesCollector.getFlashLoanFeePercentage, 10**18 to the whole, at most 1%.

    Source: balancer-v2-monorepo, `FlashLoans.flashLoan`; the fee is `FixedPoint.mulUp`.
    """

    address: Address
    available: Mapping[Address, int]
    fee_wad: int = 0

    kind: ClassVar[str] = "balancer_v2"
    max_tokens: ClassVar[int] = 255
    reentrant: ClassVar[bool] = False

    def loan_kind(self, _token_count: int) -> str:
        return self.kind

    def premium(self, _token: Address, amount: int) -> int:
        return mul_div_up(amount, self.fee_wad, WAD)

    def gas(self, token_count: int) -> int:
        return LOAN_GAS + TOKEN_GAS * token_count

    def blocks(self, pool: Pool) -> bool:
        return pool.kind.startswith(POOL_KIND_PREFIX)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["address"], dict(state["available"]), state["fee_wad"])

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "available": dict(self.available),
            "fee_wad": self.fee_wad,
        }
