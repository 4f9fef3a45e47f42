"""The report's pictures: how time and memory grow, and how far ahead of peers the orders are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

mpl.rcParams.update({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 9})
mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
mpl.rcParams.update({"axes.grid": True, "grid.alpha": 0.25, "axes.axisbelow": True})
COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#8d6a9f")
TARGETS = ((10_000, 0.1), (50_000, 1.0))
"""Pools and seconds that a warm plan is to stay below."""
MEMORY_TARGET = 500
TIGHT = 0.1
"""Basis points up to which the axis is linear."""


def growth(figures: Mapping[str, Any], path: Path) -> None:
    """Time and memory over the number of pools."""
    sizes = figures["sizes"]
    pools = [each["pools"] for each in sizes]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    warm = f"warm, grows like m^{figures['warm_exponent']:.2f}"
    cold = f"cold, grows like m^{figures['cold_exponent']:.2f}"
    left.plot(pools, [each["warm_seconds"] * 1e3 for each in sizes], "o-", color=COLOURS[0], label=warm)
    left.plot(pools, [each["cold_seconds"] * 1e3 for each in sizes], "s--", color=COLOURS[1], label=cold)
    for count, limit in TARGETS:
        left.plot([count], [limit * 1e3], "v", color="black", markersize=6)
    left.plot([], [], "v", color="black", label="limit for warm plans")
    left.set(xscale="log", yscale="log", xlabel="pools", ylabel="milliseconds", title="Time of one plan")
    left.legend(frameon=False)
    for key, label, style in (
        ("peak_mib", "whole process", "o-"),
        ("market_mib", "before the first plan", "s--"),
    ):
        colour = COLOURS[0] if key == "peak_mib" else COLOURS[2]
        right.plot(pools, [each[key] for each in sizes], style, color=colour, label=label)
    right.axhline(MEMORY_TARGET, color="black", linewidth=0.8, linestyle=":", label="limit")
    right.set(xscale="log", xlabel="pools", ylabel="MiB", title="Peak memory", ylim=(0, None))
    right.legend(frameon=False)
    _save(figure, path)


def ahead(figures: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Basis points ahead of each peer, by order."""
    names = list(figures[0]["ahead"])
    figure, axes = plt.subplots(figsize=(9, 3.8), layout="constrained")
    height = 0.8 / len(names)
    for place, name in enumerate(names):
        rows = [row + place * height for row in range(len(figures))]
        values = [each["ahead"][name] or 0.0 for each in figures]
        axes.barh(rows, values, height, color=COLOURS[place], label=name)
        for row, value in zip(rows, values, strict=True):
            axes.annotate(f" {value:.2f}", (max(value, 0.0), row), va="center", fontsize=7)
    axes.set_xscale("symlog", linthresh=TIGHT)
    labels = [each["order"].split(" (")[0] for each in figures]
    axes.set_yticks([row + height * (len(names) - 1) / 2 for row in range(len(figures))], labels)
    axes.invert_yaxis()
    axes.set(xlabel="basis points that ours is ahead", title="Orders on the recorded block")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
