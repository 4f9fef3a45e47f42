"""What every AMM pool can do. A pool is an immutable value: a swap returns the pool after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from router.errors import PoolError, TokenNotInPool
from router.tokens import Address


class Pool(Protocol):
    """One pool's state at one block. Amounts are raw units; the same integers as the contract computes.

    Every method that takes `token_in` and `token_out` raises TokenNotInPool for a token that the pool does
    not hold, and every quote raises a PoolError where the contract would revert (zero amounts included).
    """

    kind: ClassVar[str]
    """The name used in snapshot and plan files."""

    @property
    def address(self) -> Address: ...
    @property
    def tokens(self) -> tuple[Address, ...]: ...
    @property
    def fee_pips(self) -> int:
        """Swap fee in millionths of the amount in."""

    @property
    def gas(self) -> int:
        """Gas that one typical swap through this pool adds to a transaction, transfers included."""

    def quote_exact_in(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        """What the pool pays for `amount_in`, rounded as the contract rounds (down)."""

    def quote_exact_out(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """What the pool charges for `amount_out`, rounded as the contract rounds (up)."""

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        """The amount out, and the pool after the swap."""

    def spot_price(self, token_in: Address, token_out: Address) -> float:
        """Marginal rate, fee included: raw `token_out` per raw `token_in`. A float: it proposes."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Builds the pool from its validated snapshot-file form (big integers already ints)."""

    def to_state(self) -> dict[str, Any]:
        """The snapshot-file form; big integers as ints."""


def require_tokens(pool: Pool, token_in: Address, token_out: Address) -> tuple[int, int]:
    """The indices of two different tokens of the pool.

    Raises:
        TokenNotInPool: either is missing, or both are the same.
    """
    try:
        index_in, index_out = pool.tokens.index(token_in), pool.tokens.index(token_out)
    except ValueError:
        raise TokenNotInPool(
            f"{pool.kind} {pool.address} does not trade {token_in} for {token_out}"
        ) from None
    if index_in == index_out:
        raise TokenNotInPool(f"{pool.kind} {pool.address}: token in and token out are both {token_in}")
    return index_in, index_out


def require_amount(pool: Pool, amount: int, most: int) -> None:
    """Refuses what no contract trades.

    Raises:
        PoolError: the amount is not positive, or larger than `most`.
    """
    if amount <= 0:
        raise PoolError(f"{pool.kind} {pool.address}: the amount must be positive, not {amount}")
    if amount > most:
        raise PoolError(f"{pool.kind} {pool.address}: {amount} is more than the contract can count")
