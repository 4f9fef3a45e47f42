"""Flows worth replaying: the best over all pools, on as few of them as lose nothing that matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.dual import Solution, solve
from router.optimiser.instance import Instance
from router.optimiser.kernels import Floats
from router.optimiser.market import Market
from router.optimiser.prove import Prove
from router.optimiser.prove import prove as close_gap
from router.optimiser.support import choose
from router.plan import CIRCLE
from router.planner.certify import Evidence
from router.planner.circles import Side, closed, closing, sides_of, smaller_side, without_sides
from router.planner.floor import best_single_path
from router.planner.flows import Leg, legs_of, ordered
from router.planner.gas import least_cost
from router.planner.land import best_flows, unreachable
from router.planner.problem import Problem, Share
from router.tokens import Address

FLOW_DUST = 1e-5
"""Flows smaller than this share of what is sold are left out, if that costs less than DUST_LOSS."""
DUST_LOSS = 3e-7
"""Share of the value: 0.003 bp."""
DUST_TRIES = 3
NEAR = 1e-3
"""Where the smoothing starts when a solution is adapted to a small change."""
UNKNOT_ROUNDS = 12
STRAIGHT_ROUNDS = 60
WIDE = 1e-5
"""A gap, as a share of the value, at which the best single path is tried as well: 0.1 bp."""
LEAST_TAX, TAX_ROUNDS = 1e-5, 14
"""Of what is sold: the least that a pool is made to cost where a plan may have few legs only."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Flows over the pools of a market, and what is known about how good they are.

    Attributes:
        problem: that they answer, without what would close circles.
    """

    problem: Problem
    solution: Solution
    market: Market
    evidence: Evidence
    notes: tuple[str, ...] = ()


def propose(
    problem: Problem, *, prove: Prove = False, warm_start: Mapping[Address, float] | None = None
) -> list[Proposal]:
    """Proposals to replay.

    Raises:
        Infeasible: no flows end at the target.
    """
    start, ghost = _start(problem, warm_start)
    whole = best_flows(problem, problem.universe.market, start, ghost)
    if not (whole.converged or whole.near):
        raise unreachable(problem, whole)
    straight, refused = _refuses_circles(problem), 0.0
    if straight and problem.price.free and whole.converged:
        best = whole.value
        problem, _, whole = _straightened(problem, problem.universe.market, whole)
        refused = best - whole.value
    chosen = _lean(problem, whole) if problem.price.free else _worth_their_gas(problem, whole, prove)
    if not chosen.solution.converged:
        raise unreachable(problem, whole)
    market, solution = chosen.market, chosen.solution
    if straight:
        best, before = solution.value, problem
        problem, market, solution = _straightened(problem, market, solution)
        refused += best - solution.value
        if problem is not before:
            every = problem.universe.market
            whole = best_flows(problem, every, whole.start_for(every), NEAR)
    market, solution = _untangled(problem, market, solution)
    market, solution, cut = _within_legs(problem, market, solution)
    open_to_all, limits = whole, 0.0
    if _limited(problem):
        open_to_all = best_flows(problem, problem.universe.free, start, ghost)
        limits = max(open_to_all.value - whole.value, 0.0)
    universe = problem.universe
    evidence = Evidence(
        open_to_all.start_for(universe.free, universe.calm),
        _net_prices(problem, open_to_all, whole, chosen.net_prices),
        _flows_net(problem, solution),
        limits + cut,
        chosen.proven,
    )
    short = open_to_all.value + problem.kept - evidence.flows_net > WIDE * open_to_all.value
    floor = _single_path(problem, evidence) if short else []
    notes = *chosen.notes, *_circle_notes(problem, refused)
    first = Proposal(problem, solution, market, evidence, notes)
    return [first, *_at_wanted(problem, evidence), *floor]


def _refuses_circles(problem: Problem) -> bool:
    """Whether the pools offer more arbitrage than the owner wants any part of."""
    valuation = problem.valuation
    most = valuation.value(valuation.tradable) * valuation.portfolio.max_arbitrage_bps / BPS
    return problem.universe.arbitrage > most


def _circle_notes(problem: Problem, refused: float) -> Iterator[str]:
    count = sum(each.reason == CIRCLE for each in problem.universe.excluded)
    if count:
        yield (
            f"the pools offer up to {problem.universe.arbitrage:,.4f} of arbitrage, above max_arbitrage_bps: "
            f"{count} directions that would close circles are left out, for {refused:,.4f} of the final value"
        )


def _at_wanted(problem: Problem, evidence: Evidence) -> list[Proposal]:
    """Where the landing leaves room, flows to the wanted shares: what knots, legs and exact pools make of the
    best flows can be worse."""
    if not problem.banded:
        return []
    shares = {token: Share(share.wanted) for token, share in problem.shares.items()}
    try:
        found = propose(replace(problem, shares=shares))
    except Infeasible:
        return []
    return [replace(each, evidence=replace(evidence, flows_net=each.evidence.flows_net)) for each in found]


def _single_path(problem: Problem, evidence: Evidence) -> list[Proposal]:
    """The best single path, where one token alone is sold and one bought: the floor for what is proposed."""
    valuation, market = problem.valuation, problem.universe.market
    book, shares = market.book, problem.shares
    sold = [token for token, share in shares.items() if not share.most]
    bought = [token for token, share in shares.items() if share.wanted and not share.band]
    if len(sold) != 1 or len(bought) != 1 or len(shares) != 2:
        return []
    used = np.union1d(book.ladder_pool[market.ladders], book.basin_pool[market.basins])
    path = best_single_path(
        [book.pools[int(k)] for k in used],
        sold[0],
        bought[0],
        valuation.tradable.get(sold[0], 0),
        lambda token: valuation.prices.get(token, 0.0),
        lambda pool: least_cost(pool, problem.price, valuation.snapshot),
        {(each.pool, each.token_in, each.token_out) for each in problem.universe.excluded},
    )
    if path is None:
        return []
    hops = set(zip(path.pools, path.tokens, strict=True))
    ladders = [
        k
        for k in market.ladders
        if (book.pools[int(book.ladder_pool[k])].address, book.tokens[int(book.bought[k])]) in hops
    ]
    basins = [b for b in market.basins if book.pools[int(book.basin_pool[b])].address in path.pools]
    few = market.only(np.array(ladders, dtype=np.int64), np.array(basins, dtype=np.int64), problem.ends)
    solution = best_flows(problem, few)
    if not solution.converged:
        return []
    return [Proposal(problem, solution, few, replace(evidence, flows_net=_flows_net(problem, solution)))]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Pools to use, and their flows.

    Attributes:
        net_prices: of all pools, the proof of the bound that counts gas.
        proven: the bound that branch and bound has closed in on, costs that any trade has left out.
    """

    market: Market
    solution: Solution
    net_prices: Solution | None = None
    proven: float | None = None
    notes: tuple[str, ...] = ()


def _worth_their_gas(problem: Problem, whole: Solution, prove: Prove) -> _Chosen:
    """The pools whose use pays for its gas. Where the landing leaves room: of those for the shares that are
    best were gas free, for the shares that these pools then end with, and for the wanted ones."""
    if not (problem.banded or problem.fluid):
        return _chosen(problem, whole, prove)
    market, found = problem.market, list[_Chosen]()

    def search(face: Solution) -> None:
        if face.converged:
            chosen = _chosen(problem, face, False)
            solution = best_flows(problem, chosen.market, chosen.solution.start_for(chosen.market), NEAR)
            if solution.converged:
                found.append(replace(chosen, solution=solution))

    def at(shares: Mapping[Address, float] | None) -> Solution:
        return solve(market, problem.goal(market, shares), whole.start_for(market), ghost=NEAR)

    search(whole)
    if found:
        search(at(problem.shares_after(found[0].solution)))
    search(at(None))
    if not found:
        return _lean(problem, whole)
    best = max(found, key=lambda each: _flows_net(problem, each.solution))
    why = "branch and bound is for landings without room for the final weights"
    return replace(best, notes=(why,)) if prove else best


def _chosen(problem: Problem, whole: Solution, prove: Prove) -> _Chosen:
    """The pools worth their gas for the goal that a solution over all pools has."""
    choice = choose(whole.market, whole.goal, problem.ends, every=whole)
    proven: float | None = None
    notes: tuple[str, ...] = ()
    if prove:
        proof = close_gap(
            whole.market, whole.goal, problem.ends, choice, progress=prove if callable(prove) else None
        )
        choice, proven = proof.choice, proof.net_bound
        end = "is closed" if proof.complete else "is what time allowed"
        notes = (f"branch and bound: {proof.nodes} nodes; a gap of {proof.gap * BPS:.4f} bp {end}",)
    support = choice.support
    market = problem.universe.market.only(support.ladders, support.basins, problem.ends)
    return _Chosen(market, choice.solution, replace(whole, prices=choice.prices), proven, notes)


def _net_prices(problem: Problem, open_to_all: Solution, whole: Solution, found: Solution | None) -> Floats:
    """By column of the free market, prices that make the bound tight that counts gas."""
    universe = problem.universe
    if found is None:
        return open_to_all.start_for(universe.free, universe.calm)
    if open_to_all is not whole:
        instance = Instance(open_to_all.market, open_to_all.goal, problem.ends)
        start = found.start_for(open_to_all.market, open_to_all.prices)
        found = replace(open_to_all, prices=instance.relax(instance.all_free, start).prices)
    return found.start_for(universe.free, universe.calm)


def _start(problem: Problem, warm_start: Mapping[Address, float] | None) -> tuple[Floats, float]:
    """Prices to start from, by column of the market, and where the smoothing starts."""
    market, calm = problem.universe.market, problem.universe.calm
    if not warm_start:
        return calm, 1.0
    start = calm.copy()
    reference = problem.valuation.prices
    for token, price in warm_start.items():
        place = market.book.place.get(token)
        if place is not None and market.column[place] >= 0 and price > 0:
            start[market.column[place]] = price / reference[token]
    return start, NEAR


def _limited(problem: Problem) -> bool:
    portfolio = problem.valuation.portfolio
    return portfolio.max_depth_bps is not None or any(
        rule.max_impact_bps is not None for rule in portfolio.rules.values()
    )


def _flows_net(problem: Problem, solution: Solution) -> float:
    """Final value over all held or wanted tokens, less what the pools in use cost at the least."""
    ladders, basins = solution.used()
    book, costs = solution.market.book, solution.market.terms.costs
    spent = costs[book.ladder_pool[ladders]].sum() + costs[book.basin_pool[basins]].sum()
    return problem.kept + sum(problem.value_after(solution).values()) - float(spent)


def _lean(problem: Problem, whole: Solution) -> _Chosen:
    """The same flows without those too small to matter."""
    market, least = problem.universe.market, FLOW_DUST * problem.sold_value
    for _ in range(DUST_TRIES):
        fewer = market.only(*whole.carrying(least), problem.ends)
        solution = best_flows(problem, fewer, whole.start_for(fewer), NEAR)
        if solution.converged and solution.value >= whole.value * (1 - DUST_LOSS):
            return _Chosen(fewer, solution)
        least /= 10
    fewer = market.only(*whole.carrying(0.0), problem.ends)
    return _Chosen(fewer, best_flows(problem, fewer, whole.start_for(fewer), NEAR))


def _straightened(problem: Problem, market: Market, solution: Solution) -> tuple[Problem, Market, Solution]:
    """Flows without a circle, and the problem without the sides of pools that would close one."""
    for _ in range(STRAIGHT_ROUNDS):
        sides = closing(sides_of(solution))
        if not sides:
            break
        found = _without(problem, market, solution, sides)
        if found is None:
            break
        market, solution = found
        problem = replace(problem, universe=without_sides(problem.universe, sides))
    return problem, market, solution


def _untangled(problem: Problem, market: Market, solution: Solution) -> tuple[Market, Solution]:
    """Flows that some order can execute: of swaps that wait for each other, what goes in a circle is taken
    back."""
    for _ in range(UNKNOT_ROUNDS):
        funds = {
            token: max(-float(solution.added[place]) / problem.valuation.prices[token], 0.0)
            for token, place in problem.places.items()
        }
        stuck = ordered(legs_of(solution), funds).stuck
        if not stuck:
            break
        found = _without(problem, market, solution, closing(sides_of(solution), stuck)[:1])
        if found is None:
            break
        market, solution = found
    return market, solution


def thinned(proposal: Proposal) -> Proposal | None:
    """The proposal without its smallest swap; None where the target can't be reached without."""
    problem, legs = proposal.problem, legs_of(proposal.solution)
    if len(legs) < 2:
        return None
    smallest = min(legs, key=lambda leg: (_value(problem, leg), leg.pool.address))
    sides = [smaller_side(sides_of(proposal.solution), smallest)]
    found = _without(problem, proposal.market, proposal.solution, sides)
    if found is None:
        return None
    market, solution = found
    evidence = replace(proposal.evidence, flows_net=_flows_net(problem, solution))
    return replace(proposal, solution=solution, market=market, evidence=evidence)


def _without(
    problem: Problem, market: Market, solution: Solution, sides: Sequence[Side]
) -> tuple[Market, Solution] | None:
    """The best flows without these sides of pools; None where they reach no target."""
    fewer = closed(market, sides, problem.ends)
    found = best_flows(problem, fewer, solution.start_for(fewer), NEAR)
    return (fewer, found) if found.converged else None


def _value(problem: Problem, leg: Leg) -> float:
    return leg.amount_in * problem.valuation.prices[leg.token_in]


def _within_legs(problem: Problem, market: Market, solution: Solution) -> tuple[Market, Solution, float]:
    """Flows of no more swaps than allowed. Also the value lost.

    Raises:
        Infeasible: none were found.
    """
    most, count = problem.valuation.portfolio.max_legs, len(legs_of(solution))
    if most is None or count <= most:
        return market, solution, 0.0
    tried = list(_taxed(problem, market, solution, most))
    found = [each for each in tried if len(legs_of(each[1])) <= most]
    if not found:
        count = min((len(legs_of(each[1])) for each in tried), default=count)
        raise Infeasible(
            f"no flows of at most {most} swaps that end at the target were found; of {count} swaps they can",
            path="max_legs",
        )
    market, best = max(found, key=lambda each: each[1].value)
    return market, best, max(solution.value - best.value, 0.0)


def _taxed(
    problem: Problem, market: Market, solution: Solution, most: int
) -> Iterator[tuple[Market, Solution]]:
    """The best flows where every pool costs more than it does: more and more until no more swaps than `most`
    are worth it, then as little as that takes."""
    low, high, tax = 0.0, inf, LEAST_TAX * problem.sold_value
    for _ in range(TAX_ROUNDS):
        terms = replace(market.terms, costs=market.terms.costs + tax)
        try:
            choice = choose(replace(solution.market, terms=terms), solution.goal, problem.ends)
        except Infeasible:
            return
        fewer = market.only(choice.support.ladders, choice.support.basins, problem.ends)
        found = best_flows(problem, fewer, solution.start_for(fewer), NEAR)
        few = found.converged and len(legs_of(found)) <= most
        if found.converged:
            yield fewer, found
        low, high = (low, tax) if few else (tax, high)
        tax = 4 * tax if high == inf else (low + high) / 2
