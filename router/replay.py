"""Runs a program in exact integers on a snapshot: the same amounts, ledger and errors as the executor's.

What a replay cannot see: allowances, and what others do to the executor or the pools meanwhile. Tokens that
keep part of transfers are refused. What a pool, lender or token refuses is a StepFailed with a sentence.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from router.errors import InputError, PoolError
from router.fixed_point import MAX_U128, PIPS, SHARE_ONE
from router.lenders.base import Lender
from router.plan import Outcome
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Swap,
    TokenBounds,
)
from router.reverts import (
    AmountTooLarge,
    DeadlinePassed,
    InsufficientReceived,
    LedgerTooLow,
    OutsideBlockWindow,
    PartialFill,
    PullExceedsMax,
    ShortRepayment,
    StepFailed,
    ValueBelowMinimum,
    WeightOutOfBounds,
    ZeroAmount,
)
from router.snapshot import Snapshot
from router.tokens import Address
from router.wire import check_head, check_step

_VALUE_END = 1 << 226
"""Values from here up are beyond the executor's arithmetic."""


def replay(
    program: Program,
    snapshot: Snapshot,
    balances: Mapping[Address, int],
    *,
    timestamp: int | None = None,
    block_number: int | None = None,
) -> Outcome:
    """What the program does to the owner.

    Args:
        balances: the owner's raw balances; a token that is missing counts as zero.
        timestamp, block_number: of the block it runs in; what is None is not checked.

    Raises:
        ExecutionReverted: by the name and with the figures of the executor's error.
        EncodingError: the program has no wire form.
        InputError: a pool or lender is not in the snapshot, or a token keeps a part of every transfer.
    """
    return _run(program, snapshot, balances, timestamp, block_number).outcome()


def replay_market(
    program: Program,
    snapshot: Snapshot,
    balances: Mapping[Address, int],
    *,
    timestamp: int | None = None,
    block_number: int | None = None,
) -> tuple[Outcome, Snapshot]:
    """As `replay`, with the snapshot whose pools have seen the program's swaps."""
    run = _run(program, snapshot, balances, timestamp, block_number)
    pools = tuple(run.pools.get(pool.address, pool) for pool in snapshot.pools)
    return run.outcome(), dataclasses.replace(snapshot, pools=pools)


def _run(
    program: Program,
    snapshot: Snapshot,
    balances: Mapping[Address, int],
    timestamp: int | None,
    block_number: int | None,
) -> _Run:
    _check_input(program, snapshot)
    _check_clock(program, timestamp, block_number)
    run = _Run(program, snapshot, balances)
    for index in range(len(program.steps)):
        run.step(index)
    run.finish()
    run.check_bounds()
    return run


def _check_input(program: Program, snapshot: Snapshot) -> None:
    check_head(program)
    for index in range(len(program.steps)):
        check_step(program, index)
    for place, bounds in enumerate(program.tokens):
        if snapshot.transfer_tax_bps.get(bounds.token):
            raise InputError(f"{bounds.token} keeps part of every transfer", path=f"tokens[{place}]")


def _check_clock(program: Program, timestamp: int | None, block_number: int | None) -> None:
    if timestamp is not None and timestamp > program.deadline:
        raise DeadlinePassed(program.deadline, timestamp)
    if block_number is not None and (
        block_number < program.first_block or 0 < program.last_block < block_number
    ):
        raise OutsideBlockWindow(block_number, program.first_block, program.last_block)


@dataclass(frozen=True, slots=True)
class _OpenLoan:
    """A loan not yet repaid. `rows` are (token, amount, premium)."""

    step: int
    lender: Lender
    rows: tuple[tuple[Address, int, int], ...]


class _Run:
    """What changes while a program runs. Each method mirrors one part of the executor."""

    def __init__(self, program: Program, snapshot: Snapshot, balances: Mapping[Address, int]) -> None:
        self.program, self.snapshot = program, snapshot
        self.before = {bounds.token: balances.get(bounds.token, 0) for bounds in program.tokens}
        self.owner = dict(self.before)
        self.max_spent = {bounds.token: bounds.max_spent for bounds in program.tokens}
        self.ledger = dict.fromkeys(self.before, 0)
        self.pulled = dict.fromkeys(self.before, 0)
        self.prepaid = 0
        self.pools: dict[Address, Pool] = {}
        self.moved: dict[tuple[Address, Address], int] = defaultdict(int)
        """Change of what a pool or lender holds, by (holder, token)."""
        self.open: list[_OpenLoan] = []
        self.swaps: list[tuple[int, int]] = []
        self.premiums: list[tuple[Address, Address, int]] = []

    def step(self, index: int) -> None:
        match self.program.steps[index]:
            case Pull(token, amount):
                self._pull(index, token, self._lacking(token) if amount is None else amount)
            case Deliver(token):
                self._deliver(token)
            case Check():
                self._check_now(index)
            case Borrow() as borrow:
                self._borrow(index, borrow)
            case Swap() as swap:
                self._swap(index, swap)

    # --- the owner ---

    def _take(self, index: int, token: Address, amount: int) -> None:
        pulled, most = self.pulled[token] + amount, self.max_spent[token]
        if pulled > most:
            raise PullExceedsMax(index, token, pulled, most)
        if amount > self.owner[token]:
            _fail(index, f"the owner holds {self.owner[token]} of {token}, {amount} is pulled")
        self.pulled[token] = pulled
        self.owner[token] -= amount

    def _pull(self, index: int, token: Address, amount: int) -> None:
        self._take(index, token, amount)
        self._credit(token, amount)

    def _deliver(self, token: Address) -> None:
        self.owner[token] += self.ledger[token]
        self.ledger[token] = 0

    # --- the ledger ---

    def _credit(self, token: Address, amount: int) -> None:
        if self.ledger[token] + amount > MAX_U128:
            raise AmountTooLarge(token, self.ledger[token] + amount)
        self.ledger[token] += amount

    def _debit(self, index: int, token: Address, amount: int) -> None:
        if amount > self.ledger[token]:
            raise LedgerTooLow(index, token, amount, self.ledger[token])
        self.ledger[token] -= amount

    # --- loans ---

    def _lacking(self, token: Address) -> int:
        owed = sum(
            amount + premium for loan in self.open for lent, amount, premium in loan.rows if lent == token
        )
        return max(0, owed - self.ledger[token])

    def _borrow(self, index: int, borrow: Borrow) -> None:
        lender = self._lender(index, borrow)
        if any(loan.lender.address == lender.address and not lender.reentrant for loan in self.open):
            _fail(index, f"{lender.kind} {lender.address} is locked by its open loan")
        for token, amount in borrow.amounts:
            available = lender.available.get(token, 0) + self.moved[lender.address, token]
            if amount > available:
                _fail(
                    index, f"{lender.kind} {lender.address} has {available} of {token}, {amount} is borrowed"
                )
            self.moved[lender.address, token] -= amount
            self._credit(token, amount)
        rows = tuple((token, amount, lender.premium(token, amount)) for token, amount in borrow.amounts)
        self.open.append(_OpenLoan(index, lender, rows))
        self.premiums.extend((lender.address, token, premium) for token, _, premium in rows)

    def _lender(self, index: int, borrow: Borrow) -> Lender:
        for lender in self.snapshot.lenders:
            if lender.address == borrow.lender and lender.loan_kind(len(borrow.amounts)) == borrow.kind:
                return lender
        raise InputError(
            f"the snapshot has no {borrow.kind} lender {borrow.lender}", path=f"steps[{index}].lender"
        )

    def _repay(self, loan: _OpenLoan) -> None:
        for token, amount, premium in loan.rows:
            due = amount + premium
            if due > self.ledger[token]:
                raise ShortRepayment(loan.step, token, due, self.ledger[token])
            self.ledger[token] -= due
            self.moved[loan.lender.address, token] += due

    # --- swaps ---

    def _swap(self, index: int, swap: Swap) -> None:
        pool = self._pool(index, swap)
        amount_in = self._pay(index, swap)
        if any(loan.lender.blocks(pool) for loan in self.open):
            _fail(index, f"{pool.kind} {pool.address} is locked by an open loan")
        amount_out, self.pools[swap.pool] = _trade(index, pool, swap, amount_in)
        self.swaps.append((amount_in, amount_out))
        holder = swap.vault or swap.pool
        self.moved[holder, swap.token_in] += amount_in
        self.moved[holder, swap.token_out] -= amount_out
        match swap.recipient:
            case Recipient.EXECUTOR:
                self._credit(swap.token_out, amount_out)
            case Recipient.OWNER:
                self.owner[swap.token_out] += amount_out
            case Recipient.NEXT_POOL:
                self.prepaid = amount_out

    def _pool(self, index: int, swap: Swap) -> Pool:
        pool = self.pools.get(swap.pool) or self.snapshot.pool_by_address.get(swap.pool)
        if pool is None or pool.kind != swap.kind:
            raise InputError(f"the snapshot has no {swap.kind} pool {swap.pool}", path=f"steps[{index}].pool")
        if isinstance(pool, UniswapV2Pool) and swap.fee_pips != pool.fee_pips:
            raise InputError(f"the pair charges {pool.fee_pips}", path=f"steps[{index}].fee_pips")
        if isinstance(pool, BalancerV2WeightedPool) and (swap.vault, swap.pool_id) != (
            pool.vault,
            pool.pool_id,
        ):
            raise InputError(f"the pool is {pool.pool_id} of {pool.vault}", path=f"steps[{index}].pool_id")
        return pool

    def _pay(self, index: int, swap: Swap) -> int:
        """Debits whoever pays, and returns the amount in."""
        amount = self._amount_in(swap)
        if not amount:
            raise ZeroAmount(index)
        match swap.payer:
            case Payer.OWNER:
                self._take(index, swap.token_in, amount)
            case Payer.EXECUTOR:
                self._debit(index, swap.token_in, amount)
        return amount

    def _amount_in(self, swap: Swap) -> int:
        if swap.payer is Payer.PREPAID:
            return self.prepaid
        match swap.mode:
            case AmountMode.LITERAL:
                return swap.amount
            case AmountMode.SHARE:
                return self.ledger[swap.token_in] * swap.amount // SHARE_ONE
            case AmountMode.REMAINDER:
                return self.ledger[swap.token_in]

    # --- the end ---

    def finish(self) -> None:
        """Repays what is borrowed, the last loan first, and gives the owner the rest."""
        while self.open:
            self._repay(self.open.pop())
        for token in self.ledger:
            self._deliver(token)

    def check_bounds(self) -> None:
        """All bounds but max_spent, which nothing but pulls can reach, and pulls observe."""
        for bounds in self.program.tokens:
            self._check_received(bounds)
            _value(bounds, self.owner[bounds.token])
            _value(bounds, self.before[bounds.token])
        change = sum(
            bounds.price_e36 * (self.owner[bounds.token] - self.before[bounds.token])
            for bounds in self.program.tokens
        )
        if change < self.program.min_value_change_e36:
            raise ValueBelowMinimum(change, self.program.min_value_change_e36)
        self._check_weights()

    def _check_now(self, index: int) -> None:
        for bounds in self.program.tokens:
            try:
                self._check_received(bounds)
            except InsufficientReceived as error:
                raise StepFailed(index, error.data) from error

    def _check_received(self, bounds: TokenBounds) -> None:
        received = max(0, self.owner[bounds.token] - self.before[bounds.token])
        if received < bounds.min_received:
            raise InsufficientReceived(bounds.token, received, bounds.min_received)

    def _check_weights(self) -> None:
        values = {bounds: _value(bounds, self.owner[bounds.token]) for bounds in self.program.tokens}
        total = sum(values.values())
        for bounds, value in values.items():
            low, high = bounds.min_weight_pips, bounds.max_weight_pips
            if not low * total <= value * PIPS <= high * total:
                raise WeightOutOfBounds(bounds.token, value * PIPS // total, low, high)

    def outcome(self) -> Outcome:
        return Outcome(
            swaps=tuple(self.swaps),
            loans=tuple(self.premiums),
            pulls=_without_zeros(self.pulled.items()),
            balance_changes=_without_zeros(
                (token, after - self.before[token]) for token, after in self.owner.items()
            ),
        )


def _value(bounds: TokenBounds, balance: int) -> int:
    """What a balance is worth, times 10**36; 0 without a price."""
    value = bounds.price_e36 * balance
    if value and (balance > MAX_U128 or value >= _VALUE_END):
        raise AmountTooLarge(bounds.token, balance)
    return value


def _trade(index: int, pool: Pool, swap: Swap, amount_in: int) -> tuple[int, Pool]:
    try:
        if not isinstance(pool, UniswapV3Pool):
            return pool.swap(swap.token_in, swap.token_out, amount_in)
        result = pool.swap_to_limit(swap.token_in, swap.token_out, amount_in)
    except PoolError as error:
        raise StepFailed(index, _reason(str(error))) from error
    if not result.filled:
        raise PartialFill(index, amount_in, result.amount_in)
    return result.amount_out, result.pool


def _without_zeros(amounts: Iterable[tuple[Address, int]]) -> dict[Address, int]:
    return {token: amount for token, amount in amounts if amount}


def _fail(index: int, reason: str) -> NoReturn:
    raise StepFailed(index, _reason(reason))


def _reason(text: str) -> bytes:
    return text.encode("ascii", errors="replace")
