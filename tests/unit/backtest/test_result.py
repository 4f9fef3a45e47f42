"""Everything a result says follows from its ledger: checked against figures worked out by hand, or anew."""

from __future__ import annotations

import numpy as np
import pytest

from router.backtest import Costs, FeeConvention, run
from tests.unit.backtest.series import COSTS, curves, prices_of, random_prices, study_of


def test_a_run_worked_out_by_hand() -> None:
    """Half in A at 10 with 1 % from cash and 2 of gas, A doubles, back to half."""
    study = study_of(prices_of([[10.0], [20.0]]), (0.5,), Costs(0.01, 2.0), FeeConvention.FEE_FROM_CASH, 1000)
    result = run(study, "calendar_1")
    # Row 0: 500 of A for 5 and 2; row 1: 1000 of A, 493 in cash: sells 253.5 for 2.535 and 2.
    assert result.equity == pytest.approx([993, 1493 - 4.535])
    assert result.weights[1] == pytest.approx([746.5 / 1488.465, 741.965 / 1488.465])
    assert result.drift == pytest.approx([500 / 993 - 0.5, 746.5 / 1488.465 - 0.5])
    assert result.costs == pytest.approx({"fees": 7.535, "impact": 0, "market": 0, "gas": 4})
    assert result.turnover == pytest.approx(0.5 + 253.5 / 1493)
    assert result.rebalances == 2
    assert [str(trade) for trade in result.trades] == [
        "2021-01-01 00:00 bought 50 A at 10",
        "2021-01-02 00:00 sold 12.675 A at 20",
    ]
    assert result.trades[1].value == pytest.approx(-253.5)
    assert result.cost_per_year == pytest.approx(11.535 / 1000 / (2 / 365))


def test_the_tracking_error_is_that_of_the_weights_held() -> None:
    result = run(study_of(random_prices(1), costs=COSTS["fees"]), "abs_band_0.03")
    covariance = (
        np.cov(np.diff(result.study.prices.values, axis=0).T / result.study.prices.values[:-1].T) * 365
    )
    deviations = (result.weights - result.study.weights)[:, :-1]
    squares = [row @ covariance @ row for row in deviations]
    assert result.tracking_error == pytest.approx(np.sqrt(np.mean(squares)))
    objective = 1.5 * np.mean(squares) + result.cost / 1e6 / (120 / 365)
    assert result.objective == pytest.approx(objective)
    assert result.metrics["objective_bps_per_year"] == pytest.approx(objective * 1e4)


def test_metrics_are_those_of_the_equity() -> None:
    result = run(study_of(prices_of([[1.0], [2.0], [0.5], [4.0]]), (1.0,)), "hold")
    assert result.equity == pytest.approx([1e6, 2e6, 5e5, 4e6])
    metrics = result.metrics
    assert metrics["max_drawdown"] == pytest.approx(0.75)
    assert metrics["growth_per_year"] == pytest.approx(np.log(4) / (4 / 365))
    assert metrics["volatility"] == pytest.approx(np.std(np.log([2, 0.25, 8])) * np.sqrt(365))
    assert metrics["max_drift"] == 0


def test_the_first_purchase_is_part_of_the_worst_fall() -> None:
    result = run(study_of(prices_of([[1.0], [0.5]]), (1.0,), Costs(fee_rate=0.25)), "hold")
    assert result.metrics["max_drawdown"] == pytest.approx(1 - 0.5 / 1.25)


def test_trades_beyond_the_depth_of_the_market_are_counted() -> None:
    prices = prices_of([[1.0], [3.0]])
    shallow = study_of(prices, (0.5,), Costs(market=curves("A", 1e6)))
    assert run(shallow, "calendar_1").beyond_depth == 0
    shallow = study_of(prices, (0.5,), Costs(market=curves("A", 5e5)))
    assert run(shallow, "calendar_1").beyond_depth == 1


def test_a_run_that_stopped_says_when_and_why() -> None:
    result = run(study_of(random_prices(4), costs=Costs(gas=9e4)), "calendar_1")
    assert result.stop is not None
    assert result.stop.row == result.rows - 1 < 20
    assert "insolvent" in result.stop.reason
    assert "stopped: insolvent" in repr(result)
