"""`rebalance plan` over the recorded mainnet block, as a process, and its JSON replayed step by step."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from router import load_snapshot
from tests.integration.operator import check_document, process

DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(Path(__file__).parents[2] / "../shared/data")))
SNAPSHOT = DATA / "snapshots" / "mainnet-24721407.json.gz"
WETH, USDC = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
USDT, DAI = "0xdac17f958d2ee523a2206206994597c13d831ec7", "0x6b175474e89094c44da98b954eedeac495271d0f"
WBTC, LINK = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", "0x514910771af9ca656af840dff83e8264ecf986ca"
UNI = "0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"
HELD = {WETH: "300", USDC: "400000", USDT: "300000", DAI: "200000", WBTC: "1"}
WIDE = {"max_pool_share_bps": 200_000, "max_price_deviation_bps": 4_000}
"""Its block has little LINK: what is wanted of it takes the pools' price a third up."""
WANTED = {WETH: "0.2", WBTC: "0.3", USDC: "0.2", LINK: "0.15", UNI: "0.15"}


@pytest.mark.skipif(not SNAPSHOT.exists(), reason=f"{SNAPSHOT} is absent")
def test_five_to_five_assets_as_a_process_and_replayed_from_the_json_alone(tmp_path: Path) -> None:
    portfolio = tmp_path / "portfolio.json"
    asked = {"owner": "0x" + "11" * 20, "holdings": HELD, "targets": WANTED}
    portfolio.write_text(json.dumps(asked))
    refused = process("plan", "--snapshot", SNAPSHOT, "--portfolio", portfolio, "--json")
    assert (refused.code, json.loads(refused.stdout)["error"]) == (4, "DepthExceeded")
    portfolio.write_text(json.dumps(asked | {"guards": WIDE}))
    done = process("plan", "--snapshot", SNAPSHOT, "--portfolio", portfolio, "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    check_document(document)

    pools = dict(load_snapshot(SNAPSHOT).pool_by_address)
    after = defaultdict(int, {token: int(raw) for token, raw in document["holdings_before"].items()})
    for step in document["steps"]:
        pool, token_in, token_out = step["pool"], step["token_in"], step["token_out"]
        received, pools[pool] = pools[pool].swap(token_in, token_out, int(step["amount_in"]))
        assert received == int(step["amount_out"])
        after[token_in] -= int(step["amount_in"])
        after[token_out] += received
    assert all(raw >= 0 for raw in after.values())
    assert {token: raw for token, raw in after.items() if raw} == {
        token: int(raw) for token, raw in document["holdings_after"].items() if int(raw)
    }
