"""The state machine: each condition, each gate, missed windows, retries, clocks, and the golden policies."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.drift import DriftKind
from router.strategy.machine import advance, next_due
from router.strategy.observation import Observation
from router.strategy.schedule import Cron, Interval
from router.strategy.state import arm, completed, failed, rearm
from router.strategy.triggers import AllOf, AnyOf, Calendar, Gates, Reason, Threshold, TriggerSpec
from tests.unit.strategy import recorded
from tests.unit.strategy.trigger_cases import HOUR, START, at, band, every, seen

OUT, IN = seen(0.25), seen(0.0)
ODD = 0.0625


class Run:
    """A machine with its state, at hours since the start."""

    def __init__(self, when, **gates):
        self.spec = TriggerSpec(when, Gates(**gates))
        self.state = arm(self.spec, START)

    def tick(self, hour, observation=IN):
        decision, self.state = advance(self.spec, self.state, observation, at(hour))
        return decision

    def done(self, hour):
        self.state = completed(self.state, at(hour))

    def broke(self, hour):
        self.state = failed(self.state, at(hour))


# Thresholds


@pytest.mark.parametrize(
    ("measure", "drift"),
    [(DriftKind.ABSOLUTE, ODD), (DriftKind.RELATIVE, 2 * ODD), (DriftKind.L1, 2 * ODD)],
)
def test_threshold_fires_strictly_beyond_its_band(measure, drift):
    run = Run(band(drift, measure))
    assert run.tick(0, seen(ODD)).reasons == (Reason.WITHIN_BAND,)
    assert run.tick(1, seen(np.nextafter(ODD, 1))).fires is False  # 0.5 + d rounds to the same weight
    decision = run.tick(2, seen(ODD + 2**-50))
    assert decision.fires
    assert decision.reason is Reason.FIRED
    assert decision.causes == ("trigger#1",)
    (reading,) = decision.readings
    assert (reading.measure, reading.band) == (measure, drift)
    assert reading.drift > drift


def test_band_of_zero_needs_some_drift():
    run = Run(band(0.0))
    assert not run.tick(0, IN).fires
    assert run.tick(1, seen(2**-40)).fires


def test_tracking_error_threshold_reads_the_covariance():
    run = Run(band(0.05, DriftKind.TRACKING_ERROR))
    calm, wild = ([[v, 0.0], [0.0, 0.0]] for v in (0.03, 0.05))
    assert not run.tick(0, seen(0.25, covariance=calm)).fires
    assert run.tick(1, seen(0.25, covariance=wild)).fires
    with pytest.raises(InputError, match="covariance"):
        run.tick(2, OUT)


def test_episode_that_ended_by_itself_makes_room_for_the_next():
    run = Run(band(0.1), cooldown=5 * HOUR)
    run.done(0)
    assert run.tick(1, OUT).causes == ("trigger#1",)
    assert run.tick(2, IN).reason is Reason.WITHIN_BAND
    assert run.tick(3, OUT).causes == ("trigger#2",)


def test_completed_rebalance_ends_the_episode_even_where_drift_stays():
    run = Run(band(0.1))
    assert run.tick(0, OUT).causes == ("trigger#1",)
    assert run.tick(1, OUT).reason is Reason.IN_FLIGHT
    run.done(1)
    assert run.tick(1, OUT).causes == ("trigger#2",)


# Calendars


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


# Trees


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


# Gates


def test_each_gate_holds_names_itself_and_opens():
    run = Run(band(0.1), cooldown=HOUR, min_trade=100.0, gas_ceiling_wei=50, max_price_age=HOUR)
    run.done(0)

    def look(hour, nav=1000.0, gas=50, age=1.0, drift=0.25):
        times = (at(hour - age), at(hour))
        return run.tick(hour, seen(drift, nav=nav, gas_price_wei=gas, priced_at=times))

    assert look(0.5).reasons == (Reason.COOLDOWN,)
    assert look(0.6, gas=51).reasons == (Reason.COOLDOWN, Reason.GAS_ABOVE_CEILING)
    assert look(1, nav=399.0).reasons == (Reason.TRADE_BELOW_MINIMUM,)
    decision = look(1.5, age=1.001)
    assert decision.reasons == (Reason.PRICES_STALE,)
    assert decision.causes == ("trigger#1",)
    assert look(2, nav=400.0, gas=50, age=1.0).fires


def test_cause_that_a_gate_held_fires_when_the_gate_opens_if_it_still_holds():
    run = Run(band(0.1), cooldown=4 * HOUR)
    run.done(0)
    assert run.tick(1, OUT).causes == ("trigger#1",)
    decision = run.tick(4, OUT)
    assert (decision.fires, decision.causes) == (True, ("trigger#1",))


def test_stale_prices_leave_a_look_open():
    run = Run(AllOf((every(6), band(0.1))), max_price_age=HOUR)
    old, new = ((at(3), at(6)), (at(7), at(7)))
    assert run.tick(6, seen(0.25, priced_at=old)).reasons == (Reason.PRICES_STALE,)
    assert run.tick(7, seen(0.25, priced_at=new)).fires


def test_stale_prices_are_no_reason_where_the_calendar_alone_decides():
    run = Run(AllOf((every(6), band(0.1))), max_price_age=HOUR)
    assert run.tick(5, seen(0.25, priced_at=(at(1), at(1)))).reasons == (Reason.BEFORE_SLOT,)


@pytest.mark.parametrize("kind", [AllOf, AnyOf])
def test_stale_prices_at_first_are_the_reason_though_no_cause_is_known(kind):
    run = Run(kind((band(0.1), band(0.2))), max_price_age=HOUR)
    decision = run.tick(5, seen(0.25, priced_at=(at(1), at(1))))
    assert (decision.reasons, decision.causes) == ((Reason.PRICES_STALE,), ())


def test_stale_prices_neither_begin_nor_end_an_episode():
    run = Run(band(0.1), max_price_age=HOUR, cooldown=9 * HOUR)
    run.done(0)
    assert run.tick(1, seen(0.25, priced_at=(at(1), at(1)))).causes == ("trigger#1",)
    assert run.tick(3, seen(0.0, priced_at=(at(1), at(1)))).causes == ("trigger#1",)
    assert run.tick(4, seen(0.0, priced_at=(at(4), at(4)))).causes == ()


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        ({"gas_ceiling_wei": 1}, "gas_price_wei"),
        ({"min_trade": 1.0}, "nav"),
        ({"max_price_age": HOUR}, "priced_at"),
    ],
)
def test_gate_without_its_figure_is_refused(gates, says):
    run = Run(band(0.1), **gates)
    before = run.state
    with pytest.raises(InputError, match=says):
        run.tick(1, OUT)
    assert run.state == before


# Failures, restarts and clocks


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


# What comes next


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


# The golden policies

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
