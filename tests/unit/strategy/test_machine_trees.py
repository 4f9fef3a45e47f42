"""Trees of conditions: looks, branches, and what each fires for."""

from router.strategy.drift import DriftKind
from router.strategy.observation import Observation
from router.strategy.triggers import AllOf, AnyOf, Reason, Threshold
from tests.unit.strategy.trigger_cases import HOUR, IN, OUT, Run, at, band, every, seen


def test_slot_in_all_of_is_a_look_and_over_where_drift_is_within():
    run = Run(AllOf((every(6), band(0.1))))
    assert run.tick(5, OUT).reasons == (Reason.BEFORE_SLOT,)
    assert run.tick(6, IN).reasons == (Reason.WITHIN_BAND,)
    assert run.tick(7, OUT).reasons == (Reason.BEFORE_SLOT,)
    decision = run.tick(12, OUT)
    assert decision.causes == (f"trigger.of[0]@{at(12).isoformat()}", "trigger.of[1]#2")


def test_look_that_waits_for_a_gate_is_over_when_drift_falls_back():
    run = Run(AllOf((every(6), band(0.1))), cooldown=8 * HOUR)
    run.done(0)
    assert run.tick(6, OUT).reasons == (Reason.COOLDOWN,)
    assert run.tick(7, IN).reasons == (Reason.WITHIN_BAND,)
    assert run.tick(8, OUT).reasons == (Reason.BEFORE_SLOT,)


def test_look_in_a_branch_that_fails_is_over_though_the_tree_holds():
    run = Run(AnyOf((AllOf((every(6), band(0.2))), band(0.1))), cooldown=8 * HOUR)
    run.done(0)
    assert run.tick(6, seen(0.15)).causes == ("trigger.of[1]#1",)
    assert run.tick(7, seen(0.25)).causes == ("trigger.of[1]#1",)


def test_any_of_fires_for_either_and_names_both():
    run = Run(AnyOf((every(6), band(0.1))))
    assert run.tick(1, IN).reasons == (Reason.BEFORE_SLOT, Reason.WITHIN_BAND)
    assert run.tick(2, OUT).causes == ("trigger.of[1]#1",)
    run.done(2)
    assert run.tick(6, OUT).causes == (f"trigger.of[0]@{at(6).isoformat()}", "trigger.of[1]#2")


def test_two_calendars_in_all_of_need_one_tick_for_both():
    run = Run(AllOf((every(4), every(6))))
    assert [hour for hour in range(1, 25) if run.tick(hour).fires] == [12]


def test_band_by_asset_fires_for_that_asset_alone():
    run = Run(Threshold(DriftKind.ABSOLUTE, None, (("RISK", 0.1),)))
    assert not run.tick(0, Observation.of(("A", "CASH"), [0.25, 0.75], [0.5, 0.5])).fires
    assert run.tick(1, OUT).fires
