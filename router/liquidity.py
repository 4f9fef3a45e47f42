"""What a plan does to the pools it trades in: the share of their depth that it takes, and where it leaves
their prices beside the oracle's.

A pool's depth is the amount in, its fee included, that moves its price by `DEPTH_MOVE`. It is read off the
market that the planner itself limits, so that a plan under `max_depth_bps` is within that here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log1p, sqrt

import numpy as np

from router.errors import (
    BrokenMarket,
    DepthExceeded,
    InputError,
    LiquidationInReach,
    PoolAwayFromOracle,
    PoolError,
)
from router.fixed_point import BPS, PIPS
from router.optimiser.book import Book
from router.optimiser.market import Terms, market_of
from router.plan import Plan
from router.pools.base import Pool
from router.portfolio import DEPTH_MOVE
from router.snapshot import Snapshot
from router.tokens import Address


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One direction of one pool under a plan.

    Attributes:
        amount_in: raw units of token_in, all swaps of the plan together.
        depth: raw units of token_in.
        depth_share: of the depth that the plan takes.
        move_bps: how far the plan moves the pool's price of token_out in token_in, the fee apart.
        before_bps, after_bps: how far that price is above the oracle's, before the plan and after all of it;
            None where either token has no oracle price.
    """

    pool: Address
    token_in: Address
    token_out: Address
    amount_in: int
    depth: float
    depth_share: float
    move_bps: float
    before_bps: float | None
    after_bps: float | None


@dataclass(frozen=True)
class LiquidityUse:
    """All pools that a plan trades in, in order of its swaps.

    Attributes:
        oracle: numeraire per whole token, of the tokens that have a price.
    """

    pools: tuple[PoolUse, ...]
    oracle: Mapping[Address, float]


def cpmm_max_input_down(reserve_in: int, impact_pips: int, fee_pips: int) -> int:
    """The most of a constant-product pair's token in, rounded down, at which the average rate is at most
    `impact_pips` millionths below the marginal one, the fee apart: R e / ((1 - e) (1 - f)).

    Source: Uniswap v2 whitepaper, x * y = k; the amount after the fee is R e / (1 - e).

    Raises:
        InputError: an impact or a fee of all there is, or a negative figure.
    """
    if reserve_in < 0 or not 0 <= impact_pips < PIPS or not 0 <= fee_pips < PIPS:
        raise InputError(
            f"reserve {reserve_in}, impact {impact_pips}, fee {fee_pips}: none may be negative, and the last "
            f"two should be below {PIPS}",
            path="impact_pips",
        )
    return reserve_in * impact_pips * PIPS // ((PIPS - impact_pips) * (PIPS - fee_pips))


def pool_depths(pools: Iterable[Pool]) -> dict[tuple[Address, Address], float]:
    """Raw units in, fee included, that move a pool's price by DEPTH_MOVE, by (pool, token in); in a pool of
    more than two tokens, the price of that token against all others. All there is, where that is less.
    Directions in which nothing can be sold are missing."""
    return depths_of(Book.of(pools))


def depths_of(book: Book, tokens: Collection[Address] | None = None) -> dict[tuple[Address, Address], float]:
    """As `pool_depths`, of the pools of a book, and of these tokens in alone where some are named."""
    every = np.ones(len(book.tokens))
    terms = Terms(
        prices=every,
        ladders=np.ones(len(book.sold), dtype=np.bool_),
        sells=np.ones(len(book.token), dtype=np.bool_),
        buys=np.ones(len(book.token), dtype=np.bool_),
        widest=every * inf,
        depth_share=1.0,
        depth_move=log1p(DEPTH_MOVE),
        costs=np.zeros(len(book.pools)),
    )
    market = market_of(book, terms)
    arrays, found = market.arrays, {}
    asked = np.array([tokens is None or token in tokens for token in book.tokens], dtype=np.bool_)
    for k in map(int, np.flatnonzero(asked[book.sold[market.ladders]])):
        ladder = market.ladders[k]
        edges = np.minimum(arrays.edges[arrays.first[k] : arrays.first[k + 1]], arrays.cap[k])
        depth = arrays.liquidity[arrays.first[k] : arrays.first[k + 1] - 1] @ np.diff(edges)
        found[book.pools[book.ladder_pool[ladder]].address, book.tokens[book.sold[ladder]]] = float(
            depth / arrays.keep[k]
        )
    for k, basin in enumerate(market.basins):
        for e in range(arrays.start[k], arrays.start[k + 1]):
            place = book.token[market.entries[e]]
            if not asked[place]:
                continue
            token = book.tokens[place]
            depth = arrays.value[e] * np.expm1(arrays.high[e])
            found[book.pools[book.basin_pool[basin]].address, token] = float(depth / arrays.basin_keep[k])
    return {key: depth for key, depth in found.items() if depth > 0}


def pools_after(plan: Plan, snapshot: Snapshot) -> dict[Address, Pool]:
    """The pools that a plan's swaps go through, as they leave them.

    Raises:
        InputError: the snapshot is not the plan's: a pool is missing, or pays another amount.
    """
    pools: dict[Address, Pool] = {}
    for place, swap in enumerate(plan.swaps):
        pool = pools.get(swap.pool) or snapshot.pool_by_address.get(swap.pool)
        if pool is None:
            raise InputError(f"the snapshot has no pool {swap.pool}", path=f"swaps[{place}].pool")
        try:
            paid, pools[swap.pool] = pool.swap(swap.token_in, swap.token_out, swap.amount_in)
        except PoolError as error:
            raise InputError(str(error), path=f"swaps[{place}].amount_in") from error
        if paid != swap.amount_out:
            raise InputError(
                f"the pool pays {paid}, not {swap.amount_out}: this is not the plan's snapshot",
                path=f"swaps[{place}].amount_out",
            )
    return pools


def liquidity_use(plan: Plan, snapshot: Snapshot) -> LiquidityUse:
    """What a plan takes of the pools of its snapshot; oracle prices are the plan's own.

    Raises:
        InputError: the snapshot is not the plan's.
    """
    after = pools_after(plan, snapshot)
    before = {address: snapshot.pool_by_address[address] for address in after}
    depths = pool_depths(before.values())
    amounts: dict[tuple[Address, Address], int] = defaultdict(int)
    for swap in plan.swaps:
        amounts[swap.pool, swap.token_in] += swap.amount_in
    oracle = {token: float(price) for token, price in plan.prices.items() if token in snapshot.tokens}
    oracle = {token: price for token, price in oracle.items() if price > 0}
    uses = []
    for address, token_in, token_out in dict.fromkeys(
        (swap.pool, swap.token_in, swap.token_out) for swap in plan.swaps
    ):
        amount, depth = amounts[address, token_in], depths.get((address, token_in), 0.0)
        first, last = (mid_rate(pools[address], token_in, token_out) for pools in (before, after))
        fair = _fair(snapshot, oracle, token_in, token_out)
        uses.append(
            PoolUse(
                pool=address,
                token_in=token_in,
                token_out=token_out,
                amount_in=amount,
                depth=depth,
                depth_share=amount / depth if depth else inf,
                move_bps=(last / first - 1) * BPS,
                before_bps=None if fair is None else (first / fair - 1) * BPS,
                after_bps=None if fair is None else (last / fair - 1) * BPS,
            )
        )
    return LiquidityUse(tuple(uses), oracle)


def check_liquidity(
    use: LiquidityUse,
    *,
    max_depth_bps: float = inf,
    max_deviation_bps: float = inf,
    liquidation_prices: Mapping[Address, Sequence[float]] | None = None,
    trade_broken_market: bool = False,
) -> tuple[BrokenMarket, ...]:
    """Refuses a plan that takes too much of a pool, leaves one too far from the oracle, or moves one past a
    price at which others are liquidated.

    Args:
        max_depth_bps: of any pool's depth.
        max_deviation_bps: of a pool's price from the oracle's after the plan, either way; pools of tokens
            without an oracle price are not held to it.
        liquidation_prices: numeraire per whole token, of large positions.
        trade_broken_market: overrules every refusal.

    Returns:
        What was overruled, for the journal.

    Raises:
        DepthExceeded, PoolAwayFromOracle, LiquidationInReach: the first fault; its `also` has the others.
    """
    faults: list[BrokenMarket] = []
    for each in use.pools:
        taken_bps = each.depth_share * BPS
        where = f"selling {each.token_in} for {each.token_out} in pool {each.pool}"
        if not taken_bps <= max_depth_bps:
            faults.append(
                DepthExceeded(
                    f"{where} takes {taken_bps:.0f} bp of its depth, more than {max_depth_bps:g}",
                    token=each.token_in,
                    source=each.pool,
                    found=taken_bps,
                    limit=max_depth_bps,
                )
            )
        if each.after_bps is not None and not abs(each.after_bps) <= max_deviation_bps:
            faults.append(
                PoolAwayFromOracle(
                    f"{where} leaves its price {each.after_bps:.1f} bp from the oracle's, more than "
                    f"{max_deviation_bps:g} either way",
                    token=each.token_out,
                    source=each.pool,
                    found=abs(each.after_bps),
                    limit=max_deviation_bps,
                )
            )
        faults.extend(_liquidations(each, where, use.oracle, liquidation_prices or {}))
    if faults and not trade_broken_market:
        raise faults[0].along_with(faults[1:])
    return tuple(faults)


def _liquidations(
    use: PoolUse, where: str, oracle: Mapping[Address, float], known: Mapping[Address, Sequence[float]]
) -> Iterator[LiquidationInReach]:
    """Prices passed on the way: of the sold token falling, of the bought one rising."""
    if use.before_bps is None or use.after_bps is None:
        return
    first, last = 1 + use.before_bps / BPS, 1 + use.after_bps / BPS
    for token, start, end in (
        (use.token_in, oracle[use.token_in] / first, oracle[use.token_in] / last),
        (use.token_out, oracle[use.token_out] * first, oracle[use.token_out] * last),
    ):
        passed = [price for price in known.get(token, ()) if min(start, end) <= price <= max(start, end)]
        if passed:
            nearest = min(passed, key=lambda price: abs(price - start))
            yield LiquidationInReach(
                f"{where} moves the price of {token} from {start:.9g} to {end:.9g}, past {nearest:.9g}, at "
                "which others are liquidated",
                token=token,
                source=use.pool,
                found=end,
                limit=nearest,
            )


def mid_rate(pool: Pool, token_in: Address, token_out: Address) -> float:
    """Raw token_in per raw token_out; the fee, which both directions bear, falls out."""
    return sqrt(pool.spot_price(token_out, token_in) / pool.spot_price(token_in, token_out))


def _fair(
    snapshot: Snapshot, oracle: Mapping[Address, float], token_in: Address, token_out: Address
) -> float | None:
    """The same by oracle prices."""
    if not {token_in, token_out} <= oracle.keys():
        return None
    decimals = snapshot.tokens[token_out].decimals - snapshot.tokens[token_in].decimals
    return oracle[token_out] / oracle[token_in] / 10.0**decimals
