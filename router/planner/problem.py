"""A rebalance as the optimiser sees it: values to sell and to buy, over the part of the swap graph that can
carry them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import exp

from router import graph
from router.errors import Infeasible
from router.fixed_point import BPS
from router.optimiser.baseline import Proposal, propose, resolve
from router.optimiser.market import Edge, Goal, Market
from router.planner.valuation import Valuation
from router.tokens import Address

CURVE_MARGIN = 1.1
"""How much of the sold value a single pool's curve covers."""
IDLE_SHARE = 0.1
"""A token that is off by less than this share of the tolerance is left alone."""
DUST_SHARE = 1e-6
"""Value moved, as a share of all that is sold, below which a token counts as unchanged."""
TYPICAL_SWAP_GAS = 100_000


@dataclass(frozen=True)
class Problem:
    """One rebalance to solve.

    Attributes:
        sold_value: numeraire value that has to be sold, costs left out.
        gas_price: numeraire per unit of gas.
        refusals: which pools were refused, for people.
        idle: held or wanted tokens that are near enough to their target to be left alone.
        premiums: raw units per token that repaying its loan takes on top.
    """

    valuation: Valuation
    market: Market
    sold_value: float
    gas_price: float
    max_hops: int
    idle: frozenset[Address]
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    premiums: Mapping[Address, int] = field(default_factory=dict)

    @property
    def dust(self) -> float:
        return DUST_SHARE * self.sold_value

    @property
    def goal(self) -> Goal:
        """Idle tokens neither held nor wanted; premiums already spent."""
        valuation = self.valuation
        held, weights = [], []
        for token, price in zip(self.market.tokens, self.market.prices, strict=True):
            active = token not in self.idle and token in valuation.tokens
            amount = valuation.portfolio.holdings.get(token, 0) - self.premiums.get(token, 0)
            held.append(amount * price if active else 0.0)
            weights.append(valuation.target(token) if active else 0.0)
        total = sum(weights)
        return Goal(tuple(held), tuple(weight / total for weight in weights), self.sold_value)

    def outflows(self, proposal: Proposal) -> dict[Address, float]:
        """Value sent less value received through pools, of every token of the flows that is held or
        wanted."""
        net: dict[Address, float] = {}
        for flow in proposal.flows:
            net[flow.edge.token_in] = net.get(flow.edge.token_in, 0.0) + flow.value_in
            net[flow.edge.token_out] = net.get(flow.edge.token_out, 0.0) - flow.value_out
        ends = set(self.valuation.tokens) - self.idle
        return {token: value for token, value in sorted(net.items()) if token in ends}

    def marginal_prices(self, proposal: Proposal) -> dict[Address, float]:
        """Numeraire per raw unit at which the proposal's pools stop trading, of the tokens of its flows."""
        market, logs = self.market, proposal.solution.log_prices
        touched = {place for flow in proposal.flows for place in (flow.edge.source, flow.edge.sink)}
        return {market.tokens[k]: market.prices[k] * exp(logs[k]) for k in sorted(touched)}


def pose(valuation: Valuation, max_hops: int) -> Problem:
    """Chooses the tokens to trade and the pools to trade them through.

    Raises:
        Infeasible: a token to trade has no usable pool, or no path leads from what is sold to what is bought.
    """
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    gas_price, notes = _gas_price(valuation)
    drifts = valuation.drifts_bps(portfolio.holdings)
    total = valuation.value(portfolio.holdings)
    idle = _idle(drifts, portfolio.tolerance_bps, BPS * TYPICAL_SWAP_GAS * gas_price / total)
    sources = {token for token, drift in drifts.items() if drift > 0 and token not in idle}
    sinks = {token for token, drift in drifts.items() if drift < 0 and token not in idle}
    sold_value = sum(drifts[token] for token in sorted(sources)) / BPS * total
    taxed = {token for token, tax in snapshot.transfer_tax_bps.items() if tax}
    _refuse_taxed(valuation, (sources | sinks) & taxed)
    whole = graph.build(
        snapshot.pools,
        valuation.prices,
        traded_value=sold_value,
        ends=sources | sinks,
        allow=portfolio.allow_tokens,
        deny=portfolio.deny_tokens,
        taxed=taxed,
        symbols={token.address: token.symbol for token in snapshot.tokens.values()},
    )
    swaps = graph.between(whole, sources, sinks, max_hops)
    _require_paths(valuation, whole, swaps, sources=sources, sinks=sinks, max_hops=max_hops)
    market = _market(valuation, swaps, CURVE_MARGIN * sold_value, gas_price)
    return Problem(valuation, market, sold_value, gas_price, max_hops, idle, notes, swaps.notes)


def solve(problem: Problem, only: Iterable[Edge] | None = None) -> Sequence[Proposal]:
    """Proposals to replay, the most promising first.

    Args:
        only: pools to choose from; None takes all of the market's.
    """
    market = problem.market if only is None else problem.market.with_edges(only)
    return propose(market, problem.goal, problem.max_hops)


def solve_again(problem: Problem, proposal: Proposal) -> Proposal:
    """The proposal adapted to the problem's premiums, over the same pools."""
    return resolve(problem.market, problem.goal, proposal)


def _gas_price(valuation: Valuation) -> tuple[float, tuple[str, ...]]:
    """Numeraire per unit of gas, and what was assumed."""
    snapshot, asked = valuation.snapshot, valuation.portfolio.gas_price_wei
    wei = snapshot.base_fee_wei if asked is None else asked
    source = (f"prices: {snapshot.price_source}",) if snapshot.price_source else ()
    if wei is None:
        return 0.0, (*source, "gas is counted as free: neither a gas price nor a base fee is known")
    if wei and snapshot.native_token not in valuation.prices:
        return 0.0, (*source, "gas is counted as free: the native token has no price")
    return wei * valuation.prices.get(snapshot.native_token, 0.0), source


def _idle(drifts: Mapping[Address, float], tolerance_bps: float, swap_bps: float) -> frozenset[Address]:
    """Tokens near their target, or whose whole drift is worth less than one swap's gas, while others are
    not."""
    limit = max(IDLE_SHARE * tolerance_bps, min(swap_bps, tolerance_bps))
    idle = frozenset(token for token, drift in drifts.items() if abs(drift) <= limit)
    active = [drift for token, drift in drifts.items() if token not in idle]
    balanced = abs(sum(active)) <= tolerance_bps / 2
    return idle if balanced and min(active) < 0 < max(active) else frozenset()


def _refuse_taxed(valuation: Valuation, tokens: Set[Address]) -> None:
    for token in sorted(tokens):
        raise Infeasible(
            f"{valuation.symbol(token)} keeps part of every transfer and can't be traded exactly"
        )


def _require_paths(
    valuation: Valuation,
    whole: graph.SwapGraph,
    pruned: graph.SwapGraph,
    *,
    sources: Set[Address],
    sinks: Set[Address],
    max_hops: int,
) -> None:
    for swaps, reason in (
        (whole, "no usable pool trades it"),
        (pruned, f"no path of at most {max_hops} pools"),
    ):
        for token in sorted(sources | sinks):
            if token not in swaps.graph:
                name, verb = valuation.symbol(token), "bought" if token in sinks else "sold"
                refusals = "".join(f"; {note}" for note in whole.notes)
                raise Infeasible(f"{reason}: no {name} can be {verb}{refusals}", path=f"targets.{name}")


def _market(valuation: Valuation, swaps: graph.SwapGraph, limit: float, gas_price: float) -> Market:
    tokens = tuple(sorted(swaps.graph))
    place = {token: k for k, token in enumerate(tokens)}
    prices = valuation.prices
    edges = tuple(
        Edge(
            hop.pool,
            hop.token_in,
            hop.token_out,
            place[hop.token_in],
            place[hop.token_out],
            prices[hop.token_in],
            prices[hop.token_out],
            hop.rate,
            hop.depth,
            hop.pool.gas * gas_price,
            limit,
        )
        for hop in swaps.hops()
    )
    return Market(tokens, tuple(prices[token] for token in tokens), edges)
