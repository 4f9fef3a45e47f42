"""The cache of answers: kept over runs, apart by block, forgotten when told, and no half of a write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from router.chain.abi import DECIMALS, SYMBOL
from router.chain.cache import KEPT_BLOCKS, CallCache
from router.errors import InputError

FIRST, SECOND = DECIMALS.call("0x" + "1" * 40), SYMBOL.call("0x" + "1" * 40)


def test_answers_are_kept_failures_included(tmp_path: Path) -> None:
    cache = CallCache(tmp_path / "new", 1, "0xaa")
    assert cache.get([FIRST]) == {}
    cache.put({FIRST: b"\x01", SECOND: None})
    cache.close()
    again = CallCache(tmp_path / "new", 1, "0xaa")
    assert again.get([FIRST, SECOND]) == {FIRST: b"\x01", SECOND: None}
    again.close()


def test_blocks_and_chains_are_apart(tmp_path: Path) -> None:
    cache = CallCache(tmp_path, 1, "0xaa")
    cache.put({FIRST: b"\x01"})
    cache.close()
    for chain_id, block_hash in ((1, "0xbb"), (2, "0xaa")):
        other = CallCache(tmp_path, chain_id, block_hash)
        assert other.get([FIRST]) == {}
        other.close()


def test_discard_forgets(tmp_path: Path) -> None:
    cache = CallCache(tmp_path, 1, "0xaa")
    cache.put({FIRST: b"\x01"})
    cache.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot hold the cache"):
        CallCache(tmp_path / "file", 1, "0xaa")


def test_only_the_last_blocks_of_a_chain_are_kept(tmp_path: Path) -> None:
    CallCache(tmp_path, 2, "0x00").close()
    for number in range(KEPT_BLOCKS + 3):
        cache = CallCache(tmp_path, 1, f"0x{number:02x}")
        cache.put({FIRST: b"\x01"})
        cache.close()
        os.utime(tmp_path / f"1-0x{number:02x}.sqlite", (number, number))
    kept = {path.name for path in tmp_path.glob("1-*.sqlite")}
    assert kept == {f"1-0x{number:02x}.sqlite" for number in range(3, KEPT_BLOCKS + 3)}
    assert (tmp_path / "2-0x00.sqlite").exists()
