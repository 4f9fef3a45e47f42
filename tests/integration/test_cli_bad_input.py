"""What bad files get: exit code 2, a message that names file and field, and nothing written."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator import COMMAND, Run, rebalance

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKET = EXAMPLES / "market.json"
PORTFOLIO = (EXAMPLES / "portfolio.toml").read_text()
DAI = "0x2000000000000000000000000000000000000002"


@pytest.fixture(scope="module")
def plan_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plan file that is right."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    portfolio = EXAMPLES / "portfolio.toml"
    made = rebalance("plan", "--snapshot", MARKET, "--portfolio", portfolio, "--out", path)
    assert made.code == 0, made.stderr
    return path.read_text()


def refused(run: Run, path: str, said: str, nearest: str | None = None) -> None:
    assert run.code == 2, run.stderr
    document = run.document
    assert document["path"] == path
    assert said in document["message"]
    assert document["nearest"] == nearest
    assert path in run.stderr
    assert "Traceback" not in run.stderr


def planned(folder: Path, *, market: Path = MARKET, portfolio: str | None = None) -> Run:
    """Plans with a portfolio's text; whatever is wrong, neither plan nor snapshot is written."""
    file, out, saved = folder / "portfolio.toml", folder / "plan.json", folder / "saved.json"
    file.write_text(PORTFOLIO if portfolio is None else portfolio)
    before = set(folder.iterdir())
    run = rebalance(
        *("plan", "--snapshot", market, "--portfolio", file),
        *("--out", out, "--save-snapshot", saved, "--json"),
    )
    assert run.code == 0 or set(folder.iterdir()) == before
    return run


@pytest.mark.parametrize(
    ("old", "new", "path", "said", "nearest"),
    [
        ("tolerance_bps", "tolerence_bps", "tolerence_bps", "unknown key", "tolerance_bps"),
        ('WETH = "0.4"', 'WETH = "0.5"', "targets", "weights sum to 1.1, not 1", None),
        ('WETH = "0.4"', 'WETHH = "0.4"', "targets.WETHH", "no token with symbol 'WETHH'", "WETH"),
        ('WETH = "0.4"', 'WETH = "-0.4"', "targets.WETH", "negative", None),
        ('DAI = "0.1"', f'DAI = "0.05"\n{DAI} = "0.05"', f"targets.{DAI}", "same token as DAI", None),
        ('WBTC = "1"', 'WBTC = "0"', "holdings.WBTC", "0 is not more than zero", None),
        ('WBTC = "1"', 'WBTC = "-1"', "holdings.WBTC", "-1 is not more than zero", None),
        ('WBTC = "1"', 'WBTC = "1.000000001"', "holdings.WBTC", "more than the token's 8 decimals", None),
        ('WBTC = "1"', 'WBTC = "one"', "holdings.WBTC", "is not a number", None),
        ('numeraire = "USDC"', 'numeraire = "USDT"', "numeraire", "no token with symbol", "USDC"),
        ('numeraire = "USDC"', 'numeraire = "DAI"', "numeraire", "prices count in USDC", "USDC"),
        ("tolerance_bps = 10", "tolerance_bps = 0.1", "tolerance_bps", "whole number of basis points", None),
        ("tolerance_bps = 10", "chain_id = 10", "chain_id", "snapshot is of chain 1", None),
        ("tolerance_bps = 10", 'settlement = "deliver_first"', "settlement", "deliver-first", None),
        (
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79c8",
            "owner",
            "fails its EIP-55 checksum",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        ),
        ("rebalance-portfolio/1", "rebalance-portfolio/2", "schema", "rebalance-portfolio/1", None),
    ],
)
def test_a_portfolio_field_that_is_wrong(
    old: str, new: str, path: str, said: str, nearest: str | None, tmp_path: Path
) -> None:
    assert old in PORTFOLIO
    run = planned(tmp_path, portfolio=PORTFOLIO.replace(old, new))
    assert run.code == 2, run.stdout
    document = run.document
    assert document["path"] == f"portfolio.toml: {path}"
    assert said in document["message"]
    if nearest:
        assert document["nearest"] == nearest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "owner"),
        ('owner = "0x', "cannot be parsed"),
        ("\x00", "cannot be parsed"),
        (PORTFOLIO + 'DAI = "0.1"\n', "cannot be parsed"),
    ],
    ids=["empty", "truncated", "binary", "twice"],
)
def test_a_portfolio_file_that_is_none(text: str, said: str, tmp_path: Path) -> None:
    run = planned(tmp_path, portfolio=text)
    assert run.code == 2
    assert said in run.stderr
    assert "portfolio.toml" in run.document["path"]


def market_with(change: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    """The example market, with values replaced at their places."""
    document = json.loads(MARKET.read_text())
    for place, value in change.items():
        inner = document
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = value
    return dict(document)


@pytest.mark.parametrize(
    ("place", "value", "path", "said"),
    [
        (("blocknumber",), 1, "blocknumber", "unknown key"),
        (("pools", 0, "reserves", 0), "-5", "pools[0].reserves[0]", "whole number of raw units"),
        (("pools", 0, "reserves", 0), "0", "pools[0].reserves[0]", "more than zero"),
        (("pools", 0, "reserves", 0), 1.5, "pools[0].reserves[0]", "whole number of raw units"),
        (("pools", 3, "liquidity"), "7", "pools[3]", "liquidity is 7"),
        (("pools", 1, "address"), "0xA1A1", "pools[1].address", "is not an address"),
        (("tokens", 0, "decimals"), "6", "tokens[0].decimals", "integer"),
        (("chain_id",), 0, "chain_id", "greater than 0"),
    ],
)
def test_a_snapshot_field_that_is_wrong(
    place: tuple[Any, ...], value: Any, path: str, said: str, tmp_path: Path
) -> None:
    market = tmp_path / "market.json"
    market.write_text(json.dumps(market_with({place: value})))
    run = planned(tmp_path, market=market)
    assert run.code == 2, run.stderr
    assert run.document["path"] == f"market.json: {path}"
    assert said in run.document["message"]


@pytest.mark.parametrize("name", ["market.json", "market.json.gz"])
@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_snapshot_that_is_cut_short(name: str, keep: int, tmp_path: Path) -> None:
    data = MARKET.read_bytes()
    market = tmp_path / name
    market.write_bytes((gzip.compress(data) if name.endswith(".gz") else data)[:keep])
    run = planned(tmp_path, market=market)
    assert run.code == 2
    assert name in run.document["path"]


def test_missing_files_and_folders_for_files(tmp_path: Path) -> None:
    for flag in ("--snapshot", "--portfolio"):
        files = {"--snapshot": MARKET, "--portfolio": EXAMPLES / "portfolio.toml"}
        for wrong, said in ((tmp_path / "absent.json", "no such file"), (tmp_path, "directory")):
            run = rebalance(
                "plan", *(each for pair in (files | {flag: wrong}).items() for each in pair), "--json"
            )
            assert run.code == 2
            assert said in run.document["message"]
            assert str(wrong) in run.stderr


def test_a_token_without_a_pool_names_it(tmp_path: Path) -> None:
    market = tmp_path / "market.json"
    document = market_with({})
    document["tokens"].append({"address": "0x" + "9" * 40, "symbol": "LONE", "decimals": 18, "price": "5"})
    market.write_text(json.dumps(document))
    text = PORTFOLIO.replace('DAI = "0.1"', 'LONE = "0.1"')
    run = planned(tmp_path, market=market, portfolio=text)
    assert (run.code, run.document["error"]) == (2, "Infeasible")
    assert "LONE" in run.document["message"]


def test_a_token_without_a_price_names_it(tmp_path: Path) -> None:
    market = tmp_path / "market.json"
    market.write_text(json.dumps(market_with({("tokens", 2, "price"): None})))
    run = planned(tmp_path, market=market)
    assert run.code == 2
    assert "WBTC" in run.document["message"]


@pytest.mark.parametrize("held", ["20000", "100000"])
def test_a_target_beyond_liquidity_names_the_tokens_and_the_cost(held: str, tmp_path: Path) -> None:
    text = PORTFOLIO.replace('WETH = "100"', f'WETH = "{held}"').replace('WBTC = "0.3"', 'WBTC = "0.7"')
    text = text.replace('WETH = "0.4"', 'WETH = "0.1"').replace('USDC = "0.2"', 'USDC = "0.1"')
    run = planned(tmp_path, portfolio=text)
    assert (run.code, run.document["error"]) == (2, "Infeasible")
    assert "WBTC" in run.document["message"]


def test_a_cost_that_the_portfolio_does_not_allow(tmp_path: Path) -> None:
    run = planned(tmp_path, portfolio=PORTFOLIO.replace("tolerance_bps", "max_cost_bps = 5\ntolerance_bps"))
    assert (run.code, run.document["path"]) == (2, "max_cost_bps")
    assert "5 bp are allowed" in run.document["message"]


def test_a_settlement_that_the_loan_policy_forbids(tmp_path: Path) -> None:
    text = PORTFOLIO.replace("tolerance_bps", 'settlement = "deliver-first"\nloan = "never"\ntolerance_bps')
    run = planned(tmp_path, portfolio=text)
    assert run.code == 2
    assert "loan" in run.document["message"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"payload": "0x01"}, "plan.json: payload"),
        ({"owner": "0x12"}, "plan.json: owner"),
        ({"extra": 1}, "plan.json: extra"),
        ({"chain_id": "1"}, "plan.json: chain_id"),
    ],
)
def test_a_plan_that_was_tampered_with(
    change: dict[str, Any], path: str, plan_text: str, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(json.loads(plan_text) | change))
    for command in ("decode", "simulate", "send"):
        run = rebalance(command, file, *(("--yes",) if command == "send" else ()), "--json")
        assert run.code == 2
        assert run.document["path"].startswith(path)


def test_steps_that_are_not_the_payloads_are_refused(plan_text: str, tmp_path: Path) -> None:
    document = json.loads(plan_text)
    document["steps"][0]["pool"] = "0x" + "77" * 20
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(document))
    run = rebalance("decode", file, "--json")
    assert run.code == 2
    assert "plan.json: steps[0]" in run.document["path"]


@pytest.mark.parametrize(
    "payload", ["0x", "0x0", "0xzz", "0x00", "0x01", "0x" + "ff" * 200, "0x" + "01" * 32]
)
def test_payloads_that_are_none(payload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = rebalance("decode", payload, "--json")
    assert run.code == 2
    assert run.document["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('rcp = "http://x"', "rpc"),
        ('rpc = "$NOT_SET_ANYWHERE"', "NOT_SET_ANYWHERE"),
        ('rpc = "ws://127.0.0.1"', "http://"),
        ('rpc = "http://127.0.0.1"\ndeployment = "mainet"', "mainnet"),
        ('rpc = "http://127.0.0.1"\ndeployment = "deployment.json"', "deployment.json"),
        ("max_fee_gwei = -1", "max_fee_gwei"),
        ("", "--rpc"),
    ],
)
def test_a_config_that_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    config = tmp_path / "rebalance.toml"
    config.write_text(text)
    run = rebalance("pools", "--config", config, "--json")
    assert run.code == 2
    assert run.document["message"]
    assert said in run.stderr


@pytest.mark.parametrize("command", ["pools", "plan", "status"])
def test_flags_that_do_not_exist_are_refused(command: str) -> None:
    run = rebalance(command, "--jsn")
    assert run.code == 2
    assert "--jsn" in run.stderr


# --- where output cannot go ---


def arguments(out: Path) -> tuple[str, ...]:
    portfolio = EXAMPLES / "portfolio.toml"
    return ("plan", "--snapshot", str(MARKET), "--portfolio", str(portfolio), "--out", str(out))


@pytest.mark.parametrize("place", ["absent/plan.json", "file/plan.json", "folder"])
def test_out_in_a_place_that_is_none(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    run = rebalance(*arguments(tmp_path / place), "--json")
    assert run.code == 2
    assert place in run.stderr.replace("\n", "")
    assert json.loads(run.stdout)["schema"] == "rebalance-error/1"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_out_in_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    run = rebalance(*arguments(tmp_path / "plan.json"), "--json")
    tmp_path.chmod(0o700)
    assert run.code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits as Linux has them")
def test_a_full_disk_keeps_the_old_plan_whole(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    out.write_text("the plan of yesterday")
    done = subprocess.run(
        [COMMAND, *arguments(out)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
    )
    assert done.returncode == 2, done.stderr
    assert "plan.json: cannot be written: File too large" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("plan.json", "the plan of yesterday")
    ]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_device_is_written_to_and_stays_one() -> None:
    run = rebalance(*arguments(Path("/dev/full")), "--json")
    assert run.code == 2
    assert "/dev/full: cannot be written: No space left on device" in run.stderr
    assert Path("/dev/full").is_char_device()


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("")
    link.symlink_to(target)
    assert rebalance(*arguments(link)).code == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["schema"] == "rebalance-plan/1"
