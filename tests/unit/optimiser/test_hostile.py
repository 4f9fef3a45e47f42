"""Markets that no honest chain would hold: answers are finite and quick, and say whether they converged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random
from time import perf_counter

import numpy as np
import pytest

from router.optimiser.dual import bound, solve
from router.pools.base import Pool
from router.pools.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.optimiser_markets import (
    Case,
    Coin,
    address,
    coin,
    coins,
    goal,
    joint_bound,
    market,
    random_pool,
    v2,
    v3,
    weighted,
)

SEEDS = 14
MOST_SECONDS = 1.0
Found = tuple[list[Pool], list[Coin], dict[str, float], dict[str, float]]


def aim(rng: Random, among: list[Coin], value: float = 1e4) -> tuple[dict[str, float], dict[str, float]]:
    """Holdings of one token and a target over two."""
    some = rng.sample(among, min(3, len(among)))
    return {some[0].address: value}, {some[-1].address: 0.7, some[len(some) // 2].address: 0.3}


def ring(rng: Random, among: list[Coin], depth: float = 1e5, spread: float = 0.01) -> list[Pool]:
    """A pool of any AMM between each token and the next."""
    return [
        random_pool(rng, place, among, (among[place], among[(place + 1) % len(among)]), depth, spread)
        for place in range(len(among))
    ]


def zero_reserves(rng: Random) -> Found:
    among = coins(rng, 4)
    one, two = among[0].address, among[1].address
    dead = [
        UniswapV2Pool(address(90 + k), (one, two), pair)
        for k, pair in enumerate(((0, 0), (0, 10**20), (10**20, 0), (1, 0), (1, 1)))
    ]
    return [*ring(rng, among), *dead], among, *aim(rng, among)


def huge_reserves(rng: Random) -> Found:
    """1e30 raw units at about 1e-18 each, beside the most that a pair can hold."""
    among = [coin(k, 0, 1e-18 * (10 ** rng.uniform(-0.5, 0.5) if k == 2 else 1)) for k in range(3)]
    full = UniswapV2Pool(address(50), (among[0].address, among[1].address), (MAX_RESERVE, MAX_RESERVE - 1))
    deep = [v2(k, one, two, 1e12) for k, (one, two) in enumerate(pairwise(among))]
    return [*deep, full], among, *aim(rng, among, 10 ** rng.uniform(-6, 11))


def one_sided_ticks(rng: Random) -> Found:
    among = coins(rng, 3)
    pools = [
        v3(k, among[k], among[(k + 1) % 3], [edge], sizes)
        for k, (edge, sizes) in enumerate(((0.3, [1e5, 0.0]), (-0.3, [0.0, 1e5]), (0.3, [0.0, 1e5])))
    ]
    return [*pools, *ring(rng, among)[: rng.randrange(3)]], among, *aim(rng, among)


def ticks_at_the_price(rng: Random) -> Found:
    """The price is exactly on an initialised tick, counted above it, and below it after a fall."""
    among = [coin(0), coin(1), coin(2)]
    pools: list[Pool] = []
    for k in range(3):
        pair = sorted((among[k].address, among[(k + 1) % 3].address))
        now, size = rng.randint(-50, 50), 10**24
        ticks = [(now - 60, size), (now, rng.choice((size, -size // 2))), (now + 60, 0)]
        ticks[2] = (now + 60, -ticks[0][1] - ticks[1][1])
        fallen = rng.randrange(2)
        pools.append(
            UniswapV3Pool.from_state(
                {
                    "address": address(k),
                    "tokens": pair,
                    "fee_pips": 500,
                    "tick_spacing": 1,
                    "sqrt_price_x96": sqrt_ratio_at_tick(now),
                    "tick": now - fallen,
                    "liquidity": size if fallen else size + ticks[1][1],
                    "ticks": ticks,
                }
            )
        )
    return pools, among, *aim(rng, among)


def no_liquidity_in_range(rng: Random) -> Found:
    among = coins(rng, 3)
    gap = [-0.4, -0.1, 0.1, 0.4]
    pools = [
        v3(k, among[k], among[(k + 1) % 3], gap, [0.0, 1e5, 0.0, 1e5, 0.0], skew=rng.uniform(-0.09, 0.09))
        for k in range(3)
    ]
    return pools, among, *aim(rng, among)


def ends_of_the_price_range(rng: Random) -> Found:
    among = [coin(0), coin(1), coin(2)]
    place = rng.choice((MIN_TICK, MIN_TICK + 1, MAX_TICK - 1))
    extreme = UniswapV3Pool.from_state(
        {
            "address": address(9),
            "tokens": [among[0].address, among[1].address],
            "fee_pips": 3000,
            "tick_spacing": 1,
            "sqrt_price_x96": sqrt_ratio_at_tick(place),
            "tick": place,
            "liquidity": 10**30,
            "ticks": [(MIN_TICK, 10**30), (MAX_TICK, -(10**30))],
        }
    )
    blank = UniswapV3Pool.from_state({**extreme.to_state(), "address": address(10), "sqrt_price_x96": 0})
    return [*ring(rng, among)[: rng.randrange(4)], extreme, blank], among, *aim(rng, among)


def duplicate_pools(rng: Random) -> Found:
    among = coins(rng, 3)
    return ring(rng, among) * rng.randint(2, 5), among, *aim(rng, among)


def dust(rng: Random) -> Found:
    """Pools of a few raw units, and holdings worth nothing to speak of."""
    among = coins(rng, 3)
    specks: list[Pool] = [
        UniswapV2Pool(
            address(50 + k),
            (among[k].address, among[(k + 1) % 3].address),
            (rng.randint(1, 9), rng.randint(1, 9)),
        )
        for k in range(3)
    ]
    return (
        [*specks, *ring(rng, among)[: rng.randrange(4)]],
        among,
        *aim(rng, among, 10 ** rng.uniform(-15, -3)),
    )


def a_million_times_the_depth(rng: Random) -> Found:
    among = coins(rng, 4)
    return ring(rng, among, 10.0), among, *aim(rng, among, 1e7)


def disconnected(rng: Random) -> Found:
    among = coins(rng, 6)
    halves = [
        random_pool(rng, place, [among[k], among[k + 1]], (among[k], among[k + 1]), 1e5, 0.05)
        for place, k in enumerate((0, 2, 2, 4))
    ]
    return halves, among, {among[0].address: 1e4}, {among[rng.choice((1, 3, 5))].address: 1.0}


def extreme_fees(rng: Random) -> Found:
    among = coins(rng, 3)
    pools = [
        v2(k, among[k], among[(k + 1) % 3], 1e5, skew=0.05, fee=rng.choice((0, 990_000, 999_999)))
        for k in range(3)
    ]
    taxed = weighted(8, among, [1, 1, 1], 1e5, fee=rng.choice((0, 990_000)), skews=[0.1, 0.0, 0.0])
    return [*pools, taxed], among, *aim(rng, among)


def single_pools(rng: Random) -> Found:
    """A star: every token but one has one pool only."""
    among = coins(rng, 6)
    star = [random_pool(rng, k, among[:1], (among[0], among[k]), 1e5, 0.02) for k in range(1, 6)]
    return star, among, *aim(rng, among)


def lopsided_weights(rng: Random) -> Found:
    among = [coin(0), coin(1)]
    pool = weighted(0, among, [1.0, 1.0], 1e5)
    small = rng.choice((1, 10**6, 10**12))
    fields = {**pool.to_state(), "weights": [small, 10**18 - small], "decimals": [18, 18]}
    return [type(pool).from_state(fields), v2(1, *among, 1e3)], among, *aim(rng, among)


def wrong_reference_prices(rng: Random) -> Found:
    """Pools agree with each other, and are a million times off the reference prices."""
    among = coins(rng, 4)
    pools = ring(rng, [Coin(c.address, c.decimals, c.unit * 10 ** rng.uniform(-6, 6)) for c in among])
    return pools, among, *aim(rng, among)


def more_owed_than_held(rng: Random) -> Found:
    among = coins(rng, 3)
    held, wanted = aim(rng, among)
    held[among[-1].address] = held.get(among[-1].address, 0.0) - 1e5
    return ring(rng, among), among, held, wanted


def nothing_held(rng: Random) -> Found:
    among = coins(rng, 3)
    return ring(rng, among), among, {}, aim(rng, among)[1]


HOSTILE: Mapping[str, Callable[[Random], Found]] = {
    each.__name__: each
    for each in (
        zero_reserves,
        huge_reserves,
        one_sided_ticks,
        ticks_at_the_price,
        no_liquidity_in_range,
        ends_of_the_price_range,
        duplicate_pools,
        dust,
        a_million_times_the_depth,
        disconnected,
        extreme_fees,
        single_pools,
        lopsided_weights,
        wrong_reference_prices,
        more_owed_than_held,
        nothing_held,
    )
}


def case_of(name: str, seed: int) -> Case:
    pools, among, held, wanted = HOSTILE[name](Random(seed))
    found = market(pools, among)
    return Case(found, goal(found, held, wanted))


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """So that no test's time counts the compiler's."""
    case = case_of("duplicate_pools", 0)
    bound(case.market, case.goal.held, solve(case.market, case.goal).prices, 1.0)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", HOSTILE)
def test_every_answer_is_finite_and_quick(name: str, seed: int) -> None:
    case = case_of(name, seed)
    began = perf_counter()
    found = solve(case.market, case.goal)
    unit = float(np.dot(case.goal.wanted, found.prices))
    most = joint_bound(case.market, case.goal.held, found.prices, unit)
    least = bound(case.market, case.goal.held, found.prices, unit)
    assert perf_counter() - began < MOST_SECONDS
    assert least <= most
    assert np.isfinite(found.prices).all()
    assert (found.prices > 0).all()
    assert not np.isnan(found.residual)
    assert np.isfinite(most)
    if found.converged:
        assert 0 <= most / found.value - 1 <= 1e-7
    for trade in found.trades():
        assert np.isfinite(trade.gains).all()
        assert np.isfinite(trade.profit)
    assert np.isfinite(found.added).all()
    found.used(1e-9 * abs(case.value))


@pytest.mark.parametrize("name", ["zero_reserves", "duplicate_pools", "huge_reserves"])
def test_what_can_be_traded_is(name: str) -> None:
    cases = [case_of(name, seed) for seed in range(SEEDS)]
    assert sum(solve(case.market, case.goal).converged for case in cases) > SEEDS // 2


def test_more_owed_than_held_does_not_converge() -> None:
    cases = [case_of("more_owed_than_held", seed) for seed in range(SEEDS)]
    assert not any(solve(case.market, case.goal).converged for case in cases)


def test_nothing_held_and_nothing_to_gain_is_worth_nothing() -> None:
    one, two = coin(0), coin(1)
    found = market([v2(0, one, two, 1e6)], [one, two])
    solution = solve(found, goal(found, {}, {two.address: 1.0}))
    assert not solution.converged
    assert solution.residual == np.inf
    assert bound(found, solution.goal.held, solution.prices, 1.0) == 0
