"""Parameter sets: each is run as asked, and which policy of a family did best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.backtest import Costs, run
from router.cli.backtest_inputs import parameter_sets, parse_grid
from router.cli.backtest_sweep import best_of, run_sweep
from router.documents.backtest_models import PointEntry, SweepEntry
from router.errors import InputError
from tests.unit.backtest.series import random_prices, study_of
from tests.unit.report.test_backtest_page import point

STUDY = study_of(random_prices(7), costs=Costs(fee_rate=0.003, gas=20.0))


def test_settings_of_a_set_replace_those_of_the_study() -> None:
    grid = parse_grid(("N=5,9", "fee-bps=10", "gas=7", "gamma=2", "initial=50000"))
    found = run_sweep(STUDY, parameter_sets(("calendar_N",), grid), grid, 1, "loky")
    alone = replace(STUDY, costs=Costs(0.001, 7.0), initial=5e4, risk_aversion=2.0)
    for each, name in zip(found.points, ("calendar_5", "calendar_9"), strict=True):
        result = run(alone, name)
        assert each.policy == name
        assert each.metrics is not None
        assert each.metrics.final == result.final
        assert each.metrics.objective_bps_per_year == pytest.approx(result.objective * 1e4)
        assert each.metrics.total_return == pytest.approx(result.final / 5e4 - 1)


def test_set_that_cannot_be_run_says_why_and_leaves_the_others() -> None:
    grid = parse_grid(("gas=1,2000000",))
    runs, refused = run_sweep(STUDY, parameter_sets(("hold",), grid), grid, 1, "loky").points
    assert runs.stop is None
    assert refused.metrics is None
    assert "first purchase" in str(refused.stop)


def sweep_of(*points: PointEntry) -> SweepEntry:
    return SweepEntry(parameters={"N": (1, 2), "gas": (3, 4)}, points=points)


def test_best_of_a_family_is_the_least_on_average_over_settings() -> None:
    found = sweep_of(
        point("calendar_N", "calendar_1", 1.0, N=1, gas=3),
        point("calendar_N", "calendar_1", 9.0, N=1, gas=4),
        point("calendar_N", "calendar_2", 4.0, N=2, gas=3),
        point("calendar_N", "calendar_2", 5.0, N=2, gas=4),
        point("hold", "hold", 0.0, gas=3),
    )
    assert best_of(found, "calendar_N") == ("calendar_2", True)


def test_best_of_what_ran_is_told_where_one_setting_stops_them_all() -> None:
    found = sweep_of(
        point("calendar_N", "calendar_1", 9.0, N=1, gas=3),
        point("calendar_N", "calendar_1", None, N=1, gas=4),
        point("calendar_N", "calendar_2", 8.0, N=2, gas=3),
        point("calendar_N", "calendar_2", None, N=2, gas=4),
    )
    assert best_of(found, "calendar_N") == ("calendar_2", True)


def test_none_is_the_best_where_none_ran_to_the_end_or_at_all() -> None:
    grid = parse_grid(("gas=400000",))
    found = run_sweep(STUDY, parameter_sets(("calendar_1",), grid), grid, 1, "loky")
    assert best_of(found, "calendar_1") == ("calendar_1", False)
    grid = parse_grid(("B=1,2",))
    found = run_sweep(STUDY, parameter_sets(("abs_band_B",), grid), grid, 1, "loky")
    with pytest.raises(InputError, match=r"abs_band_B: no parameter set can be run; .*not 1"):
        best_of(found, "abs_band_B")


def test_policy_that_stopped_anywhere_is_not_the_best() -> None:
    found = sweep_of(
        point("calendar_N", "calendar_1", 1.0, N=1, gas=3),
        point("calendar_N", "calendar_1", None, N=1, gas=4),
        point("calendar_N", "calendar_2", 8.0, N=2, gas=3),
        point("calendar_N", "calendar_2", 9.0, N=2, gas=4),
    )
    assert best_of(found, "calendar_N") == ("calendar_2", True)
