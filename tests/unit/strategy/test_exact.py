"""Exact text of frozen dataclasses: every value back with its bits, and nothing else accepted."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.exact import decode, differences, digest_of, encode, text_of


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Leaf:
    number: float
    count: int


@dataclass(frozen=True)
class Other:
    flag: bool


@dataclass(frozen=True)
class Whole:
    name: str
    colour: Colour
    at: datetime
    length: timedelta | None
    pairs: tuple[tuple[str, float], ...]
    parts: tuple[Leaf | Other, ...]
    rows: tuple[tuple[float, ...], ...] | None = None


WHOLE = Whole(
    "näme",
    Colour.RED,
    datetime(2024, 3, 31, 1, 0, 0, 5, tzinfo=UTC),
    timedelta(days=-1, microseconds=1),
    (("a", 0.1), ("b", -0.0)),
    (Leaf(math.inf, 2**300), Other(True)),
    ((0.1 + 0.2, 5e-324), ()),
)


def test_everything_comes_back_as_it_was():
    plain = encode(Whole, WHOLE)
    again = decode(Whole, plain, "whole")
    assert again == WHOLE
    assert math.copysign(1, again.pairs[1][1]) == -1
    assert text_of(encode(Whole, again)) == text_of(plain)


@given(st.floats(allow_nan=False), st.integers())
def test_every_float_and_integer_comes_back_bit_for_bit(number, count):
    again = decode(Leaf, encode(Leaf, Leaf(number, count)), "leaf")
    assert (again.number.hex(), again.count) == (number.hex(), count)


@given(st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")])))
def test_every_instant_comes_back(at):
    assert decode(datetime, encode(datetime, at), "at") == at.astimezone(UTC)


def test_a_number_declared_a_float_is_written_as_one():
    assert encode(Leaf, Leaf(16, 1)) == encode(Leaf, Leaf(np.float64(16), 1))
    assert decode(Leaf, encode(Leaf, Leaf(16, 1)), "leaf").number == 16


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("kind",), "Whale", "whole.kind: unknown kind 'Whale' (did you mean 'Whole'?)"),
        (("kind",), [], "whole.kind: unknown kind []"),
        (("colour",), "rad", "whole.colour: should be Colour, is 'rad'"),
        (("at",), "2024-03-31T01:00:00", "whole.at: should be datetime"),
        (("at",), "2024-03-31T02:00:00+01:00", "whole.at: should be datetime in its one exact form"),
        (("length",), "1.5", "whole.length: should be timedelta"),
        (("length",), 5, "whole.length: should be text"),
        (("name",), None, "whole.name: is missing"),
        (("colr",), "red", "whole.colr: unknown key (did you mean 'colour'?)"),
        (("pairs",), {}, "whole.pairs: should be a list"),
        (("pairs", 0), ["a"], "whole.pairs[0]: should have 2 entries, has 1"),
        (("pairs", 0, 1), "0.1", "whole.pairs[0][1]: should be float in its one exact form"),
        (("parts", 0, "count"), "02", "whole.parts[0].count: should be int in its one exact form"),
        (("parts", 1, "flag"), "true", "whole.parts[1].flag: should be true or false"),
        (("parts", 1), [], "whole.parts[1]: should be an object"),
    ],
)
def test_anything_else_is_refused_with_its_place(place, value, says):
    plain = encode(Whole, WHOLE)
    *way, last = place
    inner = plain
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(InputError) as caught:
        decode(Whole, plain, "whole")
    assert str(caught.value).startswith(says)


def test_missing_key_is_refused():
    plain = encode(Whole, WHOLE)
    del plain["rows"]
    with pytest.raises(InputError, match=r"whole.rows: is missing"):
        decode(Whole, plain, "whole")


def test_digest_is_of_the_content_and_not_of_the_order_of_keys():
    plain = encode(Whole, WHOLE)
    assert digest_of(dict(reversed(plain.items()))) == digest_of(plain)
    assert digest_of(plain | {"name": "name"}) != digest_of(plain)


@dataclass(frozen=True, eq=False)
class Columns:
    sizes: npt.NDArray[np.float64]


def test_a_column_comes_back_as_an_array():
    plain = encode(Columns, Columns(np.array([0.1, -0.0, math.inf])))
    assert plain["sizes"] == [(0.1).hex(), "-0x0.0p+0", "inf"]
    again = decode(Columns, plain, "columns").sizes
    assert again.dtype == np.float64
    assert encode(Columns, Columns(again)) == plain
    with pytest.raises(InputError, match=r"columns\.sizes\[1\]: should be float in its one exact form"):
        decode(Columns, plain | {"sizes": ["0x1.0000000000000p+0", "1"]}, "columns")


def test_differences_are_named_by_place():
    old = {"a": [{"b": "1"}, "x"], "c": ["1"], "d": "only"}
    new = {"a": [{"b": "2"}, "x"], "c": ["1", "2"]}
    assert differences(old, new, "whole") == (
        "whole.a[0].b: recorded '1', replayed '2'",
        "whole.c: recorded ['1'], replayed ['1', '2']",
        "whole.d: recorded 'only', replayed None",
    )
    assert differences(old, new, "whole", lambda *_: True) == ()
