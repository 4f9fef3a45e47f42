"""The best flows for shares within limits, in floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.errors import RouterError
from router.optimiser.dual import solve
from router.planner.gas import gas_price_of
from router.planner.land import best_flows
from router.planner.problem import Problem, pose
from router.planner.universe import universe_of
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Landing, TokenRule, Trade
from tests import markets
from tests.markets import SYMBOLS, portfolio, snapshot, v2
from tests.targets import SOME, ruled

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
ROOM = 1e-7
"""How far floats may be off, as a share of the value."""


def problem(
    pools: Sequence[Pool], held: dict[str, float], wanted: dict[str, float], **changes: Any
) -> Problem:
    valuation = Valuation(snapshot(pools), portfolio(held, wanted, **changes))
    price = gas_price_of(valuation)
    return pose(valuation, universe_of(valuation, price), price)


def test_exact_shares_are_met() -> None:
    posed = problem(SOME, {"USD": 9e4}, {"USD": 0.3, "ETH": 0.5, "BTC": 0.2})
    solution = best_flows(posed, posed.market)
    shares = posed.shares_after(solution)
    assert solution.converged
    for each, share in posed.shares.items():
        assert shares[each] == pytest.approx(share.wanted, abs=ROOM)


def test_of_joined_tokens_the_market_may_choose() -> None:
    pools = [v2(0, "USD", "ETH", 1e6, fee_pips=0), v2(1, "USD", "BTC", 1e6, fee_pips=0)]
    posed = problem(
        pools,
        {"USD": 1e5},
        {"USD": 0.4, "ETH": 0.3, "BTC": 0.3},
        landing=Landing.BAND,
        rules=ruled(USD=TokenRule(tolerance_bps=1_000), ETH=TokenRule(tolerance_bps=3_000)),
        tolerance_bps=3_000,
    )
    solution = best_flows(posed, posed.market)
    shares = {posed.valuation.symbol(each): share for each, share in posed.shares_after(solution).items()}
    assert shares["USD"] == pytest.approx(0.5, abs=1e-6)
    assert shares["ETH"] == pytest.approx(shares["BTC"], rel=1e-6)


@SLOW
@given(
    markets.pools(),
    markets.values(),
    markets.weights(),
    st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from((Trade.BUY, Trade.SELL)), max_size=2),
    st.sampled_from((20, 200, 2_000)),
    st.dictionaries(st.sampled_from(SYMBOLS), st.floats(0, 1), min_size=5),
)
def test_no_shares_within_the_limits_are_worth_more(
    pools: list[Pool],
    held: dict[str, float],
    wanted: dict[str, float],
    trades: dict[str, Trade],
    tolerance: int,
    parts: dict[str, float],
) -> None:
    rules = ruled(**{symbol: TokenRule(trade) for symbol, trade in trades.items()})
    try:
        posed = problem(pools, held, wanted, landing=Landing.BAND, tolerance_bps=tolerance, rules=rules)
    except RouterError:
        return
    assume(posed.shares)
    solution = best_flows(posed, posed.market)
    assume(solution.converged)
    limits = posed.limits(solution.value if posed.fluid else posed.value)
    final = posed.shares_after(solution)
    for each, (low, high) in limits.items():
        assert low - ROOM <= final[each] <= high + ROOM
    other = {
        each: low + parts[posed.valuation.symbol(each)] * (high - low) for each, (low, high) in limits.items()
    }
    rest = 1 - sum(other.values())
    for each in sorted(other):
        low, high = limits[each]
        moved = min(max(other[each] + rest, low), high)
        rest -= moved - other[each]
        other[each] = moved
    assume(abs(rest) < 1e-12)
    rival = solve(posed.market, posed.goal(posed.market, other))
    if rival.converged and not posed.fluid:
        assert solution.value >= rival.value * (1 - ROOM)
