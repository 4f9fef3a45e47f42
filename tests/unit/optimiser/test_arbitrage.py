"""Arbitrage oracles against the pools' own integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router import certificate
from router.errors import PoolError
from router.optimiser.arbitrage import Trade, venue
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address
from tests import markets, strategies

OUTWARD = 1 + 1e-12
FLOOR = 1e-27
"""What rounding outward adds, as a share of the pool, where there is no profit to speak of."""
OFFSETS = st.floats(-0.2, 0.2)


def everything(pool: Pool) -> dict[tuple[Address, Address], bool]:
    return {(one, other): True for one in pool.tokens for other in pool.tokens if one != other}


def best(pool: Pool, prices: Mapping[Address, float], allowed: Any = None) -> Trade:
    place = {token: k for k, token in enumerate(pool.tokens)}
    found = venue(pool, place, everything(pool) if allowed is None else allowed)
    return (0.0, (0.0,) * len(place)) if found is None else found.best([prices[t] for t in pool.tokens])


def near_prices(data: st.DataObject, pool: Pool) -> dict[Address, float]:
    """Prices up to 20 % off the pool's own."""
    first = pool.tokens[0]
    own = {first: 1.0} | {token: pool.spot_price(token, first) for token in pool.tokens[1:]}
    assume(all(1e-40 < price < 1e40 for price in own.values()))
    return {token: price * (1 + data.draw(OFFSETS)) for token, price in own.items()}


def size(pool: Any, prices: Mapping[Address, float]) -> float:
    """Value of the pool's balances; of the virtual ones where liquidity is concentrated."""
    if isinstance(pool, UniswapV3Pool):
        return 2 * prices[pool.tokens[1]] * pool.liquidity * pool.sqrt_price_x96 / 2**96
    amounts = pool.reserves if isinstance(pool, UniswapV2Pool) else pool.balances
    return sum(prices[token] * amount for token, amount in zip(pool.tokens, amounts, strict=True))


def earned(pool: Pool, prices: Mapping[Address, float], one: Address, other: Address, amount: int) -> float:
    return prices[other] * pool.quote_exact_in(one, other, amount) - prices[one] * amount


@settings(max_examples=150, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_no_sequence_of_swaps_earns_more_than_the_oracle_says(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    most = best(pool, prices)[0]
    profit, traded = 0.0, 0.0
    after: Any = pool
    for _ in range(data.draw(st.integers(1, 4))):
        one, other = data.draw(st.permutations(pool.tokens))[:2]
        amount = data.draw(strategies.magnitudes(1, 28))
        try:
            paid, after = after.swap(one, other, amount)
        except PoolError:
            continue
        profit += prices[other] * paid - prices[one] * amount
        traded += prices[other] * paid + prices[one] * amount
        assert profit <= most * OUTWARD + 1e-14 * traded


@settings(max_examples=60, deadline=None)
@given(pool=st.one_of(strategies.uniswap_v2_pools(), strategies.uniswap_v3_pools()), data=st.data())
def test_brute_force_over_quotes_finds_what_the_oracle_says(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    most, gains = best(pool, prices)
    one, other = pool.tokens if gains[0] < 0 else pool.tokens[::-1]
    sold = -min(gains)
    assume(sold > 1e6 and max(gains) > 1e6)
    found = 0.0
    for share in (0.999, 0.9999, 1 - 1e-6, 1 - 1e-9, 1.0):
        try:
            found = max(found, earned(pool, prices, one, other, int(sold * share)))
        except PoolError:
            continue
    ticks_crossed = 100
    assert found >= most * (1 - 1e-6) - ticks_crossed * (prices[one] + prices[other])


@settings(max_examples=40, deadline=None)
@given(pool=strategies.uniswap_v2_pools(), data=st.data())
def test_no_amount_of_a_search_beats_the_oracle(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    one, other = pool.tokens
    low, high = 1, 10**31

    def at(amount: int) -> float:
        try:
            return earned(pool, prices, one, other, amount)
        except PoolError:
            return -prices[one] * amount

    for _ in range(120):
        third = (high - low) // 3
        if at(low + third) < at(high - third):
            low += third
        else:
            high -= third
    backward = {(one, other): True, (other, one): False}
    assert at(low) <= best(pool, prices, backward)[0] * OUTWARD + 1e-14 * prices[one] * low


def test_pairs_of_a_weighted_pool_reach_most_of_the_joint_trade() -> None:
    pool = markets.weighted(1, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6, fee_pips=1000)
    prices = {
        token.address: float(price) / 10**token.decimals
        for token, price in zip(markets.TOKENS, markets.PRICES, strict=True)
    }
    prices[markets.token("ETH")] *= 1.03
    prices[markets.token("BTC")] *= 1.02
    most, gains = best(pool, prices)
    usd, eth, btc = (pool.tokens.index(markets.token(name)) for name in ("USD", "ETH", "BTC"))
    assert gains[usd] < 0 < min(gains[eth], gains[btc])
    profit, after = 0.0, pool
    for place in (eth, btc):
        amount = int(
            -gains[usd]
            * prices[pool.tokens[place]]
            * gains[place]
            / sum(prices[pool.tokens[k]] * gains[k] for k in (eth, btc))
        )
        paid, after = after.swap(pool.tokens[usd], pool.tokens[place], amount)
        profit += prices[pool.tokens[place]] * paid - prices[pool.tokens[usd]] * amount
    assert 0.95 * most < profit <= most


@settings(max_examples=150, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_the_checker_s_own_formulas_agree(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    most, gains = best(pool, prices)
    other = certificate._profit(pool, prices, frozenset(everything(pool)))
    moved = sum(abs(gain) * prices[token] for gain, token in zip(gains, pool.tokens, strict=True))
    assert abs(most - other) <= 1e-9 * other + 1e-12 * moved + FLOOR * size(pool, prices)


@settings(max_examples=80, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_the_trade_is_worth_the_profit(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    most, gains = best(pool, prices)
    worth = [gain * prices[token] for gain, token in zip(gains, pool.tokens, strict=True)]
    moved = sum(map(abs, worth))
    assert abs(most - sum(worth)) <= 1e-8 * most + 1e-11 * moved + 1e-14 * size(pool, prices)


@settings(max_examples=80, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_refused_directions_earn_nothing(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    barred = data.draw(st.sampled_from(pool.tokens))
    allowed = {pair: pair[1] != barred for pair in everything(pool)}
    gains = best(pool, prices, allowed)[1]
    assert gains[pool.tokens.index(barred)] <= 0
    assert best(pool, prices, dict.fromkeys(allowed, False))[0] == 0


@settings(max_examples=80, deadline=None)
@given(pool=strategies.hostile_pools())
def test_hostile_pools_end_in_a_figure(pool: Pool) -> None:
    prices = dict.fromkeys(pool.tokens, 1.0)
    try:
        assert best(pool, prices)[0] >= 0
    except ArithmeticError:
        assert max(getattr(pool, "weights", (0,))) > 10**18 - 10**7
