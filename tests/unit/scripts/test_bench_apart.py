"""Memory of a process is its own, whatever the process that measures it has had."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from scripts.bench.apart import measured, peak_mib

LARGE_MIB = 200


def test_a_command_is_not_charged_with_the_memory_of_who_measures_it() -> None:
    large = np.ones(LARGE_MIB << 17)
    assert peak_mib() > LARGE_MIB
    spent, peak = measured([sys.executable, "-c", "pass"])
    assert large.any()
    assert 0 < spent < 60
    assert 1 < peak < LARGE_MIB / 2


def test_memory_that_a_command_takes_is_counted() -> None:
    _, peak = measured([sys.executable, "-c", f"len(b'x' * ({LARGE_MIB} << 20))"])
    assert LARGE_MIB < peak < 2 * LARGE_MIB


def test_a_command_that_fails_is_told_with_its_exit_code() -> None:
    with pytest.raises(SystemExit, match="exit code 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])
