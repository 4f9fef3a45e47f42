"""Forecasts that can't look ahead, are scored as they go, and give way to a constant that they don't beat.

A `Forecaster` is fed one row of returns at a time. Every `horizon` rows it notes what its model and the
constants expect of the next `horizon` rows, and scores them when those have come. Its forecast is the
model's while the scores say that it beats every constant, and the best constant's otherwise. The same rows
give the same bits, fed at once or over months, so a restart feeds the history again.

    forecaster = Forecaster(log_har())
    for row in returns:
        forecaster.observe(row)
    forecaster.volatility, forecaster.active, forecaster.scorecard.reason

No forecast is a promise: what is better over the window that was scored need not be better over the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, InsufficientHistory
from router.strategy.covariance import DAYS, check_returns, covariance_of, with_volatilities
from router.strategy.guards import finite
from router.strategy.rows import Rows
from router.strategy.scores import Score, Scorecard, score
from router.strategy.volatility import Constant, Model, Parameters, log_har

Floats = NDArray[np.float64]

CONSTANTS: Final = (Constant(), Constant(365))
"""What a model has to beat: the mean of all rows, and of the last year of daily ones."""


@dataclass(frozen=True)
class Settings:
    """How forecasts are made and judged.

    Attributes:
        horizon: rows that a forecast is about, and between two scored ones.
        refit: rows between two fits.
        window: newest scores that count.
        needed: scores below which the model stays off.
        level: nominal coverage of the interval.
        periods_per_year: rows in a year.

    Raises:
        InputError: a number that is not positive, a level outside 0 to 1, more scores needed than counted.
    """

    horizon: int = 7
    refit: int = 28
    window: int = 104
    needed: int = 26
    level: float = 0.9
    periods_per_year: float = DAYS

    def __post_init__(self) -> None:
        for name in ("horizon", "refit", "window", "needed", "periods_per_year"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"should be positive, is {getattr(self, name)}", path=name)
        if not 0 < self.level < 1:
            raise InputError(f"should be between 0 and 1, is {self.level}", path="level")
        if self.needed > self.window:
            raise InputError(f"{self.needed} scores of a window of {self.window}", path="needed")


class Forecaster:
    """One model of one or more return series, walked forward.

    Several series have no riskless one among them: their covariance would be singular, and nothing be scored.

    Attributes:
        model: what is on trial.
        constants: what it has to beat.
        failures: fits and forecasts that could not be used, so far.
    """

    def __init__(
        self,
        model: Model | None = None,
        settings: Settings | None = None,
        constants: Sequence[Constant] = CONSTANTS,
    ) -> None:
        self.model = model or log_har()
        self.settings = settings or Settings()
        self.constants = tuple(constants)
        if not self.constants:
            raise InputError("a model needs one to be judged against", path="constants")
        self.failures = 0
        self._rows: Rows | None = None
        self._parameters: Parameters | None = None
        self._pending: tuple[int, Floats, list[Floats]] | None = None
        self._scores: list[Score] = []
        self._constant_scores: dict[str, list[Score]] = {constant.name: [] for constant in self.constants}
        self._served: list[Score] = []
        self._active, self._best = False, 0

    @property
    def least_rows(self) -> int:
        """Rows before which nothing is forecast."""
        least = (judged.least_rows for judged in (self.model, *self.constants))
        return max(*least, self.settings.horizon + 1)

    def observe(self, returns: ArrayLike) -> None:
        """Takes the newest row: log returns of one period, (n,) or a number.

        Raises:
            NotFinite: NaN or infinity; the row is not taken.
            InputError: another number of assets than before.
        """
        row = finite(np.atleast_1d(returns), "returns")
        if self._rows is None:
            self._rows = Rows(row.size)
        past = self._rows.past
        if row.size != past.shape[1]:
            raise InputError(f"has {row.size} entries, had {past.shape[1]} before", path="returns")
        self._rows.append(row)
        age = len(self._rows) - self.least_rows
        if age < 0:
            return
        past = self._rows.past
        if age % self.settings.refit == 0:
            self._parameters = self.model.fit(past, self.settings.horizon)
            self.failures += self._parameters is None
        if age % self.settings.horizon == 0:
            self._settle(past)
            self._note(past)

    @property
    def scorecard(self) -> Scorecard:
        """The model against the constants over the window that counts."""
        window = self.settings.window
        return Scorecard.of(
            self._scores[-window:],
            {name: scores[-window:] for name, scores in self._constant_scores.items()},
            name=self.model.name,
            level=self.settings.level,
            needed=self.settings.needed,
            failures=self.failures,
        )

    @property
    def active(self) -> bool:
        """Whether the model's own forecast is the one given."""
        return self._active

    @property
    def covariance(self) -> Floats:
        """Annual covariance over the next horizon, (n, n): the model's if active, else the best constant's.

        Raises:
            InsufficientHistory: fewer rows than `least_rows`.
        """
        rows = len(self._rows) if self._rows else 0
        if self._rows is None or rows < self.least_rows:
            raise InsufficientHistory(f"has {rows} rows, {self.least_rows} are needed", path="returns")
        past = self._rows.past
        result = self._modelled(past) if self.active else None
        if result is None:
            result = self.constants[self._best].forecast((), past, self.settings.horizon)
        return result * self.settings.periods_per_year

    @property
    def volatility(self) -> float:
        """Annual volatility of the one asset it is fed.

        Raises:
            InsufficientHistory: as for `covariance`.
            InputError: it is fed several.
        """
        covariance = self.covariance
        if covariance.size != 1:
            raise InputError(f"{len(covariance)} assets have no one volatility", path="returns")
        return sqrt(covariance[0, 0])

    @property
    def scores(self) -> dict[str, tuple[Score, ...]]:
        """Every score so far by name: the constants', the model's, and `served`, what was really given."""
        mine = {self.model.name: tuple(self._scores), "served": tuple(self._served)}
        return {name: tuple(scores) for name, scores in self._constant_scores.items()} | mine

    def _settle(self, past: Floats) -> None:
        """Scores what was noted a horizon ago."""
        if self._pending is None:
            return
        since, modelled, constants = self._pending
        outcome, level = past[since:], self.settings.level
        # What was served is decided before this outcome is known to the scores.
        served = modelled if self.active else constants[self._best]
        self._served.append(score(served, outcome, level))
        self._scores.append(score(modelled, outcome, level))
        for constant, forecast in zip(self.constants, constants, strict=True):
            self._constant_scores[constant.name].append(score(forecast, outcome, level))
        card = self.scorecard
        self._active = card.active
        self._best = [constant.name for constant in self.constants].index(card.best_constant)

    def _note(self, past: Floats) -> None:
        """Notes what is expected of the next horizon; nothing while prices stand still."""
        self._pending = None
        constants = [constant.forecast((), past, self.settings.horizon) for constant in self.constants]
        if not all(map(_usable, constants)):
            return
        modelled = self._modelled(past)
        if modelled is None:
            self.failures += self._parameters is not None
            modelled = constants[self._best]
        self._pending = (len(past), modelled, constants)

    def _modelled(self, past: Floats) -> Floats | None:
        """The model's forecast per period, or None where it has none that can be used."""
        if self._parameters is None:
            return None
        forecast = self.model.forecast(self._parameters, past, self.settings.horizon)
        return forecast if _usable(forecast) else None


class Outlook:
    """Forecasts for a portfolio: a volatility by asset, each on its own trial, on shrunk correlations.

    Assets that never move (cash) have none. It is what bands, targets and timing take their covariance from.

    Attributes:
        forecasters: by asset; each says whether its model is on, and why.
    """

    def __init__(
        self,
        assets: Sequence[str],
        model: Callable[[], Model] = log_har,
        settings: Settings | None = None,
        constants: Sequence[Constant] = CONSTANTS,
        window: int = 365,
    ) -> None:
        """
        Args:
            model: makes the model of an asset.
            constants: what each model has to beat.
            window: newest rows that the correlations are from.

        Raises:
            InputError: no asset, or one named twice.
        """
        self.assets = tuple(assets)
        if not self.assets or len(set(self.assets)) < len(self.assets):
            raise InputError(f"should be different names, are {', '.join(assets) or 'none'}", path="assets")
        self.forecasters = {asset: Forecaster(model(), settings, constants) for asset in self.assets}
        self._rows = Rows(len(self.assets))
        self._window = window

    def observe(self, returns: ArrayLike) -> None:
        """Takes the newest row of log returns, (n,) in the order of the assets.

        Raises:
            NotFinite: NaN or infinity.
            InputError: another number of assets.
        """
        row = finite(returns, "returns")
        if row.size != len(self.assets):
            raise InputError(f"{row.size} entries for {len(self.assets)} assets", path="returns")
        self._rows.append(row)
        for value, asset in zip(row, self.assets, strict=True):
            self.forecasters[asset].observe(value)

    @property
    def volatilities(self) -> Floats:
        """Annual, (n,), over the next horizon: for bands.

        Raises:
            InsufficientHistory: fewer rows than a forecast needs.
        """
        return np.array([self.forecasters[asset].volatility for asset in self.assets])

    @property
    def covariance(self) -> Floats:
        """Annual, (n, n), over the next horizon: for tracking errors and targets.

        Raises:
            InsufficientHistory: fewer rows than a forecast needs.
        """
        volatilities = self.volatilities
        recent = self._rows.past[-self._window :]
        periods = self.forecasters[self.assets[0]].settings.periods_per_year
        return with_volatilities(covariance_of(recent, periods_per_year=periods), volatilities)

    @property
    def reasons(self) -> tuple[str, ...]:
        """By asset, whether its model is on, and the scores that say why."""
        return tuple(f"{asset}: {one.scorecard.reason}" for asset, one in self.forecasters.items())


def walk(forecaster: Forecaster, returns: ArrayLike) -> Floats:
    """Feeds rows and gives the forecast after each: annual covariances (rows, n, n), NaN before the first.

    The entry of a row uses that row and those before it, whatever follows.

    Raises:
        NotFinite, InputError: as `Forecaster.observe`; nothing is fed.
    """
    rows = check_returns(returns, rows=1)
    result = np.full((len(rows), rows.shape[1], rows.shape[1]), np.nan)
    for place, row in enumerate(rows):
        forecaster.observe(row)
        try:
            result[place] = forecaster.covariance
        except InsufficientHistory:
            continue
    return result


def _usable(covariance: Floats) -> bool:
    """Finite and positive definite."""
    if not np.isfinite(covariance).all():
        return False
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return bool((np.diag(factor) > 0).all())
