"""Plans on the recorded mainnet block against other routers, the best single path, and their own bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import networkx as nx
import pytest

from router.certificate import verify
from router.fixed_point import WAD
from router.plan import Plan
from router.planner import plan
from router.portfolio import Portfolio
from scripts.bench.random_basket import raw_price
from scripts.bench.recorded import MAINNET, OWNER, PEERS, RECORDED_OUTPUTS, Market, mainnet
from scripts.bench.single_path import best_single_path, value_net_of_its_bill

pytestmark = pytest.mark.skipif(not MAINNET.exists(), reason=f"{MAINNET} is absent")

HASH = "ef" * 32
GAP_BPS = 0.05
GAS_PRICE_WEI = 10 * 10**9
ALIKE = 1e-9
LARGE, LARGE_GAP_BPS = 100.0, 1.0
MIDDLE, MIDDLE_GAP_BPS = 10.0, 5.0
"""Value of an order in ETH, and the largest gap to the bound net of gas from there up."""
PROVEN_GAP_BPS = 0.1
WIDE: Mapping[str, str] = {}
"""Orders with a wider gap, and why."""
ORDERS = json.loads(PEERS.read_text())["orders"] if PEERS.exists() else []
BASKETS = json.loads(PEERS.read_text())["baskets"] if PEERS.exists() else []
RECORDED = json.loads(RECORDED_OUTPUTS.read_text()) if RECORDED_OUTPUTS.exists() else []


@cache
def market() -> Market:
    return mainnet()


def made_of(owner: Portfolio) -> Plan:
    """A plan whose certificate holds."""
    made = plan(market().snapshot, owner, snapshot_hash=HASH)
    findings = verify(made, market().snapshot, HASH).findings
    assert [finding for finding in findings if not finding.ok] == []
    return made


def gap(made: Plan) -> float:
    assert made.certificate is not None
    return made.certificate.gap_bps


@pytest.mark.parametrize(
    "order", ORDERS, ids=lambda order: f"{order['amount']} {order['sell']} {order['buy']}"
)
def test_an_order_gets_no_less_than_the_best_other_router_and_all_but_its_bound(
    order: Mapping[str, Any],
) -> None:
    found = market()
    owner = found.portfolio({order["sell"]: order["amount"]}, {order["buy"]: 1}, allow_tokens=found.allowed)
    made = made_of(owner)
    bought = found.addresses[order["buy"]]
    received = made.holdings_after[bought] / 10 ** found.snapshot.tokens[bought].decimals
    assert received >= order["tines_100"]
    assert gap(made) <= GAP_BPS


@pytest.mark.parametrize("listed", [True, False], ids=["listed tokens", "every pool"])
@pytest.mark.parametrize("basket", range(len(BASKETS)))
def test_a_basket_ends_at_its_bound_without_a_circle(basket: int, listed: bool) -> None:
    found, asked = market(), BASKETS[basket]
    allowed = found.allowed if listed else frozenset()
    owner = found.portfolio(asked["holdings"], asked["targets"], allow_tokens=allowed)
    made = made_of(owner)
    assert gap(made) <= GAP_BPS
    assert made.certificate is not None
    if made.certificate.arbitrage > owner.max_arbitrage_bps / 1e4 * made.value_before:
        hops = nx.DiGraph((swap.token_in, swap.token_out) for swap in made.swaps)
        assert nx.is_directed_acyclic_graph(hops)


def gas_orders() -> list[Mapping[str, Any]]:
    if not PEERS.exists():
        return []
    allowed = market().allowed
    return [order for order in RECORDED if {order["token_in"], order["token_out"]} <= allowed]


def owner_of(order: Mapping[str, Any], part: int = 1) -> Portfolio:
    """Who asks for a part of an order."""
    return Portfolio(
        OWNER,
        {order["token_in"]: int(order["amount_in"]) // part},
        {order["token_out"]: WAD},
        gas_price_wei=GAS_PRICE_WEI,
        allow_tokens=market().allowed,
    )


@pytest.mark.parametrize("order", gas_orders(), ids=lambda order: order["name"])
def test_a_recorded_order_net_of_gas_beats_the_best_single_path_and_is_near_its_bound(
    order: Mapping[str, Any],
) -> None:
    found, owner = market(), owner_of(order)
    snapshot, amount = found.snapshot, int(order["amount_in"])
    made = made_of(owner)
    assert made.certificate is not None
    costs, wei = made.certificate.pool_gas, raw_price(snapshot, snapshot.native_token)
    path = best_single_path(
        found.pools,
        order["token_in"],
        order["token_out"],
        amount,
        lambda token: raw_price(snapshot, token),
        lambda pool: costs.get(pool.address, pool.gas * GAS_PRICE_WEI * wei),
        {(each.pool, each.token_in, each.token_out) for each in made.excluded},
    )
    net = made.value_after - made.cost.gas
    if path is not None:
        billed = value_net_of_its_bill(snapshot, owner, path)
        assert billed is None or net >= billed * (1 - ALIKE)
    ether = amount * raw_price(snapshot, order["token_in"]) / wei / WAD
    most = LARGE_GAP_BPS if ether >= LARGE else MIDDLE_GAP_BPS if ether >= MIDDLE else None
    if most is not None and order["name"] not in WIDE:
        assert gap(made) <= most


@pytest.mark.parametrize("part", [1, 10])
@pytest.mark.parametrize("order", gas_orders(), ids=lambda order: order["name"])
def test_branch_and_bound_closes_the_gap_of_a_recorded_order(order: Mapping[str, Any], part: int) -> None:
    """Orders of 10 ETH and more: what is left is calldata."""
    made = plan(market().snapshot, owner_of(order, part), prove=True)
    told, net = made.certificate, made.value_after - made.cost.gas
    assert told is not None
    assert told.proven_net_bound is not None
    assert net <= told.proven_net_bound <= told.net_bound
    assert told.proven_net_bound <= net * (1 + PROVEN_GAP_BPS / 1e4)
    assert any("is closed" in note for note in made.notes)
