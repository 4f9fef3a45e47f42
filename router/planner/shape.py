"""Flows brought into a shape that a program can have: no circles, no swaps that wait for each other, no more
swaps than allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeVar

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.dual import Solution
from router.optimiser.market import Market
from router.optimiser.support import choose
from router.planner.circles import Side, closed, closing, sides_of, smaller_side, without_sides
from router.planner.flows import Leg, Order, legs_of, ordered
from router.planner.land import best_flows
from router.planner.problem import Problem
from router.tokens import Address

NEAR = 1e-3
"""Where the smoothing starts when a solution is adapted to a small change."""
AFRESH = (1.0, 0.1)
"""The same where a small change is none, and flows are looked for from the reference prices."""
SHAPE_ROUNDS = 4
"""How often what one shape costs another is mended: fewer swaps may wait for each other again."""
UNKNOT_ROUNDS = 24
STRAIGHT_ROUNDS = 60
PARTS = 24
"""Into how many parts more swaps of one program may be split, all in all."""
LEAST_TAX, TAX_ROUNDS = 1e-5, 14
"""Of what is sold: the least that a pool is made to cost where a plan may have few legs only."""


@dataclass(frozen=True, slots=True)
class Flows:
    """The best flows for a problem over the pools of a market.

    Attributes:
        straight: whether they may turn in no circle.
    """

    problem: Problem
    market: Market
    solution: Solution
    straight: bool


_Flows = TypeVar("_Flows", bound=Flows)


def over(flows: _Flows, market: Market) -> _Flows:
    """The best flows over another market that differs little. They may reach no target."""
    solution = best_flows(flows.problem, market, flows.solution.start_for(market), NEAR)
    for ghost in AFRESH:
        if solution.converged or solution.near:
            break
        solution = best_flows(flows.problem, market, ghost=ghost)
    return replace(flows, market=market, solution=solution)


def without(flows: _Flows, sides: Sequence[Side]) -> _Flows | None:
    """The best flows without these sides of pools; None where they reach no target."""
    found = over(flows, closed(flows.market, sides, flows.problem.ends))
    return found if found.solution.converged else None


def executable(flows: _Flows) -> tuple[_Flows, float, float]:
    """Flows in a shape that a program can have, the value that went with circles, and that lost to few legs.

    Raises:
        Infeasible: no flows of so few swaps were found.
    """
    refused = cut = 0.0
    for _ in range(SHAPE_ROUNDS):
        before = flows.solution.value
        flows = straightened(flows) if flows.straight else flows
        refused += before - flows.solution.value
        flows = untangled(flows)
        few = within_legs(flows)
        if few is flows:
            break
        cut += max(flows.solution.value - few.solution.value, 0.0)
        flows = few
    return flows, refused, cut


def refuses_circles(problem: Problem) -> bool:
    """Whether the pools offer more arbitrage than the owner wants any part of."""
    valuation = problem.valuation
    most = valuation.value(valuation.tradable) * valuation.portfolio.max_arbitrage_bps / BPS
    return problem.universe.arbitrage > most


def straightened(flows: _Flows) -> _Flows:
    """Flows without a circle; their problem is without the sides of pools that would close one."""
    for _ in range(STRAIGHT_ROUNDS):
        sides = closing(sides_of(flows.solution))
        found = without(flows, sides) if sides else None
        if found is None:
            break
        universe = without_sides(flows.problem.universe, sides)
        flows = replace(found, problem=replace(flows.problem, universe=universe))
    return flows


def untangled(flows: _Flows) -> _Flows:
    """Flows that some order can execute: of swaps that wait for each other, what goes in a circle is taken
    back."""
    for _ in range(UNKNOT_ROUNDS):
        stuck = stuck_of(flows)
        found = without(flows, closing(sides_of(flows.solution), stuck)[:1]) if stuck else None
        if found is None:
            break
        flows = found
    return flows


def stuck_of(flows: Flows) -> tuple[Leg, ...]:
    """Swaps that no order can execute: each waits for another."""
    problem, added = flows.problem, flows.solution.added
    funds = {
        token: max(-float(added[place]) / problem.valuation.prices[token], 0.0)
        for token, place in problem.places.items()
    }
    return order_of(problem, flows.solution, funds).stuck


def order_of(problem: Problem, solution: Solution, funds: Mapping[Address, float]) -> Order:
    """The order of the swaps. One may be split where that costs no gas and their number is free."""
    free = problem.price.free and problem.valuation.portfolio.max_legs is None
    return ordered(legs_of(solution), funds, PARTS if free else 0)


def thinned(flows: _Flows) -> _Flows | None:
    """Flows without the smallest swap; None where the target can't be reached without."""
    prices, legs = flows.problem.valuation.prices, legs_of(flows.solution)
    if len(legs) < 2:
        return None
    smallest = min(legs, key=lambda leg: (leg.amount_in * prices[leg.token_in], leg.pool.address))
    return without(flows, [smaller_side(sides_of(flows.solution), smallest)])


def within_legs(flows: _Flows) -> _Flows:
    """Flows of no more swaps than allowed; the same where these are.

    Raises:
        Infeasible: none were found.
    """
    most, count = flows.problem.valuation.portfolio.max_legs, len(legs_of(flows.solution))
    if most is None or count <= most:
        return flows
    tried = list(_taxed(flows, most))
    found = [each for each in tried if len(legs_of(each.solution)) <= most]
    if not found:
        count = min((len(legs_of(each.solution)) for each in tried), default=count)
        raise Infeasible(
            f"no flows of at most {most} swaps that end at the target were found; of {count} swaps they can",
            path="max_legs",
        )
    return max(found, key=lambda each: each.solution.value)


def _taxed(flows: _Flows, most: int) -> Iterator[_Flows]:
    """The best flows where every pool costs more than it does: more and more until no more swaps than `most`
    are worth it, then as little as that takes."""
    problem, market, solution = flows.problem, flows.market, flows.solution
    low, high, tax = 0.0, inf, LEAST_TAX * problem.sold_value
    for _ in range(TAX_ROUNDS):
        terms = replace(market.terms, costs=market.terms.costs + tax)
        try:
            choice = choose(replace(solution.market, terms=terms), solution.goal, problem.ends)
        except Infeasible:
            return
        found = over(flows, market.like(choice.support, problem.ends))
        few = found.solution.converged and len(legs_of(found.solution)) <= most
        if found.solution.converged:
            yield found
        low, high = (low, tax) if few else (tax, high)
        tax = 4 * tax if high == inf else (low + high) / 2
