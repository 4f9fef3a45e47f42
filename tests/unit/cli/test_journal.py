"""What `plan` tells a trigger's journal of what was in flight there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from router.cli.journal import ending
from router.cli.main import run
from router.documents.snapshot_file import save_snapshot
from router.errors import GuardRefused, InputError, RpcFailure, StalePrice
from router.strategy.journal import End
from router.trigger_journal import open_journal, replay_journal
from router.wire import EncodingError
from tests import markets
from tests.markets import v2

DEEP = [v2(0, "USD", "ETH", 5e7), v2(1, "USD", "BTC", 5e7)]


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """Of a portfolio whose trigger has fired."""
    save_snapshot(markets.snapshot(DEEP), tmp_path / "market.json")
    owner = {
        "owner": markets.OWNER,
        "gas_price_gwei": "0",
        "holdings": {"USD": "100000"},
        "targets": {"ETH": "0.5", "USD": "0.5"},
    }
    (tmp_path / "portfolio.json").write_text(json.dumps(owner))
    names = {"snapshot": "market.json", "portfolio": "portfolio.json", "journal": "trigger.jsonl"}
    flags = [word for flag, name in names.items() for word in (f"--{flag}", str(tmp_path / name))]
    assert run(["status", *flags, "--json"]) == 0
    assert ends(tmp_path) == []
    return flags


def ends(folder: Path) -> list[str]:
    with open_journal(folder / "trigger.jsonl") as journal:
        return [line.ending.value for line in journal.lines if isinstance(line, End)]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (StalePrice("the price of ETH is old", token="ETH", found=2, limit=1), 4, ["failed"]),
        (RpcFailure("no answer"), 6, []),
    ],
)
def test_what_is_refused_while_the_chain_is_read_has_failed_and_a_node_s_failure_has_not(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flags: list[str],
    error: Exception,
    code: int,
    told: list[str],
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("router.cli.trade.read_both", refused)
    assert run(["plan", *flags, "--json"]) == code
    assert ends(tmp_path) == told


def test_a_plan_that_nothing_can_send_has_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: list[str]
) -> None:
    def encode(_: object) -> bytes:
        raise EncodingError("has no wire form")

    monkeypatch.setattr("router.rebalancer.encode", encode)
    assert run(["plan", *flags, "--json"]) == 0
    assert ends(tmp_path) == ["failed"]


def test_a_plan_that_can_be_sent_leaves_it_in_flight(tmp_path: Path, flags: list[str]) -> None:
    assert run(["plan", *flags, "--json"]) == 0
    assert ends(tmp_path) == []


@pytest.mark.parametrize("begun", [False, True])
def test_a_journal_without_a_look_hears_of_no_end_and_is_not_begun_by_one(
    tmp_path: Path, begun: bool
) -> None:
    path = tmp_path / "trigger.jsonl"
    if begun:
        path.touch()
    with pytest.raises(InputError, match=r"trigger\.jsonl: holds no look yet"), ending(path, "eip155:1:0x"):
        pytest.fail("the rebalance was begun")
    assert path.exists() == begun


def test_an_old_plan_that_is_sent_again_completes_nothing_new(tmp_path: Path, flags: list[str]) -> None:
    path, account = tmp_path / "trigger.jsonl", f"eip155:1:{markets.OWNER}"
    for transaction in ("0xaa", "0xaa", "0xbb"):
        with ending(path, account) as landed:
            landed(transaction)
        assert run(["status", *flags, "--json"]) == 0
    with open_journal(path) as journal:
        told = [
            line.transaction if isinstance(line, End) else line.decision.reason.value
            for line in journal.lines
        ]
    assert told == ["fired", "0xaa", "fired", "in_flight", "0xbb", "fired"]
    assert [found.differences for found in replay_journal(path)] == [()] * 6


def test_the_transaction_that_completed_a_rebalance_is_told(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trigger.jsonl"
    with ending(path, f"eip155:1:{markets.OWNER}") as landed:
        landed("0xaa")
    capsys.readouterr()
    assert run(["replay", str(path), "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [line["transaction"] for line in lines] == [None, "0xaa"]


def test_a_disk_that_is_full_once_a_rebalance_has_landed_tells_of_no_failure(
    tmp_path: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def send() -> None:
        with ending(tmp_path / "trigger.jsonl", f"eip155:1:{markets.OWNER}") as landed:
            landed("0xaa")
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(GuardRefused, match="No space left"):
        send()
    assert ends(tmp_path) == []


def test_a_plan_of_another_portfolio_ends_nothing(tmp_path: Path, flags: list[str]) -> None:
    portfolio = tmp_path / "portfolio.json"
    portfolio.write_text(portfolio.read_text().replace(markets.OWNER, "0x" + "1e" * 20))
    assert run(["plan", *flags, "--json"]) == 2
    assert ends(tmp_path) == []
