"""Random small markets for the optimiser's tests: real pools near reference prices, holdings, a target.

Everything follows from a seed. Tokens have 0 to 24 decimals and prices from a cent to 10**5, so raw units
differ by up to 30 orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from random import Random
from typing import Any

import numpy as np

from router.fixed_point import Q96, WAD
from router.optimiser.book import Book
from router.optimiser.dual import MARGIN, Goal
from router.optimiser.market import Market, Terms, market_of
from router.optimiser.profits import most_profit
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import tick_at_sqrt_ratio
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.tokens import Address

KINDS = ("v2", "v3", "weighted")
DECIMALS = (0, 2, 6, 8, 18, 18, 18, 24)
FEES = (0, 100, 500, 2500, 3000, 10000)
LOG_TICK = log(1.0001)
MOST_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Coin:
    """A token with its price: numeraire per raw unit."""

    address: Address
    decimals: int
    unit: float

    def raw(self, value: float) -> int:
        return int(value / self.unit)


@dataclass(frozen=True, slots=True)
class Case:
    """A market, with what is held and wanted in it."""

    market: Market
    goal: Goal

    @property
    def value(self) -> float:
        """Of what is held, at reference prices."""
        return float(self.goal.held.sum())


def coin(place: int, decimals: int = 18, price: float = 1.0) -> Coin:
    """`price`: numeraire per whole token. Addresses ascend with the place."""
    return Coin(f"0x{place + 1:040x}", decimals, price / 10**decimals)


def coins(rng: Random, count: int) -> list[Coin]:
    return [coin(k, rng.choice(DECIMALS), 10 ** rng.uniform(-2, 5)) for k in range(count)]


def address(place: int) -> Address:
    return f"0x{0xA0000 + place:040x}"


def v2(place: int, one: Coin, two: Coin, depth: float, *, skew: float = 0.0, fee: int = 3000) -> Pool:
    """`depth`: value on each side. `skew`: logarithm of how dear the second token is."""
    reserves = max(one.raw(depth * exp(skew / 2)), 1), max(two.raw(depth * exp(-skew / 2)), 1)
    return UniswapV2Pool(address(place), (one.address, two.address), reserves, fee)


def v3(
    place: int,
    one: Coin,
    two: Coin,
    edges: Sequence[float],
    sizes: Sequence[float],
    *,
    skew: float = 0.0,
    fee: int = 3000,
    spacing: int = 1,
) -> Pool:
    """Liquidity by ranges.

    Args:
        edges: logarithms of the price of the second token over its reference, where the ticks are.
        sizes: value depth within each range, one more than edges: those below the first and above the last
            must end somewhere in the pool's ticks, so one of the two may be other than 0 for a single tick.
        skew: logarithm of the price now, likewise.
    """
    if one.address > two.address:
        one, two, skew = two, one, -skew
        edges, sizes = [-edge for edge in reversed(edges)], sizes[::-1]
    middle = log(one.unit / two.unit)
    # Token 1 per token 0 falls as token 1 grows dear.
    ticks = [round((middle - edge) / LOG_TICK / spacing) * spacing for edge in reversed(edges)]
    profile = [int(size / sqrt(one.unit * two.unit)) for size in reversed(sizes)]
    root = int(exp((middle - skew) / 2) * Q96)
    nets: dict[int, int] = {}
    for tick, below, above in zip(ticks, profile, profile[1:], strict=False):
        nets[tick] = nets.get(tick, 0) + above - below
    now = tick_at_sqrt_ratio(root)
    return UniswapV3Pool.from_state(
        {
            "address": address(place),
            "tokens": [one.address, two.address],
            "fee_pips": fee,
            "tick_spacing": spacing,
            "sqrt_price_x96": root,
            "tick": now,
            "liquidity": profile[0] + sum(net for tick, net in nets.items() if tick <= now),
            "ticks": sorted(nets.items()),
        }
    )


def weighted(
    place: int,
    members: Sequence[Coin],
    shares: Sequence[float],
    depth: float,
    *,
    skews: Sequence[float] = (),
    fee: int = 3000,
) -> Pool:
    """`depth`: value of the whole pool. `skews`: logarithm of how scarce each balance is."""
    weights = [max(int(share / sum(shares) * WAD), WAD // 100) for share in shares]
    weights[weights.index(max(weights))] += WAD - sum(weights)
    skews = skews or [0.0] * len(members)
    return BalancerV2WeightedPool(
        address=address(place),
        pool_id=address(place) + "00" * 12,
        tokens=tuple(each.address for each in members),
        balances=tuple(
            max(each.raw(depth * weight / WAD * exp(-skew)), 1)
            for each, weight, skew in zip(members, weights, skews, strict=True)
        ),
        weights=tuple(weights),
        decimals=tuple(min(each.decimals, MOST_DECIMALS) for each in members),
        swap_fee_wad=fee * WAD // 10**6,
    )


def random_v3(rng: Random, place: int, one: Coin, two: Coin, depth: float, skew: float) -> Pool:
    """1 to 8 initialised ticks around the price; sometimes a gap without liquidity."""
    count = rng.randint(1, 8)
    edges = sorted(skew + rng.gauss(0, 0.1) for _ in range(count))
    sizes = [depth * 10 ** rng.uniform(0, 1.5) * (rng.random() > 0.1) for _ in range(count + 1)]
    if count == 1:
        sizes[rng.randrange(2)] = 0.0
    else:
        sizes[0] = sizes[-1] = 0.0
    return v3(place, one, two, edges, sizes, skew=skew, fee=rng.choice(FEES), spacing=rng.choice((1, 10, 60)))


def random_pool(
    rng: Random, place: int, among: Sequence[Coin], members: Sequence[Coin], depth: float, spread: float
) -> Pool:
    """A pool of any AMM that trades the two `members`, within `spread` of the reference prices; weighted
    ones may hold more tokens."""
    one, two = members
    match rng.choice(KINDS):
        case "v2":
            return v2(place, one, two, depth, skew=rng.gauss(0, spread), fee=rng.choice(FEES))
        case "v3":
            return random_v3(rng, place, one, two, depth, rng.gauss(0, spread))
        case _:
            rest = [each for each in among if each not in members]
            more = rng.sample(rest, min(len(rest), rng.randint(0, 3)))
            return weighted(
                place,
                [one, two, *more],
                [rng.uniform(0.05, 1) for _ in range(2 + len(more))],
                2 * depth,
                skews=[rng.gauss(0, spread) for _ in range(2 + len(more))],
                fee=rng.choice(FEES),
            )


def free_terms(book: Book, units: Sequence[float], **changes: Any) -> Terms:
    """Everything allowed, without limits and costs; `units` by token of the book."""
    terms: dict[str, Any] = {
        "prices": np.array(units),
        "ladders": np.ones(len(book.sold), dtype=bool),
        "sells": np.ones(len(book.token), dtype=bool),
        "buys": np.ones(len(book.token), dtype=bool),
        "widest": np.full(len(book.tokens), np.inf),
        "depth_share": np.inf,
        "depth_move": 0.02,
        "costs": np.zeros(len(book.pools)),
    }
    return Terms(**{**terms, **changes})


def market(pools: Sequence[Pool], among: Sequence[Coin], **changes: Any) -> Market:
    """All of these pools, at the coins' reference prices; `changes`: fields of the terms."""
    book, units = Book.of(pools), {each.address: each.unit for each in among}
    return market_of(book, free_terms(book, [units[token] for token in book.tokens], **changes))


def by_column(found: Market, values: dict[Address, float]) -> Any:
    """Tokens that the market does not trade are left out."""
    out = np.zeros(found.columns)
    for token, value in values.items():
        column = found.column[found.book.place[token]] if token in found.book.place else -1
        if column >= 0:
            out[column] += value
    return out


def goal(found: Market, held: dict[Address, float], wanted: dict[Address, float]) -> Goal:
    return Goal(by_column(found, held), by_column(found, wanted))


def random_limits(rng: Random, book: Book) -> dict[str, Any]:
    """Terms that bar some directions and tokens, and bound impact and depth."""
    flags = {
        name: np.array([rng.random() > 0.1 for _ in range(size)], dtype=bool)
        for name, size in (("ladders", len(book.sold)), ("sells", len(book.token)), ("buys", len(book.token)))
    }
    widest = [rng.choice((np.inf, rng.uniform(0.002, 0.2))) for _ in book.tokens]
    return {**flags, "widest": np.array(widest), "depth_share": rng.choice((np.inf, rng.uniform(0.1, 5)))}


def random_case(seed: int) -> Case:
    """2 to 6 tokens, 1 to 12 pools, up to 3 tokens held and up to 4 wanted. Most markets are connected and
    deep enough; every fourth has limits."""
    rng = Random(seed)
    among = coins(rng, rng.randint(2, 6))
    value = 10 ** rng.uniform(3, 6)
    pools: list[Pool] = []
    for place in range(max(rng.randint(1, 12), len(among) - 1)):
        tree = place + 1 < len(among)
        members = [among[place + 1], rng.choice(among[: place + 1])] if tree else rng.sample(among, 2)
        depth = value * 10 ** (rng.uniform(-1, 2) if rng.random() < 0.5 else rng.uniform(0.5, 2))
        pools.append(random_pool(rng, place, among, members, depth, 0.01))
    found = market(pools, among, **(random_limits(rng, Book.of(pools)) if seed % 4 == 0 else {}))
    if not found.columns:
        found = market(pools, among)
    traded = [token for token in found.book.tokens if found.column[found.book.place[token]] >= 0]
    held = {token: rng.uniform(0.1, 1) for token in rng.sample(traded, min(rng.randint(1, 3), len(traded)))}
    share = value / sum(held.values())
    held = {token: share * part for token, part in held.items()}
    if rng.random() < 0.1:
        debtor = rng.choice(traded)
        held[debtor] = held.get(debtor, 0.0) - value * rng.uniform(0.01, 0.2)
    parts = {token: rng.uniform(0.1, 1) for token in rng.sample(traded, min(rng.randint(1, 4), len(traded)))}
    wanted = {token: part / sum(parts.values()) for token, part in parts.items()}
    return Case(found, goal(found, held, wanted))


def network(seed: int, tokens: int, pools: int, spread: float = 0.001) -> Case:
    """A connected market about a few hubs, its pools within `spread` of one set of prices."""
    rng = Random(seed)
    among, value, hubs = coins(rng, tokens), 1e6, 4
    made: list[Pool] = []
    for place in range(max(pools, tokens - 1)):
        members = (
            [among[place + 1], among[rng.randrange(min(place + 1, hubs))]]
            if place + 1 < tokens
            else rng.sample(among, 2)
        )
        depth = value * 10 ** rng.uniform(0, 2)
        made.append(random_pool(rng, place, among, members, depth, spread))
    found = market(made, among)
    some = rng.sample(among, min(tokens, 12))
    held = {each.address: value * rng.uniform(0.05, 0.3) for each in some[: len(some) // 2]}
    parts = {each.address: rng.uniform(0.1, 1) for each in some[len(some) // 3 :]}
    wanted = {token: part / sum(parts.values()) for token, part in parts.items()}
    return Case(found, goal(found, held, wanted))


def joint_bound(found: Market, held: Any, prices: Any, unit: float) -> float:
    """As `bound`, of flows, which trade all tokens of a weighted pool jointly."""
    profit = float(most_profit(prices, found.arrays, unit, False))
    return (float(np.dot(held, prices)) + profit) / unit * (1 + MARGIN)
