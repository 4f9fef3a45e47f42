"""A report, read back."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """A page taken apart; complains where tags do not nest.

    Attributes:
        figures: by the element that each is drawn in.
        tables: rows of cell texts.
        scripts: texts of those that run.
        fetched: every attribute that names another resource.
    """

    VOID = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.figures: dict[str, Any] = {}
        self.tables: list[list[list[str]]] = []
        self.scripts: list[str] = []
        self.fetched: list[str] = []
        self.metas: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.titles: list[str] = []
        self._figure: str | None = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.fetched += [str(found[name]) for name in ("src", "href", "action", "data") if name in found]
        assert not any(name.startswith("on") for name in found)
        if tag == "meta":
            self.metas.append(found)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self._figure = found.get("data-figure") if tag == "script" else None
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script" and self._figure:
            self.figures[self._figure] = json.loads(data)
        elif inside == "script":
            self.scripts.append(data)
        elif inside == "title":
            self.titles.append(data)
        elif inside != "style":
            self.texts.append(data)
            if inside in ("td", "th"):
                self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def row(self, first: str) -> list[str]:
        """The first row of any table that starts with this cell."""
        return next(row for table in self.tables for row in table if row and row[0] == first)
