"""`rebalance bands`: its figures, its files, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from router.cli.main import run
from router.documents.schemas import export_schemas
from router.documents.snapshot_file import save_snapshot
from router.fixed_point import BPS
from tests.markets import raw, snapshot, token, v2

SCHEMA = export_schemas()["bands"]
PORTFOLIO = """
schema = "rebalance-portfolio/1"
owner = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
numeraire = "USD"
gas_price_gwei = "10"

[targets]
ETH = "0.5"
BTC = "0.2"
USD = "0.3"
"""


def rows_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run(["bands", "--json", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["bands", "--json", *arguments]) == 2
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A market of two pools, and a portfolio without holdings."""
    pools = [v2(0, "USD", "ETH", 2e6), v2(1, "USD", "BTC", 2e6), v2(2, "ETH", "BTC", 1e6)]
    save_snapshot(snapshot(pools), tmp_path / "market.json")
    (tmp_path / "portfolio.toml").write_text(PORTFOLIO)
    return ["--snapshot", str(tmp_path / "market.json"), "--portfolio", str(tmp_path / "portfolio.toml")]


def test_the_default_grid_is_the_published_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(capsys)
    found = [(row["nav"], round(row["trigger"], 4), round(row["landing"], 4)) for row in rows]
    assert found == [
        (1e4, 0.1687, 0.0063),
        (1e5, 0.1018, 0.0157),
        (1e6, 0.0700, 0.0275),
        (1e7, 0.0562, 0.0361),
    ]
    assert [round(row["target_objective_bps"], 1) for row in rows] == [94.8, 39.9, 27.1, 25.2]


def test_a_grid_has_a_row_for_every_combination(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(
        capsys,
        *("--nav", "1e5,1e6", "--gas", "5,50,0", "--volatility", "0.4,0.8", "--weight", "WETH=0.3,WBTC=0.2"),
    )
    assert len(rows) == 2 * 3 * 2 * 2
    widths = {(row["asset"], row["nav"], row["gas"]): set() for row in rows}
    for row in rows:
        widths[row["asset"], row["nav"], row["gas"]].add((row["trigger"], row["landing"]))
    assert all(len(each) == 1 for each in widths.values())  # the volatility changes no width
    assert all(row["trades_per_year"] is None for row in rows if row["gas"] == 0)


def test_a_tracking_error_is_kept_at_any_volatility(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(capsys, "--tracking-error", "0.02", "--volatility", "0.4,0.8", "--nav", "1e6")
    assert [row["tracking_error"] for row in rows] == pytest.approx([0.02, 0.02])
    assert rows[0]["trigger"] > rows[1]["trigger"]


def test_gas_may_be_given_by_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = rows_of(
        capsys,
        *("--gas-gwei", "10", "--gas-units", "500000", "--native-price", "2000", "--nav", "1e6"),
    )
    assert row["gas"] == pytest.approx(10.0)


def test_a_portfolio_pays_the_costs_of_its_pools(
    capsys: pytest.CaptureFixture[str], files: list[str]
) -> None:
    rows = rows_of(capsys, *files, "--nav", "1e4,1e6")
    assert [row["asset"] for row in rows] == ["ETH", "BTC", "USD"] * 2
    small, large = rows[0], rows[3]
    assert 30 < small["fee_bps"] < 60  # a fee of 30 bp on each risky side
    assert large["fee_bps"] > small["fee_bps"] + 10  # impact
    assert large["gas"] >= small["gas"] > 0  # more pools are worth their gas
    assert small["landing"] < large["landing"]
    assert small["trigger"] > large["trigger"]


def test_a_portfolio_s_fee_is_what_its_pool_takes_of_the_trade_that_a_band_makes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pool = v2(0, "USD", "ETH", 2e6)
    save_snapshot(snapshot([pool]), tmp_path / "market.json")
    owner = PORTFOLIO[: PORTFOLIO.index("[targets]")] + '[targets]\nETH = "0.5"\nUSD = "0.5"\n'
    (tmp_path / "portfolio.toml").write_text(owner)
    given = ("--snapshot", str(tmp_path / "market.json"), "--portfolio", str(tmp_path / "portfolio.toml"))
    for nav in (3e4, 2e5, 1e6):
        row = rows_of(capsys, *given, "--nav", str(nav))[0]
        size = (row["trigger"] - row["landing"]) * nav
        dollars, ethers = raw("USD", size), raw("ETH", size)
        least = 1 - pool.quote_exact_in(token("USD"), token("ETH"), dollars) / ethers
        most = pool.quote_exact_out(token("USD"), token("ETH"), ethers) / dollars - 1
        assert least * 0.999 <= row["fee_bps"] / BPS <= most * 1.005


def test_a_portfolio_s_gas_follows_its_price(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    rows = rows_of(capsys, *files, "--nav", "1e5", "--gas-gwei", "0,5,20")
    assert [row["gas"] for row in rows[::3]] == pytest.approx([0.0, rows[3]["gas"], 4 * rows[3]["gas"]])


def test_volatilities_may_be_given_by_asset(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    arguments = (*files, "--nav", "1e5", "--volatility")
    rows = rows_of(capsys, *arguments, "ETH=0.8,BTC=0.0")
    assert rows[0]["volatility"] == pytest.approx(0.8)
    found = refusal(capsys, *arguments, "ETH=0.8,BCT=0.6")
    assert (found["path"], found["nearest"]) == ("volatility", "BTC")
    assert refusal(capsys, *arguments, "ETH=0.8")["message"] == "BTC has none"


def test_the_table_names_what_the_distances_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bands", "--weight", "0.02", "--nav", "1e3"]) == 0
    printed = capsys.readouterr()
    assert "|weight - target|" in printed.out
    assert "can't drift to the trigger on both sides" in printed.err


def test_risks_are_those_of_the_portfolio_s_discipline_where_no_flag_says_otherwise(
    capsys: pytest.CaptureFixture[str], files: list[str]
) -> None:
    same = ["--volatility", "ETH=0.9,BTC=0.4", "--correlation", "0.5", "--gamma", "7"]
    given = rows_of(capsys, *files, "--nav", "1e5", *same)
    table = """
[discipline]
risk_aversion = 7
correlation = "0.5"
[discipline.volatility]
ETH = "0.9"
BTC = "0.4"
"""
    Path(files[3]).write_text(PORTFOLIO + table)
    assert rows_of(capsys, *files, "--nav", "1e5") == given
    assert run(["bands", *files, "--nav", "1e5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["risk_aversion"] == 7.0
    Path(files[3]).write_text(PORTFOLIO + table.replace('BTC = "0.4"', ""))
    assert refusal(capsys, *files, "--nav", "1e5")["path"] == "discipline.volatility.BTC"
    flat = rows_of(capsys, *files, "--nav", "1e5", "--volatility", "0.8", "--gamma", "3")
    assert [row["trigger"] for row in flat] != [row["trigger"] for row in given]
    Path(files[3]).write_text(PORTFOLIO)
    assert flat == rows_of(capsys, *files, "--nav", "1e5")


@pytest.mark.parametrize("name", ["bands.png", "bands.html"])
def test_a_plot_is_the_same_for_the_same_grid(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    drawn = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        rows_of(capsys, "--weight", "WETH=0.5,WBTC=0.2", "--plot", str(tmp_path / folder / name))
        drawn.append((tmp_path / folder / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(b"\x89PNG" if name.endswith("png") else b"<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "path", "nearest"),
    [
        (["--weight", "30"], "weight", "0.3"),
        (["--weight", "WETH=0"], "weight.WETH", None),
        (["--weight", "0.5,0.5"], "weight", None),
        (["--nav", "1e5,x"], "nav", None),
        (["--nav", "0"], "nav", None),
        (["--nav", "1e5,1e5"], "nav", None),
        (["--gas", "-1"], "gas", None),
        (["--gas", "1", "--gas-gwei", "2"], "gas", None),
        (["--gas-gwei", "2"], "gas-units", None),
        (["--gas-units", "2"], "gas-units", None),
        (["--volatility", "nan"], "volatility", None),
        (["--volatility", "80"], "volatility", None),
        (["--tracking-error", "2"], "tracking-error", None),
        (["--volatility", "0", "--tracking-error", "0.02"], "volatility", None),
        (["--tracking-error", "0"], "tracking-error", None),
        (["--gamma", "0"], "gamma", None),
        (["--fee-bps", "-1"], "fee-bps", None),
        (["--plot", "bands.pgn"], "plot", ".png"),
        (["--plot", "no/such/folder/bands.png"], "no/such/folder", None),
        (["--snapshot", "market.json"], "snapshot", None),
        (["--portfolio", "p.toml", "--snapshot", "s.json", "--volatility", "ETH=80"], "volatility", None),
        (["--portfolio", "p.toml", "--snapshot", "s.json", "--fee-bps", "5"], "fee-bps", None),
        (["--portfolio", "p.toml", "--snapshot", "s.json", "--correlation", "2"], "correlation", None),
    ],
)
def test_bad_flags_are_refused_with_their_place(
    capsys: pytest.CaptureFixture[str], arguments: list[str], path: str, nearest: str | None
) -> None:
    found = refusal(capsys, *arguments)
    assert (found["error"], found["path"], found["nearest"]) == ("InputError", path, nearest)


def test_correlations_that_no_returns_have_are_refused(
    capsys: pytest.CaptureFixture[str], files: list[str]
) -> None:
    assert rows_of(capsys, *files, "--nav", "1e5", "--correlation", "-1")[0]["volatility"] > 0
    (Path(files[3])).write_text(PORTFOLIO.replace('USD = "0.3"', 'USD = "0.1"\nGOV = "0.2"'))
    assert refusal(capsys, *files, "--nav", "1e5", "--correlation", "-0.9")["path"] == "correlation"


def test_a_portfolio_without_holdings_needs_a_value(
    capsys: pytest.CaptureFixture[str], files: list[str]
) -> None:
    assert refusal(capsys, *files)["path"] == "nav"
