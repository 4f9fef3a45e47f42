"""One executor per owner, at an address that only factory and owner determine."""

from __future__ import annotations

from eth_utils.crypto import keccak

from tests.contracts.world import NOBODY, OWNER, STRANGER, World, own

RUNTIME_LIMIT = 24_576
"""EIP-170."""


def test_executor_of_predicts_what_deploy_creates(world: World) -> None:
    predicted = world.chain.read(world.factory, "executorOf(address)", STRANGER, returns="(address)")
    assert not bytes(world.chain.evm.get_code(predicted) or b"").strip(b"\0")
    deployed = world.chain.send(world.factory, "deploy(address)", STRANGER, returns="(address)")
    assert deployed == predicted
    assert world.chain.read(deployed, "OWNER()", returns="(address)") == STRANGER
    assert (
        world.chain.read(world.factory, "executorOf(address)", OWNER, returns="(address)") == world.executor
    )


def test_address_is_create2_of_the_creation_code_and_owner(world: World) -> None:
    code = bytes.fromhex(own("RebalanceExecutor").bytecode) + bytes(12) + bytes.fromhex(STRANGER[2:])
    packed = b"\xff" + bytes.fromhex(world.factory[2:]) + bytes(32) + keccak(code)
    expected = "0x" + keccak(packed)[12:].hex()
    assert world.chain.read(world.factory, "executorOf(address)", STRANGER, returns="(address)") == expected


def test_second_deploy_for_the_same_owner_reverts(world: World) -> None:
    with world.errors.expects("ExecutorExists", owner=OWNER, executor=world.executor):
        world.chain.send(world.factory, "deploy(address)", OWNER)


def test_owner_zero_is_refused(world: World) -> None:
    with world.errors.expects("ZeroOwner"):
        world.chain.send(world.factory, "deploy(address)", NOBODY)


def test_contracts_fit_the_size_limit(world: World) -> None:
    for address in (world.executor, world.factory):
        assert len(bytes(world.chain.evm.get_code(address))) <= RUNTIME_LIMIT
