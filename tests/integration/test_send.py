"""Sending on a real chain, from simulation to verification, and every way it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from router.chain.broadcast import Broadcaster, Receipt, Sending
from router.chain.calls import Transaction
from router.chain.executor import executor_address
from router.chain.fees import FeePolicy
from router.chain.journal import Journal, Status
from router.chain.results import receipt_file
from router.chain.sender import Sent, send_payload, send_plan
from router.chain.signer import KeySigner
from router.errors import (
    ChainIdMismatch,
    ExecutionReverted,
    GuardRefused,
    InputError,
    SimulationMismatch,
    StaleSimulation,
)
from router.plan import Cost, Plan, PlannedSwap, Verdict
from router.program import Program, Swap
from router.reverts import InsufficientReceived
from tests.integration.sending import (
    Market,
    balances,
    deliver_first,
    nonce,
    options_of,
    payload_of,
    pull_first,
    sent,
    signer_of,
    simulated,
)

USDC = 10**6


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


def test_a_rebalance_that_landed_is_told_to_have_landed_though_its_approval_stays(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dear_after_the_execution(self: Broadcaster, transaction: Transaction, peak_gas: int) -> Receipt:
        if transaction.purpose.startswith("revoke"):
            raise GuardRefused("the base fee is above the cap")
        return send(self, transaction, peak_gas)

    send = Broadcaster.send
    monkeypatch.setattr(Broadcaster, "send", dear_after_the_execution)
    program = deliver_first(market, "morpho_blue", "USDC", 20_000 * USDC)
    result = sent(market, program, tmp_path, simulation=simulated(market, program))
    assert result.execution.succeeded
    assert [check.name for check in result.checks if not check.ok] == ["owner allows the executor nothing"]

    monkeypatch.undo()
    again = sent(market, program, tmp_path, simulation=simulated(market, program))
    assert again.execution == result.execution
    assert [each.purpose for each in again.receipts] == ["revoke USDC"]
    assert again.verified, again.checks


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


def test_a_base_fee_above_the_cap_is_refused(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    sending = Sending(fees=FeePolicy(max_fee=1, tip=1))
    before = nonce(market)
    with pytest.raises(GuardRefused, match="above the cap"):
        sent(market, program, tmp_path, simulation=simulation, sending=sending)
    assert nonce(market) == before


def test_funds_that_do_not_cover_the_whole_bundle_are_refused_at_once(market: Market, tmp_path: Path) -> None:
    program = pull_first(market, "USDC", 1_000 * USDC)
    simulation = simulated(market, program)
    market.net.rpc.call("anvil_setBalance", market.owner, hex(simulation.transactions[0].gas))
    before = nonce(market)
    with pytest.raises(GuardRefused, match="the transaction can cost"):
        sent(market, program, tmp_path, simulation=simulation)
    assert nonce(market) == before


def plan_of(market: Market, program: Program) -> Plan:
    outcome = market.outcome(program)
    swaps = [(index, step) for index, step in enumerate(program.steps) if isinstance(step, Swap)]
    after = {token: held + outcome.balance_changes.get(token, 0) for token, held in market.balances.items()}
    return Plan(
        chain_id=market.net.chain_id,
        block_number=market.snapshot.block_number,
        owner=market.owner,
        swaps=tuple(
            PlannedSwap(index, step.pool, step.kind, step.token_in, step.token_out, *amounts)
            for (index, step), amounts in zip(swaps, outcome.swaps, strict=True)
        ),
        loans=(),
        pulls=outcome.pulls,
        program=program,
        holdings_before=market.balances,
        holdings_after=after,
        targets_wad={},
        prices=market.snapshot.prices,
        value_before=0.0,
        value_after=0.0,
        cost=Cost(0.0, 0.0, 0.0, 0.0),
        gas_estimate=300_000,
        verdict=Verdict.TRADE,
        reason="",
        snapshot_hash="",
        settlement="pull-first",
    )


def send_the_plan(
    market: Market,
    plan: Plan,
    folder: Path,
    signer: KeySigner | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Sent:
    assert plan.program is not None
    return send_plan(
        market.node,
        market.net.rpc_url,
        signer or signer_of(market),
        plan,
        factory=market.factory,
        simulation=simulated(market, plan.program),
        tokens=market.snapshot.tokens,
        options=options_of(folder),
        progress=progress,
    )


def test_a_plan_is_sent_and_told_as_the_documented_file(market: Market, tmp_path: Path) -> None:
    plan = plan_of(market, pull_first(market, "USDC", 3_000 * USDC))
    result = send_the_plan(market, plan, tmp_path)
    tokens = market.snapshot.tokens
    written = receipt_file(result, plan.chain_id, tokens=tokens, prices=plan.prices).model_dump(mode="json")
    assert written["schema"] == "rebalance-receipt/1"
    assert all(row["equal"] for row in written["amounts"])
    assert all(check["ok"] for check in written["verification"])
    assert written["transactions"] == [each.tx_hash for each in result.receipts]


def test_no_key_reaches_progress_journal_or_result(market: Market, tmp_path: Path) -> None:
    plan = plan_of(market, pull_first(market, "USDC", 3_000 * USDC))
    said: list[str] = []
    result = send_the_plan(market, plan, tmp_path, progress=said.append)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert said
    for text in ("\n".join(said), written, repr(result), repr(signer_of(market))):
        assert market.net.owner.private_key[2:] not in text


def test_a_plan_of_another_account_is_not_signed(market: Market, tmp_path: Path) -> None:
    plan = plan_of(market, pull_first(market, "USDC", 3_000 * USDC))
    stranger = KeySigner.from_key(bytes(range(1, 33)))
    with pytest.raises(InputError, match="the signer is"):
        send_the_plan(market, plan, tmp_path, stranger)


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
