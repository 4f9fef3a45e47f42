"""Morpho Blue: free loans of one token, out of everything the singleton holds. Nest loans for more tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from router.pools.base import Pool
from router.tokens import Address

LOAN_GAS = 59_000


@dataclass(frozen=True, slots=True)
class MorphoBlue:
    """The Morpho singleton. `available` is its balance of each token: collateral and idle loans alike.

    Source: morpho-org/morpho-blue, `Morpho.flashLoan`, which knows no fee.
    """

    address: Address
    available: Mapping[Address, int]

    kind: ClassVar[str] = "morpho_blue"
    max_tokens: ClassVar[int] = 1
    reentrant: ClassVar[bool] = True

    def loan_kind(self, _token_count: int) -> str:
        return self.kind

    def premium(self, _token: Address, _amount: int) -> int:
        return 0

    def gas(self, token_count: int) -> int:
        return LOAN_GAS * token_count

    def blocks(self, _pool: Pool) -> bool:
        return False

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["address"], dict(state["available"]))

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "address": self.address, "available": dict(self.available)}
