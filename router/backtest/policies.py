"""When a backtest trades, and to where: the named policies, and what any policy is given to decide from.

| name             | trades when |
| ---              | --- |
| `hold`           | never after it has bought |
| `calendar_N`     | every N rows, counted from the first |
| `abs_band_B`     | a weight is off its target by more than B, e.g. 0.05 |
| `rel_band_B`     | a weight is off by more than B of its target, e.g. 0.25 |
| `hybrid_N_B`     | every N rows, where a weight is off by more than B |
| `default`        | see `router.backtest.default` |
| `forecast`       | see `router.backtest.forecast` |

All but `hold` may end in `_target`, which is meant where nothing is said, `_half`, or (bands) `_edge`: where
a trade lands. Bands watch the priced assets; cash is what remains. Every policy buys its targets on the first
row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from router.backtest import kernel
from router.backtest.costs import Costs, FeeConvention
from router.errors import InputError, nearest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Observation:
    """What is known on one row, before its trade.

    Attributes:
        row: counted from 0.
        times: (row + 1,) datetime64, UTC.
        prices: (row + 1, assets) up to this row; there is nothing behind it.
        weights, targets: (assets + 1,), cash last. Weights of nothing but cash on the first row.
        nav: before costs, numeraire.
        traded: the row of the last rebalance, or None.
    """

    row: int
    times: npt.NDArray[np.datetime64]
    prices: Floats
    weights: Floats
    targets: Floats
    nav: float
    traded: int | None
    assets: tuple[str, ...]
    costs: Costs
    convention: FeeConvention
    risk_aversion: float
    interval_years: float

    @property
    def time(self) -> datetime:
        found: datetime = self.times[self.row].astype("datetime64[us]").item()
        return found.replace(tzinfo=UTC)


class Policy(Protocol):
    """Decides row by row, with what is known by then. One object serves one run after another: whatever it
    remembers it forgets on row 0."""

    @property
    def name(self) -> str: ...

    def decide(self, observation: Observation) -> Floats | None:
        """Landing weights, (assets + 1,), cash last, or None for no trade."""
        ...


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy of the table above; both engines run it.

    Attributes:
        kind, aim: constants of `router.backtest.kernel`.
        every: rows; band: share of NAV, or of the target where relative.
    """

    name: str
    kind: int
    aim: int = kernel.TO_TARGET
    every: int = 1
    band: float = 0.0

    def bounds(self, targets: Floats) -> Floats:
        """Largest deviation by priced asset, shares of NAV."""
        return (
            self.band * targets[:-1] if self.kind == kernel.RELATIVE else np.full(len(targets) - 1, self.band)
        )

    def decide(self, observation: Observation) -> Floats | None:
        weights, targets = observation.weights, observation.targets
        if observation.row == 0:
            return targets
        bounds = self.bounds(targets)
        due = self.kind not in (kernel.CALENDAR, kernel.HYBRID) or observation.row % self.every == 0
        out = self.kind == kernel.CALENDAR or bool((np.abs(weights - targets)[:-1] > bounds).any())
        if self.kind == kernel.HOLD or not (due and out):
            return None
        landing = np.empty_like(targets)
        kernel.landing_in_python(weights, targets, bounds, self.aim, landing)
        return landing


AIMS = {"target": kernel.TO_TARGET, "edge": kernel.TO_EDGE, "half": kernel.TO_HALF}
_COUNT, _SHARE = r"(?P<every>[1-9]\d{0,8})", r"(?P<band>\d+(?:\.\d+)?|\.\d+)"
_FORMS: tuple[tuple[str, str, int], ...] = (
    ("hold", "hold", kernel.HOLD),
    ("calendar_N", rf"calendar_{_COUNT}(?:_(?P<aim>target|half))?", kernel.CALENDAR),
    ("abs_band_B", rf"abs_band_{_SHARE}(?:_(?P<aim>target|edge|half))?", kernel.ABSOLUTE),
    ("rel_band_B", rf"rel_band_{_SHARE}(?:_(?P<aim>target|edge|half))?", kernel.RELATIVE),
    ("hybrid_N_B", rf"hybrid_{_COUNT}_{_SHARE}(?:_(?P<aim>target|edge|half))?", kernel.HYBRID),
)
OTHERS: dict[str, Callable[[], Policy]] = {}
"""Policies without parameters in their names."""


def policy_of(name: str) -> Policy:
    """The policy of a name.

    Raises:
        InputError: no policy is called so, or its band is not between 0 and 1.
    """
    if name in OTHERS:
        return OTHERS[name]()
    for _, pattern, kind in _FORMS:
        if not (found := re.fullmatch(pattern, name)):
            continue
        parts = found.groupdict()
        band = float(parts.get("band") or 0)
        if "band" in parts and not (0 < band < 1 or (kind == kernel.RELATIVE and band > 0)):
            raise InputError(f"{name}: a band is a share between 0 and 1, not {band:g}", path="policy")
        return NamedPolicy(name, kind, AIMS[parts.get("aim") or "target"], int(parts.get("every") or 1), band)
    forms = [*OTHERS, *(form for form, _, _ in _FORMS)]
    stem = re.sub(r"(_\d*\.?\d+|_target|_edge|_half)+$", "", name)
    stems = {re.sub(r"(_[NB])+$", "", form): form for form in forms}
    close = nearest(stem, stems)
    raise InputError(
        f"no policy {name!r}; there are {', '.join(forms)}", path="policy", nearest=close and stems[close]
    )
