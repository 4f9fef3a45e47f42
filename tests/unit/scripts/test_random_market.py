"""The generator of random markets: the same seed the same market, and one that every planner can use."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from router.fixed_point import PIPS, WAD
from router.pools.registry import POOL_KINDS
from router.snapshot import Snapshot
from scripts.bench.random_basket import random_basket, raw_price, token_depths
from scripts.bench.random_market import HUBS, random_market

SIZES = (50, 600)


@pytest.fixture(scope="module", params=SIZES)
def market(request: pytest.FixtureRequest) -> Snapshot:
    return random_market(request.param)


def test_random_market_same_seed_same_market() -> None:
    assert random_market(80, seed=3) == random_market(80, seed=3)


def test_random_market_other_seed_other_market() -> None:
    assert random_market(80, seed=3).pools != random_market(80, seed=4).pools


def test_random_market_counts_as_asked(market: Snapshot) -> None:
    assert len(market.pools) in SIZES
    assert len(market.pool_by_address) == len(market.pools)
    assert {token for pool in market.pools for token in pool.tokens} == set(market.tokens)


@pytest.mark.parametrize(("pools", "tokens"), [(50, 4), (50, 51)])
def test_random_market_impossible_token_count_refused(pools: int, tokens: int) -> None:
    with pytest.raises(ValueError, match="tokens for 50 pools"):
        random_market(pools, tokens)


def test_random_market_every_kind_and_up_to_eight_tokens() -> None:
    market = random_market(2_000)
    assert {pool.kind for pool in market.pools} == {"uniswap_v2", "uniswap_v3", "balancer_v2_weighted"}
    assert {len(pool.tokens) for pool in market.pools} == set(range(2, 9))


def test_random_market_hubs_carry_most_pools(market: Snapshot) -> None:
    hubs = set(list(market.tokens)[: len(HUBS)])
    assert sum(not hubs.isdisjoint(pool.tokens) for pool in market.pools) > 0.8 * len(market.pools)
    uses = Counter(token for pool in market.pools for token in pool.tokens)
    assert uses.most_common(1)[0][0] == market.native_token


def test_random_market_every_pool_is_a_valid_state(market: Snapshot) -> None:
    kinds = {kind.name: kind.pool for kind in POOL_KINDS}
    for pool in market.pools:
        decimals = [market.tokens[token].decimals for token in pool.tokens]
        assert kinds[pool.kind].from_state({**pool.to_state(), "decimals": decimals}) == pool


def test_random_market_every_pool_quotes_every_pair(market: Snapshot) -> None:
    for pool in market.pools:
        for token_in in pool.tokens:
            amount = max(1, int(10 / raw_price(market, token_in)))
            for token_out in set(pool.tokens) - {token_in}:
                worth = pool.quote_exact_in(token_in, token_out, amount) * raw_price(market, token_out)
                assert 7 < worth < 10


def test_random_market_no_pool_is_off_by_more_than_its_fee(market: Snapshot) -> None:
    for pool in market.pools:
        for token_in in pool.tokens:
            for token_out in set(pool.tokens) - {token_in}:
                fair = raw_price(market, token_in) / raw_price(market, token_out)
                rate = pool.spot_price(token_in, token_out) / fair
                assert math.log(rate) < -0.5 * pool.fee_pips / PIPS


def test_random_basket_sells_ten_for_ten() -> None:
    market = random_market(600)
    basket = random_basket(market, seed=5)
    assert len(basket.holdings) == len(basket.targets_wad) == 10
    assert not set(basket.holdings) & set(basket.targets_wad)
    assert sum(basket.targets_wad.values()) == WAD
    assert basket == random_basket(market, seed=5)


def test_random_basket_size_is_the_share_of_the_shallower_side() -> None:
    market = random_market(600)
    basket, depths = random_basket(market, share=0.25), token_depths(market)
    value = sum(amount * raw_price(market, token) for token, amount in basket.holdings.items())
    sides = [sum(depths[token] for token in side) for side in (basket.holdings, basket.targets_wad)]
    assert value == pytest.approx(0.25 * min(sides), rel=1e-3)
