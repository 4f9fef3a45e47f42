"""Where the return of a window that has passed came from, in parts that sum to it exactly.

Let w0 be the weights held from the first row on, w the weights held, t the target weights, and r the ratio of
the prices of two rows. Per row, as growth of the logarithm of value:

    drift                what buying w0 and holding it earned: log(sum w0 P') - log(sum w0 P), P = p / p0
    rebalancing premium  excess growth less dispersion (Booth & Fama 1992):
                           excess growth  log(t . r) - t . log r                      (Fernholz & Shay 1982)
                           dispersion     drift - w0 . log r, what holding gains as its winners grow
    target changes       (t - w0) . log r: from targets that move, or from a start off the target
    tracking difference  log(w . r) - log(t . r): from not being at the target
    fees, impact, gas, loan premium, as paid
    unexplained          between the value measured and all of the above; 0 where none is measured

Growth is time-weighted: money that flows in or out is no return. Money splits each row's growth by its
logarithmic mean, (b - a) / log(b / a), which makes the cost parts the very bills (Carino 1999).

All of it is attribution of realised figures. Excess growth is no expected gain: without mean reversion prices
give as much in dispersion (Chambers & Zdanowicz 2014), and nothing here may be read as a forecast.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import fsum, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, NotFinite, Unaffordable

Array = NDArray[np.float64]

_SUM_TOLERANCE = 1e-6
"""How far weights may sum from 1; they are scaled to it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one total, all in its unit. What was paid is negative."""

    drift: float
    rebalancing_premium: float
    target_changes: float
    tracking_difference: float
    fees: float
    impact: float
    gas: float
    loan_premium: float
    unexplained: float

    @property
    def total(self) -> float:
        return fsum(getattr(self, part.name) for part in fields(self))

    @property
    def trading_cost(self) -> float:
        """What trading took, a positive figure."""
        return -fsum((self.fees, self.impact, self.gas, self.loan_premium))


@dataclass(frozen=True, slots=True)
class Bills:
    """What each row's trade cost in the numeraire, (rows,) each; a gain is negative. None means nothing."""

    fees: ArrayLike | None = None
    impact: ArrayLike | None = None
    gas: ArrayLike | None = None
    loan_premium: ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The return of a past window, split.

    Attributes:
        growth: in time-weighted growth of the logarithm of value, over the window.
        money: in the numeraire, over the window; its total is final value less initial value less flows.
        years: length of the window.
        realised_excess_growth: of the target portfolio, over the window: its growth less the weighted growth
            of its assets.
        modelled_excess_growth: what the window's own sample covariance makes of that: Fernholz's gamma* by
            the window.
        realised_dispersion: growth of the held start weights less the weighted growth of their assets.
        realised_tracking_error: annual root mean square of the rows' tracking differences.
    """

    growth: Parts
    money: Parts
    years: float
    realised_excess_growth: float
    modelled_excess_growth: float
    realised_dispersion: float
    realised_tracking_error: float


def excess_growth_rate(weights: ArrayLike, covariance: ArrayLike) -> float:
    """Fernholz's gamma*, (sum w_i S_ii - w' S w) / 2: growth per year that a portfolio kept at these weights
    has over the weighted growth of its assets, at a covariance of log returns measured in the same window.

    Args:
        weights: (n,), summing to 1.
        covariance: annual, (n, n).

    Source: Fernholz & Shay 1982.
    """
    held = _shares(weights, "weights")
    measured = _finite(np.asarray(covariance, np.float64), "covariance")
    if held.ndim != 1 or measured.shape != (held.size, held.size):
        raise InputError(f"{held.shape} weights for a matrix of {measured.shape}", path="covariance")
    return float(held @ np.diag(measured) - held @ measured @ held) / 2


def attribute(
    prices: ArrayLike,
    weights: ArrayLike,
    targets: ArrayLike,
    bills: Bills,
    initial_value: float,
    years: float,
    *,
    flows: ArrayLike | None = None,
    values: ArrayLike | None = None,
) -> Attribution:
    """Splits the return of a portfolio over rows of a backtest, or of a live journal.

    In each row money flows in or out, then the portfolio trades, then it holds until the next row.

    Args:
        prices: (rows, n) in the numeraire, cash among them at 1.
        weights: (rows, n) held from each row's trade on; the last row's trade counts, its weights don't.
        targets: (n,), or (rows, n) where they move.
        initial_value: before the first row's flow and trade.
        years: from the first row to the last.
        flows: (rows,) in the numeraire, money in positive.
        values: (rows,) measured after each row's trade, as by a journal; None computes them from the rest.

    Raises:
        InputError: shapes that don't match, weights that are negative or don't sum to 1, a price, value or
            window that is not positive; names the row.
        NotFinite: NaN or infinity; names the row.
        Unaffordable: bills and outflows that take all there is; names the row.
    """
    table, held, aims = _market(prices, weights, targets)
    if not (np.isfinite(years) and years > 0):
        raise InputError(f"should be a positive length of time, is {years}", path="years")
    rows = len(table)
    paid = np.array(
        [_column(getattr(bills, bill.name), rows, f"bills.{bill.name}") for bill in fields(bills)]
    )
    measured = None if values is None else _positive(_column(values, rows, "values"), "values")

    ratios = table[1:] / table[:-1]
    logs = np.log(ratios)
    gross = np.log((held[:-1] * ratios).sum(axis=1))
    aimed = np.log((aims * ratios).sum(axis=1))
    drift = np.diff(np.log(table / table[0] @ held[0]))
    excess = aimed - (aims * logs).sum(axis=1)
    dispersion = drift - logs @ held[0]
    tracking = gross - aimed
    grown = np.array([drift, excess - dispersion, ((aims - held[0]) * logs).sum(axis=1), tracking])

    path = _values(gross, paid.sum(axis=0), _column(flows, rows, "flows"), measured, initial_value)
    owed = np.array([*-paid, path.unexplained])
    return Attribution(
        growth=_parts(grown, owed / _log_mean(path.funded, path.after)),
        money=_parts(grown * _log_mean(path.after[:-1], path.before[1:]), owed),
        years=years,
        realised_excess_growth=fsum(excess),
        modelled_excess_growth=_modelled(aims, logs),
        realised_dispersion=fsum(dispersion),
        realised_tracking_error=sqrt(fsum(tracking**2) / years),
    )


def _market(prices: ArrayLike, weights: ArrayLike, targets: ArrayLike) -> tuple[Array, Array, Array]:
    """Prices (rows, n), weights (rows, n) and the targets over each step (rows - 1, n)."""
    table = np.asarray(prices, np.float64)
    if table.ndim != 2 or len(table) < 2 or not table.shape[1]:
        raise InputError(f"should be at least two rows of prices, has shape {table.shape}", path="prices")
    _positive(table, "prices")
    held = _shares(weights, "weights")
    if held.shape != table.shape:
        raise InputError(f"has shape {held.shape}, prices have {table.shape}", path="weights")
    aims = _shares(targets, "targets")
    if aims.shape not in {table.shape, table.shape[1:]}:
        raise InputError(f"has shape {aims.shape}, prices have {table.shape}", path="targets")
    return table, held, np.broadcast_to(aims, table.shape)[:-1]


@dataclass(frozen=True, slots=True)
class _Path:
    """Values by row: before the flow, before the trade, after it; and what no bill explains."""

    before: Array
    funded: Array
    after: Array
    unexplained: Array


def _values(gross: Array, cost: Array, flows: Array, measured: Array | None, initial_value: float) -> _Path:
    if not (np.isfinite(initial_value) and initial_value > 0):
        raise InputError(f"should be a positive amount, is {initial_value}", path="initial_value")
    rows = len(cost)
    before, after, unexplained = np.empty(rows), np.empty(rows), np.zeros(rows)
    growth = np.exp(gross)
    value = initial_value
    for row in range(rows):
        before[row] = value
        funded = value + flows[row]
        left = funded - cost[row]
        if not (funded > 0 and left > 0):
            raise Unaffordable(
                f"{value:.6g} is held, {flows[row]:.6g} flows in and {cost[row]:.6g} is paid: nothing left",
                path=f"bills[{row}]",
            )
        after[row] = left if measured is None else measured[row]
        unexplained[row] = after[row] - left
        if row < rows - 1:
            value = after[row] * growth[row]
    return _Path(before, before + flows, after, unexplained)


def _parts(grown: Array, owed: Array) -> Parts:
    return Parts(*(fsum(row) for row in grown), *(fsum(row) for row in owed))


def _log_mean(start: Array, end: Array) -> Array:
    """(end - start) / log(end / start); the value itself where they are equal."""
    change = (end - start) / start
    mean = np.ones_like(change)
    np.divide(change, np.log1p(change), out=mean, where=change != 0)
    return start * mean


def _modelled(aims: Array, logs: Array) -> float:
    if len(logs) < 2:
        return 0.0
    covariance = np.atleast_2d(np.cov(logs, rowvar=False))
    return fsum(aims @ np.diag(covariance) - ((aims @ covariance) * aims).sum(axis=1)) / 2


def _column(values: ArrayLike | None, rows: int, path: str) -> Array:
    column = np.zeros(rows) if values is None else np.asarray(values, np.float64)
    if column.shape != (rows,):
        raise InputError(f"has shape {column.shape}, there are {rows} rows", path=path)
    return _finite(column, path)


def _shares(values: ArrayLike, path: str) -> Array:
    shares = _finite(np.asarray(values, np.float64), path)
    if (shares < 0).any():
        raise InputError(f"should not be negative, is {shares.min():.9g}", path=path)
    sums = shares.sum(axis=-1, keepdims=True)
    off = np.abs(sums - 1) > _SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise InputError(f"should sum to 1, sums to {sums.flat[row]:.9g}", path=f"{path}[{row}]")
    scaled: Array = shares / sums
    return scaled


def _positive(values: Array, path: str) -> Array:
    _finite(values, path)
    if not (values > 0).all():
        place = tuple(int(each) for each in np.argwhere(values <= 0)[0])
        raise InputError(f"should be positive, is {values[place]}", path=f"{path}{list(place)}")
    return values


def _finite(values: Array, path: str) -> Array:
    if not np.isfinite(values).all():
        place = tuple(int(each) for each in np.argwhere(~np.isfinite(values))[0])
        raise NotFinite(f"is {values[place]}", path=f"{path}{list(place)}")
    return values
