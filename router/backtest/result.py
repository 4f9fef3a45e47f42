"""What a run came to: everything that follows from its ledger and the prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from router.backtest.costs import PARTS
from router.backtest.ledger import Ledger, Stop
from router.backtest.study import Backtest
from router.fixed_point import BPS

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trade:
    """One asset bought (units above 0) or sold (below) at the recorded price; `value` is in the numeraire."""

    row: int
    time: datetime
    asset: str
    units: float
    price: float
    value: float

    def __str__(self) -> str:
        verb = "bought" if self.units > 0 else "sold"
        return f"{self.time:%Y-%m-%d %H:%M} {verb} {abs(self.units):.8g} {self.asset} at {self.price:.8g}"


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run. Rows are those up to the last one lived through: after a stop fewer than prices have.

    Attributes:
        policy: its name.
        ledger: what the engine wrote down.
    """

    study: Backtest
    policy: str
    ledger: Ledger

    def __repr__(self) -> str:
        ended = f", stopped: {self.stop.reason}" if self.stop else ""
        return f"Result({self.policy}: {self.final:,.2f}, {self.rebalances} rebalances{ended})"

    @property
    def assets(self) -> tuple[str, ...]:
        """Cash last, as in every array here."""
        return self.study.assets

    @property
    def stop(self) -> Stop | None:
        return self.ledger.stop

    @property
    def rows(self) -> int:
        return self.stop.row + 1 if self.stop else len(self.study.prices)

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        return self.study.prices.times[: self.rows]

    @property
    def years(self) -> float:
        return self.rows * self.study.prices.interval_years

    @cached_property
    def units(self) -> Floats:
        """(rows, assets + 1) held after each row's trade."""
        start = np.zeros((1, len(self.assets)))
        start[0, -1] = self.study.initial
        held = np.searchsorted(self.ledger.rows, np.arange(self.rows), side="right")
        return np.concatenate([start, self.ledger.units])[held]

    @cached_property
    def holdings(self) -> Floats:
        """(rows, assets + 1) money in each asset after each row's trade."""
        return np.asarray(self.units * self.study.values[: self.rows])

    @cached_property
    def equity(self) -> Floats:
        """(rows,) net asset value after each row's trade, numeraire."""
        return np.asarray(self.holdings.sum(axis=1))

    @cached_property
    def weights(self) -> Floats:
        """(rows, assets + 1) after each row's trade."""
        return np.asarray(self.holdings / self.equity[:, None])

    @cached_property
    def drift(self) -> Floats:
        """(rows,) largest |weight - target| of a priced asset, after each row's trade."""
        return np.asarray(np.abs(self.weights - self.study.weights)[:, :-1].max(axis=1))

    @property
    def final(self) -> float:
        """Net asset value at the end, numeraire."""
        return float(self.equity[-1])

    @property
    def rebalances(self) -> int:
        """With the first purchase."""
        return len(self.ledger.rows)

    @cached_property
    def costs(self) -> Mapping[str, float]:
        """Numeraire, by part; see `router.backtest.costs`."""
        return dict(zip(PARTS, self.ledger.costs.sum(axis=0).tolist(), strict=True))

    @cached_property
    def cost(self) -> float:
        """Of all parts, numeraire."""
        return float(self.ledger.costs.sum())

    @cached_property
    def nav_before(self) -> Floats:
        """(rebalances,) net asset value before each rebalance."""
        return np.asarray(self.equity[self.ledger.rows] + self.ledger.costs.sum(axis=1))

    @cached_property
    def turnover(self) -> float:
        """Value bought and sold as shares of net asset value before each rebalance, the first purchase with
        it; the other side of each, cash, is not counted."""
        return float((np.abs(self.ledger.traded).sum(axis=1) / self.nav_before).sum())

    @cached_property
    def tracking_error(self) -> float:
        """Annual: the root of the mean over rows of (w - w*)' S (w - w*), weights after each row's trade."""
        deviation = self.weights - self.study.weights
        squares = ((deviation @ self.study.covariance) * deviation).sum(axis=1)
        return float(np.sqrt(max(float(squares.mean()), 0.0)))

    @property
    def cost_per_year(self) -> float:
        """As a share of the initial net asset value."""
        return self.cost / self.study.initial / self.years

    @property
    def objective(self) -> float:
        """(risk aversion / 2) tracking error**2 + cost per year, a share a year: the lower, the better.
        Infinite for a run that stopped."""
        if self.stop:
            return float("inf")
        return self.study.risk_aversion / 2 * self.tracking_error**2 + self.cost_per_year

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """Every purchase and sale, in order."""
        prices, found = self.study.prices, []
        for at, values in zip(self.ledger.rows.tolist(), self.ledger.traded, strict=True):
            time = prices.at(at)
            for column in np.flatnonzero(values).tolist():
                value, price = float(values[column]), float(prices.values[at, column])
                found.append(Trade(at, time, prices.assets[column], value / price, price, value))
        return tuple(found)

    @cached_property
    def beyond_depth(self) -> int:
        """Trades larger than the market's curves reach; their cost is extrapolated."""
        buys, sells = self.study.tables.depth
        return int((self.ledger.traded > buys).sum() + (-self.ledger.traded > sells).sum())

    @cached_property
    def metrics(self) -> Mapping[str, float | int | None]:
        """One line of a comparison. Shares of 1 unless the name says bps; None where a run stopped."""
        growth = np.diff(np.log(self.equity))
        peak = np.maximum(np.maximum.accumulate(self.equity), self.study.initial)
        interval, stopped = self.study.prices.interval_years, self.stop is not None
        return {
            "final": self.final,
            "growth_per_year": None
            if stopped
            else float(np.log(self.final / self.study.initial) / self.years),
            "volatility": float(growth.std() / np.sqrt(interval)) if len(growth) else 0.0,
            "max_drawdown": float((1 - self.equity / peak).max()),
            "rebalances": self.rebalances,
            "turnover": self.turnover,
            "turnover_per_year": self.turnover / self.years,
            "cost": self.cost,
            "cost_bps_per_year": self.cost_per_year * BPS,
            "tracking_error": self.tracking_error,
            "objective_bps_per_year": None if stopped else self.objective * BPS,
            "max_drift": float(self.drift.max()),
            "mean_drift": float(self.drift.mean()),
            "beyond_depth": self.beyond_depth,
        }
