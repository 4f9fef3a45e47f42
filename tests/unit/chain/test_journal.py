"""The journal is on disk before anything is sent, whole or not at all, and one process at a time has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from router.chain.journal import Entry, Status, open_journal
from router.errors import GuardRefused

ACCOUNT = "0x" + "0a" * 20
ENTRY = Entry("execute", "0x" + "0b" * 20, "0x" + "01" * 32, 4, "0x" + "02" * 32, 90_000)


def file_of(folder: Path) -> Path:
    return folder / f"sent-1-{ACCOUNT}.json"


def test_an_intent_is_there_for_the_next_process(tmp_path: Path) -> None:
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        journal.intend(ENTRY)
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        assert journal.open_entries() == (ENTRY,)
        journal.settle(ENTRY.tx_hash, Status.MINED)
        assert journal.open_entries() == ()
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        assert [entry.status for entry in journal.with_data(ENTRY.data_hash, ENTRY.to)] == [Status.MINED]
        assert journal.with_data(ENTRY.data_hash, ACCOUNT) == ()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        journal.intend(ENTRY)
    assert file_of(tmp_path).stat().st_mode & 0o777 == 0o600


def test_accounts_and_chains_have_their_own(tmp_path: Path) -> None:
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        journal.intend(ENTRY)
        with open_journal(tmp_path, 2, ACCOUNT) as other:
            assert other.entries == ()


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from router.chain.journal import open_journal\n"
        f"with open_journal(pathlib.Path(sys.argv[1]), 1, {ACCOUNT!r}):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(GuardRefused, match="another process"), open_journal(tmp_path, 1, ACCOUNT):
            pass
        process.kill()
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        assert journal.entries == ()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 9, "entries": []}', '{"version": 1}'])
def test_a_journal_that_cannot_be_read_stops_everything(tmp_path: Path, content: str) -> None:
    file_of(tmp_path).write_text(content)
    with pytest.raises(GuardRefused, match="cannot be read"), open_journal(tmp_path, 1, ACCOUNT):
        pass


def test_a_disk_that_refuses_leaves_the_old_journal_whole(tmp_path: Path) -> None:
    with open_journal(tmp_path, 1, ACCOUNT) as journal:
        journal.intend(ENTRY)
        before = file_of(tmp_path).read_text()
        file_of(tmp_path).with_suffix(".new").mkdir()
        with pytest.raises(GuardRefused, match="nothing was sent"):
            journal.intend(ENTRY)
        assert len(journal.entries) == 1
    assert file_of(tmp_path).read_text() == before
