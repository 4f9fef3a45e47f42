"""From forecasts to their document, and to the `discipline` table of a portfolio file."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from router.backtest import Prices
from router.documents.backtest_file import prices_entry
from router.documents.discipline_models import DisciplineModel
from router.documents.forecast_models import AssetEntry, ForecastFile, ServedEntry, TrialEntry
from router.documents.toml_tables import toml_table
from router.strategy.discipline import DAYS_PER_YEAR, MOST_NEGATIVE

if TYPE_CHECKING:  # these load scipy
    from router.strategy.scores import Scorecard
    from router.strategy.trials import AssetOutlook, Floats, Trials

PLACES, MOST_PLACES = 4, 16
DAY_SECONDS, MOST_DAYS = 86_400, 1.5
"""Days from row to row beyond which, or below the inverse of which, rows are not daily."""


def forecast_file(trials: Trials, prices: Prices, source: str, model: str) -> ForecastFile:
    """The document of forecasts that were made from the prices of a file."""
    settings = trials.settings
    return ForecastFile.of(
        prices=prices_entry(prices, source),
        model=model,
        horizon_days=settings.horizon / settings.periods_per_year * DAYS_PER_YEAR,
        level=settings.level,
        window=settings.window,
        needed=settings.needed,
        assets=tuple(_asset(each) for each in trials.assets),
        discipline=discipline_model(trials),
    )


def discipline_model(trials: Trials) -> DisciplineModel:
    """The `discipline` table that the forecasts make; what they say nothing of is left to its default.

    Figures have four decimals; correlations more, where no returns could be correlated as the rounded say.
    """
    names = [each.asset for each in trials.assets]
    correlations = _rounded(trials.correlations)
    return DisciplineModel.of(
        volatility={each.asset: _text(round(each.volatility, PLACES)) for each in trials.assets},
        correlations={
            f"{names[one]}/{names[two]}": _text(float(correlations[one, two]))
            for one, two in combinations(range(len(names)), 2)
        },
    )


def discipline_toml(model: DisciplineModel) -> str:
    """The tables of what was set."""
    tables = [
        toml_table(f"discipline.{name}", values)
        for name, values in (("volatility", model.volatility), ("correlations", model.correlations))
        if values
    ]
    return "\n".join(tables)


def answer_of(each: AssetEntry) -> str:
    """An asset's forecast in a sentence: how much, by whom, and how such answers did."""
    who = each.active or f"{each.constant}, no model being on"
    regime = f"; regime {each.regime}" if each.regime else ""
    text = f"{each.asset}: volatility {each.volatility:.1%} by {who}{regime}"
    if each.served.qlike is not None:
        others = ", ".join(f"{name} {figure(loss)}" for name, loss in each.served.constants.items())
        mine = f"QLIKE {figure(each.served.qlike)} over {each.served.scored} scores"
        text += f"; answers so far had {mine}, {others}"
    return text


def spacing_of(document: ForecastFile) -> str | None:
    """What is to be said of rows that are not daily; None of those that are."""
    days = document.prices.interval_seconds / DAY_SECONDS
    if 1 / MOST_DAYS <= days <= MOST_DAYS:
        return None
    return f"rows are {days:.3g} days apart; the models count rows, and were tried on daily ones"


def figure(value: float | None) -> str:
    """A loss for people; nothing where there is none."""
    return "" if value is None else f"{value:.4f}"


def _asset(found: AssetOutlook) -> AssetEntry:
    return AssetEntry.of(
        asset=found.asset,
        volatility=found.volatility,
        active=found.active,
        constant=found.constant,
        regime=None if found.high is None else "high" if found.high else "low",
        trials=tuple(_trial(name, card) for name, card in found.cards.items()),
        served=ServedEntry.of(
            scored=len(found.served),
            qlike=_mean(found.served),
            constants={name: _mean(losses) for name, losses in found.against.items()},
        ),
    )


def _trial(name: str, card: Scorecard) -> TrialEntry:
    return TrialEntry.of(
        model=name,
        active=card.active,
        reason=card.reason,
        scored=card.scored,
        qlike=_known(card.loss),
        constant_qlike=_known(card.constants[card.best_constant]),
        coverage=_known(card.coverage),
        failures=card.failures,
    )


def _rounded(correlations: Floats) -> Floats:
    """With as few decimals as leave it a matrix of correlations."""
    for places in range(PLACES, MOST_PLACES):
        rounded: Floats = np.round(correlations, places) + 0.0  # no -0
        if np.linalg.eigvalsh(rounded)[0] >= -MOST_NEGATIVE:
            return rounded
    return correlations


def _mean(losses: tuple[float, ...]) -> float | None:
    return float(np.mean(losses)) if losses else None


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _text(value: float) -> str:
    """Without an exponent."""
    return format(Decimal(repr(value)), "f")
