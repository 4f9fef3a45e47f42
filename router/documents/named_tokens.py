"""The tokens that a file names, by address or by unambiguous symbol, as a snapshot knows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from router.documents.located import location
from router.errors import InputError
from router.snapshot import Snapshot
from router.tokens import Address, Token


@dataclass(frozen=True, slots=True)
class NamedTokens:
    """Looks up names for a file; every error says where the name stands.

    Attributes:
        file: its name, which every error starts with.
    """

    file: str
    snapshot: Snapshot

    def at(self, *parts: str | int) -> str:
        return location(self.file, *parts)

    def find(self, name: str, *parts: str | int) -> Token:
        """The token that is named at a place.

        Raises:
            InputError: the snapshot has no such token, or several.
        """
        return self.snapshot.token(name, self.at(*parts))

    def keys(self, table: str, keys: Iterable[str]) -> list[tuple[str, Token]]:
        """The tokens that a table's keys name."""
        return [(key, self.find(key, table, key)) for key in keys]

    def distinct(self, table: str, keys: Iterable[str]) -> list[tuple[str, Token]]:
        """As `keys`; refuses one token under two names."""
        found = self.keys(table, keys)
        seen: dict[Address, str] = {}
        for key, token in found:
            if (first := seen.setdefault(token.address, key)) != key:
                raise InputError(f"is the same token as {first}", path=self.at(table, key))
        return found

    def listed(self, table: str, names: Iterable[str]) -> list[Address]:
        """The tokens of a list."""
        return [self.find(name, table, index).address for index, name in enumerate(names)]
