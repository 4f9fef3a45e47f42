"""Deployed v3 pools with overlapping positions at random, of Uniswap and of PancakeSwap."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from router.chain.abi import LIQUIDITY, SLOT0, TICKS, Function
from router.pools.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.parity.evm import DEADLINE, OWNER, CallRevertedError, Chain, creation_code

V3_CORE = "@uniswap/v3-core/artifacts/contracts"
V3_PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"
PANCAKE_POOL = "@pancakeswap/v3-core/artifacts/contracts/PancakeV3Pool.sol/PancakeV3Pool.json"
OWN = "../build/contracts"
ZERO = "0x" + "0" * 40
SINGLE = "((address,address,uint24,address,uint256,uint256,uint256,uint160))"
MINT = "((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
SPACINGS = {100: 1, 500: 10, 2500: 50, 3000: 60, 10000: 200}
POSITIONS = 40
MOST_OUT = 2**200


class Venue(Protocol):
    """One protocol's way to a pool, its positions and its swaps, all for OWNER."""

    @property
    def address(self) -> str:
        """The pool."""

    def mint(self, low: int, high: int, size: int, size_1: int) -> None:
        """Adds a position of this size, amounts or liquidity as the protocol has it."""

    def swap(self, exact_in: bool, path: list[str], amount: int) -> None:
        """Swaps up to the end of the price range; an exact output is paid whole or not at all."""


class Uniswap:
    """By the position manager and SwapRouter."""

    def __init__(self, chain: Chain, tokens: list[str], fee: int, sqrt_price_x96: int) -> None:
        self.chain, self.tokens, self.fee = chain, tokens, fee
        factory = chain.deploy(f"{V3_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json")
        chain.call(factory, "enableFeeAmount(uint24,int24)", 100, 1)
        weth = chain.deploy("@uniswap/v2-periphery/build/WETH9.json")
        self.router = chain.deploy(
            f"{V3_PERIPHERY}/SwapRouter.sol/SwapRouter.json", "address,address", factory, weth
        )
        self.manager = chain.deploy(
            f"{V3_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
            "address,address,address",
            *(factory, weth, ZERO),
        )
        for token in tokens:
            chain.approve(token, self.router)
            chain.approve(token, self.manager)
        self.address = chain.call(
            self.manager,
            "createAndInitializePoolIfNecessary(address,address,uint24,uint160)",
            *(*tokens, fee, sqrt_price_x96),
            returns="address",
        )

    def mint(self, low: int, high: int, size: int, size_1: int) -> None:
        self.chain.call(
            self.manager,
            f"mint{MINT}",
            (*self.tokens, self.fee, low, high, size, size_1, 0, 0, OWNER, DEADLINE),
        )

    def swap(self, exact_in: bool, path: list[str], amount: int) -> None:
        name, limit = ("Input", 0) if exact_in else ("Output", MOST_OUT)
        self.chain.call(
            self.router, f"exact{name}Single{SINGLE}", (*path, self.fee, OWNER, DEADLINE, amount, limit, 0)
        )


class PancakeSwap:
    """By test contracts of ours: the npm package holds the pool alone."""

    def __init__(self, chain: Chain, tokens: list[str], fee: int, sqrt_price_x96: int) -> None:
        self.chain, self.tokens = chain, tokens
        deployer = chain.deploy(f"{OWN}/PancakePoolDeployer.json")
        self.address = chain.call(
            deployer,
            "deploy(bytes,address,address,uint24,int24)",
            *(creation_code(PANCAKE_POOL), *tokens, fee, SPACINGS[fee]),
            returns="address",
        )
        chain.call(self.address, "initialize(uint160)", sqrt_price_x96)
        self.trader = chain.deploy(f"{OWN}/PancakeTrader.json")
        for token in tokens:
            chain.approve(token, self.trader)

    def mint(self, low: int, high: int, size: int, size_1: int) -> None:
        self.chain.call(
            self.trader, "mint(address,int24,int24,uint128)", self.address, low, high, min(size, size_1)
        )

    def swap(self, exact_in: bool, path: list[str], amount: int) -> None:
        self.chain.call(
            self.trader,
            "swap(address,bool,int256)",
            *(self.address, path[0] == self.tokens[0], amount if exact_in else -amount),
        )


class Market:
    """A deployed v3 pool with overlapping positions at random, some as narrow as one spacing."""

    def __init__(
        self,
        seed: int,
        fee: int,
        *,
        full_range: bool,
        centre: int | None = None,
        venue: Callable[[Chain, list[str], int, int], Venue] = Uniswap,
    ) -> None:
        self.random = random.Random(seed)
        self.chain, self.fee, self.spacing = Chain(), fee, SPACINGS[fee]
        chain = self.chain
        self.tokens = chain.tokens(6, 18)
        self.centre = self.random.randint(-200_000, 200_000) if centre is None else centre
        price = sqrt_ratio_at_tick(self.centre) + self.random.randint(0, 10**6)
        self.venue: Venue = venue(chain, self.tokens, fee, price)
        self.address = self.venue.address
        self.edges: set[int] = set()
        self._add_positions(full_range)

    def _add_positions(self, full_range: bool) -> None:
        spacing, centre = self.spacing, self.centre // self.spacing * self.spacing
        if full_range:
            # At the ends of the price range nearly all of a position is in one token.
            rich = 10**18 if abs(self.centre) < MAX_TICK // 2 else 10**45
            self.mint(MIN_TICK, MAX_TICK, *((10**16, rich) if self.centre > 0 else (rich, 10**16)))
        for _ in range(POSITIONS):
            width = int(10 ** self.random.uniform(0, 3.2)) * spacing
            low = centre + self.random.randint(-1500, 1500) * spacing - width // spacing // 2 * spacing
            self.mint(low, low + width, int(10 ** self.random.uniform(15, 24)))

    def mint(self, low: int, high: int, size: int, size_1: int | None = None) -> None:
        low = max(low, -(-MIN_TICK // self.spacing) * self.spacing)
        high = min(high, MAX_TICK // self.spacing * self.spacing)
        try:
            self.venue.mint(low, high, size, size_1 or size)
        except CallRevertedError:
            return  # the size is less than one unit of liquidity there, or more than a tick may hold
        self.edges |= {low, high}

    def state(self) -> UniswapV3Pool:
        """The pool as it stands on the chain, ticks included."""
        price, tick = self._ask(SLOT0)
        ticks = [(edge, self._ask(TICKS, edge)[1]) for edge in sorted(self.edges)]
        return UniswapV3Pool.from_state(
            {
                "address": self.address,
                "tokens": self.tokens,
                "fee_pips": self.fee,
                "tick_spacing": self.spacing,
                "sqrt_price_x96": price,
                "tick": tick,
                "liquidity": self._ask(LIQUIDITY)[0],
                "ticks": [pair for pair in ticks if pair[1]],
            }
        )

    def _ask(self, function: Function, *arguments: int) -> tuple[Any, ...]:
        """Asks as the reader does."""
        call = function.call(self.address, *arguments)
        answer = call.decode(self.chain.raw(self.address, call.data))
        assert answer is not None
        return answer

    def route(self, exact_in: bool, path: list[str], amount: int) -> tuple[int, int]:
        """Swaps; (spent, paid) by the owner's balances."""
        before = [self.chain.balance(token) for token in path]
        self.venue.swap(exact_in, path, amount)
        after = [self.chain.balance(token) for token in path]
        return before[0] - after[0], after[1] - before[1]
