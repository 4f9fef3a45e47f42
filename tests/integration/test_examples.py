"""Every example runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.operator import rebalance

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))
PORTFOLIOS = sorted(path.name for path in EXAMPLES.glob("portfolio*.toml"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_example(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", PORTFOLIOS)
def test_example_portfolio_has_a_plan_whose_certificate_holds(name: str, tmp_path: Path) -> None:
    market, path = EXAMPLES / "market.json", tmp_path / "plan.json"
    done = rebalance("plan", "--snapshot", market, "--portfolio", EXAMPLES / name, "--out", path, "--json")
    assert done.code == 0, done.stderr
    assert done.document["payload"]
    assert rebalance("verify", path, "--snapshot", market).code == 0


def test_the_list_names_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.name in ("README.md", "__pycache__") or f"({path.name})" in text
