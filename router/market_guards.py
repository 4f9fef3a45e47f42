"""No trade into a broken market: what a snapshot and a plan are held to before a plan is handed out.

Prices: the reference price of every held or wanted token beside what the snapshot's pools say of it, for
weights, bounds and limits all rest on the reference price, and who holds or wants a token vouches for the
token, not for the price. (A token that is only passed through needs two pools that agree: `planner.trust`.)
Liquidity: what the plan takes of its pools, and where it leaves them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

from router.errors import BrokenMarket, PoolError
from router.liquidity import check_liquidity, depths_of, liquidity_use, mid_rate
from router.plan import Plan
from router.planner.universe import book_of
from router.planner.valuation import Valuation
from router.portfolio import Guards, Portfolio
from router.snapshot import Snapshot
from router.strategy.feeds import FeedLimits, PriceReading, check_prices, require
from router.tokens import Address

POOLS, OWNER, ORACLE = "the pools", "the owner", "the snapshot"
"""Sources of a price."""


def check_market(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    last_accepted: Mapping[Address, PriceReading] | None = None,
    trade_broken_market: bool = False,
) -> tuple[BrokenMarket, ...]:
    """Holds the prices that a portfolio is valued at to its guards, and a snapshot to what was seen when it
    was read.

    Args:
        last_accepted: prices of earlier looks, in the snapshot's numeraire.
        trade_broken_market: overrules every refusal.

    Returns:
        What was overruled.

    Raises:
        InputError: what can't be valued at all.
        BrokenMarket: the first fault; its `also` has the others.
    """
    valuation, guards = Valuation(snapshot, portfolio), portfolio.guards
    valuation.check()
    seen = tuple(BrokenMarket(f"when the snapshot was read: {text}") for text in snapshot.overruled)
    now = datetime.fromtimestamp(snapshot.timestamp, UTC)
    names = _names(valuation)
    told, owned = pool_prices(valuation, names), portfolio.prices
    used = [
        PriceReading(OWNER if token in owned else ORACLE, name, float(valuation.price_texts[token]), now)
        for token, name in names.items()
    ]
    beside = [PriceReading(POOLS, names[token], price, now) for token, price in told.items()]
    limits = FeedLimits(
        min_sources=guards.min_sources,
        max_deviation_bps=guards.max_source_deviation_bps,
        max_jump_bps=guards.max_jump_bps,
    )
    agreed = check_prices(names.values(), used + beside, now, limits, trade_broken_market=True)
    # The price that is used is what must not have jumped, and not its median with what pools say.
    steady = check_prices(
        names.values(),
        used,
        now,
        replace(limits, min_sources=1),
        last_accepted={names[token]: last for token, last in (last_accepted or {}).items() if token in names},
        trade_broken_market=True,
    )
    faults = seen + agreed.faults + steady.faults
    require(faults, trade_broken_market=trade_broken_market)
    return faults


def check_trade(
    plan: Plan, snapshot: Snapshot, guards: Guards, *, trade_broken_market: bool = False
) -> tuple[BrokenMarket, ...]:
    """Holds what a plan does to its pools to the owner's guards; arguments and errors as `check_market`."""
    if not plan.swaps:
        return ()
    return check_liquidity(
        liquidity_use(plan, snapshot),
        max_depth_bps=guards.max_pool_share_bps,
        max_deviation_bps=guards.max_price_deviation_bps,
        trade_broken_market=trade_broken_market,
    )


def _names(valuation: Valuation) -> dict[Address, str]:
    """Every token whose price is to be checked, by its symbol where only it has that."""
    tokens = [token for token in valuation.tokens if token != valuation.snapshot.numeraire]
    symbols = [valuation.symbol(token) for token in tokens]
    pairs = zip(tokens, symbols, strict=True)
    return {token: symbol if symbols.count(symbol) == 1 else token for token, symbol in pairs}


def pool_prices(valuation: Valuation, tokens: Collection[Address]) -> dict[Address, float]:
    """Numeraire per whole token by the snapshot's pools: the median of their prices, the fees apart, weighted
    by depth, so that dust beside a deep pool says nothing. Tokens that no pool trades for a priced one are
    missing."""
    snapshot, prices = valuation.snapshot, valuation.prices
    said: dict[Address, list[tuple[float, float]]] = defaultdict(list)
    for (address, token), depth in depths_of(book_of(valuation), tokens).items():
        pool = snapshot.pool_by_address[address]
        for other in pool.tokens:
            if other != token and prices.get(other):
                with suppress(PoolError, ZeroDivisionError):
                    said[token].append((mid_rate(pool, other, token) * prices[other], depth))
    found = {}
    for token in tokens:
        price = _weighted_median(said[token])
        if price is not None:
            found[token] = price * 10.0 ** snapshot.tokens[token].decimals
    return found


def _weighted_median(said: Sequence[tuple[float, float]]) -> float | None:
    """Of (value, weight): the value that half of the weight is not above."""
    half, passed = sum(weight for _, weight in said) / 2, 0.0
    for value, weight in sorted(said):
        passed += weight
        if passed >= half and 0 < value < inf:
            return value
    return None
