"""A run's attribution: it sums to what the run earned."""

from __future__ import annotations

import pytest

from router.backtest import run
from router.backtest.attribution import attribution_of
from tests.unit.backtest.series import COSTS, NAMES, random_prices, study_of


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
