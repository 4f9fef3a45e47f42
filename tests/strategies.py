"""Hypothesis strategies for pools: plausible ones, and hostile ones that no honest pool would be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from router.fixed_point import MAX_U128, WAD
from router.pools.balancer_v2_weighted import MAX_BALANCE, BalancerV2WeightedPool
from router.pools.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool

ADDRESS = "0x" + "f" * 40
TOKENS = tuple(f"0x{place:040x}" for place in range(1, 9))
SPACINGS = {100: 1, 500: 10, 3000: 60, 10000: 200}


def magnitudes(low_digits: int, high_digits: int) -> st.SearchStrategy[int]:
    """Integers of any number of digits, each as likely."""
    return st.integers(low_digits, high_digits).flatmap(
        lambda digits: st.integers(10 ** (digits - 1), 10**digits - 1)
    )


@st.composite
def uniswap_v2_pools(draw: Any) -> UniswapV2Pool:
    """Pairs with reserves of 4 to 30 digits."""
    return UniswapV2Pool(
        ADDRESS,
        (TOKENS[0], TOKENS[1]),
        (draw(magnitudes(4, 30)), draw(magnitudes(4, 30))),
        draw(st.sampled_from((0, 2500, 3000, 30000))),
    )


@st.composite
def uniswap_v3_pools(draw: Any, *, complete: bool = True) -> UniswapV3Pool:
    """Pools with up to six overlapping positions; incomplete ones have ticks on one side or none at all."""
    fee = draw(st.sampled_from(sorted(SPACINGS)))
    spacing = SPACINGS[fee]
    tick = draw(st.integers(-300_000, 300_000))
    nets: dict[int, int] = {}
    liquidity = 0
    for _ in range(draw(st.integers(1, 6))):
        low = (tick // spacing + draw(st.integers(-600, 200))) * spacing
        high = low + draw(st.integers(1, 800)) * spacing
        size = draw(magnitudes(6, 26))
        nets[low] = nets.get(low, 0) + size
        nets[high] = nets.get(high, 0) - size
        liquidity += size if low <= tick < high else 0
    ticks = sorted(pair for pair in nets.items() if pair[1])
    if not complete:
        ticks = draw(st.sampled_from(([], ticks[: len(ticks) // 2], ticks[len(ticks) // 2 :])))
    low_price, high_price = sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1)
    return UniswapV3Pool.from_state(
        {
            "address": ADDRESS,
            "tokens": list(TOKENS[:2]),
            "fee_pips": fee,
            "tick_spacing": spacing,
            "sqrt_price_x96": draw(st.integers(low_price, high_price - 1)),
            "tick": tick,
            "liquidity": liquidity,
            "ticks": ticks,
        }
    )


@st.composite
def balancer_v2_weighted_pools(draw: Any) -> BalancerV2WeightedPool:
    """Pools of 2 to 8 tokens of 6 to 18 decimals, weights of at least 1%."""
    count = draw(st.integers(2, 8))
    shares = draw(st.lists(st.integers(1, 100), min_size=count, max_size=count))
    rest = WAD - count * WAD // 100
    weights = [WAD // 100 + rest * share // sum(shares) for share in shares]
    weights[0] += WAD - sum(weights)
    return BalancerV2WeightedPool(
        address=ADDRESS,
        pool_id="0x" + "f" * 64,
        tokens=TOKENS[:count],
        balances=tuple(draw(magnitudes(6, 30)) for _ in range(count)),
        weights=tuple(weights),
        decimals=tuple(draw(st.sampled_from((6, 8, 18))) for _ in range(count)),
        swap_fee_wad=draw(st.integers(10**12, 10**17)),
        pow_version=draw(st.sampled_from(("v1", "v2"))),
    )


def pools() -> st.SearchStrategy[Any]:
    """A plausible pool of any AMM."""
    return st.one_of(uniswap_v2_pools(), uniswap_v3_pools(), balancer_v2_weighted_pools())


@st.composite
def hostile_uniswap_v2_pools(draw: Any) -> UniswapV2Pool:
    """Pairs that are empty, lopsided or full to the last bit."""
    reserve = st.sampled_from((0, 1, 2, 10**30, MAX_RESERVE - 1, MAX_RESERVE))
    return UniswapV2Pool(ADDRESS, (TOKENS[0], TOKENS[1]), (draw(reserve), draw(reserve)))


@st.composite
def hostile_uniswap_v3_pools(draw: Any) -> UniswapV3Pool:
    """Pools not initialised, at the ends of the price range, or whose liquidity has no ticks to end it."""
    if draw(st.booleans()):
        return draw(uniswap_v3_pools(complete=False))
    tick = draw(st.sampled_from((MIN_TICK, MIN_TICK + 1, 0, MAX_TICK - 1)))
    price = draw(st.sampled_from((0, sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1)))
    size = draw(st.sampled_from((1, 10**30, MAX_U128)))
    ends = draw(st.sampled_from(([], [(MIN_TICK, size)], [(MIN_TICK, size), (MAX_TICK, -size)])))
    return UniswapV3Pool.from_state(
        {
            "address": ADDRESS,
            "tokens": list(TOKENS[:2]),
            "fee_pips": draw(st.sampled_from((0, 1, 999_999))),
            "tick_spacing": 1,
            "sqrt_price_x96": price,
            "tick": tick,
            "liquidity": draw(st.sampled_from((0, size))),
            "ticks": ends,
        }
    )


@st.composite
def hostile_balancer_v2_weighted_pools(draw: Any) -> BalancerV2WeightedPool:
    """Pools that are empty, overfull, weighted to one side or of tokens that Balancer refuses."""
    balance = st.sampled_from((0, 1, 10**30, MAX_BALANCE, MAX_BALANCE + 1))
    small = draw(st.sampled_from((1, 10**6, WAD // 2)))
    return BalancerV2WeightedPool(
        address=ADDRESS,
        pool_id="0x" + "f" * 64,
        tokens=TOKENS[:2],
        balances=(draw(balance), draw(balance)),
        weights=(small, WAD - small),
        decimals=(draw(st.sampled_from((0, 18, 24))), draw(st.sampled_from((0, 18)))),
        swap_fee_wad=draw(st.sampled_from((0, 1, WAD - 1))),
    )


def hostile_pools() -> st.SearchStrategy[Any]:
    """A pool of any AMM that a file may claim and no honest chain would hold."""
    return st.one_of(
        hostile_uniswap_v2_pools(), hostile_uniswap_v3_pools(), hostile_balancer_v2_weighted_pools()
    )
