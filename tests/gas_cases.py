"""Small markets whose pools cost something to use, and their optimum by trying every set of pools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, product
from random import Random

import numpy as np

from router.optimiser.arrays import Ints
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.market import Market
from tests.optimiser_markets import Coin, coins, goal, market, random_case, random_pool, v3

MOST_POOLS = 8
FEASIBLE = 1e-7
"""Shares of the value that the flows of two solutions of the same problem differ by."""


@dataclass(frozen=True, slots=True)
class GasCase:
    """`ends`: tokens of the book that are held or wanted."""

    market: Market
    goal: Goal
    ends: Ints

    @property
    def value(self) -> float:
        return float(np.maximum(self.goal.held, 0).sum())


def gas_case(seed: int) -> GasCase:
    """2 to 6 tokens, up to 8 pools that cost between 0.01 and 50 bp of what is held."""
    case, rng = random_case(seed), Random(seed)
    book, terms = case.market.book, case.market.terms
    kept = np.arange(len(book.pools)) < MOST_POOLS
    costs = np.array([case.value * 10 ** rng.uniform(-6, -2.3) for _ in book.pools])
    priced = replace(case.market, terms=replace(terms, costs=costs))
    ends = ends_of(case.market, case.goal)
    few = priced.only(
        priced.ladders[kept[book.ladder_pool[priced.ladders]]],
        priced.basins[kept[book.basin_pool[priced.basins]]],
        ends,
    )
    return GasCase(few, narrowed(case.market, few, case.goal), ends)


def swap_case(seed: int, pools: int = 24) -> GasCase:
    """One token for another among six tokens; pools cost the same within a factor of two."""
    rng = Random(seed)
    among = coins(rng, 6)
    value = 10 ** rng.uniform(3.5, 6)
    made = [
        random_pool(rng, k, among, rng.sample(among, 2), value * 10 ** rng.uniform(-0.5, 1.5), 0.003)
        for k in range(pools)
    ]
    cost = value * 10 ** rng.uniform(-5, -3.5)
    costs = np.array([cost * rng.uniform(1, 2) for _ in made])
    found = market(made, among, costs=costs)
    sold, bought = rng.sample([each for each in among if each.address in found.book.place], 2)
    return posed(found, {sold: value}, {bought: 1.0})


def tick_case(seed: int) -> GasCase:
    """One token for another through 2 or 3 pools with 2 to 5 ticks each; crossing one costs between 0.1 and
    20 bp of what is held, and pools cost about three times that."""
    rng = Random(seed)
    one, two = coins(rng, 2)
    value = 10 ** rng.uniform(3.5, 6)
    made = []
    for place in range(rng.randint(2, 3)):
        skew = rng.gauss(0, 0.003)
        ticks = sorted(skew + rng.gauss(0, 0.02) for _ in range(rng.randint(2, 5)))
        sizes = [0.0, *(value * 10 ** rng.uniform(0, 2) for _ in ticks[1:]), 0.0]
        edges = [min(ticks[0], skew - 0.3), *ticks[1:-1], max(ticks[-1], skew + 0.3)]
        made.append(v3(place, one, two, edges, sizes, skew=skew, fee=rng.choice((100, 500, 3000))))
    cost = value * 10 ** rng.uniform(-5, -2.7)
    costs = np.array([3 * cost * rng.uniform(0.5, 1.5) for _ in made])
    return posed(market(made, [one, two], costs=costs, tick_cost=cost), {one: value}, {two: 1.0})


def posed(found: Market, held: dict[Coin, float], wanted: dict[Coin, float]) -> GasCase:
    aim = goal(
        found,
        {each.address: value for each, value in held.items()},
        {each.address: share for each, share in wanted.items()},
    )
    return GasCase(found, aim, ends_of(found, aim))


def ends_of(found: Market, aim: Goal) -> Ints:
    columns = np.flatnonzero((aim.held != 0) | (aim.wanted > 0))
    return np.flatnonzero(np.isin(found.column, columns))


def narrowed(whole: Market, few: Market, aim: Goal) -> Goal:
    kept = few.column >= 0
    columns = np.empty(few.columns, dtype=np.int64)
    columns[few.column[kept]] = whole.column[kept]
    return Goal(aim.held[columns], aim.wanted[columns])


def net_of(case: GasCase, kept: Ints) -> float:
    """The best value over these pools of the book, less the costs of those that trade and of the ticks that
    they cross; -inf where they do not reach the target."""
    whole, book = case.market, case.market.book
    few = whole.only(
        whole.ladders[np.isin(book.ladder_pool[whole.ladders], kept)],
        whole.basins[np.isin(book.basin_pool[whole.basins], kept)],
        case.ends,
    )
    found = solve(few, narrowed(whole, few, case.goal))
    if not found.converged:
        return -np.inf
    spent = {book.pools.index(trade.pool) for trade in found.trades()}
    return found.value - sum(float(whole.terms.costs[pool]) for pool in spent) - _crossings_cost(found)


def _crossings_cost(found: Solution) -> float:
    """Of the ladders' edges that lie before where each ends."""
    arrays, got = found.market.arrays, found.response.got
    inner = [arrays.got[begin + 1 : end - 1] for begin, end in pairwise(arrays.first)]
    crossed = sum(int((most * (1 + 1e-9) < out).sum()) for most, out in zip(inner, got, strict=True))
    return crossed * found.market.terms.tick_cost


def best_by_trying(case: GasCase) -> float:
    """Over all sets of pools."""
    book, whole = case.market.book, case.market
    pools = np.union1d(book.ladder_pool[whole.ladders], book.basin_pool[whole.basins])
    return max(
        net_of(case, pools[np.array(mask, dtype=np.bool_)]) for mask in product((0, 1), repeat=len(pools))
    )


def best_by_stopping(case: GasCase) -> float:
    """Over all sets of pools, and how many ticks each may cross."""
    book, whole = case.market.book, case.market
    sold = np.flatnonzero(case.goal.held > 0)
    ways = [
        range(-1, max(int(book.first[k + 1] - book.first[k]) - 2, 0) + 1)
        for k in whole.ladders
        if whole.column[book.sold[k]] in sold
    ]
    forward = [k for k in whole.ladders if whole.column[book.sold[k]] in sold]
    best = -np.inf
    for stops in product(*ways):
        crossings = np.zeros(len(book.sold), dtype=np.int64)
        crossings[forward] = np.maximum(stops, 0)
        kept = book.ladder_pool[forward][np.array(stops) >= 0]
        stopped = replace(whole, terms=replace(whole.terms, crossings=crossings))
        best = max(best, net_of(replace(case, market=stopped), kept))
    return best
