"""Recorded prices that a portfolio file names: those up to the market's time, refused where they are old."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from router.backtest import Prices, load_prices
from router.documents.extra import strategy_extra
from router.documents.price_models import LEAST_RETURNS, PricesTable
from router.errors import InputError, InsufficientHistory, OutdatedPrices

FAR = 3.0
"""Times its asset's present price beyond which a column may be another's."""


@dataclass(frozen=True, slots=True)
class History:
    """Prices as they were known at a time.

    Attributes:
        prices: the rows that are not later.
        source: the file's name.
        sha256: of the file, hex.
        doubts: what may be wrong with them, a clause each.
    """

    prices: Prices
    source: str
    sha256: str
    doubts: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Which figures these are, in one clause."""
        prices, last = self.prices, self.prices.at(-1)
        rows = f"{self.source}, {len(prices)} rows to {last:%Y-%m-%dT%H:%M:%SZ}"
        parts = [rows, f"sha-256 {self.sha256}"]
        parts += [f"repairs: {prices.repairs.total}"] if prices.repairs.total else []
        return ", ".join([*parts, *self.doubts])


def read_history(
    table: PricesTable, folder: Path, now: datetime, market: Mapping[str, float] | None = None
) -> History:
    """The prices of a table's file; error paths are keys of the table.

    Args:
        folder: what the file's path is relative to.
        now: the market's time; a row that is later is not known yet.
        market: present prices by asset; a column that ends far from its asset's is told.

    Raises:
        OutdatedPrices: the newest row is older than the table allows; or the last change of a price, where it
            never stood still for as many rows before: the feed ended, and the rows since were filled.
        InsufficientHistory: too few rows by then.
        InputError: no such file or column, faulty prices, or a library that is not installed.
    """
    path = folder / table.prices
    for asset, column in table.columns.items():
        if "=" in column:
            raise InputError(f"{column!r} holds '=', so it can't be named", path=f"columns.{asset}")
    columns = tuple(f"{asset}={column}" for asset, column in table.columns.items())
    try:
        with strategy_extra("prices"):
            digest = _digest(path)
            prices = load_prices(
                path,
                columns,
                time=table.time_column,
                repair=table.repair,
                keep_jumps=table.keep_jumps,
                end=now,
            )
    except InputError as error:
        raise type(error)(_beside(error), path=_key(table, error), nearest=error.nearest) from None
    if _digest(path) != digest:
        raise InputError(f"{path.name} changed while it was read", path="prices")
    if len(prices) <= LEAST_RETURNS:
        raise InsufficientHistory(
            f"{path.name} has {len(prices)} rows up to the market's time, "
            f"{now.astimezone(UTC):%Y-%m-%d %H:%M}Z; {LEAST_RETURNS + 1} are needed",
            path="prices",
        )
    last = prices.at(-1)
    days = (now - last) / timedelta(days=1)
    if days > float(table.max_age_days):
        raise OutdatedPrices(
            f"{path.name} ends at {last:%Y-%m-%d %H:%M}Z, {days:.1f} days before the market's time; "
            f"max_age_days allows {table.max_age_days}",
            path="prices",
        )
    _refuse_stopped(prices, path.name, now, table.max_age_days)
    return History(prices, path.name, digest, tuple(_doubts(prices, market or {})))


def _doubts(prices: Prices, market: Mapping[str, float]) -> Iterator[str]:
    """Returns know no scale, so that a column in another unit is none to refuse."""
    for asset, last in zip(prices.assets, prices.values[-1].tolist(), strict=True):
        if (now := market.get(asset, last)) and not 1 / FAR <= last / now <= FAR:
            yield f"{asset} ends at {last:g} and is worth {now:g}: is the column another token's?"


def _refuse_stopped(prices: Prices, name: str, now: datetime, max_age_days: str) -> None:
    """What is pegged may stand still for long: only what moves on most rows has stopped."""
    for asset, values in zip(prices.assets, prices.values.T, strict=True):
        starts = np.flatnonzero(np.diff(values, prepend=0.0))
        rows = np.diff(starts, append=len(values))
        since = prices.at(int(starts[-1]))
        days = (now - since) / timedelta(days=1)
        moves = len(rows) - 1 > max(starts[-1], LEAST_RETURNS) / 2
        if moves and rows[-1] > rows[:-1].max() and days > float(max_age_days):
            raise OutdatedPrices(
                f"{name} has one price of {asset} since {since:%Y-%m-%d %H:%M}Z, for longer than ever before "
                f"and {days:.1f} days before the market's time; max_age_days allows {max_age_days}",
                path=f"columns.{asset}",
            )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError("no such file", path=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=str(path)) from None


def _key(table: PricesTable, error: InputError) -> str:
    """The key of the table that an error is about."""
    for asset, column in table.columns.items():
        if error.message == f"no column {column!r}":
            return f"columns.{asset}"
    return "time_column" if error.message == f"no column {table.time_column!r}" else "prices"


def _beside(error: InputError) -> str:
    """The message, with the place in the price file before it."""
    return error.message if error.path in ("", "prices") else f"{error.path}: {error.message}"
