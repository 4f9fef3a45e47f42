"""What a rebalance costs in a backtest, in the numeraire, by its parts.

    fees     a share of the value traded, one-way
    impact   a power law of the value traded, by asset
    market   curves measured on real pools, and the premium of a loan of what is sold
    gas      the same for every rebalance, and for every asset in it

Cash, the numeraire, costs nothing to trade: an asset is bought with it or sold for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite

import numpy as np
import numpy.typing as npt

from router.errors import InputError, nearest
from router.strategy.costs import CostCurve, MarketCost

Floats = npt.NDArray[np.float64]
PARTS = ("fees", "impact", "market", "gas")


class FeeConvention(StrEnum):
    """How the size of a trade and its cost go together.

    net_of_fee: a trade and its cost take what was meant for the trade alone, so cash ends where it should and
        the assets bought end slightly below (bt's convention). Gas is set aside first.
    fee_from_cash: assets end at the wanted share of the value before costs, and cash pays (vectorbt's and
        cvxportfolio's).
    """

    NET_OF_FEE = "net_of_fee"
    FEE_FROM_CASH = "fee_from_cash"


@dataclass(frozen=True)
class Impact:
    """Trading a value v of an asset costs rate x v x (v / depth)**exponent.

    Attributes:
        rate: share of the value that a trade of `depth` costs.
        depth: numeraire; one for all assets or by asset.
        exponent: 0.5 is the square-root law, 1 a linear price impact.
    """

    rate: float
    depth: float | Mapping[str, float]
    exponent: float = 0.5

    def __post_init__(self) -> None:
        _at_least_0("impact.rate", self.rate)
        if not 0 < self.exponent <= 4:
            raise InputError(f"should be above 0 and at most 4, not {self.exponent}", path="impact.exponent")
        depths = self.depth.values() if isinstance(self.depth, Mapping) else [self.depth]
        if not all(isfinite(depth) and depth > 0 for depth in depths):
            raise InputError(f"should be amounts above 0, not {self.depth}", path="impact.depth")

    def depth_of(self, asset: str) -> float:
        if not isinstance(self.depth, Mapping):
            return self.depth
        if asset not in self.depth:
            hint = nearest(asset, self.depth)
            raise InputError(f"no depth for {asset}", path="impact.depth", nearest=hint)
        return self.depth[asset]


@dataclass(frozen=True)
class PoolCosts:
    """Curves of a portfolio of one size; a trade of the same money costs the same at any other size.

    Attributes:
        curves: sizes and costs as shares of `nav`; the fixed part is paid with the gas.
        nav: the net asset value that the curves were measured for, numeraire.
    """

    curves: MarketCost
    nav: float

    def __post_init__(self) -> None:
        if not (isfinite(self.nav) and self.nav > 0):
            raise InputError(f"should be an amount above 0, not {self.nav}", path="market.nav")


@dataclass(frozen=True)
class Costs:
    """All costs of a backtest.

    Attributes:
        fee_rate: one-way share of the value traded, below 1.
        gas: numeraire per rebalance.
        impact, market: on top of the fee, where given.
    """

    fee_rate: float = 0.0
    gas: float = 0.0
    impact: Impact | None = None
    market: PoolCosts | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _at_least_0("costs.gas", self.gas)
        if not 0 <= self.fee_rate < 1:
            raise InputError(
                f"should be a share from 0 to below 1, not {self.fee_rate}", path="costs.fee_rate"
            )

    @property
    def fixed(self) -> float:
        """Gas of any rebalance, whatever it trades, numeraire."""
        return self.gas + (self.market.curves.fixed * self.market.nav if self.market else 0.0)

    def leg(self, asset: str) -> float:
        """Gas of trading this asset, on top, numeraire."""
        return self.market.curves.legs[self._curve_of(asset)] * self.market.nav if self.market else 0.0

    def rates(self, assets: Sequence[str], values: Floats) -> Floats:
        """Average cost per unit of value of trades of these sizes, without the fixed part.

        Args:
            values: (assets,) numeraire; bought above 0, sold below. Of nothing: of the first unit sold.
        """
        rates = np.full(len(assets), self.fee_rate)
        if self.impact is None and self.market is None:
            return rates
        for column, (asset, value) in enumerate(zip(assets, values.tolist(), strict=True)):
            if self.impact is not None:
                rates[column] += (
                    self.impact.rate * (abs(value) / self.impact.depth_of(asset)) ** self.impact.exponent
                )
            if self.market is not None:
                curves, share = self.market.curves, abs(value) / self.market.nav
                curve = (curves.buys if value > 0 else curves.sells)[self._curve_of(asset)]
                rates[column] += curve.at(share) / share if share else curve.slope(0.0)
                rates[column] += curves.premium_rate if value < 0 else 0.0
        return rates

    def _curve_of(self, asset: str) -> int:
        known = self.market.curves.assets if self.market else ()
        if asset not in known:
            raise InputError(f"no curve for {asset}", path="market", nearest=nearest(asset, known))
        return known.index(asset)

    def tables(self, assets: Sequence[str]) -> CostTables:
        """The same as arrays in the order of `assets`, which leave cash out.

        Raises:
            InputError: the market's curves, or the depths, lack an asset.
        """
        count = len(assets)
        coefficient, exponent = np.zeros(count), 1.0
        if self.impact is not None:
            exponent = self.impact.exponent
            depths = np.array([self.impact.depth_of(asset) for asset in assets])
            coefficient = self.impact.rate / depths**exponent
        sides: list[tuple[CostCurve, float]] = []
        depth, legs = np.full((2, count), inf), np.zeros(count)
        most, nav = 1, 1.0
        if self.market is not None:
            curves, nav = self.market.curves, self.market.nav
            order = [self._curve_of(asset) for asset in assets]
            sides = [(curves.buys[index], 0.0) for index in order]
            sides += [(curves.sells[index], curves.premium_rate) for index in order]
            depth = np.array([curve.depth * nav for curve, _ in sides]).reshape(2, count)
            legs = np.array([curves.legs[index] for index in order]) * nav
            most = max(2, *(len(curve.sizes) for curve, _ in sides))
        knots = np.zeros((3, 2 * count, most))
        for row, (curve, premium) in enumerate(sides):
            points = len(curve.sizes)
            knots[0, row] = np.append(curve.sizes * nav, np.full(most - points, inf))
            knots[1, row, :points] = (curve.costs + premium * curve.sizes) * nav
            knots[2, row] = (
                np.append(curve.slopes, np.full(most - len(curve.slopes), curve.slopes[-1])) + premium
            )
        shape = (3, 2, count, most)
        return CostTables(self.fee_rate, self.fixed, legs, coefficient, exponent, knots.reshape(shape), depth)


@dataclass(frozen=True, eq=False)
class CostTables:
    """Costs as the engines read them, all money.

    Attributes:
        legs: (assets,) gas of each asset traded, beside that of any trade.
        coefficient: (assets,) impact of v is coefficient x v**(1 + exponent).
        knots: (3, 2, assets, points) sizes, costs and the slope from there on; buys, then sells.
        depth: (2, assets) most that the market takes; beyond it a cost is extrapolated.
    """

    fee_rate: float
    gas: float
    legs: Floats
    coefficient: Floats
    exponent: float
    knots: Floats
    depth: Floats

    def for_kernel(self) -> tuple[float, float, Floats, Floats, float, Floats]:
        return self.fee_rate, self.gas, self.legs, self.coefficient, self.exponent, self.knots


def _at_least_0(path: str, value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise InputError(f"should be a number of at least 0, not {value}", path=path)
