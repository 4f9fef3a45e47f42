"""`plan --report` and `pools --graph`: pages that a browser opens with no network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.operator import process, rebalance
from tests.unit.report.page import Page

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKET = EXAMPLES / "market.json"
PORTFOLIO = EXAMPLES / "portfolio.toml"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PLAN = ("plan", "--snapshot", MARKET, "--portfolio", PORTFOLIO)
POOLS = ("pools", "--snapshot", MARKET)


@pytest.mark.parametrize("settlement", ["pull-first", "deliver-first"])
def test_report_shows_the_plan_that_is_printed(settlement: str, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = rebalance(*PLAN, "--settlement", settlement, "--report", report, "--json")
    assert done.code == 0, done.stderr
    page = Page(report.read_text())
    assert page.titles == [f"Rebalance: trade (chain 1, block 1000, owner {OWNER})"]
    assert page.fetched == []
    texts = page.figures["flows"]["data"][0]["link"]["customdata"]
    steps = Counter(text.split(":")[0] for text in texts if text.startswith("step "))
    assert steps == Counter(f"step {step['index']}" for step in done.document["steps"])
    assert done.document["notes"][0] in page.text
    lenders = [name for name in page.figures["flows"]["data"][0]["node"]["label"] if "lender" in name]
    assert bool(lenders) == bool(done.document["loans"]) == (settlement == "deliver-first")


def test_report_of_a_plan_that_holds_is_written_and_the_exit_code_stays(tmp_path: Path) -> None:
    portfolio, report = tmp_path / "portfolio.toml", tmp_path / "report.html"
    portfolio.write_text(PORTFOLIO.read_text().replace("tolerance_bps = 10", "tolerance_bps = 9000"))
    done = rebalance("plan", "--snapshot", MARKET, "--portfolio", portfolio, "--report", report, "--json")
    assert done.code == 3, done.stderr
    page = Page(report.read_text())
    assert page.titles[0].startswith("Rebalance: hold, nothing to do")
    assert set(page.figures) == {"weights"}


def test_graph_draws_the_pools_that_are_printed(tmp_path: Path) -> None:
    graph = tmp_path / "graph.html"
    done = rebalance(*POOLS, "--token", "WBTC", "--graph", graph, "--json")
    assert done.code == 0, done.stderr
    page = Page(graph.read_text())
    rows = page.tables[-1][1:]
    pools = done.document["pools"]
    assert [row[0].lower() for row in rows] == [pool["address"] for pool in pools]
    assert f"{len(pools)} pools and" in page.text


@pytest.mark.parametrize(("command", "flag"), [(PLAN, "--report"), (POOLS, "--graph")])
def test_a_page_that_cannot_be_written_is_bad_input(
    command: tuple[str | Path, ...], flag: str, tmp_path: Path
) -> None:
    missing = tmp_path / "none" / "page.html"
    done = rebalance(*command, flag, missing, "--json")
    assert done.code == 2
    assert done.document["path"] == str(missing)
    assert "cannot be written" in done.document["message"]
    assert list(tmp_path.iterdir()) == []


def test_equal_questions_give_equal_pages_in_every_process(tmp_path: Path) -> None:
    pages = []
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.html"
        done = process(*POOLS, "--graph", out, PYTHONHASHSEED=seed)
        assert done.code == 0, done.stderr
        pages.append(out.read_bytes())
    assert pages[0] == pages[1]


def test_commands_start_without_the_libraries_of_pages() -> None:
    code = "import json, sys, router.cli.trade, router.cli.market; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert not [name for name in loaded if name.startswith(("plotly", "router.report"))]
