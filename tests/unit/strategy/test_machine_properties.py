"""What holds for every trigger, through any mix of ticks, restarts, failures and clocks."""

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.strategy.journal import Record, replay, tick
from router.strategy.machine import advance, next_due
from router.strategy.state import TriggerState, arm, completed, failed
from router.strategy.triggers import Reason
from tests.unit.strategy.trigger_cases import HOUR, START, at, drifts, observations, seen, specs

many = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
events = st.lists(
    st.sampled_from(["tick", "tick", "tick", "restart", "complete", "fail"]), min_size=5, max_size=30
)


@st.composite
def runs(draw):
    """A spec, its ticks as records, and how often each cause had been said to fail before each."""
    spec = draw(specs)
    state, now, records, failures = arm(spec, START), START, [], Counter()
    for event in draw(events):
        now += draw(st.sampled_from([0, 0.5, 1, 1, 2, 7, -1, -3])) * HOUR
        if event == "restart":
            state = TriggerState.of_text(state.to_text())
        elif event == "complete":
            state = completed(state, now)
        elif event == "fail" and state.flight is not None:
            failures.update(state.flight.causes)
            state = failed(state, now)
        record = tick(spec, state, draw(observations(now)), now)
        records.append((record, Counter(failures)))
        state = record.after
    return spec, records


@many
@given(runs())
def test_no_cause_fires_twice_but_for_its_failures_and_no_gate_is_passed_shut(run):
    spec, records = run
    fired = Counter()
    for record, failures in records:
        check_reasons(record)
        if record.decision.fires:
            check_gates(spec.gates, record)
            assert 1 <= record.decision.attempt <= spec.gates.max_attempts
            fired.update(record.decision.causes)
            for cause in record.decision.causes:
                assert fired[cause] <= 1 + failures[cause]
                assert fired[cause] <= spec.gates.max_attempts


def check_reasons(record):
    before, decision, after = record.before, record.decision, record.after
    assert decision.fires == (decision.reasons == (Reason.FIRED,))
    assert len(set(decision.reasons)) == len(decision.reasons) > 0
    if decision.fires:
        assert decision.causes == after.flight.causes
        assert before.flight is None
    elif decision.reason is Reason.CLOCK_BACKWARDS:
        assert after == before
    elif before.flight is not None:
        assert decision.reason is Reason.IN_FLIGHT


def check_gates(gates, record):
    before, look, now = record.before, record.observation, record.now
    assert gates.gas_ceiling_wei is None or look.gas_price_wei <= gates.gas_ceiling_wei
    assert gates.max_price_age is None or look.price_age(now) <= gates.max_price_age
    assert gates.min_trade is None or look.traded(look.drift()) >= gates.min_trade
    if gates.cooldown is not None and before.last_completed is not None:
        assert now >= before.last_completed + gates.cooldown
    if before.last_failed is not None:
        assert now >= before.last_failed + gates.retry_after


@many
@given(runs())
def test_every_tick_replays_bit_for_bit_from_its_text(run):
    for record, _ in run[1]:
        text = record.to_text()
        again = Record.of_text(text)
        replayed = replay(again)
        assert replayed.differences == ()
        assert (again, replayed.decision, replayed.after) == (record, record.decision, record.after)
        assert again.to_text() == text


@st.composite
def steady(draw):
    """A trigger with gates of time alone, and drift and outcomes that change on the hour."""
    spec = draw(specs)
    gates = replace(spec.gates, min_trade=None, gas_ceiling_wei=None, max_price_age=None)
    path = [draw(drifts) for _ in range(30)]
    outcomes = draw(st.lists(st.sampled_from([completed, failed, None]), min_size=30, max_size=30))
    return replace(spec, gates=gates), path, outcomes


def played(spec, path, outcomes, between):
    """Decisions on the hour, where drift changes and rebalances end, and the state after all."""
    state, decisions = arm(spec, START), []
    for hour, drift in enumerate(path):
        ending = [outcomes[hour], None]
        for outcome in ending:
            decision, state = advance(spec, state, seen(drift), at(hour))
            decisions.append(decision)
            if outcome and state.flight:
                state = outcome(state, at(hour))
        for part in between.get(hour, ()):
            extra, state = advance(spec, state, seen(drift), at(hour + part))
            assert not extra.fires
    return decisions, replace(state, clock=START)


@many
@given(steady(), st.dictionaries(st.integers(0, 29), st.sets(st.sampled_from([0.25, 0.5, 0.75]))))
def test_more_ticks_than_the_moments_that_matter_change_no_decision(case, extra):
    between = {hour: sorted(parts) for hour, parts in extra.items()}
    assert played(*case, {}) == played(*case, between)


@many
@given(steady(), st.integers(1, 29), st.sampled_from([0, 0.5, 3]))
def test_next_due_is_when_it_fires_if_nothing_else_changes(case, hour, later):
    spec, path, outcomes = case
    state = arm(spec, START)
    for each in range(hour):
        decision, state = advance(spec, state, seen(path[each]), at(each))
        if outcomes[each] and state.flight:
            state = outcomes[each](state, at(each))
    _, state = advance(spec, state, seen(path[hour]), at(hour))
    now = at(hour + later)
    due = next_due(spec, state, now)
    assert due.in_flight == (state.flight is not None)
    if due.in_flight:
        assert due.at is None
        return
    horizon = [now, *(at(each) for each in range(hour, hour + 60) if at(each) > now)]
    for moment in horizon:
        decision, state = advance(spec, state, seen(path[hour]), moment)
        if decision.fires:
            assert due.at == moment
            return
    assert due.at is None or due.at > horizon[-1]
