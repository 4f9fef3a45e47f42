"""Where machine code is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.optimiser import compiled
from router.optimiser.compiled import MOST_KEPT, cache_folder


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache_folder.cache_clear()
    yield
    cache_folder.cache_clear()


def test_folder_is_named_by_the_contents_of_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = cache_folder()
    assert found is not None
    assert found.parent == tmp_path / "atomic-rebalance"
    source = tmp_path / "optimiser" / "kernels.py"
    source.parent.mkdir()
    source.write_text("other")
    monkeypatch.setattr(compiled, "__file__", str(source))
    cache_folder.cache_clear()
    other = cache_folder()
    assert other is not None
    assert other.name != found.name


def test_folder_that_others_may_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = cache_folder()
    assert found is not None
    found.chmod(0o777)
    cache_folder.cache_clear()
    assert cache_folder() != found


def test_home_that_cannot_be_written_leaves_the_package_s_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    source = tmp_path / "optimiser" / "compiled.py"
    source.parent.mkdir()
    monkeypatch.setattr(compiled, "__file__", str(source))
    found = cache_folder()
    assert found is not None
    assert found.parent == source.parent / "__pycache__"


def test_old_versions_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for place in range(MOST_KEPT + 3):
        (tmp_path / "atomic-rebalance" / f"{place:016x}").mkdir(parents=True)
    found = cache_folder()
    assert found is not None
    assert len(list(found.parent.iterdir())) == MOST_KEPT
    assert found.exists()
