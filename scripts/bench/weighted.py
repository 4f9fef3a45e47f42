"""1,250 Balancer weighted pools: orders against Balancer's own router, and random baskets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from router.errors import PoolError
from router.fixed_point import BPS, WAD
from router.pools.base import Pool
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address, format_amount
from scripts.bench import peers
from scripts.bench.planned import Planned, plan_all
from scripts.bench.random_basket import random_basket, raw_price
from scripts.bench.recorded import OWNER, Market
from scripts.bench.report import Section, ahead_bps, plain, prose, signed, times

WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
DAI = "0x6b175474e89094c44da98b954eedeac495271d0f"
WBTC = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"
BAL = "0xba100000625a3754423978a60c9317c58a424e3d"
NAMES = {WETH: "WETH", USDC: "USDC", DAI: "DAI", WBTC: "WBTC", BAL: "BAL"}
ORDERS = (
    (WETH, DAI, "100"),
    (WETH, USDC, "100"),
    (USDC, WETH, "100000"),
    (WETH, WBTC, "50"),
    (BAL, WETH, "20000"),
    (WETH, BAL, "200"),
)
RUNS = 11
PEER_RUNS = 4
BASKETS = 20
SIDE = 4
"""Tokens held, and tokens wanted, in a basket."""
SHARES = (0.2, 1.0)


def weighted(market: Market) -> tuple[Section, Section]:
    """Orders over the pools that both routers may use, then baskets over all of them."""
    common = vouched(market.snapshot)
    return _orders(market.snapshot, common, _asked(market.snapshot)), _baskets(market.snapshot, common)


def vouched(snapshot: Snapshot) -> Snapshot:
    """Only the pools that the plans of all orders admit."""
    return admitted(snapshot, [_portfolio(*each) for each in _asked(snapshot)])


def _asked(snapshot: Snapshot) -> list[peers.Order]:
    return [
        (sold, bought, int(Decimal(text) * 10 ** snapshot.tokens[sold].decimals))
        for sold, bought, text in ORDERS
    ]


def admitted(snapshot: Snapshot, portfolios: Sequence[Portfolio]) -> Snapshot:
    """Only the pools that the plans' certificates cover whole: no direction refused, every token known."""
    while True:
        plans = [each.plan for each in plan_all(snapshot, portfolios, 0) if each.plan]
        refused = {each.pool for made in plans for each in made.excluded}
        known = [set(made.certificate.dual_prices) for made in plans if made.certificate]
        kept = tuple(
            pool
            for pool in snapshot.pools
            if pool.address not in refused and all(each.issuperset(pool.tokens) for each in known)
        )
        if len(kept) == len(snapshot.pools):
            return snapshot
        snapshot = replace(snapshot, pools=kept)


def _orders(whole: Snapshot, common: Snapshot, asked: Sequence[peers.Order]) -> Section:
    portfolios = [_portfolio(*each) for each in asked]
    made, free = plan_all(common, portfolios, RUNS), plan_all(whole, portfolios, RUNS)
    answers = peers.run(peers.SOR, peers.market_document(common, common.pools, asked), PEER_RUNS)
    four, ten = ([peers.Answer.read(each) for each in answers[key]] for key in ("4", "10"))
    answers = peers.run(peers.SOR, peers.market_document(whole, whole.pools, asked), PEER_RUNS, 10)
    unchecked = [peers.Answer.read(each) for each in answers["10"]]
    figures = [
        _figure(common, whole, *each) for each in zip(ORDERS, made, free, four, ten, unchecked, strict=True)
    ]
    rows = [
        [
            each["order"],
            each["text"],
            *(signed(value) for value in each["ahead"]),
            plain(each["gap_bps"]),
            each["legs"],
            f"{each['seconds'] * 1e3:.1f}",
            *(times(ratio) for ratio in each["ratio"]),
            signed(each["whole_ahead"]),
            times(each["whole_ratio"]),
        ]
        for each in figures
    ]
    note = f"""{peers.SOR.title} runs in the same run with at most 4 pools, its default, and with 10, gas
        free; bp are against what its swaps deliver when replayed exactly in the Vault's order. First
        over the {len(common.pools):,} pools, of the {len(whole.pools):,} recorded, whose prices other
        pools confirm, which are the ones that ours admits. The last two columns give both routers
        every pool: ours refuses those that pay over the reference prices, the peer takes them at
        their word, so that what it is ahead there is the phantom arbitrage of dead pools. Ratios are
        of warm medians; the peer keeps the paths of its first run."""
    columns = (
        "order",
        "ours",
        "SOR 4 bp",
        "SOR 10 bp",
        "gap bp",
        "swaps",
        "ms",
        "÷ SOR 4",
        "÷ SOR 10",
        "all pools: SOR 10 bp",
        "÷ it",
    )
    return Section("Balancer pools against Balancer's router", prose(note), columns, rows, figures)


def _portfolio(sold: Address, bought: Address, amount: int) -> Portfolio:
    return Portfolio(OWNER, {sold: amount}, {bought: WAD}, gas_price_wei=0)


def _figure(
    common: Snapshot,
    whole: Snapshot,
    order: Sequence[str],
    made: Planned,
    free: Planned,
    four: peers.Answer,
    ten: peers.Answer,
    unchecked: peers.Answer,
) -> dict[str, Any]:
    sold, bought, text = order
    amount = made.received(bought)
    return {
        "order": f"{text} {NAMES[sold]} → {NAMES[bought]}",
        "text": format_amount(amount, common.tokens[bought].decimals),
        "ahead": [ahead_bps(amount, delivers(common, each, bought)) for each in (four, ten)],
        "gap_bps": made.gap_bps,
        "legs": made.legs,
        "seconds": made.seconds,
        "ratio": [made.seconds / each.seconds if each.amount_out else None for each in (four, ten)],
        "whole_ahead": ahead_bps(free.received(bought), delivers(whole, unchecked, bought)),
        "whole_ratio": free.seconds / unchecked.seconds if free.plan else None,
    }


def delivers(snapshot: Snapshot, answer: peers.Answer, bought: Address) -> int | None:
    """What the swaps of an answer pay of a token, one after the other; an amount of 0 is the last output."""
    by_id: Mapping[str, Pool] = {pool.to_state()["pool_id"]: pool for pool in snapshot.pools}
    states = {pool.address: pool for pool in snapshot.pools}
    last = total = 0
    try:
        for pool_id, token_in, token_out, amount in answer.record["swaps"]:
            last = peers.walk(states, [(by_id[pool_id].address, token_in, token_out)], int(amount) or last)
            total += last if token_out == bought else 0
    except PoolError:
        return None
    return total or None


def _baskets(snapshot: Snapshot, common: Snapshot) -> Section:
    """No peer: the certificate says how good they are. Depths count only in pools that are admitted."""
    rows, figures = [], []
    tokens = {token for pool in common.pools for token in pool.tokens}
    for share in SHARES:
        baskets = [
            random_basket(common, share=share, seed=seed, held=SIDE, wanted=SIDE, among=len(tokens))
            for seed in range(BASKETS)
        ]
        made = plan_all(snapshot, baskets, 1)
        done = [each for each in made if each.plan]
        gaps = [each.gap_bps for each in done if each.gap_bps is not None]
        costs = [_cost_bps(snapshot, each) for each in done]
        swaps = [len(each.plan.swaps) for each in done if each.plan]
        figures.append({"share": share, "gaps": gaps, "seconds": [each.seconds for each in done]})
        rows.append(
            [
                f"{share:.0%} of depth",
                f"{len(done)} of {len(made)}",
                plain(statistics.median(gaps) if gaps else None),
                plain(max(gaps, default=None)),
                plain(statistics.median(costs) if costs else None, 1),
                plain(statistics.median(swaps) if swaps else None, 0),
                plain(statistics.median(each.seconds for each in done) * 1e3 if done else None, 1),
            ]
        )
    note = f"""{BASKETS} random baskets of {SIDE} tokens to {SIDE} others for each size, out of {len(tokens)}
        whose prices several pools confirm, over the {len(snapshot.pools):,} weighted pools of 2 to 8
        tokens; a token's depth is what moves the prices of all its pools by 2%. Gas free; the gap is
        to the bound of the plan's own certificate; refused baskets are left out of the medians."""
    columns = ("size", "planned", "median gap bp", "largest gap bp", "median cost bp", "swaps", "ms")
    return Section("Random baskets on Balancer pools", prose(note), columns, rows, figures)


def _cost_bps(snapshot: Snapshot, made: Planned) -> float:
    assert made.plan
    before = sum(raw_price(snapshot, token) * amount for token, amount in made.plan.holdings_before.items())
    return made.plan.cost.total / before * BPS
