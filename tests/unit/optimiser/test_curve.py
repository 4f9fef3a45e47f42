"""Sampled curves against exact quotes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.optimiser.curve import Curve, sample
from router.pools.base import Pool
from tests import markets
from tests.markets import token, v2, v3, weighted

UNITS = {
    each.address: float(text) / 10**each.decimals
    for each, text in zip(markets.TOKENS, markets.PRICES, strict=True)
}


def curve(pool: Pool, sell: str, buy: str, limit: float) -> Curve:
    found = sample(pool, token(sell), token(buy), UNITS[token(sell)], UNITS[token(buy)], limit)
    assert found is not None
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [
            v2(0, "USD", "ETH", 1e6),
            v2(0, "USD", "ETH", 3e4, fee_pips=10000),
            v3(0, "USD", "ETH", 1e6, width=10, fee_pips=500),
            v3(0, "USD", "ETH", 1e5),
            weighted(0, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6),
        ]
    ),
    st.sampled_from([("USD", "ETH"), ("ETH", "USD")]),
    st.floats(0, 1),
)
def test_curve_meets_exact_quotes(pool: Pool, pair: tuple[str, str], share: float) -> None:
    sell, buy = pair
    found = curve(pool, sell, buy, 1e5)
    raw = int(share * found.limit / UNITS[token(sell)])
    if raw:
        exact = pool.quote_exact_in(token(sell), token(buy), raw) * UNITS[token(buy)]
        assert found.at(raw * UNITS[token(sell)])[0] == pytest.approx(exact, abs=2e-5 * found.limit)


def test_curve_rate_falls_and_starts_at_the_spot_price() -> None:
    found = curve(v3(0, "USD", "ETH", 1e6, width=5), "USD", "ETH", 1e6)
    assert found.at(0)[1] == pytest.approx(0.997)
    assert all(low <= high for low, high in pairwise(found.root))


def test_curve_rate_is_the_slope_of_what_is_paid() -> None:
    found = curve(v2(0, "USD", "ETH", 1e6), "USD", "ETH", 1e5)
    for value in (1e3, 3e4, 9e4):
        slope = (found.at(value + 1)[0] - found.at(value - 1)[0]) / 2
        assert found.at(value)[1] == pytest.approx(slope, rel=1e-6)


def test_curve_ends_where_the_pool_does() -> None:
    pool = weighted(0, {"USD": 50, "ETH": 50}, 1e5)
    assert curve(pool, "USD", "ETH", 1e6).limit == pytest.approx(0.3 * 5e4, rel=0.01)


def test_curve_clips_amounts_outside() -> None:
    found = curve(v2(0, "USD", "ETH", 1e6), "USD", "ETH", 1e4)
    assert found.at(-1) == found.at(0)
    assert found.at(2e4) == found.at(found.limit)


def test_curve_is_missing_where_a_pool_pays_nothing() -> None:
    pool = markets.UniswapV2Pool(markets.address(0), (token("USD"), token("ETH")), (10**30, 1), 3000)
    assert sample(pool, token("USD"), token("ETH"), 1e-6, 2e-15, 1e4) is None
