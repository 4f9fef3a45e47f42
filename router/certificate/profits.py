"""The most that trading with one pool alone can earn at given token prices, AMM by AMM; never understated.

Each AMM's own limits to one swap count as limits of all that is traded with the pool.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import exp, expm1, fsum, inf, log

from router.fixed_point import PIPS, Q96, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address

DIGITS = 60
BISECTIONS = 100
ROUND_OFF = 4e-15
"""What a sum or product of floats is rounded outward by, as a share of its parts."""
BALANCER_HIGH = log(1.3)
"""What a weighted pool lets into a balance at once, after the fee: WeightedMath.sol, _MAX_IN_RATIO. What goes
out is limited only where that amount is given, which no program does."""

Prices = Mapping[Address, float]
Direction = tuple[Address, Address]
"""(token in, token out)."""


def profit(pool: Pool, nu: Prices, directions: Collection[Direction], tick: float = 0.0) -> float:
    """Numeraire units, for somebody who trades in these directions only.

    Args:
        nu: numeraire per raw unit, of every token of the pool.
        tick: what crossing an initialised tick takes off the profit.

    Raises:
        TypeError: an AMM without a formula here.
        ArithmeticError, ValueError: prices so extreme that floats can't hold the figures.
    """
    if isinstance(pool, UniswapV2Pool):
        return _product_profit(pool, nu, directions)
    if isinstance(pool, UniswapV3Pool):
        return _range_profit(pool, nu, directions, tick)
    if isinstance(pool, BalancerV2WeightedPool):
        return _weighted_profit(pool, nu, directions)
    raise TypeError(f"no bound is known for {pool.kind}")


def _product_profit(pool: UniswapV2Pool, nu: Prices, directions: Collection[Direction]) -> float:
    """Two equal weights; a reserve may grow to what its 112 bits hold."""
    if min(pool.reserves) <= 0:
        return 0.0
    return _invariant_profit(
        [
            _row(token, nu[token] * reserve, 0.5, -inf, log(MAX_RESERVE / reserve), directions)
            for token, reserve in zip(pool.tokens, pool.reserves, strict=True)
        ],
        (PIPS - pool.fee_pips) / PIPS,
    )


def _weighted_profit(pool: BalancerV2WeightedPool, nu: Prices, directions: Collection[Direction]) -> float:
    """All tokens at once, which earns no less than one pair after the other."""
    return _invariant_profit(
        [
            _row(token, nu[token] * balance, weight / WAD, -inf, BALANCER_HIGH, directions)
            for token, balance, weight in zip(pool.tokens, pool.balances, pool.weights, strict=True)
            if balance
        ],
        (WAD - pool.swap_fee_wad) / WAD,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """One token of an invariant: its balance's value, its weight, and the least and most that the logarithm
    of the balance may change by, as the invariant sees it; 0 where the token may not be bought, or sold."""

    value: float
    weight: float
    low: float
    high: float

    @property
    def level(self) -> float:
        return log(self.value / self.weight)


def _row(
    token: Address, value: float, weight: float, low: float, high: float, directions: Collection[Direction]
) -> _Row:
    sold, bought = {one for one, _ in directions}, {other for _, other in directions}
    return _Row(value, weight, low if token in bought else 0.0, high if token in sold else 0.0)


def _invariant_profit(rows: list[_Row], keep: float) -> float:
    """Of a pool that holds sum(weight * log balance). Any multiplier of that sum overstates the profit; the
    one that leaves no slack overstates it the least, and is bisected."""
    if not rows:
        return 0.0
    low, high = min(row.level for row in rows), max(row.level for row in rows) - log(keep)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        slack = fsum(row.weight * change for row, change, _ in _moves(rows, keep, middle))
        if slack == 0:
            break
        low, high = (middle, high) if slack < 0 else (low, middle)
    level = (low + high) / 2
    share = exp(level)
    return fsum(
        -row.value * expm1(change) / paid
        + share * row.weight * change
        + ROUND_OFF * abs(change) * (row.value * max(1.0, exp(change)) / paid + share * row.weight)
        for row, change, paid in _moves(rows, keep, level)
    )


def _moves(rows: Iterable[_Row], keep: float, level: float) -> Iterator[tuple[_Row, float, float]]:
    """(row, change of the logarithm of its balance, part of a payment that counts)."""
    for row in rows:
        change = level - row.level
        if change < 0:
            yield row, max(change, row.low), 1.0
        elif change + log(keep) > 0:
            yield row, min(change + log(keep), row.high), keep


def _range_profit(pool: UniswapV3Pool, nu: Prices, directions: Collection[Direction], tick: float) -> float:
    """Each range is traded as far as its marginal rate beats the token prices, and no farther than pays for
    the ticks that are crossed.

    With r the root of the price in units of token in per token out, moving from r to t pays L * (t - r) after
    the fee and receives L * (1 / r - 1 / t): Uniswap v3 whitepaper, section 6.2.
    """
    total = Decimal(0)
    with localcontext() as context:
        context.prec = DIGITS
        keep = 1 - Decimal(pool.fee_pips) / PIPS
        for token_in, token_out in directions if pool.sqrt_price_x96 else ():
            price_in, price_out = Decimal(nu[token_in]), Decimal(nu[token_out])
            down = token_in == pool.tokens[0]
            start, goal = _root(pool.sqrt_price_x96, down), (price_out * keep / price_in).sqrt()
            earned, most = Decimal(0), Decimal(0)
            for crossed, (end, liquidity) in enumerate(_ranges(pool, down)):
                if goal <= start:
                    break
                stop = max(start, min(goal, end))
                gained = price_out * (1 / start - 1 / stop) - price_in * (stop - start) / keep
                earned += max(liquidity, 0) * gained
                most = max(most, earned - crossed * Decimal(tick))
                start = stop
            total += most
    return float(total) * (1 + ROUND_OFF)


def _root(sqrt_price_x96: int, down: bool) -> Decimal:
    root = Decimal(sqrt_price_x96) / Q96
    return 1 / root if down else root


def _ranges(pool: UniswapV3Pool, down: bool) -> Iterator[tuple[Decimal, int]]:
    """(root price at the end, liquidity) of every range ahead, up to the last known tick."""
    passed, liquidity = bisect_right(pool.ladder.ticks, pool.tick), pool.liquidity
    ahead = [(tick, -net) for tick, net in reversed(pool.ticks[:passed])] if down else pool.ticks[passed:]
    for tick, net in ahead:
        yield _root(sqrt_ratio_at_tick(tick), down), liquidity
        liquidity += net
