"""A backtest's page: every figure on it is one of the results'."""

from __future__ import annotations

import numpy as np
import pytest

from router.backtest import Costs, Prices, compare
from router.backtest.attribution import attribution_of, pooling_of
from router.documents.backtest_file import metrics_entry
from router.documents.backtest_models import PointEntry, SweepEntry
from router.report import backtest_figures, backtest_tables
from router.report.backtest_figures import bounds_of, drift_before
from router.report.backtest_page import backtest_page
from router.report.words import money
from tests.unit.backtest.series import COSTS, curves, days, random_prices, study_of
from tests.unit.report.page import Page

STUDY = study_of(random_prices(3), costs=COSTS["all"])
FREE = study_of(random_prices(3))
RESULTS = compare(STUDY, ["hold", "abs_band_0.03", "rel_band_0.1_edge", "calendar_7"])
PAGE = Page(backtest_page(RESULTS, "prices.csv"))


def traces(page: Page, name: str) -> dict[str, dict[str, object]]:
    return {trace["name"]: trace for trace in page.figures[name]["data"] if trace.get("showlegend", True)}


def test_equal_results_give_equal_bytes() -> None:
    again = compare(STUDY, [result.policy for result in RESULTS])
    assert backtest_page(again, "prices.csv") == backtest_page(RESULTS, "prices.csv")


def test_page_needs_no_network_and_runs_only_its_own_scripts() -> None:
    assert PAGE.fetched == []
    assert len(PAGE.scripts) == 2
    (policy,) = [meta["content"] for meta in PAGE.metas if meta.get("http-equiv")]
    assert "default-src 'none'" in str(policy)


def test_equity_shows_every_policy_on_every_row() -> None:
    shown = traces(PAGE, "equity")
    assert list(shown) == [result.policy for result in RESULTS]
    for result in RESULTS:
        assert shown[result.policy]["y"] == pytest.approx(result.equity, rel=1e-7)
        assert len(shown[result.policy]["x"]) == result.rows  # type: ignore[arg-type]


def test_drift_is_what_each_row_found_and_trades_stand_above_the_band() -> None:
    band = RESULTS[1]
    found = drift_before(band)
    assert (found[band.ledger.rows[1:]] > 0.03).all()
    others = np.setdiff1d(np.arange(1, band.rows), band.ledger.rows)
    assert (found[others] <= 0.03).all()
    assert traces(PAGE, "drift")["abs_band_0.03"]["y"] == pytest.approx(found * 100, rel=1e-7)


def test_band_is_drawn_where_a_policy_watches_that_distance() -> None:
    levels = {
        trace["name"]: trace["y"]
        for trace in PAGE.figures["drift"]["data"]
        if trace.get("showlegend") is False
    }
    assert levels == {"band of abs_band_0.03": [3, 3]}


@pytest.mark.parametrize(
    ("place", "bounds"), [(0, []), (1, [0.03] * 3), (2, [0.04, 0.03, 0.02]), (3, [])], ids=str
)
def test_bounds_of_policy(place: int, bounds: list[float]) -> None:
    assert bounds_of(RESULTS[place]) == pytest.approx(bounds)


def test_weights_are_shown_one_policy_at_a_time() -> None:
    data = PAGE.figures["weights"]["data"]
    buttons = PAGE.figures["weights"]["layout"]["updatemenus"][0]["buttons"]
    assert [button["label"] for button in buttons] == [result.policy for result in RESULTS]
    masks = np.array([button["args"][0]["visible"] for button in buttons])
    assert masks.shape == (4, len(data))
    assert (masks.sum(axis=0) == 1).all()
    for result, mask in zip(RESULTS, masks, strict=True):
        lines = [trace for trace, on in zip(data, mask, strict=True) if on and trace.get("showlegend", True)]
        assert [trace["name"] for trace in lines] == [*"ABC", "cash"]
        for column, trace in enumerate(lines):
            assert trace["y"] == pytest.approx(result.weights[:, column] * 100, rel=1e-6)
    assert [trace["visible"] for trace in data] == masks[0].tolist()


def test_cost_parts_sum_to_the_cost() -> None:
    total = sum(np.array(trace["x"]) for trace in PAGE.figures["costs"]["data"])
    assert total == pytest.approx([result.cost_per_year * 1e4 for result in RESULTS])
    (rows,) = (table for table in PAGE.tables if "pools" in table[0])
    assert [row[-2] for row in rows[1:]] == [money(result.cost) for result in RESULTS]
    assert [row[1] for row in rows[1:]] == [str(result.rebalances) for result in RESULTS]


def test_attribution_parts_sum_to_the_growth() -> None:
    total = sum(np.array(trace["x"]) for trace in PAGE.figures["attribution"]["data"])
    for result, shown in zip(RESULTS, total.tolist(), strict=True):
        found = attribution_of(result)
        assert shown == pytest.approx(np.log(result.final / 1e6) / found.years * 1e4)
        assert found.money.total == pytest.approx(result.final - 1e6)


def test_pools_stand_beside_what_trading_took() -> None:
    (shown,) = [table for table in PAGE.tables if table[0][2:3] == ["pool, bp a year"]]
    for row, result in zip(shown[1:], RESULTS, strict=True):
        found = pooling_of(result, attribution_of(result))
        expected = (found.trading_cost, found.loss_to_arbitrageurs, found.loss_without_fee)
        assert row == [result.policy, *(f"{share * 1e4:,.2f}" for share in expected)]


def test_trades_beyond_the_curves_are_told() -> None:
    assert "trades are larger" not in Page(backtest_page(compare(FREE, ["hold"]), "p.csv")).text
    deep = study_of(random_prices(3), costs=Costs(market=curves("ABC", 1e4)))
    (result,) = compare(deep, ["calendar_7"])
    assert result.beyond_depth
    told = f"calendar_7: {result.beyond_depth} trades are larger than the pools' curves reach"
    assert told in Page(backtest_page([result], "p.csv")).text


def test_page_says_that_it_forecasts_nothing() -> None:
    assert PAGE.text.count("forecasts nothing") == 2
    assert "hindsight" in PAGE.text


def test_comparison_has_a_line_for_each_policy() -> None:
    for result in RESULTS:
        assert PAGE.row(result.policy)[1] == money(result.final)


def test_trades_are_listed_up_to_a_limit_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_tables, "MOST_TRADES", 5)
    page = Page(backtest_page(RESULTS[:2], "p.csv"))
    listed = [table for table in page.tables if table[0][0] == "time"]
    assert [len(table) - 1 for table in listed] == [3, 5]
    assert f"abs_band_0.03: {len(RESULTS[1].trades)} trades, the first 5 of them shown" in page.text
    first = RESULTS[0].trades[0]
    assert listed[0][1][:3] == [f"{first.time:%Y-%m-%d %H:%M}", "A", "buy"]


def test_long_runs_are_thinned_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_figures, "MOST_POINTS", 50)
    monkeypatch.setattr("router.report.backtest_page.MOST_POINTS", 50)
    page = Page(backtest_page(RESULTS, "p.csv"))
    times = traces(page, "equity")["hold"]["x"]
    assert len(times) == 41  # type: ignore[arg-type]
    assert times[-1] == "2021-04-30T00:00:00"  # type: ignore[index]
    assert "every 3th of 120 rows" in page.text


def test_names_from_files_are_shown_as_text() -> None:
    bad = "<img src=x onerror=alert(1)>"
    prices = Prices(days(30), (bad, "B"), random_prices(1, rows=30, assets=2).values)
    page = Page(backtest_page(compare(study_of(prices, (0.5, 0.3)), ["hold"]), bad))
    assert page.fetched == []
    assert bad in page.text
    names = [trace["name"] for trace in page.figures["weights"]["data"] if trace.get("name")]
    assert "&lt;img src=x onerror=alert(1)&gt;" in names


def test_stopped_run_is_told_and_drawn_as_far_as_it_came() -> None:
    study = study_of(random_prices(5), costs=Costs(gas=2000.0), initial=1e4)
    stopped, held = compare(study, ["calendar_1", "hold"])
    page = Page(backtest_page([stopped, held], "p.csv"))
    assert stopped.stop is not None
    assert f"calendar_1 stopped on {study.prices.at(stopped.stop.row):%Y-%m-%d %H:%M}" in page.text
    assert len(traces(page, "equity")["calendar_1"]["x"]) == stopped.rows < held.rows  # type: ignore[arg-type]
    assert "stopped" in page.row("calendar_1")


def point(family: str, policy: str, objective: float | None, **parameters: float) -> PointEntry:
    metrics = metrics_entry(RESULTS[0].metrics, 1e6)
    found = metrics.model_copy(update={"objective_bps_per_year": objective})
    return PointEntry(policy=policy, family=family, parameters=parameters, metrics=found, stop=None)


def test_heat_map_has_the_objective_of_every_pair_and_holes_where_runs_stopped() -> None:
    points = (
        point("hybrid_N_B", "hybrid_1_0.1", 5.0, N=1, B=0.1),
        point("hybrid_N_B", "hybrid_1_0.2", 6.0, N=1, B=0.2),
        point("hybrid_N_B", "hybrid_2_0.1", None, N=2, B=0.1),
        point("hybrid_N_B", "hybrid_2_0.2", 8.0, N=2, B=0.2),
        point("hold", "hold", 9.0),
    )
    sweep = SweepEntry(parameters={"N": (1, 2), "B": (0.1, 0.2)}, points=points)
    page = Page(backtest_page(RESULTS, "p.csv", sweep))
    (heat,) = page.figures["sweep-0"]["data"]
    assert heat["z"] == [[5.0, None], [6.0, 8.0]]
    assert (heat["x"], heat["y"]) == (["1", "2"], ["0.1", "0.2"])
    assert "sweep-1" not in page.figures
    assert "5 parameter sets; 1 stopped early" in page.text
    listed = next(table for table in page.tables if table[0][:3] == ["policy", "N", "B"])
    assert [row[0] for row in listed[1:]] == ["hybrid_1_0.1", "hybrid_1_0.2", "hybrid_2_0.2", "hold"]


def test_third_parameter_is_left_to_its_best_value() -> None:
    points = tuple(
        point("hybrid_N_B", f"hybrid_{n}_{b}", 10 * n + b + gas, N=n, B=b, gas=gas)
        for n in (1, 2)
        for b in (0.1, 0.2)
        for gas in (3, 5)
    )
    sweep = SweepEntry(parameters={"N": (1, 2), "B": (0.1, 0.2), "gas": (3, 5)}, points=points)
    page = Page(backtest_page(RESULTS, "p.csv", sweep))
    (heat,) = page.figures["sweep-0"]["data"]
    assert heat["z"] == [[13.1, 23.1], [13.2, 23.2]]
    assert "least over gas" in page.figures["sweep-0"]["layout"]["title"]["text"]


def test_one_parameter_is_a_curve() -> None:
    points = tuple(point("calendar_N", f"calendar_{n}", 10.0 - n, N=n) for n in (1, 2, 3))
    page = Page(backtest_page(RESULTS, "p.csv", SweepEntry(parameters={"N": (1, 2, 3)}, points=points)))
    (curve,) = page.figures["sweep-0"]["data"]
    assert (curve["x"], curve["y"]) == ([1, 2, 3], [9.0, 8.0, 7.0])
