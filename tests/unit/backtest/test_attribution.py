"""A run's attribution: it sums to what the run earned."""

from __future__ import annotations

import numpy as np
import pytest

from router.backtest import Costs, run
from router.backtest.attribution import attribution_of, pooling_of
from tests.unit.backtest.series import COSTS, NAMES, prices_of, random_prices, study_of


@pytest.mark.parametrize("policy", NAMES)
@pytest.mark.parametrize("costs", COSTS)
def test_attribution_sums_to_what_was_earned_and_its_costs_are_the_bills(policy: str, costs: str) -> None:
    result = run(study_of(random_prices(4), costs=COSTS[costs]), policy)
    found = attribution_of(result)
    assert found.money.total == pytest.approx(result.final - 1e6, abs=1e-3)
    assert found.money.unexplained == 0
    assert found.money.fees == pytest.approx(-result.costs["fees"])
    assert found.money.impact == pytest.approx(-result.costs["impact"] - result.costs["market"])
    assert found.money.gas == pytest.approx(-result.costs["gas"])


def test_a_pool_of_one_asset_and_cash_loses_an_eighth_of_the_variance_at_equal_weights() -> None:
    result = run(study_of(random_prices(6, assets=1), (0.5,), COSTS["fees"]), "calendar_7")
    traded = attribution_of(result)
    found = pooling_of(result, traded)
    variance = np.log(result.study.prices.values[:, 0])
    assert found.loss_without_fee == pytest.approx(np.diff(variance).var(ddof=1) * 365 / 8)
    assert 0 < found.loss_to_arbitrageurs < found.loss_without_fee / 5
    assert found.trading_cost * traded.years == pytest.approx(-traded.growth.fees)
    free = run(study_of(random_prices(6, assets=1), (0.5,)), "calendar_7")
    assert pooling_of(free, attribution_of(free)).loss_to_arbitrageurs == pytest.approx(
        found.loss_without_fee
    )


def test_of_one_return_there_is_no_variance_to_lose() -> None:
    result = run(study_of(prices_of([[1.0], [2.0]]), (0.5,), Costs(fee_rate=0.01)), "hold")
    assert pooling_of(result, attribution_of(result)).loss_to_arbitrageurs == 0
