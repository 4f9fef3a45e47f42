"""How much a pool absorbs before its price gives way: a figure for people, found by exact quotes."""

from __future__ import annotations

from router.errors import PoolError
from router.pools.base import Pool
from router.tokens import Address

MAX_BITS = 127


def depth_within(pool: Pool, token_in: Address, token_out: Address, loss: float) -> int:
    """The largest amount in whose average rate is within `loss` of the marginal one; 0 in a dead pool.

    Raw units, to a factor of 1.001.
    """
    try:
        floor = pool.spot_price(token_in, token_out) * (1 - loss)
    except (PoolError, ZeroDivisionError):
        return 0

    def holds(amount: int) -> bool:
        try:
            return amount > 0 and pool.quote_exact_in(token_in, token_out, amount) >= floor * amount
        except PoolError:
            return False

    top = next((bit for bit in range(MAX_BITS, -1, -1) if holds(1 << bit)), None)
    if top is None:
        return 0
    low, high = 1 << top, 1 << (top + 1)
    while high - low > low // 1000 + 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
