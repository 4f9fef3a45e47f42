"""Reads concentrated-liquidity pools: price, then every initialised tick, found through the bitmap's words.

All words of all pools are one set of calls and all initialised ticks another, each in chunks of thousands:
never one request per tick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from router.chain.abi import FEE, LIQUIDITY, SLOT0, TICK_BITMAP, TICK_SPACING, TICKS, TOKEN0, TOKEN1
from router.chain.pools import pool_tokens
from router.chain.view import View
from router.errors import InconsistentAnswer
from router.tokens import Address

MAX_TICK = 887_272
_WORD_BITS = 256
_KIND = "uniswap_v3"


@dataclass(frozen=True, slots=True)
class _Head:
    """What a pool says before its ticks are known."""

    address: Address
    state: dict[str, Any]

    @property
    def spacing(self) -> int:
        return int(self.state["tick_spacing"])

    def words(self) -> range:
        """The bitmap words that can hold an initialised tick."""
        last = MAX_TICK // self.spacing
        return range(-last // _WORD_BITS, last // _WORD_BITS + 1)


def read_concentrated(
    view: View, pools: Iterable[Address], discovered: Collection[Address]
) -> list[dict[str, Any]]:
    """The state of each Uniswap v3 pool; pools that were discovered and have no price yet are left out.

    Raises:
        InconsistentAnswer: a listed pool without a price, or liquidity that its ticks do not add up to.
    """
    heads = _heads(view, pools, discovered)
    words = [(head, word, TICK_BITMAP.call(head.address, word)) for head in heads for word in head.words()]
    bitmaps = view.ask([call for _, _, call in words], "tick bitmaps")
    ticks: dict[Address, list[int]] = {head.address: [] for head in heads}
    for head, word, call in words:
        ticks[head.address] += _ticks_of(word, bitmaps.one(call), head.spacing)
    answers = view.ask([TICKS.call(pool, tick) for pool, places in ticks.items() for tick in places], "ticks")
    states = []
    for head in heads:
        nets = [(tick, answers.values(TICKS.call(head.address, tick))[1]) for tick in ticks[head.address]]
        _check(head, nets)
        states.append({**head.state, "ticks": tuple(pair for pair in nets if pair[1])})
    return states


def _heads(view: View, pools: Iterable[Address], discovered: Collection[Address]) -> list[_Head]:
    wanted = list(pools)
    functions = (TOKEN0, TOKEN1, FEE, TICK_SPACING, SLOT0, LIQUIDITY)
    answers = view.ask([function.call(pool) for pool in wanted for function in functions], "pools")
    heads = []
    for pool in wanted:
        sqrt_price_x96, tick = answers.values(SLOT0.call(pool))
        spacing = answers.one(TICK_SPACING.call(pool))
        if spacing <= 0:
            raise InconsistentAnswer(f"tickSpacing of {pool}: {spacing}")
        if not sqrt_price_x96:
            if pool in discovered:
                continue
            raise InconsistentAnswer(f"slot0 of {pool}: the pool has no price")
        state = {
            "kind": _KIND,
            "address": pool,
            "tokens": pool_tokens(answers, pool),
            "fee_pips": answers.one(FEE.call(pool)),
            "tick_spacing": spacing,
            "sqrt_price_x96": sqrt_price_x96,
            "tick": tick,
            "liquidity": answers.one(LIQUIDITY.call(pool)),
        }
        heads.append(_Head(pool, state))
    return heads


def _ticks_of(word: int, bits: int, spacing: int) -> Iterable[int]:
    """The initialised ticks that a bitmap word marks, ascending."""
    while bits:
        lowest = bits & -bits
        yield (word * _WORD_BITS + lowest.bit_length() - 1) * spacing
        bits ^= lowest


def _check(head: _Head, nets: list[tuple[int, int]]) -> None:
    liquidity = head.state["liquidity"]
    active = sum(net for tick, net in nets if tick <= head.state["tick"])
    if active != liquidity:
        raise InconsistentAnswer(
            f"liquidity of {head.address}: {liquidity}, but the ticks up to the current one sum to {active}"
        )
    if total := sum(net for _, net in nets):
        raise InconsistentAnswer(f"ticks of {head.address}: their liquidityNet sum to {total}, not 0")
