"""A trigger's journal on disk: one line for each look and each end, the last of which holds its state.

Lines are only ever added, under a lock, and reach the disk before anything acts on them. What an interrupted
write left behind the last whole line is dropped by the next one: nothing had been done about it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import FileIO
from itertools import pairwise, takewhile
from pathlib import Path
from platform import machine, python_version, system
from stat import S_ISREG
from typing import TypeAlias, overload

import numpy as np

from router.errors import GuardRefused, InputError, Unsolved
from router.strategy import decision
from router.strategy.exact import digest_of
from router.strategy.feeds import PriceReading
from router.strategy.journal import End, Record, Replay, replay
from router.strategy.state import TriggerState
from router.tokens import Address

Line: TypeAlias = Record | End

_KINDS: dict[str, type[Record] | type[End]] = {
    schema: kind for kind in (Record, End) for schema in (kind.SCHEMA, *kind.EARLIER)
}
_AS_WRITTEN = re.compile(rb'\{"digest":"(?P<digest>\w+)","record":(?P<record>.*),"schema":"[^"]*"\}\n')
"""A line as `to_text` gives it, whose record need not be parsed to be digested."""
NO_LOOK = "holds no look yet; `status --journal` begins it"
_SOURCE = "the journal"
_SOLVERS = ("clarabel", "numpy", "scipy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line, replayed. `differences` is empty where everything is as recorded."""

    line: int
    record: Line
    replayed: Replay
    differences: tuple[str, ...]


class _Lines(Sequence[Line]):
    """Lines whose digests are right, read again and decoded when they are asked for: a journal grows, and its
    end is what counts.

    Attributes:
        end: of the last whole line, in bytes.

    Raises:
        InputError: a digest that is not the record's; names file and line.
    """

    def __init__(self, handle: int, name: str) -> None:
        self._handle, self._name, self._ends = handle, name, [0]
        with open(handle, "rb", closefd=False) as file:
            for number, text in _numbered(file):
                _check_digest(text, self._place(number))
                self.append(len(text))

    @property
    def end(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        place = range(len(self))[index]
        start, end = self._ends[place : place + 2]
        return _line(os.pread(self._handle, end - start, start), self._place(place + 1))[0]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def with_text(self, text: str) -> Iterator[Line]:
        """Lines that hold this text, decoding no others."""
        for place, (start, end) in enumerate(pairwise(self._ends)):
            if text.encode() in os.pread(self._handle, end - start, start):
                yield self[place]

    def append(self, length: int) -> None:
        self._ends.append(self.end + length)

    def _place(self, number: int) -> str:
        return f"{self._name}: line {number}"


class TriggerJournal:
    """An open journal, which no other process can open meanwhile. Make one by `open_journal`."""

    def __init__(self, file: FileIO, name: str) -> None:
        self._file, self._name = file, name
        self._lines = _Lines(file.fileno(), name)

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    @property
    def state(self) -> TriggerState | None:
        """After the last line; None in an empty journal."""
        return self.lines[-1].after if self.lines else None

    def tells_of(self, transaction: str) -> bool:
        """Whether a rebalance was completed here by this transaction."""
        found = self._lines.with_text(transaction)
        return any(isinstance(line, End) and line.transaction == transaction for line in found)

    def add(self, record: Line) -> None:
        """Writes one line, to the disk.

        Raises:
            GuardRefused: the disk did not take it; the journal is as it was.
        """
        text, kept = record.to_text().encode() + b"\n", self._lines.end
        try:
            self._file.truncate(kept)
            self._file.seek(kept)
            if self._file.write(text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(kept)
            raise GuardRefused(f"{self._name}: {error.strerror or error}; no line was written") from None
        self._lines.append(len(text))


def account_of(chain_id: int, owner: Address) -> str:
    """The CAIP-10 name of an account."""
    return f"eip155:{chain_id}:{owner}"


@contextmanager
def open_journal(path: Path, account: str | None = None) -> Iterator[TriggerJournal]:
    """Opens, or begins, a journal.

    Args:
        account: whose journal it has to be; None takes anybody's.

    Raises:
        InputError: it can't be opened, is another account's, or a line is not what was written; names file
            and line.
        GuardRefused: another process has it open.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror or error}", path=path.name) from None
    with FileIO(handle, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuardRefused(f"{path.name}: another process has this journal open") from None
        except OSError as error:
            raise InputError(f"cannot be locked: {error.strerror or error}", path=path.name) from None
        found = os.fstat(handle)
        if not S_ISREG(found.st_mode):
            raise InputError("is no regular file", path=path.name)
        if not found.st_size:
            _sync_folder(path)
        opened = TriggerJournal(file, path.name)
        _require_account(opened.lines, account, path.name)
        yield opened


def replay_journal(path: Path) -> Iterator[Finding]:
    """Every line again: whether it gives what it gave, from the state that the line before it left.

    Raises:
        InputError: as `open_journal`, a file without a line, or a weighing that can't be made here.
        Unsolved: a weighing that has no answer any more.
    """
    if not path.is_file():
        raise InputError("no such file", path=path.name)
    state: TriggerState | None = None
    with path.open("rb") as file:
        for number, text in _numbered(file):
            where = f"{path.name}: line {number}"
            record, altered = _line(text, where)
            found = (f"digest: {altered}",) if altered else ()
            if record.before != state:
                found = (*found, "before: is not the state that the line before left")
            with _placed(where):
                replayed = replay(record, solver_here())
            yield Finding(number, record, replayed, (*found, *replayed.differences))
            state = record.after
    if state is None:
        raise InputError(NO_LOOK, path=path.name)


def read_accepted(
    path: Path, numeraire: Address, tokens: Collection[Address], account: str | None = None
) -> dict[Address, PriceReading]:
    """The prices that the looks of a journal rest on, without opening it for writing; see `accepted_prices`.

    Raises:
        InputError: no such file, one without a look, or as `open_journal`.
    """
    if not path.is_file():
        raise InputError("no such file; `status --journal` begins it", path=path.name)
    with path.open("rb") as file:
        if not (lines := _Lines(file.fileno(), path.name)):
            raise InputError(NO_LOOK, path=path.name)
        _require_account(lines, account, path.name)
        return accepted_prices(lines, numeraire, tokens)


def accepted_prices(
    lines: Sequence[Line], numeraire: Address, tokens: Collection[Address]
) -> dict[Address, PriceReading]:
    """By token, the price in this numeraire that the last look with it rests on, and when that look was: at
    the newest of its prices, for a feed that had answered long before was held to then."""
    found: dict[Address, PriceReading] = {}
    for line in reversed(lines):
        if not isinstance(line, Record) or line.accepted is None or line.accepted.numeraire != numeraire:
            continue
        seen = line.observation
        at = max(seen.priced_at or (line.now,))
        for token, price in zip(seen.assets, line.accepted.prices, strict=True):
            if token in tokens:
                found.setdefault(token, PriceReading(_SOURCE, token, price, at))
        if found.keys() >= set(tokens):
            break
    return found


@cache
def solver_here() -> tuple[str, ...]:
    """What the last bits of a weighing depend on: the code that decides, libraries with their versions, the
    interpreter, the kind of machine, the instructions of its processor that numpy chooses its loops by, and
    the processor whose loops BLAS has chosen."""
    found = [f"router {_version('atomic-rebalance')} {_code()}"]
    found += [f"{name} {_version(name)}" for name in _SOLVERS]
    known = np.show_config(mode="dicts")
    if isinstance(known, dict):
        found.append(f"BLAS {known['Build Dependencies']['blas'].get('version', 'unknown')} {_blas_core()}")
        found.append(f"SIMD {' '.join(known['SIMD Extensions'].get('found', ()))}")
    return (*found, f"Python {python_version()}", f"{system()} {machine()}")


def _code() -> str:
    """Digest of the modules that decisions are made by, which change between versions too."""
    folder = Path(decision.__file__).parent
    return sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()[:16]


def _blas_core() -> str:
    """Processors of the same instructions may have loops of their own; the environment may choose others."""
    if find_spec("threadpoolctl") is None:
        return "unknown"
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    cores = {str(each.get("architecture")) for each in threadpool_info() if each["user_api"] == "blas"}
    return " ".join(sorted(cores))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _require_account(lines: Sequence[Line], account: str | None, name: str) -> None:
    """States of two portfolios in one journal would end each other's rebalances."""
    if account is None:
        return
    found = next((line.account for line in reversed(lines) if isinstance(line, Record)), None)
    if found not in (None, account):
        raise InputError(f"is the journal of {found}, not of {account}", path=name)


def _numbered(file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Every whole line."""
    return enumerate(takewhile(lambda text: text.endswith(b"\n"), file), 1)


def _check_digest(data: bytes, where: str) -> None:
    written = _AS_WRITTEN.fullmatch(data)
    if written is not None and sha256(written["record"]).hexdigest().encode() == written["digest"]:
        return
    try:
        document = json.loads(data)
        told, found = document["digest"], digest_of(document["record"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("is no line of a trigger's journal", path=where) from None
    if told != found:
        raise InputError(f"is {told!r}, the record's is {found}", path=f"{where}: digest")


def _line(data: bytes, where: str) -> tuple[Line, str]:
    """A record, and how its digest differs."""
    try:
        text = data.decode()
        kind = _KINDS[json.loads(text)["schema"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("is no line of a trigger's journal", path=where) from None
    with _placed(where):
        return kind.of_any_text(text)


@contextmanager
def _placed(where: str) -> Iterator[None]:
    """Names the line that an error is about."""
    try:
        yield
    except InputError as error:
        raise InputError(error.message, path=f"{where}: {error.path}", nearest=error.nearest) from None
    except Unsolved as error:
        raise Unsolved(f"{where}: {error}") from None


def _sync_folder(path: Path) -> None:
    """Lets the name of a new file reach the disk, without which its lines are lost."""
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
