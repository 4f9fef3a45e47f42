"""Random markets of any size, shaped like Ethereum's: a few hubs, many spokes, depths over five decades.

Every pool's marginal prices stand closer to the reference prices than its own fee, so no cycle of pools
pays: whatever a planner gains, it gains by routing. The same arguments always make the same market.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from router.fixed_point import Q96, WAD
from router.lenders.balancer_v2 import BalancerV2
from router.pools.balancer_v2_weighted import MAINNET_VAULT, BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_ladder import TickLadder
from router.pools.tick_math import MAX_TICK, tick_at_sqrt_ratio
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.snapshot import Snapshot
from router.tokens import Address, Token

HUBS = (("USDC", 6, 1.0), ("WETH", 18, 2_000.0), ("USDT", 6, 1.0), ("WBTC", 8, 60_000.0), ("DAI", 18, 1.0))
HUB_SHARES = (0.13, 0.70, 0.11, 0.03, 0.03)
"""How often each is the other side of a pool, roughly as at block 24,721,407."""
STABLE = frozenset({"USDC", "USDT", "DAI"})
KINDS = (("uniswap_v2", 0.6), ("uniswap_v3", 0.3), ("balancer_v2_weighted", 0.1))
SPACINGS = {100: 1, 500: 10, 3000: 60, 10_000: 200}
TOP_DEPTH = 5e7
"""Numeraire units in a typical pool of the token with the most pools; it falls with the token's rank."""
DEPTH_POWER, DEPTH_SIGMA, LEAST_DEPTH = 0.8, 1.2, 3_000.0
NOISE = 0.4
"""The most that a pool's price is off, as a share of its fee."""
TOKEN_COUNTS = (2, 3, 4, 5, 6, 7, 8)
TOKEN_COUNT_SHARES = (0.75, 0.08, 0.05, 0.04, 0.02, 0.01, 0.05)
MAX_POSITIONS = 80


@dataclass(frozen=True, slots=True)
class _Listed:
    """A token, its price in numeraire units per raw unit, and what a pool of it typically holds."""

    token: Token
    price: float
    depth: float


def random_market(pool_count: int, token_count: int | None = None, *, seed: int = 0) -> Snapshot:
    """A market of so many pools; unless told a tenth as many tokens, or 25; every token has a pool.

    Raises:
        ValueError: fewer tokens than the five hubs, or more than there are pools.
    """
    token_count = max(25, pool_count // 10) if token_count is None else token_count
    if not len(HUBS) <= token_count <= pool_count:
        raise ValueError(f"{token_count} tokens for {pool_count} pools, {len(HUBS)} of them hubs")
    random = Random(seed)
    listed = tuple(_tokens(token_count, random))
    pools = tuple(_pools(listed, pool_count, random))
    usdc, weth = listed[0].token.address, listed[1].token.address
    return Snapshot(
        chain_id=1,
        block_number=20_000_000,
        timestamp=1_718_000_000,
        native_token=weth,
        numeraire=usdc,
        tokens={each.token.address: each.token for each in listed},
        pools=pools,
        lenders=(BalancerV2(MAINNET_VAULT, _vault_balances(pools)),),
        prices={each.token.address: f"{each.price * 10**each.token.decimals:.12g}" for each in listed},
        price_source=f"generated, seed {seed}",
        base_fee_wei=10**9,
    )


def _tokens(count: int, random: Random) -> Iterator[_Listed]:
    for rank in range(count):
        if rank < len(HUBS):
            symbol, decimals, price = HUBS[rank]
        else:
            symbol, decimals = f"T{rank}", random.choices((18, 8, 6), (0.9, 0.05, 0.05))[0]
            price = math.exp(random.uniform(math.log(1e-5), math.log(1e4)))
        token = Token(1, _address(random), symbol, decimals)
        depth = TOP_DEPTH * (rank + 1) ** -DEPTH_POWER
        # The text of the price is what everybody else reads, so it is the price here too.
        yield _Listed(token, float(f"{price:.12g}") / 10**decimals, depth)


def _pools(listed: Sequence[_Listed], count: int, random: Random) -> Iterator[Pool]:
    ranks = list(accumulate((rank + 1) ** -DEPTH_POWER for rank in range(len(listed))))
    for place in range(count):
        spoke = place if 0 < place < len(listed) else _rank(ranks, random)
        kind = random.choices([name for name, _ in KINDS], [share for _, share in KINDS])[0]
        members = [spoke]
        wanted = 2
        if kind == "balancer_v2_weighted":
            wanted = min(random.choices(TOKEN_COUNTS, TOKEN_COUNT_SHARES)[0], len(listed))
        while len(members) < wanted:
            other = _hub(random) if random.random() < 0.9 else _rank(ranks, random)
            if len(members) > 4:
                other = _rank(ranks, random)
            if other not in members:
                members.append(other)
        chosen = sorted((listed[each] for each in members), key=lambda each: each.token.address)
        typical = min(each.depth for each in chosen)
        depth = max(LEAST_DEPTH, typical * random.lognormvariate(0, DEPTH_SIGMA))
        yield _MAKERS[kind](chosen, depth, random)


def _v2(chosen: Sequence[_Listed], depth: float, random: Random) -> Pool:
    fee_pips = 2500 if random.random() < 0.05 else 3000
    noise = _noise(fee_pips, random)
    first, second = chosen
    reserves = (int(depth / 2 / first.price * math.exp(noise)), int(depth / 2 / second.price))
    return UniswapV2Pool(_address(random), (first.token.address, second.token.address), reserves, fee_pips)


def _v3(chosen: Sequence[_Listed], depth: float, random: Random) -> Pool:
    first, second = chosen
    symbols = {first.token.symbol, second.token.symbol}
    fee_pips = 100 if symbols <= STABLE else random.choices((500, 3000, 10_000), (0.2, 0.55, 0.25))[0]
    root = math.sqrt(first.price / second.price * math.exp(_noise(fee_pips, random)))
    sqrt_price = int(root * Q96)
    tick = tick_at_sqrt_ratio(sqrt_price)
    nets: dict[int, int] = {}
    for low, high, share in _positions(tick, SPACINGS[fee_pips], random):
        liquidity = int(depth * share / (_worth(root, low, high) * second.price))
        nets[low] = nets.get(low, 0) + liquidity
        nets[high] = nets.get(high, 0) - liquidity
    ticks = tuple(sorted(place for place, net in nets.items() if net))
    ladder = TickLadder(SPACINGS[fee_pips], fee_pips, ticks, tuple(nets[place] for place in ticks))
    tokens = (first.token.address, second.token.address)
    return UniswapV3Pool(_address(random), tokens, sqrt_price, tick, ladder.liquidity_at(tick), ladder)


def _positions(tick: int, spacing: int, random: Random) -> Iterator[tuple[int, int, float]]:
    """(lower tick, upper tick, share of the pool's value); the first one covers every price."""
    edge = MAX_TICK // spacing
    count = min(MAX_POSITIONS, int(random.lognormvariate(1.6, 1.1)))
    sizes = [random.lognormvariate(0, 1.5) for _ in range(count)]
    full = 0.15 if count else 1.0
    yield -edge * spacing, edge * spacing, full
    for size in sizes:
        half = max(1, int(random.lognormvariate(math.log(30), 0.9)))
        middle = tick // spacing + round(random.gauss(0, 0.7) * half)
        low, high = max(-edge, middle - half), min(edge, middle + half + 1)
        if low < high:
            yield low * spacing, high * spacing, (1 - full) * size / sum(sizes)


def _worth(root: float, low: int, high: int) -> float:
    """Value of one unit of liquidity between two ticks, in raw units of the second token."""
    bottom, top = math.pow(1.0001, low / 2), math.pow(1.0001, high / 2)
    middle = min(max(root, bottom), top)
    return (1 / middle - 1 / top) * root * root + middle - bottom


def _weighted(chosen: Sequence[_Listed], depth: float, random: Random) -> Pool:
    fee_pips = random.choice((500, 1000, 3000, 10_000))
    shares = _shares(len(chosen), random)
    # Half the noise for each token: it is the difference of two that a trade meets.
    balances = tuple(
        int(depth * share / each.price * math.exp(_noise(fee_pips, random) / 2))
        for each, share in zip(chosen, shares, strict=True)
    )
    address = _address(random)
    return BalancerV2WeightedPool(
        address=address,
        pool_id=f"{address}{2 if len(chosen) == 2 else 1:04x}{random.getrandbits(32):020x}",
        tokens=tuple(each.token.address for each in chosen),
        balances=balances,
        weights=tuple(round(share * 100) * (WAD // 100) for share in shares),
        decimals=tuple(each.token.decimals for each in chosen),
        swap_fee_wad=fee_pips * 10**12,
    )


def _shares(count: int, random: Random) -> list[float]:
    """Weights in whole percent that sum to one: even, 80/20, or anything from 1% up."""
    if count == 2:
        first = random.choice((50, 50, 80, 20, 60))
        return [first / 100, (100 - first) / 100]
    cuts = sorted(random.sample(range(1, 101 - count), count - 1))
    percents = [high - low for low, high in zip([0, *cuts], [*cuts, 100 - count], strict=True)]
    return [(percent + 1) / 100 for percent in percents]


def _noise(fee_pips: int, random: Random) -> float:
    """Of a log price."""
    return random.uniform(-NOISE, NOISE) * fee_pips / 1e6


def _hub(random: Random) -> int:
    return random.choices(range(len(HUBS)), HUB_SHARES)[0]


def _rank(ranks: Sequence[float], random: Random) -> int:
    return bisect(ranks, random.random() * ranks[-1])


def _address(random: Random) -> Address:
    return f"0x{random.getrandbits(160):040x}"


def _vault_balances(pools: Sequence[Pool]) -> dict[Address, int]:
    held: dict[Address, int] = {}
    for pool in pools:
        if isinstance(pool, BalancerV2WeightedPool):
            for token, balance in zip(pool.tokens, pool.balances, strict=True):
                held[token] = held.get(token, 0) + balance
    return held


_MAKERS = {"uniswap_v2": _v2, "uniswap_v3": _v3, "balancer_v2_weighted": _weighted}
