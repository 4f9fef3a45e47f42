"""The first planner: marginal splitting over a pruned graph, gas counted per pool, no cycles.

Every later planner is measured against it and may never do worse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from router.errors import PoolError
from router.optimiser.acyclic import ascending, token_order
from router.optimiser.interior import Solution, solve
from router.optimiser.market import Edge, Flow, Goal, Market, gas_of
from router.optimiser.paths import hub_supports, single_paths
from router.pools.base import Pool
from router.tokens import Address

FEASIBLE = 2e-7
"""Largest imbalance, as a share of the value traded, at which flows count as a solution."""
DUST_LEG = 1e-7
"""The share of the value traded that a pool must add to be worth a step when gas is free."""
LOCAL_TRIES = 24
SHARED_POOL_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """Flows in an order that can be executed: each token's edges come after all that pay it.

    Attributes:
        order: places of the tokens in the market, sources first.
        net: value reached less the gas of the pools.
        feasible: whether every token meets its goal.
    """

    solution: Solution
    order: tuple[int, ...]
    net: float
    feasible: bool

    @property
    def flows(self) -> tuple[Flow, ...]:
        return self.solution.flows


def propose(market: Market, goal: Goal, max_hops: int) -> tuple[Proposal, ...]:
    """The best flows found, pruned by gas from the full split or grown from the simplest supports; then,
    where it is another, the best of the simplest supports alone. Exact replay chooses between them."""
    found = [_prune(market, goal, _on(market, goal, market.edges))]
    supports = [single_paths(market, goal, max_hops), *hub_supports(market, goal)]
    simple = [_on(market, goal, support) for support in supports if support]
    plain = max(simple, key=_rank, default=found[0])
    best = _drop_legs(market, goal, max([*found, plain], key=_rank))
    chosen = [best] if best.solution is plain.solution else [best, plain]
    return tuple(resolve(market, goal, proposal) for proposal in chosen)


def _rank(proposal: Proposal) -> tuple[bool, float]:
    return proposal.feasible, proposal.net


def resolve(market: Market, goal: Goal, proposal: Proposal) -> Proposal:
    """The best flows for another goal over the pools of a proposal, in its order."""
    edges = [flow.edge for flow in proposal.flows]
    return _along(market, goal, edges, proposal.order, SHARED_POOL_ROUNDS)


def _on(market: Market, goal: Goal, edges: Iterable[Edge]) -> Proposal:
    """The best flows over these edges, cycles taken out."""
    edges = tuple(edges)
    fair = solve(market.with_edges(edges), goal, fair=True)
    return _along(market, goal, edges, token_order(fair.flows))


def _along(
    market: Market, goal: Goal, edges: Iterable[Edge], order: Sequence[int], rounds: int = 1
) -> Proposal:
    """The best flows over those of the edges that lead from an earlier to a later token.

    A pool of three or more tokens that is used on several pairs is priced, for each later pair, on the state
    that the earlier ones leave; more rounds let the flows settle.
    """
    proposal = _once(market, goal, ascending(edges, order), order)
    originals = {edge.name: edge for edge in market.edges}
    for _ in range(rounds):
        uses = Counter(flow.edge.pool.address for flow in proposal.flows)
        if max(uses.values(), default=0) < 2:
            break
        proposal = _once(market, goal, _resampled(proposal, originals), proposal.order)
    return proposal


def _once(market: Market, goal: Goal, edges: Sequence[Edge], order: Sequence[int]) -> Proposal:
    solution = solve(market.with_edges(edges), goal)
    touched = _touched(solution.flows)
    feasible = solution.residual <= FEASIBLE * goal.scale
    return Proposal(
        solution,
        tuple(token for token in order if token in touched),
        solution.value - gas_of(solution.flows),
        feasible,
    )


def _touched(flows: Iterable[Flow]) -> set[int]:
    return {token for flow in flows for token in (flow.edge.source, flow.edge.sink)}


def _worth(flow: Flow, solution: Solution, goal: Goal) -> float:
    """What the pool adds at the solution's prices, less its gas; negative for a leg to drop."""
    a, b = (exp(solution.log_prices[k]) for k in (flow.edge.source, flow.edge.sink))
    return b * flow.value_out - a * flow.value_in - max(flow.edge.gas_cost, DUST_LEG * goal.scale)


def _prune(market: Market, goal: Goal, proposal: Proposal) -> Proposal:
    """Drops pools that do not seem to pay for their gas, the weakest first, as long as the net value does
    not fall: a pool's surplus only bounds what it adds from below."""
    needed: set[tuple[Address, Address, Address]] = set()
    batch = len(proposal.flows)
    while True:
        ranked = sorted((_worth(flow, proposal.solution, goal), flow.edge.name) for flow in proposal.flows)
        weak = [name for worth, name in ranked if worth < 0 and name not in needed]
        if not weak:
            return proposal
        batch = min(batch, max(1, len(weak) // 2))
        tried = _without(market, goal, proposal, set(weak[:batch]))
        if _better(tried, proposal, goal):
            proposal, batch = tried, 2 * batch
        elif batch == 1:
            needed.add(weak[0])
        else:
            batch = max(1, batch // 2)


def _better(one: Proposal, other: Proposal, goal: Goal) -> bool:
    """More net value, or as much (to a dust leg each) with fewer pools."""
    spared = len(other.flows) - len(one.flows)
    return (one.feasible, one.net + spared * DUST_LEG * goal.scale) > (other.feasible, other.net)


def _without(
    market: Market, goal: Goal, proposal: Proposal, names: set[tuple[Address, Address, Address]]
) -> Proposal:
    edges = [flow.edge for flow in proposal.flows if flow.edge.name not in names]
    return _along(market, goal, edges, proposal.order)


def _drop_legs(market: Market, goal: Goal, proposal: Proposal) -> Proposal:
    """Tries to do without each pool, the least useful first, until none can be spared."""
    tries = LOCAL_TRIES
    improved = True
    while improved and tries:
        improved = False
        ranked = sorted(
            proposal.flows, key=lambda flow: (_worth(flow, proposal.solution, goal), flow.edge.name)
        )
        for flow in ranked:
            if not tries or _worth(flow, proposal.solution, goal) > 4 * flow.edge.gas_cost:
                break
            tries -= 1
            tried = _without(market, goal, proposal, {flow.edge.name})
            if tried.feasible and _better(tried, proposal, goal):
                proposal, improved = tried, True
                break
    return proposal


def _resampled(proposal: Proposal, originals: Mapping[tuple[Address, Address, Address], Edge]) -> list[Edge]:
    states: dict[Address, Pool] = {}
    edges: list[Edge] = []
    for flow in in_order(proposal.flows, proposal.order):
        edge = originals[flow.edge.name]
        pool = states.get(edge.pool.address, edge.pool)
        rate = pool.spot_price(edge.token_in, edge.token_out) * edge.price_out / edge.price_in
        edges.append(edge if pool is edge.pool else replace(edge, pool=pool, rate=rate, _cache=[]))
        try:
            states[pool.address] = pool.swap(
                edge.token_in, edge.token_out, int(flow.value_in / edge.price_in)
            )[1]
        except PoolError:
            continue
    return edges


def in_order(flows: Iterable[Flow], order: Sequence[int]) -> list[Flow]:
    """Flows sorted for execution: by place of the token in, then of the token out, then by pool."""
    place = {token: k for k, token in enumerate(order)}
    return sorted(
        flows, key=lambda flow: (place[flow.edge.source], place[flow.edge.sink], flow.edge.pool.address)
    )
