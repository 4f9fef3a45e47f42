"""Chains that hold one token, routes between them, and the flow over these routes that costs least.

The flow itself is exact: integers, by the network simplex method. Where a route has a fixed cost or a
smallest amount, HiGHS chooses in floats which routes are used, and the flow over those is exact again.

Source: Ahuja, Magnanti & Orlin 1993, chapter 11, for the network simplex method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx as nx

from router.errors import Infeasible, InputError, Unsolved
from router.fixed_point import BPS, PIPS

YEAR_S = 365 * 24 * 3600
COST_UNIT = PIPS * YEAR_S
"""Costs per unit moved are integers in parts of this."""
_SLACK = "slack"
_TOLERANCE = 1e-6
"""Of the total: as near as HiGHS keeps to a constraint."""
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Holding:
    """What one chain holds of the token, in raw units, and the shares it should hold, in bp of the total.

    Attributes:
        in_flight: under way to this chain.
        maintenance_bps: below this share the chain is refilled.
        initial_bps: to this one.
    """

    chain_id: int
    balance: int
    maintenance_bps: int
    initial_bps: int
    in_flight: int = 0

    @property
    def position(self) -> int:
        return self.balance + self.in_flight


@dataclass(frozen=True, slots=True)
class Route:
    """A way from one chain to another.

    Attributes:
        fee_pips: per unit moved.
        fixed_cost: of one transfer whatever its size, in raw units of the token.
        lock_s: until the money is there.
        smallest, largest: limits of one transfer; no upper one where None.
        allowed: a route that is not is left out.
        bridge: tells routes between the same two chains apart.
    """

    origin: int
    destination: int
    fee_pips: int = 0
    fixed_cost: int = 0
    lock_s: int = 0
    smallest: int = 0
    largest: int | None = None
    allowed: bool = True
    bridge: str = ""

    @property
    def key(self) -> tuple[int, int, str]:
        return self.origin, self.destination, self.bridge


class Network:
    """Chains that routes connect. Amounts stand in the order of `routes`."""

    def __init__(self, holdings: Sequence[Holding], routes: Sequence[Route], yearly_pips: int) -> None:
        self.yearly_pips = yearly_pips
        self.total = sum(one.position for one in holdings)
        self.position = {one.chain_id: one.position for one in holdings}
        self.maintenance = {one.chain_id: self.total * one.maintenance_bps // BPS for one in holdings}
        self.initial = {one.chain_id: self.total * one.initial_bps // BPS for one in holdings}
        self.short = [chain for chain in self.position if self.position[chain] < self.maintenance[chain]]
        self.least = {
            chain: self.initial[chain] if chain in self.short else min(position, self.initial[chain])
            for chain, position in self.position.items()
        }
        self.sendable = {
            one.chain_id: max(one.balance - self.maintenance[one.chain_id], 0) for one in holdings
        }
        self.routes = [route for route in routes if self.most(route) >= max(route.smallest, 1)]

    def most(self, route: Route) -> int:
        sendable = self.sendable[route.origin]
        return sendable if route.largest is None else min(sendable, route.largest)

    def unit_cost(self, route: Route) -> int:
        """Of one unit moved, in parts of `COST_UNIT`."""
        return route.fee_pips * YEAR_S + route.lock_s * self.yearly_pips

    def after(self, chain: int, amounts: Sequence[int]) -> int:
        """The chain's position after the transfers."""
        moved = zip(self.routes, amounts, strict=True)
        change = (
            amount * ((route.destination == chain) - (route.origin == chain)) for route, amount in moved
        )
        return self.position[chain] + sum(change)

    def missing(self, amounts: Sequence[int]) -> dict[int, int]:
        lacks = {chain: self.initial[chain] - self.after(chain, amounts) for chain in self.short}
        return {chain: lack for chain, lack in lacks.items() if lack > 0}

    def solve(self) -> list[int]:
        """The amounts.

        Raises:
            Infeasible: a maintenance share cannot be reached.
            Unsolved: HiGHS gave no answer, or none that holds in integers.
        """
        if not self.short:
            return [0] * len(self.routes)
        amounts = self.flow([True] * len(self.routes), forced=False)
        assert amounts is not None  # nothing is forced, and what is missing is slack
        self.require_maintenance({chain: self.after(chain, amounts) for chain in self.short})
        if not any(route.fixed_cost or route.smallest for route in self.routes):
            return amounts
        refused: list[list[bool]] = []  # choices that hold within the solver's tolerance only
        while len(refused) < _TRIES:
            opened, reached = self.choose(refused)
            self.require_maintenance(reached, slack=int(_TOLERANCE * self.total))
            amounts = self.flow(opened, forced=True)
            if amounts is not None and all(
                self.after(chain, amounts) >= self.maintenance[chain] for chain in self.short
            ):
                return amounts
            refused.append(opened)
        raise Unsolved(f"{_TRIES} choices of routes in turn do not hold in whole units")

    def require_maintenance(self, reached: Mapping[int, int], slack: int = 0) -> None:
        chain = max(reached, key=lambda chain: self.maintenance[chain] - reached[chain])
        needed, reach = self.maintenance[chain], reached[chain]
        if reach + slack >= needed:
            return
        into = [route for route in self.routes if route.destination == chain]
        why = (
            "what routes allow and other chains can spare"
            if into
            else "no route that can be used leads there"
        )
        raise Infeasible(
            f"chain {chain} reaches {reach} of the {needed} that its maintenance share is: {why}",
            path="holdings",
        )

    def flow(self, opened: Sequence[bool], forced: bool) -> list[int] | None:
        """The least-cost flow over the open routes, in exact integers; with `forced`, at least `smallest`
        over each. None where that much cannot flow."""
        used = [(place, route) for place, route in enumerate(self.routes) if opened[place]]
        least = {place: route.smallest if forced else 0 for place, route in used}
        scale = 1 + sum(self.most(route) for _, route in used)
        weight = {place: self.unit_cost(route) * scale + 1 for place, route in used}
        lack = 1 + sum(weight.values())  # a unit that is missing is dearer than any path
        demand = {chain: self.least[chain] - position for chain, position in self.position.items()}
        leaving = dict(self.sendable)
        for place, route in used:
            demand[route.origin] += least[place]
            demand[route.destination] -= least[place]
            leaving[route.origin] -= least[place]
        if min(leaving.values()) < 0:
            return None
        graph = nx.DiGraph()
        graph.add_node(_SLACK, demand=-sum(demand.values()))
        for chain in self.position:
            graph.add_node(chain, demand=demand[chain])
            graph.add_edge(chain, _SLACK, weight=0)
            graph.add_edge(chain, ("out", chain), weight=0, capacity=leaving[chain])
        for chain in self.short:
            below, under = self.lacking(chain)
            for tier, (name, capacity) in enumerate((("under", under), ("below", below)), start=1):
                graph.add_edge(_SLACK, (name, chain), weight=tier * lack, capacity=capacity)
                graph.add_edge((name, chain), chain, weight=0, capacity=capacity)
        for place, route in used:
            room = self.most(route) - least[place]
            graph.add_edge(("out", route.origin), ("route", place), weight=weight[place], capacity=room)
            graph.add_edge(("route", place), route.destination, weight=0, capacity=room)
        try:
            _, flows = nx.network_simplex(graph)
        except nx.NetworkXUnfeasible:
            return None
        amounts = [0] * len(self.routes)
        for place, route in used:
            amounts[place] = flows["out", route.origin]["route", place] + least[place]
        return amounts

    def lacking(self, chain: int) -> tuple[int, int]:
        """What a short chain lacks of its maintenance share, and from there to its initial one."""
        below = self.maintenance[chain] - self.position[chain]
        return below, self.initial[chain] - self.maintenance[chain]

    def choose(self, refused: Sequence[Sequence[bool]]) -> tuple[list[bool], dict[int, int]]:
        """Which routes to use, and the position that each short chain reaches over them, about.

        Variables: amounts as shares of the total, routes used, and by short chain what it lacks of its
        maintenance share and from there to its initial one.
        """
        try:
            import numpy as np
            from scipy.optimize import Bounds, LinearConstraint, milp
        except ImportError:
            raise InputError(
                "fixed costs and smallest amounts need SciPy: pip install 'atomic-rebalance[strategy]'",
                path="routes",
            ) from None
        count, shorts = len(self.routes), len(self.short)
        width = 2 * count + 2 * shorts
        highest = np.ones(width)
        rows, lows, highs = [], [], []
        for row, low, high in self.rows(refused):
            rows.append([row.get(place, 0.0) for place in range(width)])
            lows.append(low)
            highs.append(high)
        for place, route in enumerate(self.routes):
            highest[place] = self.most(route) / self.total
        for place, chain in enumerate(self.short):
            highest[2 * count + place], highest[2 * count + shorts + place] = (
                lack / self.total for lack in self.lacking(chain)
            )
        cost = np.zeros(width)
        cost[:count] = [self.unit_cost(route) / COST_UNIT for route in self.routes]
        cost[count : 2 * count] = [route.fixed_cost / self.total for route in self.routes]
        below, under = np.zeros(width), np.zeros(width)
        below[2 * count : 2 * count + shorts] = under[2 * count + shorts :] = 1.0
        moved, whole = np.zeros(width), np.zeros(width)
        moved[:count] = whole[count : 2 * count] = 1.0
        for aim in (below, under, cost / (cost.max() or 1.0), moved):
            found: Any = milp(
                aim,
                integrality=whole,
                bounds=Bounds(np.zeros(width), highest),
                constraints=LinearConstraint(np.array(rows), np.array(lows), np.array(highs)),
                options={"mip_rel_gap": 0.0},
            )
            if found.x is None or found.status:
                raise Unsolved(f"HiGHS chose no routes: {found.message}")
            rows.append(list(aim))
            lows.append(-np.inf)
            highs.append(found.fun + _TOLERANCE / 10)
        opened = [bool(value > 0.5) for value in found.x[count : 2 * count]]
        lacks = found.x[2 * count : 2 * count + shorts]
        reached = {
            chain: self.maintenance[chain] - round(float(share) * self.total)
            for chain, share in zip(self.short, lacks, strict=True)
        }
        return opened, reached

    def rows(self, refused: Sequence[Sequence[bool]]) -> Iterator[tuple[dict[int, float], float, float]]:
        """Constraints as coefficients by place, lower and upper bound."""
        count, shorts, inf = len(self.routes), len(self.short), float("inf")
        for chain, position in self.position.items():
            row = {
                place: float((route.destination == chain) - (route.origin == chain))
                for place, route in enumerate(self.routes)
            }
            if chain in self.short:
                own = 2 * count + self.short.index(chain)
                row |= {own: 1.0, own + shorts: 1.0}
            yield row, (self.least[chain] - position) / self.total, inf
            out = {place: 1.0 for place, route in enumerate(self.routes) if route.origin == chain}
            yield out, -inf, self.sendable[chain] / self.total
        for place, route in enumerate(self.routes):
            yield {place: 1.0, count + place: -self.most(route) / self.total}, -inf, 0.0
            yield {place: 1.0, count + place: -route.smallest / self.total}, 0.0, inf
        for (first, one), (second, other) in combinations(enumerate(self.routes), 2):
            if (one.origin, one.destination) == (other.destination, other.origin):
                yield {count + first: 1.0, count + second: 1.0}, -inf, 1.0
        for choice in refused:
            row = {count + place: -1.0 if used else 1.0 for place, used in enumerate(choice)}
            yield row, 1.0 - sum(choice), inf
