"""Both engines: the same run to the last bit, value conserved, and nothing known before its time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backtest import Backtest, Costs, Engine, FeeConvention, Observation, Prices, policy_of, run
from router.backtest.costs import Impact
from router.errors import InputError, Unaffordable
from tests.unit.backtest.series import COSTS, NAMES, prices_of, random_prices, studies, study_of

SAME = 1e-12


def weigh(study: Backtest, prices: Prices) -> Backtest:
    return replace(study, prices=prices)


@given(study=studies(), name=st.sampled_from(NAMES))
def test_both_engines_do_the_same(study: Backtest, name: str) -> None:
    fast, slow = run(study, name, Engine.VECTORISED), run(study, name, Engine.EVENT_DRIVEN)
    assert (fast.ledger.rows == slow.ledger.rows).all()
    for field in ("units", "traded", "costs"):
        assert getattr(fast.ledger, field) == pytest.approx(getattr(slow.ledger, field), rel=SAME, abs=1e-9)
    assert fast.stop == slow.stop
    assert fast.final == pytest.approx(slow.final, rel=SAME)


@given(study=studies(), name=st.sampled_from((*NAMES, "default")))
def test_value_is_conserved(study: Backtest, name: str) -> None:
    """NAV after a rebalance is NAV before it less its costs; between rebalances only prices move it."""
    result = run(study, name)
    units = np.zeros((result.rows, len(result.assets)))
    units[0, -1] = study.initial
    units[1:] = result.units[:-1]
    before = (units * study.values[: result.rows]).sum(axis=1)
    costs = np.zeros(result.rows)
    costs[result.ledger.rows] = result.ledger.costs.sum(axis=1)
    assert result.equity == pytest.approx(before - costs, rel=1e-12)
    assert (costs >= 0).all()
    assert (result.units >= -1e-9 * study.initial).all()


@given(seed=st.integers(0, 1000), shares=st.tuples(*[st.floats(0.0, 0.33)] * 3))
def test_daily_rebalancing_without_costs_is_the_product_of_weighted_relatives(
    seed: int, shares: tuple[float, float, float]
) -> None:
    prices = random_prices(seed, rows=50)
    study = study_of(prices, shares)
    relatives = 1 + prices.returns()
    wealth = np.prod(relatives @ np.array(shares) + study.weights[-1])
    assert run(study, "calendar_1").final == pytest.approx(1e6 * wealth, rel=1e-10)


@given(study=studies(), name=st.sampled_from((*NAMES, "default")), order=st.permutations([0, 1, 2]))
def test_the_order_of_assets_changes_nothing(study: Backtest, name: str, order: list[int]) -> None:
    renamed = study.prices.select([study.prices.assets[index] for index in order])
    one, other = run(study, name), run(weigh(study, renamed), name)
    assert other.final == pytest.approx(one.final, rel=1e-9)
    assert (other.ledger.rows == one.ledger.rows).all()
    assert other.ledger.costs.sum(axis=0) == pytest.approx(one.ledger.costs.sum(axis=0), rel=1e-6, abs=1e-6)


@given(study=studies(), name=st.sampled_from((*NAMES, "default")), power=st.integers(-6, 6))
def test_without_fixed_costs_everything_scales_with_the_value(study: Backtest, name: str, power: int) -> None:
    study = replace(study, costs=Costs(fee_rate=study.costs.fee_rate))
    scaled = replace(study, initial=study.initial * 2.0**power)
    one, other = run(study, name), run(scaled, name)
    assert other.equity == pytest.approx(one.equity * 2.0**power, rel=1e-12)
    assert other.cost == pytest.approx(one.cost * 2.0**power, rel=1e-9, abs=1e-9)
    assert other.tracking_error == pytest.approx(one.tracking_error, rel=1e-9, abs=1e-12)


@given(study=studies(), name=st.sampled_from((*NAMES, "default")), data=st.data())
def test_no_decision_depends_on_later_prices(study: Backtest, name: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(study.prices)))
    seed = data.draw(st.integers(0, 99))
    values = study.prices.values.copy()
    values[cut:] *= np.exp(np.random.default_rng(seed).normal(0, 0.5, values[cut:].shape))
    changed = weigh(study, Prices(study.prices.times, study.prices.assets, values))
    for engine in (Engine.AUTO, Engine.EVENT_DRIVEN):
        one, other = run(study, name, engine).ledger, run(changed, name, engine).ledger
        past = int(np.searchsorted(one.rows, cut))
        assert (one.rows[:past] == other.rows[: np.searchsorted(other.rows, cut)]).all()
        assert (one.units[:past] == other.units[:past]).all()


class Peeker:
    """Looks for anything behind the present row."""

    name = "peeker"

    def __init__(self) -> None:
        self.rows: list[int] = []

    def decide(self, observation: Observation) -> Any:
        row = observation.row
        self.rows.append(row)
        assert observation.prices.shape == (row + 1, 3)
        assert not np.isnan(observation.prices).any()
        assert len(observation.times) == row + 1
        for array in (observation.prices, observation.times):
            whole: Any = array
            while whole is not None:
                assert (
                    np.isnat(whole[row + 1 :]).all()
                    if whole.dtype.kind == "M"
                    else np.isnan(whole[row + 1 :]).all()
                )
                whole = whole.base
        for array in (observation.prices, observation.times, observation.weights, observation.targets):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[0]
        return observation.targets if row == 0 else None


def test_a_policy_is_shown_the_past_alone_and_cannot_write_to_it() -> None:
    peeker = Peeker()
    result = run(study_of(random_prices(5, rows=20)), peeker)
    assert peeker.rows == list(range(20))
    assert result.rebalances == 1
    assert result.policy == "peeker"


class Lands:
    name = "lands"

    def __init__(self, *weights: float) -> None:
        self.weights = np.array(weights)

    def decide(self, observation: Observation) -> Any:
        return self.weights


@pytest.mark.parametrize(
    "weights", [(0.5, 0.6, 0, 0), (1.2, -0.2, 0, 0), (np.nan, 0.5, 0.5, 0), (0.5, 0.5, 0), (1, 0, 0, 0, 0)]
)
def test_a_policy_that_lands_on_no_weights_is_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="lands: lands on weights"):
        run(study_of(random_prices(6, rows=5)), Lands(*weights))


class Rotates:
    """All of it into one asset, and on each later row into the next."""

    name = "rotates"

    def decide(self, observation: Observation) -> Any:
        return np.roll([1.0, 0.0, 0.0, 0.0], observation.row % 3).tolist()


@pytest.mark.parametrize("costs", ["fees", "impact", "pools", "all"])
def test_a_policy_that_rotates_is_never_short_of_anything(costs: str) -> None:
    result = run(study_of(random_prices(9, rows=30), costs=COSTS[costs]), Rotates())
    assert result.stop is None
    assert result.rebalances == 30
    assert result.weights.min() > -1e-12
    assert result.weights.max(axis=1) == pytest.approx(1)


def test_the_vectorised_engine_refuses_what_it_does_not_know() -> None:
    with pytest.raises(InputError, match="does not know peeker"):
        run(study_of(random_prices(7, rows=5)), Peeker(), Engine.VECTORISED)


@pytest.mark.parametrize("engine", [Engine.VECTORISED, Engine.EVENT_DRIVEN])
@pytest.mark.parametrize("convention", list(FeeConvention))
def test_gas_eats_a_small_portfolio_and_the_run_says_so(engine: Engine, convention: FeeConvention) -> None:
    study = study_of(random_prices(8, rows=400), costs=Costs(gas=30), convention=convention, initial=9000)
    result = run(study, "calendar_1", engine)
    assert result.stop is not None
    assert result.stop.row < 310
    assert result.rows == len(result.equity) == len(result.drift) == result.stop.row + 1
    reason = "insolvent" if convention is FeeConvention.NET_OF_FEE else "unaffordable"
    assert reason in result.stop.reason
    assert result.final > 0
    assert result.objective == float("inf")
    assert result.metrics["objective_bps_per_year"] is None


@pytest.mark.parametrize("engine", [Engine.VECTORISED, Engine.EVENT_DRIVEN])
def test_weights_that_cost_more_than_there_is_are_refused(engine: Engine) -> None:
    prices = prices_of([[1.0], [1.1]])
    for costs in (Costs(fee_rate=0.003), Costs(gas=10), Costs(impact=Impact(0.01, 1e6))):
        study = study_of(prices, (1.0,), costs, FeeConvention.FEE_FROM_CASH)
        with pytest.raises(Unaffordable, match=r"hold: the first purchase is unaffordable.* net_of_fee"):
            run(study, "hold", engine)
        assert run(replace(study, convention=FeeConvention.NET_OF_FEE), "hold", engine).stop is None
    with pytest.raises(Unaffordable, match="insolvent"):
        run(study_of(prices, (0.5,), Costs(gas=2e6)), "hold", engine)


def test_a_rebalance_that_changes_nothing_costs_nothing() -> None:
    study = study_of(prices_of([[2.0, 4.0]] * 6), (0.25, 0.25), COSTS["fees"])
    result = run(replace(study, costs=Costs(gas=5)), "calendar_1", Engine.EVENT_DRIVEN)
    assert result.rebalances == 1
    assert result.cost == 5


def test_one_policy_object_serves_one_run_after_another() -> None:
    study = study_of(random_prices(9, rows=200), costs=COSTS["fees"])
    policy = policy_of("default")
    first, again = run(study, policy), run(study, policy)
    assert (first.ledger.rows == again.ledger.rows).all()
    assert (first.ledger.units == again.ledger.units).all()
