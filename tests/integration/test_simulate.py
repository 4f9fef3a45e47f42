"""The in-process run has the receipt's gas, the replay's amounts, and the reasons of reverts in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from router.chain.broadcast import require_call
from router.chain.calls import Transaction, approve
from router.chain.executor import approvals, deployment, execute_transaction, executor_address
from router.chain.fork import Engine, Simulation, pull_limits, simulate
from router.chain.head import BLOCK_SECONDS, read_head
from router.chain.machine import BlockContext, Machine
from router.chain.results import simulation_file
from router.errors import ExecutionReverted, InputError, RpcFailure, SimulationMismatch
from router.program import AmountMode, Borrow, Deliver, Payer, Program, Pull, Recipient
from router.reverts import StepFailed
from tests.integration.sending import (
    Market,
    deliver_first,
    lender_of,
    payload_of,
    pull_first,
    read_market,
    send_raw,
)

USDC = 10**6


def run(market: Market, program: Program, **more: object) -> Simulation:
    arguments = {
        "owner": market.owner,
        "factory": market.factory,
        "payload": payload_of(program),
        "tokens": market.snapshot.tokens,
    }
    return simulate(market.node, market.net.rpc_url, **{**arguments, **more})


def send_all(market: Market, program: Program) -> list[int]:
    """Sends the same bundle for real; the gas of each receipt."""
    executor = executor_address(market.factory, market.owner)
    bundle = (
        *deployment(market.node, market.factory, market.owner),
        *approvals(market.node, market.owner, executor, pull_limits(program), symbols={}),
        execute_transaction(executor, payload_of(program)),
    )
    receipts = [send_raw(market, each) for each in bundle]
    assert [receipt["status"] for receipt in receipts] == ["0x1"] * len(bundle)
    return [int(receipt["gasUsed"], 16) for receipt in receipts]


def usdt(market: Market) -> Program:
    """A token whose transfer returns nothing."""
    token = market.net.token("USDT")
    kind = next(
        pool.kind
        for pool in market.snapshot.pools
        if {token, market.net.token("USDC")} <= set(pool.tokens) and pool.kind == "uniswap_v3"
    )
    steps = (Pull(token, 1_000 * USDC), market.swap(kind, "USDT", "USDC", mode=AmountMode.REMAINDER))
    return market.program(steps, {token: 1_000 * USDC})


def paid_by_owner_to_owner(market: Market) -> Program:
    swap = market.swap(
        "uniswap_v2", "USDC", "WETH", 1_000 * USDC, payer=Payer.OWNER, recipient=Recipient.OWNER
    )
    return market.program((swap,), {market.net.token("USDC"): 1_000 * USDC})


def weighted(market: Market) -> Program:
    pool = next(pool for pool in market.snapshot.pools if pool.kind == "balancer_v2_weighted")
    symbols = {address: token.symbol for address, token in market.snapshot.tokens.items()}
    held = max(pool.tokens, key=lambda token: market.balances[token] > 0)
    other = next(token for token in pool.tokens if token != held)
    amount = market.balances[held] // 100
    steps = (
        Pull(held, amount),
        market.swap("balancer_v2_weighted", symbols[held], symbols[other], mode=AmountMode.REMAINDER),
    )
    return market.program(steps, {held: amount})


def aave_multi(market: Market) -> Program:
    """Two tokens borrowed at once; one is sold, both are pulled to repay."""
    usdc, dai = market.net.token("USDC"), market.net.token("DAI")
    amounts = tuple(sorted(((usdc, 1_000 * USDC), (dai, 500 * 10**18))))
    steps = (
        Borrow("aave_v3_multi", lender_of(market, "aave_v3"), amounts),
        market.swap("uniswap_v3", "USDC", "WETH", 1_000 * USDC),
        Deliver(market.net.token("WETH")),
        Pull(usdc, None),
        Pull(dai, None),
    )
    return market.program(steps, {usdc: 1_010 * USDC, dai: 5 * 10**18})


def nested(market: Market) -> Program:
    """A Balancer loan inside a Morpho loan."""
    usdc, weth = market.net.token("USDC"), market.net.token("WETH")
    steps = (
        Borrow("morpho_blue", lender_of(market, "morpho_blue"), ((usdc, 1_000 * USDC),)),
        Borrow("balancer_v2", lender_of(market, "balancer_v2"), ((weth, 10**17),)),
        market.swap("uniswap_v3", "USDC", "WETH", 1_000 * USDC),
        Pull(usdc, None),
    )
    return market.program(steps, {usdc: 1_000 * USDC})


def flash(market: Market) -> Program:
    lender = next(lender for lender in market.snapshot.lenders if lender.kind == "uniswap_v3")
    usdc = market.net.token("USDC")
    lender = next(
        each for each in market.snapshot.lenders if each.kind == "uniswap_v3" and usdc in each.available
    )
    steps = (
        Borrow("uniswap_v3", lender.address, ((usdc, 1_000 * USDC),)),
        market.swap("uniswap_v2", "USDC", "WETH", 1_000 * USDC),
        Deliver(market.net.token("WETH")),
        Pull(usdc, None),
    )
    return market.program(steps, {usdc: 1_010 * USDC})


PROGRAMS: dict[str, Callable[[Market], Program]] = {
    "pull first": lambda market: pull_first(market, "USDC", 20_000 * USDC),
    "token without return value": usdt,
    "owner to pool to owner": paid_by_owner_to_owner,
    "weighted pool": weighted,
    "morpho": lambda market: deliver_first(market, "morpho_blue", "USDC", 5_000 * USDC),
    "aave": lambda market: deliver_first(market, "aave_v3", "USDC", 5_000 * USDC),
    "aave, two tokens": aave_multi,
    "balancer": lambda market: deliver_first(market, "balancer_v2", "USDC", 5_000 * USDC),
    "uniswap v3 flash": flash,
    "nested loans": nested,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_amounts_are_the_replays_and_gas_the_receipts(market: Market, name: str) -> None:
    program = PROGRAMS[name](market)
    simulation = run(market, program)
    outcome = simulation.require(market.outcome(program))
    assert simulation.left_over == ()
    node_side = run(market, program, engine=Engine.SIMULATE_V1)
    assert node_side.outcome == outcome
    assert [each.gas for each in node_side.transactions] == [each.gas for each in simulation.transactions]
    first = [each.gas for each in simulation.transactions]
    assert send_all(market, program) == first
    market = read_market(market.net)
    again = run(market, program)
    again.require(market.outcome(program))
    assert send_all(market, program) == [each.gas for each in again.transactions]


def test_the_bundle_runs_one_after_the_other_and_each_starts_cold(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    send_all(market, program)
    executor = executor_address(market.factory, market.owner)
    send_raw(market, approve(market.net.token("USDC"), "USDC", executor, 5))
    simulation = run(read_market(market.net), program)
    purposes = [each.purpose for each in simulation.transactions]
    assert purposes == ["revoke USDC", "approve USDC", "execute"]
    assert send_all(market, program) == [each.gas for each in simulation.transactions]


def test_an_older_block_is_simulated_as_it_was(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    number = market.net.block_number()
    before = run(market, program)
    send_all(market, pull_first(market, "USDC", 50_000 * USDC))
    after = run(market, program, block=number)
    assert after.outcome == before.outcome
    assert after.block_hash == before.block_hash
    assert run(market, program).outcome != before.outcome


def test_a_moved_pool_is_a_mismatch_that_names_token_and_amounts(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    weth = market.net.token("WETH")
    planned = market.outcome(program)
    pool = market.pool("uniswap_v2", "USDC", "WETH")
    market.net.trade(pool, market.net.token("USDC"), weth, 20_000 * USDC)
    simulation = run(market, program)
    with pytest.raises(SimulationMismatch) as caught:
        simulation.require(planned)
    assert simulation.outcome is not None
    for figure in (weth, planned.balance_changes[weth], simulation.outcome.balance_changes[weth]):
        assert str(figure) in str(caught.value)


def test_a_missing_approval_is_explained_down_to_the_step(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    send_all(market, program)
    simulation = run(market, program, prepare=False)
    assert simulation.revert is not None
    assert simulation.revert.step == 0
    assert "allowance is too low" in simulation.revert.message
    assert "[step 0: pull 1000 USDC from the owner]" in simulation.revert.message
    with pytest.raises(StepFailed):
        simulation.require_success()
    executor = executor_address(market.factory, market.owner)
    with pytest.raises(StepFailed, match="allowance is too low"):
        require_call(market.node, market.owner, execute_transaction(executor, payload_of(program)))
    found = simulation_file(simulation, market.outcome(program), tokens={}, prices={}, gas_planned=1)
    assert (found.equal, found.gas) == (False, None)
    assert found.revert is not None
    assert found.revert.name == "StepFailed"


def test_a_failing_approval_ends_the_bundle(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    market.net.rpc.call("anvil_setCode", market.net.token("USDC"), "0xfe")
    with pytest.raises((ExecutionReverted, RpcFailure)):
        run(market, program).require_success()


def test_an_expired_deadline_is_found(market: Market) -> None:
    program = dataclasses.replace(pull_first(market, "USDC", 1_000 * USDC), deadline=1)
    simulation = run(market, program)
    assert simulation.revert is not None
    assert simulation.revert.name == "DeadlinePassed"


def test_the_owner_may_have_delegated_its_code(market: Market) -> None:
    code = "0xef0100" + market.factory[2:]
    market.net.rpc.call("anvil_setCode", market.owner, code)
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = run(market, program)
    simulation.require(market.outcome(program))


@pytest.mark.parametrize(
    ("padding", "value"), [(b"", 0), (b"\xff" * 3_000, 0), (bytes(3_000), 0), (b"", 5)], ids=str
)
def test_plain_and_calldata_heavy_transactions_use_the_receipts_gas(
    market: Market, padding: bytes, value: int
) -> None:
    token, head = market.net.token("USDC"), read_head(market.node)
    spender = market.net.trader.address
    transaction = approve(token, "USDC", spender, 7)
    if value:
        transaction = Transaction("pay", spender, b"", value)
    transaction = dataclasses.replace(transaction, data=transaction.data + padding)
    context = BlockContext(
        market.net.chain_id, head.hash, head.number + 1, head.timestamp + BLOCK_SECONDS,
        head.next_base_fee_wei, head.coinbase, head.gas_limit, head.calldata_floor,
    )  # fmt: skip
    ran = Machine(market.net.rpc_url, context).run(market.owner, transaction)
    assert ran.gas == int(send_raw(market, transaction)["gasUsed"], 16)


def test_clearing_storage_needs_more_gas_at_its_peak_than_it_uses(market: Market) -> None:
    token, spender = market.net.token("USDC"), market.net.trader.address
    send_raw(market, approve(token, "USDC", spender, 7))
    head = read_head(market.node)
    context = BlockContext(
        market.net.chain_id, head.hash, head.number + 1, head.timestamp + BLOCK_SECONDS,
        head.next_base_fee_wei, head.coinbase, head.gas_limit, head.calldata_floor,
    )  # fmt: skip
    revoke = approve(token, "USDC", spender, 0)
    machine = Machine(market.net.rpc_url, context)
    ran = machine.run(market.owner, revoke)
    assert ran.gas < ran.peak_gas
    short = send_raw(market, revoke, gas=ran.gas)
    assert short["status"] == "0x0"
    receipt = send_raw(market, revoke, gas=ran.peak_gas * 120 // 100)
    assert (receipt["status"], int(receipt["gasUsed"], 16)) == ("0x1", ran.gas)


def test_a_block_that_does_not_exist_is_an_input_error(market: Market) -> None:
    with pytest.raises(InputError, match="no block"):
        run(market, pull_first(market, "USDC", USDC), block=10**9)


def test_a_node_that_is_gone_is_an_rpc_failure_without_its_address(market: Market) -> None:
    context = BlockContext(31337, "0x" + "ab" * 32, 2, 2, 0, "0x" + "00" * 20, 30_000_000, True)
    with pytest.raises(RpcFailure) as caught:
        Machine("http://127.0.0.1:9/v3/secret-key", context).view("0x" + "11" * 20, b"")
    assert "secret-key" not in str(caught.value)
    with pytest.raises(RpcFailure) as unknown:
        Machine(market.net.rpc_url, context).view("0x" + "11" * 20, b"")
    assert market.net.rpc_url not in str(unknown.value)


def test_results_become_the_documented_file(market: Market) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = run(market, program)
    found = simulation_file(
        simulation,
        market.outcome(program),
        tokens=market.snapshot.tokens,
        prices=market.snapshot.prices,
        gas_planned=300_000,
    )
    assert found.equal
    assert {row.symbol: row.found for row in found.amounts}["USDC"] == -1_000 * USDC
    assert all(row.numeraire is not None for row in found.balance_changes)
    assert found.model_dump(mode="json")["schema"] == "rebalance-simulation/1"
