"""`status`, `plan` and `stress` on a portfolio file that leaves targets and risks to recorded prices."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.main import group
from tests.unit.cli.commands import document_of, refusal

EXAMPLES = Path(__file__).parents[3] / "examples"
PORTFOLIO = EXAMPLES / "portfolio_live.toml"


def words(command: str, portfolio: Path = PORTFOLIO) -> list[str]:
    return [command, "--snapshot", str(EXAMPLES / "market.json"), "--portfolio", str(portfolio)]


def told(notes: list[str], start: str) -> str:
    (note,) = (each for each in notes if each.startswith(start))
    return note


def test_status_plan_and_stress_tell_the_same_source() -> None:
    documents = [document_of(words(command)) for command in ("status", "plan", "stress")]
    for start in ("targets by ", "forecast over ", "forecast of WETH", "forecast of WBTC"):
        assert len({told(each["notes"], start) for each in documents}) == 1
    assert "365 rows to 2025-12-31T00:00:00Z, sha-256 " in told(documents[0]["notes"], "targets by ")


def test_targets_of_status_and_plan_are_the_rule_s() -> None:
    status, plan = document_of(words("status")), document_of([*words("plan"), "--anyway"])
    told_weights = told(status["notes"], "targets by ").split(": ")[1].split(";")[0]
    wanted = dict(each.split(" ") for each in told_weights.split(", "))
    assert {row["symbol"]: row["target"] for row in status["tokens"]} == wanted
    assert sum(map(Decimal, wanted.values())) == 1
    by_symbol = {row["token"]: row["symbol"] for row in status["tokens"]}
    assert {by_symbol[token]: weight for token, weight in plan["targets"].items()} == wanted


def test_anyway_needs_no_forecast() -> None:
    notes = document_of([*words("plan"), "--anyway"])["notes"]
    assert not [each for each in notes if each.startswith("forecast")]


def test_risks_that_fell_hold_a_plan_that_risks_as_they_were_would_make(tmp_path: Path) -> None:
    """The same weights and fixed targets; only the recorded prices are ten times calmer."""
    head, *rows = (EXAMPLES / "prices.csv").read_text().splitlines()
    text = PORTFOLIO.read_text()
    rule = text[text.index("[target_rule]") : text.index("[discipline]")]
    fixed = '[targets]\nWETH = "0.58"\nWBTC = "0.14"\nUSDC = "0.28"\n\n'
    (tmp_path / PORTFOLIO.name).write_text(text.replace(rule, fixed))
    codes = []
    for share in (1.0, 0.1):
        first = [float(each) for each in rows[0].split(",")[1:]]
        calmer = [head]
        for row in rows:
            day, *prices = row.split(",")
            scaled = (
                start * (float(price) / start) ** share for start, price in zip(first, prices, strict=True)
            )
            calmer.append(",".join([day, *(f"{price:.6f}" for price in scaled)]))
        (tmp_path / "prices.csv").write_text("\n".join(calmer))
        done = CliRunner().invoke(group, [*words("plan", tmp_path / PORTFOLIO.name), "--json"])
        codes.append(done.exit_code)
        assert json.loads(done.stdout)["judgement"]["trade"] == (done.exit_code == 0)
    assert codes == [0, 3]


@pytest.mark.parametrize("command", ["status", "plan", "stress"])
def test_old_prices_move_no_money(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    shutil.copy(PORTFOLIO, tmp_path)
    lines = (EXAMPLES / "prices.csv").read_text().splitlines()
    (tmp_path / "prices.csv").write_text("\n".join(lines[:-5]))
    found = refusal(capsys, words(command, tmp_path / PORTFOLIO.name))
    assert found["error"] == "OutdatedPrices"
    assert found["path"] == f"{PORTFOLIO.name}: target_rule.prices"


@pytest.mark.parametrize("command", ["status", "plan"])
def test_a_missing_library_says_what_to_install(command: str) -> None:
    """In a process of its own, which has not loaded it yet."""
    arguments = [*words(command), "--json"]
    code = "import sys; sys.modules['pandas'] = None; from router.cli.main import run\n"
    code += f"sys.exit(run({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert found["path"] == f"{PORTFOLIO.name}: target_rule.prices"
    assert 'pip install "atomic-rebalance[strategy]"' in found["message"]
