"""Plans on the recorded mainnet block: an independent replay, and what other routers got."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from router.documents.snapshot_file import load_snapshot
from router.plan import Plan
from router.planner import plan
from router.planner.valuation import Valuation, worst
from router.portfolio import Portfolio
from router.program import AmountMode, Payer, Pull, Recipient, Swap
from router.snapshot import Snapshot
from router.tokens import Address

DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(Path(__file__).parents[2] / "../shared/data")))
SNAPSHOT = DATA / "snapshots" / "mainnet-24721407.json.gz"
PEERS = DATA / "fynd" / "peers.json"
OWNER = "0x" + "11" * 20
"""Seconds for one plan over all pools; the command line has ten for everything, this test a busy machine."""
ORDER_GAP_BPS = 0.2
"""How far below the recorded dual optimum an order may end: dust legs are left out, amounts are integers."""

pytestmark = pytest.mark.skipif(not SNAPSHOT.exists(), reason=f"{SNAPSHOT} is absent")


@cache
def market() -> Snapshot:
    return load_snapshot(SNAPSHOT)


@cache
def by_symbol() -> Mapping[str, Address]:
    """The token with the most pools, of each symbol."""
    uses = Counter(token for pool in market().pools for token in pool.tokens)
    found: dict[str, Address] = {}
    for token in sorted(market().tokens.values(), key=lambda token: (uses[token.address], token.address)):
        found[token.symbol] = token.address
    return found


def owner(held: Mapping[str, str], wanted: Mapping[str, Any], **changes: Any) -> Portfolio:
    tokens, addresses = market().tokens, by_symbol()
    return Portfolio(
        OWNER,
        {
            addresses[name]: int(Decimal(text) * 10 ** tokens[addresses[name]].decimals)
            for name, text in held.items()
        },
        {addresses[name]: int(Decimal(str(weight)) * 10**18) for name, weight in wanted.items()},
        **changes,
    )


def replay_by_hand(made: Plan, snapshot: Snapshot) -> tuple[list[tuple[int, int]], dict[Address, int]]:
    """Amounts of each swap, and the owner's changes, from the steps and the pools' own swaps alone."""
    assert made.program is not None
    pools = dict(snapshot.pool_by_address)
    ledger: dict[Address, int] = defaultdict(int)
    change: dict[Address, int] = defaultdict(int)
    amounts: list[tuple[int, int]] = []
    in_pool = 0
    for step in made.program.steps:
        if isinstance(step, Pull):
            assert step.amount is not None
            change[step.token] -= step.amount
            ledger[step.token] += step.amount
            continue
        assert isinstance(step, Swap)
        if step.payer is Payer.PREPAID:
            amount = in_pool
        elif step.mode is AmountMode.LITERAL:
            amount = step.amount
        elif step.mode is AmountMode.SHARE:
            amount = ledger[step.token_in] * step.amount // 2**64
        else:
            amount = ledger[step.token_in]
        if step.payer is Payer.OWNER:
            change[step.token_in] -= amount
        elif step.payer is Payer.EXECUTOR:
            ledger[step.token_in] -= amount
        out, pools[step.pool] = pools[step.pool].swap(step.token_in, step.token_out, amount)
        if step.recipient is Recipient.OWNER:
            change[step.token_out] += out
        elif step.recipient is Recipient.EXECUTOR:
            ledger[step.token_out] += out
        else:
            in_pool = out
        amounts.append((amount, out))
    for token, amount in ledger.items():
        assert amount >= 0
        change[token] += amount
    return amounts, {token: amount for token, amount in change.items() if amount}


@pytest.mark.parametrize("gas_price_gwei", [0, 20])
def test_five_assets_to_five_survive_an_independent_replay(gas_price_gwei: int) -> None:
    portfolio = owner(
        {"WETH": "100", "USDC": "200000", "WBTC": "2", "LINK": "5000", "UNI": "10000"},
        {"USDT": 0.25, "DAI": 0.2, "cbBTC": 0.2, "WETH": 0.25, "AAVE": 0.1},
        gas_price_wei=gas_price_gwei * 10**9,
    )
    made = plan(market(), portfolio)
    amounts, changes = replay_by_hand(made, market())
    assert amounts == [(swap.amount_in, swap.amount_out) for swap in made.swaps]
    after = {token: portfolio.holdings.get(token, 0) + changes.get(token, 0) for token in made.holdings_after}
    assert after == made.holdings_after
    assert set(changes) <= set(after)
    assert abs(worst(Valuation(market(), portfolio).drifts_bps(after))[1]) < 1
    left = {token: amount for token, amount in after.items() if amount and token not in portfolio.targets_wad}
    assert not left
    order = {swap.token_in: k for k, swap in enumerate(made.swaps)}
    assert all(swap.token_out not in order or order[swap.token_out] >= k for k, swap in enumerate(made.swaps))


@pytest.mark.parametrize("order", json.loads(PEERS.read_text())["orders"] if PEERS.exists() else [])
def test_orders_beat_recorded_routers_and_stay_near_the_dual_optimum(order: Mapping[str, Any]) -> None:
    allowed = frozenset(by_symbol()[name] for name in json.loads(PEERS.read_text())["tokens"])
    bought = by_symbol()[order["buy"]]
    made = plan(
        market(),
        owner({order["sell"]: order["amount"]}, {order["buy"]: 1}, allow_tokens=allowed, gas_price_wei=0),
    )
    received = made.holdings_after[bought] / 10 ** market().tokens[bought].decimals
    assert received > max(
        order.get(peer, 0) for peer in ("tines_12", "tines_100", "pancakeswap_smart_router")
    )
    assert received > order["dual_optimum"] * (1 - ORDER_GAP_BPS / 10_000)
