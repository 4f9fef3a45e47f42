"""The fixed part of a concentrated-liquidity pool: its initialised ticks, and the steps a swap takes
between them.

The contract looks for the next tick inside one 256-bit word of its bitmap and stops at the word's end when
it finds none, and every stop rounds. So the rungs between two stops are computed exactly as the contract
does, once, and a swap adds up whole rungs: `remaining * (1e6 - fee) // 1e6 >= amount_in` is the same
condition as `remaining >= amount_in + ceil(amount_in * fee / (1e6 - fee))`, the rung's stored cost.

Source: Uniswap v3-core, contracts/UniswapV3Pool.sol (swap) and libraries/TickBitmap.sol.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from router.pools.swap_math import full_step
from router.pools.tick_math import (
    MAX_PRICE_LIMIT,
    MAX_TICK,
    MIN_PRICE_LIMIT,
    MIN_TICK,
    sqrt_ratio_at_tick,
)

_WORD_BITS = 256


class Rung(NamedTuple):
    """One step from a boundary to the next, price moved all the way. Amounts are raw; the fee is in
    `amount_in`.
    """

    amount_in: int
    amount_out: int
    sqrt_price_x96: int
    tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class TickLadder:
    """Initialised ticks and what lies between them; shared by a pool and all the pools that swaps make of it.

    Attributes:
        ticks: initialised ticks, ascending.
        nets: liquidity_net of each.
        base_liquidity: liquidity below the first tick: 0 when the ticks are complete.
    """

    tick_spacing: int
    fee_pips: int
    ticks: tuple[int, ...]
    nets: tuple[int, ...]
    base_liquidity: int = 0
    _sums: Sequence[int] = field(init=False, repr=False, compare=False)
    _down: dict[int, Rung | None] = field(default_factory=dict, repr=False, compare=False)
    _up: dict[int, Rung | None] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.nets, initial=self.base_liquidity)))

    def liquidity_at(self, tick: int) -> int:
        """Liquidity in range while the pool's current tick is `tick`."""
        return self._sums[bisect_right(self.ticks, tick)]

    def edge(self, tick: int, zero_for_one: bool) -> int | None:
        """The first boundary that a swap from the current tick `tick` stops at; None past the last known
        tick.
        """
        compressed = tick // self.tick_spacing
        if zero_for_one:
            place = bisect_right(self.ticks, tick)
            word_edge = compressed // _WORD_BITS * _WORD_BITS * self.tick_spacing
            return max(self.ticks[place - 1], word_edge) if place else None
        place = bisect_right(self.ticks, tick)
        last_bit = (compressed + 1) // _WORD_BITS * _WORD_BITS + _WORD_BITS - 1
        return min(self.ticks[place], last_bit * self.tick_spacing) if place < len(self.ticks) else None

    def sqrt_target(self, tick: int, zero_for_one: bool) -> int:
        """The price at a boundary, kept inside the limits that the contract sets to every swap."""
        if zero_for_one:
            return max(sqrt_ratio_at_tick(tick), MIN_PRICE_LIMIT)
        return min(sqrt_ratio_at_tick(tick), MAX_PRICE_LIMIT)

    def rung(self, boundary: int, zero_for_one: bool) -> Rung | None:
        """The step that starts at a boundary just crossed; None when no liquidity is known beyond it."""
        cache = self._down if zero_for_one else self._up
        try:
            return cache[boundary]
        except KeyError:
            rung = cache[boundary] = self._rung(boundary, zero_for_one)
            return rung

    def after_crossing(self, boundary: int, zero_for_one: bool) -> tuple[int, int]:
        """(current tick, liquidity in range) once the price has reached and crossed a boundary."""
        # The price limits lie inside the outermost ticks, so that these two are reached but never crossed.
        tick = max(boundary - 1, MIN_TICK) if zero_for_one else min(boundary, MAX_TICK - 1)
        return tick, self.liquidity_at(tick)

    def _rung(self, boundary: int, zero_for_one: bool) -> Rung | None:
        tick, liquidity = self.after_crossing(boundary, zero_for_one)
        stop = self.edge(tick, zero_for_one)
        if stop is None or stop == boundary or liquidity < 0:
            return None
        if liquidity == 0:  # empty words cost nothing: go to the next initialised tick at once
            place = bisect_left(self.ticks, boundary) if zero_for_one else bisect_right(self.ticks, boundary)
            stop = self.ticks[place - 1] if zero_for_one else self.ticks[place]
        start_price, stop_price = sqrt_ratio_at_tick(boundary), self.sqrt_target(stop, zero_for_one)
        return Rung(
            *full_step(start_price, stop_price, liquidity, self.fee_pips), stop_price, stop, liquidity
        )
