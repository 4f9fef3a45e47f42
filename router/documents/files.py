"""Text files: JSON and TOML with exact numbers, gzip by name, and writes that are all or nothing."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import tomllib
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

from router.errors import InputError

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest file read, after decompression."""


def read_document(path: Path) -> Any:
    """The content of a `.json`, `.json.gz` or `.toml` file. Fractions become Decimals of their very text.

    Raises:
        InputError: unreadable, too large, not the format that its name says, or a key given twice.
    """
    data = _read_bytes(path)
    try:
        text = data.decode()
        return _parse_toml(text) if path.suffix == ".toml" else _parse_json(text)
    except RecursionError:
        raise InputError("nested too deeply", path=path.name) from None
    except ValueError as error:  # JSONDecodeError, TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise InputError(f"cannot be parsed: {error}", path=path.name) from None


def write_json(value: Any, path: Path) -> None:
    """Writes canonical JSON; see `write_bytes`. A name that ends in `.gz` is compressed."""
    data = canonical_json(value)
    write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data, path)


def write_bytes(data: bytes, path: Path) -> None:
    """Writes a file whole or not at all: to a temporary file beside it, then one rename.

    What a symbolic link names is replaced, not the link. A device or pipe is written to as it is.

    Raises:
        InputError: the folder is missing or full, or may not be written. Nothing is left behind.
    """
    temporary: str | None = None
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", path=str(path)) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def canonical_json(value: Any) -> bytes:
    """Compact JSON with sorted keys and a final newline: equal values give equal bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _read_bytes(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError("no such file", path=str(path)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"is not a whole gzip file: {error}", path=path.name) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=str(path)) from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"is larger than {MAX_FILE_BYTES} bytes", path=path.name)
    return bytes(data)


def _parse_toml(text: str) -> Any:
    return tomllib.loads(text, parse_float=Decimal)


def _parse_json(text: str) -> Any:
    return json.loads(
        text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return found
