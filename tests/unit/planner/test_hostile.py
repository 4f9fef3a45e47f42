"""Plans on markets that no honest chain would hold: an answer that stands, or a named error, and soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isfinite, log
from random import Random
from time import process_time
from typing import Any

import pytest

from router.certificate import verify
from router.errors import RouterError
from router.fixed_point import WAD
from router.plan import Plan, Verdict
from router.planner import plan
from router.planner.valuation import Valuation
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Landing, Portfolio
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address, Token
from tests.optimiser_markets import DECIMALS, Coin, address, coin, random_pool, v2, v3, weighted

SEEDS = 14
MOST_SECONDS = 4.0
"""Of the processor: how long the clock runs meanwhile depends on what else the machine does."""
OWNER = "0x" + "0e" * 20
GAS_PRICES = (0, 0, 10**8, 10**10)
DEAREST_UNIT = 300.0
"""Numeraire: what a raw unit may cost at most for a program to say its price."""
ETHER = coin(0xE, 18, 2000.0)
"""In which gas is paid; no pool has it."""


def coins(rng: Random, count: int) -> list[Coin]:
    sizes = rng.choices(DECIMALS, k=count)
    prices = (min(10 ** rng.uniform(-2, 5), DEAREST_UNIT * 10**size) for size in sizes)
    return [coin(k, size, price) for k, (size, price) in enumerate(zip(sizes, prices, strict=True))]


@dataclass(frozen=True)
class World:
    """Pools, their tokens, holdings by value, target shares; and what differs from a plain snapshot."""

    pools: Sequence[Pool]
    among: Sequence[Coin]
    held: Mapping[Address, float]
    wanted: Mapping[Address, float]
    taxed: Mapping[Address, int] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        known = (*self.among, ETHER)
        return Snapshot(
            chain_id=1,
            block_number=7,
            timestamp=1_000,
            native_token=ETHER.address,
            numeraire=ETHER.address,
            tokens={
                each.address: Token(1, each.address, f"T{k}", each.decimals) for k, each in enumerate(known)
            },
            pools=tuple(self.pools),
            prices={each.address: f"{each.unit * 10**each.decimals:.17e}" for each in known},
            transfer_tax_bps=self.taxed,
        )

    def portfolio(self, gas_price_wei: int) -> Portfolio:
        by_address = {each.address: each for each in self.among}
        targets = {token: int(share * WAD) for token, share in self.wanted.items()}
        targets[max(targets, key=lambda token: targets[token])] += WAD - sum(targets.values())
        holdings = {token: by_address[token].raw(value) for token, value in self.held.items()}
        changes = {"tolerance_bps": 50, "gas_price_wei": gas_price_wei, **self.changes}
        return Portfolio(OWNER, holdings, targets, **changes)


def aim(rng: Random, among: Sequence[Coin], value: float = 1e4) -> tuple[dict[str, float], dict[str, float]]:
    """Holdings of one token or two, and a target over two."""
    some = rng.sample(list(among), min(4, len(among)))
    held = {some[0].address: value}
    if rng.random() < 0.5:
        held[some[1].address] = value * rng.uniform(0.01, 1)
    part = rng.uniform(0.05, 0.95)
    return held, {some[-1].address: part, some[len(some) // 2].address: 1 - part}


def ring(rng: Random, among: Sequence[Coin], depth: float = 1e5, spread: float = 0.002) -> list[Pool]:
    """Two pools of any AMM between each token and the next."""
    return [
        random_pool(
            rng, place, among, (among[place // 2], among[(place // 2 + 1) % len(among)]), depth, spread
        )
        for place in range(2 * len(among))
    ]


def pair(place: int, one: Coin, two: Coin, reserves: tuple[int, int]) -> Pool:
    return UniswapV2Pool(address(place), (one.address, two.address), reserves)


def moved(pool: Pool, places: int) -> Pool:
    """The same pool at another address."""
    there = f"0x{int(pool.address, 16) + places:040x}"
    if isinstance(pool, BalancerV2WeightedPool):
        return replace(pool, address=there, pool_id=there + pool.pool_id[42:])
    assert isinstance(pool, UniswapV2Pool | UniswapV3Pool)
    return replace(pool, address=there)


def zero_reserves(rng: Random) -> World:
    among = coins(rng, 4)
    sizes = ((0, 0), (0, 10**20), (10**20, 0), (1, 0), (1, 1))
    dead = [pair(90 + k, among[0], among[1], size) for k, size in enumerate(sizes)]
    return World([*ring(rng, among), *dead], among, *aim(rng, among))


def huge_reserves(rng: Random) -> World:
    """1e30 raw units at about 1e-18 each, beside the most that a pair can hold."""
    among = [coin(k, 0, 1e-18 * (10 ** rng.uniform(-0.5, 0.5) if k == 2 else 1)) for k in range(3)]
    deep = [v2(k, one, two, 1e12) for k, (one, two) in enumerate([*pairwise(among), *pairwise(among)])]
    full = pair(50, among[0], among[1], (MAX_RESERVE, MAX_RESERVE - 1))
    return World([*deep, full], among, *aim(rng, among, 10 ** rng.uniform(-6, 11)))


def one_sided_ticks(rng: Random) -> World:
    among = coins(rng, 3)
    sides: list[tuple[float, list[float]]] = [(0.3, [1e5, 0.0]), (-0.3, [0.0, 1e5]), (0.3, [0.0, 1e5])]
    pools = [
        v3(k, among[k % 3], among[(k + 1) % 3], [edge], sizes)
        for k, (edge, sizes) in enumerate(rng.choices(sides, k=6))
    ]
    return World([*pools, *ring(rng, among)[6:]], among, *aim(rng, among))


def ends_of_the_price_range(rng: Random) -> World:
    among = [coin(k) for k in range(3)]
    place = rng.choice((MIN_TICK, MIN_TICK + 1, MAX_TICK - 1))
    extreme = UniswapV3Pool.from_state(
        {
            "address": address(90),
            "tokens": [among[0].address, among[1].address],
            "fee_pips": 3000,
            "tick_spacing": 1,
            "sqrt_price_x96": sqrt_ratio_at_tick(place),
            "tick": place,
            "liquidity": 10**30,
            "ticks": [(MIN_TICK, 10**30), (MAX_TICK, -(10**30))],
        }
    )
    blank = UniswapV3Pool.from_state({**extreme.to_state(), "address": address(91), "sqrt_price_x96": 0})
    return World([*ring(rng, among), extreme, blank], among, *aim(rng, among))


def duplicate_pools(rng: Random) -> World:
    """The same pools at several addresses."""
    among = coins(rng, 3)
    once = ring(rng, among)
    copies = [moved(pool, 100 * k) for k in range(rng.randint(2, 4)) for pool in once]
    return World(copies, among, *aim(rng, among))


def dust(rng: Random) -> World:
    """Pools of a few raw units, and holdings worth nothing to speak of."""
    among = coins(rng, 3)
    specks = [
        pair(50 + k, among[k], among[(k + 1) % 3], (rng.randint(1, 9), rng.randint(1, 9))) for k in range(3)
    ]
    return World([*specks, *ring(rng, among)], among, *aim(rng, among, 10 ** rng.uniform(-15, 1)))


def one_raw_unit(rng: Random) -> World:
    """Whole tokens that can't be divided, and pools that hold one of them."""
    among = [coin(k, 0, 10 ** rng.uniform(-1, 2.4)) for k in range(3)]
    singles = [pair(50 + k, among[k], among[(k + 1) % 3], (1, rng.choice((1, 10**6)))) for k in range(3)]
    return World([*singles, *ring(rng, among)], among, *aim(rng, among))


def a_million_times_the_depth(rng: Random) -> World:
    among = coins(rng, 4)
    return World(ring(rng, among, 10.0), among, *aim(rng, among, 1e7))


def decimals_of_0_and_30(rng: Random) -> World:
    sizes = rng.choices((0, 30), k=4)
    among = [coin(k, size, 10 ** rng.uniform(*((2, 4) if size else (-2, 2)))) for k, size in enumerate(sizes)]
    return World(ring(rng, among), among, *aim(rng, among))


def prices_24_orders_apart(rng: Random) -> World:
    among = [coin(k, 18, price) for k, price in enumerate((1.0, 1e-12, 1e12, 1e-12 * rng.uniform(1, 9)))]
    return World(ring(rng, among, 1e3), among, *aim(rng, among, 10 ** rng.uniform(-1, 4)))


def phantom_cycle(rng: Random) -> World:
    """Pools that pay 1% to 10,000% around a circle."""
    among = coins(rng, 5)
    skew = log(1 + 10 ** rng.uniform(-2, 2)) / 3
    circle = [v2(50 + k, among[k], among[(k + 1) % 3], 1e6, skew=-skew) for k in range(3)]
    return World([*ring(rng, among), *circle], among, *aim(rng, among))


def hidden_phantom(rng: Random) -> World:
    """Each direction alone is within the cap on mispricing; the circle pays up to a few percent."""
    among = coins(rng, 4)
    circle = [
        v2(50 + k, among[k % 4], among[(k + 1) % 4], 1e7, skew=-rng.uniform(0, 0.0099), fee=0)
        for k in range(8)
    ]
    return World([*ring(rng, among), *circle], among, *aim(rng, among))


def taxed_tokens(rng: Random) -> World:
    among = coins(rng, 6)
    taxed = {each.address: rng.choice((1, 500, 10_000)) for each in rng.sample(among[3:], 2)}
    return World(ring(rng, among), among, *aim(rng, among[: rng.choice((3, 3, 3, 6))]), taxed=taxed)


def disconnected(rng: Random) -> World:
    among = coins(rng, 6)
    halves = [
        random_pool(rng, place, [among[k], among[k + 1]], (among[k], among[k + 1]), 1e5, 0.001)
        for place, k in enumerate((0, 0, 2, 2, 4, 4))
    ]
    return World(halves, among, {among[0].address: 1e4}, {among[rng.choice((1, 3, 5))].address: 1.0})


def tiny_weights(rng: Random) -> World:
    """Targets of a billionth of the portfolio, with a tolerance of nothing."""
    among = coins(rng, 5)
    small = {each.address: 10 ** rng.uniform(-17, -6) for each in among[1:]}
    wanted = {**small, among[0].address: 1 - sum(small.values())}
    held = {among[1].address: 1e4} if rng.random() < 0.5 else {among[0].address: 1e4}
    return World(ring(rng, among), among, held, wanted, changes={"tolerance_bps": rng.choice((0, 1, 50))})


def no_fees(rng: Random) -> World:
    among = coins(rng, 4)
    pools = [v2(k, among[k % 4], among[(k + 1) % 4], 1e6, skew=rng.gauss(0, 1e-3), fee=0) for k in range(8)]
    triple = weighted(90, among[:3], [1, 2, 3], 1e6, fee=0)
    return World([*pools, triple], among, *aim(rng, among))


def all_of_it_fees(rng: Random) -> World:
    among = coins(rng, 3)
    pools = [
        v2(k, among[k % 3], among[(k + 1) % 3], 1e6, fee=rng.choice((0, 990_000, 999_999))) for k in range(6)
    ]
    return World(pools, among, *aim(rng, among), changes={"landing": rng.choice(list(Landing))})


def lopsided_weights(rng: Random) -> World:
    among = one, two = [coin(0), coin(1)]
    pool, small = weighted(0, among, [1.0, 1.0], 1e5), rng.choice((1, 10**6, 10**12))
    fields = {**pool.to_state(), "weights": [small, WAD - small], "decimals": [18, 18]}
    return World(
        [type(pool).from_state(fields), v2(1, one, two, 1e4), v2(2, one, two, 1e5)], among, *aim(rng, among)
    )


HOSTILE: Mapping[str, Callable[[Random], World]] = {
    each.__name__: each
    for each in (
        zero_reserves,
        huge_reserves,
        one_sided_ticks,
        ends_of_the_price_range,
        duplicate_pools,
        dust,
        one_raw_unit,
        a_million_times_the_depth,
        decimals_of_0_and_30,
        prices_24_orders_apart,
        phantom_cycle,
        hidden_phantom,
        taxed_tokens,
        disconnected,
        tiny_weights,
        no_fees,
        all_of_it_fees,
        lopsided_weights,
    )
}


def judge(made: Plan, market: Snapshot, owner: Portfolio) -> None:
    """Everything that must be true of any plan."""
    figures = (made.value_before, made.value_after, made.cost.total, made.cost.gas)
    assert all(isfinite(figure) for figure in figures)
    assert all(amount >= 0 for amount in made.holdings_after.values())
    if made.verdict is Verdict.HOLD:
        assert made.holdings_after == made.holdings_before
        return
    assert made.program is not None
    outcome = replay(made.program, market, owner.holdings)
    assert outcome.swaps == tuple((swap.amount_in, swap.amount_out) for swap in made.swaps)
    assert dict(outcome.pulls) == dict(made.pulls)
    for token, amount in made.holdings_after.items():
        assert amount == owner.holdings.get(token, 0) + outcome.balance_changes.get(token, 0)
    valuation = Valuation(market, owner)
    if owner.landing is not Landing.NEAREST:
        drifts = valuation.drifts_bps(made.holdings_after)
        assert all(abs(drift) <= valuation.tolerance_bps(token) for token, drift in drifts.items())
    if made.certificate is not None:
        findings = verify(made, market, made.snapshot_hash).findings
        assert [finding for finding in findings if not finding.ok] == []


def attempt(name: str, seed: int) -> tuple[Plan | RouterError, Snapshot, Portfolio, float]:
    """An answer and its seconds."""
    rng = Random(f"{name} {seed}")
    world = HOSTILE[name](rng)
    market, owner = world.snapshot, world.portfolio(rng.choice(GAS_PRICES))
    began = process_time()
    try:
        found: Plan | RouterError = plan(market, owner)
    except RouterError as error:
        found = error
    return found, market, owner, process_time() - began


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """So that no test's time counts the compiler's."""
    for gas_price in GAS_PRICES[1:3]:
        rng = Random(1)
        world = no_fees(rng)
        plan(world.snapshot, world.portfolio(gas_price))


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", HOSTILE)
def test_plan_on_a_hostile_market_stands_or_names_the_error_and_soon(name: str, seed: int) -> None:
    found, market, owner, seconds = attempt(name, seed)
    assert seconds < MOST_SECONDS
    if isinstance(found, Plan):
        judge(found, market, owner)
    else:
        assert str(found)
