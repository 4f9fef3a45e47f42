"""`rebalance backtest`: golden runs of other back-testers, comparisons, files, and what bad input gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.integration.operator import Run, check_document, rebalance
from tests.unit.report.page import Page

ROOT = Path(__file__).parents[2]
PRICES = ROOT / "examples/prices.csv"
TARGETS = ("--targets", "WETH=0.5,WBTC=0.3")
COMMAND = ("backtest", "--prices", PRICES, *TARGETS)
POLICIES = ("--policy", "hold", "--policy", "calendar_30", "--policy", "abs_band_0.05")

DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(ROOT / "../shared/data")))
RECORDED = DATA / "prices/coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
GOLDEN = (DATA / "golden/backtests.json", DATA / "golden/backtests_vectorbt.json")
CASES = [case for path in GOLDEN if path.exists() for case in json.loads(path.read_text())["cases"]]


def name_of(case: dict[str, Any]) -> str:
    return f"{case['policy']}, {case['fee']}, {case['convention']}"


@pytest.mark.skipif(not CASES or not RECORDED.exists(), reason=f"{DATA} is absent")
def test_all_golden_runs_are_there() -> None:
    assert len(CASES) == 24


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_golden_run_of_another_backtester(case: dict[str, Any]) -> None:
    if not RECORDED.exists():
        pytest.skip(f"{RECORDED} is absent")
    before_last = ["--to", case["at"][:10]] if "BEFORE last" in case["convention"] else []
    done = rebalance(
        "backtest",
        *("--prices", RECORDED, "--columns", "BTC_close,ETH_close,LINK_close"),
        *("--targets", "BTC=0.4,ETH=0.3,LINK=0.2", "--policy", case["policy"]),
        *("--fee-bps", f"{case['fee'] * 1e4:g}", "--fee-convention", case["convention"].split("(")[0]),
        *("--initial", "1000000", "--json", *before_last),
    )
    assert done.code == 0, done.stderr
    (run,) = done.document["runs"]
    assert run["final"] == pytest.approx(case["final"], rel=1e-10)
    if "fees" in case:
        assert run["costs"]["fees"] == pytest.approx(case["fees"], rel=1e-10)
        assert run["costs"]["total"] == pytest.approx(run["costs"]["fees"], rel=1e-14)
        assert run["rebalances"] == case["rebalances"]


def document(*arguments: str | Path) -> dict[str, Any]:
    done = rebalance(*COMMAND, *arguments, "--json")
    assert done.code == 0, done.stderr
    return done.document


def test_several_policies_are_compared_in_one_run() -> None:
    found = document(*POLICIES, "--fee-bps", "30", "--gas", "30")
    assert [run["policy"] for run in found["runs"]] == ["hold", "calendar_30", "abs_band_0.05"]
    for run in found["runs"]:
        costs = run["costs"]
        assert costs["gas"] == 30 * run["rebalances"]
        assert costs["total"] == pytest.approx(
            sum(costs[part] for part in ("fees", "impact", "market", "gas"))
        )
        assert run["attribution"]["money"]["total"] == pytest.approx(run["final"] - found["initial"])
    assert found["targets"] == {"WETH": 0.5, "WBTC": 0.3, "cash": pytest.approx(0.2)}


def test_cash_may_be_named_among_the_targets() -> None:
    named = ("backtest", "--prices", PRICES, "--targets", "WETH=0.5,WBTC=0.3,cash=0.2", *POLICIES, "--json")
    for with_cash, without in zip(
        rebalance(*named).document["runs"], document(*POLICIES)["runs"], strict=True
    ):
        assert with_cash["final"] == pytest.approx(without["final"], rel=1e-12)


def test_columns_are_mapped_by_prefix_or_by_name(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(PRICES.read_text().replace("WETH,WBTC", "ETH_close,btc usd"))
    mapped = ("--columns", "ETH_close, BTC=btc usd", "--targets", "ETH=0.5,BTC=0.3", *POLICIES, "--json")
    done = rebalance("backtest", "--prices", path, *mapped)
    assert done.document["prices"]["assets"] == ["ETH", "BTC"]
    assert [run["final"] for run in done.document["runs"]] == [
        run["final"] for run in document(*POLICIES)["runs"]
    ]


def test_parquet_and_compressed_files_are_read_as_well(tmp_path: Path) -> None:
    frame = pandas.read_csv(PRICES, parse_dates=["date"])
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_csv(tmp_path / "p.csv.gz", index=False)
    (expected,) = document("--policy", "calendar_30")["runs"]
    for name in ("p.parquet", "p.csv.gz"):
        columns = ("--columns", "WETH,WBTC", "--policy", "calendar_30", "--json")
        done = rebalance("backtest", "--prices", tmp_path / name, *TARGETS, *columns)
        assert done.document["runs"] == [expected], done.stderr


def test_text_output_has_a_line_for_each_policy_and_says_what_was_noticed(tmp_path: Path) -> None:
    rows = PRICES.read_text().splitlines()
    path = tmp_path / "p.csv"
    path.write_text("\n".join(rows[:50] + rows[51:]) + "\n")
    done = rebalance("backtest", "--prices", path, *TARGETS, *POLICIES)
    assert done.code == 0
    for name in ("hold", "calendar_30", "abs_band_0.05", "objective", "turnover", "gas", "worst fall"):
        assert name in done.stdout
    assert "1 gaps of up to 1 rows" in done.stderr


def test_run_that_costs_eat_up_is_told_and_has_no_objective() -> None:
    done = rebalance(*COMMAND, "--policy", "calendar_1", "--initial", "10000", "--gas", "2500")
    assert done.code == 0
    assert "stopped" in done.stdout
    assert "calendar_1 stopped on 2025-" in done.stderr
    found = document("--policy", "calendar_1", "--policy", "hold", "--initial", "10000", "--gas", "2500")
    stopped, held = found["runs"]
    assert stopped["stop"]["row"] > 0
    assert stopped["metrics"]["objective_bps_per_year"] is None
    assert held["stop"] is None


def test_impact_is_billed_by_its_law() -> None:
    law = ("--impact-bps", "100", "--impact-depth", "1000000", "--impact-exponent", "1")
    (run,) = document("--policy", "hold", "--fee-convention", "fee_from_cash", *law)["runs"]
    assert run["costs"]["impact"] == pytest.approx(0.01 * (500_000**2 + 300_000**2) / 1_000_000)


def test_pools_of_a_snapshot_bill_their_curves() -> None:
    market = ("--snapshot", ROOT / "examples/market.json", "--portfolio", ROOT / "examples/portfolio.toml")
    small, large = (
        document("--policy", "calendar_30", *market, "--initial", initial) for initial in ("1000", "1000000")
    )
    assert small["costs"]["market_nav"] == 500_000
    shares = [each["runs"][0]["costs"]["market"] / each["initial"] for each in (small, large)]
    assert 0 < 5 * shares[0] < shares[1]


def test_window_holds_both_its_days() -> None:
    found = document("--policy", "hold", "--from", "2025-02-01", "--to", "2025-02-28", "--series")
    series = found["runs"][0]["series"]
    assert (series["times"][0], series["times"][-1]) == ("2025-02-01T00:00:00Z", "2025-02-28T00:00:00Z")
    assert len(series["equity"]) == found["prices"]["rows"] == 28
    assert len(found["runs"][0]["trades"]) == 2


def test_sweep_runs_every_parameter_set_and_its_best_policy_in_full() -> None:
    asked = ("--policy", "abs_band_B_edge", "--policy", "hold", "--sweep", "B=0.02:0.06:0.02")
    asked += ("--sweep", "fee-bps=5,30")
    found = document(*asked, "--jobs", "1")
    points = found["sweep"]["points"]
    assert len(points) == 3 * 2 + 2
    assert found["sweep"]["parameters"] == {"B": [0.02, 0.04, 0.06], "fee_bps": [5, 30]}
    assert points[1]["policy"] == "abs_band_0.02_edge"
    assert points[1]["parameters"] == {"B": 0.02, "fee_bps": 30}
    means = {
        name: sum(each["metrics"]["objective_bps_per_year"] for each in points if each["policy"] == name)
        for name in dict.fromkeys(each["policy"] for each in points if each["family"] != "hold")
    }
    assert [run["policy"] for run in found["runs"]] == [min(means, key=lambda name: means[name]), "hold"]
    alone = document("--policy", "abs_band_0.02_edge", "--fee-bps", "30")["runs"][0]
    assert points[1]["metrics"] == alone["metrics"]
    assert document(*asked, "--jobs", "2", "--backend", "threading") == found


def test_files_hold_what_is_printed_and_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    written = []
    for picture in (("--png", tmp_path / "p.png"), ()):
        out, report = tmp_path / "o.json", tmp_path / "r.html"
        done = rebalance(
            *COMMAND, *POLICIES, "--series", "--out", out, "--report", report, *picture, "--json"
        )
        assert done.code == 0, done.stderr
        assert json.loads(out.read_text()) == done.document
        written.append((out.read_bytes(), report.read_bytes()))
    assert written[0] == written[1]
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    page = Page(written[0][1].decode())
    assert page.fetched == []
    assert set(page.figures) == {"equity", "drift", "weights", "costs", "attribution"}


def test_tear_sheet_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.html"
    done = rebalance(*COMMAND, *POLICIES, "--to", "2025-04-30", "--tearsheet", path)
    assert done.code == 0, done.stderr
    text = path.read_text()
    assert "calendar_30" in text
    assert "HOLD" in text.upper()
    assert not any(each in text for each in ('src="http', "@import", "<link"))
    assert "<dc:date>" not in text


def test_example_prices_are_what_their_program_writes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/write_prices.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout == PRICES.read_text()


def refused(done: Run, error: str, *texts: str) -> None:
    assert done.code == 2, done.stderr
    assert done.document["error"] == error
    told = f"{done.document['path']}: {done.document['message']} {done.document['nearest']}"
    for text in texts:
        assert text in told
        assert text in done.stderr or text == "None"


HEAD, DAY1, DAY2, DAY3 = "date,A,B", "2025-01-01,100,10", "2025-01-02,101,10", "2025-01-03,102,11"
WHOLE = (HEAD, DAY1, DAY2, DAY3, "2025-01-04,103,11", "2025-01-05,101,12")


def rows(*changes: tuple[int, str | None]) -> str:
    """Lines of a price file with some replaced or left out."""
    lines: list[str | None] = list(WHOLE)
    for place, line in changes:
        lines[place] = line
    return "\n".join(line for line in lines if line is not None) + "\n"


FAULTS = {
    "gap": (rows((5, "2025-06-01,101,12")), "PriceGap", "147 rows are missing"),
    "missing": (rows((2, "2025-01-02,,10")), "MissingPrice", "A at 2025-01-02"),
    "nan": (rows((2, "2025-01-02,nan,10")), "MissingPrice", "A at 2025-01-02"),
    "infinite": (rows((2, "2025-01-02,inf,10")), "NotFinite", "A at 2025-01-02"),
    "duplicated time": (rows((3, DAY2)), "DuplicatedTime", "2025-01-02"),
    "unsorted times": (rows((2, DAY3), (3, DAY2)), "UnsortedTimes", "2025-01-02"),
    "zero": (rows((2, "2025-01-02,0,10")), "NonPositivePrice", "A at 2025-01-02"),
    "negative": (rows((2, "2025-01-02,101,-1")), "NonPositivePrice", "B at 2025-01-02"),
    "split": (rows((4, "2025-01-04,51,11"), (5, "2025-01-05,50,11")), "PriceJump", "A at 2025-01-04"),
    "single row": ("\n".join(WHOLE[:2]) + "\n", "InsufficientHistory", "1 row"),
    "no rows": (HEAD + "\n", "InsufficientHistory", "0 rows"),
    "empty file": ("", "InsufficientHistory", "is empty"),
    "text": (rows((2, "2025-01-02,101,ten")), "InputError", "'ten'"),
}
REPAIRED = {
    "gap": "filled_rows",
    "missing": "missing",
    "nan": "missing",
    "infinite": "infinite",
    "duplicated time": "duplicates",
    "unsorted times": "sorted_rows",
    "zero": "nonpositive",
    "negative": "nonpositive",
    "split": "splits",
}


def on(path: Path, *arguments: str | Path, targets: str = "A=0.5,B=0.3") -> Run:
    columns = ("--columns", "A,B")
    return rebalance("backtest", "--prices", path, *columns, "--targets", targets, *arguments, "--json")


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_prices_are_refused_by_name_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    text, error, told = FAULTS[fault]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = on(path, "--policy", "hold", "--report", tmp_path / "r.html", "--out", tmp_path / "o.json")
    refused(done, error, "bad.csv", told)
    assert [each.name for each in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize("fault", REPAIRED)
def test_repair_is_counted_and_told(fault: str, tmp_path: Path) -> None:
    path, report = tmp_path / "bad.csv", tmp_path / "r.html"
    path.write_text(FAULTS[fault][0])
    done = on(path, "--policy", "hold", "--repair", "--report", report)
    assert done.code == 0, done.stderr
    repairs = done.document["prices"]["repairs"]
    assert repairs["total"] == repairs[REPAIRED[fault]] > 0
    assert f"{repairs['total']} repairs of the prices" in done.stderr
    assert f"Repairs of the prices: {repairs['total']}." in Page(report.read_text()).text


BAD_FLAGS = {
    "parameter that a policy has not": (
        ("--policy", "calendar_B", "--sweep", "B=0.1,0.2"),
        "InputError",
        "no policy 'calendar_B'",
        "calendar_N",
    ),
    "parameter sets that cannot be run": (
        ("--policy", "abs_band_B", "--sweep", "B=1,2", "--jobs", "1"),
        "InputError",
        "abs_band_B: no parameter set can be run",
    ),
    "targets above 1": (("--targets", "WETH=0.9,WBTC=0.3"), "Unaffordable", "targets", "1.2"),
    "targets and cash below 1": (("--targets", "WETH=0.5,cash=0.3"), "InputError", "targets", "0.8"),
    "negative target": (("--targets", "WETH=-0.5"), "InputError", "targets.WETH"),
    "target misspelt": (("--targets", "WETHH=0.5"), "InputError", "targets", "WETH"),
    "target twice": (("--targets", "WETH=0.5,WETH=0.1"), "InputError", "targets.WETH", "twice"),
    "target without a number": (("--targets", "WETH"), "InputError", "targets", "NAME=NUMBER"),
    "target that is no number": (("--targets", "WETH=half"), "InputError", "targets.WETH", "half"),
    "weights that cost more than there is": (
        ("--targets", "WETH=0.7,WBTC=0.3", "--fee-bps", "30", "--fee-convention", "fee_from_cash"),
        "Unaffordable",
        "targets",
        "first purchase",
    ),
    "gas above all there is": (("--gas", "2000000"), "Unaffordable", "targets"),
    "unknown policy": (("--policy", "abs_bend_0.05"), "InputError", "policy", "abs_band_B"),
    "policy twice": (("--policy", "hold", "--policy", "hold"), "InputError", "policy", "twice"),
    "band of 5": (("--policy", "abs_band_5"), "InputError", "policy", "between 0 and 1"),
    "open policy": (("--policy", "abs_band_B"), "InputError", "policy", "--sweep B="),
    "column misspelt": (("--columns", "WETH,WBCT"), "InputError", "prices.csv", "WBTC"),
    "one asset of two columns": (("--columns", "WETH,WETH=WBTC"), "InputError", "prices.csv", "two columns"),
    "time column misspelt": (("--time-column", "dtae"), "InputError", "prices.csv", "date"),
    "fee of all": (("--fee-bps", "10000"), "InputError", "costs.fee_rate"),
    "no start": (("--initial", "0"), "InputError", "initial"),
    "gamma": (("--gamma", "-1"), "InputError", "risk_aversion"),
    "impact without a depth": (("--impact-bps", "5"), "InputError", "impact", "--impact-depth"),
    "depth of another asset": (
        ("--impact-bps", "5", "--impact-depth", "WETHX=1e6"),
        "InputError",
        "impact.depth",
        "WETH",
    ),
    "snapshot alone": (("--snapshot", "m.json"), "InputError", "snapshot", "--portfolio"),
    "no time": (("--from", "yesterday"), "InputError", "from", "yesterday"),
    "window without rows": (("--from", "2027-01-01"), "InsufficientHistory", "2025-12-31"),
    "sweep of nothing known": (("--sweep", "fees=1,2"), "InputError", "sweep", "fee_bps"),
    "sweep backwards": (("--policy", "abs_band_B", "--sweep", "B=0.1:0.05:0.01"), "InputError", "sweep B"),
    "sweep that no policy has": (("--policy", "hold", "--sweep", "B=0.1,0.2"), "InputError", "abs_band_B"),
    "sweep of half rows": (("--policy", "calendar_N", "--sweep", "N=1.5,2"), "InputError", "sweep N"),
    "sweep too large": (("--policy", "hold", "--sweep", "gas=0:1:1e-9"), "InputError", "sweep gas"),
    "no such folder": (("--out", "absent/o.json"), "InputError", "absent", "no such folder"),
    "tear sheet of a few days": (
        ("--to", "2025-01-05", "--tearsheet", "t.html", "--report", "r.html"),
        "InsufficientHistory",
        "calendar_30",
        "10 daily returns",
    ),
    "the price file as an output": (("--out", PRICES), "InputError", "prices.csv", "holds the prices"),
    "two outputs in one file": (("--out", "x.html", "--report", "x.html"), "InputError", "x.html"),
}


@pytest.mark.parametrize("fault", BAD_FLAGS)
def test_bad_flags_are_refused_by_name_and_nothing_is_written(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags, error, *told = BAD_FLAGS[fault]
    policy = () if "--policy" in flags else ("--policy", "calendar_30")
    given = rebalance(*COMMAND, "--png", "p.png", *policy, *flags, "--json")
    refused(given, error, *told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("library", "flags"),
    [
        ("pandas", ()),
        ("matplotlib", ("--png", "p.png")),
        ("quantstats", ("--tearsheet", "t.html")),
        ("joblib", ("--sweep", "gas=1,2")),
    ],
)
def test_missing_library_says_how_to_install_it(
    library: str, flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(sys.modules):
        if name.split(".")[0] == library:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    done = rebalance(*COMMAND, "--policy", "hold", "--out", "o.json", *flags, "--json")
    refused(done, "InputError", library, 'pip install "atomic-rebalance[strategy]"')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("backend", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_cluster_that_is_not_installed_is_named(backend: str, module: str) -> None:
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    done = rebalance(*COMMAND, "--policy", "hold", "--sweep", "gas=1,2", "--backend", backend, "--json")
    refused(done, "InputError", "backend", backend, "not installed")


def test_prices_that_are_not_there_are_refused(tmp_path: Path) -> None:
    refused(on(tmp_path / "absent.csv"), "InputError", "absent.csv", "no such file")


def test_schema_names_the_document() -> None:
    done = rebalance("schema", "backtest")
    assert json.loads(done.stdout)["properties"]["schema"]["const"] == "rebalance-backtest/1"
    check_document(document("--policy", "hold", "--series"))
