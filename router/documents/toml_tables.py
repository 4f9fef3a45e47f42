"""Tables of a portfolio file as TOML text, to be pasted into one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_table(name: str, values: Mapping[str, str]) -> str:
    """A table of strings; keys are quoted where TOML asks for it.

    Args:
        name: as it stands between the brackets, dots included.
    """
    lines = [f"[{name}]", *(f"{_key(key)} = {_quoted(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
