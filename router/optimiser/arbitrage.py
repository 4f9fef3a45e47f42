"""The largest profit that one pool pays at given token prices, fee included, and the trade that earns it.

Over all pools these are the support functions of the dual: what is held, at any prices, plus every pool's
arbitrage at those prices bounds what can be reached. All are closed forms in which every term is positive, so
that floats lose a few units in the last place of the profit and no more; ALLOWANCE covers that. Real numbers
stand for the pools' integers, which round against the trader; what an AMM refuses beyond that (Balancer's 30%
of a balance) is left out, which makes the profit larger, never smaller. Several swaps through one pool earn
no more than the one trade over all of its tokens that is computed here.

Source: Angeris et al. 2022 (arXiv 2204.05238); the formulas are worked out from the AMMs' invariants.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, sqrt
from typing import Protocol

from router.fixed_point import PIPS, Q96, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address

ALLOWANCE = 1e-11
"""What every profit is rounded up by, as a share of itself."""
ROUND_OFF = 1e-15
"""What roots, ratios and logarithms of order one are moved by, outward."""

Prices = Sequence[float] | Mapping[int, float]
"""Numeraire per raw unit, by place of the token."""
Trade = tuple[float, tuple[float, ...]]
"""Profit in numeraire, and raw units that the trader gains of each of the pool's tokens."""


class Venue(Protocol):
    """One pool at places of a price list."""

    @property
    def places(self) -> tuple[int, ...]: ...

    def best(self, prices: Prices) -> Trade:
        """The most profitable trade at these prices."""


@dataclass(frozen=True, slots=True)
class ProductVenue:
    """A constant-product pair. `forward` and `backward` allow to sell its first, its second token."""

    places: tuple[int, int]
    reserves: tuple[float, float]
    keep: float
    forward: bool
    backward: bool

    def best(self, prices: Prices) -> Trade:
        """Sells until the marginal rate is the price ratio: the profit is (sqrt b - sqrt a)**2 with b the
        value of the reserve bought and a that of the reserve sold, before its fee."""
        first, second = (prices[k] * r for k, r in zip(self.places, self.reserves, strict=True))
        if self.forward and second * self.keep > first * (1 - ROUND_OFF):
            sold, bought, profit = self._sell(first, second)
            return profit, (-sold * self.reserves[0], bought * self.reserves[1])
        if self.backward and first * self.keep > second * (1 - ROUND_OFF):
            sold, bought, profit = self._sell(second, first)
            return profit, (bought * self.reserves[0], -sold * self.reserves[1])
        return 0.0, (0.0, 0.0)

    def _sell(self, value_in: float, value_out: float) -> tuple[float, float, float]:
        """(share of the reserve sold, share of the reserve bought, profit)."""
        low, high = sqrt(value_in / self.keep), sqrt(value_out)
        root = max(high - low, 0.0) + ROUND_OFF * high
        return (
            max(high / low - 1, 0.0) / self.keep,
            max(1 - low / high, 0.0),
            root * root * (1 + ALLOWANCE),
        )


@dataclass(frozen=True, slots=True)
class WeightedVenue:
    """A weighted pool of any number of tokens.

    Attributes:
        keep: share of an amount in that the fee leaves.
        may_sell, may_buy: which tokens the trader may pay with, and take out.
    """

    places: tuple[int, ...]
    balances: tuple[float, ...]
    weights: tuple[float, ...]
    keep: float
    may_sell: tuple[bool, ...]
    may_buy: tuple[bool, ...]

    def best(self, prices: Prices) -> Trade:
        """The optimality conditions leave one multiplier m of the invariant: every token is bought down to,
        or sold up to, the balance worth m * weight. Any m gives an upper bound, the right one the profit."""
        values = [prices[k] * balance for k, balance in zip(self.places, self.balances, strict=True)]
        depths = [log(value / weight) for value, weight in zip(values, self.weights, strict=True)]
        buys = [d for d, may in zip(depths, self.may_buy, strict=True) if may]
        sells = [d for d, may in zip(depths, self.may_sell, strict=True) if may]
        fee = log(self.keep)
        if not buys or not sells or max(buys) <= min(sells) - fee:
            return 0.0, (0.0,) * len(depths)
        level = self._level(depths, fee)
        profit, gains = 0.0, []
        for k, depth in enumerate(depths):
            gain = 0.0
            if self.may_buy[k] and level < depth:
                profit += values[k] * _bend(level - depth)
                gain = -expm1(level - depth) * self.balances[k]
            elif self.may_sell[k] and level + fee > depth:
                profit += values[k] / self.keep * _bend(level + fee - depth)
                gain = -expm1(level + fee - depth) / self.keep * self.balances[k]
            gains.append(gain)
        return profit * (1 + ALLOWANCE), tuple(gains)

    def _level(self, depths: Sequence[float], fee: float) -> float:
        """log m, where the weighted logarithms of all balances sum to no change: a rising function, linear
        between the breakpoints of its tokens."""
        downs = [(d, w) for d, w, may in zip(depths, self.weights, self.may_buy, strict=True) if may]
        ups = [(d - fee, w) for d, w, may in zip(depths, self.weights, self.may_sell, strict=True) if may]

        def slack(level: float) -> float:
            return sum(w * min(level - d, 0.0) for d, w in downs) + sum(
                w * max(level - d, 0.0) for d, w in ups
            )

        marks = sorted({d for d, _ in (*downs, *ups)})
        below, above = marks[0], marks[-1]
        for mark in marks:
            if slack(mark) <= 0:
                below = mark
            else:
                above = mark
                break
        least, most = slack(below), slack(above)
        return below if most <= least else below - least * (above - below) / (most - least)


def _bend(change: float) -> float:
    """1 - q + q log q for log q = change: what a token adds to the profit, per value; never negative."""
    q = exp(change)
    return max(change * q - expm1(change), 0.0) + 4 * ROUND_OFF * abs(change) * (1 + q)


@dataclass(frozen=True, slots=True)
class LadderVenue:
    """A concentrated-liquidity pool, walked range by range up to the price where its marginal rate is that of
    the tokens' prices. Ends at the last known tick."""

    places: tuple[int, int]
    pool: UniswapV3Pool
    keep: float
    forward: bool
    backward: bool

    def best(self, prices: Prices) -> Trade:
        first, second = (prices[k] for k in self.places)
        now = self.pool.sqrt_price_x96 / Q96
        falls, rises = sqrt(first / (second * self.keep)), sqrt(first * self.keep / second)
        if self.forward and falls < now * (1 + ROUND_OFF):
            return self._down(falls, second)
        if self.backward and rises > now * (1 - ROUND_OFF):
            return self._up(rises, second)
        return 0.0, (0.0, 0.0)

    def _down(self, target: float, second: float) -> Trade:
        """Sells the first token. A range from a down to b >= target adds
        second * liquidity * (a - b) * (1 - target**2 / (a * b))."""
        ladder, top, liquidity = self.pool.ladder, self.pool.sqrt_price_x96, self.pool.liquidity
        place = bisect_right(ladder.ticks, self.pool.tick)
        profit = sold = bought = 0.0
        while place:
            edge = sqrt_ratio_at_tick(ladder.ticks[place - 1])
            a, b = top / Q96, max(edge / Q96, target)
            width = (top - edge) / Q96 if edge / Q96 >= target else max(a - target, 0.0) + ROUND_OFF * a
            if liquidity > 0:
                gap = (a - target) / a + target / a * (b - target) / b + 4 * ROUND_OFF
                profit += second * liquidity * width * max(gap, 0.0)
                bought += liquidity * width
                sold += liquidity * width / (a * b * self.keep)
            if edge / Q96 <= target:
                break
            place -= 1
            top, liquidity = edge, ladder.liquidity_at(ladder.ticks[place] - 1)
        return profit * (1 + ALLOWANCE), (-sold, bought)

    def _up(self, target: float, second: float) -> Trade:
        """Sells the second token. A range from a up to b <= target adds
        second / keep * liquidity * (b - a) * (target**2 / (a * b) - 1)."""
        ladder, low, liquidity = self.pool.ladder, self.pool.sqrt_price_x96, self.pool.liquidity
        place = bisect_right(ladder.ticks, self.pool.tick)
        profit = sold = bought = 0.0
        while place < len(ladder.ticks):
            edge = sqrt_ratio_at_tick(ladder.ticks[place])
            a, b = low / Q96, min(edge / Q96, target)
            width = (edge - low) / Q96 if edge / Q96 <= target else max(target - a, 0.0) + ROUND_OFF * a
            if liquidity > 0:
                gap = (target - a) / a + target / a * (target - b) / b + 4 * ROUND_OFF * target / a
                profit += second / self.keep * liquidity * width * max(gap, 0.0)
                bought += liquidity * width / (a * b)
                sold += liquidity * width / self.keep
            if edge / Q96 >= target:
                break
            low, liquidity = edge, ladder.liquidity_at(ladder.ticks[place])
            place += 1
        return profit * (1 + ALLOWANCE), (bought, -sold)


def venue(
    pool: Pool, place: Mapping[Address, int], allowed: Mapping[tuple[Address, Address], bool]
) -> Venue | None:
    """The pool's oracle; None for one that cannot trade.

    Args:
        place: of each token in the price list.
        allowed: (token in, token out) -> whether that direction may be traded.

    Raises:
        TypeError: an AMM that has no oracle; a bound without it would be none.
    """
    if not any(allowed.values()):
        return None
    if isinstance(pool, BalancerV2WeightedPool):
        if min(pool.balances) <= 0:
            return None
        tokens = pool.tokens
        return WeightedVenue(
            tuple(place[token] for token in tokens),
            tuple(map(float, pool.balances)),
            tuple(weight / WAD for weight in pool.weights),
            (WAD - pool.swap_fee_wad) / WAD,
            tuple(any(allowed.get((token, other), False) for other in tokens) for token in tokens),
            tuple(any(allowed.get((other, token), False) for other in tokens) for token in tokens),
        )
    if not isinstance(pool, UniswapV2Pool | UniswapV3Pool):
        raise TypeError(f"no arbitrage oracle for {pool.kind}")
    first, second = pool.tokens
    places = place[first], place[second]
    forward, backward = allowed.get((first, second), False), allowed.get((second, first), False)
    keep = (PIPS - pool.fee_pips) / PIPS
    if isinstance(pool, UniswapV2Pool):
        reserves = float(pool.reserves[0]), float(pool.reserves[1])
        return ProductVenue(places, reserves, keep, forward, backward) if min(reserves) > 0 else None
    return LadderVenue(places, pool, keep, forward, backward) if pool.sqrt_price_x96 else None
