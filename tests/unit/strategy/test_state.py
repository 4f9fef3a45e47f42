"""A state through its text, and how rebalances end."""

import json

import pytest

from router.errors import InputError
from router.strategy.machine import advance
from router.strategy.state import Mark, TriggerState, arm, completed, failed, rearm, tree_digest
from router.strategy.triggers import AnyOf, Gates, TriggerSpec
from tests.unit.strategy.trigger_cases import START, at, band, every, seen

SPEC = TriggerSpec(AnyOf((every(6), band(0.1))))


def flying():
    return advance(SPEC, arm(SPEC, START), seen(0.25), at(7))[1]


def test_state_comes_back_from_its_text():
    for state in (arm(SPEC, START), flying(), failed(flying(), at(8.1)), completed(flying(), at(1 / 3))):
        assert TriggerState.of_text(state.to_text()) == state


def test_text_that_is_no_state_is_refused_with_its_place():
    plain = json.loads(flying().to_text())
    plain["marks"][1]["attempts"] = 1
    with pytest.raises(InputError, match=r"state\.marks\[1\]\.attempts: should be text"):
        TriggerState.of_text(json.dumps(plain))
    with pytest.raises(InputError, match="state: is no JSON"):
        TriggerState.of_text(flying().to_text()[:-1])


def test_completed_clears_what_waits_and_keeps_what_was_seen():
    state = completed(flying(), at(8))
    assert state.marks == (Mark(seen=at(6)), Mark())
    assert (state.flight, state.last_completed, state.episodes) == (None, at(8), 1)


def test_completion_told_late_never_takes_a_newer_one_back():
    assert completed(completed(flying(), at(8)), at(3)).last_completed == at(8)


def test_failed_keeps_what_waits():
    state = failed(flying(), at(8))
    assert [mark.attempts for mark in state.marks] == [1, 1]
    assert (state.flight, state.last_failed) == (None, at(8))


def test_rearmed_state_keeps_what_was_done():
    state = rearm(SPEC, flying(), at(2))
    assert (state.since, state.clock, state.marks) == (at(2), at(2), (Mark(), Mark()))
    assert (state.flight, state.episodes) == (flying().flight, 1)


def test_tree_digest_is_of_the_conditions_alone():
    assert tree_digest(SPEC.when) == tree_digest(TriggerSpec(SPEC.when, Gates(max_attempts=1)).when)
    assert tree_digest(band(0.1)) != tree_digest(band(0.1 + 2**-53))
    assert tree_digest(every(6)) != tree_digest(every(6, grace=1))
