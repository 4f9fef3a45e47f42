"""`stress`: a portfolio, and a plan for it, in markets that fell, thinned out or grew dear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router.cli.backtest_inputs import read_prices
from router.cli.console import print_json, print_table, say
from router.cli.machine_code import machine_code
from router.cli.session import read_both
from router.cli.settings import (
    FILE,
    block_option,
    config_option,
    deployment_option,
    json_option,
    load_settings,
    portfolio_option,
    rpc_option,
    snapshot_option,
    trade_broken_market_option,
)
from router.cli.views import money
from router.documents.plan_file import load_plan
from router.documents.portfolio_file import load_portfolio_file
from router.documents.snapshot_file import snapshot_hash
from router.documents.stress_models import StressFile, StressRow, stress_rows
from router.errors import InputError, InsufficientHistory, nearest
from router.fixed_point import BPS
from router.plan import Plan
from router.rebalancer import why_not_executable
from router.snapshot import Snapshot
from router.strategy.discipline import DAYS_PER_YEAR
from router.strategy.scenarios import (
    CALM,
    CRASHES,
    DEAR_GAS,
    THIN,
    Array,
    Scenario,
    at_once,
    correlated_fall,
    crash_scenario,
)

if TYPE_CHECKING:
    from router.backtest import Prices

FALL = "correlation to one"
FALL_DAYS, FALL_DEVIATIONS = 10, 3
"""Of a common fall: how long, and how many standard deviations of that time."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Scenarios that can be run, and why the others can't, by name."""

    scenarios: tuple[Scenario, ...]
    missing: Mapping[str, str]

    def chosen(self, names: Sequence[str]) -> _Found:
        """Those named, in their own order; all of them where none is.

        Raises:
            InputError: no such scenario, or one that can't be run.
        """
        known = [each.name for each in self.scenarios]
        for name in names:
            if name in self.missing:
                raise InputError(f"{name} cannot be run: {self.missing[name]}", path="scenario")
            if name not in known:
                every = (*known, *self.missing)
                raise InputError(
                    f"no scenario {name!r}; there are {', '.join(every)}",
                    path="scenario",
                    nearest=nearest(name, every),
                )
        if not names:
            return self
        return _Found(tuple(each for each in self.scenarios if each.name in names), {})


@click.command("stress")
@config_option
@portfolio_option
@snapshot_option
@rpc_option
@deployment_option
@block_option
@click.option("--plan", "plan_file", type=FILE, help="A plan of this snapshot: does it keep its bounds?")
@click.option("--prices", type=FILE, help="Daily closes, for the named crashes: CSV or Parquet.")
@click.option("--columns", help="Price columns, as WETH=ETH_close,...; default: all numbers, by their names.")
@click.option(
    "--like",
    multiple=True,
    metavar="TOKEN=ASSET",
    help="A token that the prices don't have moves like one that they have, or like the numeraire.",
)
@click.option("--keep-jumps", is_flag=True, help="Large changes from one row to the next are real.")
@trade_broken_market_option
@click.option("--scenario", "names", multiple=True, help="Only this one, by its name; may be repeated.")
@json_option
def stress_command(
    config: Path | None,
    portfolio: Path | None,
    snapshot: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    plan_file: Path | None,
    prices: Path | None,
    columns: str | None,
    like: tuple[str, ...],
    keep_jumps: bool,
    trade_broken_market: bool,
    names: tuple[str, ...],
    as_json: bool,
) -> None:
    """What is left of the portfolio under stress, what the way back to the target would cost, and whether a
    plan made before would still run.

    Liquidity halved, gas times 20, and, with a `discipline` in the portfolio file, every asset falling at
    once; with --prices the crashes of 2020 to 2022 as recorded. What the file's guards refuse is a verdict.
    Exit code 0 whatever the verdicts are.
    """
    settings = load_settings(config)
    file = load_portfolio_file(settings.required_path(portfolio, "portfolio"))
    if prices is None and (columns or like or keep_jumps):
        raise InputError("--columns, --like and --keep-jumps go with it", path="prices")
    recorded = None if prices is None else read_prices(prices, columns, keep_jumps=keep_jumps)
    market, owner, now = read_both(
        settings,
        file,
        snapshot=snapshot,
        rpc=rpc,
        deployment=deployment,
        block=block,
        trade_broken_market=trade_broken_market,
    )
    from router.planner.valuation import Valuation
    from router.shocks import stress_plan  # with the planner's numerics, which take long to load

    valuation = Valuation(market, owner)
    valuation.check()
    discipline = file.discipline(market, now)
    covariance = None
    if discipline is not None:
        covariance = discipline.covariance(valuation.tokens, market.numeraire, valuation.symbol)
    symbols = [valuation.symbol(token) for token in valuation.tokens]
    steady = valuation.symbol(market.numeraire)
    classes = _classes(like, (*(recorded.assets if recorded else ()), steady), symbols)
    found = _scenarios(symbols, steady, covariance, recorded, classes, prices).chosen(names)
    plan, notes = (None, ()) if plan_file is None else _plan(plan_file, market)
    with machine_code():
        stressed = stress_plan(
            market,
            owner,
            found.scenarios,
            plan=plan,
            classes=classes,
            covariance=covariance,
            trade_broken_market=trade_broken_market,
        )
    document = StressFile.of(
        chain_id=market.chain_id,
        block_number=market.block_number,
        owner=owner.owner,
        numeraire=market.numeraire,
        tolerance_bps=owner.tolerance_bps,
        max_cost_bps=owner.max_cost_bps,
        rows=stress_rows(stressed),
        not_run=found.missing,
        notes=(*notes, *owner.notes, *(discipline.notes if discipline else ())),
    )
    if as_json:
        print_json(document.to_json())
    else:
        _show(document, market)


def _classes(like: Sequence[str], assets: Sequence[str], symbols: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in like:
        token, _, asset = (each.strip() for each in text.partition("="))
        if token not in symbols:
            raise InputError(
                f"{token!r} is neither held nor wanted", path="like", nearest=nearest(token, symbols)
            )
        if asset not in assets:
            raise InputError(
                f"no asset {asset!r} in the prices", path=f"like.{token}", nearest=nearest(asset, assets)
            )
        if token in found or token in assets:
            raise InputError("has a move already", path=f"like.{token}")
        found[token] = asset
    return found


def _plan(path: Path, market: Snapshot) -> tuple[Plan, tuple[str, ...]]:
    """The plan, and why there is nothing of it to be run.

    Raises:
        InputError: a malformed file, or a plan of another snapshot.
    """
    plan, _ = load_plan(path)
    if plan.snapshot_hash != snapshot_hash(market):
        raise InputError(
            f"was made from another snapshot, of block {plan.block_number}: its own is needed", path=path.name
        )
    return plan, () if plan.program is not None else (f"no bounds to try: {why_not_executable(plan)}",)


def _scenarios(
    symbols: Sequence[str],
    steady: str,
    covariance: Array | None,
    recorded: Prices | None,
    classes: Mapping[str, str],
    source: Path | None,
) -> _Found:
    missing: dict[str, str] = {}
    falls = []
    if covariance is None:
        missing[FALL] = "the portfolio file has no [discipline.volatility]"
    else:
        moving = [place for place, symbol in enumerate(symbols) if symbol != steady]
        assets = [symbols[place] for place in moving]
        part = covariance[moving][:, moving]
        falls.append(correlated_fall(assets, part, FALL_DAYS / DAYS_PER_YEAR, FALL_DEVIATIONS))
    if recorded is None or source is None:
        missing |= {crash.name: "needs --prices" for crash in CRASHES}
    else:
        known = {*recorded.assets, *classes, steady}
        for symbol in symbols:
            if symbol not in known:
                raise InputError(
                    f"has no prices of {symbol}: name its column with --columns {symbol}=COLUMN, or what it "
                    f"moves like with --like {symbol}=ASSET",
                    path=source.name,
                )
        days = [date.fromisoformat(f"{recorded.at(row):%Y-%m-%d}") for row in range(len(recorded))]
        columns = [place for place, asset in enumerate(recorded.assets) if asset != steady]
        assets = [recorded.assets[place] for place in columns]
        for crash in CRASHES:
            try:
                values = recorded.values[:, columns]
                falls.append(crash_scenario(crash, days, assets, values, source.name))
            except InsufficientHistory as error:
                missing[crash.name] = error.message
    worst = [at_once(fall) for fall in falls]
    return _Found((CALM, THIN, DEAR_GAS, *falls, *worst), missing)


def _show(document: StressFile, market: Snapshot) -> None:
    print_table(
        f"Stress at block {market.block_number}, in {market.tokens[document.numeraire].symbol}",
        ["scenario", "value", "change", "drift", "way back", "plan", "verdict"],
        [tuple(_cells(row)) for row in document.rows],
        left=["plan", "verdict"],
    )
    for row in document.rows:
        if row.verdict != "holds":
            say(f"{row.scenario}: {row.reason}", markup=False)
        if row.broken_bound:
            say(f"{row.scenario}: the plan reverts: {row.broken_bound}", markup=False)
    for why in dict.fromkeys(document.not_run.values()):
        names = ", ".join(name for name, reason in document.not_run.items() if reason == why)
        say(f"note: not run: {names}: {why}", markup=False)
    for note in document.notes:
        say(f"note: {note}", markup=False)


def _cells(row: StressRow) -> Iterator[str]:
    yield row.scenario
    yield money(row.value_after)
    yield f"{row.value_change:+.1%}"
    yield f"{row.drift:.2%}"
    yield "none" if row.cost_share is None else f"{row.cost_share * BPS:.1f} bp"
    yield {None: "", True: "runs", False: "reverts"}[row.plan_holds]
    yield row.verdict
