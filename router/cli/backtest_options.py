"""The flags of `backtest`."""

from __future__ import annotations

import click

from router.backtest import FeeConvention
from router.backtest.sweep import Backend
from router.cli.price_flags import PRICE_FLAGS
from router.cli.settings import FILE, Function, json_option

_option = click.option
_AMOUNT = click.FloatRange(0)

_OPTIONS = (
    *PRICE_FLAGS,
    _option("--targets", required=True, help="BTC=0.4,ETH=0.3,...; cash gets what they leave."),
    _option(
        "--policy",
        "policies",
        multiple=True,
        default=("default",),
        show_default=True,
        help="hold, calendar_N, abs_band_B, rel_band_B, hybrid_N_B, default or forecast; may be repeated. "
        "Add _edge or _half to stop before the target.",
    ),
    _option("--fee-bps", type=_AMOUNT, default=0.0, help="One-way, of the value traded."),
    _option(
        "--fee-convention",
        type=click.Choice([*map(str, FeeConvention)]),
        default=str(FeeConvention.NET_OF_FEE),
        show_default=True,
        help="Trades sized net of their cost, or sized before it and paid from cash.",
    ),
    _option("--gas", type=_AMOUNT, default=0.0, help="Numeraire per rebalance."),
    _option("--impact-bps", type=_AMOUNT, help="What trading --impact-depth costs, of its value."),
    _option("--impact-depth", help="Numeraire: one amount, or BTC=1e6,ETH=5e5."),
    _option("--impact-exponent", type=float, default=0.5, show_default=True, help="0.5 is square-root law."),
    _option(
        "--snapshot",
        type=FILE,
        help="Costs of real pools, fees and impact, on top of the others; assets are called by symbol.",
    ),
    _option("--portfolio", type=FILE, help="Whose rules and size the pools' costs are measured for."),
    _option("--initial", type=float, default=1_000_000.0, show_default=True, help="Numeraire at the start."),
    _option("--gamma", type=float, default=3.0, show_default=True, help="Risk aversion of the objective."),
    _option(
        "--sweep",
        multiple=True,
        metavar="NAME=START:STOP:STEP",
        help="Parameter sets: N or B of policies such as abs_band_B, or fee-bps, gas, gamma, initial. "
        "NAME=a,b,c too.",
    ),
    _option("--jobs", type=click.IntRange(-1), default=-1, help="Workers of a sweep; default: every core."),
    _option(
        "--backend",
        type=click.Choice([*map(str, Backend)]),
        default=str(Backend.LOKY),
        show_default=True,
        help="Who runs a sweep; dask and ray are clusters.",
    ),
    _option("--series", is_flag=True, help="JSON with one entry per row and per trade."),
    _option("--report", type=FILE, metavar="FILE.html", help="Also write a page for a browser."),
    _option("--tearsheet", type=FILE, metavar="FILE.html", help="Also write quantstats' tear sheet."),
    _option("--png", type=FILE, metavar="FILE.png", help="Also draw equity, drift, weights and costs."),
    _option("--out", type=FILE, metavar="FILE.json", help="Also save what --json prints."),
    json_option,
)


def backtest_options(command: Function) -> Function:
    """All of them, in the order of the help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
