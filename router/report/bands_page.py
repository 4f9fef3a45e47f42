"""Triggers and landings by the portfolio's value, as a page or as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from router.documents.bands_models import BandRow
from router.report.page import document, figure, heading, label, paragraph, section, table

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf")
DOTS_PER_INCH = 120
MEANING = (
    "Trade a weight that is further from its target than the trigger (line), to where it is as far as the "
    "landing (dots). The grid's values are joined by straight lines."
)


def bands_page(rows: Sequence[BandRow]) -> str:
    """The whole HTML file."""
    data: list[dict[str, Any]] = []
    for place, (name, points) in enumerate(_lines(rows).items()):
        colour = COLOURS[place % len(COLOURS)]
        navs = [row.nav for row in points]
        for what, dash in (("trigger", "solid"), ("landing", "dot")):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": label(f"{name}, {what}"),
                    "x": navs,
                    "y": [getattr(row, what) * 100 for row in points],
                    "line": {"color": colour, "dash": dash},
                }
            )
    layout = {
        "height": 520,
        "xaxis": {"type": "log", "title": {"text": "Value of the portfolio, numeraire"}},
        "yaxis": {"title": {"text": "Distance from the target, % of the portfolio"}, "rangemode": "tozero"},
    }
    cells = [
        (
            row.asset,
            f"{row.weight:.2%}",
            f"{row.nav:,.2f}",
            f"{row.gas:,.2f}",
            f"{row.volatility:.0%}",
            f"{row.fee_bps:.2f}",
            f"{row.trigger:.3%}",
            f"{row.landing:.3%}",
            f"{row.objective_bps:.2f}",
        )
        for row in rows
    ]
    header = ["asset", "weight", "value", "gas", "volatility", "fee bp", "trigger", "landing", "cost bp/yr"]
    title = "No-trade bands"
    return document(
        title,
        heading(title),
        paragraph(MEANING, "lead"),
        section("Widths", figure("bands", data, layout)),
        section("Figures", table(header, cells)),
    )


def bands_png(rows: Sequence[BandRow]) -> bytes:
    """A PNG; equal rows, equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots()
    for place, (name, points) in enumerate(_lines(rows).items()):
        colour, navs = COLOURS[place % len(COLOURS)], [row.nav for row in points]
        axes.plot(navs, [row.trigger * 100 for row in points], "o-", color=colour, label=name, ms=3)
        axes.plot(navs, [row.landing * 100 for row in points], "o:", color=colour, ms=3)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("value of the portfolio, numeraire")
    axes.set_ylabel("distance from the target, % of the portfolio")
    axes.set_title("Trigger (line) and landing (dots)", loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    into = io.BytesIO()
    drawing.savefig(into, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return into.getvalue()


def _lines(rows: Sequence[BandRow]) -> Mapping[str, list[BandRow]]:
    """Rows that differ in value alone, by name. Gas is named where it differs, volatility likewise."""
    gases = {round(row.gas, 9) for row in rows}
    vary_gas = len(gases) > 1 and len({(row.nav, round(row.gas, 9)) for row in rows}) > len(
        {row.nav for row in rows}
    )
    vary_risk = len({(row.asset, row.volatility) for row in rows}) > len({row.asset for row in rows})
    found: dict[str, list[BandRow]] = {}
    for row in rows:
        name = row.asset
        name += f", gas {row.gas:,.2f}" if vary_gas else ""
        name += f", volatility {row.volatility:.0%}" if vary_risk else ""
        found.setdefault(name, []).append(row)
    return {name: sorted(points, key=lambda row: row.nav) for name, points in found.items()}
