"""What the flags of `backtest` say: weights, depths, times, grids of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from itertools import product
from math import prod
from pathlib import Path

from router.backtest import Prices, load_prices
from router.documents.extra import strategy_extra
from router.errors import InputError, nearest

MOST_VALUES = 1_000_000
"""Values of one grid, and parameter sets in all."""
LARGEST_EXPONENT = 30
"""Of ten, in what a flag says."""
SETTINGS = ("fee_bps", "gas", "gamma", "initial")
"""Swept for every policy; `N` and `B` fill the names of those that have them."""
PLACES = ("N", "B")

Grid = Mapping[str, tuple[Decimal, ...]]


def read_prices(
    path: Path,
    columns: str | None,
    *,
    time_column: str | None = None,
    repair: bool = False,
    keep_jumps: bool = False,
    start: str | None = None,
    end: str | None = None,
) -> Prices:
    """The prices of a file; `columns` as `BTC_close,...` or `BTC=BTC_close,...`, all numbers where None.

    Args:
        start, end: rows from and to these times, both included; a day without a time is all of it.

    Raises:
        InputError: as `router.backtest.load_prices`, or a library that it needs is not installed.
    """
    wanted = tuple(each.strip() for each in columns.split(",")) if columns else ()
    with strategy_extra("prices"):
        return load_prices(
            path,
            wanted,
            time=time_column,
            repair=repair,
            keep_jumps=keep_jumps,
            start=None if start is None else _moment(start, "from", at_end=False),
            end=None if end is None else _moment(end, "to", at_end=True),
        )


def parse_amounts(text: str, path: str) -> dict[str, float]:
    """`BTC=0.4,ETH=0.3` by name.

    Raises:
        InputError: no pairs, a name given twice, or what is no number.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (equals and name):
            raise InputError(f"should be NAME=NUMBER, separated by commas, not {part.strip()!r}", path=path)
        if name in found:
            raise InputError("is given twice", path=f"{path}.{name}")
        found[name] = float(_number(value, f"{path}.{name}"))
    return found


def parse_depth(text: str) -> float | dict[str, float]:
    """One amount for all assets, or one by asset."""
    return parse_amounts(text, "impact-depth") if "=" in text else float(_number(text, "impact-depth"))


def parse_grid(texts: tuple[str, ...]) -> Grid:
    """`N=7:90:7` from 7 to at most 90 in steps of 7, or `B=0.02,0.05`, by name.

    Raises:
        InputError: an unknown or repeated name, no numbers, a step that leads nowhere, or too many values.
    """
    found: dict[str, tuple[Decimal, ...]] = {}
    for text in texts:
        name, equals, values = (each.strip() for each in text.partition("="))
        name = name if name in PLACES else name.replace("-", "_").lower()
        path = f"sweep {name}"
        if name not in (*PLACES, *SETTINGS):
            known = (*PLACES, *SETTINGS)
            raise InputError(
                f"no parameter {name!r}; there are {', '.join(known)}",
                path="sweep",
                nearest=nearest(name, known),
            )
        if not equals or name in found:
            raise InputError("is given twice" if equals else "needs =START:STOP:STEP", path=path)
        found[name] = _span(values, path) if ":" in values else _listed(values, path)
        if name == "N" and any(value % 1 or value < 1 for value in found[name]):
            raise InputError("counts rows: whole numbers from 1 on", path=path)
    if prod(map(len, found.values())) > MOST_VALUES:
        raise InputError(f"more than {MOST_VALUES:,} parameter sets", path="sweep")
    return found


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A policy of a family such as `abs_band_B`, with its parameters and those of the study."""

    family: str
    policy: str
    values: Mapping[str, Decimal]


def parameter_sets(policies: tuple[str, ...], grid: Grid) -> list[ParameterSet]:
    """Every policy with every combination of the parameters that concern it.

    Raises:
        InputError: a parameter that no policy has, or a policy whose parameter is not swept.
    """
    used = {name: open_places(name) for name in policies}
    for name, places in used.items():
        for place in sorted(places - set(grid)):
            raise InputError(f"{name} has an open {place}: --sweep {place}=START:STOP:STEP", path="policy")
    for place, example in (("N", "calendar_N"), ("B", "abs_band_B")):
        if place in grid and not any(place in places for places in used.values()):
            raise InputError(f"no policy has an open {place}; name one such as {example}", path="sweep")
    found = []
    for name, places in used.items():
        names = [each for each in grid if each in places or each in SETTINGS]
        for values in product(*(grid[each] for each in names)):
            chosen = dict(zip(names, values, strict=True))
            filled = "_".join(_text(chosen[part]) if part in places else part for part in name.split("_"))
            found.append(ParameterSet(name, filled, chosen))
    return found


def open_places(policy: str) -> set[str]:
    """The parameters that a policy's name leaves open."""
    return {place for place in PLACES if place in policy.split("_")}


def _moment(text: str, path: str, *, at_end: bool) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"should be a time such as 2023-12-29, not {text!r}", path=path) from None
    if at_end and moment.time() == time() and len(text) <= len("2023-12-29"):
        moment += timedelta(days=1, microseconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(text: str, path: str) -> tuple[Decimal, ...]:
    parts = text.split(":")
    if len(parts) != 3:
        raise InputError(f"should be START:STOP:STEP, not {text!r}", path=path)
    start, stop, step = (_number(part, path) for part in parts)
    if step <= 0 or stop < start:
        raise InputError(f"should lead upwards in steps above 0, not {text!r}", path=path)
    steps = (stop - start) / step
    if steps >= MOST_VALUES:
        raise InputError(f"has more than {MOST_VALUES:,} values", path=path)
    return tuple(start + step * index for index in range(int(steps) + 1))


def _listed(text: str, path: str) -> tuple[Decimal, ...]:
    values = tuple(_number(part, path) for part in text.split(","))
    if len(set(values)) != len(values):
        raise InputError("names a value twice", path=path)
    return values


def _number(text: str, path: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise InputError(f"should be a number, not {text.strip()!r}", path=path)
    return number


def _text(value: Decimal) -> str:
    """Positional, no trailing zeros: as policies are called."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
