"""From a simulated plan to a verified rebalance: deploy, approve, simulate again, execute, verify, revoke.

Assumes nothing of the node: the chain id is checked before anything is signed, hashes are computed here,
receipts are compared with what was sent, and balances and allowances decide whether it worked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from router.chain.broadcast import Broadcaster, Progress, Receipt, Sending, require_call
from router.chain.calls import Node, Transaction, balance_of, keccak_hex, read_word
from router.chain.executor import approvals, deployment, execute_transaction, executor_address, revocations
from router.chain.fork import Simulation, pull_limits, simulate
from router.chain.head import BLOCK_SECONDS, read_head, require_chain
from router.chain.journal import DEVELOPMENT_CHAINS, open_journal
from router.chain.outcome import expected_outcome, read_outcome
from router.chain.signer import Signer
from router.chain.verification import Verified, verify
from router.encoder import decode, encode
from router.errors import (
    ExecutionReverted,
    GuardRefused,
    InputError,
    RouterError,
    SimulationMismatch,
    StaleSimulation,
)
from router.plan import Outcome, Plan
from router.program import Program
from router.tokens import Address, Token

DEFAULT_MAX_AGE_BLOCKS = 5
FORCED_GAS = 3_000_000
_PREPARATION_GAS = {"deploy executor": 6_000_000}
_APPROVAL_GAS = 120_000


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What is asked of a send.

    Attributes:
        sending: fees, nonces and waiting.
        max_age_blocks: how old the simulation may be.
        exact: the simulation's figures must be the plan's; False accepts what the program's bounds accept.
        force: sends without a simulation. The executor's bounds are then the only guard left.
        state_folder: where the journal is kept.
    """

    state_folder: Path
    sending: Sending = field(default_factory=Sending)
    max_age_blocks: int = DEFAULT_MAX_AGE_BLOCKS
    exact: bool = True
    force: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A rebalance on chain.

    Attributes:
        receipts: of deployment, approvals, the execution and revocations, in order, those of this run.
        execution: the receipt of the rebalance itself.
        simulation: the last one before it was sent; None where forced, or sent by an earlier run.
        outcome: what it did; `gas` is the receipt's.
        expected: what it was to do.
        checks: what was verified afterwards.
    """

    receipts: tuple[Receipt, ...]
    execution: Receipt
    simulation: Simulation | None
    outcome: Outcome
    expected: Outcome
    checks: tuple[Verified, ...]

    @property
    def verified(self) -> bool:
        return all(check.ok for check in self.checks)


def send_plan(
    node: Node,
    rpc_url: str,
    signer: Signer,
    plan: Plan,
    *,
    factory: Address,
    simulation: Simulation | None,
    tokens: Mapping[Address, Token],
    options: SendOptions,
    progress: Progress = lambda _: None,
) -> Sent:
    """Sends a plan of the signer's account.

    Args:
        simulation: of this plan's payload, on a block at most `max_age_blocks` old.

    Raises:
        InputError: the plan has nothing to send, or is another account's.
        GuardRefused: StaleSimulation and SimulationMismatch among them; nothing of the execution was sent.
        ExecutionReverted: carries the reason; what was approved has been taken back.
        ChainError: the node; run again to resume.
    """
    if plan.program is None:
        raise InputError("the plan has no program: there is nothing to send")
    if plan.owner != signer.address:
        raise InputError(f"the plan is of {plan.owner}, the signer is {signer.address}")
    return send_payload(
        node,
        rpc_url,
        signer,
        encode(plan.program),
        chain_id=plan.chain_id,
        expected=expected_outcome(plan),
        factory=factory,
        simulation=simulation,
        tokens=tokens,
        options=options,
        progress=progress,
    )


def send_payload(
    node: Node,
    rpc_url: str,
    signer: Signer,
    payload: bytes,
    *,
    chain_id: int,
    expected: Outcome,
    factory: Address,
    simulation: Simulation | None,
    tokens: Mapping[Address, Token],
    options: SendOptions,
    progress: Progress = lambda _: None,
) -> Sent:
    """As `send_plan`, for a payload and the outcome it is to have."""
    require_chain(node, chain_id)
    genesis = read_head(node, 0).hash if chain_id in DEVELOPMENT_CHAINS else ""
    with open_journal(options.state_folder, chain_id, signer.address, genesis) as journal:
        broadcaster = Broadcaster(node, chain_id, signer, journal, options.sending, progress)
        program = decode(payload)
        executor = executor_address(factory, signer.address)
        job = _Job(node, rpc_url, broadcaster, payload, program, executor, factory, expected, tokens, options)
        broadcaster.resume()
        return job.run(simulation)


def require_fresh(
    node: Node, simulation: Simulation | None, payload: bytes, executor: Address, max_age_blocks: int
) -> None:
    """Requires a simulation of this payload, on a block that is still in the chain and recent.

    Raises:
        StaleSimulation: there is none, or it is of another payload, executor, chain or block.
    """
    if simulation is None:
        raise StaleSimulation("this payload has not been simulated")
    if simulation.payload_hash != keccak_hex(payload):
        raise StaleSimulation("the simulation is of another payload")
    if simulation.executor != executor:
        raise StaleSimulation(f"the simulation is of another executor, {simulation.executor}")
    age = read_head(node).number - simulation.block_number
    if not 0 <= age <= max_age_blocks:
        raise StaleSimulation(
            f"simulated on block {simulation.block_number}, {age} blocks ago; "
            f"at most {max_age_blocks} are allowed"
        )
    if read_head(node, simulation.block_number).hash != simulation.block_hash:
        raise StaleSimulation(f"block {simulation.block_number} of the simulation is no longer in the chain")


@dataclass(frozen=True, slots=True)
class _Job:
    node: Node
    rpc_url: str
    broadcaster: Broadcaster
    payload: bytes
    program: Program
    executor: Address
    factory: Address
    expected: Outcome
    tokens: Mapping[Address, Token]
    options: SendOptions

    @property
    def owner(self) -> Address:
        return self.broadcaster.signer.address

    @property
    def symbols(self) -> dict[Address, str]:
        return {address: token.symbol for address, token in self.tokens.items()}

    def run(self, simulation: Simulation | None) -> Sent:
        execute = execute_transaction(self.executor, self.payload)
        earlier = self.broadcaster.earlier(execute)
        if earlier is not None:
            self.broadcaster.progress(f"execute: an earlier run has sent {earlier.tx_hash}")
            return self._finish((), earlier, None)
        first = None if self.options.force else self._gate(simulation)
        if first is not None:
            self.broadcaster.require_affordable(sum(each.peak_gas for each in first.transactions))
        receipts: list[Receipt] = []
        try:
            receipts.extend(
                self.broadcaster.send(each, _gas_of(each, first)) for each in self._preparations()
            )
            second = None if self.options.force else self._simulate(first)
            peak_gas = _gas_of(execute, second)
            if second is not None:
                limit = self.broadcaster.gas_limit(peak_gas)
                require_call(self.node, self.owner, execute, gas_limit=limit)
            execution = self.broadcaster.send(execute, peak_gas)
        except (ExecutionReverted, GuardRefused):
            self._take_back()
            raise
        return self._finish((*receipts, execution), execution, second)

    def _gate(self, simulation: Simulation | None) -> Simulation:
        """The given simulation must be right; and so must one on the state of this moment."""
        require_fresh(self.node, simulation, self.payload, self.executor, self.options.max_age_blocks)
        assert simulation is not None
        self._judge(simulation)
        return self._simulate(simulation)

    def _simulate(self, before: Simulation | None) -> Simulation:
        """Runs the rest of the bundle on the latest block, in the next block's time."""
        head = read_head(self.node)
        if before is not None and before.block_hash == head.hash:
            return before
        simulation = simulate(
            self.node,
            self.rpc_url,
            owner=self.owner,
            factory=self.factory,
            payload=self.payload,
            tokens=self.tokens,
            block=head.hash,
            timestamp=max(head.timestamp + BLOCK_SECONDS, int(time.time())),
        )
        self._judge(simulation)
        return simulation

    def _judge(self, simulation: Simulation) -> None:
        if self.options.exact:
            simulation.require(self.expected)
        else:
            simulation.require_success()
        if simulation.left_over:
            left = ", ".join(f"{each.kind} {each.amount} of {each.token}" for each in simulation.left_over)
            raise SimulationMismatch(f"the executor would keep {left}")

    def _preparations(self) -> tuple[Transaction, ...]:
        return (
            *deployment(self.node, self.factory, self.owner),
            *approvals(self.node, self.owner, self.executor, pull_limits(self.program), symbols=self.symbols),
        )

    def _revoke(self) -> tuple[Receipt, ...]:
        tokens = [bounds.token for bounds in self.program.tokens]
        left = revocations(self.node, self.owner, self.executor, tokens, symbols=self.symbols)
        return tuple(self.broadcaster.send(each, _APPROVAL_GAS) for each in left)

    def _take_back(self) -> None:
        """Revokes after a failure, and lets that failure be the one that is told."""
        try:
            self._revoke()
        except RouterError as error:
            self._tell_kept(error)

    def _tell_kept(self, error: RouterError) -> None:
        self.broadcaster.progress(f"approvals could not be taken back: {error}")

    def _finish(
        self, receipts: tuple[Receipt, ...], execution: Receipt, simulation: Simulation | None
    ) -> Sent:
        """Takes back what is left of the approvals, then verifies.

        The rebalance has landed: where that is refused, the check of allowances fails, and no more.
        """
        revoked: tuple[Receipt, ...] = ()
        try:
            revoked = self._revoke()
        except (ExecutionReverted, GuardRefused) as error:
            self._tell_kept(error)
        outcome = self._outcome(execution)
        checks = verify(
            self.node,
            self.program,
            owner=self.owner,
            executor=self.executor,
            expected=self.expected if self.options.exact else None,
            block=(revoked or (execution,))[-1].block_hash,
            found=outcome,
            tokens=self.tokens,
        )
        return Sent((*receipts, *revoked), execution, simulation, outcome, self.expected, checks)

    def _outcome(self, execution: Receipt) -> Outcome:
        """From the receipt's events, and the owner's balances before and after its block."""
        changes = {
            bounds.token: self._balance(bounds.token, execution.block_hash)
            - self._balance(bounds.token, hex(execution.block_number - 1))
            for bounds in self.program.tokens
        }
        return read_outcome(self.program, self.owner, execution.logs, changes, execution.gas_used)

    def _balance(self, token: Address, block: str) -> int:
        return read_word(self.node, token, balance_of(self.owner), block, f"balance of {token}")


def _gas_of(transaction: Transaction, simulation: Simulation | None) -> int:
    """What the simulation spent on this transaction before the refund; a generous guess where forced."""
    for each in simulation.transactions if simulation else ():
        if (each.to, each.data_hash) == (transaction.to, transaction.data_hash):
            return each.peak_gas
    if simulation is not None:
        raise StaleSimulation(f"{transaction.purpose}: the state has changed since the simulation")
    is_approval = transaction.purpose.startswith(("approve", "revoke"))
    return _APPROVAL_GAS if is_approval else _PREPARATION_GAS.get(transaction.purpose, FORCED_GAS)
