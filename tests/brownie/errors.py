"""Custom errors as Brownie prints them: ``NotOwner: 0x3c44…``, addresses in lower case."""

from __future__ import annotations

import contextlib

import brownie


def reverts(name: str, *values: object) -> contextlib.AbstractContextManager[None]:
    """Expects a revert with this custom error and these values."""
    return brownie.reverts(f"{name}: " + ", ".join(str(value).lower() for value in values))
