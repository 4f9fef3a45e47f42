"""Functions in machine code, kept on disk for the next process.

numba notices when the file of a function has changed, but not when those of the functions that it calls have;
so what is kept lies in a folder named by the contents of all files of this package.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config

_Function = TypeVar("_Function")


@cache
def cache_folder() -> Path | None:
    """Where machine code is kept: below $XDG_CACHE_HOME or ~/.cache; None where nothing can be written."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~").expanduser() / ".cache")
    folder = Path(home) / "atomic-rebalance" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return folder if os.access(folder, os.W_OK) else None
    except OSError:
        return None


def compiled(function: _Function) -> _Function:
    """The function, compiled when first called with new types."""
    folder = cache_folder()
    config: Any = numba_config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        compiler: Any = numba.njit(cache=folder is not None, error_model="numpy", nogil=True)
        result: _Function = compiler(function)
    finally:
        config.CACHE_DIR = before
    return result
