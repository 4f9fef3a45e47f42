"""A plan: the program for the executor, and everything a person needs to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from router.fixed_point import BPS
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


CIRCLE = "circle"
"""The reason of an exclusion that keeps flows from turning in a circle: its pool is sound, and what it offers
counts as arbitrage."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One direction of one pool that the plan may not use and its certificate does not cover."""

    pool: Address
    token_in: Address
    token_out: Address
    reason: str


@dataclass(frozen=True, slots=True)
class GapParts:
    """What makes up the gap to the bound net of gas, in bp of the net value; they sum to it.

    Attributes:
        gas: between the bound and the best flows found, each pool used costing gas.
        integers: lost from flows to exact integers, steps and their order.
        bounds: lost to the owner's own limits: impact, depth, legs.
    """

    gas: float
    integers: float
    bounds: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far a plan can be from the best one, over every trade that ends where the plan's landing allows.

    Attributes:
        upper_bound: on the final value of held or wanted tokens, gas left out; numeraire units.
        dual_prices: numeraire per raw unit, the proof of it.
        net_bound: on that value less the cost of gas; at most upper_bound.
        net_dual_prices: the proof of it; dual_prices where gas is free.
        gap_bps: from the plan's own value net of gas up to net_bound, in bp of that value.
        parts: of the gap.
        arbitrage: what the pools would pay, at most, to somebody who holds the target already; directions
            that are left out as circles count.
        arbitrage_prices: the proof of it.
        pool_gas: numeraire units that using a pool costs at the least, by pool; empty where gas is free.
        base_gas: numeraire units that any trade costs beside its pools.
        tick_gas: numeraire units that crossing an initialised tick costs.
        proven_net_bound: a lower net bound that branch and bound has reached; no list of prices proves it.
    """

    upper_bound: float
    dual_prices: Mapping[Address, float]
    net_bound: float
    net_dual_prices: Mapping[Address, float]
    gap_bps: float
    parts: GapParts
    arbitrage: float
    arbitrage_prices: Mapping[Address, float]
    pool_gas: Mapping[Address, float] = field(default_factory=dict)
    base_gas: float = 0.0
    tick_gas: float = 0.0
    proven_net_bound: float | None = None

    @property
    def net_value(self) -> float:
        """The plan's own value net of gas."""
        return self.net_bound / (1 + self.gap_bps / BPS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a trade pays: tracking-error cost avoided over the owner's horizon, less what the trade costs.

    Figures in bp are of the value before the trade.

    Attributes:
        reason: stable code, of `router.strategy.decision.Reason`, or `router.advice.PLAN_COSTS_MORE`.
        aim: where the trade lands: "target", "edge" of the no-trade region, "part" of the way, or "none".
        traded: tokens whose weights the trade changes.
        landing_wad: weights after the trade, of what is left after costs, times 10**18; they sum to that.
        net_value: numeraire units.
        drift: largest |weight - target|.
        break_even_drift: the drift, in the same direction, at which a trade nets nothing; None where no
            drift pays.
        measured: costs are those of the plan, and no estimate from cost curves.
        choice_gap_bps: by which no other choice of assets nets more, by cost curves; 0 where that is proven.
    """

    trade: bool
    reason: str
    explanation: str
    aim: str
    traded: tuple[Address, ...]
    landing_wad: Mapping[Address, int]
    risk_aversion: float
    horizon_days: float
    avoided_bps: float
    fees_bps: float
    impact_bps: float
    premium_bps: float
    gas_bps: float
    net_value: float
    drift: float
    break_even_drift: float | None
    measured: bool = False
    choice_gap_bps: float = 0.0

    @property
    def cost_bps(self) -> float:
        return self.fees_bps + self.impact_bps + self.premium_bps + self.gas_bps

    @property
    def net_bps(self) -> float:
        return self.avoided_bps - self.cost_bps


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
        landing: where the final weights may be: "target", "band" or "nearest".
        bands: least and most share of the final value, times 10**18, by held or wanted token, that the
            landing allows; the certificate is for all trades that end there.
        certificate: None for plans that hold, and where floats can't carry the figures.
        excluded: directions of pools that plan and certificate leave out.
        reserved: raw units by token that stay beside the weights; part of the holdings, not of any value.
        gas_estimate: gas units of the whole transaction.
        snapshot_hash: sha-256 of the canonical snapshot file, hex.
        notes: sentences for people, e.g. which prices were a fallback.
        judgement: whether it pays; None where the owner has not said what drift costs.
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
    notes: tuple[str, ...] = ()
    tolerance_bps: int | None = None
    landing: str = "target"
    bands: Mapping[Address, tuple[int, int]] = field(default_factory=dict)
    certificate: Certificate | None = None
    excluded: tuple[Exclusion, ...] = ()
    reserved: Mapping[Address, int] = field(default_factory=dict)
    judgement: Judgement | None = None
