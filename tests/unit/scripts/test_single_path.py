"""The best single path, against every path of a small market tried one by one."""

from __future__ import annotations

from itertools import permutations

import pytest

from router.errors import PoolError
from router.pools.uniswap_v2 import UniswapV2Pool
from router.snapshot import Snapshot
from router.tokens import Address
from scripts.bench.random_basket import raw_price
from scripts.bench.random_market import random_market
from scripts.bench.single_path import best_single_path

AMOUNT_WORTH = 20_000.0


def every_path_value(market: Snapshot, token_in: Address, token_out: Address, amount: int) -> float:
    """The largest value of any chain of up to 3 different pools, gas free."""
    best = 0.0
    for length in (1, 2, 3):
        for chain in permutations(market.pools, length):
            reached = {token_in: amount}
            for pool in chain:
                after: dict[Address, int] = {}
                for token, held in reached.items():
                    for other in set(pool.tokens) - {token} if token in pool.tokens else ():
                        try:
                            after[other] = max(after.get(other, 0), pool.quote_exact_in(token, other, held))
                        except PoolError:
                            continue
                reached = after
            best = max(best, reached.get(token_out, 0) * raw_price(market, token_out))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_best_single_path_equals_the_best_of_all_when_gas_is_free(seed: int) -> None:
    market = random_market(18, 7, seed=seed)
    token_in, token_out = list(market.tokens)[5:7]
    amount = int(AMOUNT_WORTH / raw_price(market, token_in))
    found = best_single_path(
        market.pools, token_in, token_out, amount, lambda token: raw_price(market, token), lambda pool: 0.0
    )
    best = every_path_value(market, token_in, token_out, amount)
    assert found is not None
    assert found.amount_out * raw_price(market, token_out) >= best * (1 - 1e-12)


@pytest.mark.parametrize(("gas", "taken"), [(0.0, 10), (0.5, 11)])
def test_best_single_path_takes_the_worse_pool_where_gas_costs_more(gas: float, taken: int) -> None:
    tokens = (f"0x{1:040x}", f"0x{2:040x}")
    better = UniswapV2Pool(f"0x{10:040x}", tokens, (10**24, 10**24))
    worse = UniswapV2Pool(f"0x{11:040x}", tokens, (10**24, 99 * 10**22))
    costs = {better.address: gas, worse.address: 0.0}
    found = best_single_path(
        [better, worse], *tokens, 10**18, lambda token: 1e-18, lambda pool: costs[pool.address]
    )
    assert found is not None
    assert found.pools == (f"0x{taken:040x}",)


def test_best_single_path_leaves_out_refused_directions() -> None:
    tokens = (f"0x{1:040x}", f"0x{2:040x}")
    pool = UniswapV2Pool(f"0x{10:040x}", tokens, (10**24, 10**24))
    refused = {(pool.address, *tokens)}
    assert best_single_path([pool], *tokens, 10**18, lambda token: 1.0, lambda each: 0.0, refused) is None
