"""Which lenders fund a rebalance, and how the loan is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from router.errors import Infeasible, InputError
from router.lenders.base import Lender
from router.pools.base import Pool
from router.portfolio import LoanPolicy, Settlement
from router.program import Borrow
from router.tokens import Address

MAX_COMBINATIONS = 5_000
"""Ways to spread tokens over lenders that are compared; beyond, only the cheapest lenders of each token
are."""


@dataclass(frozen=True, slots=True)
class Loan:
    """One flash loan: raw units by token, ascending by token address."""

    lender: Lender
    amounts: tuple[tuple[Address, int], ...]

    @property
    def gas(self) -> int:
        return self.lender.gas(len(self.amounts))

    @property
    def step(self) -> Borrow:
        return Borrow(self.lender.loan_kind(len(self.amounts)), self.lender.address, self.amounts)


def needs_loan(policy: LoanPolicy, settlement: Settlement) -> bool:
    """Whether the sold tokens are borrowed.

    Raises:
        InputError: deliver-first without a loan: the sold tokens would have to be pulled before anything is
        delivered.
    """
    if settlement is Settlement.DELIVER_FIRST and policy is LoanPolicy.NEVER:
        raise InputError("deliver-first settlement needs a flash loan, which 'never' forbids", path="loan")
    return settlement is Settlement.DELIVER_FIRST or policy is LoanPolicy.ALWAYS


def largest_loan(lender: Lender, token: Address, owed: int) -> int:
    """The largest loan whose repayment, premium included, is at most `owed`."""
    low, high = 0, owed
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle + lender.premium(token, middle) <= owed else (low, middle - 1)
    return low


def choose_loans(
    lenders: Sequence[Lender],
    owed: Mapping[Address, int],
    pools: Sequence[Pool],
    *,
    price: Callable[[Address], float],
    gas_price: float,
    name: Callable[[Address], str],
) -> tuple[Loan, ...]:
    """The cheapest set of loans, by premium and gas, that together lend what `owed` can repay.

    Args:
        owed: raw units per token that the owner gives up, premium included.
        pools: that are traded while the loans are open; lenders that block one of them are left out.
        price: numeraire per raw unit.
        gas_price: numeraire per unit of gas.
        name: of a token, for messages.

    Raises:
        Infeasible: no lender has enough of a token; names it and the most that one lender has.
    """
    open_lenders = [lender for lender in lenders if not any(lender.blocks(pool) for pool in pools)]
    tokens = sorted(owed)
    able = [_able(open_lenders, token, owed[token], name(token)) for token in tokens]
    if prod(map(len, able)) > MAX_COMBINATIONS:
        able = [row[:3] for row in able]
    best: tuple[float, tuple[Loan, ...]] | None = None
    for choice in product(*able):
        loans = tuple(_loans(dict(zip(tokens, choice, strict=True)), owed))
        if not loans:
            continue
        cost = sum(
            price(token) * loan.lender.premium(token, amount)
            for loan in loans
            for token, amount in loan.amounts
        ) + gas_price * sum(loan.gas for loan in loans)
        if best is None or (cost, len(loans)) < (best[0], len(best[1])):
            best = cost, loans
    if best is None:
        raise Infeasible("no set of lenders can lend " + ", ".join(map(name, tokens)) + " in one transaction")
    return best[1]


def _able(lenders: Sequence[Lender], token: Address, owed: int, symbol: str) -> list[Lender]:
    """Lenders with enough of a token, the cheapest premium first."""
    loans = {lender.address: largest_loan(lender, token, owed) for lender in lenders}
    able = [lender for lender in lenders if lender.available.get(token, 0) >= loans[lender.address] > 0]
    if not able:
        most = max((lender.available.get(token, 0) for lender in lenders), default=0)
        raise Infeasible(f"no lender has {owed} raw units of {symbol}; the deepest usable one has {most}")
    return sorted(able, key=lambda lender: (lender.premium(token, loans[lender.address]), lender.address))


def _loans(choice: Mapping[Address, Lender], owed: Mapping[Address, int]) -> Iterator[Loan]:
    """One loan per lender, or several where it lends fewer tokens at once and allows nesting; none where it
    does not."""
    by_lender: dict[Address, list[Address]] = {}
    for token, lender in choice.items():
        by_lender.setdefault(lender.address, []).append(token)
    groups = [(choice[tokens[0]], sorted(tokens)) for tokens in by_lender.values()]
    if any(len(tokens) > lender.max_tokens and not lender.reentrant for lender, tokens in groups):
        return
    for lender, tokens in groups:
        for start in range(0, len(tokens), lender.max_tokens):
            part = tokens[start : start + lender.max_tokens]
            yield Loan(lender, tuple((token, largest_loan(lender, token, owed[token])) for token in part))
