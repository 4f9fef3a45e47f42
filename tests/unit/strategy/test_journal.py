"""Records of a tick: what a replay finds, and what a record that was touched is refused for."""

import json
from dataclasses import replace

import pytest

from router.errors import InputError
from router.strategy.exact import digest_of
from router.strategy.journal import End, Ending, Record, end, replay, tick
from router.strategy.schedule import Cron
from router.strategy.state import arm, completed
from router.strategy.triggers import AnyOf, Calendar, Gates, Reason, TriggerSpec
from tests.unit.strategy.trigger_cases import HOUR, START, at, band, seen

SPEC = TriggerSpec(
    AnyOf((Calendar(Cron("0 9 * * MON", "Europe/Zurich"), 6 * HOUR), band(0.1))), Gates(cooldown=2 * HOUR)
)
STATE = completed(arm(SPEC, START), START)


def test_fired_and_held_ticks_replay_from_their_text():
    held, fired = tick(SPEC, STATE, seen(0.25), at(1)), tick(SPEC, STATE, seen(0.25), at(2))
    assert (held.decision.reason, fired.decision.reason) == (Reason.COOLDOWN, Reason.FIRED)
    for record in (held, fired):
        replayed = replay(Record.of_text(record.to_text()))
        assert replayed.differences == ()
        assert (replayed.decision, replayed.after) == (record.decision, record.after)


def test_first_tick_of_all_replays():
    assert replay(Record.of_text(tick(SPEC, None, seen(0.0), at(0)).to_text())).differences == ()


def test_replay_names_every_field_that_differs():
    record = tick(SPEC, STATE, seen(0.25), at(1))
    told = replace(
        record,
        decision=replace(record.decision, reasons=(Reason.GAS_ABOVE_CEILING,), causes=()),
        after=replace(record.after, episodes=7),
    )
    assert replay(told).differences == (
        "decision.causes: recorded [], replayed ['trigger.of[1]#1']",
        "decision.reasons[0]: recorded 'gas_above_ceiling', replayed 'cooldown'",
        "after.episodes: recorded '7', replayed '1'",
    )


def test_one_bit_of_drift_shows():
    record = tick(SPEC, STATE, seen(0.25), at(1))
    other = replace(record, observation=seen(0.25 + 2**-53))
    (difference,) = replay(other).differences
    assert difference.startswith("decision.readings[0].drift: recorded '0x1.0")


def forged(change):
    """A record altered by somebody who also puts the digest right."""
    document = json.loads(tick(SPEC, STATE, seen(0.25), at(1)).to_text())
    change(document["record"])
    document["digest"] = digest_of(document["record"])
    return json.dumps(document)


def test_record_of_impossible_values_is_refused_with_its_place():
    def change(record):
        record["spec"]["gates"]["max_attempts"] = "0"

    with pytest.raises(InputError, match=r"record\.spec\.gates\.max_attempts: should be at least 1"):
        Record.of_text(forged(change))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"cooldown"', '"fired"', "digest: is"),
        (Record.SCHEMA, "rebalance-trigger-record/4", "schema: should be"),
        ('"schema"', '"scheme"', "record: should hold schema, digest and record"),
        ("{", "", "record: is no JSON"),
    ],
)
def test_record_that_was_touched_is_refused(old, new, says):
    text = tick(SPEC, STATE, seen(0.25), at(1)).to_text()
    assert old in text
    with pytest.raises(InputError, match=says):
        Record.of_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": [], "digest": "", "record": {}}', r"schema: should be '.*', is \[\]"),
        (f'{{"schema": "{Record.SCHEMA}", "digest": "", "record": NaN}}', "record: is no JSON: NaN"),
        ("[" * 100_000, "record: is no JSON"),
    ],
    ids=["schema", "figure", "depth"],
)
def test_text_that_is_no_record_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        Record.of_text(text)


@pytest.mark.parametrize(("version", "lacks"), [(1, ("weighing", "accepted", "account")), (2, ("account",))])
def test_lines_of_earlier_versions_still_replay(version, lacks):
    document = json.loads(tick(SPEC, STATE, seen(0.25), at(1)).to_text())
    for name in lacks:
        assert document["record"].pop(name) is None
    document |= {"schema": f"rebalance-trigger-record/{version}", "digest": digest_of(document["record"])}
    record = Record.of_text(json.dumps(document))
    assert (record.weighing, record.accepted, record.account) == (None, None, None)
    assert replay(record).differences == ()
    document["record"]["decision"]["attempt"] = "5"
    with pytest.raises(InputError, match="digest: is"):
        Record.of_text(json.dumps(document))


def test_an_end_of_the_version_before_still_replays():
    document = json.loads(end(Ending.COMPLETED, STATE, at(1)).to_text())
    assert document["record"].pop("transaction") is None
    document |= {"schema": "rebalance-trigger-end/1", "digest": digest_of(document["record"])}
    ended = End.of_text(json.dumps(document))
    assert (ended.transaction, replay(ended).differences) == (None, ())


def test_an_altered_record_can_be_read_to_see_what_it_says():
    text = tick(SPEC, STATE, seen(0.25), at(1)).to_text()
    assert Record.of_any_text(text)[1] == ""
    record, altered = Record.of_any_text(text.replace('["cooldown"]', '["fired"]'))
    assert record.decision.reasons == (Reason.FIRED,)
    assert altered.startswith("is ")
    assert replay(record).differences == ("decision.reasons[0]: recorded 'fired', replayed 'cooldown'",)
