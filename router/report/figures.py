"""The figures of a plan's page: flows, weights, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.fixed_point import BPS, PRICE_ONE, WAD
from router.plan import PlannedSwap
from router.report.flows import Link, Node, Role
from router.report.page import Html, figure, label
from router.report.shares import Share
from router.report.view import View
from router.report.words import Names, bps
from router.tokens import to_checksum

KIND_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d", "#72b7b2", "#eeca3b", "#ff9da6")
_OTHER_COLOUR = "#9aa5b1"
_ROLE_COLOURS = {Role.COST: "#d1495b", Role.PREMIUM: "#d1495b", Role.GAIN: "#2a9d8f"}
_HOLDING_COLOUR = "#33475b"
_MARGIN = {"l": 10, "r": 10, "t": 30, "b": 40}


def kind_colours(kinds: Sequence[str]) -> dict[str, str]:
    """A colour for each pool kind, the same for the same kinds."""
    return {kind: KIND_COLOURS[place % len(KIND_COLOURS)] for place, kind in enumerate(sorted(set(kinds)))}


def flow_figure(links: Sequence[Link], view: View) -> Html:
    """A Sankey diagram: links from left to right in the order that the executor runs them."""
    nodes = list(dict.fromkeys(node for link in links for node in (link.source, link.target)))
    place = {node: index for index, node in enumerate(nodes)}
    colours = kind_colours([swap.kind for swap in view.plan.swaps])
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",.2f",
        "valuesuffix": f" {label(view.unit)}",
        "node": {
            "label": [label(_node_name(node, view.names)) for node in nodes],
            "color": [_ROLE_COLOURS.get(node.role, _HOLDING_COLOUR) for node in nodes],
            "pad": 18,
            "thickness": 16,
        },
        "link": {
            "source": [place[link.source] for link in links],
            "target": [place[link.target] for link in links],
            "value": [link.value_e36 / PRICE_ONE for link in links],
            "color": [_faint(colours[link.swap.kind] if link.swap else _OTHER_COLOUR) for link in links],
            "customdata": [_link_text(link, view) for link in links],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    height = max(360, 26 * len(links) + 120)
    return figure("flows", [trace], {"height": height, "margin": _MARGIN})


def _node_name(node: Node, names: Names) -> str:
    match node.role:
        case Role.TOKEN:
            return names.name(node.address) + (f" (visit {node.visit})" if node.visit > 1 else "")
        case Role.LENDER_LENDS | Role.LENDER_REPAID:
            shown = to_checksum(node.address)
            return f"{node.role.value} {shown[:6]}…{shown[-4:]}"
        case _:
            return node.role.value


def _link_text(link: Link, view: View) -> str:
    lines = _swap_lines(link.swap, view) if link.swap else _other_lines(link, view)
    return "<br>".join(map(label, lines))


def _swap_lines(swap: PlannedSwap, view: View) -> list[str]:
    names, paid, received = view.names, view.paid(swap), view.received(swap)
    return [
        f"step {swap.index}: {swap.kind} {to_checksum(swap.pool)}",
        f"fee {view.fee(swap)}",
        f"pays {names.amount(swap.token_in, swap.amount_in)}, worth {view.money(paid)}",
        f"receives {names.amount(swap.token_out, swap.amount_out)}, worth {view.money(received)}",
        f"loses {bps(paid - received, paid)} bp against the plan's prices",
    ]


def _other_lines(link: Link, view: View) -> list[str]:
    what = f"{_node_name(link.source, view.names)} → {_node_name(link.target, view.names)}"
    value = view.money(link.value_e36 / PRICE_ONE)
    return [what, f"{view.names.amount(link.token, link.amount)}, worth {value}" if link.amount else value]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.45)"


def weight_figure(shares: Sequence[Share], names: Names) -> Html:
    """Bars of the weight before, at the target with its band, and after."""
    rows = [label(names.name(share.token)) for share in shares]
    target = [share.target_wad / WAD * 100 for share in shares]
    band = {
        "type": "data",
        "symmetric": False,
        "array": [share.high_wad / WAD * 100 - at for share, at in zip(shares, target, strict=True)],
        "arrayminus": [at - share.low_wad / WAD * 100 for share, at in zip(shares, target, strict=True)],
        "color": "#1d2733",
    }
    traces = [
        _bars("before", rows, [share.before * 100 for share in shares], "#b8c2cc"),
        _bars("target, with its band", rows, target, "#f2c14e") | {"error_x": band},
        _bars("after", rows, [share.after * 100 for share in shares], "#4c78a8"),
    ]
    layout = {
        "height": 130 + 66 * len(rows),
        "barmode": "group",
        "margin": _MARGIN | {"l": 120},
        "legend": {"orientation": "h", "traceorder": "normal", "y": 1.02, "yanchor": "bottom"},
        "xaxis": {"title": {"text": "percent of the portfolio"}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
    }
    return figure("weights", traces, layout)


def _bars(name: str, rows: Sequence[str], values: Sequence[float], colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "orientation": "h",
        "x": list(values),
        "y": list(rows),
        "marker": {"color": colour},
        "hovertemplate": "%{y}: %{x:.4f} %",
    }


def cost_figure(parts: Mapping[str, float], view: View) -> Html:
    """A bar for each part of the cost, in bp of the portfolio's value; gains point left."""
    value = view.plan.value_before
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [part / value * BPS if value else 0.0 for part in parts.values()],
        "y": list(parts),
        "customdata": [label(view.money(part)) for part in parts.values()],
        "hovertemplate": "%{y}: %{x:.4f} bp, %{customdata}<extra></extra>",
        "marker": {"color": ["#d1495b" if part >= 0 else "#2a9d8f" for part in parts.values()]},
    }
    layout = {
        "height": 130 + 34 * len(parts),
        "margin": _MARGIN | {"l": 120},
        "xaxis": {"title": {"text": "bp of the portfolio's value"}, "zeroline": True},
        "yaxis": {"autorange": "reversed", "automargin": True},
    }
    return figure("cost", [trace], layout)
