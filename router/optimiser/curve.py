"""What one pool pays, as a smooth function: sampled from exact quotes, interpolated in closed form.

Between two knots the pool is taken for a constant-product pool, whose rate**-0.5 is linear in the amount in.
That is exact for Uniswap v2, for Uniswap v3 inside a tick range, and a close fit for any smooth pool; knots
are added until the fit meets a tolerance, so no AMM needs code of its own here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from router.errors import PoolError
from router.pools.base import Pool
from router.tokens import Address

FIT_TOLERANCE = 1e-6
"""Largest error of the fit in the middle of a segment, as a share of the curve's limit."""
CHECKED_WIDTH = 1e4
"""Segments wider than this many tolerances are checked in their middle too."""
MAX_DEPTH = 9
"""How often a segment may be halved to meet the tolerance."""
START_SHARES = (1 / 4096, 1 / 256, 1 / 32, 1 / 4, 1.0)
CAPACITY_STEPS = 12
CAPACITY_MARGIN = 0.999
"""What is planned with, of the most that a pool takes; the rest is for state moves and rounding on the
way."""
DIFFERENCE_STEP = 1e-3
"""Least half-width of the central difference that finds a slope, as a share of the amount in."""
SPOT_AGREEMENT = 3e-6
LEAST_WIDTH = 1_000
"""Raw units, in or out, below which a segment is not halved."""
LEAST_IN = 200_000
LEAST_OUT = 2_000_000
"""Raw units below which rounding, which on the way in is that of the fee, spoils a slope."""
LEAST_BEND = 5e-7
"""Least relative rise of rate**-0.5 over the whole curve: it costs a hundredth of a basis point of truth at
most, and keeps flat pools from spoiling the linear algebra."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Value out as a concave function of value in, for one pool and one direction.

    Attributes:
        value_in, value_out: knots, ascending from 0, in numeraire value.
        root: rate**-0.5 at each knot, ascending; the rate is d(value out)/d(value in), fee included.
    """

    value_in: tuple[float, ...]
    value_out: tuple[float, ...]
    root: tuple[float, ...]

    @property
    def limit(self) -> float:
        """The most that the curve covers, in value in."""
        return self.value_in[-1]

    def at(self, value_in: float) -> tuple[float, float]:
        """(value out, marginal rate) for an amount in, which is clipped to the curve."""
        paid, rate, _ = self.bend_at(value_in)
        return paid, rate

    def bend_at(self, value_in: float) -> tuple[float, float, float]:
        """(value out, marginal rate, -d(rate)/d(value in)) for an amount in, which is clipped to the
        curve."""
        value_in = min(max(value_in, 0.0), self.limit)
        k = min(bisect_right(self.value_in, value_in) - 1, len(self.value_in) - 2)
        step = value_in - self.value_in[k]
        bend = (self.root[k + 1] - self.root[k]) / (self.value_in[k + 1] - self.value_in[k])
        root = self.root[k] + step * bend
        return self._out(k, step, root), root**-2, 2 * bend * root**-3

    def _out(self, k: int, step: float, root: float) -> float:
        width, height = self.value_in[k + 1] - self.value_in[k], self.value_out[k + 1] - self.value_out[k]
        fit = width / (self.root[k] * self.root[k + 1])
        scale = height / fit
        return self.value_out[k] + scale * step / (self.root[k] * root)


def sample(
    pool: Pool, token_in: Address, token_out: Address, price_in: float, price_out: float, limit: float
) -> Curve | None:
    """The curve of one direction of a pool up to `limit` of value in, or to where the pool ends.

    Args:
        price_in, price_out: numeraire per raw unit.

    Returns:
        None for a pool that pays nothing at any size tried.
    """
    sampler = _Sampler(pool, token_in, token_out, price_in, price_out)
    most = sampler.capacity(int(limit / price_in))
    return None if most < 2 else sampler.curve(most)


@dataclass(frozen=True, slots=True)
class _Sampler:
    pool: Pool
    token_in: Address
    token_out: Address
    price_in: float
    price_out: float

    def quote(self, amount: int) -> int | None:
        try:
            return self.pool.quote_exact_in(self.token_in, self.token_out, amount)
        except PoolError:
            return None

    def capacity(self, most: int) -> int:
        """The largest amount of at most `most` that the pool takes, found by bisection."""
        if most < 2 or self.quote(most):
            return most
        low, high = most, most
        while low >= 2 and not self.quote(low):
            low, high = low // 16, low
        for _ in range(CAPACITY_STEPS if low >= 2 else 0):
            middle = (low + high) // 2
            low, high = (middle, high) if self.quote(middle) else (low, middle)
        return int(low * CAPACITY_MARGIN)

    def difference(self, amount: int, spot: float) -> tuple[float, float]:
        """(rate, its relative error by rounding) at an amount, by central difference, one-sided at the
        pool's end.

        The difference is wide enough for rounding not to matter; what its width does to a constant-product
        pool, 1 - (step / (reserve + amount))**2, is taken off, with the reserve read from the fall of the
        rate.
        """
        wide = LEAST_OUT * self.price_out / (spot * self.price_in)
        step = max(1, min(int(max(amount * DIFFERENCE_STEP, wide, LEAST_IN)), amount // 4))
        above, top = self.quote(amount + step), amount + step
        if above is None:
            above, top = self.quote(amount) or 0, amount
        rise = max(above - (self.quote(amount - step) or 0), 1)
        rate = rise / (top - amount + step) * self.price_out / self.price_in
        fall = 1 - min(rate / spot, 1.0) ** 0.5
        return rate * (1 - (fall * step / amount) ** 2), 2 / rise + 2 / step

    def curve(self, most: int) -> Curve | None:
        spot = self.pool.spot_price(self.token_in, self.token_out) * self.price_out / self.price_in
        if not spot > 0:
            return None
        point = self._pointer(most, spot)
        starts = (int(most * share) for share in START_SHARES[:-1])
        amounts = [
            *(amount for amount in starts if amount > LEAST_IN and (self.quote(amount) or 0) > LEAST_OUT),
            most,
        ]
        knots: list[tuple[int, int, float]] = [(0, 0, spot)]
        tolerance = FIT_TOLERANCE * most * self.price_in + 2 * max(self.price_in, self.price_out)
        for amount in amounts:
            self._refine(knots, point(amount), point, tolerance, MAX_DEPTH)
        return self._assemble(knots)

    def _pointer(self, most: int, spot: float) -> Callable[[int], tuple[int, int, float]]:
        """How to find (amount in, amount out, rate): the spot price after a swap is the slope of the quote
        only where the fee does not join the reserves; elsewhere the slope is a difference of quotes."""

        def by_spot(amount: int) -> tuple[int, int, float]:
            out, after = self.pool.swap(self.token_in, self.token_out, amount)
            return (
                amount,
                out,
                after.spot_price(self.token_in, self.token_out) * self.price_out / self.price_in,
            )

        def by_difference(amount: int) -> tuple[int, int, float]:
            return amount, self.quote(amount) or 0, self.difference(amount, spot)[0]

        slope = by_spot(most)[2]
        measured, error = self.difference(most, spot)
        return by_spot if abs(measured - slope) <= (SPOT_AGREEMENT + error) * measured else by_difference

    def _refine(
        self,
        knots: list[tuple[int, int, float]],
        end: tuple[int, int, float],
        point: Callable[[int], tuple[int, int, float]],
        tolerance: float,
        depth: int,
    ) -> None:
        start = knots[-1]
        width, height = (end[0] - start[0]) * self.price_in, (end[1] - start[1]) * self.price_out
        fits = end[2] > 0 and abs(width * sqrt(max(start[2], 0.0) * end[2]) - height) <= tolerance
        if fits and width > CHECKED_WIDTH * tolerance:
            fits = self._fits_inside(start, end, tolerance)
        if fits or depth == 0 or min(end[0] - start[0], end[1] - start[1]) < LEAST_WIDTH:
            knots.append(end)
            return
        middle = point((start[0] + end[0]) // 2)
        self._refine(knots, middle, point, tolerance, depth - 1)
        self._refine(knots, end, point, tolerance, depth - 1)

    def _fits_inside(
        self, start: tuple[int, int, float], end: tuple[int, int, float], tolerance: float
    ) -> bool:
        """Whether the middle of a segment whose ends fit does too; a gap in liquidity can hide between
        them."""
        half = (end[0] - start[0]) // 2
        paid = (self.quote(start[0] + half) or 0) - start[1]
        first, last = start[2] ** -0.5, end[2] ** -0.5
        fit = half * self.price_in / (first * (first + last) / 2)
        return bool(abs(paid * self.price_out - fit) <= 2 * tolerance)

    def _assemble(self, knots: list[tuple[int, int, float]]) -> Curve | None:
        """Knots in value units, forced concave: a rate lies between those of the chords on its two sides,
        which rounding spoils less than a slope."""
        kept = [(0.0, 0.0, knots[0][2])]
        for amount, out, rate in knots[1:]:
            x, y = amount * self.price_in, out * self.price_out
            if rate <= 0 or y <= kept[-1][1] or x <= kept[-1][0]:
                continue
            while len(kept) > 1 and _below(kept[-2], kept[-1], (x, y, rate)):
                kept.pop()
            kept.append((x, y, rate))
        if len(kept) < 2:
            return None
        chords = [(y1 - y0) / (x1 - x0) for (x0, y0, _), (x1, y1, _) in pairwise(kept)]
        root = [kept[0][2] ** -0.5]
        for k, (x, _, rate) in enumerate(kept[1:]):
            least = chords[k + 1] if k + 1 < len(chords) else 0.0
            between = min(max(rate, least), chords[k])
            bend = LEAST_BEND * (x - kept[k][0]) / kept[-1][0]
            root.append(max(between**-0.5, root[-1] * (1 + bend)))
        return Curve(tuple(x for x, _, _ in kept), tuple(y for _, y, _ in kept), tuple(root))


def _below(
    first: tuple[float, float, float], middle: tuple[float, float, float], last: tuple[float, float, float]
) -> bool:
    """Whether the middle point lies under the line between its neighbours, which a concave curve's never
    does."""
    return (middle[1] - first[1]) * (last[0] - middle[0]) < (last[1] - middle[1]) * (middle[0] - first[0])
