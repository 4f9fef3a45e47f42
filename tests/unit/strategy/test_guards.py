"""Guard rails: the projection is the exact one, and what can't be held is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from router.errors import InfeasibleWeights, InputError, NotFinite, Unaffordable
from router.strategy.guards import GuardRails, check_weights, project


@st.composite
def boxes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A point, and a box that holds weights summing to 1."""
    size = draw(st.integers(1, 8))
    numbers = st.floats(0.0, 1.0, allow_nan=False, width=32)
    inside = np.array(draw(st.lists(numbers, min_size=size, max_size=size))) + 1e-3
    inside /= inside.sum()
    below = np.array(draw(st.lists(numbers, min_size=size, max_size=size)))
    above = np.array(draw(st.lists(numbers, min_size=size, max_size=size)))
    point = np.array(draw(st.lists(st.floats(-3, 3, width=32), min_size=size, max_size=size)))
    return point, inside * below, inside + (1 - inside) * above


@given(boxes())
def test_projection_sums_to_1_within_the_box_and_meets_its_kkt_conditions(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    point, low, high = case
    weights = project(point, low, high)
    assert abs(weights.sum() - 1) <= 1e-14
    assert (weights >= low).all()
    assert (weights <= high).all()
    # One shift for all that are free; at a cap the shift wanted is larger, at a floor smaller.
    shift = point - weights
    lowest = max(shift[weights < high - 1e-12], default=-np.inf)
    highest = min(shift[weights > low + 1e-12], default=np.inf)
    assert lowest <= highest + 1e-12


def test_projection_is_the_one_that_a_general_solver_finds() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        point, low, high = rng.normal(size=5), rng.uniform(0, 0.15, 5), rng.uniform(0.25, 0.9, 5)
        solved = minimize(
            lambda w, p=point: np.square(w - p).sum(),
            np.full(5, 0.2),
            jac=lambda w, p=point: 2 * (w - p),
            bounds=list(zip(low, high, strict=True)),
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(5)},
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        np.testing.assert_allclose(project(point, low, high), solved.x, atol=1e-7)


def test_projection_leaves_weights_that_are_inside_alone() -> None:
    weights = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(project(weights, 0.0, 1.0), weights, atol=1e-16)


@pytest.mark.parametrize("total", [0.999, 1.0])
def test_a_box_of_one_point_is_that_point(total: float) -> None:
    floors = np.array([0.1] * 10) * total
    np.testing.assert_allclose(
        project(np.arange(10.0), floors, np.full(10, 0.1)), np.full(10, 0.1), atol=1e-3
    )


@given(boxes(), st.floats(0.001, 0.5))
def test_guard_rails_never_step_farther_than_allowed(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], step: float
) -> None:
    point, low, high = case
    current = np.full(point.size, 1 / point.size)
    weights = GuardRails(low, high, step).apply(point, current)
    assert np.abs(weights - current).max() <= step + 1e-15
    assert abs(weights.sum() - 1) <= 1e-14
    if (current >= low).all() and (current <= high).all():
        assert (weights >= low - 1e-15).all()
        assert (weights <= high + 1e-15).all()


@settings(max_examples=25)
@given(boxes())
def test_repeated_steps_reach_the_floors_and_caps_from_outside(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    point, low, high = case
    rails = GuardRails(low, high, 0.1)
    weights = np.eye(point.size)[0]
    for _ in range(60):
        weights = rails.apply(point, weights)
    np.testing.assert_allclose(weights, project(point, low, high), atol=1e-9)


def test_one_step_that_cannot_reach_the_floors_still_goes_towards_them() -> None:
    current = np.eye(11)[0]
    weights = GuardRails(floor=0.09, step=0.05).apply(np.full(11, 1 / 11), current)
    assert weights[0] == pytest.approx(0.95)
    np.testing.assert_allclose(weights[1:], 0.005)


def test_a_first_update_has_no_step() -> None:
    np.testing.assert_allclose(GuardRails(step=0.01).apply([0.9, 0.1]), [0.9, 0.1], atol=1e-16)


@pytest.mark.parametrize(
    ("rails", "size", "message"),
    [
        ({"floor": 0.4}, 3, "floors of 3 assets sum to 1.2, above 1"),
        ({"cap": 0.3}, 3, "caps of 3 assets sum to 0.9, below 1"),
    ],
)
def test_floors_above_1_and_caps_below_1_are_infeasible(
    rails: dict[str, float], size: int, message: str
) -> None:
    with pytest.raises(InfeasibleWeights, match=message):
        GuardRails(**rails).apply(np.full(size, 1 / size))


def test_floors_by_asset_are_refused_when_they_are_written() -> None:
    with pytest.raises(InfeasibleWeights, match=r"floor: floors of 2 assets sum to 1.1"):
        GuardRails(floor=np.array([0.6, 0.5]))
    with pytest.raises(InfeasibleWeights, match=r"floor\[1\]: 0.5 is above the cap of 0.4"):
        GuardRails(floor=np.array([0.1, 0.5]), cap=0.4)
    with pytest.raises(InfeasibleWeights, match=r"floor: 0.5 is above the cap of 0.4"):
        GuardRails(floor=0.5, cap=0.4)


@pytest.mark.parametrize(
    "rails",
    [
        {"floor": -0.1},
        {"cap": 1.1},
        {"step": 0.0},
        {"step": np.nan},
        {"step": 5.0},
        {"floor": np.zeros(2), "cap": np.ones(3)},
    ],
)
def test_rails_that_mean_nothing_are_refused(rails: dict[str, float]) -> None:
    with pytest.raises(InputError):
        GuardRails(**rails)


def test_rails_for_another_number_of_assets_are_refused() -> None:
    with pytest.raises(InputError, match="floor: 2 entries for 3 assets"):
        GuardRails(floor=np.zeros(2)).apply([0.2, 0.3, 0.5])
    with pytest.raises(InputError, match="current: 2 weights"):
        GuardRails(step=0.1).apply([0.2, 0.3, 0.5], [0.5, 0.5])


def test_nan_is_named_with_its_place() -> None:
    with pytest.raises(NotFinite, match=r"wanted\[1\]: nan"):
        GuardRails().apply([0.5, np.nan])
    with pytest.raises(NotFinite, match=r"floor\[0\]: nan"):
        GuardRails(floor=np.nan)


def test_weights_that_cost_more_than_the_portfolio_are_unaffordable() -> None:
    np.testing.assert_array_equal(check_weights([0.6, 0.4]), [0.6, 0.4])
    with pytest.raises(Unaffordable, match=r"take 1.1 of the portfolio's value"):
        check_weights([0.6, 0.5])
    with pytest.raises(Unaffordable, match=r"take 1.003 of the portfolio's value, 0.003 of it cost"):
        check_weights([0.6, 0.4], cost=0.003)
    check_weights([0.6, 0.397], cost=0.003)


def test_weights_that_no_portfolio_holds_are_refused() -> None:
    with pytest.raises(InputError, match=r"sum to 0.9; cash is an asset too"):
        check_weights([0.6, 0.3])
    with pytest.raises(InputError, match=r"weights.ETH: should be at least 0, is -0.1"):
        check_weights([1.1, -0.1], ["BTC", "ETH"])
    with pytest.raises(InputError, match="cost"):
        check_weights([1.0], cost=-1.0)
    with pytest.raises(InputError, match="dimension"):
        check_weights([[1.0]])
