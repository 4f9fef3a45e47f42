"""Small markets around reference prices, for the planner's tests: pools near those prices, lenders,
portfolios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

from hypothesis import strategies as st

from router.fixed_point import Q96, WAD
from router.lenders.base import Lender
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import tick_at_sqrt_ratio
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address, Token

OWNER = "0x" + "0e" * 20
VAULT = "0x" + "ba" * 20
SYMBOLS = ("USD", "ETH", "BTC", "EUR", "GOV")
DECIMALS = (6, 18, 8, 2, 18)
PRICES = ("1", "2000", "60000", "1.08", "0.35")
TOKENS = tuple(
    Token(1, f"0x{place:040x}", symbol, decimals)
    for place, (symbol, decimals) in enumerate(zip(SYMBOLS, DECIMALS, strict=True), 1)
)
SPACINGS = {500: 10, 3000: 60, 10000: 200}


def address(place: int) -> Address:
    return f"0x{0xA0000 + place:040x}"


def token(symbol: str) -> Address:
    return TOKENS[SYMBOLS.index(symbol)].address


def raw(symbol: str, value: float) -> int:
    """Raw units of a token that are worth `value`."""
    place = SYMBOLS.index(symbol)
    return int(value / float(PRICES[place]) * 10 ** DECIMALS[place])


def snapshot(pools: Sequence[Pool], lenders: Sequence[Lender] = (), **changes: Any) -> Snapshot:
    fields: dict[str, Any] = {
        "chain_id": 1,
        "block_number": 1_000,
        "timestamp": 1_700_000_000,
        "native_token": token("ETH"),
        "numeraire": token("USD"),
        "tokens": {each.address: each for each in TOKENS},
        "pools": tuple(pools),
        "lenders": tuple(lenders),
        "prices": {each.address: price for each, price in zip(TOKENS, PRICES, strict=True)},
        "price_source": "test",
    }
    return Snapshot(**{**fields, **changes})


def portfolio(held: Mapping[str, float], wanted: Mapping[str, float], **changes: Any) -> Portfolio:
    """Holdings by value, targets by weight; the last target takes what rounding leaves."""
    targets = {token(symbol): int(weight * WAD) for symbol, weight in wanted.items()}
    last = next(reversed(targets))
    targets[last] += WAD - sum(targets.values())
    holdings = {token(symbol): raw(symbol, value) for symbol, value in held.items()}
    return Portfolio(OWNER, holdings, targets, **{"gas_price_wei": 0, **changes})


def v2(
    place: int, first: str, second: str, depth: float, *, skew: float = 1.0, fee_pips: int = 3000
) -> UniswapV2Pool:
    """A pair with `depth` of value on each side; `skew` above 1 makes the second token dear."""
    return UniswapV2Pool(
        address(place),
        (token(first), token(second)),
        (raw(first, depth * skew), raw(second, depth)),
        fee_pips,
    )


def v3(
    place: int, first: str, second: str, depth: float, *, width: int = 40, fee_pips: int = 3000
) -> UniswapV3Pool:
    """A pool with about `depth` of value within a range of `width` tick spacings each way, and a tenth of it
    far out."""
    low, high = sorted((first, second), key=token)
    spacing = SPACINGS[fee_pips]
    amounts = raw(low, depth), raw(high, depth)
    sqrt_price = isqrt(amounts[1] * Q96 * Q96 // amounts[0])
    tick = tick_at_sqrt_ratio(sqrt_price)
    liquidity = isqrt(amounts[0] * amounts[1])
    base = tick // spacing * spacing
    near, far = width * spacing, 20 * width * spacing
    ticks = [
        (base - far, liquidity // 10),
        (base - near, liquidity),
        (base + near, -liquidity),
        (base + far, -(liquidity // 10)),
    ]
    return UniswapV3Pool.from_state(
        {
            "address": address(place),
            "tokens": [token(low), token(high)],
            "fee_pips": fee_pips,
            "tick_spacing": spacing,
            "sqrt_price_x96": sqrt_price,
            "tick": tick,
            "liquidity": liquidity + liquidity // 10,
            "ticks": ticks,
        }
    )


def weighted(
    place: int, weights: Mapping[str, int], depth: float, *, fee_pips: int = 3000
) -> BalancerV2WeightedPool:
    """A weighted pool of `depth` of value in all; weights in percent."""
    symbols = sorted(weights, key=token)
    return BalancerV2WeightedPool(
        address=address(place),
        pool_id=address(place) + "00" * 12,
        tokens=tuple(token(symbol) for symbol in symbols),
        balances=tuple(raw(symbol, depth * weights[symbol] / 100) for symbol in symbols),
        weights=tuple(weights[symbol] * WAD // 100 for symbol in symbols),
        decimals=tuple(DECIMALS[SYMBOLS.index(symbol)] for symbol in symbols),
        swap_fee_wad=fee_pips * WAD // 10**6,
        vault=VAULT,
    )


@st.composite
def pools(draw: Any) -> list[Pool]:
    """Two to nine pools of all kinds between the tokens, within a percent of the reference prices."""
    found: list[Pool] = []
    for place in range(draw(st.integers(2, 9))):
        first, second = draw(st.lists(st.sampled_from(SYMBOLS), min_size=2, max_size=2, unique=True))
        depth = draw(st.sampled_from((3e3, 2e5, 4e6)))
        fee = draw(st.sampled_from(sorted(SPACINGS)))
        match draw(st.sampled_from(("v2", "v2", "v3", "weighted"))):
            case "v2":
                found.append(v2(place, first, second, depth, skew=draw(st.floats(0.99, 1.01)), fee_pips=fee))
            case "v3":
                found.append(v3(place, first, second, depth, fee_pips=fee, width=draw(st.integers(5, 60))))
            case _:
                third = draw(st.sampled_from([symbol for symbol in SYMBOLS if symbol not in (first, second)]))
                found.append(weighted(place, {first: 50, second: 30, third: 20}, depth, fee_pips=fee))
    return found


def values() -> st.SearchStrategy[dict[str, float]]:
    return st.dictionaries(st.sampled_from(SYMBOLS), st.floats(500, 50_000), min_size=1, max_size=4)


@st.composite
def weights(draw: Any) -> dict[str, float]:
    """Target weights that sum to one."""
    parts = draw(st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 20), min_size=1, max_size=4))
    return {symbol: part / sum(parts.values()) for symbol, part in parts.items()}
