"""The swap graph as a page: tokens sized by depth, pools as lines between them, coloured by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from router.pools.base import Pool
from router.report.figures import kind_colours
from router.report.page import Html, document, figure, heading, label, paragraph, section, table
from router.report.swap_graph import Drawing, Edge, arc, draw, middle
from router.report.words import Names, fee, money
from router.snapshot import Snapshot
from router.tokens import Address, to_checksum

HEIGHT = 860
SMALLEST, LARGEST = 8.0, 44.0
"""Diameters of tokens, in pixels; areas go with depth."""
LONGEST_LABEL = 12

Depths = Mapping[Address, float | None]


def graph_page(pools: Sequence[Pool], depths: Depths, market: Snapshot) -> str:
    """The whole HTML file of these pools of a market, or of the deepest where they are too many.

    Args:
        depths: numeraire units by pool, as the caller measures depth; None where no price tells.
    """
    drawing = draw(pools, depths)
    names = Names.of(market.tokens, [*drawing.depth, market.numeraire])
    unit = names.name(market.numeraire)
    count = (
        f"{len(drawing.pools)} pools"
        if len(drawing.pools) == len(pools)
        else (f"the {len(drawing.pools):,} deepest of {len(pools):,} pools")
    )
    where = f"chain {market.chain_id}, block {market.block_number}"
    shown = f"{count} and {len(drawing.depth)} tokens are shown"
    return document(
        f"Swap graph: {count}, {where}",
        heading(f"Swap graph, {where}"),
        paragraph(f"{shown[0].upper()}{shown[1:]}.", "lead"),
        figure("graph", _traces(drawing, depths, names, market, unit), _LAYOUT),
        paragraph(
            "A token's area is the depth of its pools; each line is a pool between two of its tokens, with a "
            "dot to point at. Click a kind in the legend to hide it.",
            "small",
        ),
        section("Pools", _table(drawing, depths, names, unit)),
    )


_AXIS = {"visible": False, "showgrid": False, "zeroline": False}
_LAYOUT = {
    "height": HEIGHT,
    "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
    "hovermode": "closest",
    "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}


def _traces(
    drawing: Drawing, depths: Depths, names: Names, market: Snapshot, unit: str
) -> list[dict[str, Any]]:
    colours = kind_colours([pool.kind for pool in drawing.pools])
    by_kind = {kind: [edge for edge in drawing.edges if edge.pool.kind == kind] for kind in colours}
    lines = [_lines(kind, edges, drawing, colours[kind]) for kind, edges in by_kind.items()]
    dots = [
        _dots(kind, edges, drawing, colours[kind], [_edge_text(edge, depths, names, unit) for edge in edges])
        for kind, edges in by_kind.items()
    ]
    return [*lines, *dots, _tokens(drawing, names, market, unit)]


def _lines(kind: str, edges: Iterable[Edge], drawing: Drawing, colour: str) -> dict[str, Any]:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for edge in edges:
        points = arc(edge, drawing.places)
        xs += [*(x for x, _ in points), None]
        ys += [*(y for _, y in points), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(kind),
        "legendgroup": kind,
        "x": xs,
        "y": ys,
        "line": {"color": colour, "width": 1.2},
        "opacity": 0.6,
        "hoverinfo": "skip",
    }


def _dots(
    kind: str, edges: Sequence[Edge], drawing: Drawing, colour: str, texts: Sequence[str]
) -> dict[str, Any]:
    points = [middle(edge, drawing.places) for edge in edges]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(kind),
        "legendgroup": kind,
        "showlegend": False,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "marker": {"color": colour, "size": 6},
        "customdata": list(texts),
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _edge_text(edge: Edge, depths: Depths, names: Names, unit: str) -> str:
    lines = (
        f"{edge.pool.kind} {to_checksum(edge.pool.address)}",
        "/".join(names.name(token) for token in edge.pool.tokens),
        f"fee {fee(edge.pool.fee_pips)}",
        f"depth {_depth(depths.get(edge.pool.address), unit)}",
    )
    return "<br>".join(map(label, lines))


def _depth(depth: float | None, unit: str) -> str:
    return "unknown: no price" if depth is None else f"{money(depth)} {unit}"


def _tokens(drawing: Drawing, names: Names, market: Snapshot, unit: str) -> dict[str, Any]:
    tokens = sorted(drawing.places, key=lambda token: (-drawing.depth[token], token))
    most = max(drawing.depth.values(), default=0.0) or 1.0
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "tokens",
        "showlegend": False,
        "x": [drawing.places[token][0] for token in tokens],
        "y": [drawing.places[token][1] for token in tokens],
        "text": [label(_short(names.name(token))) for token in tokens],
        "textposition": "top center",
        "textfont": {"size": 11},
        "marker": {
            "opacity": 0.85,
            "size": [max(SMALLEST, LARGEST * (drawing.depth[token] / most) ** 0.5) for token in tokens],
            "color": "#33475b",
            "line": {"color": "#ffffff", "width": 1},
        },
        "customdata": [_token_text(token, drawing, names, market, unit) for token in tokens],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[:6]}…{text[-4:]}"


def _token_text(token: Address, drawing: Drawing, names: Names, market: Snapshot, unit: str) -> str:
    pools = sum(token in pool.tokens for pool in drawing.pools)
    lines = (
        names.name(token),
        to_checksum(token),
        f"price {market.prices.get(token, 'none')}",
        f"{pools} pools shown, depth {_depth(drawing.depth[token], unit)}",
    )
    return "<br>".join(map(label, lines))


def _table(drawing: Drawing, depths: Depths, names: Names, unit: str) -> Html:
    rows = [
        (
            to_checksum(pool.address),
            pool.kind,
            "/".join(names.name(token) for token in pool.tokens),
            fee(pool.fee_pips),
            "" if (depth := depths.get(pool.address)) is None else money(depth),
        )
        for pool in drawing.pools
    ]
    return table(("pool", "kind", "tokens", "fee", f"depth, {unit}"), rows, left=("kind", "tokens"))
