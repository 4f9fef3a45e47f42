"""A backtest as a page: what each policy came to, what it cost, and where its return came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from router.backtest import Result
from router.backtest.attribution import attribution_of, pooling_of
from router.documents.backtest_models import SweepEntry
from router.fixed_point import BPS
from router.report.backtest_bars import (
    RETURN_PARTS,
    attribution_figure,
    cost_figure,
    objective_of,
    sweep_figures,
)
from router.report.backtest_figures import MOST_POINTS, drift_figure, equity_figure, weights_figure
from router.report.backtest_tables import asked, comparison, costs, repairs, trades
from router.report.page import Html, document, folded, heading, items, paragraph, section, table
from router.report.words import money
from router.strategy.attribution import Attribution

MOST_POINTS_LISTED = 200
"""Parameter sets that are listed, the best first."""
NO_FORECAST = (
    "All of this is the past. Attribution says where a return came from and forecasts nothing: without mean "
    "reversion the rebalancing premium is no expected gain. A policy or a parameter that was chosen because "
    "it did best here was chosen in hindsight."
)


def backtest_page(results: Sequence[Result], source: str, sweep: SweepEntry | None = None) -> str:
    """The whole HTML file of runs of one study; equal runs give equal bytes.

    Args:
        source: the name of the price file.
    """
    study = results[0].study
    prices = study.prices
    span = f"{prices.at(0):%Y-%m-%d} to {prices.at(-1):%Y-%m-%d}"
    title = f"Backtest: {', '.join(study.prices.assets)}, {span}"
    attributed = {each.policy: attribution_of(each) for each in results}
    return document(
        title,
        heading(title),
        paragraph(f"{len(results)} policies on {len(prices):,} rows of {source}."),
        paragraph(NO_FORECAST, "lead"),
        *_stops(results),
        section("Policies", comparison(results)),
        section("Asked for", asked(study), *repairs(study)),
        section("Equity", equity_figure(results), *_thinning(results)),
        section(
            "Drift",
            drift_figure(results),
            paragraph(
                "The largest distance of a weight from its target, as each row found it, before any trade. "
                "Dashed: the bands of policies that watch it.",
                "small",
            ),
        ),
        section(
            "Weights",
            weights_figure(results),
            paragraph("After each row's trade. Dashed: targets. Dotted: where the policy trades.", "small"),
        ),
        section("Costs", cost_figure(results), costs(results), *_extrapolated(results)),
        _attribution(results, attributed),
        *_sweep(sweep),
        section("Trades", *(trades(result) for result in results)),
    )


def _stops(results: Sequence[Result]) -> Iterator[Html]:
    if stopped := [result for result in results if result.stop]:
        yield items(
            f"{each.policy} stopped on {when(each)}: {each.stop.reason}" for each in stopped if each.stop
        )


def when(result: Result) -> str:
    """The time of the last row that a run lived through."""
    return f"{result.study.prices.at(result.rows - 1):%Y-%m-%d %H:%M}"


def _thinning(results: Sequence[Result]) -> Iterator[Html]:
    rows = max(result.rows for result in results)
    if rows > MOST_POINTS:
        yield paragraph(f"Lines show every {-(-rows // MOST_POINTS)}th of {rows:,} rows.", "small")


def _extrapolated(results: Sequence[Result]) -> Iterator[Html]:
    if beyond := [each for each in results if each.beyond_depth]:
        yield items(
            f"{each.policy}: {each.beyond_depth:,} trades are larger than the pools' curves reach; their "
            "cost is extrapolated"
            for each in beyond
        )


def _attribution(results: Sequence[Result], attributed: Mapping[str, Attribution]) -> Html:
    header = ("policy", *RETURN_PARTS.values(), "total, numeraire")
    rows = [
        (name, *(money(getattr(each.money, part)) for part in RETURN_PARTS), money(each.money.total))
        for name, each in attributed.items()
    ]
    return section(
        "Where the return came from",
        attribution_figure(attributed),
        table(header, rows),
        paragraph(
            "Drift is what holding the first purchase earned. The rebalancing premium is excess growth less "
            "what holding gained as its winners grew; it can be negative. Tracking difference comes from "
            "weights off the target. What pools and a loan take counts as impact. The parts "
            f"sum to the whole. {NO_FORECAST}",
            "small",
        ),
        _pooling(results, attributed),
        paragraph(
            "Beside it, a pool that keeps the targets, with blocks of 12 seconds: what arbitrageurs would "
            "have taken of it at the fee above and at none. What others would have paid it is not counted.",
            "small",
        ),
    )


def _pooling(results: Sequence[Result], attributed: Mapping[str, Attribution]) -> Html:
    found = {each.policy: pooling_of(each, attributed[each.policy]) for each in results}
    header = ("policy", "trading, bp a year", "pool, bp a year", "pool without fee, bp a year")
    parts = ("trading_cost", "loss_to_arbitrageurs", "loss_without_fee")
    return table(
        header,
        [(name, *(f"{getattr(each, part) * BPS:,.2f}" for part in parts)) for name, each in found.items()],
    )


def _sweep(sweep: SweepEntry | None) -> Iterator[Html]:
    if sweep is None:
        return
    ran = [(found, point) for point in sweep.points if (found := objective_of(point)) is not None]
    best = sorted(ran, key=lambda each: each[0])[:MOST_POINTS_LISTED]
    names = list(sweep.parameters)
    rows = []
    for objective, point in best:
        assert point.metrics is not None
        chosen = (f"{point.parameters[name]:g}" if name in point.parameters else "" for name in names)
        rows.append(
            (
                point.policy,
                *chosen,
                f"{objective:,.3f}",
                money(point.metrics.final),
                f"{point.metrics.rebalances:,}",
                f"{point.metrics.cost_bps_per_year:,.2f}",
            )
        )
    header = ("policy", *names, "objective, bp a year", "final value", "rebalances", "cost, bp a year")
    yield section(
        "Parameters",
        paragraph(
            f"{len(sweep.points):,} parameter sets; {len(sweep.points) - len(ran):,} stopped early. The "
            "objective is half the risk aversion times the squared tracking error, plus the cost a year."
        ),
        *sweep_figures(sweep),
        folded(f"The best {len(rows):,}, in hindsight", table(header, rows)),
    )
