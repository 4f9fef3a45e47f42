"""Calendars: slots, missed ones, flights, and changes of the clock."""

from datetime import UTC, datetime

from router.strategy.machine import advance
from router.strategy.schedule import Cron
from router.strategy.state import completed
from router.strategy.triggers import AnyOf, Calendar, Reason, TriggerSpec
from tests.unit.strategy.trigger_cases import HOUR, IN, OUT, START, Run, at, band, every


def test_calendar_fires_once_for_a_slot():
    run = Run(every(6))
    assert run.tick(5).reasons == (Reason.BEFORE_SLOT,)
    assert run.tick(6).causes == (f"trigger@{at(6).isoformat()}",)
    run.done(6)
    assert run.tick(6).reason is Reason.BEFORE_SLOT
    assert run.tick(11).reason is Reason.BEFORE_SLOT
    assert run.tick(12).fires


def test_moment_of_arming_is_no_slot():
    run = Run(every(6, anchor=START))
    assert not run.tick(0).fires
    assert run.tick(6).fires


def test_missed_slots_are_caught_up_once():
    run = Run(every(6))
    decision = run.tick(40)
    assert decision.fires
    assert decision.causes == (f"trigger@{at(36).isoformat()}",)
    run.done(40)
    assert not run.tick(41).fires
    assert run.tick(42).fires


def test_slot_later_than_its_grace_is_over():
    run = Run(every(6, grace=2))
    decision = run.tick(8.001)
    assert decision.reasons == (Reason.SLOT_MISSED, Reason.BEFORE_SLOT)
    assert decision.missed == (f"trigger@{at(6).isoformat()}",)
    assert run.tick(9).reasons == (Reason.BEFORE_SLOT,)
    assert run.tick(14).fires  # exactly as late as allowed


def test_slot_seen_in_time_outlasts_its_grace_while_a_gate_is_shut():
    run = Run(every(6, grace=1), cooldown=10 * HOUR)
    run.done(0)
    assert run.tick(6).reasons == (Reason.COOLDOWN,)
    assert run.tick(10).fires


def test_newer_slot_takes_the_place_of_one_that_waits():
    run = Run(every(6), cooldown=20 * HOUR)
    run.done(0)
    assert run.tick(6).causes == (f"trigger@{at(6).isoformat()}",)
    assert run.tick(18).causes == (f"trigger@{at(18).isoformat()}",)
    assert run.tick(20).fires
    run.done(20)
    assert not run.tick(23).fires


def test_slot_during_a_flight_is_met_when_it_completes():
    for sees_it in (True, False):
        run = Run(every(6))
        assert run.tick(6).fires
        if sees_it:
            assert run.tick(12).reason is Reason.IN_FLIGHT
        run.done(13)
        assert run.tick(14).reason is Reason.BEFORE_SLOT
        assert run.tick(18).fires


def test_slot_during_a_flight_that_failed_is_still_due():
    run = Run(every(6), retry_after=HOUR)
    run.tick(6)
    run.tick(12)
    run.broke(12.5)
    assert run.tick(13).reasons == (Reason.RETRY_WAIT,)
    decision = run.tick(13.5)
    assert (decision.causes, decision.attempt) == ((f"trigger@{at(12).isoformat()}",), 1)


def test_interval_that_restarts_counts_from_the_last_rebalance():
    run = Run(AnyOf((every(6, restart=True), band(0.1))))
    assert run.tick(4, OUT).fires
    run.done(4)
    assert not run.tick(6).fires
    assert run.tick(10).fires


def test_cron_fires_at_the_wall_time_on_both_sides_of_a_change():
    zurich = Calendar(Cron("0 9 * * *", "Europe/Zurich"))
    spec, state, fired = TriggerSpec(zurich), None, []
    for hour in range(24 * 4):
        now = datetime(2024, 3, 30, tzinfo=UTC) + hour * HOUR
        decision, state = advance(spec, state, IN, now)
        if decision.fires:
            fired.append(now.hour)
            state = completed(state, now)
    assert fired == [8, 7, 7, 7]
