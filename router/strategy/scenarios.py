"""Stressed markets as data: what prices, liquidity, gas and correlation do, and where the figures come from.

The moves of named crashes are read from recorded prices, never written down here; only their dates are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, InsufficientHistory, NotFinite

Array = NDArray[np.float64]

HALF = Fraction(1, 2)


@dataclass(frozen=True, eq=False, slots=True)
class Scenario:
    """One stressed market. Scenarios are told apart by identity.

    Attributes:
        source: where the figures come from, for people.
        moves: simple returns, above -1, by asset or by class of assets.
        otherwise: the move of an asset that neither is named for; None refuses such assets.
        correlation: what all risky assets have with each other meanwhile; None leaves it as measured.
        liquidity: share of every pool's that is left.
        gas: multiple of its price.
    """

    name: str
    source: str
    moves: Mapping[str, float] = field(default_factory=dict)
    otherwise: float | None = None
    correlation: float | None = None
    liquidity: Fraction = Fraction(1)
    gas: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        for name, move in {**self.moves, "otherwise": self.otherwise or 0.0}.items():
            if not (np.isfinite(move) and move > -1):
                raise InputError(f"should be a return above -1, is {move}", path=f"{self.name}.moves.{name}")
        if self.correlation is not None and not 0 <= self.correlation <= 1:
            raise InputError(f"should be from 0 to 1, is {self.correlation}", path=f"{self.name}.correlation")
        if self.liquidity <= 0 or self.gas <= 0:
            raise InputError(
                f"should be positive, are {self.liquidity} and {self.gas}", path=f"{self.name}.liquidity, gas"
            )

    def find_move(self, asset: str, classes: Mapping[str, str] | None = None) -> float | None:
        """An asset's own move, else its class's, else that of all others; None where none is known."""
        for name in (asset, (classes or {}).get(asset)):
            if name is not None and name in self.moves:
                return self.moves[name]
        return self.otherwise

    def move_of(self, asset: str, classes: Mapping[str, str] | None = None) -> float:
        """As `find_move`.

        Raises:
            InputError: no move is known.
        """
        found = self.find_move(asset, classes)
        if found is None:
            raise InputError(f"{self.name} says nothing of {asset} or its class", path=f"moves.{asset}")
        return found

    def covariance(self, measured: Array) -> Array:
        """The covariance under this scenario's correlation; riskless assets stay so.

        Args:
            measured: annual, (n, n).
        """
        if self.correlation is None:
            return measured
        deviations = np.sqrt(np.diag(measured))
        stressed: Array = self.correlation * np.outer(deviations, deviations)
        np.fill_diagonal(stressed, np.diag(measured))
        return stressed


@dataclass(frozen=True, slots=True)
class Crash:
    """A window in which markets fell together; both days are included."""

    name: str
    what: str
    first: date
    last: date


CRASHES = (
    Crash("2020-03", "the pandemic, worst on 12 March", date(2020, 3, 6), date(2020, 3, 16)),
    Crash("2021-05", "leveraged longs liquidated, worst on 19 May", date(2021, 5, 11), date(2021, 5, 24)),
    Crash("2022-05", "Terra and its UST", date(2022, 5, 4), date(2022, 5, 13)),
    Crash("2022-06", "Celsius and Three Arrows Capital", date(2022, 6, 6), date(2022, 6, 19)),
    Crash("2022-11", "FTX", date(2022, 11, 4), date(2022, 11, 14)),
)


def crash_scenario(
    crash: Crash,
    days: Sequence[date],
    assets: Sequence[str],
    prices: ArrayLike,
    source: str,
    otherwise: float | None = None,
) -> Scenario:
    """What each asset had lost on the worst day of the window: the one on which the mean of logarithms was
    lowest. It is one day for all, so that the moves happened together.

    Args:
        days: ascending; of the rows of `prices`, which are (rows, n) closes.
        source: of the prices.
        otherwise: move of assets that the prices don't have.

    Raises:
        InsufficientHistory: the days don't reach from the window's first to its last.
        NotFinite: a price in the window that is not positive.
    """
    table = np.asarray(prices, np.float64)
    if table.shape != (len(days), len(assets)):
        raise InputError(f"has shape {table.shape}, not {(len(days), len(assets))}", path="prices")
    rows = [row for row, day in enumerate(days) if crash.first <= day <= crash.last]
    if not days or days[0] > crash.first or days[-1] < crash.last or len(rows) < 2:
        reach = f"{days[0]} to {days[-1]}" if days else "no day"
        raise InsufficientHistory(
            f"{crash.name} is from {crash.first} to {crash.last}, the prices have {reach}", path="days"
        )
    window = table[rows]
    if not (np.isfinite(window).all() and (window > 0).all()):
        row, column = (int(each) for each in np.argwhere(~(np.isfinite(window) & (window > 0)))[0])
        raise NotFinite(f"{assets[column]} is {window[row, column]}", path=f"prices[{rows[row]}, {column}]")
    changes = window / window[0]
    worst = int(np.argmin(np.log(changes).mean(axis=1)))
    return Scenario(
        name=crash.name,
        source=f"{crash.what}: closes of {days[rows[0]]} to {days[rows[worst]]}, {source}",
        moves={asset: float(change - 1) for asset, change in zip(assets, changes[worst], strict=True)},
        otherwise=otherwise,
    )


def correlated_fall(
    assets: Sequence[str], covariance: ArrayLike, years: float, deviations: float
) -> Scenario:
    """Correlation to one: every asset falls by so many of its own standard deviations at once.

    Args:
        covariance: annual, (n, n), of log returns.
        years: the time it takes.
        deviations: how many.
    """
    measured = np.asarray(covariance, np.float64)
    if measured.shape != (len(assets), len(assets)):
        raise InputError(f"has shape {measured.shape}, for {len(assets)} assets", path="covariance")
    if not (years > 0 and deviations >= 0):
        raise InputError(f"{years} years and {deviations} deviations: should be positive", path="years")
    falls = np.expm1(-deviations * np.sqrt(np.diag(measured) * years))
    return Scenario(
        name="correlation to one",
        source=f"every asset falls by {deviations:g} of its standard deviations over {years:g} years",
        moves={asset: float(fall) for asset, fall in zip(assets, falls, strict=True)},
        correlation=1.0,
    )


CALM = Scenario("as it is", "nothing moves", otherwise=0.0)
THIN = Scenario("liquidity halved", "half of every pool and lender", otherwise=0.0, liquidity=HALF)
DEAR_GAS = Scenario("gas times 20", "the price of gas and of calldata", otherwise=0.0, gas=Fraction(20))


def at_once(scenario: Scenario, *, correlation: float | None = 1.0) -> Scenario:
    """A scenario's moves with everything else bad as well: half the liquidity, gas times 20, and one
    correlation."""
    return replace(
        scenario,
        name=f"{scenario.name}, thin and dear",
        source=f"{scenario.source}; {THIN.source}; {DEAR_GAS.source}, times 20",
        correlation=correlation,
        liquidity=THIN.liquidity,
        gas=DEAR_GAS.gas,
    )
