"""The best flows for a problem: to exact shares, or to the best shares within their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf, log, log10

import numpy as np

from router.errors import Infeasible
from router.optimiser.arrays import Floats
from router.optimiser.dual import Solution, solve
from router.optimiser.market import Market
from router.planner.problem import Problem
from router.tokens import Address, format_amount

ROUNDS = 80
AGAIN = 1e-3
"""Where the smoothing starts for a face next to one that is solved."""
EDGE = 1e-8
"""How far beyond its limit a share may be for floats' sake: a tenth of what bands are inset by."""
LEVEL = 1e-9
"""How far prices that are equal may differ."""
STEADY = 1e-12
"""Change of the final value, as a share of it, below which the limits that it sets stand still."""
LEAST_PRICE = 1e-300
EXTREME = 1e12
"""A multiple of a price at which pools give, or take, all that they can."""
SMALLEST_PART, CLOSER = 1e-12, 6
"""Of the way to a target that is out of reach: the least part that is told, and how often it is halved."""
Limits = Mapping[Address, tuple[float, float]]


def best_flows(problem: Problem, market: Market, start: Floats | None = None, ghost: float = 1.0) -> Solution:
    """The flows that end with the most value, pools' costs left out; at any prices where none end there.

    The final value per unit of shares is concave along every line of shares, and its slope is that of the
    prices. So tokens strictly within their limits are worth the same at the margin and share a column, dearer
    ones end at their least, cheaper ones at their most: an active set, changed until that is true.

    Args:
        market: the pools to use, of the problem's book.
        start: prices to start from, by column.
    """
    value, prices = problem.value, np.ones(market.columns) if start is None else start
    limits = problem.limits(value)
    shares = _nearest(limits, {token: held / value for token, held in problem.held.items()})
    side = {token: _side(shares[token], limits[token]) for token in limits}
    careful, solution = False, None
    for _ in range(ROUNDS):
        inner = _inner(side, shares, limits)
        solution = _on_face(problem, market, shares, inner, prices, ghost)
        prices, ghost = solution.start_for(market), min(ghost, AGAIN)
        reached = solution.settled or solution.near
        if reached and inner:
            final = problem.shares_after(solution)
            shares, struck = _towards(shares, final, limits, inner)
            if struck:
                side |= struck
                careful = True
                continue
        loose = _loose(problem, solution, side, inner, limits)
        if loose:
            worst = max(loose, key=lambda token: (loose[token], token))
            side |= dict.fromkeys([worst] if careful else loose, 0)
            continue
        if not (reached and problem.fluid) or abs(solution.value - value) <= STEADY * value:
            return solution
        value, careful = solution.value, False
        limits = problem.limits(value)
        held = _pinned(side, limits)
        shares = _nearest(limits, {**shares, **held})
        side = {token: 0 if side[token] == 0 else _side(shares[token], limits[token]) for token in limits}
    assert solution is not None
    return solution


def _side(share: float, limit: tuple[float, float]) -> int:
    """-1 at the least, 1 at the most, 0 between."""
    return -1 if share <= limit[0] else 1 if share >= limit[1] else 0


def _pinned(side: Mapping[Address, int], limits: Limits) -> dict[Address, float]:
    """Shares of the tokens at a limit."""
    return {token: limits[token][place > 0] for token, place in side.items() if place}


def _nearest(limits: Limits, shares: Mapping[Address, float]) -> dict[Address, float]:
    """Shares within the limits that add up to one and differ little from those given: what is over, or
    missing, goes where there is most room."""
    found = {token: min(max(shares[token], low), high) for token, (low, high) in limits.items()}
    left = 1.0 - sum(found.values())
    end = left > 0
    for token in sorted(found, key=lambda token: (-abs(limits[token][end] - found[token]), token)):
        room = limits[token][end] - found[token]
        part = min(left, room) if end else max(left, room)
        found[token] += part
        left -= part
    return found


def _inner(side: Mapping[Address, int], shares: Mapping[Address, float], limits: Limits) -> list[Address]:
    """Tokens whose shares may change; one at least, where any may."""
    inner = [token for token, place in side.items() if place == 0]
    if inner:
        return inner
    room = {token: min(shares[token] - low, high - shares[token]) for token, (low, high) in limits.items()}
    widest = max(sorted(room), key=lambda token: (room[token], limits[token][1] - limits[token][0]))
    return [widest] if limits[widest][0] < limits[widest][1] else []


def _on_face(
    problem: Problem,
    market: Market,
    shares: Mapping[Address, float],
    inner: Sequence[Address],
    prices: Floats,
    ghost: float,
) -> Solution:
    """The best flows where the shares of the inner tokens may be any that add up to what they are now."""
    if len(inner) > 1:
        joined = market.joined([problem.places[token] for token in inner])
        prices = prices[market.column[joined.representatives]]
        market = joined
    return solve(market, problem.goal(market, shares), prices, ghost=ghost)


def _towards(
    shares: Mapping[Address, float], final: Mapping[Address, float], limits: Limits, inner: Sequence[Address]
) -> tuple[dict[Address, float], dict[Address, int]]:
    """As far towards the final shares as the limits allow, and which limits that meets."""
    part, struck = 1.0, dict[Address, int]()
    for token in inner if len(inner) > 1 else ():
        low, high = limits[token]
        if low - EDGE <= final[token] <= high + EDGE:
            continue
        edge = high if final[token] > high else low
        reach = max((edge - shares[token]) / (final[token] - shares[token]), 0.0)
        if reach <= part:
            struck = {**(struck if reach == part else {}), token: 1 if edge == high else -1}
            part = reach
    moved = {}
    for token in inner:
        low, high = limits[token]
        moved[token] = min(max(shares[token] + part * (final[token] - shares[token]), low), high)
    return {**shares, **moved}, struck


def _loose(
    problem: Problem,
    solution: Solution,
    side: Mapping[Address, int],
    inner: Sequence[Address],
    limits: Limits,
) -> dict[Address, float]:
    """Tokens that are at the wrong limit for their price, and by how much the price is off."""
    if not inner:
        return {}
    column, places = solution.market.column, problem.places
    prices = np.maximum(solution.prices, LEAST_PRICE)
    level = prices[column[places[inner[0]]]]
    found = {}
    for token, place in side.items():
        low, high = limits[token]
        if place == 0 or token in inner or low == high:
            continue
        off = place * log(prices[column[places[token]]] / level)
        if off > LEVEL:
            found[token] = off
    return found


def unreachable(problem: Problem, solution: Solution) -> Infeasible:
    """Why no flows end at the target: what binds, and how far the portfolio can be brought."""
    valuation = problem.valuation
    part, reached = _reachable(problem)
    token, verb, most = _binding(problem, solution)
    name, decimals = valuation.symbol(token), valuation.snapshot.tokens[token].decimals
    amount = format_amount(int(most / valuation.prices[token]), decimals)
    notes = "".join(f"; {note}" for note in problem.universe.notes)
    digits = _digits(part) - 2
    return Infeasible(
        f"not enough liquidity: {name} can be {verb} up to about {amount} only. "
        f"{part:.{max(digits - 1, 1)}%} of the way can be gone, to "
        + ", ".join(f"{valuation.symbol(each)} {weight:.{digits}%}" for each, weight in reached.items())
        + f", where {name} is wanted at {valuation.target(token):.2%}{notes}",
        path=f"targets.{name}",
    )


def _reachable(problem: Problem) -> tuple[float, dict[Address, float]]:
    """How much of the way to the wanted shares can be gone, and the weights of all held or wanted tokens
    there, rounded to what is told; flows that end at these have been found."""
    part, best = 1.0, (0.0, problem.valuation.weights(problem.valuation.tradable))
    while part >= SMALLEST_PART:
        part /= 2
        weights = _part_way(problem, part)
        if weights is not None:
            best = part, weights
            break
    step = part / 2
    for _ in range(CLOSER if best[0] else 0):
        weights = _part_way(problem, best[0] + step)
        best = best if weights is None else (best[0] + step, weights)
        step /= 2
    return best


def _digits(part: float) -> int:
    """Digits of a weight that tell this part of the way."""
    return 4 + min(max(ceil(-log10(part)), 0), 12) if part > 0 else 4


def _part_way(problem: Problem, part: float) -> dict[Address, float] | None:
    """The rounded weights at a part of the way; None where no flows end there."""
    valuation, shares = problem.valuation, problem.shares
    weights = valuation.weights(valuation.tradable)
    moving = sum(weights[token] for token in shares)
    aim = {token: part * shares[token].wanted * moving for token in shares}
    mix = {token: round(weights[token] * (1 - part) + aim[token], _digits(part)) for token in shares}
    last = max(mix, key=lambda token: (mix[token], token))
    mix[last] += moving - sum(mix.values())
    if min(mix.values()) < 0:
        return None
    goal = problem.goal(problem.market, {token: weight / moving for token, weight in mix.items()})
    if not solve(problem.market, goal).converged:
        return None
    return dict(sorted({**weights, **mix}.items()))


def _binding(problem: Problem, solution: Solution) -> tuple[Address, str, float]:
    """The token whose pools are exhausted, what can't be done with it, and the most value that can: or,
    where each token's own pools would do, the one that ends farthest off."""
    value, final = problem.value, problem.value_after(solution)
    found: list[tuple[float, Address, str, float]] = []
    for token, share in sorted(problem.shares.items()):
        need = share.wanted * value - problem.held[token]
        verb, extreme = ("bought", EXTREME) if need > 0 else ("sold", 1 / EXTREME)
        most = abs(_at_price(problem, token, extreme))
        found.append((most / abs(need) if need else inf, token, verb, most))
    least = min(found)
    if least[0] < 1:
        return least[1:]
    total = sum(final.values()) or 1.0
    _, token, verb, _ = max(
        found, key=lambda row: (abs(final[row[1]] / total - problem.shares[row[1]].wanted), row[1])
    )
    return token, verb, abs(final[token] - problem.held[token])


def _at_price(problem: Problem, token: Address, price: float) -> float:
    """Value of a token that the pools give when it alone has this multiple of its reference price."""
    market, place = problem.market, problem.places[token]
    prices = np.ones(market.columns)
    prices[market.column[place]] = price
    return float(Solution.at(market, prices).added[place])
