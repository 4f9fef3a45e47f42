"""Sparse elimination against a direct product."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.optimiser.elimination import solve_on_graph

SIZE = 6
nodes = st.integers(0, SIZE - 1)
edges = st.tuples(nodes, nodes, st.floats(0.01, 100), st.floats(0.5, 1.5)).filter(
    lambda edge: edge[0] != edge[1]
)


@given(st.lists(edges, max_size=12), st.lists(st.floats(-10, 10), min_size=SIZE, max_size=SIZE))
def test_solution_gives_the_side_back(links: list[tuple[int, int, float, float]], side: list[float]) -> None:
    (solution,) = solve_on_graph(links, [1.0] * SIZE, [side])
    product = list(solution)
    for source, sink, weight, gain in links:
        stretch = weight * (gain * solution[sink] - solution[source])
        product[sink] += gain * stretch
        product[source] -= stretch
    assert product == pytest.approx(side, abs=1e-7)
