"""A trigger's journal on disk: one line for each look and each end, the last of which holds its state.

Lines are only ever added, under a lock, and reach the disk before anything acts on them. What an interrupted
write left behind the last whole line is dropped by the next one: nothing had been done about it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from router.errors import GuardRefused, InputError
from router.strategy.journal import End, Record, replay
from router.strategy.state import TriggerState

Line: TypeAlias = Record | End

_KINDS: dict[str, type[Record] | type[End]] = {each.SCHEMA: each for each in (Record, End)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line, replayed. `differences` is empty where everything is as recorded."""

    line: int
    record: Line
    differences: tuple[str, ...]


class TriggerJournal:
    """An open journal, which no other process can open meanwhile. Make one by `open_journal`."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self.lines = _read(file, name)

    @property
    def state(self) -> TriggerState | None:
        """After the last line; None in an empty journal."""
        return self.lines[-1].after if self.lines else None

    def add(self, record: Line) -> None:
        """Writes one line, to the disk."""
        self._file.seek(0)
        whole = self._file.read()
        self._file.truncate(whole.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)
        self._file.write(record.to_text().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines = (*self.lines, record)


@contextmanager
def open_journal(path: Path) -> Iterator[TriggerJournal]:
    """Opens, or begins, a journal.

    Raises:
        InputError: it can't be opened, or a line is not what was written; names file and line.
        GuardRefused: another process has it open.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror or error}", path=path.name) from None
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GuardRefused(f"{path.name}: another process has this journal open") from None
        yield TriggerJournal(file, path.name)


def replay_journal(path: Path) -> Iterator[Finding]:
    """Every line again: whether it gives what it gave, from the state that the line before it left.

    Raises:
        InputError: as `open_journal`.
    """
    if not path.is_file():
        raise InputError("no such file", path=path.name)
    with path.open("rb") as file:
        lines = _read(file, path.name)
    state: TriggerState | None = None
    for number, record in enumerate(lines, 1):
        found = replay(record).differences
        if record.before != state:
            found = ("before: is not the state that the line before left", *found)
        yield Finding(number, record, found)
        state = record.after


def _read(file: BinaryIO, name: str) -> tuple[Line, ...]:
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return tuple(_line(text, f"{name}: line {number}") for number, text in enumerate(whole.splitlines(), 1))


def _line(data: bytes, where: str) -> Line:
    try:
        text = data.decode()
        schema = json.loads(text)["schema"]
        kind = _KINDS[schema]
    except (ValueError, KeyError, TypeError):
        raise InputError("is no line of a trigger's journal", path=where) from None
    try:
        return kind.of_text(text)
    except InputError as error:
        raise InputError(error.message, path=f"{where}: {error.path}") from None
