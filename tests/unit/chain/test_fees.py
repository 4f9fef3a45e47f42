"""Fees stay under the cap and above the next base fee."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.chain.fees import GWEI, FeePolicy, choose_fees
from router.chain.head import Head
from router.errors import GuardRefused


def head(base_fee: int, gas_used: int = 15_000_000, gas_limit: int = 30_000_000) -> Head:
    return Head(1, "0x" + "00" * 32, 0, base_fee, gas_limit, gas_used, "0x" + "00" * 20, True)


def test_the_next_base_fee_follows_eip_1559() -> None:
    assert head(1_000).next_base_fee_wei == 1_000
    assert head(1_000, 30_000_000).next_base_fee_wei == 1_125
    assert head(1_000, 0).next_base_fee_wei == 875
    assert head(1, 30_000_000).next_base_fee_wei == 2
    assert head(0, 0).next_base_fee_wei == 0


def test_a_base_fee_above_the_cap_is_refused() -> None:
    with pytest.raises(GuardRefused, match="base fee is 30 gwei"):
        choose_fees(head(30 * GWEI), FeePolicy(max_fee=30 * GWEI, tip=1))


@given(st.integers(0, 1 << 60), st.integers(0, 1 << 60), st.integers(0, 1 << 40))
def test_fees_cover_the_next_block_and_never_exceed_the_cap(base: int, cap: int, tip: int) -> None:
    try:
        fees = choose_fees(head(base), FeePolicy(cap, tip))
    except GuardRefused:
        assert base + tip > cap
        return
    assert base + tip <= fees.max_fee <= cap
    assert fees.max_priority_fee == tip
