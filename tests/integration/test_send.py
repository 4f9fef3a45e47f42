"""Sending on a real chain, from simulation to verification, and every way it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from router.chain.broadcast import Sending
from router.chain.executor import executor_address
from router.chain.fees import GWEI, FeePolicy
from router.chain.fork import Simulation, simulate
from router.chain.journal import Journal, Status
from router.chain.rpc import RpcClient
from router.chain.sender import SendOptions, Sent, send_payload
from router.chain.signer import KeySigner
from router.errors import (
    ChainIdMismatch,
    ExecutionReverted,
    GuardRefused,
    InconsistentAnswer,
    RpcFailure,
    SimulationMismatch,
    StaleSimulation,
)
from router.localnet import Localnet
from router.program import Program
from router.reverts import InsufficientReceived
from tests.integration.sending import Market, deliver_first, payload_of, pull_first, read_market

USDC = 10**6


@pytest.fixture
def market(fresh_chain: Localnet) -> Market:
    return read_market(fresh_chain)


def signer_of(market: Market) -> KeySigner:
    return KeySigner.from_key(bytes.fromhex(market.net.owner.private_key[2:]))


def options_of(folder: Path, **more: object) -> SendOptions:
    sending = Sending(receipt_timeout_seconds=10, poll_seconds=0.01)
    return SendOptions(**{"state_folder": folder, "sending": sending, **more})


def simulated(market: Market, program: Program) -> Simulation:
    return simulate(
        market.node,
        market.net.rpc_url,
        owner=market.owner,
        factory=market.factory,
        payload=payload_of(program),
        tokens=market.snapshot.tokens,
    )


def sent(
    market: Market,
    program: Program,
    folder: Path,
    *,
    node: RpcClient | None = None,
    simulation: Simulation | None = None,
    chain_id: int | None = None,
    **more: object,
) -> Sent:
    return send_payload(
        node or market.node,
        market.net.rpc_url,
        signer_of(market),
        payload_of(program),
        chain_id=chain_id or market.net.chain_id,
        expected=market.outcome(program),
        factory=market.factory,
        simulation=simulation,
        tokens=market.snapshot.tokens,
        options=options_of(folder, **more),
    )


def balances(market: Market) -> dict[str, int]:
    return {token: market.net.balance_of(token, market.owner) for token in market.snapshot.tokens}


def nonce(market: Market) -> int:
    return int(market.net.rpc.call("eth_getTransactionCount", market.owner, "latest"), 16)


def journal_of(market: Market, folder: Path) -> Journal:
    return Journal(next(folder.glob(f"sent-{market.net.chain_id}-*-{market.owner}.json")))


def with_min_received(market: Market, program: Program, symbol: str, amount: int) -> Program:
    token = market.net.token(symbol)
    return dataclasses.replace(
        program,
        tokens=tuple(
            dataclasses.replace(bounds, min_received=amount) if bounds.token == token else bounds
            for bounds in program.tokens
        ),
    )


def test_pull_first_lands_as_planned_and_leaves_nothing(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 20_000 * USDC)
    simulation = simulated(market, program)
    result = sent(market, program, tmp_path, simulation=simulation)
    assert [each.purpose for each in result.receipts] == ["deploy executor", "approve USDC", "execute"]
    assert result.verified, result.checks
    assert dataclasses.replace(result.outcome, gas=None) == market.outcome(program)
    assert [each.gas_used for each in result.receipts] == [each.gas for each in simulation.transactions]


def test_deliver_first_lands_and_takes_back_the_rest_of_the_approval(market: Market, tmp_path: Path) -> None:
    program = deliver_first(market, "morpho_blue", "USDC", 20_000 * USDC)
    result = sent(market, program, tmp_path, simulation=simulated(market, program))
    assert [each.purpose for each in result.receipts][-2:] == ["execute", "revoke USDC"]
    assert result.verified, result.checks
    assert result.simulation is not None
    assert result.simulation.outcome == result.outcome


def test_it_refuses_without_a_simulation(market: Market, tmp_path: Path) -> None:
    before = nonce(market)
    with pytest.raises(StaleSimulation, match="not been simulated"):
        sent(market, pull_first(market, "USDC", USDC), tmp_path)
    assert nonce(market) == before


def test_it_refuses_a_simulation_that_is_too_old(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    market.net.mine(6)
    with pytest.raises(StaleSimulation, match="6 blocks ago"):
        sent(market, program, tmp_path, simulation=simulation)


def test_it_refuses_a_simulation_of_another_payload(market: Market, tmp_path: Path) -> None:
    simulation = simulated(market, pull_first(market, "USDC", 1_000 * USDC))
    with pytest.raises(StaleSimulation, match="another payload"):
        sent(market, pull_first(market, "USDC", 1_001 * USDC), tmp_path, simulation=simulation)


def test_it_refuses_a_simulation_of_a_block_that_left_the_chain(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = dataclasses.replace(simulated(market, program), block_hash="0x" + "ab" * 32)
    with pytest.raises(StaleSimulation, match="no longer in the chain"):
        sent(market, program, tmp_path, simulation=simulation)


def move_pool(market: Market) -> None:
    pool = market.pool("uniswap_v2", "USDC", "WETH")
    market.net.trade(pool, market.net.token("USDC"), market.net.token("WETH"), 50_000 * USDC)


def test_it_refuses_when_the_state_has_moved_since_the_simulation(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 10_000 * USDC)
    simulation = simulated(market, program)
    move_pool(market)
    before = nonce(market)
    with pytest.raises(SimulationMismatch, match="balance change of 0x"):
        sent(market, program, tmp_path, simulation=simulation, max_age_blocks=50)
    assert nonce(market) == before


def test_it_accepts_what_the_bounds_accept_when_not_exact(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 10_000 * USDC)
    simulation = simulated(market, program)
    move_pool(market)
    result = sent(market, program, tmp_path, simulation=simulation, max_age_blocks=50, exact=False)
    assert result.verified
    assert dataclasses.replace(result.outcome, gas=None) != result.expected


def test_a_forced_revert_changes_no_balance_and_leaves_no_approval(market: Market, tmp_path: Path) -> None:
    planned = pull_first(market, "USDC", 10_000 * USDC)
    weth = market.net.token("WETH")
    program = with_min_received(market, planned, "WETH", market.outcome(planned).balance_changes[weth])
    move_pool(market)
    before = balances(market)
    with pytest.raises(InsufficientReceived) as caught:
        send_payload(
            market.node,
            market.net.rpc_url,
            signer_of(market),
            payload_of(program),
            chain_id=market.net.chain_id,
            expected=market.outcome(planned),
            factory=market.factory,
            simulation=None,
            tokens=market.snapshot.tokens,
            options=options_of(tmp_path, force=True),
        )
    assert caught.value.figures["token"] == weth
    assert balances(market) == before
    executor = executor_address(market.factory, market.owner)
    data = "0xdd62ed3e" + market.owner[2:].rjust(64, "0") + executor[2:].rjust(64, "0")
    call = {"to": market.net.token("USDC"), "data": data}
    assert int(market.net.rpc.call("eth_call", call, "latest"), 16) == 0
    last = [entry for entry in journal_of(market, tmp_path).entries if entry.purpose == "execute"][-1]
    assert last.status is Status.REVERTED


def test_a_second_run_does_not_send_again(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    first = sent(market, program, tmp_path, simulation=simulation)
    before = nonce(market)
    second = sent(market, program, tmp_path)
    assert second.execution.tx_hash == first.execution.tx_hash
    assert second.verified, second.checks
    assert nonce(market) == before


class KilledError(Exception):
    """Stands for the process being killed."""


class Dying(RpcClient):
    """Dies at the n-th broadcast: before it leaves, or after the node has taken it."""

    def __init__(self, url: str, at: int, *, after: bool) -> None:
        super().__init__(url)
        self._left, self._after = at, after

    def call(self, method: str, *params: object) -> object:
        if method == "eth_sendRawTransaction":
            self._left -= 1
            if self._left == 0:
                if self._after:
                    super().call(method, *params)
                raise KilledError
        return super().call(method, *params)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_run_resumes_and_sends_each_transaction_once(
    market: Market, tmp_path: Path, at: int, after: bool
) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    start, before = nonce(market), balances(market)
    with pytest.raises(KilledError):
        sent(
            market,
            program,
            tmp_path,
            node=Dying(market.net.rpc_url, at, after=after),
            simulation=simulated(market, program),
        )
    result = sent(market, program, tmp_path, simulation=simulated(market, program))
    assert result.verified, result.checks
    assert nonce(market) == start + 3
    change = balances(market)[market.net.token("USDC")] - before[market.net.token("USDC")]
    assert change == -1_000 * USDC


def test_a_base_fee_above_the_cap_is_refused(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    sending = Sending(fees=FeePolicy(max_fee=GWEI // 1000, tip=1))
    before = nonce(market)
    with pytest.raises(GuardRefused, match="above the cap"):
        sent(market, program, tmp_path, simulation=simulation, sending=sending)
    assert nonce(market) == before


def test_pending_transactions_are_refused_unless_allowed(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    market.net.rpc.call("evm_setAutomine", False)
    try:
        market.net.rpc.call(
            "eth_sendTransaction", {"from": market.owner, "to": market.net.trader.address, "value": "0x1"}
        )
        with pytest.raises(GuardRefused, match=r"1 transactions .* are pending"):
            sent(market, program, tmp_path, simulation=simulated(market, program))
    finally:
        market.net.rpc.call("evm_setAutomine", True)
        market.net.mine()


def test_another_chain_id_is_refused_before_anything_is_signed(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    with pytest.raises(ChainIdMismatch):
        sent(market, program, tmp_path, simulation=simulated(market, program), chain_id=1)
    assert not list(tmp_path.iterdir())


class Lying(RpcClient):
    """Changes one answer."""

    def __init__(self, url: str, method: str, change: Callable[[object], object]) -> None:
        super().__init__(url)
        self._method, self._change = method, change

    def call(self, method: str, *params: object) -> object:
        answer = super().call(method, *params)
        return self._change(answer) if method == self._method else answer


def altered(name: str, value: str) -> Callable[[object], object]:
    return lambda answer: {**answer, name: value} if isinstance(answer, dict) else answer


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("eth_sendRawTransaction", lambda _: "0x" + "ab" * 32),
        ("eth_getTransactionReceipt", altered("transactionHash", "0x" + "ab" * 32)),
        ("eth_getTransactionReceipt", altered("from", "0x" + "ab" * 20)),
        ("eth_getTransactionReceipt", altered("status", "0x7")),
        ("eth_getTransactionReceipt", altered("gasUsed", "0xffffffff")),
    ],
)
def test_a_node_that_lies_about_a_transaction_is_not_believed(
    market: Market, tmp_path: Path, method: str, change: Callable[[object], object]
) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    node = Lying(market.net.rpc_url, method, change)
    with pytest.raises(InconsistentAnswer, match=r"not the hash|another transaction"):
        sent(market, program, tmp_path, node=node, simulation=simulated(market, program))


def test_a_receipt_that_does_not_come_in_time_can_be_waited_for_later(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    market.net.rpc.call("evm_setAutomine", False)
    try:
        with pytest.raises(RpcFailure, match="run again"):
            sent(
                market,
                program,
                tmp_path,
                simulation=simulation,
                sending=Sending(receipt_timeout_seconds=0.2, poll_seconds=0.01),
            )
    finally:
        market.net.rpc.call("evm_setAutomine", True)
        market.net.mine()
    result = sent(market, program, tmp_path, simulation=simulated(market, program))
    assert result.verified


def test_a_failing_disk_sends_nothing(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    before = nonce(market)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(GuardRefused, match="nothing was sent"):
        sent(market, program, blocked, simulation=simulated(market, program))
    assert nonce(market) == before


def test_a_revert_names_the_exception_of_the_executor(market: Market) -> None:
    program = with_min_received(market, pull_first(market, "USDC", 1_000 * USDC), "WETH", 10**24)
    simulation = simulated(market, program)
    assert simulation.revert is not None
    assert simulation.revert.name == "InsufficientReceived"
    with pytest.raises(ExecutionReverted, match="execute: InsufficientReceived"):
        simulation.require_success()
