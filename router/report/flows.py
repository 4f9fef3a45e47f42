"""Where value goes in a plan: from the owner and the lenders through tokens and pools, and back.

What enters a token's node leaves it again, exactly. A swap carries the value that it receives; what it loses
against the plan's prices goes to `COST` instead. The graph has no cycle: a token bought back becomes a
new node, its next visit, and what is left of it in the executor is carried over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import networkx as nx

from router.plan import Plan, PlannedSwap
from router.program import Borrow, Deliver, Payer, Pull, Swap
from router.tokens import Address


class Role(StrEnum):
    """What a node stands for."""

    OWNER_GIVES = "owner gives"
    OWNER_RECEIVES = "owner receives"
    LENDER_LENDS = "lender lends"
    LENDER_REPAID = "lender repaid"
    TOKEN = "token"  # noqa: S105
    COST = "fees and price impact"
    PREMIUM = "flash premium"
    GAIN = "paid above the plan's prices"


@dataclass(frozen=True, slots=True)
class Node:
    """`address` is the token's or the lender's; `visit` counts from 1 for tokens that are bought back."""

    role: Role
    address: Address = ""
    visit: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A flow of value.

    Attributes:
        token, amount: raw units that move; of a swap, what it receives.
        value_e36: numeraire units times 10**36.
        swap: None for what is no swap.
    """

    source: Node
    target: Node
    token: Address
    amount: int
    value_e36: int
    swap: PlannedSwap | None = None


def flows(plan: Plan, price_e36: Mapping[Address, int]) -> tuple[Link, ...]:
    """Every flow of the plan's program with the plan's exact amounts; none where it holds.

    Args:
        price_e36: numeraire per raw unit, times 10**36; what has no price carries no value.
    """
    if plan.program is None:
        return ()
    walk = _Walk(plan, price_e36)
    for index in range(len(plan.program.steps)):
        walk.step(index)
    walk.finish()
    return (*walk.swaps, *walk.others())


class _Walk:
    """The executor's ledger, step by step, and which node each token is at."""

    def __init__(self, plan: Plan, price_e36: Mapping[Address, int]) -> None:
        assert plan.program is not None
        self.steps = plan.program.steps
        self.price = price_e36
        self.planned = {swap.index: swap for swap in plan.swaps}
        self.premiums = {(loan.lender, loan.token, loan.amount): loan.premium for loan in plan.loans}
        self.ledger: dict[Address, int] = defaultdict(int)
        self.visit: dict[Address, int] = defaultdict(lambda: 1)
        self.reach = nx.DiGraph()
        self.owed: list[tuple[Address, Address, int, int]] = []
        """(lender, token, amount, premium) of every open loan."""
        self.swaps: list[Link] = []
        self.moved: dict[tuple[Node, Node, Address], list[int]] = {}
        """[raw amount, value] of everything else, in order of first appearance."""

    def step(self, index: int) -> None:
        match self.steps[index]:
            case Borrow(_, lender, amounts):
                for token, amount in amounts:
                    premium = self.premiums.get((lender, token, amount), 0)
                    self.owed.append((lender, token, amount, premium))
                    self._credit(Node(Role.LENDER_LENDS, lender), token, amount)
            case Pull(token, amount):
                self._pull(token, self._lacking(token) if amount is None else amount)
            case Deliver(token):
                self._debit(Node(Role.OWNER_RECEIVES), token, self.ledger[token])
            case Swap() as step:
                swap = self.planned[index]
                if step.payer is Payer.OWNER:
                    self._pull(swap.token_in, swap.amount_in)
                self._swap(swap)

    def finish(self) -> None:
        """Repays the loans, and gives the owner what is left."""
        for lender, token, amount, premium in reversed(self.owed):
            self._debit(Node(Role.LENDER_REPAID, lender), token, amount)
            self._debit(Node(Role.PREMIUM), token, premium)
        for token, amount in list(self.ledger.items()):
            self._debit(Node(Role.OWNER_RECEIVES), token, amount)

    def others(self) -> list[Link]:
        return [
            Link(source, target, token, amount, value)
            for (source, target, token), (amount, value) in self.moved.items()
            if amount or value
        ]

    def _at(self, token: Address) -> Node:
        return Node(Role.TOKEN, token, self.visit[token])

    def _lacking(self, token: Address) -> int:
        due = sum(amount + premium for _, lent, amount, premium in self.owed if lent == token)
        return max(0, due - self.ledger[token])

    def _pull(self, token: Address, amount: int) -> None:
        self._credit(Node(Role.OWNER_GIVES), token, amount)

    def _credit(self, source: Node, token: Address, amount: int) -> None:
        self.ledger[token] += amount
        self._move(source, self._at(token), token, amount, self._value(token, amount))

    def _debit(self, target: Node, token: Address, amount: int) -> None:
        self.ledger[token] -= amount
        self._move(self._at(token), target, token, amount, self._value(token, amount))

    def _value(self, token: Address, amount: int) -> int:
        return self.price.get(token, 0) * amount

    def _move(self, source: Node, target: Node, token: Address, amount: int, value: int) -> None:
        total = self.moved.setdefault((source, target, token), [0, 0])
        total[0] += amount
        total[1] += value

    def _swap(self, swap: PlannedSwap) -> None:
        source = self._at(swap.token_in)
        self.ledger[swap.token_in] -= swap.amount_in
        target = self._entered(source, swap.token_out)
        self.ledger[swap.token_out] += swap.amount_out
        paid = self._value(swap.token_in, swap.amount_in)
        received = self._value(swap.token_out, swap.amount_out)
        link = Link(source, target, swap.token_out, swap.amount_out, min(paid, received), swap)
        self.swaps.append(link)
        if paid > received:
            self._move(source, Node(Role.COST), swap.token_in, 0, paid - received)
        elif received > paid:
            self._move(Node(Role.GAIN), target, swap.token_out, 0, received - paid)

    def _entered(self, source: Node, token: Address) -> Node:
        """The node that a swap into `token` ends at: a new visit where the present one leads to `source`."""
        target = self._at(token)
        self.reach.add_nodes_from((source, target))
        if nx.has_path(self.reach, target, source):
            carried = self.ledger[token]
            self.visit[token] += 1
            before, target = target, self._at(token)
            self._move(before, target, token, carried, self._value(token, carried))
            self.reach.add_edge(before, target)
        self.reach.add_edge(source, target)
        return target
