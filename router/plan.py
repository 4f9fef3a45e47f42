"""A plan: the program for the executor, and everything a person needs to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from router.program import Program
from router.tokens import Address


class Verdict(StrEnum):
    """What the planner advises."""

    TRADE = "trade"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class PlannedSwap:
    """One swap with the exact amounts that replay gives. `index` is its place in the program's steps."""

    index: int
    pool: Address
    kind: str
    token_in: Address
    token_out: Address
    amount_in: int
    amount_out: int


@dataclass(frozen=True, slots=True)
class PlannedLoan:
    """One borrowed token."""

    lender: Address
    kind: str
    token: Address
    amount: int
    premium: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the rebalance costs, in numeraire units. Positive is a loss."""

    pool_fees: float
    price_impact: float
    flash_premium: float
    gas: float

    @property
    def total(self) -> float:
        return self.pool_fees + self.price_impact + self.flash_premium + self.gas


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program does: replayed in exact integers, or executed. The two must be equal.

    Attributes:
        swaps: (amount in, amount out) of every Swap step, in order.
        loans: premium paid, by (lender, token), in order of borrowing.
        pulls: raw units taken from the owner, by token.
        balance_changes: the owner's gain or loss in raw units, by token; unchanged tokens are missing.
        gas: gas used by the whole transaction; None for a replay.
    """

    swaps: tuple[tuple[int, int], ...]
    loans: tuple[tuple[Address, Address, int], ...]
    pulls: Mapping[Address, int]
    balance_changes: Mapping[Address, int]
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One rebalance, ready to encode.

    Attributes:
        holdings_before, holdings_after: raw units by token, every token that is held or bought.
        value_before, value_after: numeraire units, at the plan's prices, gas not deducted.
        upper_bound: no plan over these pools can be worth more than this; None where it was not computed.
        tolerance_bps: how far a final weight may be from its target; the bound is for all such trades.
        dual_prices: numeraire per raw unit, the proof of the bound; empty where it was not computed.
        gas_estimate: gas units of the whole transaction.
        snapshot_hash: sha-256 of the canonical snapshot file, hex.
        notes: sentences for people, e.g. which prices were a fallback.
    """

    chain_id: int
    block_number: int
    owner: Address
    swaps: tuple[PlannedSwap, ...]
    loans: tuple[PlannedLoan, ...]
    pulls: Mapping[Address, int]
    program: Program | None
    holdings_before: Mapping[Address, int]
    holdings_after: Mapping[Address, int]
    targets_wad: Mapping[Address, int]
    prices: Mapping[Address, str]
    value_before: float
    value_after: float
    cost: Cost
    gas_estimate: int
    verdict: Verdict
    reason: str
    snapshot_hash: str
    settlement: str
    upper_bound: float | None = None
    gap_bps: float | None = None
    dual_prices: Mapping[Address, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tolerance_bps: int | None = None
