"""Recorded policies fire on the days on which other backtesters trade."""

import numpy as np
import pytest

from router.strategy.drift import DriftKind
from router.strategy.machine import advance
from router.strategy.observation import Observation
from router.strategy.schedule import Interval
from router.strategy.state import arm, completed
from router.strategy.triggers import AllOf, Calendar, Threshold, TriggerSpec
from tests.unit.strategy import recorded
from tests.unit.strategy.trigger_cases import HOUR, START, at, band

TARGETS = np.array([0.4, 0.3, 0.2, 0.1])
GOLDEN = {
    "calendar_30": (lambda: rows(30), 2133924.9171203915, 37),
    "abs_band_0.05": (lambda: band(0.05), 2073970.291961826, 20),
    "rel_band_0.25": (lambda: not_cash(0.25), 2230676.241869343, 16),
    "hybrid_7_0.05": (lambda: AllOf((rows(7), band(0.05))), 2196198.8445005678, 19),
}
"""Final value and number of rebalances, the first purchase among them, without fees."""


def rows(count):
    """Every so many rows, where one row is one hour whatever day it is of."""
    return Calendar(Interval(count * HOUR, START))


def not_cash(width):
    """bt's relative band looks at the assets that it trades; cash, the smallest target, would fire most."""
    return Threshold(DriftKind.RELATIVE, None, tuple((name, width) for name in ("BTC", "ETH", "LINK")))


@pytest.mark.parametrize("policy", GOLDEN)
def test_recorded_policies_fire_as_other_backtesters_do(policy):
    tree, final, count = GOLDEN[policy]
    _, assets, prices = recorded.closes()
    spec = TriggerSpec(tree())
    state, holdings, fired = arm(spec, START), 1e6 * TARGETS / prices[0], 1
    for row in range(1, len(prices)):
        values = holdings * prices[row]
        observation = Observation.of(assets, values / values.sum(), TARGETS)
        decision, state = advance(spec, state, observation, at(row))
        if decision.fires:
            holdings = values.sum() * TARGETS / prices[row]
            state = completed(state, at(row))
            fired += 1
    assert fired == count
    assert float((holdings * prices[-1]).sum()) == pytest.approx(final, rel=1e-12)
