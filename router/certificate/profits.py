"""The most that trading with one pool alone can earn at given token prices, AMM by AMM; never understated.

Each AMM's own limits to one swap count as limits of all that is traded with the pool.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import exp, expm1, fsum, inf, log, log1p

from router.fixed_point import PIPS, Q96, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address

DIGITS = 60
BISECTIONS = 100
STEPS = 60
SWEEPS = 2
"""How often the price of every balance's growth is set to the best beside the others."""
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
    rows = [
        _row(token, nu[token] * reserve, 0.5, -inf, log(MAX_RESERVE / reserve), directions)
        for token, reserve in zip(pool.tokens, pool.reserves, strict=True)
    ]
    keep = (PIPS - pool.fee_pips) / PIPS
    return _joint_profit(rows, keep, _level(rows, keep))


def _weighted_profit(pool: BalancerV2WeightedPool, nu: Prices, directions: Collection[Direction]) -> float:
    """All tokens at once, which earns no less than swaps of pairs; where several are taken, what such swaps
    earn at most, if that is less."""
    rows = [
        _row(token, nu[token] * balance, weight / WAD, -inf, BALANCER_HIGH, directions)
        for token, balance, weight in zip(pool.tokens, pool.balances, pool.weights, strict=True)
        if balance
    ]
    if not rows:
        return 0.0
    keep = (WAD - pool.swap_fee_wad) / WAD
    level = _level(rows, keep)
    most = _joint_profit(rows, keep, level)
    taken = sum(row.low < 0 and row.level > level for row in rows)
    return min(most, _pairwise_profit(rows, keep, level)) if taken > 1 else most


@dataclass(frozen=True, slots=True, eq=False)
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


def _joint_profit(rows: Sequence[_Row], keep: float, level: float) -> float:
    """Of a pool that holds sum(weight * log balance). Any multiplier of that sum overstates the profit; the
    one that leaves no slack overstates it the least."""
    share = exp(level)
    return fsum(
        -row.value * expm1(change) / paid
        + share * row.weight * change
        + ROUND_OFF * abs(change) * (row.value * max(1.0, exp(change)) / paid + share * row.weight)
        for row, change, paid in _moves(rows, keep, level)
    )


def _level(rows: Sequence[_Row], keep: float) -> float:
    """Logarithm of the multiplier that leaves no slack."""
    return _crossing(
        lambda level: fsum(row.weight * change for row, change, _ in _moves(rows, keep, level)),
        min(row.level for row in rows),
        max(row.level for row in rows) - log(keep),
    )


def _crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that rises crosses 0."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        found = rising(middle)
        if found == 0 or middle in (low, high):
            break
        low, high = (middle, high) if found < 0 else (low, middle)
    return (low + high) / 2


def _moves(rows: Iterable[_Row], keep: float, level: float) -> Iterator[tuple[_Row, float, float]]:
    """(row, change of the logarithm of its balance, part of a payment that counts)."""
    for row in rows:
        change = level - row.level
        if change < 0:
            yield row, max(change, row.low), 1.0
        elif change + log(keep) > 0:
            yield row, min(change + log(keep), row.high), keep


def _pairwise_profit(rows: Sequence[_Row], keep: float, level: float) -> float:
    """Of a pool that trades in swaps of pairs, each of which leaves its fee in the balance that it pays into.

    Let growth have any price: what a balance costs is no less than that, less the most that growing saves.
    What is taken of another one costs the least where a single token pays for it, as `_grown` is concave. So
    any prices of growth overstate the profit; each is bisected, the others as they are.

    Tokens both paid and taken need no thought: where a swap grows no balance by more than BALANCER_HIGH, one
    swap grows it by less than two in a row do, unless the fee is as large as the first line says.
    """
    if keep < expm1(BALANCER_HIGH) ** 2:
        return inf
    payers, takers = [row for row in rows if row.high > 0], [row for row in rows if row.low < 0]
    price = {row: row.value * max(1.0, exp(level - row.level) - (1 - keep) / keep) for row in payers}

    def best(taken: _Row, but: _Row | None = None) -> float:
        return max((_swap(row, taken, price[row], keep)[0] for row in payers if row is not but), default=0.0)

    for row in payers * SWEEPS:
        price[row] = _least_price(row, {taken: best(taken, row) for taken in takers}, keep)
    saved = fsum(_saved(row, price[row], keep) for row in payers)
    return saved + fsum(best(taken) for taken in takers)


def _least_price(row: _Row, others: Mapping[_Row, float], keep: float) -> float:
    """Of growth: the one that overstates the profit the least, the profit being convex in it.

    Args:
        others: what is earned by each token taken if another one than this pays for it.
    """

    def unsold(price: float) -> float:
        swaps = [(_swap(row, taken, price, keep), other) for taken, other in others.items()]
        return _growth(row, price, keep) - fsum(grown for (gain, grown), other in swaps if gain > other)

    if unsold(row.value) >= 0:
        return row.value
    return _crossing(unsold, row.value, row.weight * exp(max(taken.level for taken in others)))


def _grown(seen: float, keep: float) -> float:
    """How much the logarithm of a balance grows in a swap where the invariant sees `seen`."""
    return seen + log1p((1 - keep) / keep * -expm1(-seen))


def _growth(row: _Row, price: float, keep: float) -> float:
    """What growth is best where it saves `price`, and grown tokens are lost."""
    return min(log(price / row.value), _grown(row.high, keep))


def _saved(row: _Row, price: float, keep: float) -> float:
    growth = _growth(row, price, keep)
    saved, lost = price * growth, row.value * expm1(growth)
    return saved - lost + ROUND_OFF * (saved + lost)


def _swap(paid: _Row, taken: _Row, price: float, keep: float) -> tuple[float, float]:
    """(the most that a swap takes beyond what growth costs, that growth).

    The logarithm of marginal gain over marginal cost is concave in what the invariant sees: from where there
    would be none left without a fee, Newton's steps fall to the last root.
    """
    ratio, fee = paid.weight / taken.weight, (1 - keep) / keep
    lead = taken.level - log(price / paid.weight)
    if paid is taken or lead <= 0:
        return 0.0, 0.0
    seen, left = lead / ratio, 0.0
    for _ in range(STEPS):
        charged = 1 - fee * expm1(-seen)
        left, slope = lead - log1p(fee) - ratio * seen + log(charged), fee * exp(-seen) / charged - ratio
        if slope >= 0 or seen <= left / slope:
            return 0.0, 0.0
        if not seen - left / slope < seen:
            break
        seen -= left / slope
    grown = _grown(seen, keep)
    received, given = -taken.value * expm1(-ratio * seen), price * grown
    return received - given + given * abs(expm1(left)) + ROUND_OFF * (received + given), grown


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
