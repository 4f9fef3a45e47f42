"""No trade into a broken market, from the command line and on a chain, unless told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.documents.snapshot_file import save_snapshot
from router.localnet import Localnet
from router.strategy.feeds import OVERRULED
from tests import markets
from tests.integration.operator import Workspace, rebalance
from tests.markets import token, v2

DEEP = [v2(0, "USD", "ETH", 5e7), v2(1, "USD", "BTC", 5e7)]
Files = Callable[..., tuple[str, ...]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Writes a market and a portfolio; the flags that name them."""

    def write(eth: str = "2000", pools: Any = DEEP, **guards: Any) -> tuple[str, ...]:
        market = markets.snapshot(pools)
        save_snapshot(replace(market, prices={**market.prices, token("ETH"): eth}), tmp_path / "market.json")
        owner = {
            "owner": markets.OWNER,
            "gas_price_gwei": "0",
            "max_cost_bps": 10_000,
            "holdings": {"USD": "100000"},
            "targets": {"ETH": "0.5", "USD": "0.5"},
            "guards": guards,
        }
        (tmp_path / "portfolio.json").write_text(json.dumps(owner))
        folder = str(tmp_path)
        return "--snapshot", f"{folder}/market.json", "--portfolio", f"{folder}/portfolio.json"

    return write


def test_a_price_that_the_pools_deny_is_refused_and_nothing_is_saved(files: Files, tmp_path: Path) -> None:
    out, saved, page = tmp_path / "plan.json", tmp_path / "again.json", tmp_path / "plan.html"
    flags = (*files("1930"), "--out", out, "--save-snapshot", saved, "--report", page)
    done = rebalance("plan", *flags, "--json")
    assert done.code == 4
    assert done.document["error"] == "SourcesDisagree"
    assert "2000 by the pools" in done.document["message"]
    assert not any(path.exists() for path in (out, saved, page))

    told = rebalance("plan", *flags, "--json", "--trade-broken-market")
    assert told.code == 0, told.stderr
    for plan in (told.document, json.loads(out.read_text())):
        (note,) = [each for each in plan["notes"] if each.startswith(OVERRULED)]
        assert "SourcesDisagree: the price of ETH" in note


def test_a_trade_too_large_for_its_pool_is_refused_unless_the_file_or_the_flag_says_so(files: Files) -> None:
    small = [v2(0, "USD", "ETH", 1e6)]
    refused = rebalance("plan", *files(pools=small), "--json")
    assert (refused.code, refused.document["error"]) == (4, "DepthExceeded")
    assert "more than 20000" in refused.document["message"]
    wide = files(pools=small, max_pool_share_bps=100_000, max_price_deviation_bps=2_000)
    allowed = rebalance("plan", *wide, "--json")
    assert allowed.code == 0, allowed.stderr
    assert not [note for note in allowed.document["notes"] if note.startswith(OVERRULED)]
    told = rebalance("plan", *files(pools=small), "--trade-broken-market", "--json").document
    names = [note.removeprefix(OVERRULED).partition(":")[0] for note in told["notes"] if OVERRULED in note]
    assert names == ["DepthExceeded", "PoolAwayFromOracle"]


def test_prices_that_jumped_since_the_journals_last_look_stop_status_and_plan(
    files: Files, tmp_path: Path
) -> None:
    journal = ("--journal", tmp_path / "trigger.jsonl")
    first = rebalance("plan", *files(), *journal, "--json")
    assert (first.code, first.document["error"]) == (2, "InputError")
    assert "`status --journal` begins it" in first.document["message"]
    assert rebalance("status", *files(), *journal, "--json").code == 0
    assert rebalance("plan", *files(), *journal, "--json").code == 0

    fallen = files("1400", pools=[v2(0, "USD", "ETH", 5e7, skew=0.7), DEEP[1]])
    assert rebalance("plan", *fallen, "--json").code == 0
    for command in ("plan", "status"):
        refused = rebalance(command, *fallen, *journal, "--json")
        assert (refused.code, refused.document["error"]) == (4, "PriceJumped")
        assert "4286 bp above the other, and 3000 are allowed" in refused.document["message"]
        told = rebalance(command, *fallen, *journal, "--trade-broken-market", "--json")
        assert told.code == 0, told.stderr
        assert any(OVERRULED in note and "PriceJumped" in note for note in told.document["notes"])
    assert rebalance("plan", *fallen, *journal, "--json").code == 0
    replayed = rebalance("replay", journal[1], "--json").document
    assert replayed["holds"]
    assert [line["what"] for line in replayed["lines"]] == ["fired", "failed", "held"]


def test_a_plan_that_holds_declines_what_its_trigger_fired(files: Files, tmp_path: Path) -> None:
    journal = ("--journal", tmp_path / "trigger.jsonl")
    assert rebalance("status", *files(), *journal, "--json").document["verdict"] == "trade"
    flags = files()
    (path,) = tmp_path.glob("portfolio.json")
    held = json.loads(path.read_text()) | {"holdings": {"USD": "50000", "ETH": "25"}}
    path.write_text(json.dumps(held))
    assert rebalance("plan", *flags, *journal, "--json").code == 3
    assert rebalance("plan", *flags, *journal, "--json").code == 3
    told = [line["what"] for line in rebalance("replay", journal[1], "--json").document["lines"]]
    assert told == ["fired", "declined"]


def wait(net: Localnet, seconds: int) -> None:
    head = net.rpc.call("eth_getBlockByNumber", "latest", False)
    net.rpc.call("evm_setNextBlockTimestamp", int(head["timestamp"], 16) + seconds)
    net.mine()


def deploy_uptime_feed(net: Localnet) -> str:
    """A contract with the reading side of an uptime feed; it answers that the sequencer is up, since now."""
    deployer = net._queue(net.roles.deployer)
    feed = deployer.create(net.artifacts.own("LocalPriceFeed"), "(string,int256)", "sequencer", 0)
    deployer.flush()
    return feed


def answer(net: Localnet, feed: str, state: int) -> None:
    deployer = net._queue(net.roles.deployer)
    deployer.send(feed, "setAnswer(int256)", state)
    deployer.flush()


def deployment_with(workspace: Workspace, **changes: Any) -> tuple[str, Path]:
    path = workspace.folder / "guarded.json"
    deployment = {**workspace.net.deployment, **changes}
    path.write_text(json.dumps(deployment))
    return "--deployment", path


def test_a_sequencer_that_is_down_or_only_just_back_stops_every_plan(workspace: Workspace) -> None:
    net = workspace.net
    feed = deploy_uptime_feed(net)
    flags = deployment_with(workspace, sequencer_feed=feed, sequencer_grace_s=1_800)
    young = workspace.run("plan", *flags, "--json")
    assert (young.code, young.document["error"]) == (4, "SequencerDown")
    assert "less than 1800" in young.document["message"]
    wait(net, 1_801)
    ready = workspace.run("plan", *flags, "--json")
    assert ready.code == 0, ready.stderr

    answer(net, feed, 1)
    down = workspace.run("plan", *flags, "--out", workspace.plan_file, "--json")
    assert (down.code, down.document["error"]) == (4, "SequencerDown")
    assert not workspace.plan_file.exists()
    told = workspace.run("plan", *flags, "--trade-broken-market", "--json")
    assert told.code == 0, told.stderr
    assert any(OVERRULED in note and "SequencerDown" in note for note in told.document["notes"])
    assert not any(OVERRULED in note for note in ready.document["notes"])


def test_each_feed_is_held_to_its_own_heartbeat(workspace: Workspace) -> None:
    net = workspace.net
    net.refresh_feeds()
    first, *others = net.deployment["tokens"]
    flags = deployment_with(workspace, tokens=[{**first, "heartbeat_s": 3_600}, *others])
    wait(net, 4_000)
    assert workspace.run("status", "--json").code == 0
    stale = workspace.run("plan", *flags, "--json")
    assert (stale.code, stale.document["error"]) == (4, "StalePrice")
    assert f"the price of {first['symbol']} from feed {first['feed']}" in stale.document["message"]
    assert "more than 3600" in stale.document["message"]
    assert "; " not in stale.document["message"]
    net.refresh_feeds()
    assert workspace.run("plan", *flags, "--json").code == 0
