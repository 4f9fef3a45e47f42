"""Flows and bounds against conic programs that Clarabel solves, written from the pools themselves."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from router.optimiser.book import SHAPES
from router.optimiser.dual import bound, solve, unit_cost
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.conic import optimum
from tests.optimiser_markets import Case, coin, goal, joint_bound, market, random_case, v2

BATCH, BATCHES = 50, 20
AGREEMENT = 1e-6
GAP = 1e-7
NONE_LEFT, SOME_LEFT = 1e-7, 1e-5
"""Shares of the held value. What Clarabel leaves over of a target in reach, and out of reach."""
OUT_OF_REACH = 1e-6
"""Where the value is less than this share of what is held, the target cannot be reached at all."""
MOST_UNCLEAR = BATCH * BATCHES // 50
unclear: list[int] = []


def check(case: Case) -> bool:
    """Whether Clarabel's answer was clear enough to compare with."""
    best, found = optimum(case), solve(case.market, case.goal)
    unit = float(np.dot(case.goal.wanted, found.prices))
    most = joint_bound(case.market, case.goal.held, found.prices, unit)
    assert bound(case.market, case.goal.held, found.prices, unit) <= most
    assert np.isfinite(found.prices).all()
    if not best.exact:
        return False
    assert best.value <= most * (1 + AGREEMENT) + OUT_OF_REACH * case.value
    if found.converged:
        assert found.residual <= GAP
        assert 0 <= most / found.value - 1 <= GAP
    left = best.left.sum() / case.value
    reached = best.value > OUT_OF_REACH * case.value
    if found.settled and reached:
        assert found.value == pytest.approx(best.value, rel=AGREEMENT)
    if reached and left <= NONE_LEFT:
        assert found.converged
        return True
    if not reached or left >= SOME_LEFT:
        assert not found.converged
        return True
    return False


@pytest.mark.parametrize("batch", range(BATCHES))
def test_solve_agrees_with_clarabel(batch: int) -> None:
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    unclear.extend(seed for seed in seeds if not check(random_case(seed)))
    assert len(unclear) <= MOST_UNCLEAR, f"Clarabel was inexact on {unclear}"


@pytest.mark.parametrize("seed", [912, 980, 1802, 2491, 2865, 7938])
def test_solve_leaves_prices_that_only_look_stationary(seed: int) -> None:
    """Markets where a single descent ends with worthless prices for tokens that are missing."""
    case = random_case(seed)
    best, found = optimum(case), solve(case.market, case.goal)
    assert found.converged == (best.left.sum() <= NONE_LEFT * case.value)
    if found.settled:
        assert found.value == pytest.approx(best.value, rel=AGREEMENT)


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_bound_holds_at_any_prices(seed: int) -> None:
    case, rng = random_case(seed), Random(seed)
    best = optimum(case)
    if not best.exact:
        pytest.skip("Clarabel was inexact")
    for _ in range(20):
        prices = np.array([10 ** rng.uniform(-1, 1) for _ in range(case.market.columns)])
        unit = float(np.dot(case.goal.wanted, prices))
        most = joint_bound(case.market, case.goal.held, prices, unit)
        assert most >= best.value * (1 - AGREEMENT)
        assert bound(case.market, case.goal.held, prices, unit) <= most


@pytest.mark.parametrize("seed", range(1, 40, 2))
def test_trades_reach_the_target_in_exact_quotes(seed: int) -> None:
    """Each pool's trade, in the pool's own integers, pays what the solution says."""
    case = random_case(seed)
    found = solve(case.market, case.goal)
    book, prices = case.market.book, case.market.terms.prices
    for trade in found.trades():
        if len(trade.tokens) > 2:
            continue
        sold, bought = sorted(range(2), key=lambda k: trade.gains[k])
        amount = int(-trade.gains[sold])
        if (
            amount * prices[trade.tokens[sold]] < 1e-6 * case.value
            or min(amount, trade.gains[bought]) < 10**6
        ):
            continue
        paid = trade.pool.quote_exact_in(
            book.tokens[trade.tokens[sold]], book.tokens[trade.tokens[bought]], amount * (10**9 - 1) // 10**9
        )
        received = paid * prices[trade.tokens[bought]]
        exact = trade.gains[bought] * prices[trade.tokens[bought]]
        assert received == pytest.approx(exact, rel=1e-6, abs=2 * prices[trade.tokens[bought]])


def test_the_markets_hold_every_amm_and_up_to_eight_ticks() -> None:
    pools = [pool for seed in range(100) for pool in random_case(seed).market.book.pools]
    assert {pool.kind for pool in pools} == set(SHAPES)
    assert {len(pool.ticks) for pool in pools if isinstance(pool, UniswapV3Pool)} >= set(range(1, 9))
    assert {len(pool.tokens) for pool in pools} == {2, 3, 4, 5}


def test_solve_keeps_what_is_at_its_target() -> None:
    usd, eth = coin(0, 6), coin(1, 18, 2000.0)
    found = market([v2(0, usd, eth, 1e6)], [usd, eth])
    aim = goal(found, {usd.address: 500.0, eth.address: 500.0}, {usd.address: 0.5, eth.address: 0.5})
    solution = solve(found, aim)
    assert solution.converged
    assert solution.value == pytest.approx(1000, rel=1e-9)
    assert not list(solution.trades())
    assert not any(len(each) for each in solution.used())


def test_solve_starts_from_given_prices() -> None:
    case = random_case(3)
    cold = solve(case.market, case.goal)
    warm = solve(case.market, case.goal, cold.prices, ghost=0.0)
    assert warm.steps <= 2 < cold.steps
    assert warm.value == pytest.approx(cold.value, rel=1e-9)


def test_target_without_liquidity_is_not_reached() -> None:
    usd, eth = coin(0, 6), coin(1, 18, 2000.0)
    found = market([v2(0, usd, eth, 1e3)], [usd, eth], widest=np.array([0.05, 0.05]))
    solution = solve(found, goal(found, {usd.address: 1e5}, {eth.address: 1.0}))
    assert not solution.converged
    assert solution.surplus[0] > 0


def test_solution_with_its_pools_only_is_the_same() -> None:
    case = random_case(17)
    whole = solve(case.market, case.goal)
    ladders, basins = whole.used()
    ends = np.flatnonzero(case.market.column >= 0)
    fewer = case.market.only(ladders, basins, ends)
    assert len(fewer.ladders) < len(case.market.ladders)
    again = solve(fewer, case.goal)
    assert again.value == pytest.approx(whole.value, rel=1e-9)
    np.testing.assert_allclose(again.added, whole.added, atol=1e-6 * case.value)


def test_unit_cost_fills_the_cheapest_bands_first() -> None:
    ratios = np.array([1.0, 0.9, 1.2])
    least, most = np.array([0.2, 0.1, 0.3]), np.array([0.6, 0.4, 0.5])
    assert unit_cost(ratios, least, most) == pytest.approx(0.3 * 1.0 + 0.4 * 0.9 + 0.3 * 1.2)
    assert unit_cost(ratios, least, np.ones(3)) == pytest.approx(0.2 + 0.5 * 0.9 + 0.3 * 1.2)
