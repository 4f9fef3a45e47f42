"""The ABI and bytecode that the package ships are a fresh compile's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import artifacts


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["artifacts.py", *arguments])
    return artifacts.main()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package without artifacts, inside a project that is compiled."""
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    monkeypatch.setattr(artifacts, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_shipped_artifacts_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--check") == 0


def test_check_fails_without_artifacts_and_passes_once_written(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--check") == 1
    assert "make artifacts" in capsys.readouterr().err
    assert run(monkeypatch) == 0
    assert {path.stem for path in shipped.iterdir()} == set(artifacts.CONTRACTS)
    assert run(monkeypatch, "--check") == 0


def test_check_sees_other_code_and_overlooks_other_metadata(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch)
    path = shipped / "RebalanceExecutor.json"
    text = path.read_text()
    tail = json.loads(text)["bytecode"][-106:]
    assert tail.startswith("a264697066735822")
    path.write_text(text.replace(tail, tail.replace(tail[20:84], "00" * 32)))
    assert run(monkeypatch, "--check") == 0
    path.write_text(text.replace("0x60", "0x61", 1))
    assert run(monkeypatch, "--check") == 1
