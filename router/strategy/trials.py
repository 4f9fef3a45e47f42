"""Models of volatility on trial, asset by asset: which one answers now, why, and how its answers did so far.

Each model runs in an `Outlook` of its own over the whole history. With several, an asset's answer is that of
the active one of least loss over the scores that count, else the best constant's. What that choice would have
answered before each score was known is scored too: the best of several in hindsight says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, InsufficientHistory, nearest
from router.strategy.covariance import DAYS, check_returns, covariance_of
from router.strategy.forecasts import CONSTANTS, Forecaster, Outlook, Settings
from router.strategy.regimes import Regimes
from router.strategy.scores import Score, Scorecard
from router.strategy.volatility import Ewma, Garch, Har, log_har

Floats = NDArray[np.float64]

MODELS: Final[dict[str, Callable[[], Har | Garch | Ewma | Regimes]]] = {
    "log_har": log_har,
    "har": Har,
    "garch": Garch,
    "ewma": Ewma,
    "regimes": Regimes,
}
"""By the name that a flag uses."""

AUTO: Final = "auto"
CHOSEN_FROM: Final = ("log_har", "garch", "ewma")
"""What `auto` chooses from, one of each kind; of equals the first."""

WEEK: Final = 7.0
"""Days that a forecast is about where nothing is said."""

CORRELATED: Final = 365
"""Newest rows that correlations are from."""


@dataclass(frozen=True)
class AssetOutlook:
    """One asset's forecast, and what it rests on.

    Attributes:
        volatility: annual, over the next horizon.
        active: the model that answers, None where a constant does.
        constant: the constant of least loss, which answers otherwise.
        cards: by model, its scores that count.
        served: QLIKE of each answer so far, oldest first.
        against: the same of each constant, by name.
        high: whether volatility is high against the asset's own past; None with too few rows to say.
    """

    asset: str
    volatility: float
    active: str | None
    constant: str
    cards: dict[str, Scorecard]
    served: tuple[float, ...]
    against: dict[str, tuple[float, ...]]
    high: bool | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """By model, whether it is on, and the figures that say why."""
        return tuple(card.reason for card in self.cards.values())


@dataclass(frozen=True, eq=False)
class Trials:
    """Forecasts of a portfolio's assets.

    Attributes:
        assets: in the order of the returns.
        correlations: (n, n), shrunk, of the newest `CORRELATED` rows; 0 beside an asset that never moves.
        settings: how they were made and judged.
    """

    assets: tuple[AssetOutlook, ...]
    correlations: Floats
    settings: Settings

    @property
    def volatilities(self) -> Floats:
        """Annual, (n,)."""
        return np.array([each.volatility for each in self.assets])

    @property
    def covariance(self) -> Floats:
        """Annual, (n, n)."""
        return np.asarray(self.correlations * np.outer(self.volatilities, self.volatilities))


def settings_of(interval_years: float, horizon_days: float | None = None) -> Settings:
    """Settings for rows that are so far apart, and forecasts of so many days; fitted every four horizons.

    Args:
        horizon_days: a week where it is None, or a row where rows are farther apart.

    Raises:
        InputError: a horizon below one row, or of more than a year and a row.
    """
    days = interval_years * DAYS
    least, most = days / 2, max(DAYS, days)
    wanted = max(WEEK, days) if horizon_days is None else horizon_days
    if not least <= wanted <= most:
        raise InputError(
            f"should be from {days:.9g}, the days from row to row, to {most:.9g}, is {wanted:g}",
            path="horizon_days",
        )
    rows = max(1, round(wanted / days))
    return Settings(horizon=rows, refit=4 * rows, periods_per_year=1 / interval_years)


def try_models(
    assets: Sequence[str], returns: ArrayLike, model: str = AUTO, settings: Settings | None = None
) -> Trials:
    """Walks the models through a history, and forecasts from its end.

    Of the constants only those count that the rows suffice to score as often as it takes: the last year's
    would else be the mean of all rows, which is another, or leave no row before it to score a model on.

    Args:
        returns: (rows, n) log returns of one period, oldest first.
        model: a name of `MODELS`, or `auto` for the best of `CHOSEN_FROM`.

    Raises:
        InputError: an unknown model, or names that are not one for each column.
        InsufficientHistory: fewer rows than a model needs; says how many.
        NotFinite: NaN or infinity.
    """
    rows = check_returns(returns)
    rules = settings or Settings()
    if model != AUTO and model not in MODELS:
        known = (AUTO, *MODELS)
        raise InputError(
            f"no model {model!r}; there are {', '.join(known)}", path="model", nearest=nearest(model, known)
        )
    if rows.shape[1] != len(assets):
        raise InputError(f"{len(assets)} names for {rows.shape[1]} columns", path="assets")
    scored = rules.needed * rules.horizon
    constants = [each for each in CONSTANTS if each.least_rows + scored <= len(rows)] or CONSTANTS[:1]
    models = {name: MODELS[name]() for name in (CHOSEN_FROM if model == AUTO else (model,))}
    # All start together, so that all are scored on the same outcomes.
    needed = max(each.least_rows for each in models.values())
    outlooks = {
        name: Outlook(assets, partial(replace, each, least_rows=needed), rules, constants)
        for name, each in models.items()
    }
    needed = max(one.least_rows for each in outlooks.values() for one in each.forecasters.values())
    if len(rows) < needed:
        other = "; another model may need fewer" if model == AUTO else ""
        raise InsufficientHistory(f"has {len(rows)} rows, {needed} are needed{other}", path="returns")
    for row in rows:
        for outlook in outlooks.values():
            outlook.observe(row)
    found = tuple(
        _judged(asset, {name: each.forecasters[asset] for name, each in outlooks.items()}, rows[:, place])
        for place, asset in enumerate(assets)
    )
    return Trials(found, _correlations(rows[-CORRELATED:]), rules)


def _judged(asset: str, forecasters: dict[str, Forecaster], returns: Floats) -> AssetOutlook:
    cards = {name: one.scorecard for name, one in forecasters.items()}
    active = _choice(cards)
    answers = forecasters[active] if active else next(iter(forecasters.values()))
    regimes = Regimes()
    return AssetOutlook(
        asset=asset,
        volatility=answers.volatility,
        active=active,
        constant=answers.scorecard.best_constant,
        cards=cards,
        served=_losses(_served(forecasters)),
        against={one.name: _losses(answers.scores[one.name]) for one in answers.constants},
        high=bool(regimes.flags(returns)[-1]) if len(returns) >= regimes.least_rows else None,
    )


def _choice(cards: dict[str, Scorecard]) -> str | None:
    """The active model of least loss."""
    return min(
        (name for name in cards if cards[name].active), key=lambda name: cards[name].loss, default=None
    )


def _served(forecasters: dict[str, Forecaster]) -> list[Score]:
    """What the choice would have answered each time, from the scores before it alone."""
    histories = {name: one.scores for name, one in forecasters.items()}
    first = next(iter(forecasters.values()))
    constants = {one.name: first.scores[one.name] for one in first.constants}
    settings, served = first.settings, []
    for place in range(len(next(iter(constants.values())))):
        counted = slice(max(place - settings.window, 0), place)
        cards = {
            name: Scorecard.of(
                histories[name][one.model.name][counted],
                {key: scores[counted] for key, scores in constants.items()},
                name=name,
                level=settings.level,
                needed=settings.needed,
                failures=0,
            )
            for name, one in forecasters.items()
        }
        chosen = _choice(cards)
        best = next(iter(cards.values())).best_constant
        answered = histories[chosen][forecasters[chosen].model.name] if chosen else constants[best]
        served.append(answered[place])
    return served


def _correlations(rows: Floats) -> Floats:
    covariance = covariance_of(rows)
    deviations = np.sqrt(np.diag(covariance))
    moving = deviations > 0
    scale = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=moving)
    result = covariance * np.outer(scale, scale)
    np.fill_diagonal(result, 1.0)
    return np.asarray(np.clip(result, -1.0, 1.0))


def _losses(scores: Sequence[Score]) -> tuple[float, ...]:
    return tuple(each.loss for each in scores)
