"""What a portfolio file leaves to recorded prices: targets by a rule, and moments by a forecast.

Error paths are keys of the table that names the prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from router.backtest import Prices
from router.documents.discipline_models import DisciplineModel, ForecastTable
from router.documents.extra import strategy_extra
from router.documents.forecast_file import answer_of, forecast_file, spacing_of
from router.documents.history import read_history
from router.documents.targets_file import targets_file
from router.documents.targets_models import TargetRuleTable
from router.errors import InputError
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Token

KEYS = {"returns": "prices", "step": "max_step", "current": "max_step", "cash": "cash_asset"}
"""Keys of the tables, by what the strategy calls the same."""

MOST_OFF_PEG = 0.05
"""How far the price of a rule's cash may be from one of the numeraire, which it is taken for."""


def present_weights(
    snapshot: Snapshot, portfolio: Portfolio, wanted: Mapping[str, Token], path: str
) -> dict[str, float]:
    """Weights before any trade of the tokens that a rule weighs, by the names in the file.

    Args:
        path: of the key that needs them.

    Raises:
        InputError: what is held is not all weighed by the rule, or has no price, or more is to be left of a
            token than there is.
    """
    from router.planner.valuation import Valuation  # with the planner's numerics, which take long to load

    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    held = valuation.weights(valuation.tradable)
    if lacking := [valuation.symbol(token) for token, weight in held.items() if weight < 0]:
        raise InputError(
            f"counts from weights, and of {', '.join(lacking)} more is to be left than there is", path=path
        )
    weights = {key: held.pop(token.address, 0.0) for key, token in wanted.items()}
    if others := [valuation.symbol(token) for token, weight in held.items() if weight]:
        raise InputError(f"needs columns of all that is held, and has none of {', '.join(others)}", path=path)
    return weights


def market_prices(snapshot: Snapshot, tokens: Mapping[str, Token]) -> dict[str, float]:
    """Present prices of those tokens that have one, by the names in the file."""
    prices = snapshot.prices
    return {key: float(prices[each.address]) for key, each in tokens.items() if each.address in prices}


def ruled_targets(
    table: TargetRuleTable,
    folder: Path,
    now: datetime,
    market: Mapping[str, float],
    current: Mapping[str, float] | None,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Weights by token, as decimals that sum to exactly 1, and what they were computed from.

    Args:
        folder: what the path of the prices is relative to.
        now: the market's time.
        market: present prices by token.
        current: present weights by token, for `max_step`.

    Raises:
        InputError: as `read_history` and `targets_file`; cash that is not worth one of the numeraire.
    """
    worth = market.get(table.cash_asset or "", 1.0)
    if abs(worth - 1) > MOST_OFF_PEG and table.cash_asset not in table.columns:
        raise InputError(f"is worth {worth:g} of the numeraire, so that it needs a column", path="cash_asset")
    history = read_history(table, folder, now, market)
    found = targets_file(table, history.prices, history.source, current)
    weights = ", ".join(f"{name} {text}" for name, text in found.targets.items())
    covariance = f"{found.covariance} covariance of {found.covariance_rows} returns"
    return found.targets, (f"targets by {found.rule}: {weights}; {covariance}; {history.told}",)


def forecast_moments(
    table: ForecastTable, folder: Path, now: datetime, market: Mapping[str, float]
) -> tuple[DisciplineModel, Prices, tuple[str, ...]]:
    """Volatilities and correlations of the table's tokens, the prices that they are from, and who answered,
    why, and from what.

    Raises:
        InputError: as `read_history` and `router.strategy.trials.try_models`.
    """
    history = read_history(table, folder, now, market)
    prices = history.prices
    with strategy_extra("model"):
        from router.strategy.trials import settings_of, try_models

        settings = settings_of(prices.interval_years, float(table.horizon_days))
        trials = try_models(prices.assets, prices.log_returns(), table.model, settings)
    found = forecast_file(trials, prices, history.source, table.model)
    told = [f"forecast over {found.horizon_days:g} days by {table.model}: {history.told}"]
    told += [each for each in (spacing_of(found),) if each]
    told += [
        "; ".join([f"forecast of {answer_of(each)}", *(trial.reason for trial in each.trials)])
        for each in found.assets
    ]
    return found.discipline, prices, tuple(told)
