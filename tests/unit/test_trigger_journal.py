"""A trigger's journal on disk: looks and ends in order, replayed, and what an interrupted write leaves."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router.errors import GuardRefused, InputError, Unsolved
from router.strategy.drift import DriftKind
from router.strategy.journal import Accepted, Ending, Record, end, tick
from router.strategy.observation import Observation
from router.strategy.schedule import Interval
from router.strategy.state import TriggerState
from router.strategy.triggers import AnyOf, Calendar, Reason, Threshold, TriggerSpec
from router.trigger_journal import TriggerJournal, open_journal, read_accepted, replay_journal, solver_here

SPEC = TriggerSpec(Threshold(DriftKind.ABSOLUTE, 0.05))
WEEKLY = TriggerSpec(AnyOf((Calendar(Interval(timedelta(days=7))), SPEC.when)))
START = datetime(2024, 1, 1, tzinfo=UTC)


def look(state: TriggerState | None, weight: float, hours: float, spec: TriggerSpec = SPEC) -> Record:
    seen = Observation(("A", "B"), (weight, 1 - weight), (0.5, 0.5))
    return tick(spec, state, seen, START + timedelta(hours=hours))


def fill(path: Path) -> None:
    with open_journal(path) as journal:
        journal.add(look(journal.state, 0.52, 0))
        journal.add(look(journal.state, 0.6, 1))
        journal.add(end(Ending.COMPLETED, _state(journal), START + timedelta(hours=2)))
        journal.add(look(journal.state, 0.51, 3))


def _state(journal: TriggerJournal) -> TriggerState:
    assert journal.state is not None
    return journal.state


def test_a_journal_goes_on_from_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    with open_journal(path) as journal:
        assert len(journal.lines) == 4
        assert journal.state == journal.lines[-1].after
        assert _state(journal).last_completed == START + timedelta(hours=2)
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_line_replays_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    found = list(replay_journal(path))
    assert [each.differences for each in found] == [()] * 4


def test_a_line_left_out_is_found(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    found = [each.differences for each in replay_journal(path)]
    assert found[:2] == [(), ()]
    assert found[2] == ("before: is not the state that the line before left",)


def test_an_altered_line_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    path.write_text(path.read_text().replace("0x1.3333333333333p-1", "0x1.4000000000000p-1", 1))
    with pytest.raises(InputError, match=r"trigger\.jsonl: line 2: digest"), open_journal(path):
        pass


@pytest.mark.parametrize("rest", ['{"schema": "rebal', "", "\xff"])
def test_what_an_interrupted_write_left_is_dropped_by_the_next(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    with path.open("a", encoding="latin-1") as file:
        file.write(rest)
    with open_journal(path) as journal:
        assert len(journal.lines) == 4
        journal.add(look(journal.state, 0.5, 4))
    assert [each.differences for each in replay_journal(path)] == [()] * 5


def test_a_replay_names_line_and_field_of_what_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('"reasons":["fired"]', '"reasons":["cooldown"]')
    lines[2] = lines[2].replace("T02:00:00.000000", "T02:00:00.000001")
    path.write_text("".join(lines))
    first, second, third, fourth = (each.differences for each in replay_journal(path))
    assert (first, fourth) == ((), ("before: is not the state that the line before left",))
    assert second[0].startswith("digest: is ")
    assert second[1:] == ("decision.reasons[0]: recorded 'cooldown', replayed 'fired'",)
    assert third[0].startswith("digest: is ")


def test_what_a_weighing_depends_on_is_named_and_stays() -> None:
    told = solver_here()
    assert told == solver_here()
    for name in ("router", "clarabel", "numpy", "SIMD", "Python"):
        assert any(each.startswith(f"{name} ") for each in told)


def test_a_processor_that_blas_has_other_loops_for_is_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solver_here.cache_clear()
    here = solver_here()
    other = {"user_api": "blas", "architecture": "Sandybridge"}
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: [other, {"user_api": "openmp"}])
    solver_here.cache_clear()
    assert [each for each in solver_here() if each not in here] == [
        next(each for each in solver_here() if each.startswith("BLAS ") and each.endswith(" Sandybridge"))
    ]
    solver_here.cache_clear()


def test_prices_of_another_number_of_assets_are_refused() -> None:
    with pytest.raises(InputError, match=r"accepted\.prices: has 3 entries for 2 assets"):
        replace(look(None, 0.5, 0), accepted=Accepted("A", (1.0, 2.0, 3.0)))


def test_lines_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(InputError, match="line 1: is no line of a trigger's journal"), open_journal(path):
        pass
    path.write_text('{"schema": "rebalance-plan/1"}\n')
    with pytest.raises(InputError, match="line 1: is no line of a trigger's journal"), open_journal(path):
        pass


def test_two_processes_never_have_it_open_at_once(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    with open_journal(path), pytest.raises(GuardRefused, match="another process"), open_journal(path):
        pass


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"), open_journal(tmp_path / "no" / "x.jsonl"):
        pass
    with pytest.raises(InputError, match="no such file"):
        list(replay_journal(tmp_path / "x.jsonl"))


def test_a_drift_that_was_declined_fires_again_and_costs_no_attempt() -> None:
    fired = look(None, 0.6, 0)
    for hours in range(1, 6):
        assert fired.decision.fires
        assert fired.decision.attempt == 1
        declined = end(Ending.DECLINED, fired.after, fired.now)
        fired = look(declined.after, 0.6, hours)


def test_a_slot_that_was_declined_is_over() -> None:
    first = look(None, 0.5, 0, WEEKLY)
    fired = look(first.after, 0.5, 24 * 7 + 1, WEEKLY)
    assert fired.decision.fires
    declined = end(Ending.DECLINED, fired.after, fired.now)
    again = look(declined.after, 0.5, 24 * 7 + 2, WEEKLY)
    assert not again.decision.fires
    assert Reason.BEFORE_SLOT in again.decision.reasons
    assert look(again.after, 0.5, 24 * 14 + 1, WEEKLY).decision.fires


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.DECLINED])
def test_what_was_never_begun_cannot_end(ending: Ending) -> None:
    with pytest.raises(InputError, match="no rebalance is in flight"):
        end(ending, look(None, 0.5, 0).after, START)


def test_a_journal_s_name_reaches_the_disk_with_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    fill(tmp_path / "trigger.jsonl")
    assert synced == [True, False, False, False, False]
    synced.clear()
    with open_journal(tmp_path / "trigger.jsonl") as journal:
        journal.add(look(journal.state, 0.5, 4))
    assert synced == [False]


def test_a_disk_that_does_not_take_a_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with open_journal(path) as journal:
        with pytest.raises(GuardRefused, match=r"trigger\.jsonl: No space left on device"):
            journal.add(look(journal.state, 0.5, 4))
        assert len(journal.lines) == 4


def test_what_is_no_regular_file_is_refused_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: is no regular file"), open_journal(tmp_path / "pipe"):
        pass


def test_a_file_that_cannot_be_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with (
        pytest.raises(InputError, match=r"trigger\.jsonl: cannot be locked: No locks available"),
        open_journal(tmp_path / "trigger.jsonl"),
    ):
        pass


@pytest.mark.parametrize("text", ["", '{"digest":'])
def test_a_journal_without_a_line_is_not_said_to_hold(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trigger.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=r"trigger\.jsonl: holds no look yet"):
        list(replay_journal(path))


def test_prices_are_held_to_no_journal_without_a_look(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    path.touch()
    with pytest.raises(InputError, match=r"trigger\.jsonl: holds no look yet; `status --journal` begins it"):
        read_accepted(path, "A", ["A"])


def test_a_weighing_that_is_not_solved_again_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trigger.jsonl"
    fill(path)

    def unsolved(*_: object) -> None:
        raise Unsolved("stopped at its limit")

    monkeypatch.setattr("router.trigger_journal.replay", unsolved)
    with pytest.raises(Unsolved, match=r"trigger\.jsonl: line 1: stopped at its limit"):
        list(replay_journal(path))
