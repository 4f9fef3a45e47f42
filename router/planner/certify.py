"""How far a plan can be from the best one: bounds at the dual prices, and what makes up the gap.

The bounds are over every trade that ends within the plan's bands and uses any of the universe's pools as far
as their AMMs allow; the owner's own limits of impact, depth and legs, loan premiums and integers are what
the plan itself is held to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from router.fixed_point import BPS, PRICE_ONE, WAD
from router.optimiser.arrays import Floats
from router.optimiser.dual import bound, unit_cost
from router.optimiser.market import Market
from router.plan import Certificate, Exclusion, GapParts
from router.planner.gas import GasBill, least_base_cost
from router.planner.problem import Problem
from router.tokens import Address

Bands = Mapping[Address, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the search found, in numeraire units.

    Attributes:
        prices, net_prices: by column of the free market, gas left out and counted.
        flows_net: value of the plan's own flows in floats, less what the pools' use costs at the least.
        limits: value lost to the owner's limits.
        proven: bound net of pools' gas, over the tokens that move, from branch and bound.
    """

    prices: Floats
    net_prices: Floats
    flows_net: float
    limits: float
    proven: float | None = None


def bands_of(problem: Problem, after: Mapping[Address, int]) -> dict[Address, tuple[int, int]]:
    """Least and most share of the final value, times 10**18, by held or wanted token: what the landing
    allows, and where the plan ends.

    Args:
        after: final raw units less what is reserved.
    """
    valuation = problem.valuation
    total = valuation.own_e36(after)
    weights = valuation.weights(after)
    moving = sum(weights[token] for token in problem.shares)
    limits = problem.limits(moving * total / PRICE_ONE, inset=0.0)
    bands = {}
    for token in valuation.tokens:
        value = valuation.prices_e36[token] * after.get(token, 0) * WAD
        low, high = value // total, -(-value // total)
        if token in limits:
            least, most = limits[token]
            low = min(low, int(least * moving * WAD))
            high = max(high, -int(-most * moving * WAD))
            if problem.shares[token].band:
                goal = valuation.portfolio.targets_wad.get(token, 0)
                room = valuation.tolerance_bps(token) * WAD // BPS
                low, high = max(low, goal - room), min(high, goal + room)
        bands[token] = max(low, 0), min(high, WAD)
    return bands


def certify(
    problem: Problem, evidence: Evidence, bands: Bands, value: float, bill: GasBill
) -> Certificate | None:
    """The certificate of a plan that ends with `value`; None where floats can't hold the figures."""
    free, price = problem.universe.free, problem.price
    try:
        upper = _bound(problem, free, evidence.prices, bands, costs=False)
        arbitrage = _arbitrage(problem, bands)
        net_bound, net_prices = upper, evidence.prices
        base = 0.0
        if not price.free:
            base = least_base_cost(problem.shares, problem.least_moved, price)
            net_bound = _bound(problem, free, evidence.net_prices, bands, costs=True) - base
            net_prices = evidence.net_prices
            if upper - base < net_bound:
                net_bound, net_prices = (
                    _bound(problem, free, evidence.prices, bands, costs=True) - base,
                    evidence.prices,
                )
    except (ArithmeticError, ValueError):
        return None
    net = value - bill.cost
    ticks = bill.ticks * free.terms.tick_cost
    if not (np.isfinite([upper, net_bound, arbitrage]).all() and net > 0):
        return None
    gap = (net_bound / net - 1) * BPS
    # The flows trade weighted pools jointly, which no program can: the bound knows.
    flows_net = min(evidence.flows_net - base - ticks, net_bound - evidence.limits)
    integers = (flows_net - net) / net * BPS
    bounds = evidence.limits / net * BPS
    return Certificate(
        upper_bound=upper,
        dual_prices=_by_token(problem, evidence.prices),
        net_bound=net_bound,
        net_dual_prices=_by_token(problem, net_prices),
        gap_bps=gap,
        parts=GapParts(gap - integers - bounds, integers, bounds),
        arbitrage=arbitrage,
        arbitrage_prices=_by_token(problem, problem.universe.calm),
        pool_gas=_pool_gas(problem),
        base_gas=base,
        tick_gas=free.terms.tick_cost,
        proven_net_bound=None
        if evidence.proven is None
        else min(evidence.proven + problem.kept - base, net_bound),
    )


def _bound(problem: Problem, free: Market, prices: Floats, bands: Bands, *, costs: bool) -> float:
    """On the final value over all held or wanted tokens."""
    tradable, unit_prices = problem.valuation.tradable, problem.valuation.prices
    values = {token: tradable.get(token, 0) * unit_prices[token] for token in bands}
    return _bound_of(free if costs else _costless(free), values, prices, bands)


def _bound_of(market: Market, values: Mapping[Address, float], prices: Floats, bands: Bands) -> float:
    held, outside = np.zeros(market.columns), 0.0
    ratios = []
    for token, value in values.items():
        column = _column(market, token)
        ratios.append(1.0 if column < 0 else float(prices[column]))
        if column < 0:
            outside += value
        else:
            held[column] += value
    least = np.array([bands[token][0] / WAD for token in values])
    most = np.array([bands[token][1] / WAD for token in values])
    unit = unit_cost(np.array(ratios), least, most)
    return bound(market, held, prices, unit) + outside / unit


def _costless(market: Market) -> Market:
    if not (market.terms.costs.any() or market.terms.tick_cost):
        return market
    terms = replace(market.terms, costs=np.zeros_like(market.terms.costs), tick_cost=0.0)
    return replace(market, terms=terms)


def _arbitrage(problem: Problem, bands: Bands) -> float:
    """What the pools would pay to somebody who holds the middle of the bands already."""
    value = problem.valuation.value(problem.valuation.tradable)
    total = sum(low + high for low, high in bands.values())
    middle = {token: (low + high) / total * value for token, (low, high) in bands.items()}
    market = _costless(problem.universe.offered)
    return max(_bound_of(market, middle, problem.universe.calm, bands) - value, 0.0)


def _column(market: Market, token: Address) -> int:
    place = market.book.place.get(token)
    return -1 if place is None else int(market.column[place])


def not_admitted(problem: Problem) -> tuple[Exclusion, ...]:
    """Directions of the pools that no plan may use although all of their tokens have dual prices: pools of
    held or wanted tokens that the universe does not trade."""
    free = problem.universe.free
    outside = {token for token in problem.valuation.tokens if _column(free, token) < 0}
    if not outside:
        return ()
    priced = {*outside, *(free.book.tokens[place] for place in np.flatnonzero(free.column >= 0))}
    return tuple(
        Exclusion(pool.address, token_in, token_out, "not admitted")
        for pool in problem.valuation.snapshot.pools
        if not outside.isdisjoint(pool.tokens) and priced.issuperset(pool.tokens)
        for token_in, token_out in permutations(pool.tokens, 2)
    )


def _by_token(problem: Problem, prices: Floats) -> dict[Address, float]:
    """Numeraire per raw unit of every token that the certificate covers."""
    market, reference = problem.universe.free, problem.valuation.prices
    found = {token: reference[token] for token in problem.valuation.tokens}
    places = np.flatnonzero(market.column >= 0)
    for place, multiple in zip(places.tolist(), prices[market.column[places]].tolist(), strict=True):
        token = market.book.tokens[place]
        found[token] = multiple * reference[token]
    return dict(sorted(found.items()))


def _pool_gas(problem: Problem) -> dict[Address, float]:
    """What using each covered pool costs at the least; empty where gas is free."""
    if problem.price.free:
        return {}
    free = problem.universe.free
    used = np.union1d(free.book.ladder_pool[free.ladders], free.book.basin_pool[free.basins])
    costs = {free.book.pools[k].address: float(free.terms.costs[k]) for k in used}
    return dict(sorted(costs.items()))
