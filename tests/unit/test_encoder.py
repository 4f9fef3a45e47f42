from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.encoder import MalformedPayload, decode, encode, execute_calldata, payload_from_calldata
from router.fixed_point import MAX_U40, MAX_U128, SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Swap,
    TokenBounds,
)
from router.wire import SWAPS, EncodingError
from tests.strategies_program import programs

A, B, C = ("0x" + digit * 40 for digit in "abc")
POOL, OTHER_POOL, VAULT = ("0x" + digit * 40 for digit in "123")
POOL_ID = POOL + "0" * 24
BOUNDS = tuple(TokenBounds(token) for token in (A, B, C))
HEAD_BYTES, TOKEN_BYTES = 49, 74

V2 = Swap("uniswap_v2", POOL, A, B, AmountMode.LITERAL, 5, fee_pips=3000)
V3 = Swap("uniswap_v3", POOL, A, B, AmountMode.LITERAL, 5)
WEIGHTED = Swap("balancer_v2_weighted", POOL, A, B, AmountMode.LITERAL, 5, vault=VAULT, pool_id=POOL_ID)
PREPAID = Swap("uniswap_v2", OTHER_POOL, B, C, AmountMode.REMAINDER, payer=Payer.PREPAID, fee_pips=3000)


def program(*steps, **fields) -> Program:
    return Program(**{"deadline": 1, "min_value_change_e36": 0, "tokens": BOUNDS, "steps": steps} | fields)


@given(programs())
def test_decode_inverts_encode(legal):
    assert decode(encode(legal)) == legal


@given(programs(), st.data())
def test_decode_of_mutated_bytes_is_a_program_of_those_bytes_or_malformed(legal, data):
    payload = bytearray(encode(legal))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(payload)) | st.just(len(payload)))
    damaged = bytes(payload[:end])
    try:
        decoded = decode(damaged)
    except MalformedPayload:
        return
    assert encode(decoded) == damaged


@given(st.binary(max_size=400))
def test_decode_of_arbitrary_bytes_is_a_program_of_those_bytes_or_malformed(payload):
    try:
        decoded = decode(payload)
    except MalformedPayload:
        return
    assert encode(decoded) == payload


@given(st.binary(max_size=200))
def test_calldata_round_trip(payload):
    assert payload_from_calldata(execute_calldata(payload)) == payload


def test_calldata_is_what_web3_encodes():
    from eth_abi.abi import encode as abi_encode
    from eth_utils.crypto import keccak

    payload = bytes(range(37))
    assert execute_calldata(payload) == keccak(text="execute(bytes)")[:4] + abi_encode(["bytes"], [payload])


@pytest.mark.parametrize(
    "calldata",
    [
        b"",
        b"\x00" * 68,
        execute_calldata(b"abc")[:-1],
        execute_calldata(b"abc") + b"\x00",
        execute_calldata(b"abc")[:-1] + b"\x01",
        execute_calldata(b"")[:36] + b"\xff" * 32,
    ],
)
def test_payload_from_calldata_refuses_other_forms(calldata):
    with pytest.raises(MalformedPayload):
        payload_from_calldata(calldata)


def test_sizes_of_every_part():
    def size(*steps):
        return len(encode(program(*steps))) - HEAD_BYTES - 3 * TOKEN_BYTES

    assert size() == 0
    assert size(Pull(A, 1)) == 18
    assert size(Pull(A, None)) == 2
    assert size(Deliver(A)) == 2
    assert size(Check()) == 1
    assert size(Borrow("aave_v3_multi", VAULT, ((A, 1), (B, 2)))) == 22 + 2 * 17
    assert size(V2) == 20 + 20 + 3
    assert size(V3) == 20 + 20
    assert size(WEIGHTED) == 20 + 20 + 32


def test_weighted_swap_calls_the_vault_and_names_the_pool_by_its_id():
    payload = encode(program(WEIGHTED))
    assert payload[-52:-32].hex() == VAULT[2:]
    assert payload[-32:].hex() == POOL_ID[2:]


def test_route_bits():
    payload = encode(program(replace(V3, payer=Payer.OWNER, recipient=Recipient.NEXT_POOL), PREPAID))
    start = HEAD_BYTES + 3 * TOKEN_BYTES
    assert payload[start : start + 2] == bytes((SWAPS["uniswap_v3"].code, 0b00_10_01))
    assert payload[start + 40 : start + 42] == bytes((SWAPS["uniswap_v2"].code, 0b10_00_10))


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (program(deadline=MAX_U40 + 1), "deadline"),
        (program(deadline=-1), "deadline"),
        (program(first_block=MAX_U40 + 1), "first_block"),
        (program(first_block=9, last_block=8), "last_block"),
        (program(min_value_change_e36=1 << 255), "min_value_change_e36"),
        (program(tokens=tuple(TokenBounds(f"0x{n:040x}") for n in range(256))), "tokens"),
        (program(tokens=(BOUNDS[0], BOUNDS[0])), "tokens[1].token"),
        (program(tokens=(TokenBounds(A.upper()),)), "tokens[0].token"),
        (program(tokens=(TokenBounds(A, max_spent=MAX_U128 + 1),)), "tokens[0].max_spent"),
        (program(tokens=(TokenBounds(A, min_received=-1),)), "tokens[0].min_received"),
        (program(tokens=(TokenBounds(A, price_e36=MAX_U128 + 1),)), "tokens[0].price_e36"),
        (program(tokens=(TokenBounds(A, max_weight_pips=1_000_001),)), "tokens[0].max_weight_pips"),
        (
            program(tokens=(TokenBounds(A, min_weight_pips=3, max_weight_pips=2),)),
            "tokens[0].min_weight_pips",
        ),
        (program(Pull(POOL, 1)), "steps[0].token"),
        (program(Check(), Pull(A, MAX_U128 + 1)), "steps[1].amount"),
        (program(Deliver(POOL)), "steps[0].token"),
        (program(Borrow("aave", VAULT, ((A, 1),))), "steps[0].kind"),
        (program(Borrow("aave_v3", "", ((A, 1),))), "steps[0].lender"),
        (program(Borrow("aave_v3", VAULT, ())), "steps[0].amounts"),
        (program(Borrow("aave_v3", VAULT, ((A, 1), (B, 1)))), "steps[0].amounts"),
        (program(Borrow("morpho_blue", VAULT, ((A, 1), (B, 1)))), "steps[0].amounts"),
        (program(Borrow("uniswap_v3", VAULT, ((A, 1), (B, 1), (C, 1)))), "steps[0].amounts"),
        (program(Borrow("balancer_v2", VAULT, ((B, 1), (A, 1)))), "steps[0].amounts[1]"),
        (program(Borrow("balancer_v2", VAULT, ((A, 1), (A, 1)))), "steps[0].amounts[1]"),
        (program(Borrow("balancer_v2", VAULT, ((A, 0),))), "steps[0].amounts[0]"),
        (program(replace(V2, kind="uniswap")), "steps[0].kind"),
        (program(replace(V2, pool="")), "steps[0].pool"),
        (program(replace(V2, token_in=POOL)), "steps[0].token_in"),
        (program(replace(V2, token_out=POOL)), "steps[0].token_out"),
        (program(replace(V2, token_out=A)), "steps[0].token_out"),
        (program(replace(V2, fee_pips=10**6)), "steps[0].fee_pips"),
        (program(replace(V3, fee_pips=1)), "steps[0].fee_pips"),
        (program(replace(V2, vault=VAULT)), "steps[0].vault"),
        (program(replace(V2, pool_id=POOL_ID)), "steps[0].pool_id"),
        (program(replace(WEIGHTED, vault="")), "steps[0].vault"),
        (program(replace(WEIGHTED, pool_id=POOL)), "steps[0].pool_id"),
        (program(replace(WEIGHTED, pool_id=OTHER_POOL + "0" * 24)), "steps[0].pool_id"),
        (program(replace(V2, amount=MAX_U128 + 1)), "steps[0].amount"),
        (program(replace(V2, mode=AmountMode.SHARE, amount=SHARE_ONE + 1)), "steps[0].amount"),
        (program(replace(V2, mode=AmountMode.REMAINDER)), "steps[0].amount"),
        (program(replace(V2, mode=AmountMode.SHARE, payer=Payer.OWNER)), "steps[0].payer"),
        (program(PREPAID), "steps[0].payer"),
        (program(V2, PREPAID), "steps[1].payer"),
        (program(replace(V2, recipient=Recipient.NEXT_POOL)), "steps[0].recipient"),
        (program(replace(V2, recipient=Recipient.NEXT_POOL), V2), "steps[0].recipient"),
        (program(replace(V2, token_out=C, recipient=Recipient.NEXT_POOL), PREPAID), "steps[0].recipient"),
        (
            program(replace(V2, recipient=Recipient.NEXT_POOL), replace(PREPAID, pool=POOL)),
            "steps[0].recipient",
        ),
        (
            program(replace(V2, recipient=Recipient.NEXT_POOL), replace(PREPAID, mode=AmountMode.LITERAL)),
            "steps[1].mode",
        ),
        (
            program(
                replace(V2, recipient=Recipient.NEXT_POOL), replace(PREPAID, kind="uniswap_v3", fee_pips=0)
            ),
            "steps[1].payer",
        ),
    ],
)
def test_encode_names_the_field_it_refuses(broken, field):
    with pytest.raises(EncodingError) as caught:
        encode(broken)
    assert caught.value.path.startswith(field)


def test_unknown_kind_suggests_the_nearest():
    with pytest.raises(EncodingError) as caught:
        encode(program(replace(V2, kind="uniswap_v4")))
    assert caught.value.nearest in SWAPS


@pytest.mark.parametrize(
    ("payload", "offset"),
    [
        (b"", 0),
        (b"\x02" + bytes(48), 0),
        (b"\x01" + bytes(47), 48),
        (b"\x01" + bytes(47) + b"\x01", 49),
        (b"\x01" + bytes(48) + b"\x05", 49),
        (b"\x01" + bytes(48) + b"\x03\x00", 50),
        (encode(program(Check())) + b"\x01\x00", HEAD_BYTES + 3 * TOKEN_BYTES + 3),
        (encode(program(Check())) + b"\x20\x80", HEAD_BYTES + 3 * TOKEN_BYTES + 2),
    ],
)
def test_decode_says_where_the_bytes_go_wrong(payload, offset):
    with pytest.raises(MalformedPayload) as caught:
        decode(payload)
    assert caught.value.offset == offset


def test_decode_applies_the_rules_of_encode():
    start = HEAD_BYTES + 3 * TOKEN_BYTES
    payload = bytearray(encode(program(V2)))
    payload[start + 3] = payload[start + 2]
    with pytest.raises(MalformedPayload, match=r"steps\[0\].token_out") as caught:
        decode(bytes(payload))
    assert caught.value.offset == start
