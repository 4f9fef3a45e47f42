"""Creation bytecode: from npm packages below node_modules, and from this project's own compiled contracts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.errors import InputError
from router.tokens import Address


@dataclass(frozen=True, slots=True)
class Library:
    """A library that bytecode must be linked with, and where its address goes."""

    source: str
    name: str
    byte_offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """Creation bytecode as hex digits without 0x; unlinked places hold placeholders."""

    name: str
    bytecode: str
    libraries: tuple[Library, ...] = ()

    def linked(self, addresses: dict[str, Address]) -> str:
        """The bytecode with every library's address, by library name, in its places."""
        code = self.bytecode
        for library in self.libraries:
            digits = addresses[library.name].removeprefix("0x").lower()
            for offset in library.byte_offsets:
                code = code[: 2 * offset] + digits + code[2 * offset + 40 :]
        return code


def find_project_root() -> Path:
    """The nearest folder, above this package or the working directory, with package.json and node_modules.

    Raises:
        InputError: there is none.
    """
    for start in (Path(__file__).resolve(), Path.cwd() / "_"):
        for folder in start.parents:
            if (folder / "package.json").is_file() and (folder / "node_modules").is_dir():
                return folder
    raise InputError("the local chain needs the project's node_modules: run `make setup` in a checkout")


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Looks up bytecode below one project root."""

    root: Path

    def npm(self, path: str) -> Artifact:
        """An artifact file of an npm package, e.g. ``@uniswap/v2-core/build/UniswapV2Pair.json``.

        Raises:
            InputError: the file is missing or holds no bytecode.
        """
        return _parse(self.root / "node_modules" / path)

    def own(self, name: str) -> Artifact:
        """A contract of this project, as Brownie compiled it.

        Raises:
            InputError: not compiled.
        """
        return _parse(self.root / "build" / "contracts" / f"{name}.json")

    def packaged(self, name: str) -> Artifact | None:
        """A contract whose bytecode ships with the package, or None where it is absent."""
        path = Path(__file__).resolve().parents[1] / "artifacts" / f"{name}.json"
        return _parse(path) if path.is_file() else None

    def multicall3(self) -> Artifact:
        """Multicall3's creation bytecode, out of viem's constants."""
        path = self.root / "node_modules/viem/_cjs/constants/contracts.js"
        found = re.search(r"multicall3Bytecode = '0x([0-9a-f]+)'", _read(path))
        if found is None:
            raise InputError("no multicall3Bytecode", path=str(path))
        return Artifact("Multicall3", found[1])


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InputError(f"{error.strerror}: run `make setup contracts`", path=str(path)) from None


def _parse(path: Path) -> Artifact:
    data: dict[str, Any] = json.loads(_read(path))
    bytecode = data.get("bytecode")
    if isinstance(bytecode, dict):
        bytecode = bytecode.get("object")
    if not isinstance(bytecode, str) or len(bytecode) <= 2:
        raise InputError("no bytecode in this artifact", path=str(path))
    libraries = tuple(
        Library(source, name, tuple(place["start"] for place in places))
        for source, by_name in (data.get("linkReferences") or {}).items()
        for name, places in by_name.items()
    )
    return Artifact(path.stem, bytecode.removeprefix("0x"), libraries)
