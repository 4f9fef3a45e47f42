"""Functions in machine code, kept on disk for the next process.

numba notices when the file of a function has changed, but not when those of the functions that it calls have;
so what is kept lies in a folder named by the contents of all files of this package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config

_Function = TypeVar("_Function")
MOST_KEPT = 8
"""Versions whose machine code is kept."""
OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}
INNER: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@cache
def cache_folder() -> Path | None:
    """Where machine code is kept: below $XDG_CACHE_HOME or ~/.cache, else beside this file; None where we
    alone can write to neither."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~").expanduser() / ".cache")
    for parent in (Path(home) / "atomic-rebalance", Path(__file__).parent / "__pycache__"):
        folder = parent / digest.hexdigest()[:16]
        try:
            known = folder.is_dir()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _ours(folder):
                continue
            if not known:
                _forget_oldest(parent, folder)
            return folder
        except OSError:
            continue
    return None


def _ours(folder: Path) -> bool:
    """Whether nobody else can write there: what is kept is executed."""
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _forget_oldest(parent: Path, newest: Path) -> None:
    """Keeps what the last versions compiled."""
    older = sorted(
        (each for each in parent.iterdir() if each.is_dir() and each != newest),
        key=lambda each: each.stat().st_mtime,
    )
    for folder in older[: max(0, len(older) + 1 - MOST_KEPT)]:
        shutil.rmtree(folder, ignore_errors=True)


def inner(function: _Function) -> _Function:
    """The function, compiled into those that call it, not for Python: what Python would need to call it takes
    longer to compile than a small function does."""
    result: _Function = numba.njit(**INNER)(function)
    return result


def compiled(function: _Function) -> _Function:
    """The function, compiled when first called with new types."""
    folder = cache_folder()
    config: Any = numba_config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        result: _Function = numba.njit(**OPTIONS, cache=folder is not None)(function)
    finally:
        config.CACHE_DIR = before
    return result
