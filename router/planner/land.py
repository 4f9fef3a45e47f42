"""The best flows for a problem: to exact shares, or to the best shares within their bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.dual import Solution, solve
from router.optimiser.kernels import Floats
from router.optimiser.market import Market
from router.planner.problem import Problem
from router.tokens import Address, format_amount

BAND_ROUNDS = 24
EDGE = 1e-9
"""How far beyond its band a share may be for floats' sake."""
HALVINGS = 10


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
        mix = {token: weights[token] + part * (share.wanted - weights[token]) for token, share in shares.items()}
        if min(mix.values()) >= 0 and solve(problem.market, problem.goal(problem.market, mix)).converged:
            low, reached = part, mix
        else:
            high = part
    token = _scarce(problem, solution)
    name, decimals = valuation.symbol(token), valuation.snapshot.tokens[token].decimals
    bought = shares[token].wanted > weights[token]
    amount = (reached[token] - weights[token]) * problem.value / valuation.prices[token]
    verb = "bought" if bought else "sold"
    notes = "".join(f"; {note}" for note in problem.universe.notes)
    return Infeasible(
        f"not enough liquidity: {name} binds; about {format_amount(int(abs(amount)), decimals)} of it can be "
        f"{verb} on the way. {low:.1%} of the way can be gone, to "
        + ", ".join(f"{valuation.symbol(each)} {weight:.2%}" for each, weight in sorted(reached.items()))
        + f" of what moves; {name} is wanted at {shares[token].wanted:.2%}{notes}",
        path=f"targets.{name}",
    )


def _scarce(problem: Problem, solution: Solution) -> Address:
    """The token whose supply and demand are farthest apart where the search ended."""
    final = problem.value_after(solution)
    total = sum(final.values()) or 1.0
    return max(
        sorted(problem.shares),
        key=lambda token: abs(final[token] / total - problem.shares[token].wanted) * BPS,
    )
