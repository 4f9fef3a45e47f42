"""How exposed a book of spot, options and perpetuals is to its underlying, and when to hedge that.

    net delta = spot + sum_i n_i delta_i + perpetual            in units of the underlying

A hedge trades the perpetual, only outside a band, and lands at its edge or nearer to 0. Options are
European, on an underlying without yield, at one constant rate (Black & Scholes 1973); an underlying that
pays one needs its forward, which this does not model. Prices and greeks are vollib's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import copysign, exp, inf, isfinite

import numpy as np

from router.errors import InputError, NotFinite


class OptionKind(StrEnum):
    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class Option:
    """So many options of one kind; `quantity` is negative where they are written.

    Attributes:
        years: to expiry, above 0: what has expired is spot or cash.
        volatility: annual, at which it is priced.
    """

    kind: OptionKind
    strike: float
    years: float
    volatility: float
    quantity: float = 1.0


@dataclass(frozen=True, slots=True)
class Greeks:
    """Of one option, or of a book: value in units of account, delta in units of the underlying, gamma in
    those per unit of account that the underlying moves."""

    value: float
    delta: float
    gamma: float


@dataclass(frozen=True, slots=True)
class Hedge:
    """What to trade of the hedging instrument, 0 within the band; the net delta before and after it."""

    trade: float
    before: float
    after: float


def option_greeks(option: Option, spot: float, rate: float) -> Greeks:
    """Of one such option; its quantity does not matter.

    Args:
        spot: price of the underlying.
        rate: riskless, a year, continuously compounded.

    Raises:
        InputError: a price, time or volatility that is not above 0, a kind that is none, or vollib missing.
        NotFinite: NaN or infinity.
    """
    return _greeks(option, spot, rate, "option")


def book_greeks(
    options: Sequence[Option], spot: float, rate: float, *, spot_held: float = 0.0, perpetual: float = 0.0
) -> Greeks:
    """Of everything held. `delta` is the net delta; the value is that of spot and options: a perpetual's
    gains are settled as they arise.

    Args:
        spot_held, perpetual: units of the underlying, negative where short. The perpetual is linear.

    Raises:
        InputError, NotFinite: as `option_greeks`, with the place of the option.
    """
    _positive(spot=spot)
    _finite(spot_held=spot_held, perpetual=perpetual)
    value, delta, gamma = spot_held * spot, spot_held + perpetual, 0.0
    for place, option in enumerate(options):
        _finite(f"options[{place}].", quantity=option.quantity)
        each = _greeks(option, spot, rate, f"options[{place}]")
        value += option.quantity * each.value
        delta += option.quantity * each.delta
        gamma += option.quantity * each.gamma
    return Greeks(value, delta, gamma)


def whalley_wilmott_half_width(
    *, spot: float, gamma: float, cost_rate: float, risk_aversion: float, years: float, rate: float
) -> float:
    """Half-width of the band around a net delta of 0, in units of the underlying; hold at its edge.

        (3/2 exp(-rate years) cost_rate spot gamma2 / risk_aversion) ^ (1/3)

    Source: Whalley & Wilmott 1997, Mathematical Finance 7(3), for small proportional costs and exponential
    utility. It is the minimum over h of the variance that a band leaves and the fees that it takes,
    (a / 2) (volatility spot)2 h2 / 3 + cost_rate spot (gamma volatility spot)2 / (2 h) with
    a = risk_aversion exp(rate years): the `fee_only_trigger` of `bands` in another unit. A leading-order
    result: a guide where costs are large or expiry is near the strike, where gamma grows without bound.

    Args:
        gamma: of the whole book.
        cost_rate: of a trade, per unit of value traded.
        risk_aversion: absolute, per unit of account: relative risk aversion over net worth.
        years: to the horizon at which utility counts, for a book of one option its expiry.

    Raises:
        InputError: a price or risk aversion that is not above 0, a cost or time below 0.
        NotFinite: NaN or infinity, in what is given or in the result.
    """
    _finite(gamma=gamma, rate=rate)
    _positive(spot=spot, risk_aversion=risk_aversion)
    _not_negative(cost_rate=cost_rate, years=years)
    try:
        width = (1.5 * exp(-rate * years) * cost_rate * spot / risk_aversion * gamma**2) ** (1 / 3)
    except OverflowError:
        width = inf
    _finite(half_width=width)
    return float(width)


def hedge(net_delta: float, trigger: float, landing: float | None = None, unit_delta: float = 1.0) -> Hedge:
    """The trade that brings a net delta which is beyond its band back into it.

    Args:
        net_delta: with what the hedging instrument itself contributes.
        trigger: half-width of the band; at the edge itself nothing trades.
        landing: |net delta| after a trade, from 0 (neutral) to the trigger, which is the default.
        unit_delta: delta of one unit of the hedging instrument: 1 for a linear perpetual.

    Raises:
        InputError: a trigger below 0, a landing outside the band, an instrument without delta.
        NotFinite: NaN or infinity.
    """
    _finite(net_delta=net_delta, unit_delta=unit_delta)
    _not_negative(trigger=trigger)
    if landing is None:
        landing = trigger
    _not_negative(landing=landing)
    if landing > trigger:
        raise InputError(f"should be between 0 and the trigger, {trigger}, not {landing}", path="landing")
    if not unit_delta:
        raise InputError("should not be 0: the instrument hedges nothing", path="unit_delta")
    if abs(net_delta) <= trigger:
        return Hedge(0.0, net_delta, net_delta)
    after = copysign(landing, net_delta) if landing else 0.0
    return Hedge((after - net_delta) / unit_delta, net_delta, after)


def _greeks(option: Option, spot: float, rate: float, path: str) -> Greeks:
    _positive(spot=spot)
    _finite(rate=rate)
    _positive(f"{path}.", strike=option.strike, years=option.years, volatility=option.volatility)
    if option.kind not in tuple(OptionKind):
        raise InputError(f"should be call or put, is {option.kind}", path=f"{path}.kind")
    try:
        from vollib.black_scholes import black_scholes
        from vollib.black_scholes.greeks.analytical import delta, gamma
    except ImportError:
        raise InputError("options need vollib: pip install 'atomic-rebalance[strategy]'", path=path) from None
    terms = (option.kind[0], spot, option.strike, option.years, rate, option.volatility)
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            found = Greeks(float(black_scholes(*terms)), float(delta(*terms)), float(gamma(*terms)))
    except (ArithmeticError, ValueError) as error:
        raise NotFinite(f"has no price in floating point: {error}", path=path) from error
    _finite(f"{path}.", value=found.value, delta=found.delta, gamma=found.gamma)
    return found


def _finite(prefix: str = "", **values: float) -> None:
    for name, value in values.items():
        if not isfinite(value):
            raise NotFinite(f"should be a finite number, is {value}", path=f"{prefix}{name}")


def _positive(prefix: str = "", **values: float) -> None:
    _finite(prefix, **values)
    for name, value in values.items():
        if value <= 0:
            raise InputError(f"should be above 0, is {value}", path=f"{prefix}{name}")


def _not_negative(prefix: str = "", **values: float) -> None:
    _finite(prefix, **values)
    for name, value in values.items():
        if value < 0:
            raise InputError(f"should not be negative, is {value}", path=f"{prefix}{name}")
