"""The figures over time of a backtest's page: equity, drift, weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from router.backtest import Result, policy_of
from router.backtest.kernel import HOLD, RELATIVE
from router.backtest.policies import NamedPolicy
from router.errors import InputError
from router.report.figures import KIND_COLOURS
from router.report.page import Html, figure, label

Floats = npt.NDArray[np.float64]

MOST_POINTS = 2_000
"""Points of one line; of longer runs every n-th row is drawn, and the last."""
MARGIN = {"l": 70, "r": 20, "t": 40, "b": 40}
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}


def equity_figure(results: Sequence[Result]) -> Html:
    """Net asset value over time, one line for each policy."""
    return _lines("equity", results, [result.equity for result in results], "net asset value, numeraire")


def drift_figure(results: Sequence[Result]) -> Html:
    """The largest distance of a weight from its target before each row's trade; bands dashed."""
    series = [drift_before(result) * 100 for result in results]
    bands = [
        _level(result, bound * 100, _colour(place))
        for place, result in enumerate(results)
        for bound in sorted(set(bounds_of(result).tolist()) if _watches_shares(result) else ())
    ]
    return _lines("drift", results, series, "percent of net asset value", bands)


def drift_before(result: Result) -> Floats:
    """(rows,) largest |weight - target| of a priced asset before each row's trade; after the first one."""
    study = result.study
    held = np.concatenate([result.units[:1], result.units[:-1]]) * study.values[: result.rows]
    weights = held / held.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(weights - study.weights)[:, :-1].max(axis=1))


def weights_figure(results: Sequence[Result]) -> Html:
    """Weights over time with targets and bands, one policy at a time, chosen from a list."""
    assets, traces, owner = results[0].assets, [], []
    for place, result in enumerate(results):
        times, rows = _thinned(result)
        bounds = bounds_of(result)
        targets = result.study.weights
        for column, asset in enumerate(assets):
            colour = KIND_COLOURS[column % len(KIND_COLOURS)]
            line = _line(asset, times, result.weights[rows, column] * 100, colour)
            edges = [(float(targets[column]), "dash")]
            if column < len(bounds):
                edges += [(float(targets[column] + side * bounds[column]), "dot") for side in (-1, 1)]
            levels = [_flat(times, level * 100, colour, dash) for level, dash in edges]
            traces += [line, *levels]
            owner += [place] * (1 + len(levels))
    for trace, place in zip(traces, owner, strict=True):
        trace["visible"] = place == 0
    buttons = [
        {
            "label": label(result.policy),
            "method": "update",
            "args": [{"visible": [each == place for each in owner]}],
        }
        for place, result in enumerate(results)
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.12, "yanchor": "bottom"}
    margin = {"margin": MARGIN | {"t": 100}, "updatemenus": [menu]}
    layout = _layout("percent of net asset value", 480) | margin
    return figure("weights", traces, layout)


def bounds_of(result: Result) -> Floats:
    """(assets,) how far weights may be off before the policy trades; none where it has no bands."""
    try:
        policy = policy_of(result.policy)
    except InputError:
        return np.zeros(0)
    if not isinstance(policy, NamedPolicy) or not policy.band or policy.kind == HOLD:
        return np.zeros(0)
    return policy.bounds(result.study.weights)


def _watches_shares(result: Result) -> bool:
    policy = policy_of(result.policy) if len(bounds_of(result)) else None
    return isinstance(policy, NamedPolicy) and policy.kind != RELATIVE


def _lines(
    name: str, results: Sequence[Result], series: Sequence[Floats], title: str, more: Sequence[Any] = ()
) -> Html:
    traces = []
    for place, (result, values) in enumerate(zip(results, series, strict=True)):
        times, rows = _thinned(result)
        traces.append(_line(result.policy, times, values[rows], _colour(place)))
    return figure(name, [*traces, *more], _layout(title, 420))


def _thinned(result: Result) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Times and rows that are drawn."""
    step = -(-result.rows // MOST_POINTS)
    rows = np.unique(np.append(np.arange(0, result.rows, step), result.rows - 1))
    return np.datetime_as_string(result.times[rows], unit="s").tolist(), rows


def _line(name: str, times: Sequence[str], values: Floats, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(name),
        "x": list(times),
        "y": [float(f"{value:.8g}") for value in values.tolist()],
        "line": {"color": colour, "width": 1.4},
    }


def _level(result: Result, value: float, colour: str) -> dict[str, Any]:
    times, _ = _thinned(result)
    name = {"name": label(f"band of {result.policy}"), "hoverinfo": "name+y"}
    return _flat(times, value, colour, "dash") | name


def _flat(times: Sequence[str], value: float, colour: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [times[0], times[-1]],
        "y": [value, value],
        "showlegend": False,
        "hoverinfo": "skip",
        "line": {"color": colour, "width": 1, "dash": dash},
    }


def _layout(title: str, height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": MARGIN,
        "legend": LEGEND,
        "hovermode": "x unified",
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": title}},
    }


def _colour(place: int) -> str:
    return KIND_COLOURS[place % len(KIND_COLOURS)]
