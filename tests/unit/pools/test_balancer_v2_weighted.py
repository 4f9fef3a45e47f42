"""Balancer v2 weighted pools: ratio limits, rounding against the trader, and the powers behind them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError, InsufficientLiquidity, PoolError, RatioExceeded
from router.fixed_point import WAD
from router.pools.balancer_v2_weighted import MAINNET_VAULT, MAX_BALANCE, BalancerV2WeightedPool
from router.pools.log_exp_math import pow_wad
from router.pools.weighted_math import PowVersion, pow_up
from tests.strategies import ADDRESS, TOKENS

FIRST, SECOND = TOKENS[:2]
STATE: dict[str, Any] = {
    "kind": "balancer_v2_weighted",
    "address": ADDRESS,
    "tokens": [FIRST, SECOND],
    "pool_id": "0x" + "f" * 64,
    "fee_pips": 3000,
    "balances": [10**24, 10**12],
    "weights": [8 * 10**17, 2 * 10**17],
}


def _pool(**change: Any) -> BalancerV2WeightedPool:
    return BalancerV2WeightedPool.from_state({"decimals": [18, 6], **STATE, **change})


@given(st.integers(10**17, 3 * WAD), st.integers(10**16, 15 * WAD))
def test_pow_is_near_the_real_one(base: int, exponent: int) -> None:
    real = (base / WAD) ** (exponent / WAD)
    # 18 decimals below 1, and the relative error that the contract itself allows for above.
    assert math.isclose(pow_wad(base, exponent) / WAD, real, rel_tol=1e-13, abs_tol=1e-17)


@given(st.integers(10**16, WAD), st.sampled_from((1, 2, 4)))
def test_second_power_function_is_never_above_the_first(base: int, whole: int) -> None:
    shortcut = pow_up(base, whole * WAD, PowVersion.V2)
    assert shortcut <= pow_up(base, whole * WAD, PowVersion.V1)
    assert shortcut * WAD ** (whole - 1) >= base**whole


def test_pow_edges() -> None:
    assert pow_wad(0, 0) == WAD
    assert pow_wad(0, WAD) == 0
    for base, exponent in ((1 << 255, WAD), (WAD, 1 << 254), (3 * WAD, 200 * WAD), (1, 2 * WAD)):
        with pytest.raises(PoolError):
            pow_wad(base, exponent)


def test_no_swap_brings_in_more_than_thirty_percent() -> None:
    pool = _pool(fee_pips=0)
    limit = pool.balances[0] * 3 // 10
    assert pool.quote_exact_in(FIRST, SECOND, limit) > 0
    with pytest.raises(RatioExceeded):
        pool.quote_exact_in(FIRST, SECOND, limit + 1)


def test_the_limit_counts_what_is_left_after_the_fee() -> None:
    pool = _pool(fee_pips=100_000)
    limit = pool.balances[0] * 3 // 10 * 10 // 9
    assert pool.quote_exact_in(FIRST, SECOND, limit) > 0
    with pytest.raises(RatioExceeded):
        pool.quote_exact_in(FIRST, SECOND, limit + 2)


def test_no_swap_takes_out_more_than_thirty_percent() -> None:
    pool = _pool()
    limit = pool.balances[1] * 3 // 10
    assert pool.quote_exact_out(FIRST, SECOND, limit) > 0
    with pytest.raises(RatioExceeded):
        pool.quote_exact_out(FIRST, SECOND, limit + 1)


def test_an_amount_that_the_fee_eats_pays_nothing() -> None:
    assert _pool().quote_exact_in(SECOND, FIRST, 1) == 0


def test_balances_stop_at_112_bits() -> None:
    pool = _pool(balances=[MAX_BALANCE - 10, 10**12])
    with pytest.raises(InsufficientLiquidity, match="112 bits"):
        pool.quote_exact_in(FIRST, SECOND, 11)
    with pytest.raises(InsufficientLiquidity, match="112 bits"):
        pool.quote_exact_out(FIRST, SECOND, 10**10)


@pytest.mark.parametrize("balances", [[0, 1], [1, 0], [MAX_BALANCE + 1, 10**12], [10**12, MAX_BALANCE + 1]])
def test_empty_and_overfull_balances_are_refused(balances: list[int]) -> None:
    pool = _pool(balances=balances)
    for ask in (pool.quote_exact_in, pool.quote_exact_out, pool.swap):
        with pytest.raises(InsufficientLiquidity):
            ask(FIRST, SECOND, 1)


def test_tokens_of_more_than_18_decimals_load_but_do_not_trade() -> None:
    with pytest.raises(PoolError, match="24 decimals"):
        _pool(decimals=[24, 6]).quote_exact_in(FIRST, SECOND, 10**6)


def test_a_fee_between_pips_is_kept_exactly() -> None:
    pool = _pool(swap_fee_wad=1_760_900_000_000_000)
    assert pool.fee_pips == 1761
    assert pool.to_state()["swap_fee_wad"] == 1_760_900_000_000_000
    assert _pool().to_state() == STATE


def test_defaults_are_the_mainnet_vault_and_the_first_power_function() -> None:
    assert (_pool().vault, _pool().pow_version) == (MAINNET_VAULT, PowVersion.V1)
    state = {**STATE, "vault": ADDRESS, "pow_version": "v2"}
    assert _pool(**state).to_state() == state


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tokens": [FIRST]}, "tokens"),
        ({"tokens": [FIRST, FIRST]}, "tokens"),
        ({"balances": [1]}, "balances"),
        ({"balances": [-1, 1]}, "balances"),
        ({"weights": [0, WAD]}, "weights"),
        ({"weights": [WAD]}, "weights"),
        ({"decimals": [18]}, "decimals"),
        ({"fee_pips": 1_000_000}, "fee_pips"),
        ({"swap_fee_wad": WAD}, "fee_pips"),
        ({"pow_version": "v3"}, "pow_version"),
    ],
)
def test_from_state_names_the_impossible_field(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        _pool(**change)
    assert caught.value.path == path
