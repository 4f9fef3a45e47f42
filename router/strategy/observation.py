"""What one look at a portfolio sees: everything that a trigger's decision depends on, but the time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from router.errors import InputError
from router.strategy.drift import Drift, DriftKind, drift_of
from router.strategy.schedule import utc


@dataclass(frozen=True, slots=True)
class Observation:
    """A portfolio at one moment.

    Attributes:
        assets: names as in the bands of the trigger; cash among them.
        weights: shares of NAV, by asset; they sum to 1.
        targets: the same.
        covariance: annual, by asset and asset; for a tracking error alone.
        nav: value in the numeraire; for a least trade, and for money in reports.
        trade: value in the numeraire that the trade to be made would sell, which may end short of the
            target. None takes the whole way: half of the L1 drift.
        gas_price_wei: what gas costs, at the least; for a gas ceiling alone.
        priced_at: when each asset's price was true, in the order of the assets; for a greatest age alone.

    Raises:
        InputError: figures that don't match the assets in number, a time without a zone, a negative amount.
    """

    assets: tuple[str, ...]
    weights: tuple[float, ...]
    targets: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...] | None = None
    nav: float | None = None
    trade: float | None = None
    gas_price_wei: int | None = None
    priced_at: tuple[datetime, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "targets", "covariance", "priced_at"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.assets):
                raise InputError(f"has {len(values)} entries for {len(self.assets)} assets", path=name)
        for place, row in enumerate(self.covariance or ()):
            if len(row) != len(self.assets):
                raise InputError(
                    f"has {len(row)} entries for {len(self.assets)} assets", path=f"covariance[{place}]"
                )
        for at in self.priced_at or ():
            utc(at, "priced_at")
        for name in ("trade", "gas_price_wei"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"should be an amount from 0 on, is {value}", path=name)

    @classmethod
    def of(
        cls,
        assets: Iterable[str],
        weights: ArrayLike,
        targets: ArrayLike,
        covariance: ArrayLike | None = None,
        nav: float | None = None,
        **others: Any,
    ) -> Observation:
        """The same from arrays."""
        return cls(
            tuple(assets),
            _floats(weights),
            _floats(targets),
            None if covariance is None else tuple(map(_floats, np.asarray(covariance))),
            nav,
            **others,
        )

    def drift(self) -> Drift:
        """How far the portfolio is from its target.

        Raises:
            InputError: as `drift_of`.
        """
        return drift_of(self.weights, self.targets, self.covariance, self.nav)

    def traded(self, drift: Drift) -> float:
        """Value in the numeraire that the trade would sell.

        Raises:
            InputError: neither a trade nor a NAV is known.
        """
        if self.trade is not None:
            return self.trade
        return drift.money_of(DriftKind.L1) / 2

    def price_age(self, now: datetime) -> timedelta:
        """Age of the oldest price of an asset that is held or wanted; a price from the future has none.

        Raises:
            InputError: the prices' times are not known.
        """
        if self.priced_at is None:
            raise InputError("a greatest age of prices needs their times", path="priced_at")
        ages = (
            now - at
            for at, weight, target in zip(self.priced_at, self.weights, self.targets, strict=True)
            if weight or target
        )
        return max((timedelta(), *ages))


def _floats(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values, dtype=np.float64))
