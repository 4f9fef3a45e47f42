"""Revert bytes become words, whoever wrote them."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from router.chain.revert_reasons import explain, explain_halt, reverted
from router.errors import ExecutionReverted
from router.reverts import InsufficientReceived, PayoutFailed, StepFailed

TOKEN = "0x" + "ab" * 20


def error_string(text: str) -> bytes:
    return bytes.fromhex("08c379a0") + encode(["string"], [text])


def custom(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode([kind for kind in types if kind], values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LOK", "locked"),
        ("IIA", "paid too little"),
        ("AS", "amount specified is zero"),
        ("SPL", "price limit"),
        ("UniswapV2: K", "too little was paid in"),
        ("BAL#304", "more than 30%"),
        ("BAL#400", "re-enters"),
        ("BAL#528", "holds less than is borrowed"),
        ("26", "Aave: the amount is zero"),
        ("91", "flash loans of this reserve are disabled"),
        ("zero assets", "Morpho"),
        ("Blacklistable: account is blacklisted", "issuer has frozen"),
        ("ERC20: transfer amount exceeds allowance", "allowance is too low"),
    ],
)
def test_short_strings_of_protocols_are_put_in_words(text: str, words: str) -> None:
    reason = explain(error_string(text))
    assert reason.name == "Error"
    assert reason.message.startswith(text)
    assert words in reason.message


def test_an_unlisted_balancer_code_is_shown_as_it_is() -> None:
    assert explain(error_string("BAL#999")).message == "BAL#999"
    assert explain(error_string("BAL#")).message == "BAL#"


def test_panics_say_what_they_mean() -> None:
    reason = explain(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]))
    assert (reason.name, reason.arguments) == ("Panic", {"code": 0x11})
    assert "overflow" in reason.message


def test_custom_errors_of_tokens_keep_their_arguments() -> None:
    data = custom("ERC20InsufficientBalance(address,uint256,uint256)", TOKEN, 5, 7)
    reason = explain(data)
    assert reason.name == "ERC20InsufficientBalance"
    assert reason.arguments == {"sender": TOKEN, "balance": 5, "needed": 7}


def test_two_errors_of_one_name_are_told_apart_by_their_arguments() -> None:
    assert explain(custom("InsufficientAllowance()")).arguments == {}
    assert explain(custom("InsufficientAllowance(uint256)", 9)).arguments == {"amount": 9}


def test_nested_failures_are_followed_to_their_cause() -> None:
    inner = StepFailed(4, error_string("BAL#507")).data
    reason = explain(StepFailed(2, inner).data)
    assert reason.message.startswith("step 2 failed: step 4 failed: BAL#507")
    assert reason.cause is not None
    assert reason.cause.cause is not None
    assert reason.cause.cause.message == "BAL#507 (Balancer: the swap breaks its limit)"


def test_a_step_is_described_where_the_program_is_known() -> None:
    steps = ("pull USDC", "swap USDC for WETH")
    reason = explain(StepFailed(1, b"").data, lambda step: steps[step])
    assert reason.step == 1
    assert reason.message == "step 1 failed: it reverted without a reason [step 1: swap USDC for WETH]"
    beyond = explain(StepFailed(9, b"").data, lambda step: steps[step])
    assert beyond.message.endswith("[step 9: not in the program]")


def test_endless_nesting_ends() -> None:
    data = b""
    for _ in range(40):
        data = StepFailed(0, data).data
    assert explain(data).name == "StepFailed"


def test_unknown_selectors_are_shown_as_hex() -> None:
    assert explain(bytes.fromhex("deadbeef01")).message == "unknown error 0xdeadbeef01"


def test_no_data_and_halts_have_words() -> None:
    assert explain(b"").message == "it reverted without a reason"
    assert explain_halt("OutOfGas(Basic)").message == "the EVM stopped: OutOfGas(Basic)"


def test_the_exception_is_the_executors_own_class() -> None:
    error = reverted(InsufficientReceived(TOKEN, 1, 2).data)
    assert isinstance(error, InsufficientReceived)
    assert error.figures["min_received"] == 2
    assert type(reverted(error_string("LOK"))) is ExecutionReverted
    assert "re-enters" in reverted(error_string("LOK")).reason


def test_control_characters_of_a_hostile_token_are_not_printed() -> None:
    assert explain(error_string("bad\x1b[2J\n")).message == "bad?[2J?"


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: bytes.fromhex("08c379a0") + tail))
def test_any_bytes_are_explained(data: bytes) -> None:
    assert explain(data).message
    assert explain(StepFailed(0, data).data).message


def test_explain_a_failed_payout_names_token_and_cause() -> None:
    reason = explain(PayoutFailed(TOKEN, error_string("paused")).data)
    assert reason.message.startswith(f"paying out {TOKEN} failed: ")
    assert reason.cause is not None
    assert "paused" in reason.cause.message
