"""Pages for people: one HTML file each, that needs no network. Nothing here decides anything."""

from router.report.graph_page import graph_page
from router.report.plan_page import plan_page

__all__ = ["graph_page", "plan_page"]
