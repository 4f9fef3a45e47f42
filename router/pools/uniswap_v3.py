"""Uniswap v3 pools and forks with the same arithmetic, to the wei.

Source: Uniswap v3-core, contracts/UniswapV3Pool.sol (swap).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from router.errors import InputError, InsufficientLiquidity
from router.fixed_point import MAX_U128, PIPS, Q96
from router.pools.base import require_amount, require_tokens
from router.pools.swap_math import full_step, partial_step_in, partial_step_out
from router.pools.tick_ladder import TickLadder
from router.pools.tick_math import (
    MAX_PRICE_LIMIT,
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_PRICE_LIMIT,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from router.tokens import Address

GAS_PER_SWAP = 84_000
"""Measured in whole plans on the local chain, few ticks crossed, the executor's own work included."""
MAX_I256 = (1 << 255) - 1


class SwapResult(NamedTuple):
    """What a swap did that may stop early. `filled` says whether the whole amount asked for was traded."""

    amount_in: int
    amount_out: int
    pool: UniswapV3Pool
    filled: bool


class _Walk(NamedTuple):
    amount_in: int
    amount_out: int
    sqrt_price_x96: int
    boundary: int | None  # the last boundary reached, None inside the first range
    at_boundary: bool
    filled: bool


@dataclass(frozen=True, slots=True)
class UniswapV3Pool:
    """A concentrated-liquidity pool of tokens[0] < tokens[1].

    Attributes:
        sqrt_price_x96: square root of raw token 1 per raw token 0, Q64.96; 0 in a pool not yet initialised.
        tick: the contract's current tick, which is one below the price's own after a downward crossing.
        liquidity: in range now.
        protocol: name of the fork, for people.
    """

    kind: ClassVar[str] = "uniswap_v3"

    address: Address
    tokens: tuple[Address, Address]
    sqrt_price_x96: int
    tick: int
    liquidity: int
    ladder: TickLadder
    protocol: str = ""

    @property
    def fee_pips(self) -> int:
        return self.ladder.fee_pips

    @property
    def tick_spacing(self) -> int:
        return self.ladder.tick_spacing

    @property
    def ticks(self) -> tuple[tuple[int, int], ...]:
        """(tick, liquidity_net) of every initialised tick, ascending."""
        return tuple(zip(self.ladder.ticks, self.ladder.nets, strict=True))

    @property
    def gas(self) -> int:
        return GAS_PER_SWAP

    def __repr__(self) -> str:
        return f"UniswapV3Pool({self.address}, {self.fee_pips / PIPS:.2%}, {len(self.ladder.ticks)} ticks)"

    def quote_exact_in(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        """What the pool pays for `amount_in`; may be 0, which the contract allows.

        Raises:
            InsufficientLiquidity: the pool cannot absorb all of it; `swap_to_limit` tells how much it can.
        """
        zero_for_one = require_tokens(self, token_in, token_out)[0] == 0
        walk = self._walk(zero_for_one, amount_in, True)
        if not walk.filled:
            raise InsufficientLiquidity(f"{self!r} absorbs only {walk.amount_in} of {amount_in} {token_in}")
        return walk.amount_out

    def quote_exact_out(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """What the pool charges for `amount_out`.

        Raises:
            InsufficientLiquidity: the pool does not hold it.
        """
        zero_for_one = require_tokens(self, token_in, token_out)[0] == 0
        walk = self._walk(zero_for_one, amount_out, False)
        if not walk.filled:
            raise InsufficientLiquidity(f"{self!r} pays only {walk.amount_out} of {amount_out} {token_out}")
        return walk.amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, UniswapV3Pool]:
        """The amount out, and the pool after the swap, which shares the tick ladder."""
        result = self.swap_to_limit(token_in, token_out, amount_in)
        if not result.filled:
            raise InsufficientLiquidity(f"{self!r} absorbs only {result.amount_in} of {amount_in} {token_in}")
        return result.amount_out, result.pool

    def swap_to_limit(
        self, token_in: Address, token_out: Address, amount: int, *, exact_in: bool = True
    ) -> SwapResult:
        """Trades `amount` (in, or out when not `exact_in`) or as much as there is liquidity for, as
        QuoterV2 does.
        """
        zero_for_one = require_tokens(self, token_in, token_out)[0] == 0
        walk = self._walk(zero_for_one, amount, exact_in)
        return SwapResult(walk.amount_in, walk.amount_out, self._after(walk, zero_for_one), walk.filled)

    def spot_price(self, token_in: Address, token_out: Address) -> float:
        """Marginal rate, fee included: raw units of `token_out` per raw unit of `token_in`."""
        zero_for_one = require_tokens(self, token_in, token_out)[0] == 0
        if not self.sqrt_price_x96:
            raise InsufficientLiquidity(f"{self!r} is not initialised")
        price = (self.sqrt_price_x96 / Q96) ** 2
        return (price if zero_for_one else 1 / price) * (1 - self.fee_pips / PIPS)

    def _walk(self, zero_for_one: bool, amount: int, exact_in: bool) -> _Walk:
        """Whole steps while they fit, then a part of one.

        Raises:
            PoolError: a zero amount, one that 256 signed bits cannot hold, or a pool not initialised.
        """
        require_amount(self, amount, MAX_I256)
        ladder, sqrt_price, liquidity = self.ladder, self.sqrt_price_x96, self.liquidity
        if not sqrt_price or liquidity < 0:
            raise InsufficientLiquidity(f"{self!r} is not initialised")
        if sqrt_price <= MIN_PRICE_LIMIT if zero_for_one else sqrt_price >= MAX_PRICE_LIMIT:
            raise InsufficientLiquidity(f"{self!r} is at the end of the price range")
        stop, boundary = ladder.edge(self.tick, zero_for_one), None
        remaining, spent, paid = amount, 0, 0
        while stop is not None and remaining:
            if boundary is None:
                target = ladder.sqrt_target(stop, zero_for_one)
                step_in, step_out = full_step(sqrt_price, target, liquidity, ladder.fee_pips)
            else:
                rung = ladder.rung(boundary, zero_for_one)
                if rung is None:
                    break
                step_in, step_out, target, stop, liquidity = rung
            size = step_in if exact_in else step_out
            if remaining < size:
                break
            remaining, spent, paid = remaining - size, spent + step_in, paid + step_out
            boundary, sqrt_price = stop, target
        else:
            return _Walk(spent, paid, sqrt_price, boundary, boundary is not None, not remaining)
        if stop == boundary:
            return _Walk(spent, paid, sqrt_price, boundary, True, False)
        part = partial_step_in if exact_in else partial_step_out
        sqrt_next, other = part(sqrt_price, zero_for_one, liquidity, remaining, ladder.fee_pips)
        spent, paid = (spent + remaining, paid + other) if exact_in else (spent + other, paid + remaining)
        if sqrt_next == target:  # rounding of an exact output can reach the boundary with less than all of it
            return _Walk(spent, paid, target, stop, True, True)
        return _Walk(spent, paid, sqrt_next, boundary, boundary is not None and sqrt_next == sqrt_price, True)

    def _after(self, walk: _Walk, zero_for_one: bool) -> UniswapV3Pool:
        ladder, sqrt_price = self.ladder, walk.sqrt_price_x96
        if not walk.filled:
            limit = MIN_PRICE_LIMIT if zero_for_one else MAX_PRICE_LIMIT
            tick = MIN_TICK if zero_for_one else MAX_TICK - 1
            return self._moved(limit, tick, ladder.liquidity_at(tick))
        if walk.at_boundary and walk.boundary is not None:
            return self._moved(sqrt_price, *ladder.after_crossing(walk.boundary, zero_for_one))
        if sqrt_price == self.sqrt_price_x96:
            return self
        tick = tick_at_sqrt_ratio(sqrt_price)
        return self._moved(
            sqrt_price, tick, self.liquidity if walk.boundary is None else ladder.liquidity_at(tick)
        )

    def _moved(self, sqrt_price_x96: int, tick: int, liquidity: int) -> UniswapV3Pool:
        return UniswapV3Pool(
            self.address, self.tokens, sqrt_price_x96, tick, liquidity, self.ladder, self.protocol
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> UniswapV3Pool:
        """Builds the pool from its snapshot-file form.

        Raises:
            InputError: values that no pool can have, e.g. a tick that is not the price's.
        """
        ticks = tuple((int(tick), int(net)) for tick, net in state["ticks"])
        _check_state(state, ticks)
        tick, liquidity = state["tick"], state["liquidity"]
        below = sum(net for place, net in ticks if place <= tick)
        ladder = TickLadder(
            tick_spacing=state["tick_spacing"],
            fee_pips=state["fee_pips"],
            ticks=tuple(place for place, _ in ticks),
            nets=tuple(net for _, net in ticks),
            base_liquidity=liquidity - below,
        )
        first, second = state["tokens"]
        return cls(
            address=state["address"],
            tokens=(first, second),
            sqrt_price_x96=state["sqrt_price_x96"],
            tick=tick,
            liquidity=liquidity,
            ladder=ladder,
            protocol=state.get("protocol", ""),
        )

    def to_state(self) -> dict[str, Any]:
        """The snapshot-file form; big integers as ints."""
        state: dict[str, Any] = {"kind": self.kind, "address": self.address, "tokens": list(self.tokens)}
        if self.protocol:
            state["protocol"] = self.protocol
        return state | {
            "fee_pips": self.fee_pips,
            "tick_spacing": self.tick_spacing,
            "sqrt_price_x96": self.sqrt_price_x96,
            "tick": self.tick,
            "liquidity": self.liquidity,
            "ticks": [list(pair) for pair in self.ticks],
        }


def _check_state(state: Mapping[str, Any], ticks: tuple[tuple[int, int], ...]) -> None:
    spacing, price, tick = state["tick_spacing"], state["sqrt_price_x96"], state["tick"]
    places = [place for place, _ in ticks]
    if len(state["tokens"]) != 2 or state["tokens"][0] >= state["tokens"][1]:
        raise InputError("a uniswap_v3 pool has two tokens, ascending by address", path="tokens")
    if not 0 <= state["fee_pips"] < PIPS:
        raise InputError(f"{state['fee_pips']} is not a fee below 1000000 pips", path="fee_pips")
    if spacing <= 0:
        raise InputError(f"{spacing} is not a tick spacing", path="tick_spacing")
    if not 0 <= state["liquidity"] <= MAX_U128:
        raise InputError(f"{state['liquidity']} does not fit 128 bits", path="liquidity")
    if any(low >= high for low, high in pairwise(places)):
        raise InputError("ticks must ascend, each once", path="ticks")
    for place in places:
        if place % spacing or not MIN_TICK <= place <= MAX_TICK:
            raise InputError(f"tick {place} is out of range or not a multiple of {spacing}", path="ticks")
    if price == 0:
        return
    if not MIN_SQRT_RATIO <= price < MAX_SQRT_RATIO or not MIN_TICK <= tick < MAX_TICK:
        raise InputError(f"{price} at tick {tick} is out of range", path="sqrt_price_x96")
    if not sqrt_ratio_at_tick(tick) <= price <= sqrt_ratio_at_tick(tick + 1):
        raise InputError(f"tick {tick} is not the tick of sqrt_price_x96 {price}", path="tick")
