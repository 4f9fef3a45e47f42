"""Flows worth replaying: the best over all pools, on as few of them as lose nothing that matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.arrays import Floats
from router.optimiser.dual import Solution, solve
from router.optimiser.instance import Instance
from router.optimiser.market import Market
from router.optimiser.prove import Prove
from router.optimiser.prove import prove as close_gap
from router.optimiser.support import best_path, choose
from router.optimiser.units import PAID
from router.plan import CIRCLE
from router.planner.certify import Evidence
from router.planner.circles import closing, sides_of
from router.planner.land import best_flows, unreachable
from router.planner.problem import Problem, Share
from router.planner.shape import (
    NEAR,
    Flows,
    executable,
    over,
    refuses_circles,
    straightened,
    stuck_of,
    thinned,
)
from router.tokens import Address

FLOW_DUST = 1e-5
"""Flows smaller than this share of what is sold are left out, if that costs less than DUST_LOSS."""
DUST_LOSS = 3e-7
"""Share of the value: 0.003 bp."""
DUST_TRIES = 3
WIDE = 1e-5
"""A gap, as a share of the value, at which the best single path is tried as well: 0.1 bp."""


@dataclass(frozen=True, slots=True)
class Proposal(Flows):
    """Flows, and what is known about how good they are."""

    evidence: Evidence
    notes: tuple[str, ...] = ()


def propose(
    problem: Problem,
    *,
    prove: Prove = False,
    warm_start: Mapping[Address, float] | None = None,
    straight: bool | None = None,
) -> list[Proposal]:
    """Proposals to replay.

    Args:
        straight: whether flows may turn in no circle; None leaves it to the portfolio's cap on arbitrage.

    Raises:
        Infeasible: no flows end at the target.
    """
    posed = problem
    start, ghost = _start(problem, warm_start)
    whole = best_flows(problem, problem.universe.market, start, ghost)
    if not (whole.converged or whole.near):
        raise unreachable(problem, whole)
    refused, straight = 0.0, refuses_circles(problem) if straight is None else straight
    if straight and problem.price.free and whole.converged:
        flows = straightened(Flows(problem, problem.universe.market, whole, straight))
        refused = whole.value - flows.solution.value
        problem, whole = flows.problem, flows.solution
    searched = whole
    chosen = _lean(problem, whole) if problem.price.free else _worth_their_gas(problem, whole, prove)
    if not chosen.solution.converged:
        raise unreachable(problem, whole)
    begun = Flows(problem, chosen.market, chosen.solution, straight)
    flows, more, cut = executable(begun)
    if flows.problem is not problem:
        problem = flows.problem
        whole = over(Flows(problem, whole.market, whole, straight), problem.universe.market).solution
    solution = flows.solution
    open_to_all, limits = whole, 0.0
    if _limited(problem):
        open_to_all = best_flows(problem, problem.universe.free, start, ghost)
        limits = max(open_to_all.value - whole.value, 0.0)
    universe = problem.universe
    evidence = Evidence(
        open_to_all.start_for(universe.free, universe.calm),
        _net_prices(problem, open_to_all, searched, chosen.net_prices),
        _flows_net(problem, solution),
        limits + cut,
        chosen.proven,
    )
    short = open_to_all.value + problem.kept - evidence.flows_net > WIDE * open_to_all.value
    floor = _single_path(posed, straight, evidence) if short or problem is not posed else []
    notes = *chosen.notes, *_circle_notes(problem, refused + more)
    first = Proposal(problem, flows.market, solution, straight, evidence, notes)
    found = [first, *_at_wanted(first), *floor]
    if not straight and (short or stuck_of(begun)) and closing(sides_of(begun.solution)):
        found += _answers(replace(first, problem=posed, straight=True), posed)
    return found


def _circle_notes(problem: Problem, refused: float) -> Iterator[str]:
    count = sum(each.reason == CIRCLE for each in problem.universe.excluded)
    if count:
        yield (
            f"the pools offer up to {problem.universe.arbitrage:,.4f} of arbitrage, above max_arbitrage_bps: "
            f"{count} directions that would close circles are left out, for {refused:,.4f} of the final value"
        )


def _at_wanted(first: Proposal) -> list[Proposal]:
    """Where the landing leaves room, flows to the wanted shares: what knots, legs and exact pools make of the
    best flows can be worse."""
    problem = first.problem
    if not problem.banded:
        return []
    shares = {token: Share(share.wanted) for token, share in problem.shares.items()}
    return _answers(first, replace(problem, shares=shares))


def _answers(of: Proposal, narrower: Problem) -> list[Proposal]:
    """Proposals for a narrower problem that answer the one of this proposal as well."""
    try:
        found = propose(narrower, straight=of.straight)
    except Infeasible:
        return []
    told = [replace(of.evidence, flows_net=each.evidence.flows_net) for each in found]
    return [
        replace(of, market=each.market, solution=each.solution, evidence=evidence)
        for each, evidence in zip(found, told, strict=True)
    ]


def _single_path(problem: Problem, straight: bool, evidence: Evidence) -> list[Proposal]:
    """The best single path, where one token alone is sold and one bought: the floor for what is proposed."""
    market = problem.market
    instance = Instance.near(market, problem.goal(market), problem.ends, np.ones(market.columns))
    few = [instance.narrowed(state == PAID).market for state in best_path(instance)]
    found: list[Proposal] = []
    for market in few:
        flows = Flows(problem, market, best_flows(problem, market), straight)
        if not flows.solution.converged:
            continue
        try:
            flows, _, _ = executable(flows)
        except Infeasible:
            continue
        told = replace(evidence, flows_net=_flows_net(flows.problem, flows.solution))
        found.append(Proposal(flows.problem, flows.market, flows.solution, straight, told))
    return found


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
        gap = f"a gap of {proof.gap * BPS:.4f} bp {end}"
        notes = (f"branch and bound: {proof.nodes} nodes; {gap}",)
    market = problem.universe.market.like(choice.support, problem.ends)
    return _Chosen(market, choice.solution, replace(whole, prices=choice.prices), proven, notes)


def _net_prices(
    problem: Problem, open_to_all: Solution, searched: Solution, found: Solution | None
) -> Floats:
    """By column of the free market, prices that make the bound tight that counts gas: those found where the
    search began, or new ones where the bound is about other pools."""
    universe = problem.universe
    if found is None:
        return open_to_all.start_for(universe.free, universe.calm)
    if open_to_all is not searched:
        start = found.start_for(open_to_all.market, open_to_all.prices)
        instance = Instance.near(open_to_all.market, open_to_all.goal, problem.ends, start)
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
    every = over(
        Flows(problem, market, whole, straight=False), market.only(*whole.carrying(0.0), problem.ends)
    )
    return _Chosen(every.market, every.solution)


def thinner(proposal: Proposal) -> Proposal | None:
    """The proposal without its smallest swap; None where the target can't be reached without."""
    found = thinned(proposal)
    if found is None:
        return None
    found, _, _ = executable(found)
    return replace(
        found, evidence=replace(found.evidence, flows_net=_flows_net(found.problem, found.solution))
    )
