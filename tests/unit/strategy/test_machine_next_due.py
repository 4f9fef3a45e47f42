"""What comes next, as far as it is known."""

from router.strategy.machine import next_due
from router.strategy.triggers import AllOf, AnyOf
from tests.unit.strategy.trigger_cases import HOUR, OUT, Run, at, band, every, seen


def test_next_due_of_a_calendar_is_its_slot():
    run = Run(every(6))
    run.tick(1)
    due = next_due(run.spec, run.state, at(2))
    assert (due.at, due.slot, due.waiting, due.in_flight) == (at(6), at(6), (), False)
    assert next_due(run.spec, None, at(2)).at == at(8)


def test_next_due_of_a_threshold_is_none_until_drift_leaves():
    run = Run(AnyOf((band(0.1),)), cooldown=10 * HOUR)
    assert next_due(run.spec, run.state, at(0)).at is None
    run.done(0)
    run.tick(1, OUT)
    due = next_due(run.spec, run.state, at(2))
    assert (due.at, due.waiting) == (at(10), ("trigger.of[0]#1",))


def test_next_due_of_two_calendars_at_once_is_where_they_meet():
    run = Run(AllOf((every(4), every(6))))
    due = next_due(run.spec, run.state, at(0))
    assert (due.at, due.slot) == (at(12), at(4))


def test_next_due_in_flight_is_unknown():
    run = Run(every(6))
    run.tick(6)
    due = next_due(run.spec, run.state, at(7))
    assert (due.at, due.slot, due.in_flight) == (None, at(12), True)


def test_next_due_is_the_end_of_a_cooldown_however_many_slots_pass_meanwhile():
    run = Run(every(1 / 12), cooldown=24 * HOUR)
    run.done(0)
    run.tick(1)
    assert next_due(run.spec, run.state, at(1)).at == at(24)


def test_next_due_looks_past_any_number_of_slots_that_cannot_matter():
    often = every(0.25)
    run = Run(AnyOf((AllOf((often, band(0.1))), every(720))))
    run.tick(1)
    due = next_due(run.spec, run.state, at(1))
    assert (due.at, due.slot) == (at(720), at(1.25))
    run = Run(AllOf((often, every(720))))
    assert next_due(run.spec, run.state, at(0)).at == at(720)


def test_next_due_is_unknown_while_only_another_look_can_open_a_gate():
    run = Run(AnyOf((every(6), band(0.1))), gas_ceiling_wei=50)
    dear = run.tick(1, seen(0.25, gas_price_wei=51))
    due = next_due(run.spec, run.state, at(1), dear.reasons)
    assert (due.at, due.slot, due.waiting) == (None, at(6), ("trigger.of[1]#1",))
