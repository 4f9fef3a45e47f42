"""`targets`: weights by a rule, ready for a portfolio file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from router.backtest import Prices
from router.cli.backtest_inputs import parse_amounts
from router.cli.console import print_json, print_table, say, stderr
from router.cli.price_options import price_options
from router.cli.settings import json_option
from router.documents.located import validate
from router.documents.targets_file import COVARIANCES, targets_file
from router.documents.targets_models import RuleModel, TargetsFile
from router.documents.toml_tables import toml_table
from router.strategy.target_rules import RULES

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
    capitals: str | None,
    floor: str | None,
    cap: str | None,
    current: str | None,
    as_json: bool,
    **rule: Any,
) -> None:
    """Print a `targets` table for a portfolio file: weights by a rule, which sum to exactly 1.

    Rules know the past alone; none of them promises a return.
    """
    given = rule | {
        "capitals": None if capitals is None else parse_amounts(capitals, "capitals"),
        "floor": _limits(floor, "floor"),
        "cap": _limits(cap, "cap"),
    }
    held = None if current is None else parse_amounts(current, "current")
    document = targets_file(validate(RuleModel, given, "targets"), prices, source, held)
    _tell(document)
    if as_json:
        print_json(document.to_json())
    else:
        click.echo(toml_table("targets", document.targets), nl=False)


def _limits(text: str | None, path: str) -> str | dict[str, float] | None:
    """One number, or one by asset."""
    return parse_amounts(text, path) if text is not None and "=" in text else text


def _tell(document: TargetsFile) -> None:
    print_table(
        "Targets",
        ["asset", "weight", "volatility", "of the risk"],
        [(each.asset, each.weight, f"{each.volatility:.1%}", f"{each.risk:.1%}") for each in document.assets],
        to=stderr,
    )
    covariance = f"{document.covariance} covariance of {document.covariance_rows} returns"
    say(f"{document.rule}: volatility {document.volatility:.2%} a year, on a {covariance}", markup=False)
