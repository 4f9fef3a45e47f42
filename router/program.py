"""What the executor contract runs: bounds on the owner's balances, and typed steps between them.

`router.encoder` turns a Program into calldata and back; `interfaces/IRebalanceExecutor.sol` describes
the same bytes. Inside the executor a ledger holds, per token, what is in its hands during this
transaction: pulls, loans and swaps paid to the executor credit it; swaps paid by the executor,
deliveries and repayments debit it. Whatever is left in the ledger at the end goes to the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from router.tokens import Address


class Payer(IntEnum):
    """Who pays the pool."""

    EXECUTOR = 0
    """The executor, out of its ledger."""
    OWNER = 1
    """The owner, by transferFrom straight to the pool; needs a literal amount."""
    PREPAID = 2
    """Nobody: the step before has paid this pool (Uniswap v2 only)."""


class Recipient(IntEnum):
    """Who is paid by the pool."""

    EXECUTOR = 0
    OWNER = 1
    NEXT_POOL = 2
    """The pool of the next step, which must be a Uniswap v2 swap with a PREPAID payer."""


class AmountMode(IntEnum):
    """How a swap's amount in is found when the step is reached."""

    LITERAL = 0
    """`amount` raw units."""
    SHARE = 1
    """`amount` / 2**64 of the ledger's balance of the token in, rounded down."""
    REMAINDER = 2
    """All of the ledger's balance of the token in, or all that has been prepaid; `amount` is 0."""


@dataclass(frozen=True, slots=True)
class TokenBounds:
    """One token that the program touches, and what must hold for the owner's balance of it at the end.

    Attributes:
        max_spent: raw units the owner may lose, and the most that may be pulled.
        min_received: raw units the owner must gain.
        price_e36: numeraire per raw unit, times 10**36; 0 leaves the token out of value and weight bounds.
        min_weight_pips, max_weight_pips: the token's share, in millionths, of the owner's balances in all
            priced tokens of the program. 0 and 1_000_000 bind nothing.
    """

    token: Address
    max_spent: int = 0
    min_received: int = 0
    price_e36: int = 0
    min_weight_pips: int = 0
    max_weight_pips: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Pull:
    """transferFrom(owner, executor, amount). `amount` None pulls what the open loans still lack of it."""

    token: Address
    amount: int | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Sends the ledger's whole balance of a token to the owner."""

    token: Address


@dataclass(frozen=True, slots=True)
class Check:
    """Requires every `min_received` to be met here, before anything later is pulled."""


@dataclass(frozen=True, slots=True)
class Borrow:
    """A flash loan around all later steps; repaid, premium included, after the last of them.

    Attributes:
        kind: a lender kind of `router.lenders.registry`.
        lender: the contract to borrow from.
        amounts: (token, raw amount) pairs, ascending by token address, no token twice.
    """

    kind: str
    lender: Address
    amounts: tuple[tuple[Address, int], ...]


@dataclass(frozen=True, slots=True)
class Swap:
    """One exact-in swap.

    Attributes:
        kind: a pool kind of `router.pools.registry`.
        pool: the pool's own address (for Balancer v2 the first 20 bytes of `pool_id`).
        fee_pips: carried by uniswap_v2 only, which has no fee of its own to read; 0 elsewhere.
        vault, pool_id: carried by balancer_v2_weighted only; empty elsewhere.
    """

    kind: str
    pool: Address
    token_in: Address
    token_out: Address
    mode: AmountMode
    amount: int = 0
    payer: Payer = Payer.EXECUTOR
    recipient: Recipient = Recipient.EXECUTOR
    fee_pips: int = 0
    vault: Address = ""
    pool_id: str = ""


Step = Pull | Deliver | Check | Borrow | Swap


@dataclass(frozen=True)
class Program:
    """The whole of one `execute` call.

    Attributes:
        deadline: last block timestamp, in seconds, at which the program may run.
        first_block, last_block: the window of block numbers, both included; last_block 0 means no upper end.
        min_value_change_e36: least sum of price_e36 * (change of the owner's balance); may be negative.
        tokens: every token used, each once; steps refer to tokens by their place here, so at most 255.
        steps: in execution order. Errors of the executor carry the index into this tuple.
    """

    deadline: int
    min_value_change_e36: int
    tokens: tuple[TokenBounds, ...]
    steps: tuple[Step, ...]
    first_block: int = 0
    last_block: int = 0

    @cached_property
    def addresses(self) -> frozenset[Address]:
        """Of its tokens."""
        return frozenset(bounds.token for bounds in self.tokens)
