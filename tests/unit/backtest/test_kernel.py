"""One rebalance: how it ends, and that machine code does as plain Python does."""

from __future__ import annotations

import numpy as np
import pytest

from router.backtest import Costs, FeeConvention, Impact, kernel, run
from tests.unit.backtest.series import COSTS, prices_of, study_of


def rebalanced(
    costs: Costs, units: list[float], landing: list[float], *, net: bool
) -> tuple[int, np.ndarray]:
    tables = costs.tables(tuple("ABC"[: len(units) - 1])).for_kernel()
    found = []
    for rebalance in (kernel.rebalance_in_python, kernel.rebalance):
        held, parts, traded = np.array(units, dtype=float), np.zeros(4), np.zeros(len(units) - 1)
        ended = rebalance(held, np.ones(len(units)), np.array(landing), tables, net, traded, parts)
        found.append((ended, held))
    (ended, held), (same, also) = found
    assert ended == same
    assert (held == also).all()
    return ended, held


def test_the_two_fee_conventions() -> None:
    """Buying 100 for a fee of 1 %: 100 / 1.01 net of it, or 100 and 1 from cash."""
    costs = Costs(fee_rate=0.01)
    assert rebalanced(costs, [0, 200], [0.5, 0.5], net=True)[1] == pytest.approx([100 / 1.01, 100])
    assert rebalanced(costs, [0, 200], [0.5, 0.5], net=False)[1] == pytest.approx([100, 99])
    assert rebalanced(costs, [200, 0], [0.5, 0.5], net=True)[1] == pytest.approx([200 - 100 / 0.99, 100])
    assert rebalanced(costs, [200, 0], [0.5, 0.5], net=False)[1] == pytest.approx([100, 99])


def test_gas_is_set_aside_first_or_paid_from_cash() -> None:
    costs = Costs(gas=20)
    assert rebalanced(costs, [0, 220], [0.5, 0.5], net=True)[1] == pytest.approx([100, 100])
    assert rebalanced(costs, [0, 220], [0.5, 0.5], net=False)[1] == pytest.approx([110, 90])


@pytest.mark.parametrize(
    ("costs", "units", "landing", "net", "ended"),
    [
        (Costs(gas=5), [50, 50], [0.5, 0.5], False, kernel.UNCHANGED),
        (Costs(gas=101), [60, 40], [0.5, 0.5], False, kernel.INSOLVENT),
        (Costs(gas=101), [60, 40], [0.5, 0.5], True, kernel.INSOLVENT),
        (Costs(fee_rate=0.01), [0, 100], [1.0, 0.0], False, kernel.UNAFFORDABLE),
        (Costs(gas=60), [10, 90], [0.5, 0.5], False, kernel.UNAFFORDABLE),
        (Costs(fee_rate=0.01), [0, 100], [1.0, 0.0], True, kernel.DONE),
        (Costs(impact=Impact(0.5, 1.0)), [100, 0], [0.0, 1.0], True, kernel.UNSELLABLE),
        (Costs(fee_rate=0.99), [100, 0], [0.995, 0.005], True, kernel.DONE),
    ],
)
def test_a_rebalance_ends_as_named_and_then_changes_nothing(
    costs: Costs, units: list[float], landing: list[float], net: bool, ended: int
) -> None:
    found, held = rebalanced(costs, units, landing, net=net)
    assert found == ended
    assert (held == units).all() == (ended != kernel.DONE)


@pytest.mark.parametrize("costs", [Costs(fee_rate=0.003), Costs(impact=Impact(0.3, 100.0)), COSTS["pools"]])
@pytest.mark.parametrize("net", [True, False])
@pytest.mark.parametrize("left", [0.0, 1e-9, 1e-4])
def test_never_is_more_sold_than_is_held(costs: Costs, net: bool, left: float) -> None:
    """Net of its cost a sale of nearly all would have to be larger than that: cash ends with less instead."""
    ended, held = rebalanced(costs, [60, 30, 0, 10], [left, 0.3, 0.0, 0.7 - left], net=net)
    sold = 60.0 if net else 60 - 100 * left
    paid = sold * float(costs.rates("A", np.array([-sold]))[0]) + costs.fixed + costs.leg("A")
    assert ended == kernel.DONE
    assert held == pytest.approx([60 - sold, 30, 0, 10 + sold - paid], abs=1e-9)
    assert held.min() >= 0


def test_what_is_bought_bears_what_a_sale_of_all_that_is_held_costs() -> None:
    """100 of A bring 99, which buy 99 / 1.01 of B; where C is kept, B and cash share the rest."""
    costs = Costs(fee_rate=0.01)
    assert rebalanced(costs, [100, 0, 0], [0.0, 1.0, 0.0], net=True)[1] == pytest.approx([0, 99 / 1.01, 0])
    held = rebalanced(costs, [60, 0, 30, 10], [0.0, 0.35, 0.3, 0.35], net=True)[1]
    assert held == pytest.approx([0, (69.4 / 2) / 1.01, 30, 69.4 / 2])


def test_an_edge_keeps_within_bounds_and_leaves_the_rest_to_cash() -> None:
    landing = np.zeros(4)
    targets, bounds = np.array([0.4, 0.3, 0.2, 0.1]), np.full(3, 0.05)
    kernel.landing_in_python(np.array([0.5, 0.32, 0.1, 0.08]), targets, bounds, kernel.TO_EDGE, landing)
    assert landing == pytest.approx([0.45, 0.32, 0.15, 0.08])


def test_an_edge_without_cash_lies_on_the_line_to_the_target() -> None:
    landing, bounds = np.zeros(3), np.full(2, 0.05)
    kernel.landing_in_python(
        np.array([0.7, 0.3, 0.0]), np.array([0.5, 0.5, 0.0]), bounds, kernel.TO_EDGE, landing
    )
    assert landing == pytest.approx([0.55, 0.45, 0])
    # Clipping would ask for 0.35 + 0.35 + 0.25 + 0.1 = 1.05.
    landing = np.zeros(5)
    weights, targets = np.array([0.36, 0.36, 0.26, 0.0, 0.02]), np.array([0.3, 0.3, 0.2, 0.15, 0.05])
    kernel.landing_in_python(weights, targets, np.full(4, 0.05), kernel.TO_EDGE, landing)
    assert landing == pytest.approx(targets + (weights - targets) / 3)
    assert landing.min() >= 0


def test_a_sale_that_costs_more_than_it_brings_stops_the_run() -> None:
    study = study_of(
        prices_of([[1.0], [50.0]]), (0.5,), Costs(impact=Impact(0.2, 1e5)), FeeConvention.NET_OF_FEE, 1e6
    )
    result = run(study, "calendar_1")
    assert result.stop is not None
    assert "unsellable" in result.stop.reason
    assert set(COSTS)  # every other test runs on costs that can be paid
