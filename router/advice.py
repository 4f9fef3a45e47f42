"""Whether to rebalance a portfolio now, and to where: the owner's discipline on the market's own costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite

import numpy as np

from router.errors import InfeasibleWeights, InputError, Unsolved
from router.fixed_point import BPS, WAD, apportioned
from router.market_cost import CostProbe
from router.plan import Judgement, Plan
from router.planner.statement import hold_plan
from router.planner.valuation import Valuation
from router.portfolio import Landing, Portfolio, TokenRule, Trade
from router.snapshot import Snapshot
from router.strategy.bands import Band, long_run_band
from router.strategy.costs import Floats, MarketCost
from router.strategy.decision import Aim, Decision, decide
from router.strategy.discipline import Discipline
from router.strategy.portfolio_bands import drifting_weights
from router.tokens import Address

PLAN_COSTS_MORE = "plan_costs_more"
"""The plan's own cost is above what the curves promised, and above what the trade avoids."""
NO_PLAN = "no_plan"
"""The planner finds nothing to trade on the way to the landing."""
ONE_WAY = 2
"""Sides of a trade in one asset: bought and sold."""
LIMITS = "discipline.max_weight"
"""Where the owner wrote what no weights keep."""
SPREADS = tuple(1.22 ** (0.5**k) for k in range(4))
"""How wide about the trade decided on cost curves are measured again, each time."""


@dataclass(frozen=True)
class Advice:
    """A decision about one portfolio on one snapshot, in the order of `valuation.tokens`."""

    valuation: Valuation
    discipline: Discipline
    covariance: Floats
    decision: Decision

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.valuation.tokens

    @property
    def cost(self) -> MarketCost:
        return self.decision.problem.cost

    @cached_property
    def bands(self) -> Mapping[Address, Band]:
        """By token whose weight drifts, the long-run trigger and landing at first-unit costs."""
        cost = self.cost
        rates = [
            (buy.slope(0.0) + sell.slope(0.0)) / ONE_WAY
            for buy, sell in zip(cost.buys, cost.sells, strict=True)
        ]
        cases = drifting_weights(
            self.decision.problem.targets,
            self.covariance,
            risk_aversion=self.discipline.risk_aversion,
            fee_rates=rates,
            fixed_cost=cost.fixed,
        )
        pairs = zip(self.tokens, cases, strict=True)
        return {token: long_run_band(case) for token, case in pairs if case is not None and case.volatility}

    @cached_property
    def judgement(self) -> Judgement:
        """The decision with its estimated costs."""
        decision = self.decision
        parts = decision.benefit.times(BPS)
        return Judgement(
            trade=decision.trade,
            reason=decision.reason.value,
            explanation=_worded(decision.explanation, self.valuation),
            aim=decision.aim.value,
            traded=decision.traded,
            landing_wad=dict(zip(self.tokens, apportioned(decision.landing.tolist(), WAD), strict=True)),
            risk_aversion=self.discipline.risk_aversion,
            horizon_days=self.discipline.horizon_days,
            avoided_bps=parts["tracking_error"],
            fees_bps=parts["fees"],
            impact_bps=parts["impact"],
            premium_bps=parts["premium"],
            gas_bps=parts["gas"],
            net_value=decision.money["net"],
            drift=decision.drift,
            break_even_drift=self._break_even,
            choice_gap_bps=decision.gap * BPS,
        )

    @property
    def _break_even(self) -> float | None:
        try:
            found = self.decision.break_even_drift
        except Unsolved:
            return None
        return found if isfinite(found) else None

    @property
    def portfolio(self) -> Portfolio:
        """The owner's portfolio with the landing as its target; what the decision does not trade is kept."""
        own, decision = self.valuation.portfolio, self.decision
        kept = [token for token in self.tokens if token not in decision.traded]
        # A decided trade is due even where it is smaller than the tolerances of its end.
        widest = max(int(decision.moved * BPS) // 2, 1)
        rules = {token: _within(rule, widest) for token, rule in own.rules.items()}
        return replace(
            own,
            targets_wad={token: wad for token, wad in self.judgement.landing_wad.items() if wad},
            rules={**rules, **{token: _kept(rules.get(token)) for token in kept}},
            landing=Landing.NEAREST if kept else Landing.TARGET,
            tolerance_bps=min(own.tolerance_bps, widest),
        )

    def held(self, judgement: Judgement, snapshot_hash: str) -> Plan:
        """A plan to do nothing, and why."""
        return replace(hold_plan(self.valuation, judgement.explanation, snapshot_hash), judgement=judgement)

    def weighed(self, plan: Plan) -> Plan:
        """The plan with its judgement; one that holds where its own costs leave nothing."""
        if plan.program is None:
            nothing = replace(
                self.judgement, trade=False, aim=Aim.NONE.value, reason=NO_PLAN, explanation=plan.reason
            )
            return replace(plan, judgement=nothing)
        judgement = self._measured(plan)
        if not judgement.trade:
            return self.held(judgement, plan.snapshot_hash)
        notes = (*plan.notes, *self._above_largest(plan))
        return replace(plan, reason=judgement.explanation, judgement=judgement, notes=notes)

    def _after(self, plan: Plan) -> dict[Address, float]:
        return self.valuation.weights(self.valuation.net_of_reserved(plan.holdings_after))

    def _above_largest(self, plan: Plan) -> Iterator[str]:
        """Weights that end above their largest by more than the tolerance: what is not traded makes up less
        of the value where a trade costs less than the curves said, and what is traded more."""
        room, after = self.valuation.portfolio.tolerance_bps / BPS, self._after(plan)
        for token in self.decision.traded:
            most = self.discipline.max_weight.get(token, 1.0)
            if after[token] > most + room:
                yield (
                    f"{self.valuation.symbol(token)} ends at {after[token]:.2%}, above its largest weight of "
                    f"{most:.2%}"
                )

    def _measured(self, plan: Plan) -> Judgement:
        """The judgement with the plan's own costs and final weights; no trade where those net nothing, unless
        limits make it due."""
        problem, after = self.decision.problem, self._after(plan)
        landed = np.array([after[token] for token in self.tokens])
        avoided = problem.drift_cost(problem.weights) - problem.drift_cost(landed)
        bps = BPS / plan.value_before
        found = replace(
            self.judgement,
            avoided_bps=avoided * BPS,
            fees_bps=plan.cost.pool_fees * bps,
            impact_bps=plan.cost.price_impact * bps,
            premium_bps=plan.cost.flash_premium * bps,
            gas_bps=plan.cost.gas * bps,
            net_value=avoided * plan.value_before - plan.cost.total,
            measured=True,
        )
        if problem.broken:
            return found
        if found.net_value > 0:
            told = f"avoids {found.avoided_bps:.2f} bp of tracking-error cost for {found.cost_bps:.2f} bp"
            drift = f"drift {found.drift:.2%}"
            if found.break_even_drift is not None:
                drift += f", pays beyond {found.break_even_drift:.2%}"
            return replace(found, explanation=f"{told}: {found.net_bps:+.2f} bp; {drift}")
        told = f"the plan costs {found.cost_bps:.2f} bp and avoids {found.avoided_bps:.2f} bp"
        return replace(found, trade=False, aim=Aim.NONE.value, reason=PLAN_COSTS_MORE, explanation=told)


def advise(snapshot: Snapshot, portfolio: Portfolio, discipline: Discipline) -> Advice | None:
    """Weighs the portfolio's drift against what the snapshot's pools take to end it.

    None where more of a token is to be left than there is: then a trade is due whatever it costs.

    Raises:
        InputError: what can't be valued, a token without a volatility, or impossible correlations.
        InfeasibleWeights: limits that no weights keep.
    """
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    held = valuation.weights(valuation.tradable)
    if min(held.values()) < 0:
        return None
    try:
        return _advised(valuation, discipline, held)
    except InputError as error:
        path = _worded(LIMITS if isinstance(error, InfeasibleWeights) else error.path, valuation)
        raise type(error)(_worded(error.message, valuation), path=path, nearest=error.nearest) from error


def _advised(valuation: Valuation, discipline: Discipline, held: Mapping[Address, float]) -> Advice:
    """By address, which is what errors call tokens."""
    snapshot, portfolio, tokens = valuation.snapshot, valuation.portfolio, valuation.tokens
    weights = np.array([held[token] for token in tokens])
    targets = np.array([valuation.target(token) for token in tokens])
    covariance = discipline.covariance(tokens, snapshot.numeraire)

    probe = CostProbe(snapshot, portfolio)
    probe.measure()

    def decided(left: float) -> Decision:
        floors, caps = _limits(portfolio, discipline, held, left)
        return decide(
            weights,
            targets,
            covariance,
            probe.cost,
            nav=valuation.value(valuation.tradable),
            risk_aversion=discipline.risk_aversion,
            horizon_years=discipline.horizon_years,
            floors=floors,
            caps=caps,
        )

    decision = decided(1.0)
    for spread in SPREADS:
        left = 1 - decision.problem.cost.variable(decision.proposal)
        if not probe.refine(decision.proposal, spread):
            break
        decision = decided(left)
    return Advice(valuation, discipline, covariance, decision)


def _worded(text: str, valuation: Valuation) -> str:
    """With symbols for the addresses of the portfolio's tokens."""
    for token in valuation.tokens:
        text = text.replace(token, valuation.symbol(token))
    return text


def _limits(
    portfolio: Portfolio, discipline: Discipline, held: Mapping[Address, float], left: float
) -> tuple[dict[Address, float], dict[Address, float]]:
    """(floors, caps) of what is held after a trade, shares of the value before it: what the rules keep from
    being sold or bought, and the owner's largest weights, which are of the share that costs leave; where
    those so leave no room for what is held, of the value before. A weight above its largest by no more than
    the tolerance is no reason to trade."""
    room = portfolio.tolerance_bps / BPS
    trades = {token: portfolio.rules.get(token, TokenRule()).trade for token in held}
    floors = {token: held[token] for token, trade in trades.items() if trade in (Trade.BUY, Trade.NONE)}
    shut = {token: held[token] for token, trade in trades.items() if trade in (Trade.SELL, Trade.NONE)}

    def caps_of(left: float) -> dict[str, float]:
        largest = {token: most for token, most in discipline.max_weight.items() if token in held}
        return {
            token: max(most * left, held[token]) if held[token] <= most + room else most * left
            for token, most in largest.items()
        } | shut

    caps = caps_of(left)
    if sum(caps.get(token, 1.0) for token in held) < 1:
        caps = caps_of(1.0)
    return floors, caps


def _within(rule: TokenRule, widest: int) -> TokenRule:
    own = rule.tolerance_bps
    return rule if own is None else replace(rule, tolerance_bps=min(own, widest))


def _kept(rule: TokenRule | None) -> TokenRule:
    return replace(rule or TokenRule(), trade=Trade.NONE)
