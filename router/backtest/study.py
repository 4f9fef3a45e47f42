"""What a run is asked for: prices, targets, costs, and how they go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite

import numpy as np
import numpy.typing as npt

from router.backtest.costs import Costs, CostTables, FeeConvention
from router.backtest.prices import Prices
from router.errors import InputError, Unaffordable, nearest

Floats = npt.NDArray[np.float64]

WEIGHT_ROUNDING = 1e-9
"""How far targets may sum from 1."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """A question to any number of policies. A run starts with cash alone.

    Attributes:
        targets: weights by asset; cash may be left out, and gets what the others leave.
        initial: numeraire.
        risk_aversion: price of variance: half of it times the squared tracking error counts as a cost a year.
        cash: what the numeraire is called among the assets; it has no price column.

    Raises:
        InputError: a target for an unknown asset, below 0, or that don't sum to 1; an amount not above 0.
        Unaffordable: targets above 1 in all.
    """

    prices: Prices
    targets: Mapping[str, float]
    costs: Costs = field(default_factory=Costs)
    convention: FeeConvention = FeeConvention.NET_OF_FEE
    initial: float = 1_000_000.0
    risk_aversion: float = 3.0
    cash: str = "cash"

    def __post_init__(self) -> None:
        if self.cash in self.prices.assets:
            raise InputError(f"{self.cash!r} is the numeraire and has no prices", path="prices")
        for asset, weight in self.targets.items():
            if asset not in self.assets:
                raise InputError(
                    f"no prices for {asset}", path="targets", nearest=nearest(asset, self.assets)
                )
            if not (isfinite(weight) and weight >= 0):
                raise InputError(f"should be a share from 0 to 1, not {weight}", path=f"targets.{asset}")
        if not self.targets:
            raise InputError("are empty", path="targets")
        total = sum(self.targets.values())
        if total > 1 + WEIGHT_ROUNDING:
            raise Unaffordable(f"sum to {total:.9g}: more than the portfolio is worth", path="targets")
        if self.cash in self.targets and total < 1 - WEIGHT_ROUNDING:
            raise InputError(f"sum to {total:.9g} with cash; should sum to 1", path="targets")
        for name in ("initial", "risk_aversion"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise InputError(f"should be a number above 0, not {value}", path=name)
        self.tables  # noqa: B018 - refuses costs that lack an asset

    @property
    def assets(self) -> tuple[str, ...]:
        """Cash last."""
        return (*self.prices.assets, self.cash)

    @cached_property
    def values(self) -> Floats:
        """Prices (rows, assets + 1), those of cash, 1, last."""
        return np.column_stack([self.prices.values, np.ones(len(self.prices))])

    @cached_property
    def weights(self) -> Floats:
        """Targets (assets + 1,), cash last; they sum to 1."""
        priced = [self.targets.get(asset, 0.0) for asset in self.prices.assets]
        weights = np.array([*priced, self.targets.get(self.cash, max(0.0, 1 - sum(priced)))])
        weights /= weights.sum()
        weights.flags.writeable = False
        return weights

    @cached_property
    def tables(self) -> CostTables:
        return self.costs.tables(self.prices.assets)

    @cached_property
    def covariance(self) -> Floats:
        """Annual, (assets + 1, assets + 1), of the whole history: what tracking errors are measured with."""
        covariance = np.zeros((len(self.assets), len(self.assets)))
        covariance[:-1, :-1] = self.prices.covariance()
        return covariance
