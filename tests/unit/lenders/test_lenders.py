"""Common tests over every lender of the registry, then each lender's own rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.fixed_point import MAX_U128
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.registry import LENDER_KINDS, lender_from_state
from router.lenders.uniswap_v3 import UniswapV3Flash
from router.wire import LOANS

A, B, HOME, ELSEWHERE = ("0x" + digit * 40 for digit in "abcd")
AVAILABLE = {A: 10**18, B: 5}
LENDERS = (
    MorphoBlue(HOME, AVAILABLE),
    AaveV3(HOME, AVAILABLE, 5, Rounding.HALF_UP),
    AaveV3(HOME, AVAILABLE, 9, Rounding.UP),
    BalancerV2(HOME, AVAILABLE, 10**15),
    UniswapV3Flash(HOME, (A, B), AVAILABLE, 500),
)
amounts = st.integers(0, MAX_U128)


class FakePool:
    """Only what `blocks` reads."""

    def __init__(self, kind: str, address: str) -> None:
        self.kind, self.address = kind, address


def test_every_registered_lender_is_covered_here():
    assert {lender.kind for lender in LENDERS} == set(LENDER_KINDS)


@pytest.mark.parametrize("lender", LENDERS, ids=repr)
def test_state_round_trip(lender):
    assert lender_from_state(lender.to_state()) == lender


@pytest.mark.parametrize("lender", LENDERS, ids=repr)
def test_loan_kind_has_a_wire_form_for_every_token_count(lender):
    for count in range(1, lender.max_tokens + 1):
        assert LOANS[lender.loan_kind(count)].max_tokens >= count


@pytest.mark.parametrize("lender", LENDERS, ids=repr)
def test_gas_grows_with_tokens(lender):
    assert 0 < lender.gas(1) < lender.gas(2)


@pytest.mark.parametrize("lender", LENDERS, ids=repr)
@given(first=amounts, second=amounts)
def test_premium_is_never_negative_and_never_falls(lender, first, second):
    low, high = sorted((first, second))
    assert 0 <= lender.premium(A, low) <= lender.premium(A, high)


def test_unknown_kind_suggests_the_nearest():
    with pytest.raises(InputError) as caught:
        lender_from_state({"kind": "aave_v2"})
    assert caught.value.nearest == "aave_v3"


@given(amounts)
def test_morpho_is_free(amount):
    assert MorphoBlue(HOME, AVAILABLE).premium(A, amount) == 0


@pytest.mark.parametrize(
    ("amount", "half_up", "up"),
    [
        (0, 0, 0),
        (1, 0, 1),
        (999, 0, 1),
        (1000, 1, 1),
        (1001, 1, 1),
        (2000, 1, 1),
        (2001, 1, 2),
        (10**18, 5 * 10**14, 5 * 10**14),
    ],
)
def test_aave_premium_rounds_as_its_version(amount, half_up, up):
    assert AaveV3(HOME, {}, 5, Rounding.HALF_UP).premium(A, amount) == half_up
    assert AaveV3(HOME, {}, 5, Rounding.UP).premium(A, amount) == up


def test_aave_takes_the_simple_entry_for_one_token_only():
    lender = LENDERS[1]
    assert [lender.loan_kind(count) for count in (1, 2, 3)] == ["aave_v3", "aave_v3_multi", "aave_v3_multi"]


@pytest.mark.parametrize(
    ("amount", "fee_wad", "premium"),
    [(0, 10**16, 0), (1, 10**16, 1), (100, 10**16, 1), (101, 10**16, 2), (10**18, 0, 0)],
)
def test_balancer_premium_rounds_up(amount, fee_wad, premium):
    assert BalancerV2(HOME, {}, fee_wad).premium(A, amount) == premium


@pytest.mark.parametrize(("amount", "premium"), [(0, 0), (1, 1), (2000, 1), (2001, 2), (10**18, 5 * 10**14)])
def test_uniswap_v3_premium_rounds_up(amount, premium):
    assert UniswapV3Flash(HOME, (A, B), {}, 500).premium(A, amount) == premium


@pytest.mark.parametrize(
    ("kind", "address", "blockers"),
    [
        ("uniswap_v2", ELSEWHERE, set()),
        ("uniswap_v3", HOME, {"uniswap_v3"}),
        ("uniswap_v3", ELSEWHERE, set()),
        ("balancer_v2_weighted", ELSEWHERE, {"balancer_v2"}),
        ("balancer_v2_stable", ELSEWHERE, {"balancer_v2"}),
    ],
)
def test_blocks_the_pools_behind_the_same_lock(kind, address, blockers):
    pool = FakePool(kind, address)
    assert {lender.kind for lender in LENDERS if lender.blocks(pool)} == blockers


def test_lenders_with_a_lock_are_not_reentrant():
    assert {lender.kind for lender in LENDERS if not lender.reentrant} == {"balancer_v2", "uniswap_v3"}
