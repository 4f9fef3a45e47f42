"""What trading costs: convex piecewise linear curves by asset and side, and a fixed part for any trade.

Sizes and costs are shares of the portfolio's net asset value. Convex, because who trades more goes to the
cheapest liquidity first; piecewise linear, so that a program over curves stays a linear or quadratic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

import numpy as np
import numpy.typing as npt

from router.errors import InputError

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""How far a slope may fall below the one before, as a share of the steepest, and still be taken for equal."""


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Cost of trading one asset in one direction.

    Attributes:
        sizes: (points,) ascending shares of net asset value; the first is 0.
        costs: (points,) what trading that size costs, shares of net asset value; the first is 0.
        depth: the most that can be traded, a share of net asset value. `at` and `slope` do not stop there.

    Raises:
        InputError: sizes do not ascend from 0, or costs are negative, not convex, or not numbers.
    """

    sizes: Floats
    costs: Floats
    depth: float = inf

    def __post_init__(self) -> None:
        sizes, costs = _column(self.sizes, "sizes"), _column(self.costs, "costs")
        if len(sizes) != len(costs):
            raise InputError(f"{len(sizes)} sizes, {len(costs)} costs", path="costs")
        if not len(sizes) or sizes[0] != 0 or costs[0] != 0:
            raise InputError("the first size and its cost should be 0", path="sizes")
        if not (np.diff(sizes) > 0).all():
            raise InputError("should ascend", path="sizes")
        slopes = np.diff(costs) / np.diff(sizes)
        if (slopes < 0).any():
            raise InputError("should not fall as the size grows", path="costs")
        if (np.diff(slopes) < -ROUNDING * slopes.max(initial=0.0)).any():
            raise InputError("should be convex; CostCurve.of_samples makes them so", path="costs")
        if not self.depth >= 0:
            raise InputError(f"should be at least 0, not {self.depth}", path="depth")
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "costs", costs)

    @classmethod
    def proportional(cls, rate: float) -> CostCurve:
        """A constant one-way cost per unit of value traded."""
        return cls(np.array([0.0, 1.0]), np.array([0.0, rate]))

    @classmethod
    def of_samples(cls, sizes: Sequence[float], costs: Sequence[float], depth: float = inf) -> CostCurve:
        """The greatest convex curve through 0 that is nowhere above the samples.

        A cost below 0, which a pool's price beside the reference price can make, counts as 0: profit is never
        assumed.

        Args:
            sizes: positive, in any order; of equal sizes the cheapest counts.
        """
        given, paid = _column(sizes, "sizes"), np.maximum(_column(costs, "costs"), 0.0)
        if len(given) != len(paid):
            raise InputError(f"{len(given)} sizes, {len(paid)} costs", path="costs")
        if (given < 0).any():
            raise InputError("should not be negative", path="sizes")
        hull: list[tuple[float, float]] = [(0.0, 0.0)]
        for size, cost in sorted(zip(given.tolist(), paid.tolist(), strict=True)):
            if size == hull[-1][0]:
                continue
            while len(hull) > 1 and _slope(hull[-2], (size, cost)) <= _slope(hull[-2], hull[-1]):
                hull.pop()
            hull.append((size, cost))
        # The least slope of a hull through 0 is that of its first piece, and no sample is below 0.
        return cls(np.array([size for size, _ in hull]), np.array([cost for _, cost in hull]), depth)

    @cached_property
    def slopes(self) -> Floats:
        """By piece, cost per unit of value traded; a single 0 where the curve has one point only."""
        pieces = np.diff(self.costs) / np.diff(self.sizes)
        return np.maximum.accumulate(pieces) if len(pieces) else np.zeros(1)

    def at(self, size: float) -> float:
        """Cost of trading `size`, a share of net asset value.

        Raises:
            InputError: the size is negative.
        """
        piece = self._piece(size)
        return float(self.costs[piece] + self.slopes[piece] * (size - self.sizes[piece]))

    def slope(self, size: float) -> float:
        """What trading a little more than `size` costs, per unit of value."""
        return float(self.slopes[self._piece(size)])

    def _piece(self, size: float) -> int:
        if not size >= 0:
            raise InputError(f"a size should be at least 0, not {size}", path="size")
        return min(int(np.searchsorted(self.sizes, size, side="right")), len(self.slopes)) - 1


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
    """What each asset's change of weight costs by its curves: the greatest of lines, slope x change + height.

    Attributes:
        asset: (lines,) place of the asset each belongs to, ascending.
        buys: (lines,) whether it is of buying.
        slope: (lines,) negative where it is of selling.
        height: (lines,) at no change; not above 0.
        size: (lines,) from which on it is the greatest, a share of net asset value.
        first: (assets,) place of each asset's first line.
    """

    asset: npt.NDArray[np.intp]
    buys: npt.NDArray[np.bool_]
    slope: Floats
    height: Floats
    size: Floats
    first: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MarketCost:
    """What it costs to change a portfolio's weights.

    Attributes:
        assets: in the order of every array of weights.
        buys, sells: by asset.
        fixed: of any trade at all: gas, and what a loan costs whatever its size; a share of net asset value.
        premium_rate: of a loan of what is sold, per unit of value.
        legs: by asset, what trading it at all costs beside: the gas of its swaps, a share of net asset value;
            all 0 where empty.

    Raises:
        InputError: as many curves as assets are needed; fixed costs and the rate should be at least 0.
    """

    assets: tuple[str, ...]
    buys: tuple[CostCurve, ...]
    sells: tuple[CostCurve, ...]
    fixed: float = 0.0
    premium_rate: float = 0.0
    legs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.legs:
            object.__setattr__(self, "legs", (0.0,) * len(self.assets))
        for name, rows in (("buys", self.buys), ("sells", self.sells), ("legs", self.legs)):
            if len(rows) != len(self.assets):
                raise InputError(f"{len(rows)} given for {len(self.assets)} assets", path=name)
        singles = (("fixed", self.fixed), ("premium_rate", self.premium_rate))
        for name, value in (*singles, *(("legs", leg) for leg in self.legs)):
            if not (isfinite(value) and value >= 0):
                raise InputError(f"should be a number of at least 0, not {value}", path=name)

    @classmethod
    def proportional(
        cls, assets: Sequence[str], rate: float, fixed: float = 0.0, *, cash: str | None = None
    ) -> MarketCost:
        """The same one-way cost per unit of value for every asset, on both sides of a trade.

        Args:
            cash: the asset whose own side costs nothing.

        Raises:
            InputError: no asset is called `cash`; the rate is negative.
        """
        if cash is not None and cash not in assets:
            raise InputError(f"no asset {cash!r}; there are {', '.join(assets)}", path="cash")
        curves = tuple(CostCurve.proportional(0.0 if asset == cash else rate) for asset in assets)
        return cls(tuple(assets), curves, curves, fixed)

    def variable(self, trade: Floats) -> float:
        """Cost of a change of weights: fees, impact and premium, without the fixed part."""
        return float(self.by_asset(trade).sum())

    def by_asset(self, trade: Floats) -> Floats:
        """(assets,) the variable cost of each change."""
        return self._curves(trade) + self.premium_rate * np.maximum(-trade, 0.0)

    def _curves(self, trade: Floats) -> Floats:
        lines = self.lines
        return np.maximum.reduceat(lines.slope * trade[lines.asset] + lines.height, lines.first)

    @cached_property
    def lines(self) -> Lines:
        """The variable cost of a change of weights but the premium, as a program takes it."""
        curves = [each for pair in zip(self.buys, self.sells, strict=True) for each in pair]
        counts = [len(curve.slopes) for curve in curves]
        sides = np.repeat(np.arange(len(curves)), counts)
        size = np.concatenate([curve.sizes[:count] for curve, count in zip(curves, counts, strict=True)])
        cost = np.concatenate([curve.costs[:count] for curve, count in zip(curves, counts, strict=True)])
        buys = sides % 2 == 0
        slope = np.concatenate([curve.slopes for curve in curves])
        first = np.cumsum([0, *counts[:-1]])[::2]
        return Lines(
            asset=sides // 2,
            buys=buys,
            slope=np.where(buys, slope, -slope),
            height=cost - slope * size,
            size=size,
            first=first,
        )

    def gas(self, trade: Floats) -> float:
        """The fixed cost and that of each asset traded; 0 where nothing trades."""
        traded = sum(leg for leg, change in zip(self.legs, trade.tolist(), strict=True) if change)
        return self.fixed + float(traded) if trade.any() else 0.0

    def fees(self, trade: Floats) -> float:
        """Of the variable cost, what each asset's first unit costs times all units."""
        return float(self._fees(trade).sum())

    def impact(self, trade: Floats) -> float:
        """Of the variable cost, what sizes cost beyond each asset's first unit."""
        return float(np.maximum(self._curves(trade) - self._fees(trade), 0.0).sum())

    def _fees(self, trade: Floats) -> Floats:
        sides = zip(trade.tolist(), self.buys, self.sells, strict=True)
        return np.array([abs(x) * float((buy if x > 0 else sell).slopes[0]) for x, buy, sell in sides])

    def premium(self, trade: Floats) -> float:
        """Of the variable cost, what the loan of what is sold costs."""
        return self.premium_rate * float(-trade[trade < 0].sum()) if self.premium_rate else 0.0

    def of(self, trade: Floats) -> float:
        """Cost of a change of weights, gas with it; 0 where nothing trades."""
        return self.variable(trade) + self.gas(trade)


def _column(values: Sequence[float] | Floats, path: str) -> Floats:
    """Numbers as an array of one dimension that nobody changes."""
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1 or not np.isfinite(column).all():
        raise InputError("should be a list of numbers", path=path)
    column.flags.writeable = False
    return column


def _slope(left: tuple[float, float], right: tuple[float, float]) -> float:
    return (right[1] - left[1]) / (right[0] - left[0])
