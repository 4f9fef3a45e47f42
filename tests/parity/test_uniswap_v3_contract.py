"""Our tick walk against the deployed pool and router, swap by swap: amounts, price, tick and liquidity."""

from __future__ import annotations

import random
from itertools import product

import pytest

from router.errors import InsufficientLiquidity, PoolError
from router.pools.swap_math import full_step
from router.pools.tick_math import (
    MAX_PRICE_LIMIT,
    MAX_TICK,
    MIN_PRICE_LIMIT,
    MIN_TICK,
    sqrt_ratio_at_tick,
)
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.parity.evm import DEADLINE, OWNER, CallRevertedError, Chain

V3_CORE = "@uniswap/v3-core/artifacts/contracts"
V3_PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"
ZERO = "0x" + "0" * 40
SINGLE = "((address,address,uint24,address,uint256,uint256,uint256,uint160))"
MINT = "((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
SPACINGS = {100: 1, 500: 10, 3000: 60, 10000: 200}
SWAPS_PER_POOL = 180
POSITIONS = 40


class Market:
    """A deployed v3 pool with overlapping positions at random, some as narrow as one spacing."""

    def __init__(self, seed: int, fee: int, *, full_range: bool, centre: int | None = None) -> None:
        self.random = random.Random(seed)
        self.chain, self.fee, self.spacing = Chain(), fee, SPACINGS[fee]
        chain = self.chain
        self.factory = chain.deploy(f"{V3_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json")
        chain.call(self.factory, "enableFeeAmount(uint24,int24)", 100, 1)
        weth = chain.deploy("@uniswap/v2-periphery/build/WETH9.json")
        self.router = chain.deploy(
            f"{V3_PERIPHERY}/SwapRouter.sol/SwapRouter.json", "address,address", self.factory, weth
        )
        self.manager = chain.deploy(
            f"{V3_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
            "address,address,address",
            self.factory,
            weth,
            ZERO,
        )
        self.tokens = chain.tokens(6, 18)
        for token in self.tokens:
            chain.approve(token, self.router)
            chain.approve(token, self.manager)
        self.centre = self.random.randint(-200_000, 200_000) if centre is None else centre
        self.address = chain.call(
            self.manager,
            "createAndInitializePoolIfNecessary(address,address,uint24,uint160)",
            *self.tokens,
            fee,
            sqrt_ratio_at_tick(self.centre) + self.random.randint(0, 10**6),
            returns="address",
        )
        self.edges: set[int] = set()
        self._add_positions(full_range)

    def _add_positions(self, full_range: bool) -> None:
        spacing, centre = self.spacing, self.centre // self.spacing * self.spacing
        if full_range:
            # At the ends of the price range nearly all of a position is in one token.
            rich = 10**18 if abs(self.centre) < MAX_TICK // 2 else 10**45
            self._mint(MIN_TICK, MAX_TICK, *((10**16, rich) if self.centre > 0 else (rich, 10**16)))
        for _ in range(POSITIONS):
            width = int(10 ** self.random.uniform(0, 3.2)) * spacing
            low = centre + self.random.randint(-1500, 1500) * spacing - width // spacing // 2 * spacing
            self._mint(low, low + width, int(10 ** self.random.uniform(15, 24)))

    def _mint(self, low: int, high: int, size: int, size_1: int | None = None) -> None:
        low = max(low, -(-MIN_TICK // self.spacing) * self.spacing)
        high = min(high, MAX_TICK // self.spacing * self.spacing)
        try:
            self.chain.call(
                self.manager,
                f"mint{MINT}",
                (*self.tokens, self.fee, low, high, size, size_1 or size, 0, 0, OWNER, DEADLINE),
            )
        except CallRevertedError:
            return  # the size is less than one unit of liquidity there, or more than a tick may hold
        self.edges |= {low, high}

    def state(self) -> UniswapV3Pool:
        """The pool as it stands on the chain, ticks included."""
        chain = self.chain
        price, tick, *_ = chain.call(
            self.address, "slot0()", returns="uint160,int24,uint16,uint16,uint16,uint8,bool"
        )
        ticks = [
            (edge, chain.call(self.address, "ticks(int24)", edge, returns="uint128,int128")[1])
            for edge in sorted(self.edges)
        ]
        return UniswapV3Pool.from_state(
            {
                "address": self.address,
                "tokens": self.tokens,
                "fee_pips": self.fee,
                "tick_spacing": self.spacing,
                "sqrt_price_x96": price,
                "tick": tick,
                "liquidity": chain.call(self.address, "liquidity()", returns="uint128"),
                "ticks": [pair for pair in ticks if pair[1]],
            }
        )

    def route(self, exact_in: bool, path: list[str], amount: int) -> tuple[int, int]:
        """Swaps through the router; (spent, paid) by the owner's balances."""
        before = [self.chain.balance(token) for token in path]
        name, limit = ("Input", 0) if exact_in else ("Output", 2**200)
        self.chain.call(
            self.router, f"exact{name}Single{SINGLE}", (*path, self.fee, OWNER, DEADLINE, amount, limit, 0)
        )
        after = [self.chain.balance(token) for token in path]
        return before[0] - after[0], after[1] - before[1]


def _random_amount(market: Market, pool: UniswapV3Pool, path: list[str], exact_in: bool) -> int:
    """Any number of digits, or a share of what the pool can absorb or pay: all of it, a little more, less."""
    if market.random.random() < 0.4:
        return int(10 ** market.random.uniform(0, 25))
    try:
        most = pool.swap_to_limit(*path, 2**200, exact_in=exact_in)
    except PoolError:
        return 1
    whole = most.amount_in if exact_in else most.amount_out
    if market.random.random() < 0.1:
        return whole or 1
    share = market.random.random() ** market.random.choice((1, 4, 16))
    return max(1, int(whole * share * 1.05))


def _assert_one_swap_equal(market: Market, pool: UniswapV3Pool) -> tuple[bool, UniswapV3Pool]:
    path = market.random.sample(market.tokens, 2)
    exact_in = market.random.random() < 0.5
    amount = _random_amount(market, pool, path, exact_in)
    return _assert_swap_equal(market, pool, path, exact_in, amount)


def _assert_swap_equal(
    market: Market, pool: UniswapV3Pool, path: list[str], exact_in: bool, amount: int
) -> tuple[bool, UniswapV3Pool]:
    try:
        ours = pool.swap_to_limit(*path, amount, exact_in=exact_in)
    except PoolError:
        ours = None
    try:
        spent, paid = market.route(exact_in, path, amount)
    except CallRevertedError:
        # The router refuses an exact output in part, and the pool a swap from the price limit.
        assert ours is None or not ours.filled
        return False, pool
    assert ours is not None
    assert (ours.amount_in, ours.amount_out) == (spent, paid)
    if ours.filled and exact_in:
        assert pool.quote_exact_in(*path, amount) == paid
        assert pool.swap(*path, amount) == (paid, ours.pool)
    elif ours.filled:
        assert pool.quote_exact_out(*path, amount) == spent
    else:
        with pytest.raises(InsufficientLiquidity):
            pool.quote_exact_in(*path, amount)
    return True, ours.pool


@pytest.mark.parametrize(
    ("seed", "fee", "full_range"),
    [
        (1, 500, True),
        (2, 3000, True),
        (3, 10000, True),
        (4, 500, False),
        (5, 3000, False),
        (6, 10000, False),
    ],
)
def test_random_swaps_equal_the_deployed_pool(seed: int, fee: int, full_range: bool) -> None:
    market = Market(seed, fee, full_range=full_range)
    pool = market.state()
    executed = crossed = 0
    for _ in range(10 * SWAPS_PER_POOL):
        done, after = _assert_one_swap_equal(market, pool)
        executed += done
        crossed += abs(after.tick - pool.tick) > 256 * market.spacing
        pool = after
        assert pool == market.state()
        if executed == SWAPS_PER_POOL:
            break
    assert executed == SWAPS_PER_POOL
    assert crossed >= 5, "the swaps must cross bitmap words"


@pytest.mark.parametrize("centre", [-886_900, 0, 886_900])
def test_swaps_to_the_outermost_ticks_equal_the_deployed_pool(centre: int) -> None:
    market = Market(7, 100, full_range=True, centre=centre)
    pool = market.state()
    assert {MIN_TICK, MAX_TICK} <= {tick for tick, _ in pool.ticks}
    reached = set()
    for _ in range(200):
        pool = _assert_one_swap_equal(market, pool)[1]
        assert pool == market.state()
        reached.add(pool.sqrt_price_x96)
    assert reached & {MIN_PRICE_LIMIT, MAX_PRICE_LIMIT}


def test_swaps_of_few_units_in_deep_liquidity_equal_the_deployed_pool() -> None:
    """One unit moves the price by less than its own precision: swaps stay on, or reach, boundaries."""
    market = Market(8, 10000, full_range=False, centre=0)
    for _ in range(5):
        market._mint(-400, 200, 10**32)
    pool, path = market.state(), market.tokens
    assert pool.liquidity > 1 << 96
    for difference in (-2, -1, 0, 1, 2, 3):
        for exact_in, route in product((False, True), (path, path[::-1])):
            amount = _amount_to_next_boundary(pool, route, exact_in=exact_in) + difference
            for each in (max(1, amount), 1, 1, 2):
                pool = _assert_swap_equal(market, pool, route, exact_in, each)[1]
                assert pool == market.state()


def _amount_to_next_boundary(pool: UniswapV3Pool, path: list[str], *, exact_in: bool) -> int:
    zero_for_one = path[0] == pool.tokens[0]
    stop = pool.ladder.edge(pool.tick, zero_for_one)
    assert stop is not None
    target = pool.ladder.sqrt_target(stop, zero_for_one)
    spent, paid = full_step(pool.sqrt_price_x96, target, pool.liquidity, pool.fee_pips)
    return spent if exact_in else paid
