"""Target weights by a rule, from prices to their document: for the command as for portfolio files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from router.backtest import Prices
from router.documents.backtest_file import prices_entry
from router.documents.extra import strategy_extra
from router.documents.targets_models import RuleModel, TargetsFile, WeightEntry
from router.errors import InputError, nearest
from router.strategy.covariance import CovarianceKind, covariance_of
from router.strategy.guards import GuardRails
from router.strategy.target_rules import TargetRule, exact_weights, risk_shares, target_weights

Floats = npt.NDArray[np.float64]

FORECAST = "forecast"
COVARIANCES = (*map(str, CovarianceKind), FORECAST)


def targets_file(
    rule: RuleModel, prices: Prices, source: str, current: Mapping[str, float] | None = None
) -> TargetsFile:
    """The weights of a rule on recorded prices; they sum to exactly 1.

    Args:
        source: the name of the price file.
        current: present weights by asset, for `max_step`; who is not named has none.

    Raises:
        InputError: an unknown name, a figure that is missing or does nothing, or a library that is not
            installed; the path is a key of the rule's table.
        InfeasibleWeights, SingularCovariance, InsufficientHistory: as `router.strategy.target_rules`.
    """
    if rule.covariance not in COVARIANCES:
        raise InputError(
            f"no covariance {rule.covariance!r}; there are {', '.join(COVARIANCES)}",
            path="covariance",
            nearest=nearest(rule.covariance, COVARIANCES),
        )
    assets = assets_of(rule, prices.assets)
    cash = None if rule.cash_asset is None else len(assets) - 1
    wanted = TargetRule(
        rule.rule,
        rule.base,
        float(rule.cash_weight),
        _capitals(rule, prices.assets, assets),
        _number(rule.volatility),
        rule.window,
        _number(rule.strength),
    )
    rails = GuardRails(
        _limits(rule.floor, "floor", prices.assets, assets, 0.0),
        _limits(rule.cap, "cap", prices.assets, assets, 1.0),
        _number(rule.max_step),
    )
    held = None if current is None else by_asset(current, "current", assets, assets, missing=0.0)
    with strategy_extra("rule"):
        returns = _with_cash(prices.log_returns(), len(assets))
        matrix, rows = _covariance(rule, prices, returns)
        weights = target_weights(wanted, returns, matrix, cash=cash, rails=rails, current=held, assets=assets)
    exact = exact_weights(weights, places=rule.places, rails=rails, current=held)
    texts = [format(each, "f") for each in exact]
    risk, shares = risk_shares([float(each) for each in texts], matrix)
    return TargetsFile.of(
        prices=prices_entry(prices, source),
        rule=rule.rule,
        base=rule.base,
        covariance=rule.covariance,
        covariance_rows=rows,
        volatility=risk,
        assets=tuple(
            WeightEntry.of(asset=asset, weight=text, volatility=variance**0.5, risk=share)
            for asset, text, variance, share in zip(
                assets, texts, np.diag(matrix).tolist(), shares.tolist(), strict=True
            )
        ),
        targets=dict(zip(assets, texts, strict=True)),
    )


def assets_of(rule: RuleModel, priced: Sequence[str]) -> tuple[str, ...]:
    """What the rule weighs: the priced assets, then cash.

    Raises:
        InputError: cash has prices.
    """
    if rule.cash_asset in priced:
        raise InputError("has prices; cash is the numeraire, which has none", path="cash_asset")
    return (*priced, rule.cash_asset) if rule.cash_asset else tuple(priced)


def by_asset(
    given: Mapping[str, float],
    path: str,
    allowed: Sequence[str],
    assets: Sequence[str],
    *,
    missing: float | None = None,
) -> Floats:
    """(assets,) of what is given by name.

    Args:
        allowed: who may be named; the others are 0.
        missing: for those who are not named; all must be where it is None.

    Raises:
        InputError: a name that may not be given, or one that is missing.
    """
    for name in given:
        if name not in allowed:
            raise InputError(
                f"no asset {name!r}; there are {', '.join(allowed)}",
                path=path,
                nearest=nearest(name, allowed),
            )
    if missing is None:
        for name in allowed:
            if name not in given:
                raise InputError("is missing", path=f"{path}.{name}")
    return np.array([given.get(asset, missing or 0.0) for asset in assets])


def _capitals(rule: RuleModel, priced: Sequence[str], assets: Sequence[str]) -> Floats | None:
    return None if rule.capitals is None else by_asset(_numbers(rule.capitals), "capitals", priced, assets)


def _limits(
    given: str | Mapping[str, str] | None,
    path: str,
    priced: Sequence[str],
    assets: Sequence[str],
    missing: float,
) -> Floats | float:
    """One number is of every priced asset; cash has a limit only where it is named."""
    if given is None:
        return missing
    limits = dict.fromkeys(priced, float(given)) if isinstance(given, str) else _numbers(given)
    return by_asset(limits, path, assets, assets, missing=missing)


def _covariance(rule: RuleModel, prices: Prices, returns: Floats) -> tuple[Floats, int]:
    """Annual, and of how many returns."""
    if rule.covariance == FORECAST:
        from router.strategy.trials import settings_of, try_models

        trials = try_models(prices.assets, prices.log_returns(), settings=settings_of(prices.interval_years))
        matrix = np.zeros((returns.shape[1], returns.shape[1]))
        matrix[: len(prices.assets), : len(prices.assets)] = trials.covariance
        return matrix, len(returns)
    recent = returns[-rule.covariance_rows :]
    kind = CovarianceKind(rule.covariance)
    return covariance_of(recent, kind, periods_per_year=1 / prices.interval_years), len(recent)


def _with_cash(returns: Floats, size: int) -> Floats:
    """With a column of 0 for an asset that has no prices."""
    return np.pad(returns, ((0, 0), (0, size - returns.shape[1])))


def _numbers(texts: Mapping[str, str]) -> dict[str, float]:
    return {name: float(text) for name, text in texts.items()}


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
