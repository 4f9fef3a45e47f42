"""What must hold for a pool of any AMM in the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.errors import InputError, PoolError, TokenNotInPool
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.registry import BY_CODE, BY_NAME, POOL_KINDS, UNROUTED_KINDS, pool_from_state
from tests.strategies import hostile_pools, magnitudes, pools

HOSTILE_AMOUNTS = (-1, 0, 1, 10**30, 2**112 - 1, 2**128, 2**255 - 1, 2**255, 2**256)
amounts = magnitudes(1, 30)


def _quote(pool: Any, amount: int, *, exact_in: bool = True, reverse: bool = False) -> int:
    """The pool's answer; a refusal ends the example."""
    path = (pool.tokens[1], pool.tokens[0]) if reverse else (pool.tokens[0], pool.tokens[1])
    try:
        return int((pool.quote_exact_in if exact_in else pool.quote_exact_out)(*path, amount))
    except PoolError:
        assume(False)
        raise


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_quote_exact_in_is_monotonic(pool: Any, amount: int, reverse: bool) -> None:
    more = _quote(pool, amount + amount // 7 + 1, reverse=reverse)
    assert _quote(pool, amount, reverse=reverse) <= more


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_what_an_exact_out_costs_buys_at_least_that(pool: Any, amount: int, reverse: bool) -> None:
    cost = _quote(pool, amount, exact_in=False, reverse=reverse)
    assert cost > 0
    slack = 0
    if isinstance(pool, BalancerV2WeightedPool):
        # Both ways round the power up, by 1e-14 of a number near one: that share of the whole balance.
        slack = pool.balances[0 if reverse else 1] // 10**13 + 1
    assert _quote(pool, cost, reverse=reverse) >= amount - slack


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_quote_exact_out_is_monotonic(pool: Any, amount: int, reverse: bool) -> None:
    more = _quote(pool, amount + amount // 7 + 1, exact_in=False, reverse=reverse)
    assert _quote(pool, amount, exact_in=False, reverse=reverse) <= more


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_never_pays_more_than_the_spot_price(pool: Any, amount: int, reverse: bool) -> None:
    out = _quote(pool, amount, reverse=reverse)
    path = (pool.tokens[1], pool.tokens[0]) if reverse else (pool.tokens[0], pool.tokens[1])
    # Spot prices are floats: 1e-12 is far above their error.
    assert out <= amount * pool.spot_price(*path) * (1 + 1e-12)


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_swap_agrees_with_its_quote_and_leaves_the_old_pool_alone(
    pool: Any, amount: int, reverse: bool
) -> None:
    path = (pool.tokens[1], pool.tokens[0]) if reverse else (pool.tokens[0], pool.tokens[1])
    out = _quote(pool, amount, reverse=reverse)
    paid, after = pool.swap(*path, amount)
    assert paid == out
    assert _quote(pool, amount, reverse=reverse) == out
    assert after.spot_price(*path) <= pool.spot_price(*path) * (1 + 1e-12)
    assert type(after) is type(pool)
    assert (after.address, after.tokens, after.fee_pips) == (pool.address, pool.tokens, pool.fee_pips)


@settings(max_examples=200, deadline=None)
@given(pool=pools(), amount=amounts, reverse=st.booleans())
def test_a_round_trip_never_gains(pool: Any, amount: int, reverse: bool) -> None:
    path = (pool.tokens[1], pool.tokens[0]) if reverse else (pool.tokens[0], pool.tokens[1])
    _quote(pool, amount, reverse=reverse)
    out, after = pool.swap(*path, amount)
    assume(out > 0)
    assert _quote(after, out, reverse=not reverse) <= amount


@settings(max_examples=100, deadline=None)
@given(pool=pools())
def test_state_round_trips(pool: Any) -> None:
    state = json.loads(json.dumps(pool.to_state()))
    assert state["kind"] == pool.kind
    if isinstance(pool, BalancerV2WeightedPool):
        state["decimals"] = list(pool.decimals)
    assert pool_from_state(state) == pool


@settings(max_examples=500, deadline=None)
@given(
    pool=hostile_pools(),
    amount=st.one_of(st.sampled_from(HOSTILE_AMOUNTS), amounts),
    exact_in=st.booleans(),
    reverse=st.booleans(),
)
def test_hostile_states_get_an_answer_or_a_pool_error(
    pool: Any, amount: int, exact_in: bool, reverse: bool
) -> None:
    path = (pool.tokens[1], pool.tokens[0]) if reverse else (pool.tokens[0], pool.tokens[1])
    try:
        answer = (pool.quote_exact_in if exact_in else pool.quote_exact_out)(*path, amount)
    except PoolError:
        return
    assert answer >= 0
    if exact_in:
        assert pool.swap(*path, amount)[0] == answer
    assert pool.spot_price(*path) >= 0


@settings(max_examples=30, deadline=None)
@given(pool=pools())
def test_foreign_and_equal_tokens_are_refused(pool: Any) -> None:
    first, foreign = pool.tokens[0], "0x" + "e" * 40
    for path in ((first, foreign), (foreign, first), (first, first)):
        for ask in (pool.quote_exact_in, pool.quote_exact_out, pool.swap):
            with pytest.raises(TokenNotInPool):
                ask(*path, 1)
        with pytest.raises(TokenNotInPool):
            pool.spot_price(*path)


@settings(max_examples=30, deadline=None)
@given(pool=pools(), amount=st.sampled_from((0, -1)))
def test_amounts_that_are_not_positive_are_refused(pool: Any, amount: int) -> None:
    for ask in (pool.quote_exact_in, pool.quote_exact_out, pool.swap):
        with pytest.raises(PoolError):
            ask(pool.tokens[0], pool.tokens[1], amount)


def test_registry_names_and_codes_are_unique_and_match_the_classes() -> None:
    assert len(BY_NAME) == len(BY_CODE) == len(POOL_KINDS)
    for kind in POOL_KINDS:
        assert kind.pool.kind == kind.name
        assert 0x20 <= kind.code <= 0xFF
    assert not UNROUTED_KINDS & set(BY_NAME)


def test_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(InputError, match="uniswap_v2") as caught:
        pool_from_state({"kind": "uniswp_v2"})
    assert caught.value.exit_code == 2
