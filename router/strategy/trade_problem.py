"""One decision's figures: where the weights are and should be, what that costs, and what trading costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite

import numpy as np

from router.errors import InfeasibleWeights, InputError
from router.strategy.costs import Floats, MarketCost
from router.strategy.covariance import check_covariance
from router.strategy.guards import check_weights

ROUNDING = 1e-9
"""Share of net asset value below which a difference of weights is none."""


@dataclass(frozen=True, eq=False)
class TradeProblem:
    """Weights against targets over one horizon. All shares are of net asset value before the trade.

    Attributes:
        weights, targets: (assets,) that sum to 1.
        pull: (assets, assets), risk aversion x horizon in years x annual covariance.
        cost: of trading.
        floors, caps: (assets,) least and most weight after a trade.
    """

    weights: Floats
    targets: Floats
    pull: Floats
    cost: MarketCost
    floors: Floats
    caps: Floats

    @property
    def assets(self) -> tuple[str, ...]:
        return self.cost.assets

    @cached_property
    def legs(self) -> Floats:
        """(assets,) what trading an asset at all costs."""
        return np.array(self.cost.legs)

    @property
    def deviations(self) -> Floats:
        return self.weights - self.targets

    def drift_cost(self, weights: Floats) -> float:
        """What the squared tracking error costs over the horizon, a share of net asset value."""
        off = weights - self.targets
        return float(off @ self.pull @ off) / 2

    @property
    def reach(self) -> tuple[Floats, Floats]:
        """(least, most) change of each weight that limits and depth allow. The least is above 0 where an
        asset is below its floor, the most below 0 where it is above its cap."""
        buys = np.array([curve.depth for curve in self.cost.buys])
        sells = np.array([curve.depth for curve in self.cost.sells])
        least = np.maximum(self.floors - self.weights, -sells)
        most = np.minimum(self.caps - self.weights, buys)
        return np.where(np.abs(least) > ROUNDING, least, 0.0), np.where(np.abs(most) > ROUNDING, most, 0.0)

    @property
    def broken(self) -> tuple[str, ...]:
        """Assets whose weights are beyond their limits, so that a trade is needed."""
        beyond = (self.weights < self.floors - ROUNDING) | (self.weights > self.caps + ROUNDING)
        return tuple(asset for asset, out in zip(self.assets, beyond, strict=True) if out)

    def moved(self, weights: Floats) -> TradeProblem:
        """The same problem from elsewhere; limits that this breaks are moved as far as needed."""
        floors, caps = np.minimum(self.floors, weights), np.maximum(self.caps, weights)
        return replace(self, weights=weights, floors=floors, caps=caps)


def trade_problem(
    weights: Floats,
    targets: Floats,
    covariance: Floats,
    cost: MarketCost,
    *,
    risk_aversion: float,
    horizon_years: float,
    floors: Mapping[str, float] | None = None,
    caps: Mapping[str, float] | None = None,
) -> TradeProblem:
    """A checked problem; `floors` and `caps` by asset, missing ones are 0 and 1.

    Raises:
        InputError: weights or targets that do not sum to 1, shapes that do not match, an unknown asset, a
            limit that is no share, a covariance that is no covariance, or a price of risk not above 0.
        InfeasibleWeights: floors or caps that no weights keep.
    """
    count, assets = len(cost.assets), cost.assets
    checked = []
    for name, values in (("weights", weights), ("targets", targets)):
        array = check_weights(values, assets if len(values) == count else ())
        if len(array) != count:
            raise InputError(f"{len(array)} weights for {count} assets", path=name)
        checked.append(array / array.sum())
    for name, value in (("risk_aversion", risk_aversion), ("horizon_years", horizon_years)):
        if not (isfinite(value) and value > 0):
            raise InputError(f"should be a number above 0, not {value}", path=name)
    least, most = _by_asset(floors, assets, 0.0, "floors"), _by_asset(caps, assets, 1.0, "caps")
    kept = (most <= 1).all() and (least <= most).all()
    if not (kept and least.sum() <= 1 + ROUNDING and most.sum() >= 1 - ROUNDING):
        raise InfeasibleWeights("no weights that sum to 1 keep these floors and caps", path="caps")
    return TradeProblem(
        checked[0],
        checked[1],
        pull=risk_aversion * horizon_years * check_covariance(covariance, count),
        cost=cost,
        floors=least,
        caps=most,
    )


def _by_asset(
    given: Mapping[str, float] | None, assets: tuple[str, ...], missing: float, path: str
) -> Floats:
    values = dict(given or {})
    for asset, value in values.items():
        if asset not in assets:
            raise InputError(f"no asset {asset!r}; there are {', '.join(assets)}", path=path)
        if not (isfinite(value) and value >= 0):
            raise InputError(f"should be a number of at least 0, not {value}", path=f"{path}.{asset}")
    return np.array([values.get(asset, missing) for asset in assets], dtype=np.float64)
