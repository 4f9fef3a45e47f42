"""What @sushiswap/tines answers to the recorded orders, here and now: `python -m scripts.bench.tines`."""

from __future__ import annotations

import json
import sys

from router.cli.console import print_table
from scripts.bench import peers
from scripts.bench.recorded import PEERS, Market, mainnet
from scripts.bench.report import ahead_bps, signed

RUNS = 41


def answers(market: Market) -> dict[int, list[peers.Answer]]:
    """For each number of flows, an answer to every recorded order."""
    document = peers.market_document(market.snapshot, market.pools, orders(market))
    found = peers.run(peers.TINES, document, RUNS)
    return {
        int(flows): [peers.Answer.read(each) for each in each_flows] for flows, each_flows in found.items()
    }


def orders(market: Market) -> list[peers.Order]:
    """The recorded single orders, resolved."""
    return [
        (
            market.addresses[order["sell"]],
            market.addresses[order["buy"]],
            market.raw(order["sell"], order["amount"]),
        )
        for order in market.peers["orders"]
    ]


def main() -> int:
    """Writes build/bench/tines.json too."""
    if not PEERS.exists():
        print(f"{PEERS} is absent; name its folder by REBALANCE_SHARED_DATA", file=sys.stderr)
        return 0
    market = mainnet()
    found = answers(market)
    rows, figures = [], []
    for place, order in enumerate(market.peers["orders"]):
        scale = 10 ** market.snapshot.tokens[market.addresses[order["buy"]]].decimals
        name = f"{order['amount']} {order['sell']} → {order['buy']}"
        row: list[str] = [name]
        figure: dict[str, object] = {"order": name}
        for flows in (100, 12):
            answer, recorded = found[flows][place], order[f"tines_{flows}"]
            amount = (answer.amount_out or 0) / scale
            row += [f"{amount:.9g}", signed(ahead_bps(amount, recorded), 3), f"{answer.seconds * 1e3:.1f}"]
            figure |= {f"tines_{flows}": str(answer.amount_out), f"tines_{flows}_ms": answer.seconds * 1e3}
        rows.append(row)
        figures.append(figure)
    columns = ("order", "tines 100", "bp over recorded", "ms", "tines 12", "bp over recorded", "ms")
    print_table(
        f"{peers.TINES.title}, {len(market.pools)} pools, warm medians of {RUNS - 1} runs", columns, rows
    )
    (peers.WORK / "tines.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
