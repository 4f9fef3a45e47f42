"""Partial trading under quadratic costs: each period a fixed share of the way to an aim (Garleanu & Pedersen
2013, section I). For targets that follow a signal and for trades whose cost is price impact; where fees and
gas dominate, bands are better (`router.strategy.bands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from router.errors import InputError
from router.strategy.costs import Floats


@dataclass(frozen=True, slots=True)
class PartialTrading:
    """How to trade when a change of weights x costs (impact / 2) x' covariance x.

    Attributes:
        rate: share of the way from the weights to the aim that one period's trade goes, 0 to 1.
        urgency: weight of the present target in the aim; the later ones share the rest, falling by
            1 - urgency a period. The better a target lasts, the nearer the aim is to it.
    """

    rate: float
    urgency: float

    def aim(self, targets: Floats) -> Floats:
        """What to trade towards.

        Args:
            targets: (periods, assets), the present target and those expected after it; the last one stays.

        Raises:
            InputError: there is no target.
        """
        if targets.ndim != 2 or not len(targets):
            raise InputError("should be at least one row of targets", path="targets")
        aim: Floats = targets[-1]
        for target in targets[-2::-1]:
            aim = self.urgency * target + (1 - self.urgency) * aim
        return aim

    def step(self, weights: Floats, targets: Floats) -> Floats:
        """The weights after one period's trade; `targets` as for `aim`."""
        return np.asarray(weights + self.rate * (self.aim(targets) - weights), dtype=np.float64)


def partial_trading(*, risk_aversion: float, impact: float, discount: float = 0.0) -> PartialTrading:
    """The best constant rate.

    With b = 1 - discount, the curvature a of the value function is the positive root of
    b a2 + (b risk_aversion + discount impact) a - b risk_aversion impact = 0; the rate is a / impact.

    Args:
        risk_aversion: price of one period's variance.
        impact: of a trade, in the units of `risk_aversion`.
        discount: of one period, from 0 to below 1.

    Raises:
        InputError: a value outside these ranges.
    """
    for name, value in (("risk_aversion", risk_aversion), ("impact", impact)):
        if not (isfinite(value) and value > 0):
            raise InputError(f"should be a number above 0, not {value}", path=name)
    if not 0 <= discount < 1:
        raise InputError(f"should be from 0 to below 1, not {discount}", path="discount")
    kept = 1 - discount
    half = (kept * risk_aversion + discount * impact) / 2
    # The root in the form that does not cancel: 2c / (b + sqrt(b2 + 4ac)).
    curvature = kept * risk_aversion * impact / (half + sqrt(half**2 + kept**2 * risk_aversion * impact))
    return PartialTrading(curvature / impact, risk_aversion / (risk_aversion + curvature))
