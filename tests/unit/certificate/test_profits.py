"""Every AMM's best profit, against what its exact integers pay."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import exp, log
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from router.certificate.profits import Prices, profit
from router.errors import PoolError
from router.fixed_point import WAD
from router.optimiser.profits import most_profit
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address
from tests import markets
from tests.optimiser_markets import Coin, coins, market, weighted

REFERENCE = {
    token.address: float(price) / 10**token.decimals
    for token, price in zip(markets.TOKENS, markets.PRICES, strict=True)
}
TIGHT = 1e-6
PAIRS: tuple[Pool, ...] = (
    markets.v2(0, "USD", "ETH", 2e6),
    markets.v2(1, "BTC", "GOV", 3e4, fee_pips=0, skew=1.01),
    markets.v3(2, "USD", "ETH", 5e6, fee_pips=500),
    markets.v3(3, "GOV", "ETH", 4e5, width=3),
    markets.weighted(4, {"USD": 80, "BTC": 20}, 3e6),
    markets.weighted(5, {"ETH": 50, "GOV": 50}, 1e5, fee_pips=10000),
)
SKEWS = (0.2, 0.8, 0.97, 1.0, 1.004, 1.03, 1.5, 6.0)


def every(pool: Pool) -> set[tuple[Address, Address]]:
    return set(permutations(pool.tokens, 2))


def skewed(pool: Pool, skew: float) -> Prices:
    """Reference prices, that of the pool's last token multiplied."""
    return {token: REFERENCE[token] * (skew if token == pool.tokens[-1] else 1) for token in pool.tokens}


def earned(pool: Pool, nu: Prices, one: Address, other: Address, amount: int) -> float:
    """By an exact quote; nothing where the pool refuses."""
    try:
        paid = pool.quote_exact_in(one, other, amount)
    except PoolError:
        return 0.0
    return float(Fraction(nu[other]) * paid - Fraction(nu[one]) * amount)


def best_quote(pool: Pool, nu: Prices, one: Address, other: Address) -> float:
    """The most that any amount earns: a grid of amounts, then ever finer ones around the best."""
    low, high, best = 0.0, log(2**120), (0.0, 0.0)
    for _ in range(14):
        places = np.linspace(low, high, 41)
        best = max(best, *((earned(pool, nu, one, other, int(exp(each))), float(each)) for each in places))
        width = (high - low) / 20
        low, high = max(best[1] - width, 0.0), best[1] + width
    return best[0]


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("pool", PAIRS, ids=lambda pool: f"{pool.kind}-{pool.fee_pips}-{pool.address[-1]}")
def test_profit_is_what_the_best_exact_quote_earns(pool: Pool, skew: float) -> None:
    nu = skewed(pool, skew)
    found = profit(pool, nu, every(pool))
    best = max(best_quote(pool, nu, one, other) for one, other in every(pool))
    unit = max(nu.values())
    assert best <= found
    assert found <= best * (1 + TIGHT) + 3 * unit


@pytest.mark.parametrize("pool", PAIRS, ids=lambda pool: pool.address[-1])
def test_a_direction_that_is_left_out_earns_nothing(pool: Pool) -> None:
    one, other = pool.tokens
    nu = skewed(pool, 1.5)
    assert profit(pool, nu, {(one, other)}) == profit(pool, nu, every(pool)) > 0
    assert profit(pool, nu, {(other, one)}) == profit(pool, nu, ()) == 0


@settings(max_examples=80, deadline=None)
@given(pools=markets.pools(), data=st.data())
def test_no_exact_quote_beats_the_profit(pools: list[Pool], data: st.DataObject) -> None:
    pool = data.draw(st.sampled_from(pools))
    nu = {token: REFERENCE[token] * data.draw(st.floats(0.5, 2)) for token in pool.tokens}
    most = profit(pool, nu, every(pool))
    one, other = data.draw(st.permutations(pool.tokens))[:2]
    amount = int(exp(data.draw(st.floats(0, log(2**100)))))
    assert earned(pool, nu, one, other, amount) <= most


def continuous_best(pool: BalancerV2WeightedPool, nu: Prices) -> float:
    """The joint trade of all tokens, by a general optimiser: logarithms of balances change within limits, the
    weighted sum of the changes stays."""
    keep = 1 - pool.swap_fee_wad / WAD
    values = np.array(
        [nu[token] * balance for token, balance in zip(pool.tokens, pool.balances, strict=True)]
    )
    weights = np.array(pool.weights) / WAD
    scale = values.sum()

    def loss(moves: np.ndarray) -> float:
        ups, downs = moves[: len(values)], moves[len(values) :]
        return float((values * (np.expm1(ups) / keep + np.expm1(-downs))).sum() / scale)

    start = np.zeros(2 * len(values))
    rule = {"type": "eq", "fun": lambda moves: float(weights @ (moves[: len(values)] - moves[len(values) :]))}
    limits = [(0, log(1.3))] * len(values) + [(0, 30.0)] * len(values)
    solved = minimize(
        loss,
        start,
        method="SLSQP",
        bounds=limits,
        constraints=[rule],
        options={"ftol": 1e-16, "maxiter": 500},
    )
    assert abs(float(weights @ (solved.x[: len(values)] - solved.x[len(values) :]))) < 1e-9
    return -float(solved.fun) * scale


@pytest.mark.parametrize("fee_pips", [0, 500])
@pytest.mark.parametrize("factors", [(1.02, 1.0, 0.99), (1.0, 1.1, 1.1), (3.0, 1.0, 0.3), (1.001, 1.0, 1.0)])
def test_a_pool_of_three_tokens_trades_in_pairs(factors: tuple[float, float, float], fee_pips: int) -> None:
    """As one trade of all tokens, less what the fees cost that stay in the pool between swaps that share
    what is paid."""
    pool = markets.weighted(0, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6, fee_pips=fee_pips)
    nu = {token: REFERENCE[token] * each for token, each in zip(pool.tokens, factors, strict=True)}
    found, joint = profit(pool, nu, every(pool)), continuous_best(pool, nu)
    shared = fee_pips > 0 and factors == (1.0, 1.1, 1.1)
    if shared:
        assert joint * (1 - 1e-3) <= found <= joint * (1 - 1e-5)
    else:
        assert found == pytest.approx(joint, rel=TIGHT)
    assert found >= max(best_quote(pool, nu, one, other) for one, other in every(pool))


def random_weighted(rng: Random) -> tuple[BalancerV2WeightedPool, list[Coin]]:
    """Three to eight tokens of any decimals and weights, out of line with the prices by up to a half."""
    among = coins(rng, rng.randint(3, 8))
    spread = 10 ** rng.uniform(-3, -0.3)
    pool = weighted(
        0,
        among,
        [rng.choice((1.0, 1.0, rng.uniform(1, 4), 99.0)) for _ in among],
        10 ** rng.uniform(3, 9),
        skews=[rng.gauss(0, spread) for _ in among],
        fee=rng.choice((0, 100, 3000, 33300, 100000, 920000)),
    )
    assert isinstance(pool, BalancerV2WeightedPool)
    return pool, among


@pytest.mark.parametrize("seed", range(150))
def test_the_profit_in_pairs_is_the_optimisers(seed: int) -> None:
    """Found by other means, which are as tight."""
    pool, among = random_weighted(Random(seed))
    found = market([pool], among)
    most = float(most_profit(np.ones(found.columns), found.arrays, 0.0, True))
    nu = {each.address: each.unit for each in among}
    worth = sum(nu[token] * balance for token, balance in zip(pool.tokens, pool.balances, strict=True))
    assert profit(pool, nu, every(pool)) == pytest.approx(most, rel=1e-9, abs=1e-13 * worth)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_exact_swaps_in_a_row_earn_more_than_the_profit(seed: int) -> None:
    """Within what may go into each balance in all."""
    rng = Random(seed)
    pool, among = random_weighted(rng)
    nu = {each.address: each.unit for each in among}
    most, room = profit(pool, nu, every(pool)), dict.fromkeys(pool.tokens, 0.3)
    traded, now = Fraction(0), pool
    for _ in range(rng.randint(1, 12)):
        one, other = rng.sample(pool.tokens, 2)
        share = room[one] * rng.random() ** 3
        amount = int(share * pool.balances[pool.tokens.index(one)])
        try:
            paid, now = now.swap(one, other, amount)
        except PoolError:
            continue
        room[one] -= share
        traded += Fraction(nu[other]) * paid - Fraction(nu[one]) * amount
        assert traded <= most


def test_a_token_of_a_larger_pool_is_sold_while_any_pair_with_it_remains() -> None:
    pool = markets.weighted(0, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6)
    usd, eth, btc = pool.tokens
    nu = {usd: REFERENCE[usd], eth: REFERENCE[eth] * 1.1, btc: REFERENCE[btc] * 1.1}
    only_eth = profit(pool, nu, {(usd, eth)})
    assert profit(pool, nu, every(pool) - {(usd, eth), (btc, eth)}) < profit(pool, nu, every(pool))
    assert only_eth == pytest.approx(best_quote(pool, nu, usd, eth), rel=TIGHT)
    assert profit(pool, nu, every(pool) - {(eth, usd)}) == pytest.approx(profit(pool, nu, every(pool)))


def test_an_empty_balance_leaves_the_other_tokens_tradable() -> None:
    full = markets.weighted(0, {"USD": 50, "ETH": 30, "BTC": 20}, 1e6)
    pool = BalancerV2WeightedPool.from_state(
        {**full.to_state(), "balances": [*full.balances[:2], 0], "decimals": full.decimals}
    )
    usd, eth, _ = pool.tokens
    nu = {token: REFERENCE[token] * (1.1 if token == eth else 1) for token in pool.tokens}
    assert profit(pool, nu, every(pool)) >= best_quote(pool, nu, usd, eth) > 0


def test_a_reserve_grows_no_further_than_its_112_bits() -> None:
    pool = UniswapV2Pool(
        markets.address(0), (markets.token("USD"), markets.token("ETH")), (MAX_RESERVE // 2,) * 2
    )
    one, other = pool.tokens
    nu = {one: 1.0, other: 1e9}
    room = MAX_RESERVE - pool.reserves[0]
    most = nu[other] * pool.quote_exact_in(one, other, room) - room
    assert most <= profit(pool, nu, every(pool)) < most * 1.01


@pytest.mark.parametrize("dead", ["v2", "v3"])
def test_a_dead_pool_earns_nothing(dead: str) -> None:
    pool: Pool = markets.v2(0, "USD", "ETH", 1e6)
    if dead == "v2":
        pool = UniswapV2Pool(pool.address, (pool.tokens[0], pool.tokens[1]), (0, 5))
    else:
        state = markets.v3(0, "USD", "ETH", 1e6).to_state()
        pool = UniswapV3Pool.from_state(
            {**state, "sqrt_price_x96": 0, "tick": 0, "liquidity": 0, "ticks": []}
        )
    assert profit(pool, skewed(pool, 1.5), every(pool)) == 0
