"""What weighted pools earn in swaps of pairs, against such swaps."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.optimiser.arrays import Arrays
from router.optimiser.pairwise import MOST_IN
from router.optimiser.profits import most_profit
from tests.weighted_trades import (
    FEES,
    HIGH,
    Pool,
    best_swaps,
    earned,
    fits,
    pool,
    random_pool,
    random_swaps,
    swaps_of_one,
)

SEEDS = st.integers(0, 2**32)
ROUNDING = 1e-12
"""Of floats in a test, as a share of all that the pool holds."""
NONE = np.zeros(0)
NOWHERE = np.zeros(0, dtype=np.int64)


def most(pool: Pool, *, pairwise: bool = True, cost: float = 0.0) -> float:
    """By the optimiser, token prices being 1."""
    count = len(pool.worth)
    arrays = Arrays(
        sold=NOWHERE,
        bought=NOWHERE,
        keep=NONE,
        cap=NONE,
        cost=NONE,
        floor=NONE,
        tick=NONE,
        sunk=NOWHERE,
        first=np.zeros(1, dtype=np.int64),
        edges=NONE,
        liquidity=NONE,
        paid=NONE,
        got=NONE,
        start=np.array([0, count]),
        basin_keep=np.array([pool.keep]),
        basin_cost=np.array([cost]),
        token=np.arange(count),
        value=np.array(pool.worth),
        weight=np.array(pool.weight),
        low=np.array(pool.low),
        high=np.array(pool.high),
    )
    return float(most_profit(np.ones(count), arrays, 1.0, pairwise))


def rounding(pool: Pool) -> float:
    return ROUNDING * sum(pool.worth)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_no_swaps_of_pairs_earn_more_than_the_bound(seed: int) -> None:
    market, rng = random_pool(seed), Random(seed)
    bound = most(market)
    for _ in range(8):
        assert earned(market, random_swaps(market, rng)) <= bound + rounding(market)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_no_optimiser_of_swaps_finds_more_than_the_bound(seed: int) -> None:
    market = random_pool(seed, count=2 + seed % 3)
    swaps = best_swaps(market, Random(seed))
    assert fits(market, swaps)
    assert earned(market, swaps) <= most(market) + rounding(market)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_the_bound_is_never_above_the_joint_one(seed: int) -> None:
    market = random_pool(seed)
    joint = most(market, pairwise=False)
    assert 0 <= most(market) <= joint
    assert most(market, cost=joint * (1 + 1e-12)) == 0


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_bound_of_a_pair_is_the_joint_one(seed: int, limits: bool) -> None:
    market = random_pool(seed, count=2, limits=limits)
    assert most(market) == most(market, pairwise=False)


@pytest.mark.parametrize("seed", range(40))
def test_without_a_fee_pairs_earn_what_all_at_once_do(seed: int) -> None:
    market = replace(random_pool(seed), keep=1.0)
    joint = most(market, pairwise=False)
    assert most(market) == pytest.approx(joint, rel=1e-9, abs=rounding(market))


@pytest.mark.parametrize("seed", range(40))
def test_several_tokens_that_pay_for_one_do_so_jointly(seed: int) -> None:
    market = random_pool(seed, limits=False)
    low = [-inf, *[0.0] * (len(market.worth) - 1)]
    market = replace(market, low=tuple(low))
    assert most(market) == most(market, pairwise=False)


@pytest.mark.parametrize("fee", FEES)
@pytest.mark.parametrize("limit", [HIGH, 0.01])
@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e30])
def test_the_bound_is_the_optimum_where_one_token_pays_for_several(
    fee: float, limit: float, scale: float
) -> None:
    paid = 0
    for seed in range(12):
        rng = Random(seed)
        count = rng.randint(3, 8)
        weight = [rng.uniform(2, 5), *(rng.uniform(1, 2) for _ in range(count - 1))]
        spread = 1.5 * fee + 10 ** rng.uniform(-3, 0)
        worth = [scale * each * exp(rng.uniform(0, spread)) for each in weight]
        worth[0] = scale * weight[0]
        low = [0.0, *(rng.choice((-inf, -0.02)) for _ in weight[1:])]
        market = pool(worth, weight, fee, low, [limit, *[0.0] * (count - 1)])
        swaps = swaps_of_one(market, 0)
        best, joint = earned(market, swaps), most(market, pairwise=False)
        paid += best > 0
        assert most(market) == pytest.approx(best, rel=1e-9, abs=rounding(market))
        assert best <= joint + rounding(market)
    assert paid >= 6


def test_the_loss_of_pairs_is_the_fee_of_what_they_share() -> None:
    """Two equal sales for one token: of what the first leaves as a fee the second pays no less."""
    market = pool([1.0, 1.05, 1.05], [1, 1, 1], 0.01)
    swaps = swaps_of_one(market, 0)
    growth = swaps[0][2]
    lost = most(market, pairwise=False) - most(market)
    assert swaps[1][2] == pytest.approx(growth)
    assert lost == pytest.approx(0.01 * growth**2, rel=0.05)


@pytest.mark.parametrize(
    ("worth", "weight", "fee"),
    [
        ((0.259137, 0.245644, 0.257934, 0.237284), (1, 1, 1, 1), 0.0333),
        ((0.245722, 0.256316, 0.255707, 0.242255), (1, 1, 1, 1), 0.0333),
        ((0.198788, 0.401192, 0.200381, 0.199639), (1, 2, 1, 1), 0.003),
    ],
)
def test_where_several_may_pay_for_several_most_of_the_loss_is_seen(
    worth: tuple[float, ...], weight: tuple[float, ...], fee: float
) -> None:
    """Balances of mainnet pools, at prices where plans left them."""
    market = pool(worth, weight, fee)
    best, joint = earned(market, best_swaps(market, Random(0), 8)), most(market, pairwise=False)
    assert 0 < best < joint
    assert most(market) - best <= 0.05 * (joint - best)


def test_a_fee_beyond_what_the_proof_covers_leaves_the_joint_bound() -> None:
    market = pool([99.0, 100.0, 100.0], [99, 1, 1], 1 - MOST_IN**2 + 1e-3)
    covered = replace(market, keep=MOST_IN**2 + 1e-3)
    assert most(market) == most(market, pairwise=False) > 0
    assert most(covered) < most(covered, pairwise=False)


def test_two_swaps_in_a_row_grow_a_balance_by_more_than_one() -> None:
    """At the margin, and at worst: the one begins, the others are as large as they may be."""

    def slope(growth: float, keep: float) -> float:
        return 1 / (1 - (1 - keep) * exp(-growth))

    for keep in np.linspace(MOST_IN**2, 1, 200):
        for growth in np.linspace(0, log(1 + MOST_IN), 20):
            for other in np.linspace(0, log(1 + MOST_IN), 20):
                assert slope(0, keep) <= slope(growth, keep) * slope(other, keep) * (1 + 1e-12)
    keep = MOST_IN**2 * 0.99
    assert slope(0, keep) > slope(log(1 + MOST_IN), keep) ** 2


@pytest.mark.parametrize("scale", [1e-18, 1e30])
def test_the_bound_scales_with_the_balances(scale: float) -> None:
    for seed in range(40):
        market = random_pool(seed)
        large = replace(market, worth=tuple(each * scale for each in market.worth))
        assert most(large) == pytest.approx(most(market) * scale, rel=1e-9, abs=rounding(large))


def test_balances_far_apart_have_a_finite_bound() -> None:
    for fee in FEES:
        market = pool([1e-18, 1.0, 1e30], [1, 99, 1], fee)
        best = max(earned(market, [(0, 2, HIGH)]), earned(market, [(0, 2, HIGH / 2), (0, 1, HIGH / 2)]))
        assert 0 < best <= most(market) <= most(market, pairwise=False) < inf
