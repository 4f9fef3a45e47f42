"""The `discipline` table of a portfolio file, resolved: names to addresses, a forecast to figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from router.documents.discipline_models import DisciplineModel, ForecastTable
from router.documents.located import within
from router.documents.named_tokens import NamedTokens
from router.errors import InputError
from router.strategy.covariance import MOST_VOLATILE
from router.strategy.discipline import Discipline, Past
from router.tokens import Address

PAIR = 2


def discipline_of(model: DisciplineModel, names: NamedTokens, folder: Path, now: datetime) -> Discipline:
    """What drift costs the owner, by address.

    Args:
        folder: what the paths in the file are relative to.
        now: the market's time, for a forecast.

    Raises:
        InputError: an unknown token, one under two names, a volatility or a weight that reads like percent, a
            correlation that no two tokens can have, or prices that nothing can be forecast from.
        OutdatedPrices: a forecast's prices that are too old.
    """
    limits = ("volatility", MOST_VOLATILE, "0.6 is 60 % a year"), ("max_weight", 1, "0.6 is 60 %")
    for table, most, hint in limits:
        for key, text in getattr(model, table).items():
            if float(text) > most:
                raise InputError(
                    f"should be at most {most:g}, is {text}: {hint}", path=names.at("discipline", table, key)
                )
    notes: tuple[str, ...] = ()
    past = None
    if model.forecast is not None:
        model, past, notes = _with_forecast(model, model.forecast, names, folder, now)

    def of(name: str, values: Mapping[str, str]) -> dict[Address, float]:
        found = names.distinct(f"discipline.{name}", values)
        return {token.address: float(values[key]) for key, token in found}

    return Discipline(
        risk_aversion=float(model.risk_aversion),
        horizon_days=float(model.horizon_days),
        volatility=of("volatility", model.volatility),
        correlation=_correlation(model.correlation, names, "correlation"),
        correlations=_correlations(model.correlations, names),
        max_weight=of("max_weight", model.max_weight),
        notes=notes,
        past=past,
    )


def _with_forecast(
    model: DisciplineModel, table: ForecastTable, names: NamedTokens, folder: Path, now: datetime
) -> tuple[DisciplineModel, Past, tuple[str, ...]]:
    """The discipline with the forecast's figures beside its own, and what these are from."""
    # Here, for it loads what prices need.
    from router.documents.portfolio_prices import KEYS, forecast_moments, market_prices

    columns = names.distinct("discipline.forecast.columns", table.columns)
    forecast = tuple(token.address for _, token in columns)
    own = {"volatility": model.volatility, "correlations": model.correlations}
    for place, entries in own.items():
        for key in entries:
            parts = [key] if place == "volatility" else key.split("/")
            if set(forecast).issuperset(names.find(part, "discipline", place, key).address for part in parts):
                raise InputError("is forecast; leave it out", path=names.at("discipline", place, key))
    with within(names.file, "discipline", "forecast", keys=KEYS):
        market = market_prices(names.snapshot, dict(columns))
        found, prices, notes = forecast_moments(table, folder, now, market)
    merged = {
        "volatility": {**model.volatility, **found.volatility},
        "correlations": {**model.correlations, **found.correlations},
    }
    past = Past(forecast, prices.returns(), 1 / prices.interval_years)
    return model.model_copy(update=merged), past, notes


def _correlations(entries: Mapping[str, str], names: NamedTokens) -> dict[frozenset[Address], float]:
    found: dict[frozenset[Address], float] = {}
    for key, text in entries.items():
        place = ("discipline", "correlations", key)
        pair = frozenset(names.find(name, *place).address for name in key.split("/"))
        if len(pair) != PAIR or key.count("/") != 1:
            raise InputError("should name two tokens: 'WETH/WBTC'", path=names.at(*place))
        if pair in found:
            raise InputError("are two tokens named before", path=names.at(*place))
        found[pair] = _correlation(text, names, f"correlations.{key}")
    return found


def _correlation(text: str, names: NamedTokens, key: str) -> float:
    value = float(text)
    if not -1 <= value <= 1:
        raise InputError(f"should be from -1 to 1, is {text}", path=names.at("discipline", key))
    return value
