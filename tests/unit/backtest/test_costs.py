"""Costs in money: the tables that the engines read say what the curves say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backtest import Costs, Impact, kernel
from router.errors import InputError
from tests.unit.backtest.series import COSTS, curves

ASSETS = ("A", "B", "C")


def paid(costs: Costs, trade: np.ndarray, *, net: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Costs by part and money traded, from holdings of 1e6 in each asset and in cash."""
    units, parts, traded = np.full(4, 1e6), np.zeros(4), np.zeros(3)
    nav = 4e6 - (costs.fixed + sum(costs.leg(asset) for asset in ASSETS) if net else 0.0)
    landing = np.append(1e6 + trade, 1e6 - trade.sum()) / nav
    ended = kernel.rebalance_in_python(
        units, np.ones(4), landing, costs.tables(ASSETS).for_kernel(), net, traded, parts
    )
    assert ended == kernel.DONE
    return parts, traded


@pytest.mark.parametrize("name", sorted(COSTS))
@given(trade=st.tuples(*[st.floats(-2e5, 2e5).filter(lambda x: abs(x) > 1e-3)] * 3))
def test_a_rebalance_pays_what_the_curves_say(name: str, trade: tuple[float, float, float]) -> None:
    costs = COSTS[name]
    parts, traded = paid(costs, np.array(trade))
    assert traded == pytest.approx(trade, rel=1e-6)
    assert parts[0] == pytest.approx(costs.fee_rate * np.abs(traded).sum())
    impact = 0.0
    if costs.impact:
        for asset, value in zip(ASSETS, np.abs(traded), strict=True):
            power = (value / costs.impact.depth_of(asset)) ** costs.impact.exponent
            impact += costs.impact.rate * value * power
    assert parts[1] == pytest.approx(impact)
    pools = 0.0
    if costs.market:
        order = [ASSETS.index(asset) for asset in costs.market.curves.assets]
        pools = costs.market.curves.variable(traded[order] / costs.market.nav) * costs.market.nav
    assert parts[2] == pytest.approx(pools)
    assert parts[3] == pytest.approx(costs.fixed + sum(costs.leg(asset) for asset in ASSETS))


@pytest.mark.parametrize("name", sorted(COSTS))
@given(trade=st.tuples(*[st.floats(-2e5, 2e5).filter(lambda x: abs(x) > 1e-3)] * 3))
def test_net_of_its_cost_a_trade_moves_what_was_wanted(name: str, trade: tuple[float, float, float]) -> None:
    parts, traded = paid(COSTS[name], np.array(trade), net=True)
    moved = traded.sum() + parts[:3].sum()
    assert moved == pytest.approx(sum(trade), rel=1e-9, abs=1e-6)


def test_rates_are_average_costs() -> None:
    costs = COSTS["all"]
    values = np.array([5e4, -8e4, 1e3])
    alone = [paid(costs, np.where(np.arange(3) == i, values, 1e-9))[0][:3].sum() for i in range(3)]
    assert costs.rates(ASSETS, values) == pytest.approx(np.array(alone) / np.abs(values), rel=1e-6)
    assert costs.rates(ASSETS, np.zeros(3)) == pytest.approx([0.007] * 3)


def test_a_market_of_free_curves_still_takes_its_premium() -> None:
    from router.backtest import PoolCosts
    from router.strategy.costs import CostCurve, MarketCost

    free = (CostCurve(np.zeros(1), np.zeros(1)),) * 3
    costs = Costs(market=PoolCosts(MarketCost(ASSETS, free, free, premium_rate=0.001), 1e6))
    assert paid(costs, np.array([1e5, -5e4, 0.0]))[0].sum() == pytest.approx(50)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Costs(fee_rate=1.0), "costs.fee_rate"),
        (lambda: Costs(fee_rate=-0.1), "costs.fee_rate"),
        (lambda: Costs(gas=float("nan")), "costs.gas"),
        (lambda: Impact(-1, 1e6), "impact.rate"),
        (lambda: Impact(0.1, 0), "impact.depth"),
        (lambda: Impact(0.1, {"A": -1.0}), "impact.depth"),
        (lambda: Impact(0.1, 1e6, 0.0), "impact.exponent"),
    ],
)
def test_costs_that_are_none_are_refused(make: object, path: str) -> None:
    with pytest.raises(InputError) as found:
        make()  # type: ignore[operator]
    assert found.value.path == path


def test_a_depth_is_looked_up_by_asset() -> None:
    with pytest.raises(InputError, match="no depth for D"):
        COSTS["all"].tables(("A", "D"))
    assert curves("ABC", 1e6).curves.assets == ASSETS
