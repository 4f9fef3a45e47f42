"""What has been sent, on disk before it is sent, so that an interrupted run never sends twice.

One file for each chain and account, readable by its owner only, always replaced as a whole. While it is open
no other process can send for the same account.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from router.errors import GuardRefused
from router.tokens import Address

DEVELOPMENT_CHAINS = frozenset({1337, 31337})
_VERSION = 1


class Status(StrEnum):
    """What became of an entry."""

    INTENDED = "intended"
    """Signed, and perhaps broadcast."""
    MINED = "mined"
    REVERTED = "reverted"
    DROPPED = "dropped"
    """Never reached the chain; its nonce is free."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One signed transaction.

    Attributes:
        data_hash: keccak256 of the transaction's data.
        tx_hash: of the signed transaction; known before it is sent.
    """

    purpose: str
    to: Address
    data_hash: str
    nonce: int
    tx_hash: str
    gas_limit: int
    status: Status = Status.INTENDED


class Journal:
    """The entries of one account on one chain. Make one by `open_journal`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: tuple[Entry, ...] = _read(path)

    def open_entries(self) -> tuple[Entry, ...]:
        """Entries whose fate is not known."""
        return tuple(entry for entry in self.entries if entry.status is Status.INTENDED)

    def with_data(self, data_hash: str, to: Address) -> tuple[Entry, ...]:
        """Entries with this data to this contract, the last one first."""
        return tuple(
            entry for entry in reversed(self.entries) if (entry.data_hash, entry.to) == (data_hash, to)
        )

    def intend(self, entry: Entry) -> None:
        """Writes an entry through to the disk; only then may the transaction be sent.

        Raises:
            GuardRefused: the disk did not take it; nothing may be sent.
        """
        self._write((*self.entries, entry))

    def settle(self, tx_hash: str, status: Status) -> None:
        """Notes what became of an entry."""
        self._write(
            tuple(
                dataclasses.replace(entry, status=status) if entry.tx_hash == tx_hash else entry
                for entry in self.entries
            )
        )

    def _write(self, entries: tuple[Entry, ...]) -> None:
        content = json.dumps({"version": _VERSION, "entries": [dataclasses.asdict(each) for each in entries]})
        fresh = self._path.with_suffix(".new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise GuardRefused(f"journal {self._path}: {error.strerror}; nothing was sent") from None
        self.entries = entries


@contextmanager
def open_journal(folder: Path, chain_id: int, account: Address, genesis: str = "") -> Iterator[Journal]:
    """The journal of an account, held against other processes meanwhile.

    Args:
        genesis: hash of block 0, for development chains: they share a chain id, and start over.

    Raises:
        GuardRefused: another process is sending for this account, or the file cannot be used.
    """
    chain = f"{chain_id}-{genesis[2:10]}" if chain_id in DEVELOPMENT_CHAINS and genesis else f"{chain_id}"
    path = folder / f"sent-{chain}-{account}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise GuardRefused(f"journal {path}: {error.strerror}; nothing was sent") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuardRefused(f"another process is sending for {account} ({path})") from None
        yield Journal(path)
    finally:
        os.close(lock)


def _read(path: Path) -> tuple[Entry, ...]:
    try:
        content = json.loads(path.read_text())
        if content["version"] != _VERSION:
            raise ValueError("version")
        return tuple(Entry(**{**each, "status": Status(each["status"])}) for each in content["entries"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError):
        raise GuardRefused(
            f"journal {path} cannot be read: it tells what has been sent, so look before moving it away"
        ) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
