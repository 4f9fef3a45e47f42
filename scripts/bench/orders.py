"""Single orders and baskets on the recorded block, gas price 0, against routers that run in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from router.errors import PoolError
from router.fixed_point import WAD
from router.tokens import Address, format_amount
from scripts.bench import peers, tines
from scripts.bench.planned import Planned, exact_value, plan_all
from scripts.bench.recorded import Market
from scripts.bench.report import Section, ahead_bps, plain, prose, signed, times

RUNS = 21
SMART_ROUTER_RUNS = 3
BASKET_RUNS = 11
FIVE_HELD = {"WETH": "100", "USDC": "200000", "WBTC": "2", "LINK": "5000", "UNI": "10000"}
FIVE_WANTED = {"USDT": "0.25", "DAI": "0.2", "cbBTC": "0.2", "WETH": "0.25", "AAVE": "0.1"}


def orders(market: Market) -> Section:
    """The recorded orders among the recorded tokens."""
    asked = tines.orders(market)
    portfolios = [
        market.portfolio({each["sell"]: each["amount"]}, {each["buy"]: 1}, allow_tokens=market.allowed)
        for each in market.peers["orders"]
    ]
    ours = plan_all(market.snapshot, portfolios, RUNS)
    flows = tines.answers(market)
    document = peers.market_document(market.snapshot, market.pools, asked)
    pancake = [peers.Answer.read(each) for each in peers.run(peers.SMART_ROUTER, document, SMART_ROUTER_RUNS)]
    figures = [
        _figure(market, order, made, flows[100][place], flows[12][place], pancake[place])
        for place, (order, made) in enumerate(zip(market.peers["orders"], ours, strict=True))
    ]
    rows = [*map(_row, figures), _medians(figures)]
    return Section("Orders", _orders_note(market), ORDER_COLUMNS, rows, figures, ("ahead.svg",))


ORDER_COLUMNS = (
    "order",
    "ours",
    "tines 100",
    "tines 12",
    "smart-router",
    "gap bp",
    "swaps",
    "ms",
    "÷ tines 100",
    "÷ tines 12",
    "÷ smart-router",
)


def _orders_note(market: Market) -> str:
    return prose(
        f"""The same {len(market.pools)} pools for all, at gas price 0; every router runs in this run,
        in a process of its own. Ours is the exact integer amount that replay gives. The next three
        columns are basis points that ours is ahead of {peers.TINES.title} with 100 and with 12
        flows (amounts in its own floats) and of {peers.SMART_ROUTER.title} (3 hops, 4 splits, steps
        of 5%; its routes replayed exactly, because it takes 0.25% for the fee of every v2 pool).
        The gap is from the plan to the bound of its own certificate. ms is the median of {RUNS}
        warm plans, the orders taking turns, so that no plan starts from its own solution; the last
        three columns are its ratio to the peer's warm median."""
    )


def _figure(
    market: Market,
    order: Mapping[str, Any],
    made: Planned,
    hundred: peers.Answer,
    twelve: peers.Answer,
    pancake: peers.Answer,
) -> dict[str, Any]:
    sold, bought = market.addresses[order["sell"]], market.addresses[order["buy"]]
    amount = made.received(bought)
    delivered = delivers(market, pancake, bought)
    left = made.plan.holdings_after.get(sold, 0) if made.plan else 0
    return {
        "order": f"{order['amount']} {order['sell']} → {order['buy']}"
        + (f" ({left} raw left)" if left else ""),
        "ours": str(amount),
        "text": format_amount(amount, market.snapshot.tokens[bought].decimals),
        "gap_bps": made.gap_bps,
        "legs": made.legs,
        "seconds": made.seconds,
        "ahead": {
            "tines 100": ahead_bps(amount, hundred.amount_out),
            "tines 12": ahead_bps(amount, twelve.amount_out),
            "smart-router": ahead_bps(amount, delivered),
        },
        "ratio": {
            "tines 100": made.seconds / hundred.seconds,
            "tines 12": made.seconds / twelve.seconds,
            "smart-router": made.seconds / pancake.seconds,
        },
        "claimed": {"smart-router": pancake.amount_out},
        "peer_seconds": {
            "tines 100": hundred.seconds,
            "tines 12": twelve.seconds,
            "smart-router": pancake.seconds,
        },
    }


def delivers(market: Market, answer: peers.Answer, bought: Address) -> int | None:
    """What the routes of an answer pay out on the recorded pools, one after the other."""
    states = {pool.address: pool for pool in market.pools}
    total = 0
    try:
        for amount, path, addresses in answer.record["routes"]:
            hops = zip(addresses, path, path[1:], strict=False)
            total += peers.walk(states, hops, int(amount))
            if path[-1] != bought:
                return None
    except PoolError:
        return None
    return total or None


def _row(figure: Mapping[str, Any]) -> list[str]:
    return [
        figure["order"],
        figure["text"],
        *(signed(each) for each in figure["ahead"].values()),
        plain(figure["gap_bps"]),
        figure["legs"],
        f"{figure['seconds'] * 1e3:.1f}",
        *(times(each) for each in figure["ratio"].values()),
    ]


def _medians(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """The row that the comparison of speed goes by."""
    made = [each for each in figures if each["seconds"]]
    if not made:
        return ["median", *[""] * (len(ORDER_COLUMNS) - 1)]

    def of(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    names = list(made[0]["ahead"])
    return [
        "**median**",
        "",
        *(signed(of([each["ahead"][name] for each in made])) for name in names),
        plain(of([each["gap_bps"] for each in made])),
        "",
        f"{statistics.median(each['seconds'] for each in made) * 1e3:.1f}",
        *(times(of([each["ratio"][name] for each in made])) for name in names),
    ]


def baskets(market: Market) -> Section:
    """Several tokens to several, first among the recorded tokens, then with every pool of the block."""
    asked = [*market.peers["baskets"], {"holdings": FIVE_HELD, "targets": FIVE_WANTED}]
    rows, figures = [], []
    for allowed, name in ((market.allowed, f"{len(market.pools)}"), (frozenset(), "all")):
        portfolios = [
            market.portfolio(each["holdings"], each["targets"], allow_tokens=allowed) for each in asked
        ]
        for basket, made in zip(asked, plan_all(market.snapshot, portfolios, BASKET_RUNS), strict=True):
            figure = _basket(market, basket, made) | {"pools": name}
            figures.append(figure)
            rows.append(
                [
                    " + ".join(f"{amount} {symbol}" for symbol, amount in basket["holdings"].items()),
                    " ".join(f"{float(share):.0%} {symbol}" for symbol, share in basket["targets"].items()),
                    name,
                    figure["text"],
                    plain(figure["gap_bps"]),
                    plain(figure["arbitrage_bps"]),
                    made.legs,
                    f"{made.seconds * 1e3:.1f}",
                ]
            )
    return Section(
        "Baskets",
        prose(
            f"""No other router that runs here takes several tokens to several, so the certificate is
            the yardstick. Value in ETH at reference prices: before, and of the largest portfolio of
            exactly the target weights inside the final holdings. “All” admits the
            {len(market.snapshot.pools):,} pools of the block, without a token list. Arbitrage is
            what the pools admitted would pay somebody who holds the target already, in bp of the
            portfolio. ms is the median of {BASKET_RUNS} warm plans, taking turns."""
        ),
        ("basket", "targets", "pools", "value", "gap bp", "arbitrage bp", "swaps", "ms"),
        rows,
        figures,
    )


def _basket(market: Market, basket: Mapping[str, Any], made: Planned) -> dict[str, Any]:
    price = market.snapshot.price_e36
    weth = price(market.addresses["WETH"]) / 1e36 * WAD
    held = {market.addresses[symbol]: market.raw(symbol, text) for symbol, text in basket["holdings"].items()}
    mid = sum(amount * price(token) for token, amount in held.items()) / 1e36 / weth
    after = exact_value(market.snapshot, made.plan) / weth if made.plan else 0.0
    certificate = made.plan.certificate if made.plan else None
    arbitrage = certificate.arbitrage / (mid * weth) * 1e4 if certificate else None
    return {
        "text": f"{mid:.3f} → {after:.4f}",
        "value_eth": after,
        "gap_bps": made.gap_bps,
        "arbitrage_bps": arbitrage,
        "seconds": made.seconds,
    }
