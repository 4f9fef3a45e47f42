"""Answers kept on disk by (chain, block hash, call), so that an interrupted read goes on where it stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from router.chain.abi import Call
from router.errors import InputError

KEPT_BLOCKS = 4
"""Files per chain, the one in use included."""


class CallCache:
    """One sqlite file per block, of which the last few are kept. An answer at a block hash never changes.

    Args:
        folder: created when missing.

    Raises:
        InputError: the folder is full or may not be written.
    """

    def __init__(self, folder: Path, chain_id: int, block_hash: str) -> None:
        self._path = folder / f"{chain_id}-{block_hash}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS answers (target TEXT, data BLOB, answer BLOB, "
                "PRIMARY KEY (target, data)) WITHOUT ROWID"
            )
            _prune(folder, chain_id, keep=self._path)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"cannot hold the cache: {error}", path=str(folder)) from None

    def get(self, calls: Iterable[Call]) -> dict[Call, bytes | None]:
        """The answers that are known; None is a call that failed."""
        found: dict[Call, bytes | None] = {}
        if self._empty():
            return found
        for call in calls:
            row = self._database.execute(
                "SELECT answer FROM answers WHERE target = ? AND data = ?", (call.target, call.data)
            ).fetchone()
            if row is not None:
                found[call] = row[0]
        return found

    def put(self, answers: Mapping[Call, bytes | None]) -> None:
        """Keeps answers; all of them or, when the disk is full, none."""
        rows = [(call.target, call.data, answer) for call, answer in answers.items()]
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise InputError(f"cannot be written: {error}", path=str(self._path)) from None

    def discard(self) -> None:
        """Forgets the block: its answers cannot be true."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        self._database.close()

    def _empty(self) -> bool:
        return self._database.execute("SELECT 1 FROM answers LIMIT 1").fetchone() is None


def _prune(folder: Path, chain_id: int, keep: Path) -> None:
    """Removes the files of all but the blocks read last."""
    others = [path for path in folder.glob(f"{chain_id}-*.sqlite") if path != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT_BLOCKS - 1 :]:
        path.unlink(missing_ok=True)
