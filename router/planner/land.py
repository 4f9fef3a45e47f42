"""The best flows for a problem: to exact shares, or to the best shares within their bands."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from router.errors import Infeasible
from router.optimiser.dual import Solution, solve
from router.optimiser.kernels import Floats
from router.optimiser.market import Market
from router.planner.problem import Problem
from router.tokens import Address, format_amount

BAND_ROUNDS = 24
EDGE = 1e-9
"""How far beyond its band a share may be for floats' sake."""
HALVINGS = 10
EXTREME = 1e12
"""A multiple of a price at which pools give, or take, all that they can."""


def best_flows(problem: Problem, market: Market, start: Floats | None = None, ghost: float = 1.0) -> Solution:
    """The flows that end with the most value, pools' costs left out; at any prices where none end there.

    Args:
        market: the pools to use, of the problem's book.
        start: prices to start from, by column.
    """
    if all(share.least == share.most for share in problem.shares.values()):
        return solve(market, problem.goal(market), start, ghost=ghost)
    return _within_bands(problem, market, start, ghost)


def _within_bands(problem: Problem, market: Market, start: Floats | None, ghost: float) -> Solution:
    """Tokens strictly within their bands are worth the same at the margin, so they share a column; dearer
    ones end at their lower edge, cheaper ones at their upper. Tokens change sides until that is true."""
    value, shares = problem.value, problem.shares
    weights = {token: held / value for token, held in problem.held.items()}
    side = {
        token: -1 if weights[token] < share.least else 1 if weights[token] > share.most else 0
        for token, share in shares.items()
    }
    if 0 not in side.values():
        side[max(shares, key=lambda token: (shares[token].most - shares[token].least, token))] = 0
    prices = np.ones(market.columns) if start is None else start
    solution = None
    for _ in range(BAND_ROUNDS):
        inner = [token for token in shares if side[token] == 0]
        joined = market.joined([problem.places[token] for token in inner])
        wanted = {
            token: share.least if side[token] < 0 else share.most if side[token] > 0 else 0.0
            for token, share in shares.items()
        }
        wanted[inner[0]] = 1.0 - sum(wanted.values())
        if wanted[inner[0]] < 0:
            break
        begin = prices[market.column[joined.representatives]]
        solution = solve(joined, problem.goal(joined, wanted), begin, ghost=ghost)
        prices = solution.start_for(market)
        turned = _turned(problem, solution, side)
        if not turned or (len(inner) == 1 and turned.keys() == {inner[0]} and len(shares) == 1):
            return solution
        side |= turned
        if 0 not in side.values():
            side[_pivot(problem, prices, market)] = 0
    return solution if solution is not None else solve(market, problem.goal(market), prices, ghost=ghost)


def _turned(problem: Problem, solution: Solution, side: Mapping[Address, int]) -> dict[Address, int]:
    """Tokens on the wrong side, and where they belong."""
    final = problem.value_after(solution)
    total = sum(final.values())
    column, places = solution.market.column, problem.places
    inner = next(token for token in side if side[token] == 0)
    level = solution.prices[column[places[inner]]]
    turned: dict[Address, int] = {}
    for token, share in problem.shares.items():
        ratio = solution.prices[column[places[token]]] / level
        if side[token] == 0:
            if final[token] / total > share.most + EDGE:
                turned[token] = 1
            elif final[token] / total < share.least - EDGE:
                turned[token] = -1
        elif (side[token] < 0 and ratio < 1 - EDGE) or (side[token] > 0 and ratio > 1 + EDGE):
            turned[token] = 0
    return turned


def _pivot(problem: Problem, prices: Floats, market: Market) -> Address:
    """The token whose share gives way when all bands bind: where the cheapest mix is cut off."""
    column = market.column
    ranked = sorted(problem.shares, key=lambda token: (prices[column[problem.places[token]]], token))
    left = 1.0 - sum(share.least for share in problem.shares.values())
    for token in ranked:
        left -= problem.shares[token].most - problem.shares[token].least
        if left <= 0:
            return token
    return ranked[-1]


def unreachable(problem: Problem, solution: Solution) -> Infeasible:
    """Why no flows end at the target: what binds, and how far the portfolio can be brought."""
    valuation, shares = problem.valuation, problem.shares
    weights = {token: held / problem.value for token, held in problem.held.items()}
    low, high = 0.0, 1.0
    reached = dict(weights)
    for _ in range(HALVINGS):
        part = (low + high) / 2
        mix = {
            token: weights[token] + part * (share.wanted - weights[token]) for token, share in shares.items()
        }
        if min(mix.values()) >= 0 and solve(problem.market, problem.goal(problem.market, mix)).converged:
            low, reached = part, mix
        else:
            high = part
    token, verb, most = _binding(problem, solution)
    name, decimals = valuation.symbol(token), valuation.snapshot.tokens[token].decimals
    amount = format_amount(int(most / valuation.prices[token]), decimals)
    notes = "".join(f"; {note}" for note in problem.universe.notes)
    return Infeasible(
        f"not enough liquidity: {name} can be {verb} up to about {amount} only. {low:.1%} of the way can be "
        "gone, to "
        + ", ".join(f"{valuation.symbol(each)} {weight:.2%}" for each, weight in sorted(reached.items()))
        + f" of what moves, where {name} is wanted at {shares[token].wanted:.2%}{notes}",
        path=f"targets.{name}",
    )


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
    return float(Solution(market, problem.goal(market), prices, 0.0, 0.0, 0).added[place])
