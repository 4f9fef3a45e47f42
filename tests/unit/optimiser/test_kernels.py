"""Best trades of single pools against the pools' own integers, and derivatives against differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.errors import PoolError
from router.optimiser.book import SHAPES, Basin, Book, Ladder
from router.optimiser.dual import Goal, solve
from router.optimiser.kernels import respond
from router.optimiser.laplacian import Laplacian, dense, diagonal_of, laplacian, times
from router.optimiser.market import Market, market_of
from router.optimiser.newton import empty_response
from router.optimiser.profits import most_profit
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address
from tests import strategies
from tests.optimiser_markets import coin, free_terms, random_case, random_limits, weighted

OFFSETS = st.floats(-0.2, 0.2)
ROUNDING = 1e-14
"""Of the sums of a test, as a share of the value traded."""
EDGE_ROUND_OFF = 1e-12
"""Of the square root of a tick's price."""
STEP = 1e-6
SEEDS = range(40)


def near_prices(data: st.DataObject, pool: Pool) -> dict[Address, float]:
    """Prices up to 20 % off the pool's own."""
    first = pool.tokens[0]
    own = {first: 1.0} | {token: pool.spot_price(token, first) for token in pool.tokens[1:]}
    assume(all(1e-40 < price < 1e40 for price in own.values()))
    return {token: price * (1 + data.draw(OFFSETS)) for token, price in own.items()}


def alone(pool: Pool, prices: Mapping[Address, float]) -> Market:
    book = Book.of([pool])
    assume(book.pools)
    return market_of(book, free_terms(book, [prices[token] for token in book.tokens]))


def most(market: Market) -> float:
    return float(most_profit(np.ones(market.columns), market.arrays, 1.0, False))


def at(market: Market, u: Any, *, unit: float = 1.0, blur: float = 0.0, ghost: float = 0.0) -> Any:
    """(sum of profits, value added by column, response)."""
    net, into = np.empty(market.columns), empty_response(market.arrays)
    return respond(u, market.arrays, unit, blur, ghost, net, into), net, into


def laplacian_at(market: Market, u: Any, *, blur: float = 0.0, ghost: float = 0.0) -> Laplacian:
    return laplacian(u, market.arrays, at(market, u, blur=blur, ghost=ghost)[2])


def gains(market: Market, into: Any) -> Any:
    """What the pools add at reference prices, costs left out, by column."""
    arrays, net = market.arrays, np.zeros(market.columns)
    np.add.at(net, arrays.bought, into.got)
    np.add.at(net, arrays.sold, -into.paid)
    np.add.at(net, arrays.token, into.gain)
    return net


def earned(pool: Pool, prices: Mapping[Address, float], one: Address, two: Address, amount: int) -> float:
    return prices[two] * pool.quote_exact_in(one, two, amount) - prices[one] * amount


@settings(max_examples=200, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_no_swap_earns_more_than_the_kernel_says(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    bound = most(alone(pool, prices))
    for _ in range(6):
        one, two = data.draw(st.permutations(pool.tokens))[:2]
        amount = data.draw(strategies.magnitudes(1, 28))
        try:
            paid = pool.quote_exact_in(one, two, amount)
        except PoolError:
            continue
        worth = prices[two] * paid
        assert worth - prices[one] * amount <= bound + ROUNDING * (worth + prices[one] * amount)


@settings(max_examples=100, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_no_sequence_of_swaps_earns_more_than_the_kernel_says(pool: Pool, data: st.DataObject) -> None:
    """While it stays within the share of a balance that one swap may move."""
    prices = near_prices(data, pool)
    bound = most(alone(pool, prices))
    profit, traded, after = 0.0, 0.0, pool
    for _ in range(data.draw(st.integers(2, 4))):
        one, two = data.draw(st.permutations(pool.tokens))[:2]
        amount = data.draw(strategies.magnitudes(1, 28))
        if isinstance(pool, BalancerV2WeightedPool):
            amount = min(amount, pool.balances[pool.tokens.index(one)] // 20)
        try:
            paid, after = after.swap(one, two, amount)
        except PoolError:
            continue
        profit += prices[two] * paid - prices[one] * amount
        traded += prices[two] * paid + prices[one] * amount
    assert profit <= bound + ROUNDING * traded


@settings(max_examples=100, deadline=None)
@given(pool=st.one_of(strategies.uniswap_v2_pools(), strategies.uniswap_v3_pools()), data=st.data())
def test_the_ladder_s_trade_earns_its_profit_in_exact_quotes(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    market = alone(pool, prices)
    total, _, into = at(market, np.ones(market.columns))
    k = int(np.argmax(into.got))
    one, two = (market.book.tokens[token] for token in (market.book.sold[k], market.book.bought[k]))
    amount = into.paid[k] / prices[one]
    assume(amount > 1e6 and into.got[k] / prices[two] > 1e6)
    found = 0.0
    for share in (1 - 1e-4, 1 - 1e-6, 1 - 1e-9, 1.0):
        try:
            found = max(found, earned(pool, prices, one, two, int(amount * share)))
        except PoolError:
            continue
    stops = 200
    assert found >= total * (1 - 1e-6) - stops * (prices[one] + prices[two])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weighted_pair_s_trade_earns_its_profit_in_exact_quotes(seed: int) -> None:
    rng = Random(seed)
    pair = [coin(place, rng.choice((6, 8, 18)), 10 ** rng.uniform(-2, 4)) for place in range(2)]
    pool = weighted(
        0,
        pair,
        [rng.uniform(0.1, 1), rng.uniform(0.1, 1)],
        1e8,
        skews=[rng.uniform(-0.3, 0.3), 0.0],
        fee=1000,
    )
    units = {each.address: each.unit for each in pair}
    total, _, into = at(alone(pool, units), np.ones(2))
    sold, bought = (pair[int(place)] for place in (np.argmin(into.gain), np.argmax(into.gain)))
    amount = int(-min(into.gain) / sold.unit * (1 - 1e-9))
    found = earned(pool, units, sold.address, bought.address, amount) if amount else 0.0
    assert found == pytest.approx(total, rel=1e-5, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(pool=strategies.pools(), data=st.data())
def test_a_search_over_amounts_finds_no_more(pool: Pool, data: st.DataObject) -> None:
    prices = near_prices(data, pool)
    one, two = data.draw(st.permutations(pool.tokens))[:2]
    low, high = 1, 10**31

    def value(amount: int) -> float:
        try:
            return earned(pool, prices, one, two, amount)
        except PoolError:
            return -prices[one] * amount

    for _ in range(150):
        third = (high - low) // 3
        if value(low + third) < value(high - third):
            low += third
        else:
            high -= third
    assert value(low) <= most(alone(pool, prices)) + ROUNDING * prices[one] * low


@settings(max_examples=100, deadline=None)
@given(pool=strategies.hostile_pools())
def test_hostile_pools_end_in_a_figure(pool: Pool) -> None:
    market = alone(pool, dict.fromkeys(pool.tokens, 1.0))
    total, net, into = at(market, np.ones(market.columns))
    assert 0 <= total <= most(market) < np.inf
    assert all(np.isfinite(each).all() for each in (net, *into))


@pytest.mark.parametrize("ghost", [0.0, 0.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_of_the_profits_is_what_the_pools_add(seed: int, ghost: float) -> None:
    """Also under costs that fade in, and with liquidity without fee."""
    market, u = priced(seed)
    for unit, blur in ((1.0, 0.0), (1.0, 0.5)):
        _, net, _ = at(market, u, unit=unit, blur=blur, ghost=ghost)
        for i in range(market.columns):
            ahead, behind = (
                at(market, moved(u, i, sign * STEP), unit=unit, blur=blur, ghost=ghost)[0] for sign in (1, -1)
            )
            stiff = diagonal_of(laplacian_at(market, u, ghost=1.0), market.columns).max()
            half_a_step_across_a_kink = STEP * (stiff + abs(net[i]))
            assert (ahead - behind) / (2 * STEP) == pytest.approx(
                net[i], abs=half_a_step_across_a_kink + 1e-15 * depth(market) / STEP
            )


def depth(market: Market) -> float:
    """Value of the largest pool."""
    ladders, basins = market.arrays.liquidity, market.arrays.value
    return float(max([0.0, *ladders, *basins]))


def moved(u: Any, i: int, by: float) -> Any:
    out = u.copy()
    out[i] *= np.exp(by)
    return out


def priced(seed: int) -> tuple[Market, Any]:
    """A market with costs, every other one with costs of ticks as well, and prices a little off the
    reference."""
    case, rng = random_case(seed), np.random.default_rng(seed)
    costs = rng.uniform(0, 1e-4 * case.value, len(case.market.book.pools))
    tick_cost = 1e-5 * case.value * (seed % 2)
    market = market_of(case.market.book, replace(case.market.terms, costs=costs, tick_cost=tick_cost))
    return market, np.exp(rng.normal(0, 0.02, market.columns))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_laplacian_is_how_trades_answer_to_prices(seed: int) -> None:
    market, u = priced(seed)
    free = np.zeros(len(market.book.pools))
    market = market_of(market.book, replace(market.terms, costs=free, tick_cost=0.0))
    matrix = dense(laplacian_at(market, u), market.columns)
    size = max(matrix.max(), 1e-300)
    for i in range(market.columns):
        ahead, behind = (gains(market, at(market, moved(u, i, sign * STEP))[2]) for sign in (1, -1))
        difference = u * (ahead - behind) / (2 * STEP)
        if jumps(market, u, i):
            continue
        assert difference == pytest.approx(matrix[i], abs=1e-4 * size + 1e-15 * depth(market) / STEP)


def jumps(market: Market, u: Any, i: int) -> bool:
    """Whether the stiffness jumps within a step: an edge of a range, or of a band without trade."""
    ahead, behind = (
        dense(laplacian_at(market, v), market.columns) for v in (moved(u, i, STEP), moved(u, i, -STEP))
    )
    return bool(abs(ahead - behind).max() > 1e-3 * max(ahead.max(), behind.max()))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_laplacian_s_forms_agree(seed: int) -> None:
    """Dense, by its diagonal, and by its product; it is symmetric and, without costs, keeps constants."""
    market, u = priced(seed)
    whole = laplacian_at(market, u, blur=0.5, ghost=0.2)
    matrix = dense(whole, market.columns)
    size = max(matrix.max(), 1e-300)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12 * size)
    np.testing.assert_allclose(matrix.diagonal(), diagonal_of(whole, market.columns), atol=1e-12 * size)
    x, out = np.random.default_rng(seed).normal(size=market.columns), np.empty(market.columns)
    times(whole, x, out)
    np.testing.assert_allclose(out, matrix @ x, atol=1e-11 * size)
    smooth = at(market, u, ghost=0.2)[2]
    smooth = smooth._replace(bend=np.zeros_like(smooth.bend))
    free = dense(laplacian(u, market.arrays, smooth), market.columns)
    np.testing.assert_allclose(free.sum(axis=1), 0, atol=1e-12 * size)
    assert np.linalg.eigvalsh(matrix).min() >= -1e-12 * size * market.columns


@pytest.mark.parametrize("ghost", [0.0, 0.2])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_response_keeps_nothing_of_what_was_there(seed: int, ghost: float) -> None:
    market, u = priced(seed)
    used = empty_response(market.arrays)
    for each in used:
        each[:] = 7.0
    respond(u, market.arrays, 1.0, 0.0, ghost, np.empty(market.columns), used)
    for again, fresh in zip(used, at(market, u, ghost=ghost)[2], strict=True):
        np.testing.assert_array_equal(again, fresh)


@pytest.mark.parametrize("seed", SEEDS)
def test_profits_scale_with_prices(seed: int) -> None:
    market, u = priced(seed)
    total, net, into = at(market, u, blur=0.3, ghost=0.1)
    for scale in (1e-9, 3.0, 1e12):
        other, other_net, other_into = at(market, u * scale, unit=scale, blur=0.3, ghost=0.1)
        rounding = 1e-14 * depth(market)
        assert other == pytest.approx(total * scale, rel=1e-9, abs=rounding * scale)
        np.testing.assert_allclose(other_net / scale, net, rtol=1e-9, atol=10 * rounding)
        np.testing.assert_allclose(other_into.got, into.got, rtol=1e-9, atol=10 * rounding)


@pytest.mark.parametrize("seed", SEEDS)
def test_most_profit_is_never_less_than_the_sum_of_profits(seed: int) -> None:
    market, u = priced(seed)
    for unit in (0.0, 0.5, 1.0):
        total = at(market, u, unit=unit)[0]
        bound = most_profit(u, market.arrays, unit, False)
        assert total <= bound <= total * (1 + 1e-9) + 1e-11 * depth(market)
    assert most_profit(u, market.arrays, 1e12, False) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_raw_units_do_not_matter(seed: int) -> None:
    """Raw units from 1e-18 to 1e30 of a token."""
    case, rng = random_case(seed), np.random.default_rng(seed)
    book, terms = case.market.book, case.market.terms
    scale = 10 ** rng.uniform(-18, 30, len(book.tokens))
    lengths = np.diff(book.first)
    sold, bought = scale[np.repeat(book.sold, lengths)], scale[np.repeat(book.bought, lengths)]
    other_book = replace(
        book,
        edges=book.edges * np.sqrt(sold) / np.sqrt(bought),
        liquidity=book.liquidity * np.sqrt(sold) * np.sqrt(bought),
        balance=book.balance * scale[book.token],
    )
    other = market_of(other_book, replace(terms, prices=terms.prices / scale))
    one, two = solve(case.market, case.goal), solve(other, Goal(case.goal.held, case.goal.wanted))
    assert two.converged == one.converged
    if one.converged:
        assert two.value == pytest.approx(one.value, rel=1e-9)
        np.testing.assert_allclose(two.added, one.added, atol=1e-6 * case.value)


@settings(max_examples=100, deadline=None)
@given(pool=strategies.pools())
def test_shapes_hold_what_the_pool_holds(pool: Pool) -> None:
    """The first rung starts at the pool's spot price; beyond the last nothing trades."""
    shape = SHAPES[pool.kind](pool)
    assert shape is not None
    if isinstance(shape, Basin):
        assert sum(shape.weights) == pytest.approx(1)
        return
    for ladder in shape:
        assert isinstance(ladder, Ladder)
        assert len(ladder.edges) == len(ladder.liquidity) + 1
        assert list(ladder.edges) == sorted(ladder.edges)
        spot = pool.spot_price(ladder.token_in, ladder.token_out)
        assert ladder.keep / ladder.edges[0] ** 2 == pytest.approx(spot, rel=1e-9)
        if isinstance(pool, UniswapV3Pool) and ladder.liquidity and min(ladder.liquidity) > 0:
            room = sum(
                liquidity * (high - low)
                for liquidity, low, high in zip(
                    ladder.liquidity, ladder.edges, ladder.edges[1:], strict=False
                )
            )
            blur = EDGE_ROUND_OFF * max(ladder.liquidity) * ladder.edges[-1]
            swept = pool.swap_to_limit(ladder.token_in, ladder.token_out, 10**60).amount_in
            assert room / ladder.keep == pytest.approx(swept, rel=1e-6, abs=max(1e4, blur))


@pytest.mark.parametrize("seed", range(1, 40, 2))
def test_ticks_that_cost_leave_the_most_of_any_number_of_crossings(seed: int) -> None:
    """Every ladder by itself, stopped at every edge in turn."""
    market, u = priced(seed)
    terms, book = market.terms, market.book
    tick, shut = terms.tick_cost, np.zeros(len(book.token), dtype=np.bool_)
    for k in range(len(book.sold)):
        only = np.arange(len(book.sold)) == k
        alone = market_of(book, replace(terms, ladders=only, sells=shut, buys=shut, costs=0 * terms.costs))
        if not (len(alone.ladders) and alone.columns):
            continue
        prices = np.ones(alone.columns)
        kept = alone.column >= 0
        prices[alone.column[kept]] = u[market.column[kept]]
        stops = [0.0]
        for crossings in range(int(np.diff(book.first)[k]) - 1):
            most = np.full(len(book.sold), crossings)
            stopped = market_of(book, replace(alone.terms, crossings=most, tick_cost=0.0))
            stops.append(respond_total(stopped, prices) - crossings * tick)
        rounding = 1e-9 * max(stops) + 1e-11 * depth(market)
        assert respond_total(alone, prices) == pytest.approx(max(stops), abs=rounding)
        assert most_profit(prices, alone.arrays, 1.0, False) == pytest.approx(max(stops), abs=rounding)


def respond_total(market: Market, u: Any) -> float:
    return float(at(market, u)[0])


def test_limits_only_lower_profits() -> None:
    for seed in range(1, 60, 4):
        market, u = priced(seed)
        limits = random_limits(Random(seed), market.book)
        less = market_of(market.book, replace(market.terms, **limits))
        kept = less.column >= 0
        other = np.ones(less.columns)
        other[less.column[kept]] = u[market.column[kept]]
        every = most_profit(u, market.arrays, 1.0, False)
        assert most_profit(other, less.arrays, 1.0, False) <= every * (1 + 1e-12)
