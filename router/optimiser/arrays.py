"""The pools of a market as arrays, and what they answer to prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Arrays(NamedTuple):
    """The pools of a market, in value units; see `router.optimiser.book` for the two shapes.

    Ladder k: tokens `sold[k]`, `bought[k]`; entries first[k] to first[k + 1] of `edges`, `liquidity` (the
    last of each ladder is 0), `paid` and `got` (up to that edge, before the fee); `cap` is the farthest edge
    allowed, `cost` what using the pool costs, `floor` the square of the first edge, `tick` what crossing an
    edge costs, all but the first `sunk` of them. Basin b: entries start[b] to start[b + 1] of `token`,
    `value` (of the balance), `weight`, `low` and `high`: bounds on the logarithm of the balance's change, 0
    where the token may not be bought, or sold.
    """

    sold: Ints
    bought: Ints
    keep: Floats
    cap: Floats
    cost: Floats
    floor: Floats
    tick: Floats
    sunk: Ints
    first: Ints
    edges: Floats
    liquidity: Floats
    paid: Floats
    got: Floats
    start: Ints
    basin_keep: Floats
    basin_cost: Floats
    token: Ints
    value: Floats
    weight: Floats
    low: Floats
    high: Floats


class Response(NamedTuple):
    """What the pools do at some prices.

    Ladder k pays `paid[k]` and gets `got[k]`, reference values, of what lies beyond an edge that costs
    something as much as counts; `stiffness[k]` is the change of either, in value at u, per change of the
    logarithm of the price ratio. Basin entries: `gain` (reference value), `pull` (the weight in the level
    times the level; 0 for entries that do not respond). `profit` of ladders first, then of basins, in value
    at u. `ghost`: stiffness of ladders, then pull of basin entries, that the liquidity without fee adds.
    `share`: how much of the pool's trade counts, and `bend` how fast that grows with profit; 1 and 0 where
    gas is free.
    """

    paid: Floats
    got: Floats
    stiffness: Floats
    gain: Floats
    pull: Floats
    ghost: Floats
    profit: Floats
    share: Floats
    bend: Floats
