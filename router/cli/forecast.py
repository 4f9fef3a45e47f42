"""`forecast`: volatilities and correlations to weigh a trade with, and how good such forecasts were."""

from __future__ import annotations

from pathlib import Path

import click

from router.backtest import Prices
from router.cli.console import print_json, print_table, say, stderr
from router.cli.price_options import price_options
from router.cli.settings import FILE, json_option
from router.documents.extra import strategy_extra
from router.documents.files import write_bytes
from router.documents.forecast_file import answer_of, discipline_toml, figure, forecast_file, spacing_of
from router.documents.forecast_models import ForecastFile
from router.errors import InputError


@click.command("forecast")
@price_options
@click.option(
    "--model",
    default="auto",
    show_default=True,
    help="log_har, har, garch, ewma or regimes; or auto, for each asset the best of log_har, garch and ewma.",
)
@click.option(
    "--horizon-days",
    type=float,
    default=7.0,
    show_default=True,
    help="What a forecast is about. The table's own horizon_days is something else, and not set.",
)
@click.option("--out", type=FILE, metavar="FILE.toml", help="Also save the table.")
@json_option
def forecast_command(
    prices: Prices, source: str, model: str, horizon_days: float, out: Path | None, as_json: bool
) -> None:
    """Print a `discipline` table for a portfolio file: volatilities and correlations that are expected.

    A model answers only while it has beaten constant volatility on returns that it had not seen; what was
    better over those need not stay so.
    """
    if out is not None and not out.parent.is_dir():
        raise InputError("no such folder", path=str(out.parent))
    with strategy_extra("model"):
        from router.strategy.trials import settings_of, try_models

        settings = settings_of(prices.interval_years, horizon_days)
        trials = try_models(prices.assets, prices.log_returns(), model, settings)
    document = forecast_file(trials, prices, source, model)
    table = _table(document)
    if out is not None:
        write_bytes(table.encode(), out)
        say(f"saved {out}", markup=False)
    _tell(document)
    if as_json:
        print_json(document.to_json())
    else:
        click.echo(table, nl=False)


def _table(document: ForecastFile) -> str:
    says = f"# Annual, expected over {document.horizon_days:g} days from {document.prices.last}."
    return f"{says}\n{discipline_toml(document.discipline)}"


def _tell(document: ForecastFile) -> None:
    """The scores, and for each asset who answers and why."""
    if spacing := spacing_of(document):
        say(f"note: {spacing}")
    print_table(
        f"Scores of {document.horizon_days:g} days each, the newest {document.window} at most",
        ["asset", "model", "", "QLIKE", "constant", "covered", "scores"],
        [
            (
                each.asset,
                trial.model,
                "on" if trial.active else "off",
                figure(trial.qlike),
                figure(trial.constant_qlike),
                "" if trial.coverage is None else f"{trial.coverage:.1%}",
                trial.scored,
            )
            for each in document.assets
            for trial in each.trials
        ],
        left=["model", ""],
        to=stderr,
    )
    for each in document.assets:
        say(answer_of(each), markup=False)
        for trial in each.trials:
            say(f"  {trial.reason}", markup=False)
