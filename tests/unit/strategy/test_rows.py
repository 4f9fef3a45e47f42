"""Rows: what was added, whatever comes later."""

from __future__ import annotations

import numpy as np
import pytest

from router.strategy.rows import Rows


def test_the_past_is_what_was_added_and_stays_so() -> None:
    numbers = np.random.default_rng(0).standard_normal((300, 2))
    rows = Rows(2)
    seen = []
    for row in numbers:
        rows.append(row)
        seen.append(rows.past)
    assert len(rows) == 300
    for count, past in enumerate(seen, start=1):
        np.testing.assert_array_equal(past, numbers[:count])


def test_the_past_cannot_be_written_to() -> None:
    rows = Rows(1)
    rows.append(np.array([1.0]))
    with pytest.raises(ValueError, match="read-only"):
        rows.past[0, 0] = 2.0
