"""Conditions and gates: what each refuses, and how a threshold reads a drift."""

import math
from datetime import timedelta

import pytest

from router.errors import InputError
from router.strategy.drift import DriftKind, drift_of
from router.strategy.triggers import AllOf, AnyOf, Calendar, Gates, Reason, Threshold, leaves
from tests.unit.strategy.trigger_cases import band, every

ASSETS = ("A", "B", "C")
DRIFT = drift_of([0.5, 0.25, 0.25], [0.375, 0.375, 0.25])


@pytest.mark.parametrize(
    ("measure", "drift"),
    [
        (DriftKind.ABSOLUTE, 0.125),
        (DriftKind.RELATIVE, 1 / 3),
        (DriftKind.L1, 0.25),
        (DriftKind.L2, math.sqrt(1 / 32)),
    ],
)
def test_threshold_reads_its_own_measure(measure, drift):
    assert Threshold(measure, 0.1).reading(ASSETS, DRIFT) == (drift, 0.1)


def test_threshold_by_asset_reads_the_one_farthest_beyond_its_own_band():
    threshold = Threshold(DriftKind.ABSOLUTE, 0.25, (("B", 0.0625), ("C", 0.0)))
    assert threshold.reading(ASSETS, DRIFT) == (0.125, 0.0625)


def test_threshold_for_some_assets_is_blind_to_the_others():
    threshold = Threshold(DriftKind.RELATIVE, None, (("C", 0.0625),))
    assert threshold.reading(ASSETS, DRIFT) == (0.0, 0.0625)


def test_asset_without_a_target_is_beyond_any_relative_band_and_may_be_left_out_of_it():
    drift = drift_of([0.5, 0.5, 0.0], [1.0, 0.0, 0.0])
    assert band(1e9, DriftKind.RELATIVE).reading(ASSETS, drift) == (math.inf, 1e9)
    assert Threshold(DriftKind.RELATIVE, None, (("A", 0.25),)).reading(ASSETS, drift) == (0.5, 0.25)


def test_asset_that_is_neither_held_nor_wanted_has_no_drift():
    threshold = Threshold(DriftKind.ABSOLUTE, None, (("SOLD", 0.1),))
    assert threshold.reading(ASSETS, DRIFT) == (0.0, 0.1)
    assert Threshold(DriftKind.ABSOLUTE, 0.0625, (("SOLD", 0.1),)).reading(ASSETS, DRIFT) == (0.125, 0.0625)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((DriftKind.L1, None), "needs a band"),
        ((DriftKind.L1, 0.1, (("A", 0.1),)), "of the whole portfolio"),
        ((DriftKind.ABSOLUTE, -0.1), "share from 0 on, is -0.1"),
        ((DriftKind.ABSOLUTE, math.nan), "share from 0 on, is nan"),
        ((DriftKind.ABSOLUTE, None, (("A", math.inf),)), "share from 0 on, is inf"),
        ((DriftKind.ABSOLUTE, None, (("B", 0.1), ("A", 0.1))), "once, in order"),
        ((DriftKind.ABSOLUTE, None, (("A", 0.1), ("A", 0.2))), "once, in order"),
    ],
)
def test_impossible_threshold_is_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        Threshold(*arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cooldown", timedelta(hours=-1)),
        ("min_trade", -1.0),
        ("min_trade", math.nan),
        ("gas_ceiling_wei", -1),
        ("max_price_age", timedelta(seconds=-1)),
        ("retry_after", timedelta(seconds=-1)),
        ("max_attempts", 0),
    ],
)
def test_impossible_gate_is_refused_by_name(name, value):
    with pytest.raises(InputError) as caught:
        Gates(**{name: value})
    assert caught.value.path == name


def test_negative_grace_and_empty_tree_are_refused():
    with pytest.raises(InputError, match="grace: should not be negative"):
        every(1, grace=-1)
    for kind in (AllOf, AnyOf):
        with pytest.raises(InputError, match="of: needs at least one"):
            kind(())


def test_leaves_come_in_order_with_their_places():
    tree = AnyOf((every(1), AllOf((band(0.1), every(2)))))
    assert [place for place, _ in leaves(tree)] == [
        "trigger.of[0]",
        "trigger.of[1].of[0]",
        "trigger.of[1].of[1]",
    ]
    assert [type(leaf) for _, leaf in leaves(tree)] == [Calendar, Threshold, Calendar]
    assert list(leaves(band(0.1))) == [("trigger", band(0.1))]


def test_reason_codes_are_stable():
    assert [str(reason) for reason in Reason] == [
        "fired",
        "clock_backwards",
        "in_flight",
        "slot_missed",
        "attempts_exhausted",
        "before_slot",
        "within_band",
        "prices_stale",
        "retry_wait",
        "cooldown",
        "gas_above_ceiling",
        "trade_below_minimum",
    ]
