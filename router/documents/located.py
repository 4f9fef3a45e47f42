"""From a pydantic complaint to one InputError that says where in which file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import ValidationError

from router.documents.fields import FileModel
from router.errors import InputError, nearest

Model = TypeVar("Model", bound=FileModel)


def validate(model: type[Model], value: Any, name: str) -> Model:
    """The checked model of a parsed file.

    Args:
        name: the file's name, which every error starts with.

    Raises:
        InputError: the first fault, e.g. ``snapshot.json: pools[17].reserves[0]: should be more than zero``.
    """
    if not isinstance(value, dict):
        raise InputError("should hold one object", path=name)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise _located(problem, value, name) from None


def location(name: str, *parts: str | int) -> str:
    """Where a value stands: ``portfolio.toml: targets.WETH``, ``snapshot.json: pools[17].reserves[0]``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return f"{name}: {text}" if text else name


@contextmanager
def within(name: str, *parts: str | int, keys: Mapping[str, str] | None = None) -> Iterator[None]:
    """Errors of what stands in a table start with the table's place.

    Args:
        keys: of the file, by the path that an error names it with.
    """
    try:
        yield
    except InputError as error:
        path = (keys or {}).get(error.path, error.path)
        raise type(error)(
            error.message, path=location(name, *parts, *([path] if path else [])), nearest=error.nearest
        ) from None


def _located(problem: Any, value: Any, name: str) -> InputError:
    context = problem.get("ctx", {})
    parts = _within(problem, value)
    message, hint = str(problem["msg"]), context.get("nearest")
    match problem["type"]:
        case "unknown_key":
            parts.append(context["key"])
        case "refused_key":
            parts.extend(part for part in context["key"].split(".") if part)
        case "missing":
            message = "is missing"
        case "union_tag_invalid":
            known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            message, hint = f"unknown kind {context['tag']!r}", nearest(context["tag"], known)
            message += "" if hint else f"; known are {', '.join(known)}"
            parts.append("kind")
        case "union_tag_not_found":
            message = "has no kind"
        case "literal_error":
            message = f"should be {context['expected']}, is {problem['input']!r}"
    return InputError(_lower_first(message), path=location(name, *parts), nearest=hint)


def _within(problem: Any, value: Any) -> list[str | int]:
    """The place of the problem without the union tags that pydantic puts between the keys of the file."""
    parts: list[str | int] = []
    loc = problem["loc"]
    for index, part in enumerate(loc):
        absent = problem["type"] == "missing" and index == len(loc) - 1
        if isinstance(value, dict) and (part in value or absent):
            value = value.get(part)
        elif isinstance(value, (list, tuple)) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            continue
        parts.append(part)
    return parts


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]
