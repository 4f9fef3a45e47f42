"""Whether to trade, to where, and what that nets: the one-shot program over the router's own costs.

The trade is weighed over one horizon: the tracking-error cost that it avoids, less fees, impact, loan premium
and gas. Nothing is done where that is not positive, unless weights are beyond limits that must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from math import inf, isfinite

import numpy as np

from router.errors import InputError, Unsolved
from router.fixed_point import BPS
from router.strategy.bands import OneShot
from router.strategy.break_even import break_even
from router.strategy.choice import Choice, best_choice
from router.strategy.costs import Floats, MarketCost
from router.strategy.discipline import DAYS_PER_YEAR
from router.strategy.no_trade_region import is_inside
from router.strategy.trade_problem import ROUNDING, TradeProblem, trade_problem

AT_TARGET = 1e-6
"""Distance of a landing from the target, a share of net asset value, that is none."""
LEAST_TRADE = 1e-4
"""Share of net asset value: a trade that moves no weight by more is none, as plans count in basis points."""
EDGE_SLACK = 1e-6
"""How far a landing may miss the first-order condition of the region's edge, per unit of value."""


class Aim(StrEnum):
    """Where a trade lands."""

    NONE = "none"
    TARGET = "target"
    EDGE = "edge"
    """Of the no-trade region: the next unit would not pay its own fee."""
    PART = "part"
    """Short of the edge: impact, depth or a limit ends it."""


class Reason(StrEnum):
    """Why a decision is what it is. Codes are stable."""

    PAYS = "pays"
    LIMIT_BROKEN = "limit_broken"
    AT_TARGET = "at_target"
    INSIDE_REGION = "inside_no_trade_region"
    BELOW_FIXED_COST = "below_fixed_cost"
    TOO_SMALL = "too_small"
    NO_DEPTH = "no_depth"
    UNSOLVED = "unsolved"


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """What a trade is worth over the horizon. Shares of net asset value.

    Attributes:
        tracking_error: cost of tracking error that the trade avoids.
        fees: what the first units' rate makes for the whole trade.
        impact: what sizes cost beyond that.
        premium: of the loan.
        gas: fixed cost, and that of each asset traded.
    """

    tracking_error: float
    fees: float
    impact: float
    premium: float
    gas: float

    @property
    def cost(self) -> float:
        return self.fees + self.impact + self.premium + self.gas

    @property
    def net(self) -> float:
        return self.tracking_error - self.cost

    def times(self, unit: float) -> dict[str, float]:
        """Every part, their sum `cost` and `net` by name, in other units: BPS for bp, a net asset value for
        money."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value * unit for name, value in {**parts, "cost": self.cost, "net": self.net}.items()}


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision, whether it is to trade or not.

    Attributes:
        nav: numeraire units.
        proposal: (assets,) the best change of weights found, shares of net asset value before the trade; it
            is done where `trade`.
        benefit: of the proposal, done or not.
        gap: share of net asset value, by which no other choice of assets nets more; 0 where that is proven to
            be the best.
        detail: what the solver said, where it failed.
    """

    problem: TradeProblem
    nav: float
    horizon_years: float
    trade: bool
    aim: Aim
    reason: Reason
    proposal: Floats
    benefit: NetBenefit
    gap: float = 0.0
    detail: str = ""

    @property
    def assets(self) -> tuple[str, ...]:
        return self.problem.assets

    @property
    def proven(self) -> bool:
        """Whether no other choice of assets is better."""
        return not self.gap

    @cached_property
    def changes(self) -> Floats:
        """What is traded: the proposal or nothing."""
        return self.proposal if self.trade else np.zeros_like(self.proposal)

    @cached_property
    def landing(self) -> Floats:
        """Weights after the decision, of what is left after variable costs; they sum to 1."""
        after = np.maximum(self.problem.weights + self.changes, 0.0)
        return np.asarray(after / after.sum(), dtype=np.float64)

    @property
    def moved(self) -> float:
        """The largest change of a weight from before the decision to after it."""
        return float(np.abs(self.landing - self.problem.weights).max())

    @property
    def traded(self) -> tuple[str, ...]:
        return tuple(
            asset for asset, change in zip(self.assets, self.changes.tolist(), strict=True) if change
        )

    @property
    def drift(self) -> float:
        """max |w - w*|."""
        return float(np.abs(self.problem.deviations).max())

    @cached_property
    def break_even_drift(self) -> float:
        """max |w - w*| on the line from the target through the weights where the net benefit is 0; infinite
        where no drift on that line pays. Found when first asked for, by a few more programs.

        Raises:
            Unsolved: a program without an answer.
        """
        if self.drift <= ROUNDING:
            return inf
        return break_even(self.problem) * self.drift

    @cached_property
    def scalar(self) -> OneShot:
        """The same decision in one dimension, along the line from the weights to the target, at first-unit
        costs: what explains most of it. Drifts are max |w - w*|."""
        size = self.drift
        if size <= ROUNDING:
            return OneShot(0.0, 0.0, 0.0, self.problem.cost.fixed)
        way = -self.problem.deviations / size
        rate = float(way @ self.problem.pull @ way)
        cost, legs = self.problem.cost, float(self.problem.legs[way != 0].sum())
        return OneShot.of(rate, cost.fees(way) + cost.premium(way), cost.fixed + legs)

    @property
    def money(self) -> dict[str, float]:
        """The benefit's parts in numeraire units."""
        return self.benefit.times(self.nav)

    @cached_property
    def explanation(self) -> str:
        """One or two sentences for people."""
        days = f"{self.horizon_years * DAYS_PER_YEAR:g} days"
        parts = self.benefit.times(BPS)
        if self.reason is Reason.AT_TARGET:
            return "every weight is at its target"
        if self.reason is Reason.UNSOLVED:
            return f"nothing is traded: {self.detail}"
        if self.reason is Reason.NO_DEPTH:
            return "nothing is traded: the pools that would trade it have no depth"
        if self.reason is Reason.INSIDE_REGION:
            return f"no trade pays its own fees over {days}; {self._needs}"
        bill = ", ".join(
            f"{parts[name]:.2f} bp {name}" for name in ("fees", "impact", "premium", "gas") if parts[name]
        )
        sums = (
            f"a trade saves {parts['tracking_error']:.2f} bp of tracking-error cost over {days} for "
            f"{bill or 'nothing'}: {parts['net']:+.2f} bp"
        )
        if self.reason is Reason.TOO_SMALL:
            return f"nothing is traded: no weight would change by more than {LEAST_TRADE * BPS:g} bp; {sums}"
        if self.reason is Reason.LIMIT_BROKEN:
            return f"{', '.join(self.problem.broken)} beyond limits, so a trade is due; {sums}"
        return f"{sums}; {self._needs}"

    @property
    def _needs(self) -> str:
        """The drift that pays, by the program and by the closed form of one dimension."""
        alone = self.scalar
        try:
            needed = self.break_even_drift
            needs = f"pays beyond a drift of {needed:.2%}" if isfinite(needed) else "no drift this way pays"
        except Unsolved:
            needs = "what drift would pay was not found"
        needs = f"{needs}, now {self.drift:.2%}"
        if not isfinite(alone.trigger):
            return needs
        gas = alone.trigger - alone.landing
        return f"{needs}; straight to the target, fees hold back {alone.landing:.2%} and gas {gas:.2%} more"


def decide(
    weights: Floats,
    targets: Floats,
    covariance: Floats,
    cost: MarketCost,
    *,
    nav: float,
    risk_aversion: float,
    horizon_years: float,
    floors: Mapping[str, float] | None = None,
    caps: Mapping[str, float] | None = None,
) -> Decision:
    """Whether the best trade pays over the horizon.

    Args:
        weights, targets: (assets,) in the order of the costs; they sum to 1.
        covariance: (assets, assets), annual; cash has rows of 0.
        cost: of trading; depths of its curves bound what is traded.
        nav: numeraire units, above 0.
        risk_aversion: half of it times the squared tracking error is a cost a year.
        horizon_years: how long a drift lasts if nothing is done.
        floors, caps: by asset, what weights must keep after a trade. Where they are broken, a trade is due
            even if it does not pay.

    Raises:
        InputError: as `trade_problem`, and a value of the portfolio that is not above 0.
        InfeasibleWeights: limits that no weights keep, or no trade within the depth there is reaches.
    """
    if not (isfinite(nav) and nav > 0):
        raise InputError(f"should be a number above 0, not {nav}", path="nav")
    problem = trade_problem(
        weights,
        targets,
        covariance,
        cost,
        risk_aversion=risk_aversion,
        horizon_years=horizon_years,
        floors=floors,
        caps=caps,
    )
    nothing = Choice(np.zeros(len(problem.weights)))

    def decided(
        reason: Reason, choice: Choice = nothing, *, trade: bool = False, detail: str = ""
    ) -> Decision:
        aim = _aim(problem, choice.trade) if trade else Aim.NONE
        benefit = _benefit(problem, choice.trade)
        return Decision(
            problem,
            nav,
            horizon_years,
            trade,
            aim,
            reason,
            choice.trade,
            benefit,
            choice.gap,
            detail,
        )

    if not problem.broken:
        if float(np.abs(problem.deviations).max()) <= ROUNDING:
            return decided(Reason.AT_TARGET)
        if is_inside(problem):
            shut = not is_inside(problem, open_depth=True)
            return decided(Reason.NO_DEPTH if shut else Reason.INSIDE_REGION)
    try:
        choice = best_choice(problem)
    except Unsolved as error:
        return decided(Reason.UNSOLVED, detail=str(error))
    if not problem.broken:
        if not choice.trade.any():
            return decided(Reason.INSIDE_REGION)
        if _benefit(problem, choice.trade).net <= 0:
            return decided(Reason.BELOW_FIXED_COST, choice)
    found = decided(Reason.LIMIT_BROKEN if problem.broken else Reason.PAYS, choice, trade=True)
    return found if found.moved > LEAST_TRADE else decided(Reason.TOO_SMALL, choice)


def _benefit(problem: TradeProblem, trade: Floats) -> NetBenefit:
    cost, moved = problem.cost, problem.weights + trade
    return NetBenefit(
        tracking_error=problem.drift_cost(problem.weights) - problem.drift_cost(moved),
        fees=cost.fees(trade),
        impact=cost.impact(trade),
        premium=cost.premium(trade),
        gas=cost.gas(trade) or cost.fixed,
    )


def _aim(problem: TradeProblem, trade: Floats) -> Aim:
    landing = problem.weights + trade
    if float(np.abs(landing / landing.sum() - problem.targets).max()) <= AT_TARGET:
        return Aim.TARGET
    inside = is_inside(problem.moved(landing), open_depth=True, slack=EDGE_SLACK)
    return Aim.EDGE if inside else Aim.PART
