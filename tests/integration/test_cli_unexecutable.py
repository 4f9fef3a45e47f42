"""Recorded pools may be known by their address alone: their plans are made, shown and verified, and have no
payload."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.documents.snapshot_file import save_snapshot
from tests import markets
from tests.integration.operator import rebalance
from tests.markets import token, v2, weighted

DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(Path(__file__).parents[2] / "../shared/data")))
RECORDED = DATA / "snapshots" / "balancer-1280.json.gz"
WHY = "this plan cannot be executed: "


def portfolio(folder: Path, held: dict[str, str], wanted: dict[str, str]) -> Path:
    path = folder / "portfolio.json"
    path.write_text(
        json.dumps(
            {
                "schema": "rebalance-portfolio/1",
                "owner": markets.OWNER,
                "gas_price_gwei": "20",
                "holdings": held,
                "targets": wanted,
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A snapshot whose Balancer pool has no whole id, and a portfolio that needs that pool."""
    folder = tmp_path_factory.mktemp("unexecutable")
    pool = weighted(0, {"USD": 40, "ETH": 40, "BTC": 20}, 4e7)
    market = markets.snapshot([replace(pool, pool_id=pool.address), v2(1, "USD", "ETH", 1e5)])
    save_snapshot(market, folder / "market.json")
    wanted = {token("ETH"): "0.7", token("BTC"): "0.3"}
    return folder / "market.json", portfolio(folder, {token("USD"): "100000"}, wanted)


@pytest.fixture(scope="module")
def plan_file(case: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    done = rebalance("plan", "--snapshot", case[0], "--portfolio", case[1], "--out", path)
    assert done.code == 0, done.stderr
    assert WHY in done.stderr
    assert "pool_id" in done.stderr
    return path


def test_plan_has_no_payload_and_a_note_that_names_why(case: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    done = rebalance("plan", "--snapshot", case[0], "--portfolio", case[1], "--json", "--report", page)
    assert done.code == 0, done.stderr
    plan = done.document
    assert plan["verdict"] == "trade"
    assert plan["payload"] is None
    assert plan["bounds"]["tokens"]
    assert plan["gas_estimate"] > 150_000
    notes = [note for note in plan["notes"] if note.startswith(WHY)]
    assert len(notes) == 1
    assert markets.address(0) in notes[0]
    assert "cannot be executed" in page.read_text()


def test_verify_replays_its_swaps_and_says_what_it_cannot(plan_file: Path, case: tuple[Path, Path]) -> None:
    done = rebalance("verify", plan_file, "--snapshot", case[0], "--json")
    assert done.code == 0, done.stderr
    assert done.document["holds"]
    (check,) = [each for each in done.document["checks"] if each["name"] == "replay"]
    assert "every amount equal" in check["found"]
    assert "no payload" in check["found"]


@pytest.mark.parametrize("figure", ["amount_in", "amount_out"])
def test_verify_finds_an_amount_that_was_touched(
    plan_file: Path, case: tuple[Path, Path], tmp_path: Path, figure: str
) -> None:
    plan: dict[str, Any] = json.loads(plan_file.read_text())
    plan["steps"][0][figure] = str(int(plan["steps"][0][figure]) + 1)
    touched = tmp_path / "plan.json"
    touched.write_text(json.dumps(plan))
    done = rebalance("verify", touched, "--snapshot", case[0], "--json")
    assert done.code == 4
    assert [each["name"] for each in done.document["checks"] if not each["ok"]] == ["replay"]


def test_verify_finds_an_unknown_pool(plan_file: Path, case: tuple[Path, Path], tmp_path: Path) -> None:
    plan: dict[str, Any] = json.loads(plan_file.read_text())
    plan["steps"][0]["pool"] = markets.address(99)
    touched = tmp_path / "plan.json"
    touched.write_text(json.dumps(plan))
    done = rebalance("verify", touched, "--snapshot", case[0], "--json")
    assert done.code == 4
    assert "replay" in [each["name"] for each in done.document["checks"] if not each["ok"]]


@pytest.mark.parametrize("command", ["simulate", "send", "decode"])
def test_what_needs_the_payload_refuses_and_says_why(plan_file: Path, command: str) -> None:
    node = ("--rpc", "http://127.0.0.1:1", "--deployment", "mainnet")
    yes = ("--yes",) if command == "send" else ()
    done = rebalance(command, plan_file, *node, *yes, "--json")
    assert done.code == 2
    assert WHY in done.document["message"]
    assert "pool_id" in done.document["message"]


@pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is absent")
def test_recorded_balancer_pools_are_planned_over_and_verified(tmp_path: Path) -> None:
    weth, dai = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "0x6b175474e89094c44da98b954eedeac495271d0f"
    wbtc, bal = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", "0xba100000625a3754423978a60c9317c58a424e3d"
    asked = portfolio(tmp_path, {weth: "100", dai: "50000"}, {weth: "0.5", wbtc: "0.3", bal: "0.2"})
    path = tmp_path / "plan.json"
    done = rebalance("plan", "--snapshot", RECORDED, "--portfolio", asked, "--out", path, "--json")
    assert done.code == 0, done.stderr
    assert done.document["payload"] is None
    checked = rebalance("verify", path, "--snapshot", RECORDED, "--json")
    assert checked.code == 0, checked.stderr
    assert checked.document["holds"]
