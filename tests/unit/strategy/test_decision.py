"""Decisions: the closed form where there is one, never worse than doing nothing, and why."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from router.errors import InfeasibleWeights, InputError, Unsolved
from router.strategy import decision as decision_module
from router.strategy.bands import one_shot_boundary
from router.strategy.costs import CostCurve, MarketCost
from router.strategy.decision import Aim, Decision, Reason, decide
from tests.unit.strategy.trade_cases import CASH, curve, random_problem, with_legs

HORIZON = 30 / 365
COST = MarketCost.proportional(("WETH", "USDC"), 0.003, 3e-5, cash="USDC")


def decided(drift: float, cost: MarketCost = COST, **changes: object) -> Decision:
    given: dict[str, object] = {"nav": 1e6, "risk_aversion": 3.0, "horizon_years": HORIZON} | changes
    return decide(
        np.array([0.5 + drift, 0.5 - drift]),
        np.array([0.5, 0.5]),
        np.diag([0.64, 0.0]),
        cost,
        **given,  # type: ignore[arg-type]
    )


def decision_of(seed: int, assets: int = 4, **changes: object) -> Decision:
    problem = random_problem(seed, assets, horizon_years=0.25, **changes)  # type: ignore[arg-type]
    return decide(
        problem.weights,
        problem.targets,
        problem.pull / (3 * 0.25),
        problem.cost,
        nav=1e6,
        risk_aversion=3.0,
        horizon_years=0.25,
    )


# One risky asset and cash: the closed form.


@pytest.mark.parametrize("drift", [0.09, 0.0386, 0.2, 0.49])
def test_one_risky_asset_lands_where_the_closed_form_does(drift: float) -> None:
    found = decided(drift)
    assert found.trade
    assert (found.aim, found.reason) == (Aim.EDGE, Reason.PAYS)
    assert found.problem.weights[0] + found.changes[0] - 0.5 == pytest.approx(0.003 / 0.15780822, abs=1e-9)
    assert found.benefit.net == pytest.approx(found.scalar.net_benefit(drift), abs=1e-15)
    assert found.traded == ("WETH", "USDC")
    assert found.landing.sum() == pytest.approx(1.0, abs=1e-15)


def test_the_net_benefit_is_the_published_figure() -> None:
    assert decided(0.09).benefit.net == pytest.approx(3.676389e-4, abs=5e-11)


def test_the_scalar_case_is_the_one_shot_boundary() -> None:
    boundary = one_shot_boundary(
        volatility=0.8, risk_aversion=3, horizon_years=HORIZON, fee_rate=0.003, fixed_cost=3e-5
    )
    alone = decided(0.09).scalar
    assert (alone.landing, alone.trigger) == (
        pytest.approx(boundary.landing, rel=1e-14),
        pytest.approx(boundary.trigger, rel=1e-14),
    )


@pytest.mark.parametrize("drift", [0.3, 0.04, 0.0386, 0.0384, 0.02, 0.01, -0.1])
def test_the_break_even_drift_is_the_published_figure(drift: float) -> None:
    assert decided(drift).break_even_drift == pytest.approx(0.03850935, abs=5e-9)


@pytest.mark.parametrize(("drift", "pays"), [(0.0385094, True), (0.0385093, False)])
def test_the_decision_turns_at_the_break_even_drift(drift: float, pays: bool) -> None:
    assert decided(drift).trade is pays


# Reasons.


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        (0.09, Reason.PAYS),
        (0.038, Reason.BELOW_FIXED_COST),
        (0.0191, Reason.BELOW_FIXED_COST),
        (0.019, Reason.INSIDE_REGION),
        (0.0, Reason.AT_TARGET),
    ],
)
def test_every_decision_has_its_reason(drift: float, reason: Reason) -> None:
    found = decided(drift)
    assert found.reason is reason
    assert found.trade is (reason is Reason.PAYS)
    if not found.trade:
        assert found.aim is Aim.NONE
        assert not found.changes.any()
        assert found.traded == ()
        assert found.landing == pytest.approx(found.problem.weights)


def test_without_depth_nothing_is_traded_and_the_reason_is_depth() -> None:
    shut = CostCurve(np.array([0.0, 1.0]), np.array([0.0, 0.003]), depth=0.0)
    cost = MarketCost(("WETH", "USDC"), (shut, shut), (shut, shut))
    assert decided(0.09, cost).reason is Reason.NO_DEPTH


def test_a_solver_that_fails_means_no_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(problem: object) -> None:
        raise Unsolved("CLARABEL ended as unbounded")

    monkeypatch.setattr(decision_module, "best_choice", fail)
    found = decided(0.09)
    assert (found.trade, found.reason) == (False, Reason.UNSOLVED)
    assert "unbounded" in found.explanation


def test_limits_that_are_broken_make_a_trade_due() -> None:
    found = decided(0.03, caps={"WETH": 0.52})
    assert (found.trade, found.reason) == (True, Reason.LIMIT_BROKEN)
    assert found.benefit.net < 0
    assert found.problem.weights[0] + found.changes[0] == pytest.approx(0.519, abs=1e-3)
    assert "WETH beyond limits" in found.explanation
    assert decided(0.03, caps={"WETH": 0.54}).trade is False


@pytest.mark.parametrize(("over", "reason"), [(0.9e-4, Reason.TOO_SMALL), (1.2e-4, Reason.LIMIT_BROKEN)])
def test_limits_broken_by_less_than_a_plan_can_mend_wait(over: float, reason: Reason) -> None:
    found = decided(0.015, caps={"WETH": 0.515 - over})
    assert (found.trade, found.reason) == (reason is Reason.LIMIT_BROKEN, reason)
    assert ("more than 1 bp" in found.explanation) is (reason is Reason.TOO_SMALL)


def test_limits_beyond_depth_are_refused() -> None:
    thin = CostCurve(np.array([0.0, 1.0]), np.array([0.0, 0.003]), depth=0.01)
    cost = MarketCost(("WETH", "USDC"), (thin, thin), (thin, thin))
    with pytest.raises(InfeasibleWeights, match="WETH"):
        decided(0.09, cost, caps={"WETH": 0.52})


def test_a_portfolio_without_value_is_refused() -> None:
    with pytest.raises(InputError, match="nav"):
        decided(0.09, nav=0.0)


# Where a trade lands.


def test_without_fees_a_trade_lands_on_the_target() -> None:
    found = decided(0.09, MarketCost.proportional(("WETH", "USDC"), 0.0, 1e-5))
    assert found.aim is Aim.TARGET
    assert found.landing == pytest.approx([0.5, 0.5], abs=1e-9)


def test_impact_and_depth_end_a_trade_part_way() -> None:
    steep = CostCurve(np.array([0.0, 0.01, 0.02]), np.array([0.0, 1e-5, 2e-4]))
    free = CostCurve.proportional(0.0)
    impact = decided(0.09, MarketCost(("WETH", "USDC"), (steep, free), (steep, free)))
    assert impact.aim is Aim.PART
    assert impact.benefit.impact > 0
    thin = CostCurve(np.array([0.0, 1.0]), np.array([0.0, 0.001]), depth=0.02)
    shallow = decided(0.09, MarketCost(("WETH", "USDC"), (thin, free), (thin, free)))
    assert shallow.aim is Aim.PART
    assert shallow.changes[0] == pytest.approx(-0.02)


# What it nets.


def test_the_parts_add_up_and_count_in_bp_and_money() -> None:
    cost = replace(COST, premium_rate=0.0005)
    found = decided(0.09, cost)
    parts, sold = found.benefit, -found.changes[0]
    assert parts.fees == pytest.approx(0.003 * sold)
    assert parts.premium == pytest.approx(0.0005 * sold)
    assert (parts.impact, parts.gas) == (0.0, 3e-5)
    assert parts.net == pytest.approx(parts.tracking_error - found.problem.cost.of(found.changes))
    assert found.money["net"] == pytest.approx(parts.net * 1e6)
    assert parts.times(1e4)["net"] == pytest.approx(parts.net * 1e4)
    assert set(parts.times(1)) == {"tracking_error", "fees", "impact", "premium", "gas", "cost", "net"}


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("cash", [True, False])
def test_no_decision_is_worse_than_doing_nothing(pieces: int, cash: bool) -> None:
    traded = 0
    for seed in range(20):
        found = decision_of(seed, pieces=pieces, cash=cash, fixed=1e-3)
        problem = found.problem
        after = problem.drift_cost(problem.weights + found.changes) + problem.cost.of(found.changes)
        assert after <= problem.drift_cost(problem.weights)
        assert found.landing.min() >= 0
        assert found.landing.sum() == pytest.approx(1)
        assert found.trade == (found.benefit.net > 0)
        traded += found.trade
    assert 0 < traded < 20


@pytest.mark.parametrize("cash", [True, False])
def test_many_assets_break_even_where_the_net_benefit_is_0(cash: bool) -> None:
    checked = 0
    for seed in range(8):
        found = decision_of(seed, pieces=2, cash=cash, fixed=1e-4)
        share = found.break_even_drift / found.drift
        if share == inf:
            continue
        problem = found.problem
        for step, sign in ((0.999, -1), (1.001, 1)):
            there = problem.moved(problem.targets + step * share * problem.deviations)
            net = decide(
                there.weights,
                there.targets,
                problem.pull,
                problem.cost,
                nav=1e6,
                risk_aversion=1.0,
                horizon_years=1.0,
            ).benefit.net
            assert net * sign > 0
            assert abs(net) < 1e-5
        checked += 1
    assert checked >= 3


def test_no_drift_pays_where_there_is_no_risk() -> None:
    found = decide(
        np.array([0.7, 0.3]),
        np.array([0.5, 0.5]),
        np.zeros((2, 2)),
        COST,
        nav=1e6,
        risk_aversion=3,
        horizon_years=1,
    )
    assert found.reason is Reason.INSIDE_REGION
    assert found.break_even_drift == inf
    assert "no drift this way pays" in found.explanation


def test_gas_that_eats_a_small_portfolio_leaves_nothing_that_pays() -> None:
    found = decided(0.2, MarketCost.proportional(("WETH", "USDC"), 0.003, 0.05, cash="USDC"))
    assert (found.trade, found.break_even_drift) == (False, inf)


def test_assets_whose_gas_is_more_than_they_gain_are_left_alone() -> None:
    problem = with_legs(random_problem(2, assets=5, horizon_years=0.25), 1e-3)
    found = decide(
        problem.weights,
        problem.targets,
        problem.pull,
        problem.cost,
        nav=1e6,
        risk_aversion=1,
        horizon_years=1,
    )
    assert len(found.traded) == 2
    assert CASH in found.traded
    assert found.benefit.gas == pytest.approx(1e-3 + 3e-5)


# Words.


def test_a_trade_is_explained_by_its_figures() -> None:
    words = decided(0.09).explanation
    for part in ("6.11 bp of tracking-error cost over 30 days", "2.13 bp fees", "0.30 bp gas", "+3.68 bp"):
        assert part in words
    assert "pays beyond a drift of 3.85%, now 9.00%" in words
    assert "fees hold back 1.90% and gas 1.95% more" in words


def test_holding_is_explained_by_the_drift_it_would_take() -> None:
    assert "pays beyond a drift of 3.85%, now 1.00%" in decided(0.01).explanation
    assert decided(0.0).explanation == "every weight is at its target"


def test_curves_of_different_lengths_share_a_program() -> None:
    drawn = np.random.default_rng(2)
    curves = (curve(drawn, 1), curve(drawn, 5), CostCurve(np.zeros(1), np.zeros(1)))
    found = decide(
        np.array([0.5, 0.3, 0.2]),
        np.array([0.4, 0.4, 0.2]),
        np.diag([0.6, 0.5, 0.0]),
        MarketCost(("WETH", "WBTC", "USDC"), curves, curves),
        nav=1e6,
        risk_aversion=3,
        horizon_years=0.5,
    )
    assert found.trade
    assert found.benefit.net > 0
