"""Solves M x = b for a positive definite matrix built from the edges of a sparse graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Row = dict[int, float]
LEAST_PIVOT = 1e-300


def solve_on_graph(
    edges: Iterable[tuple[int, int, float, float]],
    diagonal: Sequence[float],
    sides: Sequence[Sequence[float]],
) -> list[list[float]]:
    """One solution per right-hand side of  M = diag(diagonal) + sum weight * v v^T,  v = gain * e_sink -
    e_source.

    Args:
        edges: (source, sink, weight >= 0, gain).
        diagonal: each entry positive.

    Leaves are eliminated first, hubs last, so there is hardly any fill-in on a swap graph.
    """
    rows: list[Row] = [{} for _ in diagonal]
    pivots = list(diagonal)
    for source, sink, weight, gain in edges:
        rows[source][sink] = rows[source].get(sink, 0.0) - weight * gain
        rows[sink][source] = rows[sink].get(source, 0.0) - weight * gain
        pivots[source] += weight
        pivots[sink] += weight * gain * gain
    results = [list(side) for side in sides]
    order: list[int] = []
    left = set(range(len(pivots)))
    while left:
        k = min(left, key=lambda i: (len(rows[i]), i))
        left.remove(k)
        order.append(k)
        _eliminate(k, rows, pivots, results)
    for k in reversed(order):
        for result in results:
            result[k] = (result[k] - sum(value * result[j] for j, value in rows[k].items())) / pivots[k]
    return results


def _eliminate(k: int, rows: list[Row], pivots: list[float], results: list[list[float]]) -> None:
    """Removes variable k from the rows of its neighbours."""
    row = rows[k]
    pivots[k] = max(pivots[k], LEAST_PIVOT)
    for i, value in row.items():
        factor = value / pivots[k]
        pivots[i] -= factor * value
        other = rows[i]
        del other[k]
        for j, entry in row.items():
            if j != i:
                other[j] = other.get(j, 0.0) - factor * entry
        for result in results:
            result[i] -= factor * result[k]
