"""Branch and bound over pools and the ticks they cross: closes the gap between a support and the bound that
counts costs.

A node fixes some pools as paid for and some as left out. Its bound is the dual's at prices that start from
its parent's; any prices bound, so that a descent that ends early costs nodes, never truth. At a node's
prices, pools whose margin exceeds what separates the bound from the best support known are fixed without a
branch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from time import perf_counter

import numpy as np

from router.optimiser.arrays import Ints
from router.optimiser.dual import Goal
from router.optimiser.instance import Instance
from router.optimiser.market import Market
from router.optimiser.subset import Relaxed
from router.optimiser.support import GAIN, Choice, Found, found, improved, in_doubt, pruned, suggested
from router.optimiser.units import FREE, OUT, PAID, States, closed

GAP = 1e-6
"""0.01 bp."""
SECONDS = 2.0
NODE_BLURS = np.array([0.1, 0.01, 1e-3])
LAST_BLUR = 1e-3
"""The relaxation uses a part of units that earn between their cost and so much of it more."""

Progress = Callable[[int, float, float], None]
"""Called with the nodes so far, the best net value and the bound."""
Prove = bool | Progress
"""Whether to; a function says yes, and is told how far it is."""


@dataclass(frozen=True, eq=False)
class Proof:
    """Attributes:
    choice: the best support found, with the bound that its prices prove.
    net_bound: value less costs, numeraire units, that no support exceeds; the prices alone do not prove it.
    nodes: how many were bounded.
    complete: whether the gap asked for was reached; where not, time ran out.
    """

    choice: Choice
    net_bound: float
    nodes: int
    complete: bool

    @property
    def gap(self) -> float:
        """What may be missing, as a share of the value."""
        return max(self.net_bound - self.choice.net, 0.0) / self.choice.solution.value


@dataclass(frozen=True, eq=False)
class Node:
    """Attributes:
    relaxed: what its own prices prove.
    bound: the least that its prices or those of a node above prove.
    """

    state: States
    relaxed: Relaxed
    bound: float


def prove(
    market: Market,
    goal: Goal,
    ends: Ints,
    choice: Choice,
    *,
    gap: float = GAP,
    seconds: float = SECONDS,
    progress: Progress | None = None,
) -> Proof:
    """The best support, and a bound within `gap` of it unless time runs out.

    Args:
        ends: tokens of the book that are held or wanted.
        gap: share of the value.
    """
    end = perf_counter() + seconds
    whole = Instance.near(market, goal, ends, choice.prices)
    surplus = whole.surpluses(choice.prices)
    chosen = whole.state_within(choice.support)
    alive = in_doubt(whole, Relaxed(choice.net_bound, choice.prices, surplus, 0.0), choice.net)
    alive |= chosen != OUT
    few = whole.narrowed(alive)
    prices = choice.prices[whole.columns_of(few.market)]
    best = found(few, chosen[alive], choice.solution.start_for(few.market, prices))
    tree = Tree(few, gap, end)
    relaxed = few.relax(few.all_free, prices)
    root = Node(few.all_free, relaxed, min(relaxed.bound, choice.net_bound))
    best, net_bound, nodes = tree.grown(best, root, progress)
    proved = _chosen(few, best, choice)
    net_bound = max(net_bound, proved.net)
    return Proof(proved, net_bound, nodes, net_bound - proved.net <= gap * proved.solution.value)


@dataclass(frozen=True, eq=False)
class Tree:
    """Attributes:
    gap: share of the value at which a node is not worth a branch.
    end: when to stop, by `perf_counter`.
    """

    instance: Instance
    gap: float
    end: float

    def grown(self, best: Found, root: Node, progress: Progress | None) -> tuple[Found, float, int]:
        """(the best support, the bound, nodes)."""
        open_nodes: list[tuple[float, int, Node]] = [(-root.bound, 0, root)]
        nodes, closed, seen = 1, -np.inf, {best.state.tobytes()}
        while open_nodes:
            _, _, node = heappop(open_nodes)
            if node.bound <= self.enough(best) or perf_counter() > self.end:
                return best, max(closed, node.bound), nodes
            best = self.better(best, node, root.relaxed, seen)
            for state in self.branches(node, best.net):
                child = self.bounded(state, node, best)
                nodes += 1
                if not (state == FREE).any():
                    best = self.better(best, child, root.relaxed, seen)
                    closed = max(closed, child.bound)
                elif child.bound > self.enough(best):
                    heappush(open_nodes, (-child.bound, nodes, child))
                else:
                    closed = max(closed, child.bound)
            if progress is not None:
                progress(nodes, best.net, max(closed, node.bound))
        return best, closed, nodes

    def enough(self, best: Found) -> float:
        return best.net + self.gap * best.at.value

    def bounded(self, state: States, above: Node, best: Found) -> Node:
        relaxed = self.instance.relax(
            state, above.relaxed.prices, blurs=NODE_BLURS, faint=0.0, enough=self.enough(best)
        )
        return Node(state, relaxed, min(relaxed.bound, above.bound))

    def branches(self, node: Node, net: float) -> list[States]:
        """The node with the unit most in doubt paid for, and left out; one alone where none is free."""
        state = self.fixed(node, net)
        free = np.flatnonzero(state == FREE)
        if not len(free):
            return [state]
        costs = np.maximum(self.instance.costs[free], np.finfo(np.float64).tiny)
        share = (node.relaxed.surplus[free] - self.instance.costs[free]) / costs
        doubt = np.minimum(share, LAST_BLUR - share)
        above = self.instance.units.above[free]
        doubt[(above >= 0) & (state[above] == FREE)] = -np.inf
        unit = free[np.argmax(doubt)]
        paid, out = state.copy(), state.copy()
        paid[unit], out[unit] = PAID, OUT
        return [paid, closed(self.instance.units, out)]

    def fixed(self, node: Node, net: float) -> States:
        """With the free units decided that no support below this node and better than `net` has otherwise."""
        margin = node.relaxed.surplus - self.instance.costs
        room = node.relaxed.bound - net
        free, above = node.state == FREE, self.instance.units.above
        state = node.state.copy()
        state[free & (-margin > room)] = OUT
        due = free & (margin > room)
        for k in np.flatnonzero(due):
            if above[k] < 0 or state[above[k]] == PAID:
                state[k] = PAID
        return closed(self.instance.units, state)

    def better(self, best: Found, node: Node, root: Relaxed, seen: set[bytes]) -> Found:
        """The support that the node suggests, where it is better."""
        wanted = (node.state == PAID) | ((node.state == FREE) & suggested(self.instance, node.relaxed))
        state = self.instance.state(wanted)
        if state.tobytes() in seen:
            return best
        seen.add(state.tobytes())
        trial = pruned(self.instance, state, node.relaxed.prices)
        if trial.net <= best.net:
            return best
        seen.add(trial.state.tobytes())
        return improved(self.instance, trial, root, seen)


def _chosen(few: Instance, best: Found, choice: Choice) -> Choice:
    """The choice, with a better support where there is one."""
    if not best.net > choice.net + GAIN * best.at.value:
        return choice
    solution = few.solved(best.at.used, best.at.prices)
    net = solution.value - float(few.costs[best.at.used].sum())
    return replace(choice, support=solution.market, solution=solution, net=net)
