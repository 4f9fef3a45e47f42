"""Single orders in random markets of growing size, against a router that runs in the same run."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.snapshot import Snapshot
from scripts.bench import peers
from scripts.bench.planned import plan_all
from scripts.bench.random_basket import random_basket
from scripts.bench.random_market import random_market
from scripts.bench.report import Section, ahead_bps, plain, prose, signed, times

SIZES = ((200, 40), (1_000, 100), (5_000, 500), (10_000, 1_000))
"""Pools generated, and tokens; a tenth of the pools is left out."""
ORDERS = 5
AMONG = 30
"""Orders are between so many of the deepest tokens."""
SHARE = 1.0
RUNS, PEER_RUNS = 3, 3
FLOWS = "100"


def random_orders() -> Section:
    """What the certificate proves, seen from outside: the same orders given to another router."""
    figures = [_measure(*size) for size in SIZES]
    rows = [
        [
            f"{each['pools']:,}",
            f"{each['tokens']:,}",
            signed(min(each["ahead"], default=None)),
            signed(statistics.median(each["ahead"]) if each["ahead"] else None),
            plain(max(each["gaps"], default=None)),
            f"{each['seconds'] * 1e3:.1f}",
            f"{each['peer_seconds'] * 1e3:.0f}",
            times(each["seconds"] / each["peer_seconds"]),
        ]
        for each in figures
    ]
    note = f"""The random markets above without their Balancer pools, which {peers.TINES.name} does not know,
        gas price 0: {ORDERS} orders in each, between two of the {AMONG} deepest tokens, of the size
        that moves the prices of the shallower one's pools by 2%. Ahead is of Tines with {FLOWS} flows.
        Times are warm medians, the orders taking turns."""
    columns = (
        "pools",
        "tokens",
        "least ahead bp",
        "median ahead bp",
        "largest gap bp",
        "ms",
        "tines ms",
        "÷ tines",
    )
    return Section("Orders in random markets", prose(note), columns, rows, figures)


def two_token_market(pools: int, tokens: int) -> Snapshot:
    market = random_market(pools, tokens)
    kept = tuple(pool for pool in market.pools if not isinstance(pool, BalancerV2WeightedPool))
    return replace(market, pools=kept)


def _measure(pools: int, tokens: int) -> dict[str, Any]:
    market = two_token_market(pools, tokens)
    asked = [
        random_basket(market, held=1, wanted=1, share=SHARE, seed=seed, among=AMONG) for seed in range(ORDERS)
    ]
    orders = [
        (token_in, token_out, amount)
        for each in asked
        for token_in, amount in each.holdings.items()
        for token_out in each.targets_wad
    ]
    made = plan_all(market, asked, RUNS)
    answers = peers.run(peers.TINES, peers.market_document(market, market.pools, orders), PEER_RUNS, FLOWS)
    theirs = [peers.Answer.read(each) for each in answers[FLOWS]]
    ahead = [
        ahead_bps(each.received(token_out), answer.amount_out)
        for each, answer, (_, token_out, _) in zip(made, theirs, orders, strict=True)
    ]
    return {
        "pools": len(market.pools),
        "tokens": tokens,
        "ahead": [each for each in ahead if each is not None],
        "gaps": [each.gap_bps for each in made if each.gap_bps is not None],
        "seconds": statistics.median(each.seconds for each in made),
        "peer_seconds": statistics.median(each.seconds for each in theirs),
    }
