"""The cache of answers: kept over runs, apart by block, forgotten when told, and no half of a write."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.chain.abi import DECIMALS, SYMBOL
from router.chain.cache import CallCache
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
