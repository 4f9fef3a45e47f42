"""Tables of `backtest` for people."""

from __future__ import annotations

from collections.abc import Sequence

from router.backtest import Result
from router.cli.console import print_table, say
from router.cli.views import money
from router.documents.backtest_models import SweepEntry
from router.fixed_point import BPS

MOST_SETS = 20
"""Parameter sets shown, the best first; --json has all of them."""


def show_results(results: Sequence[Result]) -> None:
    """One line for each policy, twice: what it came to, and what it took."""
    print_table(
        "Result",
        [
            "policy",
            "final",
            "return",
            "growth/yr",
            "volatility",
            "worst fall",
            "track. error",
            "objective bp/yr",
        ],
        [
            (
                each.policy,
                money(each.final),
                _percent(each.final / each.study.initial - 1),
                _percent(each.metrics["growth_per_year"]),
                _percent(each.metrics["volatility"]),
                _percent(each.metrics["max_drawdown"]),
                _percent(each.tracking_error),
                _bps(each.metrics["objective_bps_per_year"]),
            )
            for each in results
        ],
    )
    print_table(
        "Cost",
        ["policy", "rebalances", "turnover", "fees", "impact", "pools", "gas", "total", "bp/yr"],
        [
            (
                each.policy,
                f"{each.rebalances:,}",
                f"{each.turnover:,.3f}",
                *(money(each.costs[part]) for part in ("fees", "impact", "market", "gas")),
                money(each.cost),
                f"{each.cost_per_year * BPS:,.2f}",
            )
            for each in results
        ],
    )


def show_sweep(sweep: SweepEntry) -> None:
    """The parameter sets of the lowest objective."""
    ran = [(each, each.metrics) for each in sweep.points if each.metrics]
    ran = [each for each in ran if each[1].objective_bps_per_year is not None]
    ran.sort(key=lambda each: each[1].objective_bps_per_year or 0.0)
    names = list(sweep.parameters)
    print_table(
        f"Best of {len(sweep.points):,} parameter sets, in hindsight",
        ["policy", *names, "objective bp/yr", "final", "rebalances"],
        [
            (
                point.policy,
                *(f"{point.parameters[name]:g}" if name in point.parameters else "" for name in names),
                _bps(metrics.objective_bps_per_year),
                money(metrics.final),
                f"{metrics.rebalances:,}",
            )
            for point, metrics in ran[:MOST_SETS]
        ],
    )
    if stopped := len(sweep.points) - len(ran):
        say(f"note: {stopped:,} parameter sets stopped early; --json says why")


def say_notes(results: Sequence[Result]) -> None:
    """Repairs of the prices, runs that stopped, and costs that are extrapolated."""
    repairs = results[0].study.prices.repairs
    if repairs.total:
        say(f"{repairs.total} repairs of the prices")
    for detail in repairs.details:
        say(f"note: {detail}", markup=False)
    for each in results:
        if each.stop:
            time = each.study.prices.at(each.stop.row)
            say(f"{each.policy} stopped on {time:%Y-%m-%d %H:%M}: {each.stop.reason}", markup=False)
        if each.beyond_depth:
            say(f"note: {each.policy}: {each.beyond_depth} trades are larger than the pools' curves reach")


def _percent(share: float | None) -> str:
    return "stopped" if share is None else f"{share * 100:,.2f} %"


def _bps(value: float | None) -> str:
    return "stopped" if value is None else f"{value:,.2f}"
