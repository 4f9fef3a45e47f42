"""Target weights by the name of a rule: one function over `targets`, `tilts` and `guards`.

Assets are the columns of the returns. One of them may be cash: its returns are 0, as are its row and column
of the covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import compress
from math import ceil, floor
from operator import gt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, nearest
from router.fixed_point import apportioned
from router.strategy.covariance import MOST_VOLATILE, check_definite, check_returns
from router.strategy.guards import GuardRails, check_weights, finite, project
from router.strategy.targets import RISK_RULES, equal, market_cap, minimum_variance
from router.strategy.tilts import mean_reversion, momentum, tilted, volatility_targeted

Floats = NDArray[np.float64]

BASES: Final = ("equal", *RISK_RULES, "market_cap")
"""Rules that need no other."""

SIGNALS: Final = {"momentum": momentum, "mean_reversion": mean_reversion}

RULES: Final = (*BASES, "volatility_target", *SIGNALS)

_TAKES: Final = {"volatility_target": ("base", "volatility")} | dict.fromkeys(
    SIGNALS, ("base", "window", "strength")
)
_MOST_PLACES: Final = 12


@dataclass(frozen=True, eq=False)
class TargetRule:
    """A rule and its figures; what a rule does not take must be None.

    Attributes:
        name: one of `RULES`.
        base: one of `BASES`, what `volatility_target`, `momentum` and `mean_reversion` start from; `equal`
            where it is None.
        cash_weight: share of the cash asset; for `volatility_target` the least share. Its own floor and cap
            come first, and what those of the others leave it.
        capitals: (n,) market capitals, in any one unit; what cash has is ignored.
        volatility: annual, wanted by `volatility_target`.
        window: rows that a signal is from; 30 where it is None.
        strength: logarithm of a weight's ratio at a signal of 1; 0.5 where it is None.

    Raises:
        InputError: an unknown name, a figure that is missing or does nothing.
    """

    name: str
    base: str | None = None
    cash_weight: float = 0.0
    capitals: Floats | None = None
    volatility: float | None = None
    window: int | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        for path, value, known in (("rule", self.name, RULES), ("base", self.base, BASES)):
            if value is not None and value not in known:
                raise InputError(
                    f"no rule {value!r}; there are {', '.join(known)}",
                    path=path,
                    nearest=nearest(value, known),
                )
        if not 0 <= self.cash_weight <= 1:
            raise InputError(f"should be from 0 to 1, is {self.cash_weight:g}", path="cash_weight")
        if self.volatility is not None and self.volatility > MOST_VOLATILE:
            raise InputError(
                f"should be at most {MOST_VOLATILE:g}, is {self.volatility:g}: 0.3 is 30 % a year",
                path="volatility",
            )
        takes = set(_TAKES.get(self.name, ()))
        if "market_cap" in (self.name, self.base):
            takes.add("capitals")
        for name in ("base", "capitals", "volatility", "window", "strength"):
            if getattr(self, name) is not None and name not in takes:
                raise InputError(f"does nothing under {self.name}", path=name)
        for name in ("capitals", "volatility"):
            if name in takes and getattr(self, name) is None:
                raise InputError(
                    f"is needed by {'market_cap' if name == 'capitals' else self.name}", path=name
                )


def target_weights(
    rule: TargetRule,
    returns: ArrayLike,
    covariance: ArrayLike,
    *,
    cash: int | None = None,
    rails: GuardRails | None = None,
    current: ArrayLike | None = None,
    assets: Sequence[str] = (),
) -> Floats:
    """The weights of a rule within guard rails, (n,), summing to 1.

    Cash has the share nearest to the rule's for which floors and caps leave weights, and the rule is over
    the rest. Minimum variance knows floors and caps; what other rules say is brought to the nearest
    weights that keep them, and a volatility that was aimed at may be missed then.

    Args:
        returns: (rows, n) log returns, oldest first; signals are from the newest.
        covariance: annual, (n, n).
        cash: index of the cash asset, None without one.
        rails: floors, caps and the largest step.
        current: (n,) weights of the last update, for the step.
        assets: names for messages.

    Raises:
        InfeasibleWeights: rails that leave no weights.
        SingularCovariance: a covariance of all but cash that no weights can be optimised on, such as that of
            an asset that never moves; only of rules that rest on one.
        InsufficientHistory: fewer rows than a signal needs.
        InputError: a rule that needs cash where there is none, a step without current weights, figures that
            make no sense.
        Unaffordable, NotFinite: as `check_weights`.
    """
    matrix = finite(covariance, "covariance", dimensions=2)
    rows = check_returns(returns, rows=1)
    limits = rails or GuardRails()
    if cash is None and (rule.cash_weight > 0 or rule.name == "volatility_target"):
        raise InputError("needs a cash asset", path="cash_weight" if rule.cash_weight > 0 else "rule")
    if (limits.step is None) != (current is None):
        given, missing = ("step", "current") if current is None else ("current", "step")
        raise InputError(f"goes with {given}, and is not given", path=missing)
    held = None if current is None else _current(current, assets)
    low, high = (limit.copy() for limit in limits.box(len(matrix)))
    priced = np.ones(len(matrix), dtype=bool)
    if cash is not None:
        priced[cash] = False
    riskless = 0.0 if cash is None else _cash_share(rule.cash_weight, low, high, cash)
    base = partial(_base, rule=rule, covariance=matrix, priced=priced, assets=assets)
    if rule.name == "volatility_target" and riskless < 1:
        assert rule.volatility is not None
        assert cash is not None
        start = base(rule.base or "equal", riskless=0.0, rails=GuardRails())
        most = 1 - riskless
        wanted = volatility_targeted(start, matrix, volatility=rule.volatility, cash=cash, most=most)
        return limits.apply(wanted, held)
    wanted = base(rule.name if rule.name in BASES else rule.base or "equal", riskless=riskless, rails=limits)
    if rule.name in SIGNALS and riskless < 1:
        signal = SIGNALS[rule.name](rows[:, priced], 30 if rule.window is None else rule.window)
        strength = 0.5 if rule.strength is None else rule.strength
        shares = wanted[priced] / (1 - riskless)
        wanted[priced] = (1 - riskless) * tilted(shares, signal, strength=strength, rails=GuardRails())
    # What a limit takes from one goes to the others, not to cash; a step comes after.
    low[~priced], high[~priced] = riskless, riskless
    return limits.apply(project(wanted, low, high), held)


def risk_shares(weights: ArrayLike, covariance: ArrayLike) -> tuple[float, Floats]:
    """Annual volatility of weights, and each asset's share of the variance, (n,), which sum to 1.

    Shares are 0 where nothing has a variance.
    """
    held, matrix = finite(weights, "weights"), finite(covariance, "covariance", dimensions=2)
    parts = held * (matrix @ held)
    variance = max(float(parts.sum()), 0.0)
    return variance**0.5, parts / variance if variance > 0 else np.zeros_like(parts)


def exact_weights(
    weights: ArrayLike,
    *,
    places: int = 4,
    rails: GuardRails | None = None,
    current: ArrayLike | None = None,
) -> tuple[Decimal, ...]:
    """Weights as decimals that sum to exactly 1: rounded, the remainder to the largest.

    None is rounded past a rail, or the largest step from the current weights, and the next largest takes
    what the largest can't; more places are used only where that leaves no weights.

    Args:
        weights: (n,) summing to 1, within the rails as far as `GuardRails.apply` could bring them.
        places: decimals, from 1 to 12.

    Raises:
        InputError, Unaffordable, NotFinite: as `check_weights`; places out of range.
    """
    held = check_weights(weights)
    if not 1 <= places <= _MOST_PLACES:
        raise InputError(f"should be from 1 to {_MOST_PLACES}, is {places}", path="places")
    for digits in range(places, _MOST_PLACES + 1):
        if tried := _decimals(held, digits, rails or GuardRails(), current):
            return tried
    # Limits that leave one point, which no decimals write: nearest to it.
    units = apportioned(held.tolist(), 10**_MOST_PLACES)
    return tuple(Decimal(each).scaleb(-_MOST_PLACES) for each in units)


def _decimals(
    weights: Floats, places: int, rails: GuardRails, current: ArrayLike | None
) -> tuple[Decimal, ...] | None:
    """Rounded within the rails; None where no such decimals sum to 1."""
    low, high = _room(weights, Decimal(1).scaleb(-places), rails, current)
    whole = 10**places
    least = [ceil(each.scaleb(places)) for each in low]
    most = [floor(each.scaleb(places)) for each in high]
    if any(map(gt, least, most)) or not sum(least) <= whole <= sum(most):
        return None
    units = [round(Fraction(each) * whole) for each in weights.tolist()]
    units = [min(max(each, few), many) for each, few, many in zip(units, least, most, strict=True)]
    for place in np.argsort(-weights, kind="stable").tolist():
        rest = whole - sum(units)
        units[place] = min(max(units[place] + rest, least[place]), most[place])
    return tuple(Decimal(each).scaleb(-places) for each in units)


def _cash_share(wanted: float, low: Floats, high: Floats, cash: int) -> float:
    """The share of cash nearest to the wanted one for which floors and caps leave weights."""
    least = max(low[cash], 1 - np.delete(high, cash).sum(), 0.0)
    most = min(high[cash], 1 - np.delete(low, cash).sum())
    return float(min(max(wanted, least), most))


def _base(
    name: str,
    *,
    rule: TargetRule,
    covariance: Floats,
    priced: NDArray[np.bool_],
    assets: Sequence[str],
    riskless: float,
    rails: GuardRails,
) -> Floats:
    """A rule that needs no other, over what is priced; cash has the riskless share."""
    weights = np.where(priced, 0.0, riskless)
    if riskless >= 1:
        return weights
    if name in RISK_RULES:
        # Cash aside, what has no variance is no riskless asset but one whose prices stand still.
        check_definite(covariance[np.ix_(priced, priced)], list(compress(assets, priced)))
        if name == "minimum_variance":
            return minimum_variance(covariance, riskless=riskless, rails=rails)
        return RISK_RULES[name](covariance, riskless=riskless)
    if name == "equal":
        shares = equal(int(priced.sum()))
    else:
        assert rule.capitals is not None
        capitals = finite(rule.capitals, "capitals")
        if capitals.size != priced.size:
            raise InputError(f"{capitals.size} for {priced.size} assets", path="capitals")
        caps = rails.box(priced.size)[1][priced]
        # One cap for all is the index providers': what is above it goes to the others in proportion.
        cap = min(float(caps[0]) / (1 - riskless), 1.0) if (caps == caps[0]).all() else 1.0
        shares = market_cap(capitals[priced], cap)
    weights[priced] = (1 - riskless) * shares
    return weights


def _current(weights: ArrayLike, assets: Sequence[str]) -> Floats:
    try:
        return check_weights(weights, assets)
    except InputError as error:
        raise type(error)(error.message, path=error.path.replace("weights", "current", 1)) from None


def _room(
    weights: Floats, unit: Decimal, rails: GuardRails, current: ArrayLike | None
) -> tuple[list[Decimal], list[Decimal]]:
    """How far each weight may be rounded: the rails as they were typed, a unit where a step ends outside."""
    exact = [Decimal(value) for value in weights.tolist()]
    floors, caps = rails.box(len(weights))
    low = [
        _typed(limit) if limit <= value else value - unit for limit, value in zip(floors, exact, strict=True)
    ]
    high = [
        _typed(limit) if limit >= value else value + unit for limit, value in zip(caps, exact, strict=True)
    ]
    if rails.step is not None and current is not None:
        step, held = _typed(rails.step), list(map(_typed, finite(current, "current")))
        low = [max(limit, value - step) for limit, value in zip(low, held, strict=True)]
        high = [min(limit, value + step) for limit, value in zip(high, held, strict=True)]
    return list(map(min, low, exact)), list(map(max, high, exact))


def _typed(value: float) -> Decimal:
    return Decimal(repr(float(value)))
