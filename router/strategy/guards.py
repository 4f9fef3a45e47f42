"""Guard rails around target weights: floor, cap and largest step, and what weights must satisfy at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InfeasibleWeights, InputError, NotFinite, Unaffordable

Floats = NDArray[np.float64]

SUM_TOLERANCE = 1e-6
"""How far weights may sum from 1: floating error passes, percent and forgotten cash don't."""


def finite(values: ArrayLike, path: str, *, dimensions: int = 1) -> Floats:
    """Values as an array of floats.

    Raises:
        InputError: another number of dimensions, or nothing in it.
        NotFinite: NaN or infinity; names the first place.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or not array.size:
        raise InputError(f"should have {dimensions} dimension(s), has shape {array.shape}", path=path)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(bad[0].tolist())
        index = ", ".join(map(str, place))
        raise NotFinite(f"{array[place]} is no number to work with", path=f"{path}[{index}]")
    return array


def check_weights(weights: ArrayLike, assets: Sequence[str] = (), *, cost: float = 0.0) -> Floats:
    """Weights that a portfolio can hold.

    Args:
        weights: (n,) shares of NAV before the trade.
        assets: names for messages.
        cost: what reaching the weights costs, a share of the same NAV.

    Returns:
        The weights as an array.

    Raises:
        Unaffordable: weights and cost sum to more than 1.
        InputError: a weight below 0, or a sum below 1.
        NotFinite: NaN or infinity.
    """
    array = finite(weights, "weights")
    if (array < 0).any():
        place = int(np.argmin(array))
        name = assets[place] if assets else str(place)
        raise InputError(f"should be at least 0, is {array[place]:.9g}", path=f"weights.{name}")
    if not (np.isfinite(cost) and cost >= 0):
        raise InputError(f"should be a number of at least 0, is {cost}", path="cost")
    total = float(array.sum()) + cost
    if total > 1 + SUM_TOLERANCE:
        with_cost = f", {cost:.9g} of it cost" if cost else ""
        raise Unaffordable(f"take {total:.9g} of the portfolio's value{with_cost}", path="weights")
    if total < 1 - SUM_TOLERANCE:
        raise InputError(f"should sum to 1, sum to {total:.9g}; cash is an asset too", path="weights")
    return array


def project(wanted: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """The weights nearest to `wanted`, in the Euclidean sense, that lie in a box and sum to 1.

    They are `clip(wanted - t, low, high)` for the one shift `t` that makes the sum 1 (Held, Wolfe and
    Crowder 1974, section 3). The sum is piecewise linear in `t`, so `t` is exact: no iteration, no tolerance.

    Args:
        wanted: (n,) any finite numbers.
        low, high: (n,) or one number for all.

    Raises:
        InfeasibleWeights: a floor above its cap, floors that sum to more than 1, or caps to less.
        NotFinite: NaN or infinity.
    """
    point = finite(wanted, "wanted")
    floors, caps = _box(low, high, point.size)
    kinks = np.unique(np.concatenate([point - caps, point - floors]))
    sums = np.clip(point - kinks[:, None], floors, caps).sum(axis=1)
    # Sums fall along the kinks: the last that is still at least 1, and the slope from there on.
    left = int(np.searchsorted(-sums, -1.0, side="right")) - 1
    shift = kinks[max(left, 0)]
    if 0 <= left < len(kinks) - 1 and sums[left] > sums[left + 1]:
        share = (sums[left] - 1.0) / (sums[left] - sums[left + 1])
        shift += share * (kinks[left + 1] - kinks[left])
    return _summed(np.clip(point - shift, floors, caps), floors, caps)


@dataclass(frozen=True, eq=False)
class GuardRails:
    """Limits on target weights.

    Attributes:
        floor: least weight, for every asset or by asset.
        cap: most weight, for every asset or by asset.
        step: most that one weight moves in one update, in points of the portfolio; None for no limit.

    Raises:
        InputError: a floor below 0, a cap above 1, a step of 0 or less, or above 1.
        InfeasibleWeights: a floor above its cap; by asset, floors that sum to more than 1 or caps to less.
        NotFinite: NaN or infinity.
    """

    floor: float | Floats = 0.0
    cap: float | Floats = 1.0
    step: float | None = None

    def __post_init__(self) -> None:
        floor = finite(np.atleast_1d(self.floor), "floor")
        cap = finite(np.atleast_1d(self.cap), "cap")
        if (floor < 0).any():
            raise InputError(f"should be at least 0, is {floor.min():.9g}", path="floor")
        if (cap > 1).any():
            raise InputError(f"should be at most 1, is {cap.max():.9g}", path="cap")
        if self.step is not None and not 0 < self.step <= 1:
            raise InputError(f"should be above 0 and at most 1, is {self.step}", path="step")
        sizes = {values.size for values in (floor, cap) if values.size > 1}
        if len(sizes) > 1:
            raise InputError(f"{floor.size} floors, {cap.size} caps", path="floor")
        if sizes:
            self.box(sizes.pop())
        elif floor[0] > cap[0]:
            raise InfeasibleWeights(f"{floor[0]:.9g} is above the cap of {cap[0]:.9g}", path="floor")

    def box(self, size: int) -> tuple[Floats, Floats]:
        """Floors and caps of `size` assets, steps aside.

        Raises:
            InfeasibleWeights: they leave no weights that sum to 1.
            InputError: there are floors or caps for another number of assets.
        """
        return _box(self.floor, self.cap, size)

    def apply(self, wanted: ArrayLike, current: ArrayLike | None = None) -> Floats:
        """The weights nearest to `wanted` that keep to floor, cap and step.

        The step wins: where the current weights are so far outside floor and cap that one update can't
        bring them back, the result goes as far towards them as a step allows.

        Args:
            wanted: (n,) any finite numbers.
            current: (n,) the weights of the last update, summing to 1; None for a first one, which has no
                step.

        Raises:
            InfeasibleWeights: floors and caps leave no weights that sum to 1.
            InputError: current weights of another size or sum, or not given by every asset.
        """
        point = finite(wanted, "wanted")
        low, high = self.box(point.size)
        if self.step is None or current is None:
            return project(point, low, high)
        held = finite(current, "current")
        if held.size != point.size or abs(float(held.sum()) - 1) > SUM_TOLERANCE:
            raise InputError(
                f"{held.size} weights that sum to {held.sum():.9g}, {point.size} wanted", path="current"
            )
        nearest, farthest = held - self.step, held + self.step
        step_low, step_high = np.clip(low, nearest, farthest), np.clip(high, nearest, farthest)
        off = rounding(point.size)
        if step_low.sum() > 1 + off or step_high.sum() < 1 - off:
            step_low, step_high = np.maximum(nearest, 0.0), farthest
            point = project(point, low, high)
        return project(point, step_low, step_high)


def _box(low: ArrayLike, high: ArrayLike, size: int) -> tuple[Floats, Floats]:
    floors, caps = (
        np.array(np.broadcast_to(values, size)) if values.size in (1, size) else values
        for values in (finite(np.atleast_1d(low), "floor"), finite(np.atleast_1d(high), "cap"))
    )
    for path, values in (("floor", floors), ("cap", caps)):
        if values.size != size:
            raise InputError(f"{values.size} entries for {size} assets", path=path)
    if (floors > caps).any():
        place = int(np.argmax(floors - caps))
        raise InfeasibleWeights(
            f"{floors[place]:.9g} is above the cap of {caps[place]:.9g}", path=f"floor[{place}]"
        )
    # What sums to 1 but for rounding is a box of one point, not an empty one.
    if floors.sum() > 1 + rounding(size):
        raise InfeasibleWeights(f"floors of {size} assets sum to {floors.sum():.9g}, above 1", path="floor")
    if caps.sum() < 1 - rounding(size):
        raise InfeasibleWeights(f"caps of {size} assets sum to {caps.sum():.9g}, below 1", path="cap")
    return floors, caps


def rounding(size: int) -> float:
    """How far a sum of so many weights may be off."""
    return size * float(np.finfo(float).eps)


def _summed(weights: Floats, low: Floats, high: Floats) -> Floats:
    """The same weights with the rounding of their sum put where there is most room."""
    rest = 1.0 - weights.sum()
    place = int(np.argmax(high - weights if rest > 0 else weights - low))
    weights[place] = np.clip(weights[place] + rest, low[place], high[place])
    return weights
