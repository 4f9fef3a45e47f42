"""Frozen dataclasses as JSON and back, bit for bit.

Floats are hexadecimal text, ints decimal text, times ISO text in UTC to the microsecond, durations whole
microseconds as decimal text, columns of an array lists of floats; every object carries the name of its class
under `kind`. Equal values give equal text, whatever reads and writes it between.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from operator import eq
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from router.errors import InputError, nearest

T = TypeVar("T")

_KIND = "kind"
_MICROSECOND = timedelta(microseconds=1)


def text_of(plain: Any) -> str:
    """Compact JSON with sorted keys."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest_of(plain: Any) -> str:
    """SHA-256 of that text, in hex."""
    return hashlib.sha256(text_of(plain).encode()).hexdigest()


def encode(hint: Any, value: Any) -> Any:
    """The JSON form of a value that is declared as `hint`."""
    if value is None or isinstance(value, bool):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        return {_KIND: type(value).__name__} | {
            name: encode(each, getattr(value, name)) for name, each in hints.items()
        }
    if isinstance(value, np.ndarray):
        return [encode(float, item) for item in value.tolist()]
    if isinstance(value, tuple):
        return [encode(each, item) for each, item in zip(_items(hint, len(value)), value, strict=True)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, timedelta):
        return str(value // _MICROSECOND)
    if isinstance(value, Enum):
        return value.value
    if float in _alternatives(hint):
        return float(value).hex()
    return str(value)


def decode(hint: type[T], plain: Any, path: str) -> T:
    """The value that `encode` made this of.

    Raises:
        InputError: anything that `encode` would not have written; says where.
    """
    value: T = _decode(hint, plain, path)
    return value


def differences(
    recorded: Any, replayed: Any, path: str, same: Callable[[Any, Any], bool] = eq
) -> tuple[str, ...]:
    """Where two values differ in their JSON form: ``path.of[0]: recorded 'a', replayed 'b'``.

    Args:
        same: of two that are not both objects, nor both lists of one length.
    """
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        keys = sorted(recorded.keys() | replayed.keys())
        pairs = [(f"{path}.{key}", recorded.get(key), replayed.get(key)) for key in keys]
    elif isinstance(recorded, list) and isinstance(replayed, list) and len(recorded) == len(replayed):
        pairs = [
            (f"{path}[{index}]", *pair) for index, pair in enumerate(zip(recorded, replayed, strict=True))
        ]
    elif same(recorded, replayed):
        return ()
    else:
        return (f"{path}: recorded {recorded!r}, replayed {replayed!r}",)
    return tuple(found for where, old, new in pairs for found in differences(old, new, where, same))


def _decode(hint: Any, plain: Any, path: str) -> Any:
    choices = _alternatives(hint)
    if plain is None:
        if type(None) not in choices:
            raise InputError("is missing", path=path)
        return None
    choices = tuple(each for each in choices if each is not type(None))
    classes = {_name(each): each for each in choices if dataclasses.is_dataclass(each)}
    if classes:
        return _decode_object(classes, plain, path)
    if get_origin(choices[0]) is np.ndarray:
        return np.array(_decode(tuple[float, ...], plain, path), dtype=np.float64)
    if get_origin(choices[0]) is tuple:
        if not isinstance(plain, list):
            raise InputError("should be a list", path=path)
        hints = _items(choices[0], len(plain))
        if len(hints) != len(plain):
            raise InputError(f"should have {len(hints)} entries, has {len(plain)}", path=path)
        numbered = enumerate(zip(hints, plain, strict=True))
        return tuple(_decode(each, item, f"{path}[{index}]") for index, (each, item) in numbered)
    return _decode_scalar(choices[0], plain, path)


def _decode_object(classes: dict[str, Any], plain: Any, path: str) -> Any:
    if not isinstance(plain, dict):
        raise InputError("should be an object", path=path)
    name = plain.get(_KIND)
    if not isinstance(name, str) or name not in classes:
        raise InputError(
            f"unknown kind {name!r}", path=f"{path}.{_KIND}", nearest=nearest(str(name), classes)
        )
    hints = _hints(classes[name])
    if unknown := sorted(plain.keys() - hints.keys() - {_KIND}):
        raise InputError("unknown key", path=f"{path}.{unknown[0]}", nearest=nearest(unknown[0], hints))
    if missing := sorted(hints.keys() - plain.keys()):
        raise InputError("is missing", path=f"{path}.{missing[0]}")
    values = {key: _decode(hint, plain[key], f"{path}.{key}") for key, hint in hints.items()}
    try:
        return classes[name](**values)
    except InputError as error:
        raise InputError(error.message, path=f"{path}.{error.path}", nearest=error.nearest) from None


def _decode_scalar(hint: Any, plain: Any, path: str) -> Any:
    if hint is bool:
        if not isinstance(plain, bool):
            raise InputError("should be true or false", path=path)
        return plain
    if not isinstance(plain, str):
        raise InputError("should be text", path=path)
    try:
        value = _SCALARS[hint](plain) if hint in _SCALARS else hint(plain)
    except (ValueError, OverflowError):
        raise InputError(f"should be {_name(hint)}, is {plain!r}", path=path) from None
    if encode(hint, value) != plain:
        raise InputError(f"should be {_name(hint)} in its one exact form, is {plain!r}", path=path)
    return value


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


_SCALARS: dict[Any, Any] = {
    float: float.fromhex,
    datetime: _time,
    timedelta: lambda text: timedelta(microseconds=int(text)),
}


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _items(hint: Any, count: int) -> tuple[Any, ...]:
    """What each entry of a tuple is declared as."""
    declared = next(each for each in _alternatives(hint) if get_origin(each) is tuple)
    args = get_args(declared)
    return (args[0],) * count if args[1:] == (...,) else args


@lru_cache(maxsize=256)
def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}
