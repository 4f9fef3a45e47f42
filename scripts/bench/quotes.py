"""Exact quotes: the same Uniswap v3 swaps as another package, and the rate of every AMM."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from router.documents.snapshot_file import load_snapshot
from router.errors import PoolError
from router.pools.base import Pool
from router.pools.depth import depth_within
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address
from scripts.bench import peers
from scripts.bench.recorded import MAINNET, Market
from scripts.bench.report import Section, prose, seconds

PEER_FEES = (100, 500, 3000, 10_000)
"""The fee tiers that the peer knows."""
PASSES = 30
LOSSES = (0.0005, 0.005, 0.03)
"""Sizes of the quoted swaps: those that lose this much to price impact."""
BALANCER_POOLS = 150

Case = tuple[Pool, Address, Address, int]


def cases(pools: Sequence[Pool], kind: str) -> list[Case]:
    """Swaps both ways through every pair of tokens of every pool, in each size that the pool takes."""
    found = []
    for pool in (pool for pool in pools if pool.kind == kind):
        for token_in, token_out in ((a, b) for a in pool.tokens for b in pool.tokens if a != b):
            for loss in LOSSES:
                try:
                    amount = depth_within(pool, token_in, token_out, loss)
                    if pool.quote_exact_in(token_in, token_out, amount):
                        found.append((pool, token_in, token_out, amount))
                except PoolError:
                    continue
    return found


def quotes_against_peer(market: Market) -> Section:
    """Uniswap v3, the same swaps on the same states: another package in its own process, then ours."""
    found = cases([pool for pool in market.pools if pool.fee_pips in PEER_FEES], UniswapV3Pool.kind)
    theirs = _ask(found)
    fresh = load_snapshot(MAINNET).pool_by_address
    swaps = [(fresh[pool.address], sold, bought, amount) for pool, sold, bought, amount in found]
    sqrt_ratio_at_tick.cache_clear()
    cold = seconds(partial(quote_all, swaps))
    ours = statistics.median(seconds(partial(quote_all, swaps)) for _ in range(PASSES))
    cold_peer, peer = theirs["seconds"][0], statistics.median(theirs["seconds"][1:])
    answers = zip(theirs["answers"], quote_all(swaps), strict=True)
    equal = sum(answer == str(amount) for answer, amount in answers)
    count, name = len(swaps), peers.V3_SDK.title
    rows = [
        (label, f"{count / spent:,.0f}", f"{spent / count * 1e6:.1f}", f"{base / spent:.1f}")
        for label, spent, base in (
            ("ours, warm", ours, peer),
            (f"{name}, warm", peer, peer),
            ("ours, first pass", cold, cold_peer),
            (f"{name}, first pass", cold_peer, cold_peer),
        )
    ]
    sizes = ", ".join(f"{loss:.2%}" for loss in LOSSES)
    note = f"""{count:,} exact-in quotes through {len({pool.address for pool, *_ in found})} pools, both ways,
        of sizes that lose {sizes} to price impact; {equal:,} of the peer's answers equal ours. Medians
        of {PASSES} warm passes in this run, one process for each. The peer is JavaScript, on Node.js.
        Ours keeps the range boundaries that it has computed; the first pass has none yet."""
    columns = ("quoter", "quotes/s", "µs", "times the peer")
    figures = {"quotes": count, "equal": equal, "ours": ours, "peer": peer}
    return Section("Uniswap v3 quotes against a peer", prose(note), columns, rows, figures)


def _ask(found: Sequence[Case]) -> Any:
    pools = {pool.address: _state(pool) for pool, *_ in found}
    swaps = [(pool.address, token_in == pool.tokens[0], str(amount)) for pool, token_in, _, amount in found]
    return peers.run(peers.V3_SDK, {"pools": pools, "swaps": swaps}, PASSES + 1)


def _state(pool: Pool) -> dict[str, Any]:
    assert isinstance(pool, UniswapV3Pool)
    names = ("fee_pips", "tick_spacing", "sqrt_price_x96", "tick", "liquidity")
    ticks = [(str(tick), str(net)) for tick, net in pool.ticks]
    return {**{name: str(getattr(pool, name)) for name in names}, "tokens": pool.tokens, "ticks": ticks}


def quote_rates(market: Market, balancer: Market) -> Section:
    """Every AMM, alone."""
    rows = []
    for kind, pools in (
        ("uniswap_v2", market.pools),
        ("uniswap_v3", market.pools),
        ("balancer_v2_weighted", balancer.snapshot.pools[:BALANCER_POOLS]),
    ):
        swaps = cases(pools, kind)
        spent = statistics.median(seconds(partial(quote_all, swaps)) for _ in range(PASSES))
        rows.append(
            (kind, f"{len(swaps):,}", f"{len(swaps) / spent:,.0f}", f"{spent / len(swaps) * 1e6:.1f}")
        )
    note = f"""Exact-in quotes, warm, one core. Balancer's are of the first {BALANCER_POOLS} recorded pools;
        their cost is the contract's own fixed-point powers."""
    return Section("Quotes by AMM", prose(note), ("AMM", "quotes", "quotes/s", "µs"), rows)


def quote_all(swaps: Sequence[Case]) -> list[int]:
    return [pool.quote_exact_in(token_in, token_out, amount) for pool, token_in, token_out, amount in swaps]
