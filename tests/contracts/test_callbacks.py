"""Callbacks that nobody is waiting for: from accounts, from contracts, and from the real lenders."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode as abi_encode

from router.encoder import encode, execute_calldata
from router.program import Pull
from tests.contracts.chain import Reverted, calldata, selector
from tests.contracts.world import OWNER, STRANGER, World, own

PAYLOAD = b"hostile"
HONEST = 11
CALLBACKS: dict[str, tuple[Any, ...]] = {
    "onMorphoFlashLoan(uint256,bytes)": (1, PAYLOAD),
    "executeOperation(address,uint256,uint256,address,bytes)": (STRANGER, 1, 1, "executor", PAYLOAD),
    "executeOperation(address[],uint256[],uint256[],address,bytes)": ([], [], [], "executor", PAYLOAD),
    "receiveFlashLoan(address[],uint256[],uint256[],bytes)": ([], [], [], PAYLOAD),
    "uniswapV3FlashCallback(uint256,uint256,bytes)": (1, 1, PAYLOAD),
    "uniswapV3SwapCallback(int256,int256,bytes)": (1, -1, PAYLOAD),
    "pancakeV3FlashCallback(uint256,uint256,bytes)": (1, 1, PAYLOAD),
    "pancakeV3SwapCallback(int256,int256,bytes)": (1, -1, PAYLOAD),
}


def add_honest_lender(world: World, symbol: str) -> None:
    """In Morpho's place: one that passes a token's revert on unchanged."""
    lender = world.chain.create(own("HostileLender"), "(uint8)", HONEST)
    world.lenders["morpho_blue"] = lender
    world.mint(symbol, lender, 1000)


def callback(world: World, signature: str) -> bytes:
    args = (world.executor if arg == "executor" else arg for arg in CALLBACKS[signature])
    return calldata(signature, *args)


@pytest.mark.parametrize("signature", CALLBACKS)
@pytest.mark.parametrize("caller", [STRANGER, OWNER])
def test_callback_from_an_account_reverts(world: World, signature: str, caller: str) -> None:
    with world.errors.expects("UnexpectedCallback", caller=caller):
        world.chain.raw(world.executor, callback(world, signature), sender=caller)


@pytest.mark.parametrize("signature", CALLBACKS)
def test_callback_from_a_stranger_contract_reverts(world: World, signature: str) -> None:
    stranger = world.chain.create(own("PuppetAccount"))
    call = calldata("perform(address[],bytes[])", [world.executor], [callback(world, signature)])
    with world.errors.expects("UnexpectedCallback", caller=stranger):
        world.chain.raw(stranger, call)


@pytest.mark.parametrize("signature", CALLBACKS)
def test_callback_during_execution_by_a_token_reverts(world: World, signature: str) -> None:
    token = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = token
    world.mint("RE", OWNER, 1000)
    world.approve("RE", world.executor, 1000)
    data = callback(world, signature)
    world.chain.send(token, "arm(address,bytes,uint256)", world.executor, data, 0)
    program = world.program([world.bounds("RE", max_spent=100)], Pull(token, 100))
    with world.errors.expects("StepFailed", step=0, reason=("UnexpectedCallback", {"caller": token})):
        world.execute(program)


@pytest.mark.parametrize("signature", CALLBACKS)
def test_callback_by_the_lent_token_while_a_loan_is_due_reverts(world: World, signature: str) -> None:
    """The lender's transfer runs between arming and the callback."""
    token = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = token
    add_honest_lender(world, "RE")
    world.chain.send(token, "arm(address,bytes,uint256)", world.executor, callback(world, signature), 0)
    program = world.program([world.bounds("RE")], world.borrow("morpho_blue", RE=100))
    with world.errors.expects("StepFailed", step=0, reason=("UnexpectedCallback", {"caller": token})):
        world.execute(program)


# --- the real lenders, named by a stranger ---


def hostile_loans(world: World, data: bytes) -> dict[str, tuple[str, bytes]]:
    """Loans that a stranger asks for, to be sent to the executor where the lender allows naming it."""
    eth, executor = world.tokens["ETH"], world.executor
    return {
        "aave_v3": (
            world.lenders["aave_v3"],
            calldata("flashLoanSimple(address,address,uint256,bytes,uint16)", executor, eth, 1000, data, 0),
        ),
        "aave_v3_multi": (
            world.lenders["aave_v3"],
            calldata(
                "flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)",
                *(executor, [eth], [1000], [0], executor, data, 0),
            ),
        ),
        "balancer_v2": (
            world.vault,
            calldata("flashLoan(address,address[],uint256[],bytes)", executor, [eth], [1000], data),
        ),
    }


@pytest.mark.parametrize("kind", ["aave_v3", "aave_v3_multi", "balancer_v2"])
def test_loan_taken_by_a_stranger_for_the_executor_reverts(world: World, kind: str) -> None:
    """Also with a real program as its data, and with tokens lying in the executor."""
    program = encode(world.program([world.bounds("ETH", max_spent=100)], Pull(world.tokens["ETH"], 100)))
    world.mint("ETH", world.executor, 10**18)
    for data in (PAYLOAD, program, program + abi_encode(["uint256"], [0])):
        lender, call = hostile_loans(world, data)[kind]
        name = "UnexpectedCallback" if kind == "balancer_v2" else "UnexpectedInitiator"
        with world.errors.expects(name):
            world.chain.raw(lender, call, sender=STRANGER)
    assert world.balance("ETH", world.executor) == 10**18


@pytest.mark.parametrize("kind", ["aave_v3", "aave_v3_multi", "balancer_v2"])
def test_hostile_loan_while_another_is_due_reverts(world: World, kind: str) -> None:
    """The token that Morpho sends borrows in the executor's name."""
    token = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = token
    add_honest_lender(world, "RE")
    lender, call = hostile_loans(world, PAYLOAD)[kind]
    world.chain.send(token, "arm(address,bytes,uint256)", lender, call, 0)
    program = world.program([world.bounds("RE")], world.borrow("morpho_blue", RE=100))
    with pytest.raises(Reverted) as caught:
        world.execute(program)
    name, values = world.errors.decode(caught.value.data)
    assert (name, values["step"]) == ("StepFailed", 0)
    assert values["reason"][0] == ("UnexpectedCallback" if kind == "balancer_v2" else "UnexpectedInitiator")


def test_callback_selectors_are_the_protocols(world: World) -> None:
    """Each of them is in the executor's code, so a protocol that calls it is answered."""
    code = bytes(world.chain.evm.get_code(world.executor))
    for signature in CALLBACKS:
        assert selector(signature) in code
    assert len(execute_calldata(b"")) == 68
