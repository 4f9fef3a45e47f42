"""The arithmetic of a run, for both engines: one rebalance, and a whole run of the named policies.

The event-driven engine runs a rebalance as plain Python, the vectorised one runs all as machine code: the
same operations in the same order, so that both end with the same figures. Holdings are units of the assets,
cash last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from router.optimiser.compiled import compiled

Floats = npt.NDArray[np.float64]

DONE, UNCHANGED, INSOLVENT, UNAFFORDABLE, UNSELLABLE = range(5)
"""How a rebalance ends. UNCHANGED: nothing traded, nothing paid. INSOLVENT: costs take all there is.
UNAFFORDABLE: cash can't pay. UNSELLABLE: no sale, however large, brings in what was wanted net of its
cost."""

HOLD, CALENDAR, ABSOLUTE, RELATIVE, HYBRID = range(5)
TO_TARGET, TO_EDGE, TO_HALF = range(3)

ROUNDING = 1e-12
"""Share of net asset value: smaller trades, and smaller debts of cash, are rounding."""
MOST_STEPS = 100
SETTLED = 1e-14
"""Share of a trade that its cost may be off by."""


def rebalance_in_python(
    units: Any, prices: Any, landing: Any, tables: Any, net: bool, traded: Any, parts: Any
) -> int:
    """Trades to landing weights; writes to `units`, `traded` (money by asset, signed) and `parts` (costs).

    Assets that are where they should land are not touched. `tables`: fee rate, gas, gas by asset, impact
    coefficients, impact exponent, knots; see `CostTables`.
    """
    fee, gas, legs, coefficient, exponent, knots = tables
    cash, points = len(units) - 1, knots.shape[3]
    nav = 0.0
    for i in range(cash + 1):
        nav += units[i] * prices[i]
    parts[0] = parts[1] = parts[2] = parts[3] = 0.0
    moved, share = False, 1.0
    for i in range(cash):
        traded[i] = landing[i] * nav - units[i] * prices[i]
        if abs(traded[i]) <= ROUNDING * nav:
            traded[i] = 0.0
            share -= landing[i]
        else:
            moved = True
            parts[3] += legs[i]
    if not moved:
        return UNCHANGED
    parts[3] += gas
    base = nav
    if net and parts[3] > 0:  # what trades, and cash, bear the gas of what does not as well
        if share <= ROUNDING:
            return UNAFFORDABLE
        base -= parts[3] / share
    borne = 0.0
    for _ in range(cash + 1):
        parts[0] = parts[1] = parts[2] = 0.0
        spent, paid, short, freed = 0.0, parts[3], 0.0, 0.0
        for i in range(cash):
            if traded[i] == 0.0:
                continue
            held = units[i] * prices[i]
            wanted = landing[i] * base - held
            if wanted == 0.0 or (wanted < 0 and held == 0.0):
                traded[i] = 0.0
                continue
            side, size, sign = (0, wanted, 1.0) if wanted > 0 else (1, -wanted, -1.0)
            value = size / (1 + sign * fee) if net else size
            fees, impact, market, settled = 0.0, 0.0, 0.0, False
            # Net of its cost a trade is `size`: bought value + cost, or sold value - cost. Newton's steps go
            # one way only: costs are convex, and without their curved parts the first value is too large a
            # purchase or too small a sale. One that reaches all that is held ends there; what it brings too
            # little is borne like gas.
            for _ in range(MOST_STEPS):
                whole = sign < 0 and value >= held
                if whole:
                    value = held
                fees, slope = fee * value, fee
                if coefficient[i] > 0:
                    impact = coefficient[i] * value ** (1 + exponent)
                    slope += (1 + exponent) * impact / value
                if points > 1:
                    k = points - 1
                    while knots[0, side, i, k] > value:
                        k -= 1
                    market = knots[1, side, i, k] + knots[2, side, i, k] * (value - knots[0, side, i, k])
                    slope += knots[2, side, i, k]
                excess = value + sign * (fees + impact + market) - size
                settled = not net or abs(excess) <= SETTLED * max(size, value)
                if whole and not settled and slope < 1:
                    settled = True
                    short += fees + impact + market
                    freed += landing[i]
                if settled or 1 + sign * slope <= 0:
                    break
                value -= excess / (1 + sign * slope)
            if not settled:
                return UNSELLABLE
            traded[i] = sign * value
            parts[0] += fees
            parts[1] += impact
            parts[2] += market
            paid += fees + impact + market
            spent += sign * value
        if short <= borne or share - freed <= ROUNDING:
            break
        borne = short
        base = (nav * share - parts[3] - short) / (share - freed)
    left = units[cash] - spent - paid
    if nav - paid <= 0:
        return INSOLVENT
    if left < -ROUNDING * nav:
        return UNAFFORDABLE
    for i in range(cash):
        units[i] = max(units[i] + traded[i] / prices[i], 0.0)
    units[cash] = left
    return DONE


rebalance: Any = compiled(rebalance_in_python)


def landing_in_python(weights: Any, targets: Any, bounds: Any, aim: int, landing: Any) -> None:
    """Writes where a trade ends: the target, half of the way to it, or the edge of the band.

    The edge keeps each asset within its bound and leaves the rest to cash; where the target holds no cash, or
    cash would fall below 0, it is the point of the band on the line to the target.
    """
    cash = len(targets) - 1
    if aim == TO_TARGET:
        for i in range(cash + 1):
            landing[i] = targets[i]
        return
    if aim == TO_HALF:
        for i in range(cash + 1):
            landing[i] = targets[i] + (weights[i] - targets[i]) / 2
        return
    share, total = 1.0, 0.0
    for i in range(cash):
        deviation = weights[i] - targets[i]
        if abs(deviation) > bounds[i]:
            share = min(share, bounds[i] / abs(deviation))
            deviation = bounds[i] if deviation > 0 else -bounds[i]
        landing[i] = targets[i] + deviation
        total += landing[i]
    landing[cash] = 1 - total
    if targets[cash] <= 0 or landing[cash] < 0:
        for i in range(cash + 1):
            landing[i] = targets[i] + share * (weights[i] - targets[i])


landing_of: Any = compiled(landing_in_python)


@compiled
def simulate(
    prices: Any,
    targets: Any,
    initial: float,
    kind: int,
    every: int,
    bounds: Any,
    aim: int,
    tables: Any,
    net: bool,
    out_rows: Any,
    out_units: Any,
    out_traded: Any,
    out_parts: Any,
) -> Any:
    """A whole run of a named policy. `prices` (rows, assets + 1) has cash as its last column.

    Returns:
        number of rebalances, how the last one that was tried ended, and its row.
    """
    count = prices.shape[1]
    units, traded, parts = np.zeros(count), np.zeros(count - 1), np.zeros(4)
    weights, landing = np.zeros(count), np.zeros(count)
    units[count - 1] = initial
    done = 0
    for row in range(prices.shape[0]):
        entry = row == 0
        if not entry:
            if kind == HOLD or (kind in (CALENDAR, HYBRID) and row % every != 0):
                continue
            if kind != CALENDAR:
                nav = 0.0
                for i in range(count):
                    nav += units[i] * prices[row, i]
                out = False
                for i in range(count - 1):
                    if abs(units[i] * prices[row, i] / nav - targets[i]) > bounds[i]:
                        out = True
                if not out:
                    continue
        if aim != TO_TARGET:
            nav = 0.0
            for i in range(count):
                nav += units[i] * prices[row, i]
            for i in range(count):
                weights[i] = units[i] * prices[row, i] / nav
        landing_of(weights, targets, bounds, TO_TARGET if entry else aim, landing)
        ended = rebalance(units, prices[row], landing, tables, net, traded, parts)
        if ended == UNCHANGED:
            continue
        if ended != DONE:
            return done, ended, row
        out_rows[done] = row
        for i in range(count):
            out_units[done, i] = units[i]
        for i in range(count - 1):
            out_traded[done, i] = traded[i]
        for i in range(4):
            out_parts[done, i] = parts[i]
        done += 1
    return done, DONE, prices.shape[0] - 1
