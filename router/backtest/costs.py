"""What a rebalance costs in a backtest, in the numeraire, by its parts.

    fees     a share of the value traded, one-way
    impact   a power law of the value traded, by asset
    market   curves measured on real pools
    gas      the same for every rebalance

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
from router.strategy.costs import MarketCost

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
        curves: sizes and costs as shares of `nav`; its fixed part is paid with the gas.
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
        slippage parts: `impact` and `market`, where given, on top of the fee.
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
        """Gas and loan premium of any rebalance, numeraire."""
        return self.gas + (self.market.curves.fixed * self.market.nav if self.market else 0.0)

    def rates(self, assets: Sequence[str], values: Floats) -> Floats:
        """Average cost per unit of value of trades of these sizes, without the fixed part.

        Args:
            values: (assets,) numeraire; bought above 0, sold below. Of nothing: of the first unit.
        """
        rates = np.full(len(assets), self.fee_rate)
        for column, (asset, value) in enumerate(zip(assets, values.tolist(), strict=True)):
            if self.impact is not None:
                rates[column] += (
                    self.impact.rate * (abs(value) / self.impact.depth_of(asset)) ** self.impact.exponent
                )
            if self.market is not None:
                curves, share = self.market.curves, abs(value) / self.market.nav
                curve = (curves.buys if value > 0 else curves.sells)[curves.assets.index(asset)]
                rates[column] += curve.at(share) / share if share else curve.slope(0.0)
        return rates

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
        sides = [(np.zeros(1), np.zeros(1))] * (2 * count)
        depth = np.full((2, count), inf)
        if self.market is not None:
            curves, nav = self.market.curves, self.market.nav
            for asset in assets:
                if asset not in curves.assets:
                    raise InputError(
                        f"no curve for {asset}", path="market", nearest=nearest(asset, curves.assets)
                    )
            order = [curves.assets.index(asset) for asset in assets]
            found = [side[index] for side in (curves.buys, curves.sells) for index in order]
            sides = [(curve.sizes * nav, curve.costs * nav) for curve in found]
            depth = np.array([curve.depth * nav for curve in found]).reshape(2, count)
        most = max(len(sizes) for sizes, _ in sides)
        knots = np.zeros((3, 2 * count, most))
        for row, (sizes, costs) in enumerate(sides):
            knots[0, row] = np.append(sizes, np.full(most - len(sizes), inf))
            knots[1, row, : len(costs)] = costs
            slopes = np.diff(costs) / np.diff(sizes) if len(sizes) > 1 else np.zeros(1)
            knots[2, row] = np.append(slopes, np.full(most - len(slopes), slopes[-1]))
        shape = (3, 2, count, most)
        return CostTables(self.fee_rate, self.fixed, coefficient, exponent, knots.reshape(shape), depth)


@dataclass(frozen=True, eq=False)
class CostTables:
    """Costs as the engines read them, all money.

    Attributes:
        coefficient: (assets,) impact of v is coefficient x v**(1 + exponent).
        knots: (3, 2, assets, points) sizes, costs and the slope from there on; buys, then sells.
        depth: (2, assets) most that the market takes; beyond it a cost is extrapolated.
    """

    fee_rate: float
    gas: float
    coefficient: Floats
    exponent: float
    knots: Floats
    depth: Floats

    def for_kernel(self) -> tuple[float, float, Floats, float, Floats]:
        return self.fee_rate, self.gas, self.coefficient, self.exponent, self.knots


def _at_least_0(path: str, value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise InputError(f"should be a number of at least 0, not {value}", path=path)
