"""The tables of a backtest's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from router.backtest import Backtest, Result
from router.fixed_point import BPS
from router.report.backtest_bars import COST_PARTS
from router.report.page import Html, folded, items, paragraph, table
from router.report.words import money

MOST_TRADES = 400
"""Trades that are listed for each policy."""


def comparison(results: Sequence[Result]) -> Html:
    header = (
        "policy",
        "final value",
        "return",
        "growth a year",
        "volatility",
        "worst fall",
        "tracking error",
        "objective, bp a year",
        "largest drift",
    )
    return table(header, [_row(result) for result in results])


def _row(result: Result) -> tuple[str, ...]:
    found = result.metrics
    growth, objective = found["growth_per_year"], found["objective_bps_per_year"]
    return (
        result.policy,
        money(result.final),
        _percent(result.final / result.study.initial - 1),
        "stopped" if growth is None else _percent(growth),
        _percent(found["volatility"] or 0.0),
        _percent(found["max_drawdown"] or 0.0),
        _percent(result.tracking_error),
        "stopped" if objective is None else f"{objective:,.2f}",
        _percent(found["max_drift"] or 0.0),
    )


def asked(study: Backtest) -> Html:
    billed = study.costs
    weights = zip(study.assets, study.weights.tolist(), strict=True)
    rows = [
        ("targets", ", ".join(f"{asset} {_percent(weight)}" for asset, weight in weights)),
        ("initial value", money(study.initial)),
        ("fee, one-way", f"{billed.fee_rate * BPS:g} bp, {study.convention}"),
        ("gas and loan of any rebalance", money(billed.fixed)),
        ("risk aversion", f"{study.risk_aversion:g}"),
    ]
    if billed.impact is not None:
        law = billed.impact
        rows.append(("impact", f"{law.rate * BPS:g} bp at {law.depth}, to the power {law.exponent:g}"))
    if billed.market is not None:
        rows.append(("pools", f"curves measured for a portfolio of {money(billed.market.nav)}"))
    return table(("", ""), rows, left=("",))


def repairs(study: Backtest) -> Iterator[Html]:
    done = study.prices.repairs
    yield paragraph(f"Repairs of the prices: {done.total}.")
    if done.details:
        yield items(done.details)


def costs(results: Sequence[Result]) -> Html:
    """What each policy paid."""
    rows = [
        (
            result.policy,
            f"{result.rebalances:,}",
            f"{result.metrics['turnover_per_year']:,.3f}",
            *(money(result.costs[part]) for part in COST_PARTS),
            money(result.cost),
            f"{result.cost_per_year * BPS:,.2f}",
        )
        for result in results
    ]
    header = (
        "policy",
        "rebalances",
        "turnover a year",
        *COST_PARTS.values(),
        "total, numeraire",
        "bp a year",
    )
    return table(header, rows)


def trades(result: Result) -> Html:
    shown = result.trades[:MOST_TRADES]
    hidden = len(result.trades) - len(shown)
    rows = [
        (
            f"{each.time:%Y-%m-%d %H:%M}",
            each.asset,
            "buy" if each.units > 0 else "sell",
            f"{abs(each.units):.8g}",
            f"{each.price:.8g}",
            money(abs(each.value)),
        )
        for each in shown
    ]
    more = f", the first {len(shown):,} of them shown" if hidden else ""
    header = ("time", "asset", "", "units", "price", "value")
    return folded(
        f"{result.policy}: {len(result.trades):,} trades{more}", table(header, rows, left=("asset", ""))
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2f}\u00a0%"
