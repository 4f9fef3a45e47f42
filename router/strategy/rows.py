"""Rows that come one at a time, as the one array that they are so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Rows:
    """Rows of numbers, only ever added to.

    Args:
        size: numbers in a row.
    """

    def __init__(self, size: int) -> None:
        self._buffer = np.empty((64, size))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, row: Floats) -> None:
        """Adds a row (size,) at the end."""
        if self._count == len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.empty_like(self._buffer)])
        self._buffer[self._count] = row
        self._count += 1

    @property
    def past(self) -> Floats:
        """All rows, (rows, size), oldest first: a view that stays as it is and can't be written to."""
        view = self._buffer[: self._count]
        view.flags.writeable = False
        return view
