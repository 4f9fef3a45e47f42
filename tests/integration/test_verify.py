"""`rebalance verify`: what an outsider needs to check a plan, and what it says of one that was touched."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router.certificate import verify
from router.documents.snapshot_file import load_snapshot
from router.fixed_point import WAD
from router.planner import plan
from router.portfolio import Portfolio
from tests.integration.operator import Run, rebalance

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKET = EXAMPLES / "market.json"
DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(Path(__file__).parents[2] / "../shared/data")))
SNAPSHOT = DATA / "snapshots" / "mainnet-24721407.json.gz"
PEERS = DATA / "fynd" / "peers.json"
OWNER = "0x" + "11" * 20
GAP_BPS = 0.05
"""Between exact integers and the bound where gas is free."""


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    run = rebalance("plan", "--snapshot", MARKET, "--portfolio", EXAMPLES / "portfolio.toml", "--out", path)
    assert run.code == 0, run.stderr
    return path


def verified(path: Path, market: Path = MARKET) -> Run:
    return rebalance("verify", path, "--snapshot", market, "--json")


def touched(plan_file: Path, folder: Path, **changes: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(json.loads(plan_file.read_text()) | changes))
    return path


def test_a_plan_s_certificate_holds_without_a_node(plan_file: Path) -> None:
    run = verified(plan_file)
    assert run.code == 0, run.stderr
    document, plan = run.document, json.loads(plan_file.read_text())
    assert document["schema"] == "rebalance-verification/1"
    assert document["holds"]
    assert document["value"] <= document["upper_bound"]
    assert document["net_value"] <= document["net_bound"] <= document["upper_bound"]
    assert document["gap_bps"] == pytest.approx(plan["gap_bps"], abs=1e-5)
    assert document["arbitrage"] == pytest.approx(plan["arbitrage"], abs=1e-9 * plan["value_before"])
    assert document["pools"] + document["pools_left_out"] == len(json.loads(MARKET.read_text())["pools"])
    assert document["exclusions"] == plan["excluded"]
    assert document["excluded"] == len(plan["excluded"])


def test_people_see_every_check_and_the_bounds(plan_file: Path) -> None:
    run = rebalance("verify", plan_file, "--snapshot", MARKET)
    assert run.code == 0
    assert "FAILED" not in run.stdout
    assert "most net of gas" in run.stdout
    assert "the certificate holds" in run.stderr


@pytest.mark.parametrize(
    ("field", "check"),
    [
        ("upper_bound", "upper bound"),
        ("net_bound", "net bound"),
        ("value_after", "value after"),
        ("gap_bps", "gap"),
    ],
)
def test_a_figure_that_was_touched_is_exit_code_4(
    plan_file: Path, tmp_path: Path, field: str, check: str
) -> None:
    told = json.loads(plan_file.read_text())[field]
    run = verified(touched(plan_file, tmp_path, **{field: told * 0.999 - 0.001}))
    assert run.code == 4
    assert [each["name"] for each in run.document["checks"] if not each["ok"]] == [check]
    assert check in run.stderr


@pytest.mark.parametrize(
    ("field", "check"),
    [
        ("dual_prices", "upper bound"),
        ("net_dual_prices", "net bound"),
        ("arbitrage_prices", "arbitrage"),
    ],
)
def test_prices_of_another_plan_are_exit_code_4(
    plan_file: Path, tmp_path: Path, field: str, check: str
) -> None:
    plan = json.loads(plan_file.read_text())
    prices, first = plan[field], max(plan["holdings_before"], key=lambda token: token in plan["targets"])
    run = verified(touched(plan_file, tmp_path, **{field: prices | {first: prices[first] * 1.01}}))
    assert run.code == 4
    assert check in run.stderr


def test_a_swap_in_a_direction_left_out_is_exit_code_4(plan_file: Path, tmp_path: Path) -> None:
    step = next(each for each in json.loads(plan_file.read_text())["steps"] if "pool" in each)
    gone = {key: step[key] for key in ("pool", "token_in", "token_out")} | {"reason": "mispriced"}
    run = verified(touched(plan_file, tmp_path, excluded=[gone]))
    assert run.code == 4
    assert "exclusions" in run.stderr
    assert run.document["exclusions"][0]["reason"] == "mispriced"


def test_a_snapshot_of_another_state_is_exit_code_4(plan_file: Path, tmp_path: Path) -> None:
    market = json.loads(MARKET.read_text())
    market["block_number"] += 1
    other = tmp_path / "market.json"
    other.write_text(json.dumps(market))
    run = verified(plan_file, other)
    assert run.code == 4
    assert [check["name"] for check in run.document["checks"] if not check["ok"]] == ["snapshot"]


@pytest.mark.parametrize("field", ["upper_bound", "tolerance_bps"])
def test_a_plan_without_a_certificate_is_exit_code_2(plan_file: Path, tmp_path: Path, field: str) -> None:
    run = verified(touched(plan_file, tmp_path, **{field: None}))
    assert run.code == 2
    assert "no certificate" in run.stderr


@pytest.mark.skipif(not SNAPSHOT.exists(), reason=f"{SNAPSHOT} is absent")
def test_mainnet_orders_and_baskets_reach_their_bound() -> None:
    market, recorded = load_snapshot(SNAPSHOT), json.loads(PEERS.read_text())
    uses = Counter(token for pool in market.pools for token in pool.tokens)
    named = sorted(market.tokens.values(), key=lambda token: (uses[token.address], token.address))
    tokens = {token.symbol: token for token in named}
    allowed = frozenset(tokens[name].address for name in recorded["tokens"])
    asked = [({order["sell"]: order["amount"]}, {order["buy"]: 1}) for order in recorded["orders"]]
    asked += [(basket["holdings"], basket["targets"]) for basket in recorded["baskets"]]
    for held, wanted in asked:
        portfolio = Portfolio(
            OWNER,
            {
                tokens[name].address: int(Decimal(text) * 10 ** tokens[name].decimals)
                for name, text in held.items()
            },
            {tokens[name].address: int(Decimal(str(weight)) * WAD) for name, weight in wanted.items()},
            allow_tokens=allowed,
            gas_price_wei=0,
        )
        checked = verify(plan(market, portfolio), market, "")
        assert checked.holds, checked.findings
        assert 0 <= checked.gap_bps < GAP_BPS
        costly = replace(portfolio, gas_price_wei=10**10)
        net = verify(plan(market, costly), market, "")
        assert net.holds, net.findings
        assert net.net_value <= net.net_bound < net.upper_bound
