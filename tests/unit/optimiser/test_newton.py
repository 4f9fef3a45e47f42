"""Convergence of the descent on random networks, by both of its linear solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from router.optimiser.dual import TOLERANCE, solve
from router.optimiser.kernels import respond
from router.optimiser.laplacian import conjugate_gradients, dense, diagonal_of, factored_solve, laplacian
from router.optimiser.newton import DENSE, descend, empty_response
from tests.optimiser_markets import Case, joint_bound, network

SIZES = [(6, 15), (20, 60), (60, 200), (96, 400), (97, 300), (150, 600), (300, 1000), (300, 2500)]
MOST_STEPS = 150
"""Of which a warm descent from prices within a hundredth of a percent may take half, summed over markets."""


def concerned(case: Case) -> Any:
    """Tokens held or wanted: the prices of others may lie anywhere between the pools' fees."""
    return (case.goal.held != 0) | (case.goal.wanted > 0)


def padded(values: Any, size: int) -> Any:
    out = np.zeros(size)
    out[: len(values)] = values
    return out


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("tokens", "pools"), SIZES)
def test_descent_converges_on_networks(tokens: int, pools: int, seed: int) -> None:
    case = network(seed, tokens, pools)
    found = solve(case.market, case.goal)
    assert found.converged
    assert found.residual <= TOLERANCE
    assert found.steps <= MOST_STEPS
    most = joint_bound(case.market, case.goal.held, found.prices, 1.0)
    assert 0 <= most / found.value - 1 <= 1e-7
    assert float(np.dot(case.goal.wanted, found.prices)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("tokens", "pools"), [size for size in SIZES if size[0] <= DENSE])
def test_both_linear_solvers_find_the_same_prices(tokens: int, pools: int, seed: int) -> None:
    """Tokens that nothing trades make a market large enough for conjugate gradients."""
    case = network(seed, tokens, pools)
    dense = solve(case.market, case.goal)
    size = DENSE + 1
    prices, residual, value, _ = descend(
        case.market.arrays,
        padded(case.goal.held, size),
        padded(case.goal.wanted, size),
        np.ones(size),
        0.0,
        1.0,
        MOST_STEPS,
        TOLERANCE,
        0.0,
    )
    assert residual <= TOLERANCE
    assert value == pytest.approx(dense.value, rel=1e-9)
    some = concerned(case)
    np.testing.assert_allclose(prices[:tokens][some], dense.prices[some], rtol=1e-6)


def test_warm_start_takes_fewer_steps() -> None:
    cold_steps, warm_steps, rng = 0, 0, np.random.default_rng(1)
    for seed in range(5):
        for tokens, pools in SIZES[1:5]:
            case = network(seed, tokens, pools)
            cold = solve(case.market, case.goal)
            near = cold.prices * np.exp(rng.normal(0, 1e-4, case.market.columns))
            warm = solve(case.market, case.goal, near, ghost=1e-4)
            assert warm.converged
            assert warm.value == pytest.approx(cold.value, rel=1e-9)
            cold_steps, warm_steps = cold_steps + cold.steps, warm_steps + warm.steps
            assert solve(case.market, case.goal, cold.prices, ghost=0.0).steps == 0
    assert warm_steps < 0.6 * cold_steps


def test_descent_stops_at_its_most_steps() -> None:
    case = network(1, 60, 200)
    start = np.ones(case.market.columns)
    arrays, goal = case.market.arrays, case.goal
    prices, residual, _, steps = descend(arrays, goal.held, goal.wanted, start, 0.0, 1.0, 1, 0.0, 0.0)
    assert 1 <= steps <= 15
    assert residual > TOLERANCE
    assert (prices > 0).all()


def test_descent_does_not_depend_on_the_scale_of_its_start() -> None:
    case = network(2, 20, 60)
    arrays, goal = case.market.arrays, case.goal
    one, two = (
        descend(
            arrays,
            goal.held,
            goal.wanted,
            np.full(case.market.columns, scale),
            0.0,
            1.0,
            MOST_STEPS,
            TOLERANCE,
            0.0,
        )[0]
        for scale in (1.0, 1e6)
    )
    np.testing.assert_allclose(one, two, rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_linear_solvers_solve(seed: int) -> None:
    case, rng = network(seed, 40, 120), np.random.default_rng(seed)
    arrays, n = case.market.arrays, case.market.columns
    u = np.exp(rng.normal(0, 0.003, n))
    at = empty_response(arrays)
    respond(u, arrays, 1.0, 0.0, 0.1, np.empty(n), at)
    whole = laplacian(u, arrays, at)
    diagonal = diagonal_of(whole, n)
    extra, side = rng.uniform(1e-3, 1e-2, n) * diagonal.max(), rng.normal(size=n)
    matrix = dense(whole, n) + np.diag(extra)
    exact = np.linalg.solve(matrix, side)
    np.testing.assert_allclose(factored_solve(matrix.copy(), side), exact, rtol=1e-8, atol=1e-12)
    close = conjugate_gradients(whole, diagonal, extra, side, 1.0, 1e-12)
    np.testing.assert_allclose(close, exact, rtol=1e-6, atol=1e-9 * abs(exact).max())
