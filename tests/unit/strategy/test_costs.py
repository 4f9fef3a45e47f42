"""Cost curves: convex, exact at 0, and refused where they are neither."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.costs import CostCurve, MarketCost

SAMPLES = st.lists(
    st.tuples(st.floats(1e-6, 1.0), st.floats(-0.01, 0.2)), min_size=1, max_size=12, unique_by=lambda s: s[0]
)


def test_a_curve_interpolates_and_goes_on_with_its_last_slope() -> None:
    curve = CostCurve(np.array([0.0, 0.1, 0.3]), np.array([0.0, 0.001, 0.005]))
    assert curve.at(0.0) == 0.0
    assert curve.at(0.05) == pytest.approx(0.0005)
    assert curve.at(0.2) == pytest.approx(0.003)
    assert curve.at(0.5) == pytest.approx(0.009)
    assert [curve.slope(size) for size in (0.0, 0.1, 0.3, 9.0)] == pytest.approx([0.01, 0.02, 0.02, 0.02])


def test_a_curve_of_one_point_is_free() -> None:
    assert CostCurve(np.zeros(1), np.zeros(1)).at(0.7) == 0.0


@given(SAMPLES)
def test_a_curve_of_samples_is_convex_and_nowhere_above_them(samples: list[tuple[float, float]]) -> None:
    sizes, costs = zip(*samples, strict=True)
    curve = CostCurve.of_samples(sizes, costs)
    for size, cost in samples:
        assert curve.at(size) <= max(cost, 0.0) + 1e-12
    assert (np.diff(curve.slopes) >= 0).all()
    # The greatest such curve touches a sample at each of its corners.
    assert set(curve.sizes[1:]) <= set(sizes)
    assert curve.sizes[-1] == max(sizes)


@given(st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=9, unique=True))
def test_samples_that_are_convex_already_are_kept(sizes: list[float]) -> None:
    curve = CostCurve.of_samples(sizes, [0.002 * size + 0.1 * size**2 for size in sizes])
    for size in sizes:
        assert curve.at(size) == pytest.approx(0.002 * size + 0.1 * size**2, rel=1e-9)


def test_of_equal_sizes_the_cheapest_sample_counts() -> None:
    assert CostCurve.of_samples([0.1, 0.1], [0.003, 0.002]).at(0.1) == pytest.approx(0.002)


def test_gains_are_never_counted() -> None:
    assert CostCurve.of_samples([0.1, 0.2], [-0.001, 0.001]).at(0.1) == 0.0


@pytest.mark.parametrize(
    ("sizes", "costs", "path"),
    [
        ([0.0, 0.2, 0.1], [0.0, 0.1, 0.2], "sizes"),
        ([0.1, 0.2], [0.0, 0.1], "sizes"),
        ([], [], "sizes"),
        ([0.0, 0.1], [0.1, 0.2], "sizes"),
        ([0.0, 0.1], [0.0, float("nan")], "costs"),
        ([0.0, 0.1], [0.0], "costs"),
        ([0.0, 0.1], [0.0, -0.1], "costs"),
        ([0.0, 0.1, 0.2], [0.0, 0.1, 0.15], "costs"),
    ],
)
def test_a_curve_refuses(sizes: list[float], costs: list[float], path: str) -> None:
    with pytest.raises(InputError) as refused:
        CostCurve(np.array(sizes), np.array(costs))
    assert refused.value.path == path


def test_a_curve_refuses_a_negative_depth_and_size() -> None:
    with pytest.raises(InputError, match="depth"):
        CostCurve(np.zeros(1), np.zeros(1), depth=-0.1)
    with pytest.raises(InputError, match="at least 0"):
        CostCurve.proportional(0.003).at(-0.1)


def test_samples_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="2 costs"):
        CostCurve.of_samples([0.1], [0.1, 0.2])


def test_a_market_cost_counts_each_side_and_the_fixed_part_once() -> None:
    cost = MarketCost.proportional(("WETH", "WBTC", "USDC"), 0.003, fixed=1e-4)
    trade = np.array([0.1, -0.04, -0.06])
    assert cost.of(trade) == pytest.approx(0.003 * 0.2 + 1e-4)
    assert cost.variable(trade) == pytest.approx(0.003 * 0.2)
    assert cost.of(np.zeros(3)) == 0.0


def test_cash_costs_nothing() -> None:
    cost = MarketCost.proportional(("WETH", "USDC"), 0.003, cash="USDC")
    assert cost.of(np.array([0.1, -0.1])) == pytest.approx(0.0003)


def test_buys_and_sells_have_curves_of_their_own() -> None:
    cost = MarketCost(
        ("WETH", "USDC"),
        buys=(CostCurve.proportional(0.001), CostCurve.proportional(0.0)),
        sells=(CostCurve.proportional(0.002), CostCurve.proportional(0.0)),
    )
    assert cost.of(np.array([0.1, -0.1])) == pytest.approx(1e-4)
    assert cost.of(np.array([-0.1, 0.1])) == pytest.approx(2e-4)


def test_a_market_cost_refuses_missing_curves_and_unknown_cash() -> None:
    free = CostCurve.proportional(0.0)
    with pytest.raises(InputError, match="1 given for 2 assets"):
        MarketCost(("WETH", "USDC"), (free,), (free, free))
    with pytest.raises(InputError, match="no asset 'DAI'"):
        MarketCost.proportional(("WETH", "USDC"), 0.003, cash="DAI")
    with pytest.raises(InputError, match="fixed"):
        MarketCost.proportional(("WETH", "USDC"), 0.003, fixed=-1.0)


def test_the_variable_cost_is_fees_impact_and_premium() -> None:
    steep = CostCurve(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.0001, 0.0004]))
    cost = MarketCost(("WETH", "USDC"), (steep, steep), (steep, steep), fixed=1e-4, premium_rate=0.0005)
    trade = np.array([-0.2, 0.1])
    assert cost.fees(trade) == pytest.approx(0.001 * 0.3)
    assert cost.premium(trade) == pytest.approx(0.0005 * 0.2)
    assert cost.variable(trade) == pytest.approx(0.0004 + 0.0001 + 0.0001)
    assert cost.of(trade) == pytest.approx(0.0006 + 1e-4)


def test_each_asset_traded_costs_its_leg_and_others_do_not() -> None:
    cost = MarketCost.proportional(("WETH", "WBTC", "USDC"), 0.0, fixed=1e-4)
    cost = MarketCost(cost.assets, cost.buys, cost.sells, cost.fixed, legs=(2e-5, 3e-5, 0.0))
    assert cost.of(np.array([0.1, 0.0, -0.1])) == pytest.approx(1e-4 + 2e-5)
    assert cost.gas(np.zeros(3)) == 0.0
    with pytest.raises(InputError, match="legs"):
        MarketCost(cost.assets, cost.buys, cost.sells, legs=(1e-5,))


@given(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3), st.sampled_from((0.0, 0.0009)))
def test_the_variable_cost_is_what_each_side_of_each_curve_takes(changes: list[float], rate: float) -> None:
    curves = (
        CostCurve(np.array([0.0, 0.1, 0.3]), np.array([0.0, 0.001, 0.005])),
        CostCurve.proportional(0.003),
        CostCurve(np.zeros(1), np.zeros(1)),
    )
    cost = MarketCost(("WETH", "WBTC", "USDC"), curves, curves[::-1], premium_rate=rate)
    bills = (cost.buys[i].at(x) if x > 0 else cost.sells[i].at(-x) - rate * x for i, x in enumerate(changes))
    trade = np.array(changes)
    assert cost.variable(trade) == pytest.approx(sum(bills), abs=1e-15)
    parts = cost.fees(trade) + cost.impact(trade) + cost.premium(trade)
    assert parts == pytest.approx(cost.variable(trade), abs=1e-15)
    linear = MarketCost.proportional(cost.assets, 0.003)
    assert linear.impact(trade) == 0.0
