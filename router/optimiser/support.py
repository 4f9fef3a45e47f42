"""Which pools are worth what they cost: a support near the optimum, and a bound on every other one.

The bound that counts costs gives prices at which pools either earn their cost, or do not, and few are in
doubt. Supports to start from are pruned of what does not earn its cost, then improved by leaving out, taking
in and exchanging pools. At the prices of a settled support, no exchange gains more than

    (costs - profits) of what is left out + (profits - costs) of what is taken in

so that exchanges are tried in the order of that figure, and none below 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from router.errors import Infeasible
from router.optimiser.arrays import Floats, Ints
from router.optimiser.compiled import compiled
from router.optimiser.dual import Goal, Solution, solve
from router.optimiser.instance import Instance
from router.optimiser.market import Flags, Market
from router.optimiser.single_path import path_to, spread
from router.optimiser.subset import Relaxed, Settled
from router.optimiser.units import FREE, OUT, States, closed

TRIES = 40
"""Exchanges that one search tries at most."""
SEARCHES = 3
"""Pruned supports from which a search begins, best first."""
HUBS = 6
SMALL = 1e-6
"""Share of the final value below which a holding is neither sold nor bought on its own."""
IN_BALANCE = 1e-3
"""What a unit may miss of its cost, as a share of it, and still be suggested."""
GAIN = 1e-9
"""Smallest gain that counts, as a share of the value."""
ENOUGH = 1e-6
"""A gap at which no better support is looked for, as a share of the value: 0.01 bp."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A support, and how good any could be. All figures in numeraire units.

    Attributes:
        net_bound: value less costs that no support exceeds.
        prices: by column of the market, that prove it: see `router.optimiser.dual.bound`.
        support: the market with only the pools that trade.
        solution: the best flows over it. Its goal leaves out what is held of tokens that it does not trade.
        net: the solution's value less the costs of the support's pools.
        path_net: that of the best single path; -inf where more than one token is sold or bought.
    """

    net_bound: float
    prices: Floats
    support: Market
    solution: Solution
    net: float
    path_net: float

    @property
    def gap(self) -> float:
        """What may be missing, as a share of the value."""
        return max(self.net_bound - self.net, 0.0) / self.solution.value


@dataclass(frozen=True, eq=False)
class Found:
    """A support and what it reaches; nothing in the state that does not trade."""

    state: States
    at: Settled

    @property
    def net(self) -> float:
        return self.at.net


def choose(
    market: Market,
    goal: Goal,
    ends: Ints,
    every: Solution | None = None,
) -> Choice:
    """A support that local search does not improve; at least as good as the best single path between two
    tokens, and as all pools at once.

    Args:
        ends: tokens of the book that are held or wanted.
        every: the best flows over all pools, costs left out, where they are known already.

    Raises:
        Infeasible: no support was found that reaches the target.
    """
    every = every or solve(market, goal)
    whole = Instance.near(market, goal, ends, every.prices)
    root = whole.relax(whole.all_free, every.prices)
    if root.bound == -np.inf:
        raise Infeasible("no pools connect what is held with the target")
    path = best_path(whole)
    first = [
        pruned(whole, whole.state(suggested(whole, root)), root.prices),
        pruned(whole, whole.state(whole.surpluses(every.prices) > 0), every.prices),
        *(pruned(whole, state, root.prices) for state in path),
    ]
    leader = max(first, key=_net)
    alive = in_doubt(whole, root, leader.net)
    for each in first:
        alive |= each.state != OUT
    few = whole.narrowed(alive)
    columns = whole.columns_of(few.market)
    prices = root.prices[columns]
    near = Relaxed(root.bound, prices, root.surplus[alive], root.residual)
    starts = [found(few, each.state[alive], each.at.prices[columns]) for each in first]
    starts += [pruned(few, state, prices) for state in _hub_states(few, root.bound)]
    best = searched(few, starts, near)
    if not np.isfinite(best.net):
        raise Infeasible("no set of pools was found that reaches the target")
    path_net = max((whole.settle(state, root.prices).net for state in path), default=-np.inf)
    solution = few.solved(best.at.used, best.at.prices)
    net = solution.value - float(few.costs[best.at.used].sum())
    return Choice(root.bound, root.prices, solution.market, solution, net, path_net)


def in_doubt(instance: Instance, root: Relaxed, net: float) -> Flags:
    """Units that a support better than `net` may contain: for any other, the bound less what the unit fails
    to earn of its cost stays below."""
    doubt: Flags = root.bound - np.maximum(instance.costs - root.surplus, 0.0) >= net
    kept: Flags = instance.state(doubt) != OUT
    return kept


def suggested(instance: Instance, relaxed: Relaxed) -> Flags:
    """Units that earn their cost at these prices, or are in balance: the relaxation uses a part of those."""
    earning: Flags = relaxed.surplus > instance.costs * (1 - IN_BALANCE)
    return earning


def found(instance: Instance, state: States, start: Floats) -> Found:
    at = instance.settle(state, start)
    return Found(instance.state(at.used), at)


def pruned(instance: Instance, state: States, start: Floats) -> Found:
    """Without the units that do not earn their cost: half of them at a time while that gains, then singly."""
    best = found(instance, state, start)
    kept: set[int] = set()
    while np.isfinite(best.net):
        surplus = instance.surpluses(best.at.prices, np.minimum(best.state, FREE))
        lack = np.where(best.at.used, instance.costs - surplus, 0.0)
        short = np.flatnonzero(lack > 0)
        ordered = short[np.argsort(-lack[short], kind="stable")].tolist()
        losers = [unit for unit in ordered if unit not in kept]
        count = (len(losers) + 1) // 2
        while count > 0:
            fewer = best.state.copy()
            fewer[losers[:count]] = OUT
            trial = found(instance, closed(instance.units, fewer), best.at.prices)
            if trial.net > best.net:
                best = trial
                break
            if count == 1:
                kept.add(losers[0])
            count //= 2
        if not losers:
            break
    return best


def searched(instance: Instance, starts: Sequence[Found], root: Relaxed) -> Found:
    """The best that exchanges make of the best few of the starts."""
    distinct = {each.state.tobytes(): each for each in sorted(starts, key=_net)}
    ordered = sorted(distinct.values(), key=_net, reverse=True)[:SEARCHES]
    seen, best = set(distinct), ordered[0]
    for each in ordered:
        best = max(best, improved(instance, each, root, seen), key=_net)
        if root.bound - best.net <= ENOUGH * best.at.value:
            break
    return best


def improved(instance: Instance, start: Found, root: Relaxed, seen: set[bytes]) -> Found:
    """The first exchange that gains is made, until none does.

    Args:
        root: a bound on all supports.
        seen: supports tried before; those tried here are added.
    """
    best, tries, gained = start, 0, np.isfinite(start.net)
    while gained and root.bound - best.net > ENOUGH * best.at.value:
        gained = False
        for units in exchanges(instance, best, root):
            chosen = best.state != OUT
            chosen[units] ^= True
            other = instance.state(chosen)
            if other.tobytes() in seen or tries >= TRIES:
                continue
            seen.add(other.tobytes())
            tries += 1
            trial = found(instance, other, best.at.prices)
            if trial.net > best.net + GAIN * best.at.value:
                best, gained = trial, True
                break
    return best


def exchanges(instance: Instance, of: Found, root: Relaxed) -> Iterator[list[int]]:
    """Units to take in or leave out that may gain, most promising first: one, one for another, two less, and
    two more that together lead through a token not traded yet.

    What an exchange gains is bounded twice: at the support's own prices, and at the root's.
    """
    used, touches, units = of.at.used, instance.touches, instance.units
    if not len(used):
        return
    crossing = units.above >= 0
    live = touches[used].any(axis=0) | (instance.goal.held != 0)
    sign = np.where(used, -1.0, 1.0)
    own = instance.surpluses(of.at.prices, np.minimum(of.state, FREE))
    near = sign * (np.where(used, own, instance.surpluses(of.at.prices)) - instance.costs)
    far = sign * (root.surplus - instance.costs)
    # What lies beyond a crossing is in its pool's surplus as well, as far as it pays.
    far[crossing] = np.minimum(far[crossing], 0.0)
    slack = root.bound - float(np.maximum(far, 0.0).sum()) - of.net
    open_units = used | ~crossing | used[units.above]
    gains, first, second = _gains(used, touches, live, open_units, near, far, slack, GAIN * of.at.value)
    order = np.argsort(-gains, kind="stable")[:TRIES]
    paying = np.flatnonzero(crossing & ~used & (near > 0))

    for k in order:
        pair = [int(unit) for unit in (first[k], second[k]) if unit >= 0]
        # A pool that is taken in comes with the crossings that pay.
        fresh = [unit for unit in pair if not (used[unit] or crossing[unit])]
        yield pair + [int(unit) for unit in paying if units.pool[unit] in fresh]


@compiled
def _gains(
    used: Flags,
    touches: Flags,
    live: Flags,
    open_units: Flags,
    near: Floats,
    far: Floats,
    slack: float,
    least: float,
) -> tuple[Floats, Ints, Ints]:
    """(most that an exchange gains where above `least`, its units, -1 where there is one only)."""
    count = len(used)
    most_near, most_far = near.max(), far.max()
    reach = np.array([np.sum(touches[i] & live) for i in range(count)])
    gains, first, second = [np.inf], [0], [0]
    for i in range(count):
        if not open_units[i] or min(near[i] + most_near, slack + far[i] + most_far) <= least:
            continue
        if (used[i] or reach[i] >= 2) and min(near[i], slack + far[i]) > least:
            gains.append(min(near[i], slack + far[i]))
            first.append(i)
            second.append(-1)
        for j in range(i + 1, count):
            gain = min(near[i] + near[j], slack + far[i] + far[j])
            if gain <= least or not open_units[j]:
                continue
            if used[i] or used[j]:
                fits = (used[i] or reach[i] >= 2) and (used[j] or reach[j] >= 2)
            else:
                fits = reach[i] == 1 and reach[j] == 1 and np.any(touches[i] & touches[j] & ~live)
            if fits:
                gains.append(gain)
                first.append(i)
                second.append(j)
    return np.array(gains[1:]), np.array(first[1:]), np.array(second[1:])


def _net(of: Found) -> float:
    return of.net


def _flows(instance: Instance, value: float) -> tuple[Floats, Ints, Ints]:
    """(what is left over by column, columns that sell, columns that buy), at reference prices."""
    over = instance.goal.held - value * instance.goal.wanted
    return over, np.flatnonzero(over > SMALL * value), np.flatnonzero(over < -SMALL * value)


def best_path(instance: Instance) -> list[States]:
    """The best single path, where one token is sold for another, of which some may be held."""
    goal = instance.goal
    sold, bought = np.flatnonzero((goal.held != 0) & (goal.wanted == 0)), np.flatnonzero(goal.wanted)
    if len(sold) != 1 or len(bought) != 1 or goal.held[sold[0]] <= 0:
        return []
    labels = spread(instance.arrays, instance.units, int(sold[0]), float(goal.held[sold[0]]), len(goal.held))
    amount, path = path_to(labels, int(bought[0]))
    return [instance.state_of(path)] if np.isfinite(amount) else []


def _hub_states(instance: Instance, value: float) -> Iterator[States]:
    """Everything sold for one token, by the best path of each, and everything bought with it."""
    over, sells, buys = _flows(instance, value)
    if len(sells) + len(buys) < 3:
        return
    arrays, units, columns = instance.arrays, instance.units, instance.market.columns
    outward = [spread(arrays, units, int(i), float(over[i]), columns) for i in sells]
    busiest = np.argsort(-instance.touches.sum(axis=0), kind="stable")
    for hub in sorted({*busiest[:HUBS].tolist(), *buys[:HUBS].tolist()}):
        ways = [path_to(labels, hub) for labels in outward]
        ways += [path_to(spread(arrays, units, hub, float(-over[j]), columns), int(j)) for j in buys]
        if all(np.isfinite(amount) for amount, _ in ways):
            yield instance.state_of(np.concatenate([path for _, path in ways]))
