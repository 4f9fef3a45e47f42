"""`targets`: weights by a rule, ready for a portfolio file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from router.backtest import Prices
from router.cli.backtest_inputs import parse_amounts, strategy_extra
from router.cli.console import print_json, print_table, say, stderr
from router.cli.price_options import log_returns, price_options
from router.cli.settings import json_option
from router.documents.backtest_file import prices_entry
from router.documents.targets_models import TargetsFile, WeightEntry
from router.documents.toml_tables import toml_table
from router.errors import InputError, nearest
from router.strategy.covariance import CovarianceKind, covariance_of
from router.strategy.guards import GuardRails
from router.strategy.target_rules import RULES, TargetRule, exact_weights, risk_shares, target_weights

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float64]

FORECAST = "forecast"
COVARIANCES = (*map(str, CovarianceKind), FORECAST)
_option = click.option

_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    _option("--rule", required=True, help=f"{', '.join(RULES)}."),
    _option("--base", help="What volatility_target, momentum and mean_reversion start from.  [equal]"),
    _option("--capitals", help="Market capitals for market_cap, as WETH=4e11,WBTC=2e12."),
    _option("--volatility", type=float, help="Annual, wanted by volatility_target, such as 0.3."),
    _option("--window", type=click.IntRange(2), help="Rows of momentum and mean_reversion.  [30]"),
    _option("--strength", type=float, help="Of momentum and mean_reversion.  [0.5]"),
    _option("--cash-asset", help="The numeraire, such as USDC; it has no column, and no risk."),
    _option("--cash-weight", type=float, default=0.0, help="Its share; under volatility_target the least."),
    _option("--floor", help="Least weight: of every priced asset, or as WETH=0.1,USDC=0.05."),
    _option("--cap", help="Most weight: of every priced asset, or as WETH=0.5,USDC=0.3."),
    _option("--max-step", type=float, help="Most that a weight moves from --current, such as 0.05."),
    _option("--current", help="Present weights, as WETH=0.5,WBTC=0.3,USDC=0.2; with --max-step."),
    _option("--covariance", default="shrunk", show_default=True, help=f"{', '.join(COVARIANCES)}."),
    _option(
        "--covariance-rows",
        type=click.IntRange(2),
        default=365,
        show_default=True,
        help="Newest rows that it is from; a forecast uses all.",
    ),
    _option("--places", type=click.IntRange(1, 12), default=4, show_default=True, help="Decimals."),
    json_option,
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("targets")
@price_options
@_options
def targets_command(
    *,
    prices: Prices,
    source: str,
    rule: str,
    base: str | None,
    capitals: str | None,
    volatility: float | None,
    window: int | None,
    strength: float | None,
    cash_asset: str | None,
    cash_weight: float,
    floor: str | None,
    cap: str | None,
    max_step: float | None,
    current: str | None,
    covariance: str,
    covariance_rows: int,
    places: int,
    as_json: bool,
) -> None:
    """Print a `targets` table for a portfolio file: weights by a rule, which sum to exactly 1.

    Rules know the past alone; none of them promises a return.
    """
    if covariance not in COVARIANCES:
        raise InputError(
            f"no covariance {covariance!r}; there are {', '.join(COVARIANCES)}",
            path="covariance",
            nearest=nearest(covariance, COVARIANCES),
        )
    priced = prices.assets
    if cash_asset in priced:
        raise InputError("has prices; cash is the numeraire, which has none", path="cash-asset")
    assets = (*priced, cash_asset) if cash_asset else priced
    sizes = _by_asset(capitals, "capitals", priced, assets)
    wanted = TargetRule(rule, base, cash_weight, sizes, volatility, window, strength)
    rails = _rails(floor, cap, max_step, priced, assets)
    held = _by_asset(current, "current", assets, assets, missing=0.0)
    with strategy_extra("rule"):
        returns = _with_cash(log_returns(prices), len(assets))
        matrix, rows = _covariance(covariance, prices, returns, covariance_rows)
        weights = target_weights(
            wanted, returns, matrix, cash=len(priced) if cash_asset else None, rails=rails, current=held
        )
    texts = [format(each, "f") for each in exact_weights(weights, places=places, rails=rails, current=held)]
    risk, shares = risk_shares([float(each) for each in texts], matrix)
    document = TargetsFile.of(
        prices=prices_entry(prices, source),
        rule=rule,
        base=base,
        covariance=covariance,
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
    _tell(document)
    if as_json:
        print_json(document.to_json())
    else:
        click.echo(toml_table("targets", document.targets), nl=False)


def _covariance(kind: str, prices: Prices, returns: Floats, most: int) -> tuple[Floats, int]:
    """Annual, and of how many returns."""
    if kind == FORECAST:
        from router.strategy.trials import settings_of, try_models

        trials = try_models(prices.assets, log_returns(prices), settings=settings_of(prices.interval_years))
        matrix = np.zeros((returns.shape[1], returns.shape[1]))
        matrix[: len(prices.assets), : len(prices.assets)] = trials.covariance
        return matrix, len(returns)
    recent = returns[-most:]
    found = covariance_of(recent, CovarianceKind(kind), periods_per_year=1 / prices.interval_years)
    return found, len(recent)


def _with_cash(returns: Floats, size: int) -> Floats:
    """With a column of 0 for an asset that has no prices."""
    return np.pad(returns, ((0, 0), (0, size - returns.shape[1])))


def _rails(
    floor: str | None, cap: str | None, step: float | None, priced: Sequence[str], assets: Sequence[str]
) -> GuardRails:
    """One number is of every priced asset; cash has a limit only where it is named."""
    return GuardRails(
        _limits(floor, "floor", priced, assets, 0.0), _limits(cap, "cap", priced, assets, 1.0), step
    )


def _limits(
    text: str | None, path: str, priced: Sequence[str], assets: Sequence[str], missing: float
) -> Floats | float:
    if text is None:
        return missing
    if "=" not in text:
        text = ",".join(f"{asset}={text}" for asset in priced)
    found = _by_asset(text, path, assets, assets, missing=missing)
    assert found is not None
    return found


def _by_asset(
    text: str | None,
    path: str,
    allowed: Sequence[str],
    assets: Sequence[str],
    *,
    missing: float | None = None,
) -> Floats | None:
    """(assets,) of what a flag gives by name.

    Args:
        allowed: who may be named; the others are 0.
        missing: for those who are not named; all must be where it is None.
    """
    if text is None:
        return None
    given: Mapping[str, float] = parse_amounts(text, path)
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


def _tell(document: TargetsFile) -> None:
    print_table(
        "Targets",
        ["asset", "weight", "volatility", "of the risk"],
        [(each.asset, each.weight, f"{each.volatility:.1%}", f"{each.risk:.1%}") for each in document.assets],
        to=stderr,
    )
    covariance = f"{document.covariance} covariance of {document.covariance_rows} returns"
    say(f"{document.rule}: volatility {document.volatility:.2%} a year, on a {covariance}", markup=False)
