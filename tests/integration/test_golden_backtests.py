"""The figures of other backtesters on recorded prices, and those of the published sets of price relatives."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from router.backtest import Backtest, Costs, Engine, FeeConvention, Prices, compare, load_prices, run
from router.backtest.result import Result
from scripts.bench.recorded import DATA, ROOT

GOLDEN = DATA / "golden"
COINBASE = DATA / "prices" / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv"
WEALTHS = ROOT / "build" / "olps" / "universal" / "data"
"""Of the package universal-portfolios 0.4.17; `make build/olps/.ready` puts it there."""

needs_prices = pytest.mark.skipif(not COINBASE.exists(), reason=f"{COINBASE} is absent")
needs_wealths = pytest.mark.skipif(
    not (WEALTHS.exists() and GOLDEN.exists()), reason=f"{WEALTHS} or {GOLDEN} is absent"
)

TARGETS = {"BTC": 0.4, "ETH": 0.3, "LINK": 0.2, "cash": 0.1}
EQUAL = 1e-10
OLPS_EQUAL = 1e-9
FIXED = {
    # objective in bp a year at a net asset value of 1e4, 1e5, 1e6, 1e7, to the digits that were noted
    "hold": ("200.5", "189.5", "188.4", "188.3"),
    "calendar_1": (None, "1313", "341", "244"),
    "calendar_7": ("1651", "248", "108", "94"),
    "calendar_30": ("427", "94", "60", "57"),
    "calendar_90": ("182", "64", "53", "52"),
    "abs_band_0.05": ("253", "74", "56", "54"),
    "abs_band_0.05_half": ("335", "73", "47", "44"),
    "abs_band_0.05_edge": ("1201", "151", "48", "38"),
    "abs_band_0.1": ("140", "70", "65", "64"),
    "abs_band_0.1_half": ("143", "63", "57", "57"),
}
"""Targets as above, 30 bp, 30 USD of gas, risk aversion 3, fees from cash."""
WORST_RATIO = 1.05


def cases() -> list[dict[str, Any]]:
    files = [GOLDEN / name for name in ("backtests.json", "backtests_vectorbt.json")]
    return [case for file in files if file.exists() for case in json.loads(file.read_text())["cases"]]


@cache
def coinbase() -> Prices:
    return load_prices(COINBASE, ["BTC_close", "ETH_close", "LINK_close"])


@needs_prices
def test_all_recorded_cases_are_here() -> None:
    assert len(cases()) == 24
    assert coinbase().repairs.gaps == 3
    assert coinbase().repairs.total == 0


@needs_prices
@pytest.mark.parametrize("engine", [Engine.VECTORISED, Engine.EVENT_DRIVEN])
@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['policy']}-{case['fee']}")
def test_figures_are_those_of_other_backtesters(case: dict[str, Any], engine: Engine) -> None:
    convention = FeeConvention(case["convention"].partition("(")[0])
    study = Backtest(coinbase(), TARGETS, Costs(case["fee"]), convention)
    result = run(study, case["policy"], engine)
    if "at" in case:  # the value before the last return
        last = np.datetime64(case["at"].replace(" ", "T"), "us")
        value = float(result.equity[int(np.flatnonzero(result.times == last)[0])])
        assert result.turnover / 2 == pytest.approx(case["turnover_one_way_sum"], rel=EQUAL)
    else:
        value = result.final
    assert value == pytest.approx(case["final"], rel=EQUAL)
    if "fees" in case:
        assert result.costs["fees"] == pytest.approx(case["fees"], rel=EQUAL, abs=1e-9)
        assert result.cost == pytest.approx(case["fees"], rel=EQUAL, abs=1e-9)
    if "rebalances" in case:
        assert result.rebalances == case["rebalances"]


@cache
def result_of(policy: str, nav: float) -> Result:
    costs = Costs(fee_rate=0.003, gas=30)
    study = Backtest(coinbase(), TARGETS, costs, FeeConvention.FEE_FROM_CASH, initial=nav)
    return run(study, policy)


NAVS = (1e4, 1e5, 1e6, 1e7)


@needs_prices
@pytest.mark.parametrize("policy", FIXED)
def test_the_study_of_fixed_policies_comes_out_as_noted(policy: str) -> None:
    for nav, noted in zip(NAVS, FIXED[policy], strict=True):
        result = result_of(policy, nav)
        if noted is None:
            assert result.stop is not None
            continue
        half_a_digit = 0.5 * 10 ** -len(noted.partition(".")[2])
        assert abs(result.objective * 1e4 - float(noted)) <= 1.1 * half_a_digit
    assert result_of("abs_band_0.05", 1e7).turnover == pytest.approx(2.83, abs=0.005)
    assert result_of("abs_band_0.05_edge", 1e7).turnover == pytest.approx(1.60, abs=0.005)


@needs_prices
@pytest.mark.parametrize("nav", NAVS)
def test_the_default_policy_is_as_good_as_the_best_fixed_one_after_the_fact(nav: float) -> None:
    best = min(result_of(policy, nav).objective for policy in FIXED)
    assert result_of("default", nav).objective <= WORST_RATIO * best


@needs_wealths
@pytest.mark.parametrize("name", ["djia", "msci", "sp500", "tse", "nyse_o", "nyse_n"])
def test_uniform_rebalancing_and_the_market_come_to_the_published_wealth(name: str) -> None:
    golden = json.loads((GOLDEN / "olps_crp.json").read_text())
    wealths = np.loadtxt(WEALTHS / f"{name}.csv", delimiter=",", skiprows=1)
    rows, count = wealths.shape
    times = np.datetime64("2000-01-01", "us") + np.arange(rows + 1) * np.timedelta64(1, "D")
    values = np.vstack([np.ones(count), wealths])  # the first row is what 1 has become already
    assets = tuple(f"asset {column}" for column in range(count))
    study = Backtest(Prices(times, assets, values), dict.fromkeys(assets, 1 / count), initial=1.0)
    for policy, wealth in (("calendar_1", golden["UCRP"][name]), ("hold", golden["UBAH_market"][name])):
        result = run(study, policy)
        assert result.final == pytest.approx(wealth, rel=OLPS_EQUAL)


@needs_prices
def test_one_comparison_holds_every_policy_in_order() -> None:
    study = Backtest(coinbase(), TARGETS)
    names = ["hold", "calendar_30", "default"]
    assert [result.policy for result in compare(study, names)] == names


@needs_prices
def test_the_fee_convention_changes_the_path_of_a_band() -> None:
    found = [
        run(Backtest(coinbase(), TARGETS, Costs(0.003), convention, 1e6), "abs_band_0.05")
        for convention in (FeeConvention.FEE_FROM_CASH, FeeConvention.NET_OF_FEE)
    ]
    assert [round(each.final) for each in found] == [2_057_315, 2_092_605]
    assert [each.rebalances for each in found] == [20, 21]
