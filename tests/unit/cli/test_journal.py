"""What `plan` tells a trigger's journal of what was in flight there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.cli.journal import ending
from router.cli.main import run
from router.documents.snapshot_file import save_snapshot
from router.errors import InputError, RpcFailure, StalePrice
from router.strategy.journal import End
from router.trigger_journal import open_journal
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


def test_a_plan_of_another_portfolio_ends_nothing(tmp_path: Path, flags: list[str]) -> None:
    portfolio = tmp_path / "portfolio.json"
    portfolio.write_text(portfolio.read_text().replace(markets.OWNER, "0x" + "1e" * 20))
    assert run(["plan", *flags, "--json"]) == 2
    assert ends(tmp_path) == []
