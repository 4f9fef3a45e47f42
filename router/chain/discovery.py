"""Finds pools through factories: every pair of tokens, every fee."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from router.chain.abi import GET_PAIR, GET_POOL, Call
from router.chain.view import View
from router.documents.deployment import FactoryAddress, UniswapV2PoolAddress, UniswapV3PoolAddress
from router.tokens import Address

_ZERO_ADDRESS = "0x" + "0" * 40


def discover_pools(
    view: View, factories: Iterable[FactoryAddress], tokens: Sequence[Address]
) -> list[UniswapV2PoolAddress | UniswapV3PoolAddress]:
    """The pools that the factories know between any two of the tokens, empty ones included.

    Calls grow with the square of the number of tokens; they go in few requests.
    """
    pairs = list(combinations(sorted(set(tokens)), 2))
    questions: dict[Call, tuple[FactoryAddress, int]] = {}
    for factory in factories:
        for first, second in pairs:
            if factory.kind == "uniswap_v2":
                questions[GET_PAIR.call(factory.address, first, second)] = (factory, factory.fee_pips[0])
            else:
                for fee in factory.fee_pips:
                    questions[GET_POOL.call(factory.address, first, second, fee)] = (factory, fee)
    answers = view.ask(questions, "factories")
    found: dict[Address, UniswapV2PoolAddress | UniswapV3PoolAddress] = {}
    for call, (factory, fee) in questions.items():
        pool = answers.one(call)
        if pool == _ZERO_ADDRESS:
            continue
        if factory.kind == "uniswap_v2":
            found[pool] = UniswapV2PoolAddress(kind="uniswap_v2", address=pool, fee_pips=fee)
        else:
            found[pool] = UniswapV3PoolAddress(kind="uniswap_v3", address=pool)
    return list(found.values())
