"""One HTML file: escaped text, tables, and plotly figures with plotly itself inside.

Symbols, reasons and notes come from files and are not trusted. `Html` marks what is HTML already; all else is
plain text, and escaped here. Beside that, the page's own policy lets no script run but the two that it ships,
known by their hashes, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from typing import Any, NewType

Html = NewType("Html", str)

_BOOT = """
for (const source of document.querySelectorAll("script[data-figure]")) {
  const figure = JSON.parse(source.textContent);
  const options = {displaylogo: false, responsive: true, plotlyServerURL: ""};
  Plotly.newPlot(source.dataset.figure, figure.data, figure.layout, options);
}
"""
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d2733; }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.lead { font-size: 1.05rem; margin-top: 0; } p.small { color: #5a6775; font-size: .9rem; }
div.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid #dfe4ea; }
th { background: #f3f5f8; } th.left, td.left { text-align: left; }
td.left { overflow-wrap: anywhere; }
@media print { details > * { display: block; } }
"""


def join(parts: Iterable[Html]) -> Html:
    return Html("\n".join(parts))


def heading(text: str) -> Html:
    return Html(f"<h1>{html.escape(text)}</h1>")


def paragraph(text: str, kind: str = "") -> Html:
    attribute = f' class="{html.escape(kind)}"' if kind else ""
    return Html(f"<p{attribute}>{html.escape(text)}</p>")


def items(texts: Iterable[str]) -> Html:
    return Html("<ul>\n" + "\n".join(f"<li>{html.escape(text)}</li>" for text in texts) + "\n</ul>")


def section(title: str, *parts: Html) -> Html:
    return Html(f"<section>\n<h2>{html.escape(title)}</h2>\n{join(parts)}\n</section>")


def folded(title: str, *parts: Html) -> Html:
    """Shown when asked for."""
    return Html(f"<details>\n<summary>{html.escape(title)}</summary>\n{join(parts)}\n</details>")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str] = ()) -> Html:
    """Columns are right-aligned, except the first and those named in `left`."""
    sides = [' class="left"' if place == 0 or name in left else "" for place, name in enumerate(header)]

    def row(cells: Sequence[str], tag: str) -> str:
        written = (
            f"<{tag}{side}>{html.escape(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True)
        )
        return "<tr>" + "".join(written) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows)
    head = f"<thead>{row(header, 'th')}</thead>" if any(header) else ""
    return Html(f'<div class="scroll"><table>{head}\n<tbody>\n{body}\n</tbody></table></div>')


def label(text: str) -> str:
    """Plain text for a figure: plotly reads tags and entities in what it draws."""
    return html.escape(text)


def figure(name: str, data: Sequence[dict[str, Any]], layout: dict[str, Any]) -> Html:
    """A plotly figure, drawn when the page opens. Texts in `data` and `layout` have gone through `label`.

    Raises:
        ValueError: plotly knows no such trace or property.
    """
    from plotly.graph_objects import Figure

    common = {"template": "none", "font": {"family": "system-ui, sans-serif", "size": 13}}
    source = Figure(data=list(data), layout={**common, **layout}).to_json().replace("<", "\\u003c")
    place = html.escape(name)
    height = int(layout["height"])
    return Html(
        f'<div id="{place}" style="height:{height}px"></div>\n'
        f'<script type="application/json" data-figure="{place}">{source}</script>'
    )


def document(title: str, *parts: Html) -> str:
    """The whole file."""
    from plotly.offline import get_plotlyjs

    scripts = (get_plotlyjs(), _BOOT)
    allowed = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            *parts,
            "<noscript><p>The charts need scripts; the tables hold the same figures.</p></noscript>",
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        )
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
