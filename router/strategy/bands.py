"""How far a weight may drift, and where a trade should land: closed forms for one weight against the rest.

One weight w of a portfolio drifts from its target with variance rate s2 = w2 (1 - w)2 volatility2 a year. A
drift d costs (risk aversion / 2) volatility2 d2 a year; a trade costs `fee_rate` per unit of value and
`fixed_cost`, gas and loan premium as a share of net asset value. All are to first order in the width of
the band, so a band that is wide beside the weight itself is only a guide.

For constant risk aversion the volatility cancels: the best band depends on the weight and on costs alone.
It does matter for the one-shot decision, and where the tracking error itself has a budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, sqrt

from router.errors import InputError


@dataclass(frozen=True, slots=True)
class OneShot:
    """Whether one trade pays over a horizon, and where it lands; drifts are |w - w*|.

    Attributes:
        landing: a trade ends here; a smaller drift is not worth any fee.
        trigger: a larger drift is worth the fixed cost as well. Infinite where no drift is.
        benefit_rate: cost of the squared drift over the horizon, risk aversion x volatility2 x horizon.
    """

    landing: float
    trigger: float
    benefit_rate: float
    fixed_cost: float

    @classmethod
    def of(cls, benefit_rate: float, fee_rate: float, fixed_cost: float) -> OneShot:
        """From the cost of the squared drift over the horizon, and costs of trading."""
        landing = _ratio(fee_rate, benefit_rate)
        trigger = landing + sqrt(_ratio(2 * fixed_cost, benefit_rate))
        return cls(landing, trigger, benefit_rate, fixed_cost)

    def net_benefit(self, drift: float) -> float:
        """Tracking-error cost avoided by a trade to `landing`, less its fee and the fixed cost; a share of
        net asset value. Positive just where the drift is beyond `trigger`."""
        if drift <= self.landing:
            return -self.fixed_cost
        return self.benefit_rate / 2 * (drift - self.landing) ** 2 - self.fixed_cost


def one_shot_boundary(
    *,
    volatility: float,
    risk_aversion: float,
    horizon_years: float,
    fee_rate: float,
    fixed_cost: float = 0.0,
) -> OneShot:
    """The drift at which a rebalance turns net-negative (after Masters 2003; Dybvig & Pezzo 2019).

    Raises:
        InputError: a negative value or none; risk aversion or horizon not above 0.
    """
    _positive(risk_aversion=risk_aversion, horizon_years=horizon_years)
    _not_negative(volatility=volatility, fee_rate=fee_rate, fixed_cost=fixed_cost)
    return OneShot.of(risk_aversion * volatility**2 * horizon_years, fee_rate, fixed_cost)


class Reach(StrEnum):
    """On which sides a weight, which stays between 0 and 1, can meet its trigger."""

    BOTH = "both"
    BELOW = "below"
    ABOVE = "above"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Band:
    """Trade when |w - w*| exceeds `trigger`, to where it is `landing`. Equal: hold at the edge.

    Attributes:
        tracking_error: standard deviation of the return difference to the target, a year.
        tracking_error_cost, fees, gas: shares of net asset value a year.
        turnover: value traded on this weight, shares of net asset value a year.
        trades_per_year: infinite at an edge, which is met again and again without a break.
        reach: beyond it the model's small drifts are exceeded, and the figures hold no longer.
    """

    weight: float
    trigger: float
    landing: float
    tracking_error: float
    tracking_error_cost: float
    fees: float
    gas: float
    turnover: float
    trades_per_year: float

    @property
    def objective(self) -> float:
        """What the drift and its correction cost in all, a share of net asset value a year."""
        return self.tracking_error_cost + self.fees + self.gas

    @property
    def reach(self) -> Reach:
        below, above = self.trigger < self.weight, self.trigger < 1 - self.weight
        if below and above:
            return Reach.BOTH
        return Reach.BELOW if below else Reach.ABOVE if above else Reach.NEVER


@dataclass(frozen=True, slots=True)
class DriftingWeight:
    """One weight against the rest of its portfolio.

    Attributes:
        weight: the target, strictly between 0 and 1: elsewhere a weight does not drift.
        volatility: annual, of the asset's return less that of the rest.
        risk_aversion: price of variance; half of it times the squared tracking error is a cost a year.
        fee_rate: cost per unit of value traded on this weight, its other side included.
        fixed_cost: of one trade, a share of net asset value.

    Raises:
        InputError: a value outside these ranges, or none.
    """

    weight: float
    volatility: float
    risk_aversion: float
    fee_rate: float
    fixed_cost: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < 1:
            raise InputError(
                f"a weight of {self.weight} does not drift; bands need one between 0 and 1", path="weight"
            )
        _positive(risk_aversion=self.risk_aversion)
        _not_negative(volatility=self.volatility, fee_rate=self.fee_rate, fixed_cost=self.fixed_cost)

    @property
    def spread(self) -> float:
        """s2 / volatility2."""
        return (self.weight * (1 - self.weight)) ** 2

    def band(self, trigger: float, landing: float) -> Band:
        """What a given band costs: exit times of a Brownian motion from an interval.

        Raises:
            InputError: the landing is negative, or beyond the trigger.
        """
        if not 0 <= landing <= trigger:
            raise InputError(f"should be between 0 and the trigger, {trigger}, not {landing}", path="landing")
        variance_rate = self.spread * self.volatility**2
        turnover = _ratio(variance_rate, trigger + landing)
        trades = _ratio(variance_rate, (trigger - landing) * (trigger + landing))
        error = self.volatility * sqrt((trigger**2 + landing**2) / 6)
        return Band(
            weight=self.weight,
            trigger=trigger,
            landing=landing,
            tracking_error=error,
            tracking_error_cost=self.risk_aversion / 2 * error**2,
            fees=self.fee_rate * turnover if self.fee_rate else 0.0,
            gas=self.fixed_cost * trades if self.fixed_cost else 0.0,
            turnover=turnover,
            trades_per_year=trades,
        )


def fee_only_trigger(case: DriftingWeight) -> float:
    """Half-width of the best band under fees alone: hold at the edge (Davis & Norman 1990; Janecek & Shreve
    2004; Gerhold, Guasoni, Muhle-Karbe & Schachermayer 2014 with a spread of twice the fee)."""
    return float((1.5 * case.fee_rate / case.risk_aversion * case.spread) ** (1 / 3))


def gas_only_trigger(case: DriftingWeight) -> float:
    """Half-width of the best band under fixed costs alone: trade to the target (Altarovici, Muhle-Karbe &
    Soner 2015)."""
    return float((12 * case.fixed_cost / case.risk_aversion * case.spread) ** 0.25)


def long_run_band(case: DriftingWeight) -> Band:
    """The best trigger and landing under fees and fixed costs together.

    The minimum of `DriftingWeight.band(b, a).objective`. Its first-order conditions in the gap u = b - a and
    the sum v = a + b are v u3 = F and v3 - v u2 = q, with F = 12 spread fixed_cost / risk_aversion and q the
    same of the fee: one equation in v, convex and increasing from F^(1/4) on.
    """
    gas, fee = gas_only_trigger(case), 2 * fee_only_trigger(case)
    if not gas or not fee:  # one cost alone, or none
        return case.band(gas or fee / 2, fee / 2)
    unit = max(gas, fee)
    gas, fee = gas / unit, fee / unit
    root = _root(lambda v: v**3 - gas ** (8 / 3) * v ** (1 / 3) - fee**3, 1.0, gas + fee)
    total, gap = unit * root, unit * (gas**4 / root) ** (1 / 3)
    return case.band((total + gap) / 2, max(total - gap, 0.0) / 2)


def target_band(case: DriftingWeight) -> Band:
    """The best trigger where every trade lands on the target: b4 = (6 spread / risk_aversion)(2 f + k b)."""
    gas, fee = gas_only_trigger(case), fee_only_trigger(case) * 4 ** (1 / 3)
    if not gas or not fee:
        return case.band(gas or fee, 0.0)
    unit = max(gas, fee)
    gas, fee = gas / unit, fee / unit
    return case.band(unit * _root(lambda b: b**4 - gas**4 - fee**3 * b, 1.0, gas + fee), 0.0)


def band_of_tracking_error(case: DriftingWeight, tracking_error: float) -> Band:
    """The cheapest band whose tracking error is a given budget; the case's risk aversion only prices it.

    Under fees alone the trigger is tracking_error x sqrt(3) / volatility: here the volatility matters. In
    general the gap u between trigger and landing solves k u3 + 2 f (u2 - r) = 0 with r = 6 (tracking error /
    volatility)2, which is trigger2 + landing2.

    Raises:
        InputError: the budget is not above 0; the volatility is 0, so that any band keeps it.
    """
    _positive(tracking_error=tracking_error, volatility=case.volatility)
    room = 6 * (tracking_error / case.volatility) ** 2
    gap = 0.0
    if case.fixed_cost:
        pull = case.fee_rate / (2 * case.fixed_cost)
        gap = _root(lambda u: pull * u**3 + u**2 - room, 0.0, sqrt(room)) if pull else sqrt(room)
    total = sqrt(2 * room - gap**2)
    return case.band((total + gap) / 2, max(total - gap, 0.0) / 2)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    if function(high) <= 0:  # by rounding, where one cost is next to nothing beside the other
        return high
    return float(brentq(function, low, high, xtol=1e-300, rtol=1e-14))


def _ratio(part: float, whole: float) -> float:
    """part / whole; 0 where there is no part, infinite where there is no whole."""
    if not part:
        return 0.0
    return part / whole if whole else inf


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value > 0):
            raise InputError(f"should be a number above 0, not {value}", path=name)


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value >= 0):
            raise InputError(f"should be a number of at least 0, not {value}", path=name)
