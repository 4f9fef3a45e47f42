"""`rebalance stress`: what stressed markets do to a portfolio and to its plan."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator import Workspace, rebalance

EXAMPLES = Path(__file__).parents[2] / "examples"
SYNTHETIC = ["as it is", "liquidity halved", "gas times 20"]
CRASHES = ["2020-03", "2021-05", "2022-05", "2022-06", "2022-11"]
DISCIPLINE = """
[discipline]
correlation = "0.5"
correlations = { "WETH/DAI" = "0", "WBTC/DAI" = "0" }
[discipline.volatility]
WETH = "0.7"
WBTC = "0.5"
DAI = "0.01"
"""
MARKET = ("--snapshot", EXAMPLES / "market.json")


@pytest.fixture
def portfolio(tmp_path: Path) -> Path:
    path = tmp_path / "portfolio.toml"
    path.write_text((EXAMPLES / "portfolio.toml").read_text() + DISCIPLINE)
    return path


@pytest.fixture
def closes(tmp_path: Path) -> Path:
    """Daily prices over all crashes; in each March, May, June and November ETH falls to 55 %, BTC to 80 %."""
    lines, day = ["date,eth_close,btc_close"], date(2020, 3, 1)
    while day <= date(2022, 11, 30):
        low = day.month in (3, 5, 6, 11) and 12 <= day.day <= 20
        lines.append(f"{day},{2000 * (0.55 if low else 1):.2f},{50000 * (0.8 if low else 1):.2f}")
        day += timedelta(days=1)
    path = tmp_path / "closes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def stress(portfolio: Path, *flags: Any) -> dict[str, Any]:
    done = rebalance("stress", *MARKET, "--portfolio", portfolio, *flags, "--json")
    assert done.code == 0, done.stderr
    return done.document


def recorded(closes: Path) -> tuple[Any, ...]:
    return "--prices", closes, "--columns", "WETH=eth_close,WBTC=btc_close", "--like", "DAI=USDC"


def test_without_prices_or_discipline_the_rest_runs_and_says_what_did_not() -> None:
    done = rebalance("stress", *MARKET, "--portfolio", EXAMPLES / "portfolio.toml")
    assert done.code == 0, done.stderr
    assert all(name in done.stdout for name in SYNTHETIC)
    assert "not run: correlation to one: the portfolio file has no [discipline.volatility]" in done.stderr
    assert f"not run: {', '.join(CRASHES)}: needs --prices" in done.stderr


def test_synthetic_scenarios_move_what_they_say(portfolio: Path) -> None:
    found = stress(portfolio)
    rows = {row["scenario"]: row for row in found["rows"]}
    assert list(rows) == [*SYNTHETIC, "correlation to one", "correlation to one, thin and dear"]
    assert set(found["not_run"]) == set(CRASHES)
    calm, thin, dear = (rows[name] for name in SYNTHETIC)
    assert calm["value_after"] == thin["value_after"] == dear["value_after"] == calm["value_before"]
    assert calm["cost_to_target"] < dear["cost_to_target"] < thin["cost_to_target"]
    fall = rows["correlation to one"]
    assert -0.5 < fall["value_change"] < -0.1
    assert fall["tracking_error"] != calm["tracking_error"]
    assert fall["plan_holds"] is None


def test_crashes_are_read_from_the_prices(portfolio: Path, closes: Path) -> None:
    found = stress(portfolio, *recorded(closes))
    rows = {row["scenario"]: row for row in found["rows"]}
    assert found["not_run"] == {}
    assert list(rows)[3:] == [
        *("correlation to one", *CRASHES),
        *(f"{name}, thin and dear" for name in ("correlation to one", *CRASHES)),
    ]
    value = rows["as it is"]["value_before"]
    lost = 300_000 * 0.45 + 60_000 * 0.2  # 100 WETH and 1 WBTC; DAI moves like USDC, not at all
    for name in CRASHES:
        assert rows[name]["value_after"] == pytest.approx(value - lost, rel=1e-9)
        assert "closes.csv" in rows[name]["source"]


def test_a_plan_runs_where_nothing_moves_and_reverts_where_its_bounds_break(
    portfolio: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    done = rebalance("plan", *MARKET, "--portfolio", portfolio, "--anyway", "--out", plan)
    assert done.code == 0, done.stderr
    rows = {row["scenario"]: row for row in stress(portfolio, "--plan", plan)["rows"]}
    assert rows["as it is"]["plan_holds"] is rows["gas times 20"]["plan_holds"] is True
    assert rows["liquidity halved"]["plan_holds"] is False
    assert "InsufficientReceived" in rows["liquidity halved"]["broken_bound"]

    bare = json.loads(plan.read_text()) | {"payload": None}
    plan.write_text(json.dumps(bare))
    found = stress(portfolio, "--plan", plan, "--scenario", "as it is")
    assert [row["plan_holds"] for row in found["rows"]] == [None]
    assert "this plan cannot be executed: its file has no payload" in found["notes"][0]

    plan.write_text(json.dumps(bare | {"snapshot_hash": "0" * 64}))
    other = rebalance("stress", *MARKET, "--portfolio", portfolio, "--plan", plan)
    assert other.code == 2
    assert "made from another snapshot" in other.stderr


def test_prices_that_look_like_a_split_are_refused_unless_they_are_real(
    portfolio: Path, closes: Path
) -> None:
    closes.write_text(closes.read_text().replace(",1100.00,", ",1000.00,"))
    refused = rebalance("stress", *MARKET, "--portfolio", portfolio, *recorded(closes))
    assert refused.code == 2
    assert "PriceJump: closes.csv: WETH at 2020-03-12" in refused.stderr
    flags = (*recorded(closes), "--keep-jumps", "--scenario", "2022-11")
    (row,) = stress(portfolio, *flags)["rows"]
    assert row["value_change"] == pytest.approx(-(300_000 * 0.5 + 60_000 * 0.2) / row["value_before"])


def test_scenarios_are_chosen_by_name(portfolio: Path, closes: Path) -> None:
    chosen = stress(portfolio, *recorded(closes), "--scenario", "2022-11", "--scenario", "as it is")
    assert [row["scenario"] for row in chosen["rows"]] == ["as it is", "2022-11"]
    assert chosen["not_run"] == {}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--scenario", "liqidity halved"), "did you mean 'liquidity halved'"),
        (("--scenario", "2022-11"), "2022-11 cannot be run: needs --prices"),
        (("--like", "DAI=USDC"), "go with it"),
        (("--prices", EXAMPLES / "prices.csv"), "has no prices of DAI"),
        (("--prices", EXAMPLES / "prices.csv", "--like", "DIA=USDC"), "did you mean 'DAI'"),
        (("--prices", EXAMPLES / "prices.csv", "--like", "DAI=USD"), "did you mean 'USDC'"),
        (("--prices", EXAMPLES / "prices.csv", "--like", "WETH=WBTC"), "has a move already"),
        (("--prices", EXAMPLES / "none.csv", "--like", "DAI=USDC"), "no such file"),
        (("--plan", EXAMPLES / "none.json"), "none.json"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(
    portfolio: Path, flags: tuple[Any, ...], message: str
) -> None:
    done = rebalance("stress", *MARKET, "--portfolio", portfolio, *flags)
    assert done.code == 2
    assert message in done.stderr


def test_prices_of_other_years_leave_out_the_crashes_and_say_so(portfolio: Path) -> None:
    found = stress(portfolio, "--prices", EXAMPLES / "prices.csv", "--like", "DAI=USDC")
    assert set(found["not_run"]) == set(CRASHES)
    assert "2025-01-01 to 2025-12-31" in found["not_run"]["2022-11"]


def test_a_portfolio_on_a_chain_with_its_plan(workspace: Workspace) -> None:
    block = ("--block", str(workspace.net.block_number()))
    workspace.plan(*block)
    done = workspace.run("stress", *block, "--plan", workspace.plan_file, "--json")
    assert done.code == 0, done.stderr
    rows = {row["scenario"]: row for row in done.document["rows"]}
    assert "correlation to one" in rows
    assert rows["as it is"]["plan_holds"] is True
    assert rows["liquidity halved"]["value_change"] == 0
