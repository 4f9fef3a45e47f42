"""The recorded orders with gas at 10 gwei: net values, gaps to the bound net of gas, the best single path."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from router.fixed_point import WAD
from router.plan import Plan
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address
from scripts.bench.planned import Planned, plan_all
from scripts.bench.random_basket import raw_price
from scripts.bench.recorded import OWNER, RECORDED_OUTPUTS, Market
from scripts.bench.report import Section, ahead_bps, plain, prose, signed
from scripts.bench.single_path import Path, best_single_path, value_net_of_its_bill

GAS_PRICE_WEI = 10 * 10**9
RUNS = 3
PARTS = (1, 10, 100)
"""Each recorded order, a tenth and a hundredth of it."""
CLASSES = ((100.0, "over 100 ETH"), (10.0, "10 to 100 ETH"), (0.0, "below 10 ETH"))
LIMITS = (1.0, 5.0, None)
"""Gaps in bp above which an order is listed by name."""


def gas(market: Market) -> tuple[Section, Section]:
    """By size of order, and every order whose gap is above its class's limit."""
    snapshot = market.snapshot
    asked = [
        {**order, "part": part, "amount": int(order["amount_in"]) // part}
        for part in PARTS
        for order in json.loads(RECORDED_OUTPUTS.read_text())
        if {order["token_in"], order["token_out"]} <= market.allowed
    ]
    portfolios = [
        Portfolio(
            OWNER,
            {order["token_in"]: order["amount"]},
            {order["token_out"]: WAD},
            gas_price_wei=GAS_PRICE_WEI,
            allow_tokens=market.allowed,
        )
        for order in asked
    ]
    made = plan_all(snapshot, portfolios, RUNS)
    proved = plan_all(snapshot, portfolios, 1, prove=True)
    figures = [
        _figure(market, order, portfolio, each) | _proof(proof)
        for order, portfolio, each, proof in zip(asked, portfolios, made, proved, strict=True)
    ]
    return _by_size(market, figures), _wide(figures)


def _figure(market: Market, order: Mapping[str, Any], portfolio: Portfolio, made: Planned) -> dict[str, Any]:
    snapshot, plan = market.snapshot, made.plan
    worth = order["amount"] * raw_price(snapshot, order["token_in"])
    ether = worth / raw_price(snapshot, snapshot.native_token) / WAD
    figure = {"name": order["name"], "part": order["part"], "ether": ether, "seconds": made.seconds}
    if plan is None:
        return figure | {"refused": made.refusal}
    net = plan.value_after - plan.cost.gas
    path = _single_path(market, order, plan)
    path_net = value_net_of_its_bill(snapshot, portfolio, path) if path else None
    price = raw_price(snapshot, order["token_out"])
    parts = plan.certificate.parts if plan.certificate else None
    recorded = int(order.get("amount_out_net_gas") or 0) if order["part"] == 1 else 0
    return figure | {
        "net": net,
        "gap_bps": made.gap_bps,
        "parts": [parts.gas, parts.integers, parts.bounds] if parts else None,
        "over_path_bps": ahead_bps(net, path_net) if path_net else None,
        "over_fynd_bps": ahead_bps(net, recorded * price) if recorded else None,
        "swaps": len(plan.swaps),
    }


def _proof(made: Planned) -> dict[str, Any]:
    """What branch and bound leaves of the gap."""
    plan = made.plan
    if plan is None or plan.certificate is None or plan.certificate.proven_net_bound is None:
        return {"proven_gap_bps": None}
    net = plan.value_after - plan.cost.gas
    gap = ahead_bps(plan.certificate.proven_net_bound, net)
    return {"proven_gap_bps": gap, "proof_seconds": made.seconds}


def _single_path(market: Market, order: Mapping[str, Any], plan: Plan) -> Path | None:
    """Over the pools and at the gas costs of the plan's own certificate."""
    snapshot = market.snapshot
    costs = plan.certificate.pool_gas if plan.certificate else {}
    wei = raw_price(snapshot, snapshot.native_token)
    return best_single_path(
        market.pools,
        order["token_in"],
        order["token_out"],
        order["amount"],
        _prices(snapshot).__getitem__,
        lambda pool: costs.get(pool.address, pool.gas * GAS_PRICE_WEI * wei),
        {(each.pool, each.token_in, each.token_out) for each in plan.excluded},
    )


def _prices(snapshot: Snapshot) -> dict[Address, float]:
    return {token: raw_price(snapshot, token) for token in snapshot.prices}


def _by_size(market: Market, figures: Sequence[Mapping[str, Any]]) -> Section:
    rows = []
    for place, (least, name) in enumerate(CLASSES):
        most = CLASSES[place - 1][0] if place else float("inf")
        inside = [each for each in figures if least <= each["ether"] < most]
        planned = [each for each in inside if "net" in each]
        gaps, proven, paths, fynd = (
            [each[key] for each in planned if each[key] is not None]
            for key in ("gap_bps", "proven_gap_bps", "over_path_bps", "over_fynd_bps")
        )
        rows.append(
            [
                name,
                f"{len(planned)} of {len(inside)}",
                plain(_of(statistics.median, gaps), 3),
                plain(_of(max, gaps), 3),
                plain(_of(max, proven), 3),
                signed(_of(min, paths)),
                signed(_of(statistics.median, paths)),
                signed(_of(statistics.median, fynd)),
                plain(_of(statistics.median, [each["swaps"] for each in planned]), 0),
                plain(_of(statistics.median, [each["seconds"] * 1e3 for each in planned]), 1),
                plain(_of(max, [each["proof_seconds"] * 1e3 for each in planned if proven]), 1),
            ]
        )
    note = f"""The orders that Fynd 0.19 was recorded with on this block, a tenth and a hundredth of each, gas
        at 10 gwei, over the {len(market.pools)} pools between the same tokens. Values are net of gas.
        The gap is to the bound net of gas of the plan's own certificate; proven is what branch and bound
        (`--prove`) leaves of it, with the time of the slowest such plan. The single path is the best of up to
        4 swaps over the same pools, found by exact quotes, billed as the program that a planner makes of it.
        What remains of a gap is the pools that the bound uses in part, where a plan uses all or none; what
        remains of a proven one is calldata: bytes of amounts, and of tokens passed through. Fynd is one path
        over 16 protocols, most of which are not in the snapshot; its figures are recorded."""
    columns = (
        "size",
        "orders",
        "median gap bp",
        "largest gap bp",
        "largest proven bp",
        "least over single path bp",
        "median over it bp",
        "median over Fynd bp",
        "swaps",
        "ms",
        "slowest proof ms",
    )
    return Section("Gas at 10 gwei", prose(note), columns, rows, figures)


def _wide(figures: Sequence[Mapping[str, Any]]) -> Section:
    rows = []
    for each in figures:
        limit = next(
            limit for (least, _), limit in zip(CLASSES, LIMITS, strict=True) if each["ether"] >= least
        )
        behind = (each.get("over_path_bps") or 0.0) < 0
        gap = each.get("gap_bps")
        if "net" in each and not behind and (limit is None or gap is None or gap <= limit):
            continue
        name = each["name"] + (f" / {each['part']}" if each["part"] > 1 else "")
        parts = [plain(part, 3) for part in each.get("parts") or (None, None, None)]
        rows.append(
            [
                name,
                f"{each['ether']:.1f}",
                plain(gap, 3) or each.get("refused", ""),
                *parts,
                signed(each.get("over_path_bps")),
                str(each.get("swaps", "")),
            ]
        )
    note = """Every order above 1 bp in the first class, above 5 bp in the second, behind the single path, or
        refused; and what its gap is made of: the choice of pools, integers, the owner's own limits."""
    columns = ("order", "ETH", "gap bp", "gas", "integers", "limits", "over single path bp", "swaps")
    return Section("Gas: the wide gaps", prose(note), columns, rows or [["none", *[""] * 7]])


def _of(pick: Any, values: Sequence[float]) -> float | None:
    return pick(values) if values else None
