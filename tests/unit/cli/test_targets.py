"""`rebalance targets`: its table, its document, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.cli.main import group
from router.documents.portfolio_file import load_portfolio_file
from router.documents.snapshot_file import load_snapshot
from router.strategy.target_rules import RULES
from tests.unit.cli.commands import document_of, refusal
from tests.unit.price_files import price_file

EXAMPLES = Path(__file__).parents[3] / "examples"
NEEDS = {
    "market_cap": ("--capitals", "WETH=4e11,WBTC=2e12"),
    "volatility_target": ("--volatility", "0.3"),
}


def arguments(prices: str, rule: str, *more: str) -> list[str]:
    columns = ("--columns", "WETH=ETH_close,WBTC=BTC_close")
    return ["targets", "--prices", prices, *columns, "--rule", rule, *NEEDS.get(rule, ()), *more]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_prints_a_table_that_sums_to_exactly_one(prices: str, rule: str) -> None:
    words = arguments(prices, rule, "--cash-asset", "USDC", "--cash-weight", "0.1")
    done = CliRunner().invoke(group, words, catch_exceptions=False)
    table = tomllib.loads(done.stdout)["targets"]
    assert list(table) == ["WETH", "WBTC", "USDC"]
    assert sum(map(Decimal, table.values())) == 1
    assert all(-Decimal(text).as_tuple().exponent <= 4 for text in table.values())
    assert "of the risk" in done.stderr


def test_document_has_volatility_and_risk_of_the_targets(prices: str) -> None:
    found = document_of(arguments(prices, "risk_parity", "--cash-asset", "USDC", "--cash-weight", "0.25"))
    assert found["schema"] == "rebalance-targets/1"
    assert found["targets"]["USDC"] == "0.25"
    assert [round(each["risk"], 3) for each in found["assets"]] == [0.5, 0.5, 0]
    assert found["volatility"] > 0
    assert found["covariance_rows"] == 365


def test_volatility_target_is_reached_on_the_covariance_it_was_asked_on(prices: str) -> None:
    for covariance in ("shrunk", "sample", "forecast"):
        words = arguments(
            prices, "volatility_target", "--cash-asset", "USDC", "--covariance", covariance, "--places", "8"
        )
        assert document_of(words)["volatility"] == pytest.approx(0.3, abs=1e-6)


def test_limits_are_kept_and_cash_has_one_only_where_it_is_named(prices: str) -> None:
    cash = ("--cash-asset", "USDC")
    assert document_of(arguments(prices, "equal", *cash, "--cap", "0.3"))["targets"] == {
        "WETH": "0.3",
        "WBTC": "0.3",
        "USDC": "0.4",
    }
    named = document_of(arguments(prices, "equal", *cash, "--floor", "USDC=0.15", "--cap", "WETH=0.2"))
    assert named["targets"] == {"WETH": "0.2", "WBTC": "0.65", "USDC": "0.15"}
    stepped = document_of(
        arguments(prices, "equal", *cash, "--max-step", "0.05", "--current", "WETH=0.8,USDC=0.2")
    )
    assert stepped["targets"]["WETH"] == "0.75"


def test_both_tables_make_a_portfolio_file(tmp_path: Path) -> None:
    """Pasted below the head of one, with the example prices."""
    prices = ("--prices", str(EXAMPLES / "prices.csv"))
    targets = (
        "targets",
        *prices,
        "--rule",
        "inverse_volatility",
        "--cash-asset",
        "USDC",
        "--cash-weight",
        "0.2",
    )
    tables = [
        CliRunner().invoke(group, words, catch_exceptions=False).stdout
        for words in (targets, ("forecast", *prices, "--model", "ewma"))
    ]
    head = 'owner = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"\n[holdings]\nWETH = "100"\n'
    (tmp_path / "portfolio.toml").write_text("\n".join([head, *tables]))
    market = load_snapshot(EXAMPLES / "market.json")
    file = load_portfolio_file(tmp_path / "portfolio.toml")
    portfolio, discipline = file.resolve(market), file.discipline(market)
    assert discipline is not None
    assert len(discipline.volatility) == 2
    covariance = discipline.covariance(list(portfolio.targets_wad), market.numeraire)
    assert (np.diag(covariance) > 0).sum() == 2


def test_runs_repeat(prices: str) -> None:
    words = arguments(prices, "momentum", "--base", "maximum_diversification")
    assert len({json.dumps(document_of(words)) for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("rule", "more", "error", "text", "nearest"),
    [
        ("risk_party", (), "InputError", "no rule 'risk_party'", "risk_parity"),
        ("equal", ("--columns", "ETH_clos"), "InputError", "no column", "ETH_close"),
        ("equal", ("--cap", "WETHH=0.3"), "InputError", "no asset 'WETHH'", "WETH"),
        ("equal", ("--cap", "0.4"), "InfeasibleWeights", "caps of 2 assets sum to 0.8", None),
        ("equal", ("--floor", "0.6"), "InfeasibleWeights", "floors of 2 assets sum to 1.2", None),
        ("equal", ("--cap", "high"), "InputError", "is not a number", None),
        ("equal", ("--covariance", "shrunken"), "InputError", "no covariance", "shrunk"),
        ("equal", ("--cash-asset", "WETH"), "InputError", "has prices", None),
        ("equal", ("--cash-weight", "0.1"), "InputError", "needs a cash asset", None),
        ("equal", ("--cash-asset", ""), "InputError", "at least 1 character", None),
        ("equal", ("--max-step", "0.1"), "InputError", "goes with step", None),
        ("equal", ("--max-step", "nan", "--current", "WETH=1"), "InputError", "out of range", None),
        ("equal", ("--max-step", "0.1", "--current", "WETH=0.5"), "InputError", "should sum to 1", None),
        ("equal", ("--window", "9"), "InputError", "does nothing under equal", None),
        ("momentum", ("--window", "999"), "InsufficientHistory", "has 419 rows, 999 are needed", None),
        ("momentum", ("--base", "risk-parity"), "InputError", "no rule", "risk_parity"),
        ("market_cap", ("--capitals", "WETH=1"), "InputError", "is missing", None),
        ("volatility_target", (), "InputError", "needs a cash asset", None),
    ],
)
def test_bad_input_is_refused(
    capsys: pytest.CaptureFixture[str],
    prices: str,
    rule: str,
    more: tuple[str, ...],
    error: str,
    text: str,
    nearest: str | None,
) -> None:
    found = refusal(capsys, arguments(prices, rule, *more))
    assert found["error"] == error
    assert text in found["message"]
    assert found["nearest"] == nearest


def test_twins_are_refused_by_rules_that_need_a_covariance(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = price_file(tmp_path / "same.csv")
    rows = path.read_text().splitlines()
    path.write_text(
        "\n".join([rows[0], *(f"{row.rpartition(',')[0]},{row.split(',')[1]}" for row in rows[1:])])
    )
    found = refusal(capsys, arguments(str(path), "minimum_variance", "--covariance", "sample"))
    assert found["error"] == "SingularCovariance"


@pytest.mark.parametrize(
    ("command", "missing"), [("targets", "pandas"), ("targets", "skfolio"), ("forecast", "scipy")]
)
def test_a_missing_library_says_what_to_install(prices: str, command: str, missing: str) -> None:
    """In a process of its own, which has loaded none of them yet."""
    words = [command, "--prices", prices, "--json"]
    words += ["--rule", "risk_parity"] if command == "targets" else ["--model", "ewma"]
    code = f"import sys; sys.modules[{missing!r}] = None; from router.cli.main import run\n"
    code += f"sys.exit(run({words!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "atomic-rebalance[strategy]"' in json.loads(done.stdout)["message"]
