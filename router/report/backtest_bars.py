"""The figures of a backtest's page that are no lines over time: costs, where returns came from, heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.backtest import Result
from router.documents.backtest_models import PointEntry, SweepEntry
from router.fixed_point import BPS
from router.report.backtest_figures import LEGEND, MARGIN
from router.report.figures import KIND_COLOURS
from router.report.page import Html, figure, label
from router.strategy.attribution import Attribution

COST_PARTS = {"fees": "fees", "impact": "price impact", "market": "pools", "gas": "gas"}
RETURN_PARTS = {
    "drift": "drift",
    "rebalancing_premium": "rebalancing premium",
    "target_changes": "start off target",
    "tracking_difference": "tracking difference",
    "fees": "fees",
    "impact": "impact",
    "gas": "gas",
}


def cost_figure(results: Sequence[Result]) -> Html:
    """Costs by part, stacked, in bp of the initial value a year."""
    names = [label(result.policy) for result in results]
    traces = [
        _bars(title, names, [result.costs[part] / result.study.initial / result.years for result in results])
        for part, title in COST_PARTS.items()
        if any(result.costs[part] for result in results)
    ]
    return _stacked("costs", traces, "bp of the initial value a year", len(names))


def attribution_figure(found: Mapping[str, Attribution]) -> Html:
    """Growth of the logarithm of value by its parts, a year; by policy."""
    names = [label(name) for name in found]
    traces = [
        _bars(title, names, [getattr(each.growth, part) / each.years for each in found.values()])
        for part, title in RETURN_PARTS.items()
        if any(getattr(each.growth, part) for each in found.values())
    ]
    return _stacked("attribution", traces, "bp of growth a year", len(names))


def sweep_figures(sweep: SweepEntry) -> list[Html]:
    """One figure for each policy with parameters: its objective over one or two of them."""
    found = []
    for place, family in enumerate(dict.fromkeys(point.family for point in sweep.points)):
        points = [point for point in sweep.points if point.family == family]
        names = [name for name in points[0].parameters if len(sweep.parameters[name]) > 1]
        if len(names) == 1:
            found.append(_curve(f"sweep-{place}", family, names[0], points))
        elif names:
            found.append(_heat(f"sweep-{place}", family, names, points, sweep))
    return found


def objective_of(point: PointEntry) -> float | None:
    """bp a year; None for a run that stopped early."""
    return point.metrics.objective_bps_per_year if point.metrics else None


def _heat(
    name: str, family: str, names: Sequence[str], points: Sequence[PointEntry], sweep: SweepEntry
) -> Html:
    across, down = names[:2]
    least = _least(points, (across, down))
    columns, rows = sweep.parameters[across], sweep.parameters[down]
    trace = {
        "type": "heatmap",
        "x": [f"{value:g}" for value in columns],
        "y": [f"{value:g}" for value in rows],
        "z": [[least.get((x, y)) for x in columns] for y in rows],
        "colorscale": "Viridis",
        "reversescale": True,
        "colorbar": {"title": {"text": "bp a year"}},
        "hovertemplate": f"{across} %{{x}}, {down} %{{y}}: %{{z:.2f}} bp a year<extra></extra>",
    }
    others = f", least over {', '.join(names[2:])}" if len(names) > 2 else ""
    layout = {
        "height": 200 + max(160, min(640, 22 * len(rows))),
        "margin": MARGIN | {"t": 60, "b": 60, "l": 90},
        "title": {"text": label(f"{family}: objective{others}")},
        "xaxis": {"type": "category", "title": {"text": across}},
        "yaxis": {"type": "category", "title": {"text": down}},
    }
    return figure(name, [trace], layout)


def _curve(name: str, family: str, across: str, points: Sequence[PointEntry]) -> Html:
    least = _least(points, (across,))
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [key[0] for key in sorted(least)],
        "y": [least[key] for key in sorted(least)],
        "line": {"color": KIND_COLOURS[0]},
        "hovertemplate": f"{across} %{{x:g}}: %{{y:.2f}} bp a year<extra></extra>",
    }
    layout = {
        "height": 340,
        "margin": MARGIN | {"t": 60, "b": 60},
        "title": {"text": label(f"{family}: objective")},
        "xaxis": {"title": {"text": across}},
        "yaxis": {"title": {"text": "bp a year"}, "rangemode": "tozero"},
    }
    return figure(name, [trace], layout)


def _least(points: Sequence[PointEntry], names: Sequence[str]) -> dict[tuple[float, ...], float]:
    """The least objective at each combination of these parameters; runs that stopped have none."""
    found: dict[tuple[float, ...], float] = {}
    for point in points:
        key = tuple(point.parameters[name] for name in names)
        value = objective_of(point)
        if value is not None:
            found[key] = min(value, found.get(key, value))
    return found


def _bars(name: str, policies: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": [share * BPS for share in shares],
        "y": list(policies),
        "hovertemplate": "%{y}, " + name + ": %{x:.2f} bp<extra></extra>",
    }


def _stacked(name: str, traces: Sequence[dict[str, Any]], title: str, count: int) -> Html:
    for place, trace in enumerate(traces):
        trace["marker"] = {"color": KIND_COLOURS[place % len(KIND_COLOURS)]}
    layout = {
        "height": 150 + 30 * count,
        "margin": MARGIN | {"l": 140},
        "barmode": "relative",
        "legend": LEGEND | {"traceorder": "normal"},
        "xaxis": {"title": {"text": title}, "zeroline": True},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
    }
    return figure(name, traces, layout)
