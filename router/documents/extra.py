"""The optional libraries: what to say where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from router.errors import InputError


@contextmanager
def strategy_extra(path: str) -> Iterator[None]:
    """Where a library of the optional extra may be needed.

    Raises:
        InputError: it is not installed; says how to install it.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").startswith("router"):
            raise
        name = error.name or str(error).splitlines()[0]
        raise InputError(f'needs {name}: pip install "atomic-rebalance[strategy]"', path=path) from None
