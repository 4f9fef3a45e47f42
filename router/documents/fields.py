"""The kinds of value that files hold, each with its check, its JSON form and its JSON Schema.

Raw amounts and other integers of up to 256 bits are decimal strings in files, so that no JSON reader rounds
them; plain JSON integers are accepted on the way in. Prices and weights are exact decimal text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from router.errors import InputError, nearest
from router.fixed_point import BPS, MAX_U256
from router.tokens import parse_address

_DIGITS = re.compile(r"0|[1-9][0-9]{0,77}")
_SIGNED_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,77}")
_MAX_PLACES = 60
"""Decimal places, on either side of the point, that a price or weight may have."""


def _raw(value: Any) -> int:
    if type(value) is str and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        raise PydanticCustomError("raw", "should be a whole number of raw units, as a decimal string")
    if value < 0:
        raise PydanticCustomError("raw", "should not be negative, is {value}", {"value": str(value)})
    if value > MAX_U256:
        raise PydanticCustomError("raw", "should fit into 256 bits")
    return value


def _positive_raw(value: Any) -> int:
    if not (raw := _raw(value)):
        raise PydanticCustomError("raw", "should be more than zero")
    return raw


def _signed_raw(value: Any) -> int:
    if type(value) is str and _SIGNED_DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        raise PydanticCustomError("raw", "should be a whole number of raw units, as a decimal string")
    if abs(value) > MAX_U256:
        raise PydanticCustomError("raw", "should fit into 256 bits")
    return value


def _address(value: Any) -> str:
    if type(value) is not str:
        raise PydanticCustomError("address", "should be an address, as a string")
    try:
        return parse_address(value)
    except InputError as error:
        raise PydanticCustomError(
            "address", "{message}", {"message": error.message, "nearest": error.nearest}
        ) from None


def _hex(value: Any) -> str:
    if type(value) is not str or not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value):
        raise PydanticCustomError("hex", "should be bytes in hex, starting with 0x")
    return value.lower()


def _decimal_text(value: Any) -> str:
    """Exact positional decimal text of a number, without an exponent or trailing zeros."""
    if type(value) is bool or not isinstance(value, (int, str, Decimal, float)):
        raise PydanticCustomError("decimal", "should be a number, or a number in quotes")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise PydanticCustomError("decimal", "{value} is not a number", {"value": repr(value)}) from None
    if not number.is_finite() or abs(number.adjusted()) > _MAX_PLACES:
        raise PydanticCustomError("decimal", "{value} is out of range", {"value": str(value)})
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _not_negative(value: Any) -> str:
    if (text := _decimal_text(value)).startswith("-"):
        raise PydanticCustomError("decimal", "should not be negative, is {value}", {"value": text})
    return text


def _positive(value: Any) -> str:
    if not Decimal(text := _not_negative(value)):
        raise PydanticCustomError("decimal", "should be more than zero")
    return text


def _bps(value: Any, least: int = 0) -> int:
    """Whole basis points; a fraction is most likely a percentage or a share of 1, and the refusal says so."""
    if type(value) is int and least <= value <= BPS:
        return value
    raise PydanticCustomError(
        "bps",
        "should be a whole number of basis points from {least} to 10000 "
        "(1 % is 100, 0.05 % is 5), is {value}",
        {"least": str(least), "value": str(value)},
    )


def _positive_bps(value: Any) -> int:
    return _bps(value, least=1)


def _text_or_number(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}]})


_RAW_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}, {"type": "integer", "minimum": 0}]}
)
_SIGNED_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}, {"type": "integer"}]}
)
_AS_TEXT = PlainSerializer(str, return_type=str, when_used="json")
_HEX_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$"})
_ADDRESS_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"})

RawAmount = Annotated[int, BeforeValidator(_raw), _AS_TEXT, _RAW_SCHEMA]
PositiveAmount = Annotated[int, BeforeValidator(_positive_raw), _AS_TEXT, _RAW_SCHEMA]
SignedAmount = Annotated[int, BeforeValidator(_signed_raw), _AS_TEXT, _SIGNED_SCHEMA]
AddressText = Annotated[str, BeforeValidator(_address), _ADDRESS_SCHEMA]
HexText = Annotated[str, BeforeValidator(_hex), _HEX_SCHEMA]
DecimalText = Annotated[str, BeforeValidator(_not_negative), _text_or_number(r"^[0-9]+(\.[0-9]+)?$")]
PositiveText = Annotated[str, BeforeValidator(_positive), _text_or_number(r"^[0-9]+(\.[0-9]+)?$")]
SignedText = Annotated[str, BeforeValidator(_decimal_text), _text_or_number(r"^-?[0-9]+(\.[0-9]+)?$")]
BpsText = Annotated[
    int,
    BeforeValidator(_bps),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": BPS}),
]
PositiveBps = Annotated[
    int,
    BeforeValidator(_positive_bps),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": BPS}),
]
Count = Annotated[int, Field(strict=True, ge=0)]
Decimals = Annotated[int, Field(strict=True, ge=0, le=36)]
Pips = Annotated[int, Field(strict=True, ge=0, lt=1_000_000)]
Bps = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class FileModel(BaseModel):
    """Base of every object in a file: immutable, and unknown keys are refused with the nearest known one."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=True, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            known = _known_keys(cls)
            for key in value:
                if key not in known:
                    raise PydanticCustomError(
                        "unknown_key", "unknown key", {"key": str(key), "nearest": nearest(str(key), known)}
                    )
        return value

    def to_json(self) -> dict[str, Any]:
        """The JSON form: big integers as strings, keys as in the file."""
        return self.model_dump(mode="json")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The model of these values, checked."""
        return cls.model_validate(values)


_KNOWN_KEYS: dict[type[BaseModel], frozenset[str]] = {}


def _known_keys(model: type[BaseModel]) -> frozenset[str]:
    if model not in _KNOWN_KEYS:
        _KNOWN_KEYS[model] = frozenset(
            name
            for field, info in model.model_fields.items()
            for name in ({info.alias} if info.alias else {field})
        )
    return _KNOWN_KEYS[model]
