"""Failures, retries, rebalances by hand, restarts, and clocks that go back."""

from datetime import datetime, timedelta

import pytest

from router.errors import InputError
from router.strategy.machine import advance
from router.strategy.state import arm, failed, rearm
from router.strategy.triggers import AllOf, AnyOf, Gates, Reason, TriggerSpec
from tests.unit.strategy.trigger_cases import HOUR, IN, OUT, START, Run, at, band, every, seen


def test_failed_cause_is_tried_again_up_to_its_bound():
    run = Run(band(0.1), max_attempts=3, retry_after=HOUR)
    for attempt in (1, 2, 3):
        hour = 2.0 * attempt
        assert run.tick(hour, OUT).attempt == attempt
        run.broke(hour + 0.5)
        assert run.tick(hour + 1.25, OUT).fires is False
    assert run.tick(9, OUT).reasons == (Reason.ATTEMPTS_EXHAUSTED,)
    assert run.tick(10, IN).reason is Reason.WITHIN_BAND
    assert run.tick(11, OUT).attempt == 1


def test_slot_that_failed_too_often_gives_way_to_the_next():
    run = Run(every(6), max_attempts=1, retry_after=timedelta())
    assert run.tick(6).fires
    run.broke(6)
    assert run.tick(7).reasons == (Reason.ATTEMPTS_EXHAUSTED,)
    assert run.tick(8).reasons == (Reason.ATTEMPTS_EXHAUSTED,)
    assert run.tick(12).attempt == 1


def test_slot_that_failed_too_often_is_no_look_for_a_later_episode():
    run = Run(AllOf((every(6), band(0.1))), max_attempts=1, retry_after=timedelta())
    assert run.tick(6, OUT).fires
    run.broke(6)
    run.tick(7, IN)
    assert run.tick(8, OUT).reasons == (Reason.ATTEMPTS_EXHAUSTED,)


def test_rebalance_by_hand_after_a_failure_ends_the_wait_for_a_retry():
    run = Run(band(0.1), retry_after=5 * HOUR)
    run.tick(1, OUT)
    run.broke(1)
    run.done(2)
    assert run.tick(3, OUT).attempt == 1


def test_exhausted_drift_is_still_out_where_a_look_asks():
    run = Run(AllOf((every(6), band(0.1))), max_attempts=1, retry_after=timedelta())
    assert run.tick(6, OUT).fires
    run.broke(6)
    assert run.tick(7, OUT).reasons == (Reason.ATTEMPTS_EXHAUSTED,)
    assert run.tick(12, OUT).causes == (f"trigger.of[0]@{at(12).isoformat()}",)


def test_retry_is_dropped_when_drift_falls_back():
    run = Run(AllOf((every(6), band(0.1))), retry_after=HOUR)
    assert run.tick(6, OUT).fires
    run.broke(6.5)
    assert run.tick(7, IN).reasons == (Reason.WITHIN_BAND,)
    assert run.tick(8, OUT).reasons == (Reason.BEFORE_SLOT,)


def test_failure_of_nothing_is_refused():
    with pytest.raises(InputError, match="no rebalance is in flight"):
        failed(arm(TriggerSpec(band(0.1)), START), START)


def test_rebalance_by_hand_meets_what_waits_and_starts_the_cooldown():
    run = Run(AnyOf((every(6), band(0.1))), cooldown=HOUR, gas_ceiling_wei=0)
    assert run.tick(6, seen(0.25, gas_price_wei=1)).causes
    run.done(7)
    assert run.tick(7.5, seen(0.0, gas_price_wei=0)).causes == ()
    assert run.tick(7.5, seen(0.25, gas_price_wei=0)).reasons == (Reason.COOLDOWN,)


def test_nothing_is_decided_while_the_clock_stands_before_the_last_tick():
    run = Run(AnyOf((every(6), band(0.1))))
    run.tick(13, IN)
    before = run.state
    assert run.tick(12.999, OUT).reasons == (Reason.CLOCK_BACKWARDS,)
    assert run.state == before
    assert run.tick(13, OUT).reason is Reason.IN_FLIGHT


def test_rearmed_machine_goes_on_by_the_clock_put_right_and_keeps_its_flight():
    run = Run(every(6))
    assert run.tick(1000).fires
    run.state = rearm(run.spec, run.state, at(7))
    assert run.tick(8).reason is Reason.IN_FLIGHT
    run.broke(8)
    assert run.tick(9).reason is Reason.BEFORE_SLOT
    assert run.tick(13).fires


def test_other_conditions_rearm_and_other_gates_do_not():
    run = Run(every(6))
    assert run.tick(6).fires
    run.spec = TriggerSpec(run.spec.when, Gates(max_attempts=1))
    run.broke(6)
    assert run.tick(7).reason is Reason.ATTEMPTS_EXHAUSTED
    run.spec = TriggerSpec(every(5))
    assert run.tick(8).reason is Reason.BEFORE_SLOT
    assert run.state.since == at(8)
    assert run.tick(13).fires


def test_episodes_are_never_numbered_twice():
    run = Run(band(0.1))
    first = run.tick(1, OUT).causes
    run.broke(1)
    run.spec = TriggerSpec(band(0.11), Gates(retry_after=timedelta()))
    assert run.tick(2, OUT).causes != first


def test_naive_time_is_refused():
    with pytest.raises(InputError, match="now: should carry a time zone"):
        advance(TriggerSpec(band(0.1)), None, IN, datetime(2024, 1, 1))
