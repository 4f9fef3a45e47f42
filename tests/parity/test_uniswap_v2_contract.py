"""Our pair arithmetic against the deployed pair and router, swap by swap."""

from __future__ import annotations

import random

import pytest

from router.errors import PoolError
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from tests.parity.evm import DEADLINE, OWNER, CallRevertedError, Chain

ROUTER_CALL = "(uint256,uint256,address[],address,uint256)"
SWAPS_PER_PAIR = 210


class Pair:
    """A deployed pair seeded with two random reserves, and its router."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.chain = chain = Chain()
        weth = chain.deploy("@uniswap/v2-periphery/build/WETH9.json")
        factory = chain.deploy("@uniswap/v2-core/build/UniswapV2Factory.json", "address", OWNER)
        self.router = chain.deploy(
            "@uniswap/v2-periphery/build/UniswapV2Router02.json", "address,address", factory, weth
        )
        self.tokens = chain.tokens(self.random.choice((6, 8, 18)), self.random.choice((6, 8, 18)))
        self.address = chain.call(factory, "createPair(address,address)", *self.tokens, returns="address")
        for token in self.tokens:
            chain.approve(token, self.router)
            chain.call(token, "transfer(address,uint256)", self.address, self._size(5, 30))
        chain.call(self.address, "mint(address)", OWNER)

    def _size(self, low: int, high: int) -> int:
        """A number whose digits are uniform: every order of magnitude is as likely."""
        return int(10 ** self.random.uniform(low, high))

    def state(self) -> UniswapV2Pool:
        """The pair as it stands on the chain."""
        first, second, _ = self.chain.call(self.address, "getReserves()", returns="uint112,uint112,uint32")
        return UniswapV2Pool(self.address, (self.tokens[0], self.tokens[1]), (first, second))

    def route(self, exact_in: bool, path: list[str], amount: int) -> list[int]:
        """Swaps through the router; the amounts in and out."""
        name, limit = ("ExactTokensForTokens", 0) if exact_in else ("TokensForExactTokens", 2**200)
        signature = f"swap{name}{ROUTER_CALL}"
        amounts = self.chain.call(
            self.router, signature, amount, limit, path, OWNER, DEADLINE, returns="uint256[]"
        )
        return list(amounts)


def _ours(pool: UniswapV2Pool, path: list[str], amount: int, exact_in: bool) -> int | None:
    try:
        return (pool.quote_exact_in if exact_in else pool.quote_exact_out)(*path, amount)
    except PoolError:
        return None


@pytest.mark.parametrize("seed", range(5))
def test_random_swaps_equal_the_deployed_pair(seed: int) -> None:
    pair = Pair(seed)
    executed = 0
    while executed < SWAPS_PER_PAIR:
        pool = pair.state()
        path = pair.random.sample(pair.tokens, 2)
        exact_in = pair.random.random() < 0.5
        depth = pool.reserves[pool.tokens.index(path[0] if exact_in else path[1])]
        amount = max(0, int(depth * 10 ** pair.random.uniform(-12, 1.3 if exact_in else 0.05)))
        expected = _ours(pool, path, amount, exact_in)
        try:
            spent, paid = pair.route(exact_in, path, amount)
        except CallRevertedError:
            assert expected is None
            assert pair.state() == pool
            continue
        assert expected == (paid if exact_in else spent)
        executed += 1
        if exact_in:
            assert pool.swap(*path, spent) == (paid, pair.state())
        else:
            index = pool.tokens.index(path[0])
            change = (spent, -paid) if index == 0 else (-paid, spent)
            assert pair.state().reserves == tuple(map(sum, zip(pool.reserves, change, strict=True)))


def test_swap_past_112_bits_is_refused_by_both() -> None:
    pair = Pair(99)
    pool, path = pair.state(), pair.tokens
    too_much = MAX_RESERVE - pool.reserves[0] + 1
    assert _ours(pool, path, too_much - 1, True) is not None
    assert _ours(pool, path, too_much, True) is None
    with pytest.raises(CallRevertedError):
        pair.route(True, path, too_much)
    assert pair.route(True, path, too_much - 1)[1] == _ours(pool, path, too_much - 1, True)
