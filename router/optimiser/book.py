"""All pools of a snapshot as arrays: what the optimiser reads instead of pool objects.

Two shapes cover every AMM so far.

A *ladder* is one direction of a pair along which liquidity is constant by ranges: with r the square root of
the price in units of token in per token out, moving from r to t >= r pays L * (t - r) of token in before the
fee and receives L * (1 / r - 1 / t) of token out. Uniswap v3 has a range per pair of initialised ticks,
constant product a single one.

A *basin* is a pool of two or more tokens that all trade against one weighted geometric mean.

Source: Uniswap v3 whitepaper, section 6.2; Balancer whitepaper, "Trading Formulas".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log1p, sqrt

import numpy as np

from router.fixed_point import PIPS, Q96, WAD
from router.optimiser.arrays import Floats, Ints
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.pools.weighted_math import MAX_RATIO
from router.tokens import Address

LOG_TICK = log1p(1e-4) / 2


@dataclass(frozen=True, slots=True)
class Ladder:
    """One direction of a pair, raw units. `edges` ascend from the current price and are one more than
    `liquidity`; beyond the last nothing is known, so nothing is traded. `keep`: what the fee leaves of 1."""

    token_in: Address
    token_out: Address
    keep: float
    edges: Sequence[float]
    liquidity: Sequence[float]


@dataclass(frozen=True, slots=True)
class Basin:
    """A weighted pool, raw units. `most`: share of a balance that the AMM lets in at once, after the fee.
    What goes out has no limit of its own where the amount in is given."""

    tokens: tuple[Address, ...]
    balances: Sequence[float]
    weights: Sequence[float]
    keep: float
    most: float


Shape = tuple[Ladder, Ladder] | Basin


def _product(pool: UniswapV2Pool) -> Shape | None:
    first, second = pool.reserves
    if min(first, second) <= 0:
        return None
    (one, two), keep = pool.tokens, (PIPS - pool.fee_pips) / PIPS
    root, other = sqrt(first), sqrt(second)
    liquidity = (root * other,)
    up, down = root / other, other / root
    return (
        Ladder(one, two, keep, (up, up * (MAX_RESERVE / first)), liquidity),
        Ladder(two, one, keep, (down, down * (MAX_RESERVE / second)), liquidity),
    )


def _ticks(pool: UniswapV3Pool) -> Shape | None:
    now = pool.sqrt_price_x96 / Q96
    if not now:
        return None
    (one, two), keep = pool.tokens, (PIPS - pool.fee_pips) / PIPS
    ticks, nets = pool.ladder.ticks, pool.ladder.nets
    passed = sum(tick <= pool.tick for tick in ticks)
    above = [max(exp(tick * LOG_TICK), now) for tick in ticks[passed:]]
    below = [max(exp(-tick * LOG_TICK), 1 / now) for tick in reversed(ticks[:passed])]
    falling = [-net for net in reversed(nets[:passed])]
    return (
        Ladder(one, two, keep, [1 / now, *below], _running(pool.liquidity, falling)),
        Ladder(two, one, keep, [now, *above], _running(pool.liquidity, nets[passed:])),
    )


def _running(start: int, changes: Sequence[int]) -> list[float]:
    """Liquidity of each range up to the last tick."""
    exact = list(accumulate(changes, initial=start))
    return [float(max(liquidity, 0)) for liquidity in exact[:-1]]


def _weighted(pool: BalancerV2WeightedPool) -> Shape | None:
    if min(pool.balances) <= 0:
        return None
    return Basin(
        pool.tokens,
        [float(balance) for balance in pool.balances],
        [weight / WAD for weight in pool.weights],
        (WAD - pool.swap_fee_wad) / WAD,
        MAX_RATIO / WAD,
    )


SHAPES: Mapping[str, Callable[..., Shape | None]] = {
    UniswapV2Pool.kind: _product,
    UniswapV3Pool.kind: _ticks,
    BalancerV2WeightedPool.kind: _weighted,
}
"""By kind of pool: how the optimiser sees it; None for a pool that is dead. One line per AMM."""


@dataclass(frozen=True, eq=False, slots=True)
class Book:
    """Pools in raw units; tokens and pools by their place in `tokens` and `pools`.

    Ladder k has entries first[k] to first[k + 1] of `edges` and `liquidity` (whose last is 0); basin b has
    entries start[b] to start[b + 1] of `token`, `balance` and `weight`. Ladders of one pool are neighbours.
    """

    pools: tuple[Pool, ...]
    tokens: tuple[Address, ...]
    place: Mapping[Address, int]
    ladder_pool: Ints
    sold: Ints
    bought: Ints
    keep: Floats
    first: Ints
    edges: Floats
    liquidity: Floats
    basin_pool: Ints
    basin_keep: Floats
    most: Floats
    start: Ints
    token: Ints
    balance: Floats
    weight: Floats

    @classmethod
    def of(cls, pools: Iterable[Pool]) -> Book:
        """The pools that can trade at all."""
        shaped = [(pool, SHAPES[pool.kind](pool)) for pool in pools]
        alive = [(pool, shape) for pool, shape in shaped if shape is not None]
        tokens = tuple(sorted({token for pool, _ in alive for token in pool.tokens}))
        place = {token: k for k, token in enumerate(tokens)}
        ladders = [
            (k, ladder)
            for k, (_, shape) in enumerate(alive)
            if not isinstance(shape, Basin)
            for ladder in shape
        ]
        basins = [(k, shape) for k, (_, shape) in enumerate(alive) if isinstance(shape, Basin)]
        return cls(
            pools=tuple(pool for pool, _ in alive),
            tokens=tokens,
            place=place,
            ladder_pool=_ints(k for k, _ in ladders),
            sold=_ints(place[ladder.token_in] for _, ladder in ladders),
            bought=_ints(place[ladder.token_out] for _, ladder in ladders),
            keep=_floats(ladder.keep for _, ladder in ladders),
            first=_ints(accumulate((len(ladder.edges) for _, ladder in ladders), initial=0)),
            edges=_floats(edge for _, ladder in ladders for edge in ladder.edges),
            liquidity=_floats(each for _, ladder in ladders for each in (*ladder.liquidity, 0.0)),
            basin_pool=_ints(k for k, _ in basins),
            basin_keep=_floats(basin.keep for _, basin in basins),
            most=_floats(basin.most for _, basin in basins),
            start=_ints(accumulate((len(basin.tokens) for _, basin in basins), initial=0)),
            token=_ints(place[token] for _, basin in basins for token in basin.tokens),
            balance=_floats(each for _, basin in basins for each in basin.balances),
            weight=_floats(each for _, basin in basins for each in basin.weights),
        )


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
