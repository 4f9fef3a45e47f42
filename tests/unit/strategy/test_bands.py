"""Bands for one weight: figures of the literature, limits, and simulated weights."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.bands import (
    Band,
    DriftingWeight,
    Reach,
    band_of_tracking_error,
    fee_only_trigger,
    gas_only_trigger,
    long_run_band,
    one_shot_boundary,
    target_band,
)

CASES = st.builds(
    DriftingWeight,
    weight=st.floats(0.02, 0.98),
    volatility=st.floats(0.05, 2.0),
    risk_aversion=st.floats(0.2, 30.0),
    fee_rate=st.floats(1e-5, 0.02),
    fixed_cost=st.floats(1e-8, 1e-2),
)


def case(fee_rate: float = 0.003, fixed_cost: float = 0.0, **changes: float) -> DriftingWeight:
    given = {"weight": 0.5, "volatility": 0.8, "risk_aversion": 3.0} | changes
    return DriftingWeight(**given, fee_rate=fee_rate, fixed_cost=fixed_cost)


# One shot.


def test_the_one_shot_boundary_is_where_the_net_benefit_turns_positive() -> None:
    shot = one_shot_boundary(
        volatility=0.8, risk_aversion=3, horizon_years=30 / 365, fee_rate=0.003, fixed_cost=3e-5
    )
    assert shot.trigger == pytest.approx(0.03850935, abs=5e-9)
    assert shot.net_benefit(0.09) == pytest.approx(3.676389e-4, abs=5e-11)
    assert shot.net_benefit(shot.trigger) == pytest.approx(0.0, abs=1e-18)
    assert shot.net_benefit(shot.trigger - 1e-6) < 0 < shot.net_benefit(shot.trigger + 1e-6)


def test_the_one_shot_net_benefit_is_that_of_the_best_landing() -> None:
    rate, fee, fixed, drift = 3 * 0.64 * 30 / 365, 0.003, 3e-5, 0.09
    landings = np.linspace(0, drift, 200_001)
    net = rate / 2 * (drift**2 - landings**2) - fee * (drift - landings) - fixed
    shot = one_shot_boundary(
        volatility=0.8, risk_aversion=3, horizon_years=30 / 365, fee_rate=fee, fixed_cost=fixed
    )
    assert net.max() == pytest.approx(shot.net_benefit(drift), abs=1e-12)
    assert landings[net.argmax()] == pytest.approx(shot.landing, abs=1e-6)


def test_without_volatility_no_drift_is_worth_a_cost() -> None:
    shot = one_shot_boundary(volatility=0, risk_aversion=3, horizon_years=1, fee_rate=0.003, fixed_cost=1e-4)
    assert shot.trigger == shot.landing == inf
    assert shot.net_benefit(0.9) == -1e-4
    free = one_shot_boundary(volatility=0, risk_aversion=3, horizon_years=1, fee_rate=0.0)
    assert free.trigger == free.landing == 0


def test_without_costs_every_drift_is_worth_a_trade_to_the_target() -> None:
    shot = one_shot_boundary(volatility=0.8, risk_aversion=3, horizon_years=1, fee_rate=0.0)
    assert (shot.landing, shot.trigger) == (0.0, 0.0)
    assert shot.net_benefit(1e-9) > 0


# Long run: figures.


def test_the_fee_only_trigger_is_the_published_figure() -> None:
    assert fee_only_trigger(case()) == pytest.approx(0.045428, abs=5e-7)
    # Gerhold et al. 2014, with a spread of twice the one-way fee.
    assert fee_only_trigger(case()) == pytest.approx((3 / (4 * 3) * 0.5**2 * 0.5**2 * 0.006) ** (1 / 3))


def test_the_gas_only_trigger_is_the_published_figure() -> None:
    assert gas_only_trigger(case(0.0, 1e-5)) == pytest.approx(0.039764, abs=5e-7)


@pytest.mark.parametrize(
    ("nav", "trigger", "landing", "cost_bps", "to_target_bps"),
    [
        (1e4, 0.1687, 0.0063, 94.68, 94.81),
        (1e5, 0.1018, 0.0157, 39.05, 39.94),
        (1e6, 0.0700, 0.0275, 24.25, 27.09),
        (1e7, 0.0562, 0.0361, 20.79, 25.19),
    ],
)
def test_the_mixed_band_is_the_published_figure(
    nav: float, trigger: float, landing: float, cost_bps: float, to_target_bps: float
) -> None:
    """30 of gas and 30 bp at 80 % volatility, risk aversion 3 and a weight of a half. At 100,000 the formula
    gives 39.0498, which the reference has as 39.1."""
    mixed = case(0.003, 30 / nav)
    band = long_run_band(mixed)
    assert (band.trigger, band.landing) == (
        pytest.approx(trigger, abs=5e-5),
        pytest.approx(landing, abs=5e-5),
    )
    assert band.objective * 1e4 == pytest.approx(cost_bps, abs=0.005)
    assert target_band(mixed).objective * 1e4 == pytest.approx(to_target_bps, abs=0.005)


# Long run: properties.


@given(CASES, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_no_other_band_costs_less(mixed: DriftingWeight, wider: float, further: float) -> None:
    best = long_run_band(mixed)
    trigger = best.trigger * (1 + wider)
    landing = min(best.landing * (1 + further), trigger * (1 - 1e-9))
    assert mixed.band(trigger, landing).objective >= best.objective * (1 - 1e-10)
    to_target = target_band(mixed)
    assert mixed.band(to_target.trigger * (1 + wider), 0.0).objective >= to_target.objective * (1 - 1e-10)
    assert best.objective <= to_target.objective * (1 + 1e-12)


@given(CASES)
def test_the_band_is_the_same_at_any_volatility(mixed: DriftingWeight) -> None:
    other = DriftingWeight(
        mixed.weight, mixed.volatility * 2, mixed.risk_aversion, mixed.fee_rate, mixed.fixed_cost
    )
    one, two = long_run_band(mixed), long_run_band(other)
    assert (one.trigger, one.landing) == (two.trigger, two.landing)
    assert two.objective == pytest.approx(4 * one.objective)


@given(CASES)
def test_the_parts_of_a_band_are_those_of_the_model(mixed: DriftingWeight) -> None:
    band = long_run_band(mixed)
    drifted = (mixed.weight * (1 - mixed.weight) * mixed.volatility) ** 2
    assert band.turnover == pytest.approx(drifted / (band.trigger + band.landing))
    assert band.trades_per_year == pytest.approx(drifted / (band.trigger**2 - band.landing**2), rel=1e-6)
    assert band.turnover == pytest.approx(band.trades_per_year * (band.trigger - band.landing), rel=1e-6)
    assert band.tracking_error_cost == pytest.approx(mixed.risk_aversion / 2 * band.tracking_error**2)
    assert band.objective == band.tracking_error_cost + band.fees + band.gas


def test_a_vanishing_cost_leads_to_the_band_of_the_other() -> None:
    edge = long_run_band(case(0.003, 0.0))
    assert edge.trigger == edge.landing == pytest.approx(fee_only_trigger(case()))
    assert (edge.trades_per_year, edge.gas) == (inf, 0.0)
    assert edge.turnover == pytest.approx(0.2**2 / (2 * edge.trigger))
    assert long_run_band(case(0.003, 1e-15)).trigger == pytest.approx(edge.trigger, rel=1e-3)
    gas = long_run_band(case(0.0, 1e-5))
    assert (gas.trigger, gas.landing) == (pytest.approx(gas_only_trigger(case(0.0, 1e-5))), 0.0)
    assert gas.trades_per_year == pytest.approx(0.2**2 / gas.trigger**2)
    assert gas.tracking_error == pytest.approx(0.8 * gas.trigger / sqrt(6))
    assert long_run_band(case(1e-12, 1e-5)).trigger == pytest.approx(gas.trigger, rel=1e-3)


def test_without_costs_the_target_is_held_without_a_break() -> None:
    for band in (long_run_band(case(0.0)), target_band(case(0.0))):
        assert (band.trigger, band.landing, band.objective) == (0.0, 0.0, 0.0)
        assert band.turnover == inf


def test_without_volatility_nothing_drifts_and_nothing_is_paid() -> None:
    band = long_run_band(case(0.003, 1e-4, volatility=0.0))
    assert (band.objective, band.turnover, band.trades_per_year, band.tracking_error) == (0, 0, 0, 0)
    assert band.trigger == long_run_band(case(0.003, 1e-4)).trigger


@pytest.mark.parametrize(
    ("weight", "fixed_cost", "reach"),
    [
        (0.5, 1e-5, Reach.BOTH),
        (0.02, 1e-2, Reach.ABOVE),
        (0.98, 1e-2, Reach.BELOW),
        (0.5, 1.0, Reach.NEVER),
    ],
)
def test_a_band_says_where_its_weight_can_meet_it(weight: float, fixed_cost: float, reach: Reach) -> None:
    assert long_run_band(case(0.003, fixed_cost, weight=weight)).reach is reach


# A budget of tracking error.


def test_under_fees_a_budget_of_tracking_error_gives_a_band_by_volatility() -> None:
    for volatility in (0.4, 0.8):
        band = band_of_tracking_error(case(volatility=volatility), 0.02)
        assert band.trigger == band.landing == pytest.approx(0.02 * sqrt(3) / volatility)
        assert band.tracking_error == pytest.approx(0.02)


def test_under_gas_a_budget_of_tracking_error_lands_on_the_target() -> None:
    band = band_of_tracking_error(case(0.0, 1e-4), 0.02)
    assert (band.trigger, band.landing) == (pytest.approx(0.02 * sqrt(6) / 0.8), 0.0)


@given(CASES, st.floats(0.001, 0.2), st.floats(0.0, 1.0))
def test_no_band_with_the_same_tracking_error_costs_less(
    mixed: DriftingWeight, budget: float, at: float
) -> None:
    best = band_of_tracking_error(mixed, budget)
    assert best.tracking_error == pytest.approx(budget)
    room = 6 * (budget / mixed.volatility) ** 2
    landing = at * sqrt(room / 2) * (1 - 1e-9)
    other = mixed.band(sqrt(room - landing**2), landing)
    assert best.fees + best.gas <= (other.fees + other.gas) * (1 + 1e-9)


def test_the_band_of_a_budget_is_the_best_for_some_risk_aversion() -> None:
    best = long_run_band(case(0.003, 3e-5))
    same = band_of_tracking_error(case(0.003, 3e-5, risk_aversion=1.0), best.tracking_error)
    assert (same.trigger, same.landing) == (pytest.approx(best.trigger), pytest.approx(best.landing))


# What is refused.


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"weight": 0.0}, "weight"),
        ({"weight": 1.0}, "weight"),
        ({"volatility": -0.1}, "volatility"),
        ({"volatility": float("nan")}, "volatility"),
        ({"risk_aversion": 0.0}, "risk_aversion"),
        ({"fee_rate": -0.001}, "fee_rate"),
        ({"fixed_cost": inf}, "fixed_cost"),
    ],
)
def test_a_drifting_weight_refuses(changes: dict[str, float], path: str) -> None:
    with pytest.raises(InputError) as refused:
        case(**changes)  # type: ignore[arg-type]
    assert refused.value.path == path


def test_bands_refuse_landings_beyond_the_trigger_and_budgets_that_bind_nothing() -> None:
    with pytest.raises(InputError, match="landing"):
        case().band(0.05, 0.06)
    with pytest.raises(InputError, match="volatility"):
        band_of_tracking_error(case(volatility=0.0), 0.02)
    with pytest.raises(InputError, match="tracking_error"):
        band_of_tracking_error(case(), 0.0)
    with pytest.raises(InputError, match="horizon_years"):
        one_shot_boundary(volatility=0.8, risk_aversion=3, horizon_years=0, fee_rate=0.003)


# Simulated weights.

OVERSHOOT = 0.5826
"""Mean overshoot of a random walk beyond a barrier, in steps (Siegmund 1979)."""


def simulated(
    mixed: DriftingWeight, band: Band, steps: int = 6_000, paths: int = 2_000, *, steady: bool = False
) -> tuple[float, ...]:
    """(mean squared drift, turnover a year, trades a year) of weights under geometric Brownian motion; where
    `steady`, of ones whose variance rate is everywhere that at the target, as the bands have it.

    The weight's odds are log-normal, so that each step is exact; what lies between two of them is made up
    for by barriers nearer by the mean overshoot.
    """
    aim, drawn = mixed.weight, np.random.default_rng(7)
    rate = mixed.weight * (1 - mixed.weight) * mixed.volatility
    gap = max(band.trigger - band.landing, band.trigger / 2)
    step = (gap / rate / 8) ** 2
    near = OVERSHOOT * rate * sqrt(step)
    pace = (aim - 0.5) * mixed.volatility**2 * step  # the target is where the weight has no drift
    edge = band.trigger - band.landing < near
    weight = np.full(paths, aim)
    squares = turnover = trades = 0.0
    for k in range(-steps // 5, steps):
        noise = sqrt(step) * drawn.standard_normal(paths)
        if steady:
            weight = weight + rate * noise
        else:
            weight = 1 / (1 + np.exp(-np.log(weight / (1 - weight)) - pace - mixed.volatility * noise))
        drift = weight - aim
        out = np.abs(drift) > band.trigger - near
        landing = np.sign(drift[out]) * ((band.trigger - near) if edge else band.landing)
        if k >= 0:
            squares += float((drift**2).sum()) / 2
            trades += int(out.sum())
            # What a barrier nearer by the overshoot sees as the crossing is the trigger itself.
            turnover += float(
                np.abs(drift[out] - landing).sum() if edge else out.sum() * (band.trigger - band.landing)
            )
        weight[out] = aim + landing
        if k >= 0:
            squares += float(((weight - aim) ** 2).sum()) / 2
    years = paths * steps * step
    return squares / (paths * steps), turnover / years, trades / years


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(
    ("fee_rate", "fixed_cost", "weight"),
    [(0.003, 0.0, 0.5), (0.0, 1e-5, 0.5), (0.0, 3e-4, 0.5), (0.003, 3e-4, 0.5), (0.003, 3e-6, 0.3)],
)
def test_simulated_weights_agree_with_the_long_run_band(
    fee_rate: float, fixed_cost: float, weight: float, steady: bool
) -> None:
    mixed = case(fee_rate, fixed_cost, weight=weight)
    band = long_run_band(mixed)
    squares, turnover, trades = simulated(mixed, band, steady=steady)
    found = mixed.risk_aversion / 2 * mixed.volatility**2 * squares + fee_rate * turnover
    found += fixed_cost * trades
    assert found == pytest.approx(band.objective, rel=0.02)
    assert mixed.volatility * sqrt(squares) == pytest.approx(band.tracking_error, rel=0.02)
    # The further a weight is from one half, the less it really moves: wide bands are met a little less often.
    rarer = 0.0 if steady or band.trigger < 0.05 else 0.01
    assert turnover == pytest.approx(band.turnover, rel=0.02 + rarer)


def test_simulated_weights_cost_more_in_other_bands() -> None:
    mixed = case(0.003, 3e-5)
    best = long_run_band(mixed)

    def cost(band: Band) -> float:
        squares, turnover, trades = simulated(mixed, band, steps=2_000)
        held = mixed.risk_aversion / 2 * mixed.volatility**2 * squares
        return held + mixed.fee_rate * turnover + mixed.fixed_cost * trades

    least = cost(best)
    for wider, further in [(0.6, 0.6), (1.6, 1.6), (1.0, 0.0), (1.3, 0.3)]:
        assert cost(mixed.band(best.trigger * wider, best.landing * further)) > least


@pytest.mark.parametrize("fee", [1e-90, 1e-30, 1e-3, 1e30])
@pytest.mark.parametrize("gas", [1e-90, 1e-30, 1e-3, 1e30])
@pytest.mark.parametrize("risk_aversion", [1e-90, 3.0, 1e90])
def test_bands_exist_however_far_apart_costs_are(fee: float, gas: float, risk_aversion: float) -> None:
    case = DriftingWeight(0.5, 0.8, risk_aversion, fee, gas)
    best, to_target = long_run_band(case), target_band(case)
    assert 0 <= best.landing <= best.trigger
    widest = gas_only_trigger(case) + 2 * fee_only_trigger(case)
    assert max(gas_only_trigger(case), fee_only_trigger(case)) * (1 - 1e-12) <= best.trigger <= widest
    assert best.trigger <= to_target.trigger * (1 + 1e-12)
