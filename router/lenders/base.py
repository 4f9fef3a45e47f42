"""What every flash-loan source can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from router.pools.base import Pool
from router.tokens import Address


class Lender(Protocol):
    """One lender's state at one block, an immutable value."""

    kind: ClassVar[str]
    """The name used in snapshot files."""
    max_tokens: ClassVar[int]
    """How many tokens one loan may carry."""
    reentrant: ClassVar[bool]
    """True when it lends again while a loan of its own is open."""

    @property
    def address(self) -> Address: ...
    @property
    def available(self) -> Mapping[Address, int]:
        """Raw units that can be borrowed, by token; a token that is missing can't be."""

    def loan_kind(self, token_count: int, /) -> str:
        """`Borrow.kind` for this many tokens: the lender's own kind unless it has several entry points."""

    def premium(self, token: Address, amount: int, /) -> int:
        """The fee in raw units, rounded exactly as the lender rounds."""

    def gas(self, token_count: int, /) -> int:
        """Gas that a loan of this many tokens adds to a transaction, repayment included.

        Measured by the executor with plain ERC-20 tokens, every storage slot cold: one swap delivered first
        and paid by PULL_OWED, against the same swap pulled first.
        """

    def blocks(self, pool: Pool, /) -> bool:
        """True when the pool cannot be traded while the loan is open (a shared reentrancy lock)."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Builds the lender from its validated snapshot-file form (big integers already ints)."""

    def to_state(self) -> dict[str, Any]:
        """The snapshot-file form; big integers as ints."""
