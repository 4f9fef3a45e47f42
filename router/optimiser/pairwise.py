"""What a weighted pool earns in swaps of pairs, which is how programs trade: every swap's fee stays in it.

A swap from i to j that grows the logarithm of balance i by y after its fee lowers that of balance j by
y * w_i / w_j and raises that of balance i by H(y) = y + log(1 + (1 - e^-y) * fee / keep), whatever was
swapped before. H is concave, so one swap per pair is best, and what pays for several tokens pays for each
apart. Let v_i be a balance's value. For any multipliers a_i >= v_i,

    profit <= sum over i of max over s of [a_i * s - v_i * (e^s - 1)]
            + sum over j of max over i != j and y of [v_j * (1 - e^(-y * w_i / w_j)) - a_i * H(y)]

as e^s - 1 is convex in the sum s of the growths of balance i, and the concave cost of what is taken of j is
least where one i pays for it. With a single i the least such bound is the optimum wherever w_i / w_j >= fee /
keep for all j.

The pool's limits are of all that goes into a balance, and of all that goes out.

No token need be both paid and taken: a swap from i to j that replaces part of one from i to k and one from k
to j, and leaves balance k alone, changes log R_i in proportion to H'(0) - H'(y) * H'(z) at worst, y and z
being the growths in the swaps replaced. As no swap grows a balance by more than MOST_IN, that is never more
than 0 where keep >= MOST_IN ** 2.

Source: Balancer whitepaper, "Trading Formulas"; WeightedMath.sol, _MAX_IN_RATIO.
"""

from __future__ import annotations

from math import exp, expm1, log1p

import numpy as np

from router.fixed_point import WAD
from router.optimiser.arrays import Floats
from router.optimiser.compiled import inner
from router.optimiser.kernels import LEVEL_STEPS
from router.pools.weighted_math import MAX_RATIO

ROUND_OFF = 2e-14
"""What a profit may be understated by, as a share of what is paid and received for it."""
MOST_IN = MAX_RATIO / WAD
SWEEPS = 2
"""How often every multiplier is set to what is best beside the others."""
SETTLED = 1e-10
"""Share of a multiplier's logarithm; what the bound is off by then is the square of it."""
SWAP_ROUND_OFF = 4e-15
"""Up to this the logarithm of marginal gain over marginal cost counts as none, or its lead so many times."""


@inner
def swap_gain(
    worth: float, lead: float, ratio: float, surcharge: float, limit: float, multiplier: float
) -> tuple[float, float, float]:
    """The most that one swap takes of a balance beyond what it costs: (gain, never understated; growth of the
    balance paid into; how fast that falls in the multiplier's logarithm).

    Args:
        worth: value of the balance that is taken from.
        lead: logarithm of the first marginal gain over the first marginal cost, were there no fee.
        ratio: of the weights of what is paid and taken.
        surcharge: the fee over what it leaves.
        limit: most growth after the fee.
        multiplier: what growth costs.
    """
    if not (lead > 0 and limit > 0):
        return 0.0, 0.0, 0.0
    y, steep, slope, over = min(lead / ratio, limit), 0.0, 0.0, 0.0
    # What the marginal gain is over its cost, as a logarithm, is concave in y: from the right Newton's steps
    # come nearer to the last root and never pass it.
    for _ in range(LEVEL_STEPS):
        extra = surcharge * -expm1(-y)
        steep = surcharge * exp(-y) / (1 + extra)
        over, slope = lead - log1p(surcharge) - ratio * y + log1p(extra), steep - ratio
        if over >= -SWAP_ROUND_OFF * max(1.0, lead):
            break
        if slope >= 0:
            return 0.0, 0.0, 0.0
        y -= over / slope
        if y <= 0:
            return 0.0, 0.0, 0.0
    growth = y + log1p(surcharge * -expm1(-y))
    received, given = -worth * expm1(-ratio * y), multiplier * growth
    # From there on the gain is concave in growth: its tangent bounds what is left of the way.
    gain = received - given + ROUND_OFF * (received + given) - given * expm1(min(over, 0.0))
    return gain, growth, (1 + steep) / -slope if y < limit and slope < 0 else 0.0


@inner
def token_gain(
    i: int,
    j: int,
    rise: float,
    surcharge: float,
    worth: Floats,
    weight: Floats,
    low: Floats,
    depth: Floats,
) -> tuple[float, float, float]:
    """`swap_gain` of token i for token j.

    Args:
        rise: logarithm of i's multiplier over its balance's value.
    """
    ratio = weight[i] / weight[j]
    lead, multiplier = depth[j] - depth[i] - rise, worth[i] * exp(rise)
    return swap_gain(worth[j], lead, ratio, surcharge, -low[j] / ratio, multiplier)


@inner
def pairwise_profit(
    keep: float, level: float, worth: Floats, weight: Floats, low: Floats, high: Floats, depth: Floats
) -> float:
    """The bound above, each multiplier set to the best beside the others; infinite where none is known.

    Args:
        level, depth: of the joint trade: see `router.optimiser.kernels.basin_level`. The multipliers start
            there.
        worth: value of each balance, at the token prices.
    """
    if keep < MOST_IN * MOST_IN:
        return np.inf
    count, surcharge = len(worth), (1 - keep) / keep
    rise, best = np.empty(count), np.empty(count)
    for i in range(count):
        rise[i] = np.log(max(exp(level - depth[i]) - surcharge, 1.0))
    for _ in range(SWEEPS):
        for i in range(count):
            if high[i] > 0:
                _best_gains(i, surcharge, worth, weight, low, high, depth, rise, best)
                rise[i] = _best_rise(i, surcharge, worth, weight, low, high, depth, rise[i], best)
    _best_gains(-1, surcharge, worth, weight, low, high, depth, rise, best)
    total = 0.0
    for i in range(count):
        total += best[i]
        if high[i] > 0 and rise[i] > 0:
            grown = min(rise[i], _after_fee(high[i], surcharge))
            saved, paid = worth[i] * exp(rise[i]) * grown, worth[i] * expm1(grown)
            total += saved - paid + ROUND_OFF * (saved + paid)
    return total


@inner
def _after_fee(growth: float, surcharge: float) -> float:
    """H: how much a balance's logarithm grows where the invariant sees `growth`."""
    return growth + log1p(surcharge * -expm1(-growth))


@inner
def _best_gains(
    but: int,
    surcharge: float,
    worth: Floats,
    weight: Floats,
    low: Floats,
    high: Floats,
    depth: Floats,
    rise: Floats,
    best: Floats,
) -> None:
    """Sets `best`, by token, to the most that taking it earns, whichever other token but one pays for it."""
    for j in range(len(worth)):
        best[j] = 0.0
        for i in range(len(worth)):
            if i not in (j, but) and high[i] > 0 and low[j] < 0:
                gain, _, _ = token_gain(i, j, rise[i], surcharge, worth, weight, low, depth)
                best[j] = max(best[j], gain)


@inner
def _best_rise(
    i: int,
    surcharge: float,
    worth: Floats,
    weight: Floats,
    low: Floats,
    high: Floats,
    depth: Floats,
    start: float,
    best: Floats,
) -> float:
    """The logarithm of token i's multiplier over its balance's value where the bound is least, `best` being
    what other tokens offer: the bound is convex in the multiplier."""
    limit = _after_fee(high[i], surcharge)
    below, above = 0.0, max(0.0, float(np.max(depth)) - depth[i])
    x = float(min(start, above))
    for _ in range(LEVEL_STEPS):
        excess, bend = min(x, limit), 1.0 if x < limit else 0.0
        for j in range(len(worth)):
            if i != j and low[j] < 0:
                gain, growth, response = token_gain(i, j, x, surcharge, worth, weight, low, depth)
                if gain > best[j]:
                    excess -= growth
                    bend += response
        if excess < 0:
            below = x
        else:
            above = x
        if above - below <= SETTLED * above:
            break
        new = x - excess / bend if bend > 0 else np.inf
        if abs(new - x) <= SETTLED * x:
            break
        x = new if below < new < above else (below + above) / 2
    return x
