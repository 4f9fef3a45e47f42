"""A backtest's document: what the results say, valid by its own schema."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from router.backtest import Costs, compare, run
from router.documents import export_schemas
from router.documents.backtest_file import backtest_file
from tests.unit.backtest.series import COSTS, NAMES, random_prices, study_of

SCHEMA = Draft202012Validator(export_schemas()["backtest"])


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("series", [False, True])
def test_document_is_valid_by_its_schema(costs: str, series: bool) -> None:
    results = compare(study_of(random_prices(1, rows=25), costs=COSTS[costs]), NAMES)
    found = backtest_file(results, "p.csv", series=series).to_json()
    SCHEMA.validate(json.loads(json.dumps(found)))
    assert [each["policy"] for each in found["runs"]] == list(NAMES)
    assert all((each["series"] is not None) == series for each in found["runs"])


def test_run_holds_the_figures_of_its_result() -> None:
    result = run(study_of(random_prices(2), costs=COSTS["all"]), "abs_band_0.03")
    (found,) = backtest_file([result], "p.csv", series=True).runs
    assert found.final == result.final
    assert found.rebalances == result.rebalances
    assert found.costs.total == result.cost
    assert found.metrics.total_return == pytest.approx(result.final / 1e6 - 1)
    assert found.series is not None
    assert found.series.equity == tuple(result.equity.tolist())
    assert found.series.weights["cash"] == tuple(result.weights[:, -1].tolist())
    assert found.trades is not None
    assert len(found.trades) == len(result.trades)
    assert sum(each.value for each in found.trades) == pytest.approx(result.ledger.traded.sum())


@pytest.mark.parametrize("name", ["hold", "abs_band_0.03_edge", "default"])
def test_equal_runs_make_equal_documents(name: str) -> None:
    def text() -> str:
        result = run(study_of(random_prices(3), costs=COSTS["all"]), name)
        return json.dumps(backtest_file([result], "p.csv", series=True).to_json(), allow_nan=False)

    assert text() == text()


def test_run_that_stopped_has_no_growth_and_no_objective() -> None:
    study = study_of(random_prices(5), costs=Costs(gas=2000.0), initial=1e4)
    (found,) = backtest_file([run(study, "calendar_1")], "p.csv").runs
    assert found.stop is not None
    assert found.metrics.growth_per_year is None
    assert found.metrics.objective_bps_per_year is None
    SCHEMA.validate(backtest_file([run(study, "calendar_1")], "p.csv").to_json())
