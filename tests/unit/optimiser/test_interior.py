"""The optimality conditions of the split, on small markets."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import HealthCheck, given, settings

from router.optimiser.interior import solve
from router.optimiser.market import Edge, Goal, Market
from router.pools.base import Pool
from tests import markets
from tests.markets import token, v2

TOKENS = tuple(each.address for each in markets.TOKENS)
UNITS = tuple(
    float(text) / 10**each.decimals for each, text in zip(markets.TOKENS, markets.PRICES, strict=True)
)


def market(pools: list[Pool], limit: float = 2e4) -> Market:
    edges = []
    for pool in pools:
        for sell in pool.tokens:
            for buy in pool.tokens:
                if sell != buy:
                    a, b = TOKENS.index(sell), TOKENS.index(buy)
                    rate = pool.spot_price(sell, buy) * UNITS[b] / UNITS[a]
                    edges.append(Edge(pool, sell, buy, a, b, UNITS[a], UNITS[b], rate, 1e6, 0.0, limit))
    return Market(TOKENS, UNITS, tuple(edges))


def goal(held: dict[str, float], wanted: dict[str, float]) -> Goal:
    amounts = [held.get(each.symbol, 0.0) for each in markets.TOKENS]
    weights = [wanted.get(each.symbol, 0.0) for each in markets.TOKENS]
    return Goal(tuple(amounts), tuple(weights), sum(amounts))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(markets.pools())
def test_marginal_rates_agree_on_every_used_edge(pools: list[Pool]) -> None:
    solution = solve(market(pools), goal({"USD": 1e4}, {"ETH": 0.5, "BTC": 0.5}), fair=True)
    if solution.residual > 1e-3:
        return  # not enough liquidity: some value stays unsold
    for flow in solution.flows:
        curve = flow.edge.curve
        assert curve is not None
        rate = curve.at(flow.value_in)[1] * min(1.0, 1 / flow.edge.rate)
        needed = exp(solution.log_prices[flow.edge.source] - solution.log_prices[flow.edge.sink])
        if 1 < flow.value_in < 0.999 * curve.limit:
            assert rate == pytest.approx(needed, rel=1e-4)


def test_value_is_reached_in_the_wanted_weights() -> None:
    pools: list[Pool] = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "BTC", 5e5)]
    solution = solve(market(pools), goal({"USD": 1e4}, {"ETH": 0.7, "BTC": 0.3}))
    got = {flow.edge.token_out: flow.value_out for flow in solution.flows if flow.value_in > 1}
    assert got[token("ETH")] == pytest.approx(0.7 * solution.value, rel=1e-6)
    assert got[token("BTC")] == pytest.approx(0.3 * solution.value, rel=1e-6)
    assert solution.residual < 1e-3


def test_unsold_value_shows_as_imbalance() -> None:
    pools: list[Pool] = [markets.v3(0, "USD", "ETH", 1e3, width=5, fee_pips=500)]
    solution = solve(market(pools), goal({"USD": 1e4}, {"ETH": 1.0}))
    assert solution.imbalance[0] > 5e3
