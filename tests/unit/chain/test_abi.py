"""Calls are encoded and answers decoded as the ABI says."""

from __future__ import annotations

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from router.chain.abi import (
    BALANCE_OF,
    GET_POOL,
    GET_RESERVES,
    POOL_TOKENS,
    SLOT0,
    SYMBOL,
    TICK_BITMAP,
    TICKS,
)

TARGET = "0x" + "1" * 40
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


@given(addresses, addresses, st.integers(0, 2**24 - 1))
def test_addresses_and_numbers(first: str, second: str, fee: int) -> None:
    data = GET_POOL.call(TARGET, first, second, fee).data
    assert data[:4].hex() == "1698ee82"
    assert data[4:] == encode(["address", "address", "uint24"], [first, second, fee])


@given(st.integers(-(2**15), 2**15 - 1))
def test_signed_numbers(word: int) -> None:
    assert TICK_BITMAP.call(TARGET, word).data[4:] == encode(["int16"], [word])


@given(st.binary(min_size=32, max_size=32))
def test_bytes32(pool_id: bytes) -> None:
    assert POOL_TOKENS.call(TARGET, pool_id).data[4:] == encode(["bytes32"], [pool_id])


def test_answers_are_typed_and_short_ones_are_none() -> None:
    call = BALANCE_OF.call(TARGET, TARGET)
    assert call.decode(encode(["uint256"], [2**255])) == (2**255,)
    assert call.decode(b"\1" * 31) is None
    assert TICKS.call(TARGET, 0).decode(encode(["uint128", "int128", "uint256"], [1, -2, 3])) == (1, -2)
    assert GET_RESERVES.call(TARGET).decode(b"") is None
    assert SYMBOL.call(TARGET).decode(b"\0" * 32) is None


@given(st.sampled_from([("uint8", 2**8 - 1), ("uint32", 2**32 - 1)]), st.integers(-(2**23), 2**23 - 1))
def test_slot0_is_read_whatever_the_width_of_its_fee_protocol(field: tuple[str, int], tick: int) -> None:
    """Uniswap packs two protocol fees into 8 bits, PancakeSwap into 32."""
    kind, fee_protocol = field
    types = ["uint160", "int24", "uint16", "uint16", "uint16", kind, "bool"]
    answer = encode(types, [2**160 - 1, tick, 1, 2, 3, fee_protocol, True])
    assert SLOT0.call(TARGET).decode(answer) == (2**160 - 1, tick)


def test_calls_are_named_for_people() -> None:
    assert str(BALANCE_OF.call(TARGET, TARGET)) == f"balanceOf of {TARGET}"
