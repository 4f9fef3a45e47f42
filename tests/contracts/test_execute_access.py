"""Who may run a program, when, and how often."""

from __future__ import annotations

import pytest

from router.encoder import encode, execute_calldata
from router.program import Pull
from tests.contracts.chain import BLOCK_NUMBER, TIMESTAMP, calldata, selector
from tests.contracts.steps import FROM_OWNER, TO_OWNER, swap
from tests.contracts.world import MAX_U128, OWNER, STRANGER, World, own


def trade(world: World, amount: int = 10**18, **head: int):
    return world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD", min_received=1)],
        swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER, **TO_OWNER),
        **head,
    )


@pytest.mark.parametrize("function", ["execute", "rescue"])
def test_only_the_owner_calls(world: World, function: str) -> None:
    data = {
        "execute": execute_calldata(encode(trade(world))),
        "rescue": calldata("rescue(address)", world.tokens["ETH"]),
    }[function]
    stranger = world.chain.create(own("PuppetAccount"))
    before = world.balances()
    with world.errors.expects("NotOwner", caller=STRANGER):
        world.chain.raw(world.executor, data, sender=STRANGER)
    with world.errors.expects("NotOwner", caller=stranger):
        perform(world, stranger, (world.executor, data))
    assert world.balances() == before


def test_owner_is_the_one_the_factory_was_given(world: World) -> None:
    assert world.chain.read(world.executor, "OWNER()", returns="(address)") == OWNER


def test_deadline_is_the_last_second_that_passes(world: World) -> None:
    program = trade(world, deadline=TIMESTAMP)
    world.chain.at(timestamp=TIMESTAMP + 1)
    with world.errors.expects("DeadlinePassed", deadline=TIMESTAMP, timestamp=TIMESTAMP + 1):
        world.execute(program)
    world.chain.at(timestamp=TIMESTAMP)
    world.run(program)


@pytest.mark.parametrize(
    ("first", "last", "runs"),
    [
        (0, 0, True),
        (BLOCK_NUMBER, BLOCK_NUMBER, True),
        (BLOCK_NUMBER + 1, 0, False),
        (0, BLOCK_NUMBER - 1, False),
        (0, BLOCK_NUMBER, True),
    ],
)
def test_block_window_includes_both_ends(world: World, first: int, last: int, runs: bool) -> None:
    program = trade(world, first_block=first, last_block=last)
    if runs:
        world.run(program)
        return
    with world.errors.expects(
        "OutsideBlockWindow", blockNumber=BLOCK_NUMBER, firstBlock=first, lastBlock=last
    ):
        world.execute(program)


def test_rebalanced_carries_the_hash_of_the_program(world: World) -> None:
    from eth_utils.crypto import keccak

    program = trade(world)
    world.execute(program)
    event = world.chain.logs[-1]
    topics = [str(topic).removeprefix("0x") for topic in event.topics]
    assert topics == [keccak(text="Rebalanced(bytes32,int256)").hex(), keccak(encode(program)).hex()]


def test_program_without_steps_does_nothing(world: World) -> None:
    assert world.run(world.program([])) == {}


# --- a contract as owner ---


@pytest.fixture
def puppet(world: World) -> str:
    """A contract that owns an executor of its own, put in the place of the world's."""
    account = world.chain.create(own("PuppetAccount"))
    world.executor = world.chain.send(world.factory, "deploy(address)", account, returns="(address)")
    for symbol in world.tokens:
        world.mint(symbol, account, world.raw(symbol, 10**5))
        approve = calldata("approve(address,uint256)", world.executor, MAX_U128)
        perform(world, account, (world.tokens[symbol], approve))
    return account


def perform(world: World, account: str, *calls: tuple[str, bytes]) -> None:
    world.chain.send(
        account, "perform(address[],bytes[])", [to for to, _ in calls], [data for _, data in calls]
    )


def test_two_programs_in_one_transaction_do_not_see_each_other(world: World, puppet: str) -> None:
    amount = world.raw("ETH", 100)
    payload = encode(
        world.program(
            [world.bounds("ETH", max_spent=amount), world.bounds("USD", min_received=1)],
            world.borrow("aave_v3", USD=world.raw("USD", 1000)),
            Pull(world.tokens["ETH"], amount),
            swap(world, "uniswap_v3", "ETH", "USD", amount),
        )
    )
    before = world.balance("ETH", puppet)
    call = (world.executor, execute_calldata(payload))
    perform(world, puppet, call, call)
    assert world.balance("ETH", puppet) == before - 2 * amount
    world.require_clean()


def test_second_program_in_the_transaction_starts_with_an_empty_ledger(world: World, puppet: str) -> None:
    eth = world.tokens["ETH"]
    bounds = [world.bounds("ETH", max_spent=100), world.bounds("USD")]
    first = encode(world.program(bounds, Pull(eth, 100)))
    second = encode(world.program(bounds, swap(world, "uniswap_v2", "ETH", "USD", 100)))
    calls = [(world.executor, execute_calldata(payload)) for payload in (first, second)]
    with world.errors.expects("LedgerTooLow", step=0, held=0):
        perform(world, puppet, *calls)


@pytest.mark.parametrize("function", ["execute", "rescue"])
def test_token_that_reenters_through_the_owner_is_refused(world: World, puppet: str, function: str) -> None:
    token = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = token
    world.mint("RE", puppet, 1000)
    perform(world, puppet, (token, calldata("approve(address,uint256)", world.executor, 1000)))
    program = encode(world.program([world.bounds("RE", max_spent=100)], Pull(token, 100)))
    again = {
        "execute": execute_calldata(program),
        "rescue": calldata("rescue(address)", token),
    }[function]
    inner = calldata("perform(address[],bytes[])", [world.executor], [again])
    world.chain.send(token, "arm(address,bytes,uint256)", puppet, inner, 0)
    with world.errors.expects("StepFailed", step=0, reason=("Reentered", {})):
        perform(world, puppet, (world.executor, execute_calldata(program)))


def test_executor_takes_no_ether_and_knows_no_other_function(world: World) -> None:
    for data in (b"", selector("transfer(address,uint256)") + bytes(64), b"\x00\x00\x00\x00"):
        with pytest.raises(Exception, match="Revert"):
            world.chain.raw(world.executor, data, sender=OWNER)
