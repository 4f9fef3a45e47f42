"""Health factors: the closed forms against what they are closed forms of, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.errors import GuardRefused, HealthTooLow, Infeasible, InputError
from router.fixed_point import BPS, PIPS
from router.strategy.safety import (
    Collateral,
    Position,
    Repayment,
    health_change,
    liquidation_heals,
    repay_to_reach,
    require_health,
)

MILLIONTHS = 10**6
ANCHOR = Position((Collateral("WETH", 10_000 * MILLIONTHS, 8_300),), 7_500 * MILLIONTHS)


def test_the_worked_example_reaches_its_target() -> None:
    target = Fraction(14, 10)
    found = repay_to_reach(ANCHOR, "WETH", target, cost_pips=4_000)
    assert found.repay_up / MILLIONTHS == 3882.261594
    after = ANCHOR.repaid("WETH", found.repay_up, found.collateral_out_down)
    assert target <= after.health_factor < target + Fraction(1, MILLIONTHS)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    count = draw(st.integers(1, 4))
    values = st.integers(0, 10 ** draw(st.integers(1, 20)))
    collateral = tuple(
        Collateral(f"T{place}", draw(values), draw(st.integers(0, 9_999))) for place in range(count)
    )
    weighted = sum(asset.value * asset.threshold_bps for asset in collateral) // BPS
    debt = int(weighted * draw(st.floats(0.3, 1.5))) + draw(st.integers(1, 1_000))
    return Position(collateral, debt)


targets = st.fractions(Fraction(1, 2), 4, max_denominator=1_000)
costs = st.integers(0, 100_000)


@given(positions(), targets, costs)
def test_a_repayment_reaches_its_target_and_one_unit_less_does_not(
    position: Position, target: Fraction, cost_pips: int
) -> None:
    try:
        found = repay_to_reach(position, "T0", target, cost_pips)
    except Infeasible:
        assert position.health_factor < target
        return
    if not found.repay_up:
        assert position.health_factor >= target
        return
    after = position.repaid("T0", found.repay_up, found.collateral_out_down)
    assert after.health_factor >= target
    less = found.repay_up - 1
    weighted = Fraction(position.weighted_bps, BPS) - Fraction(
        position.of("T0").threshold_bps * less * (PIPS + cost_pips), BPS * PIPS
    )
    assert weighted / (position.debt - less) < target
    assert 0 <= found.repay_up * (PIPS + cost_pips) - found.collateral_out_down * PIPS < PIPS


@given(positions(), targets, costs)
def test_where_no_repayment_is_found_none_of_those_tried_reaches_the_target(
    position: Position, target: Fraction, cost_pips: int
) -> None:
    try:
        repay_to_reach(position, "T0", target, cost_pips)
    except Infeasible:
        most = min(position.debt - 1, position.of("T0").value * PIPS // (PIPS + cost_pips))
        for part in (1, 2, 3, 7, 10):
            repay = most * part // 10
            out = -(-repay * (PIPS + cost_pips) // PIPS)
            if out <= position.of("T0").value:
                assert position.repaid("T0", repay, out).health_factor < target


@given(positions(), st.integers(0, 2_000), st.data())
def test_a_liquidation_changes_health_as_the_closed_form_says(
    position: Position, bonus_bps: int, data: st.DataObject
) -> None:
    most = min(position.debt - 1, position.of("T0").value * BPS // (BPS + bonus_bps))
    assume(most > 0)
    repay = data.draw(st.integers(1, most))
    threshold = position.of("T0").threshold_bps
    seized = Fraction(repay * (BPS + bonus_bps), BPS)
    weighted = Fraction(position.weighted_bps, BPS) - seized * Fraction(threshold, BPS)
    change = weighted / (position.debt - repay) - position.health_factor
    assert health_change(position, "T0", repay, bonus_bps) == change
    assert (change > 0) == liquidation_heals(position.health_factor, threshold, bonus_bps)


@given(positions())
def test_the_fall_to_liquidation_ends_at_a_health_factor_of_one(position: Position) -> None:
    fall = position.fall_to_liquidation
    assert 0 <= fall < 1
    if position.health_factor >= 1:
        assert position.weighted_bps * (1 - fall) == position.debt * BPS
    else:
        assert fall == 0


@given(positions(), st.floats(-1, 3), st.floats(-0.9, 3))
def test_moved_values_are_rounded_against_the_owner(
    position: Position, move: float, debt_move: float
) -> None:
    moved = position.moved({"T0": move}, debt_move)
    exact = position.of("T0").value * (1 + Fraction(move))
    assert exact - 1 < moved.of("T0").value <= exact
    assert 0 <= moved.debt - position.debt * (1 + Fraction(debt_move)) < 1
    assert moved.collateral[1:] == position.collateral[1:]


def test_selling_into_a_spiral_is_refused() -> None:
    lost = Position((Collateral("WETH", 7_400, 9_500),), 7_500)
    assert lost.health_factor < Fraction(95, 100)
    with pytest.raises(Infeasible, match="would only fall"):
        repay_to_reach(lost, "WETH", Fraction(1))


def test_more_collateral_than_there_is_is_refused() -> None:
    both = Position((Collateral("WETH", 10_000, 8_000), Collateral("LINK", 10, 5_000)), 9_000)
    with pytest.raises(Infeasible, match="10 is there"):
        repay_to_reach(both, "LINK", Fraction(14, 10))
    assert repay_to_reach(both, "WETH", Fraction(1, 2)) == Repayment("WETH", 0, 0)


def test_health_below_the_least_is_refused_with_both_figures() -> None:
    require_health(ANCHOR, ANCHOR.health_factor)
    with pytest.raises(HealthTooLow, match=r"1\.106667, below 1\.200000") as caught:
        require_health(ANCHOR, Fraction(12, 10))
    assert (caught.value.found, caught.value.limit) == (pytest.approx(83 / 75), 1.2)
    assert isinstance(caught.value, GuardRefused)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Position((), 0), "debt"),
        (lambda: Position((Collateral("A", -1, 1),), 1), "collateral[0].value"),
        (lambda: Position((Collateral("A", 1, 10_000),), 1), "collateral[0].threshold_bps"),
        (lambda: Position((Collateral("A", 1, 1), Collateral("A", 1, 1)), 1), "collateral"),
        (lambda: ANCHOR.of("LINK"), "collateral"),
        (lambda: ANCHOR.repaid("WETH", ANCHOR.debt, 0), "debt"),
        (lambda: ANCHOR.moved({"WETH": -1.5}), "collateral[0].value"),
        (lambda: health_change(ANCHOR, "WETH", ANCHOR.debt, 500), "repay"),
        (lambda: repay_to_reach(ANCHOR, "WETH", Fraction(0)), "target"),
        (lambda: repay_to_reach(ANCHOR, "WETH", Fraction(1), -1), "target"),
    ],
)
def test_impossible_positions_are_refused(make: object, path: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.path == path
