"""Ticks and square-root prices. A tick t stands for the price 1.0001**t; square roots are Q64.96 integers.

Source: Uniswap v3-core, contracts/libraries/TickMath.sol. Results equal the library's for every tick.
"""

from __future__ import annotations

import math
from functools import lru_cache

from router.fixed_point import MAX_U256, Q96

MIN_TICK = -887_272
MAX_TICK = 887_272
MIN_SQRT_RATIO = 4_295_128_739
MAX_SQRT_RATIO = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342
MIN_PRICE_LIMIT = MIN_SQRT_RATIO + 1
MAX_PRICE_LIMIT = MAX_SQRT_RATIO - 1
"""The furthest that a swap may move the price; routers that set no limit of their own use these."""

# sqrt(1.0001) ** -(2 ** place), Q128.
_INVERSE_ROOTS = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)
_TICKS_PER_E_OF_SQRT_PRICE = 2 / math.log(1.0001)


@lru_cache(maxsize=1 << 17)
def sqrt_ratio_at_tick(tick: int) -> int:
    """sqrt(1.0001**tick) as Q64.96, rounded up. Assumes MIN_TICK <= tick <= MAX_TICK."""
    magnitude = abs(tick)
    ratio = 1 << 128
    for place, root in enumerate(_INVERSE_ROOTS):
        if magnitude >> place & 1:
            ratio = ratio * root >> 128
    if tick > 0:
        ratio = MAX_U256 // ratio
    return (ratio + 0xFFFFFFFF) >> 32


def tick_at_sqrt_ratio(sqrt_price_x96: int) -> int:
    """The greatest tick whose square-root ratio is at most `sqrt_price_x96`.

    Assumes MIN_SQRT_RATIO <= sqrt_price_x96 < MAX_SQRT_RATIO. A float guesses, the integers decide.
    """
    tick = math.floor(math.log(sqrt_price_x96 / Q96) * _TICKS_PER_E_OF_SQRT_PRICE)
    tick = max(MIN_TICK, min(MAX_TICK - 1, tick))
    while sqrt_ratio_at_tick(tick) > sqrt_price_x96:
        tick -= 1
    while sqrt_ratio_at_tick(tick + 1) <= sqrt_price_x96:
        tick += 1
    return tick
