"""Which amounts of one token to move between chains, at the least cost.

A chain that has fallen below its maintenance share of the total is to be brought back to its initial share;
while every chain holds its maintenance share, nothing moves. The amounts are a minimum-cost flow:

    min  sum fee_ij x_ij + fixed_ij y_ij        x_ij = 0, or smallest <= x_ij <= largest where y_ij = 1

first with the least missing to maintenance shares, then to initial shares, then at the least cost, and of
equally cheap ways the one that moves least. What is under way counts as held where it arrives, so that a
chain is not filled twice; but it can't be sent on, and no chain sends what its maintenance share needs there
now. A chain that gives keeps its initial share, and one between its two shares keeps all it has.

Shares are of what is held on chains that usable routes connect: money that cannot move is no part of them.
Amounts arrive in full; fees are counted beside them, in raw units of the token.

Source: Synapse RFQ relayer documentation, rebalancing, for the shares and when they bind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import networkx as nx

from router.errors import InputError
from router.fixed_point import BPS, div_up
from router.strategy.transfer_network import COST_UNIT, Holding, Network, Route

__all__ = ["Holding", "Route", "Transfer", "Transfers", "plan_transfers"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One amount over one route. `cost_up`: fee, fixed cost and price of time, rounded up."""

    route: Route
    amount: int
    cost_up: int


@dataclass(frozen=True, slots=True)
class Transfers:
    """What to move, in the order of origin, destination and bridge.

    Attributes:
        missing: by chain, what a refilled chain still lacks of its initial share: limits did not allow more.
    """

    transfers: tuple[Transfer, ...] = ()
    missing: Mapping[int, int] = field(default_factory=dict)

    @property
    def cost_up(self) -> int:
        return sum(transfer.cost_up for transfer in self.transfers)


def plan_transfers(
    holdings: Sequence[Holding],
    routes: Sequence[Route],
    *,
    longest_lock_s: int | None = None,
    yearly_pips: int = 0,
) -> Transfers:
    """The cheapest transfers that refill every chain below its maintenance share.

    The order of holdings and routes does not matter.

    Args:
        longest_lock_s: slower routes are left out; none where None.
        yearly_pips: what a unit costs that is locked for a year; it makes slow routes dearer.

    Raises:
        InputError: a negative amount, shares that are none, a chain or route that is unknown or there twice,
            or SciPy missing.
        Infeasible: a chain cannot be brought to its maintenance share. Names it and how far it can be.
        Unsolved: HiGHS gave no answer.
    """
    _check(holdings, routes)
    if yearly_pips < 0:
        raise InputError(f"should not be negative, is {yearly_pips}", path="yearly_pips")
    usable = [
        route
        for route in sorted(routes, key=lambda route: route.key)
        if route.allowed and (longest_lock_s is None or route.lock_s <= longest_lock_s)
    ]
    chains = nx.Graph()
    chains.add_nodes_from(sorted(holding.chain_id for holding in holdings))
    chains.add_edges_from((route.origin, route.destination) for route in usable)
    moved: list[Transfer] = []
    missing: dict[int, int] = {}
    for connected in nx.connected_components(chains):
        part = Network(
            sorted((one for one in holdings if one.chain_id in connected), key=lambda one: one.chain_id),
            [route for route in usable if route.origin in connected],
            yearly_pips,
        )
        amounts = part.solve()
        moved += (
            Transfer(route, amount, div_up(amount * part.unit_cost(route), COST_UNIT) + route.fixed_cost)
            for route, amount in zip(part.routes, amounts, strict=True)
            if amount
        )
        missing |= part.missing(amounts)
    moved.sort(key=lambda transfer: transfer.route.key)
    return Transfers(tuple(moved), dict(sorted(missing.items())))


def _check(holdings: Sequence[Holding], routes: Sequence[Route]) -> None:
    for place, one in enumerate(holdings):
        path = f"holdings[{place}]"
        _not_negative(path, balance=one.balance, in_flight=one.in_flight)
        if not 0 <= one.maintenance_bps <= one.initial_bps <= BPS:
            raise InputError(
                f"should be from 0 to the initial share and that to {BPS}, are {one.maintenance_bps} and "
                f"{one.initial_bps}",
                path=f"{path}.maintenance_bps",
            )
    chains = [one.chain_id for one in holdings]
    if len(set(chains)) < len(chains):
        raise InputError("has a chain twice", path="holdings")
    shares = sum(one.initial_bps for one in holdings)
    if shares > BPS:
        raise InputError(f"initial shares should sum to at most {BPS}, sum to {shares}", path="holdings")
    for place, route in enumerate(routes):
        _check_route(route, f"routes[{place}]", chains)
    if len({route.key for route in routes}) < len(routes):
        raise InputError("has a route twice; name their bridges", path="routes")


def _check_route(route: Route, path: str, chains: Sequence[int]) -> None:
    _not_negative(
        path,
        fee_pips=route.fee_pips,
        fixed_cost=route.fixed_cost,
        lock_s=route.lock_s,
        smallest=route.smallest,
    )
    least = max(route.smallest, 1)
    if route.largest is not None and route.largest < least:
        raise InputError(f"should be at least {least}, is {route.largest}", path=f"{path}.largest")
    for name, chain in (("origin", route.origin), ("destination", route.destination)):
        if chain not in chains:
            raise InputError(f"no holding on chain {chain}", path=f"{path}.{name}")
    if route.origin == route.destination:
        raise InputError(f"leads from chain {route.origin} to itself", path=path)


def _not_negative(path: str, **values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise InputError(f"should not be negative, is {value}", path=f"{path}.{name}")
