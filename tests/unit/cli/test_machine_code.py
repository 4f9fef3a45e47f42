"""Compilation is told once, with its seconds, and not at all where nothing is compiled."""

from __future__ import annotations

import re
from typing import Any

import numba
import pytest

from router.cli.machine_code import machine_code


def test_compilation_is_told_once_with_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    inner: Any = numba.njit(lambda number: number + 1)
    outer: Any = numba.njit(lambda number: inner(number) + 1)

    with machine_code():
        assert outer(1) == 3
        assert inner(1.5) == 2.5
    told = capsys.readouterr().err
    assert told.count("preparing machine code") == 1
    assert re.search(r"machine code prepared in \d+\.\d s", told)


def test_nothing_is_told_where_nothing_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    with machine_code():
        pass
    assert not capsys.readouterr().err


def test_an_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), machine_code():
        raise ZeroDivisionError
