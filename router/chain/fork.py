"""Runs the very transactions that will be sent, on one pinned block, before anything is signed.

They run as if mined in the next block: on the state after block N, with number N + 1, a timestamp 12 s later
and the base fee that follows. Deployment and approvals run first, each as a transaction of its own.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from router.chain.apart import Calls, run_apart
from router.chain.calls import Node, Transaction, allowance, balance_of, keccak_hex, to_int, word
from router.chain.executor import approvals, deployment, execute_transaction, executor_address
from router.chain.head import BLOCK_SECONDS, Head, read_head
from router.chain.machine import BlockContext, Executed
from router.chain.outcome import read_outcome, require_equal
from router.chain.revert_reasons import Reason, explain, explain_halt, reverted
from router.chain.simulate_v1 import simulate_v1
from router.disassembler import describe
from router.encoder import decode
from router.errors import InconsistentAnswer
from router.plan import Outcome
from router.program import Borrow, Payer, Program, Pull, Swap
from router.tokens import Address, Token

_PAUSE_SECONDS = 0.2


class Engine(StrEnum):
    """What runs the transactions."""

    EVM = "evm"
    """The EVM in this process; the node only serves state."""
    SIMULATE_V1 = "simulate-v1"
    """The node, by `eth_simulateV1`."""


@dataclass(frozen=True, slots=True)
class SimulatedTransaction:
    """One transaction as it ran.

    Attributes:
        data_hash: keccak256 of its data.
        gas: as its receipt will show it.
        peak_gas: spent before the refund; see `machine.Executed`.
    """

    purpose: str
    to: Address
    data_hash: str
    gas: int
    peak_gas: int


@dataclass(frozen=True, slots=True)
class LeftOver:
    """Something the executor should not have after a run. `kind` is ``balance`` or ``allowance to 0x…``."""

    kind: str
    token: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would happen.

    Attributes:
        block_number, block_hash: the state it started from.
        payload_hash: keccak256 of the payload, 0x-hex.
        transactions: deployment and approvals where needed, then the execution; up to the first that fails.
        outcome: None where a transaction reverts; its `gas` is that of the execution alone.
        left_over: what stays in the executor, or allowed by it; empty is right.
        revert: why it failed, with the failing `purpose`.
    """

    chain_id: int
    block_number: int
    block_hash: str
    timestamp: int
    owner: Address
    executor: Address
    payload_hash: str
    transactions: tuple[SimulatedTransaction, ...]
    outcome: Outcome | None
    left_over: tuple[LeftOver, ...] = ()
    revert: Reason | None = None
    halt: str = ""

    @property
    def gas(self) -> int:
        """Gas of all transactions together."""
        return sum(each.gas for each in self.transactions)

    def require_success(self) -> Outcome:
        """The outcome.

        Raises:
            ExecutionReverted: a transaction reverts; of the executor's error class where it is one.
        """
        if self.outcome is not None:
            return self.outcome
        reason = self.revert or explain(b"")
        error = reverted(reason.data, self.halt)
        error.reason = f"{self.transactions[-1].purpose}: {reason.message}"
        error.args = (error.reason,)
        raise error

    def require(self, planned: Outcome) -> Outcome:
        """The outcome, which must be the planned one and leave nothing behind.

        Raises:
            ExecutionReverted: a transaction reverts.
            SimulationMismatch: a figure differs; names token, planned and simulated amount.
        """
        outcome = self.require_success()
        require_equal(planned, outcome)
        return outcome


def simulate(
    node: Node,
    rpc_url: str,
    *,
    owner: Address,
    factory: Address,
    payload: bytes,
    tokens: Mapping[Address, Token] | None = None,
    block: int | str = "latest",
    timestamp: int | None = None,
    engine: Engine = Engine.EVM,
    prepare: bool = True,
) -> Simulation:
    """Runs deployment, approvals and the payload on a block.

    Args:
        rpc_url: where the in-process EVM fetches state; the same node.
        tokens: names for people, by address.
        block: whose post-state is the start; a tag is pinned by its hash.
        timestamp: of the block they run in; None takes 12 s after the start.
        prepare: False runs the payload alone, on the allowances that there are.

    Raises:
        MalformedPayload: the payload is no program.
        RpcFailure, InconsistentAnswer, InputError, MissingCode: see the node's and the readers' errors.
    """
    ask = _Ask(decode(payload), payload, owner, factory, tokens or {}, block, timestamp, engine, prepare)
    try:
        return _simulate(node, rpc_url, ask)
    except InconsistentAnswer:
        # A node that is just taking in a block may serve some of the state before it and some after it.
        time.sleep(_PAUSE_SECONDS)
        return _simulate(node, rpc_url, ask)


def pull_limits(program: Program) -> dict[Address, int]:
    """What must be approved, by token: the literal pulls, or `max_spent` where a pull is open-ended."""
    literal: dict[Address, int] = {}
    open_ended: set[Address] = set()
    for step in program.steps:
        if isinstance(step, Pull) and step.amount is None:
            open_ended.add(step.token)
        elif isinstance(step, Pull) and step.amount:
            literal[step.token] = literal.get(step.token, 0) + step.amount
        elif isinstance(step, Swap) and step.payer is Payer.OWNER:
            literal[step.token_in] = literal.get(step.token_in, 0) + step.amount
    spendable = {bounds.token: bounds.max_spent for bounds in program.tokens}
    limits = {
        token: spendable[token] if token in open_ended else min(literal[token], spendable[token])
        for token in spendable
        if token in open_ended or token in literal
    }
    return {token: amount for token, amount in limits.items() if amount}


def counterparties(program: Program) -> tuple[Address, ...]:
    """Every pool, vault and lender that the program touches, each once."""
    named = (
        (step.vault or step.pool) if isinstance(step, Swap) else step.lender
        for step in program.steps
        if isinstance(step, Swap | Borrow)
    )
    return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class _Ask:
    """What `simulate` is asked."""

    program: Program
    payload: bytes
    owner: Address
    factory: Address
    tokens: Mapping[Address, Token]
    block: int | str
    timestamp: int | None
    engine: Engine
    prepare: bool


def _simulate(node: Node, rpc_url: str, ask: _Ask) -> Simulation:
    head = read_head(node, ask.block)
    executor = executor_address(ask.factory, ask.owner)
    symbols = {address: token.symbol for address, token in ask.tokens.items()}
    bundle: tuple[Transaction, ...] = ()
    if ask.prepare:
        limits = pull_limits(ask.program)
        bundle = (
            *deployment(node, ask.factory, ask.owner, head.hash),
            *approvals(node, ask.owner, executor, limits, symbols=symbols, block=head.hash),
        )
    bundle = (*bundle, execute_transaction(executor, ask.payload))
    context = _context(node, head, ask.timestamp)
    run = _Run(ask.program, ask.owner, executor, bundle)
    executed = _engine(ask.engine, node, rpc_url, context)(run.calls())
    return run.result(context, executed, keccak_hex(ask.payload), ask.tokens)


def _context(node: Node, head: Head, timestamp: int | None) -> BlockContext:
    return BlockContext(
        chain_id=to_int(node.call("eth_chainId"), "eth_chainId"),
        state_hash=head.hash,
        number=head.number + 1,
        timestamp=head.timestamp + BLOCK_SECONDS if timestamp is None else timestamp,
        base_fee_wei=head.next_base_fee_wei,
        coinbase=head.coinbase,
        gas_limit=head.gas_limit,
        calldata_floor=head.calldata_floor,
    )


def _engine(
    engine: Engine, node: Node, rpc_url: str, context: BlockContext
) -> Callable[[Calls], list[Executed]]:
    if engine is Engine.SIMULATE_V1:
        return lambda calls: simulate_v1(node, context, calls)
    return lambda calls: run_apart(rpc_url, context, calls)


@dataclass(frozen=True, slots=True)
class _Run:
    """The calls of one simulation, in order: balances, the transactions, balances and left-overs."""

    program: Program
    owner: Address
    executor: Address
    bundle: tuple[Transaction, ...]

    def calls(self) -> list[tuple[Address, Transaction]]:
        return [(self.owner, each) for each in (*self._balances(), *self.bundle, *self._after())]

    def _balances(self) -> Iterator[Transaction]:
        for holder in (self.owner, self.executor):
            for bounds in self.program.tokens:
                yield Transaction("view", bounds.token, balance_of(holder))

    def _after(self) -> Iterator[Transaction]:
        yield from self._balances()
        for _, token, data in self._allowances():
            yield Transaction("view", token, data)

    def _allowances(self) -> Iterator[tuple[str, Address, bytes]]:
        for spender in counterparties(self.program):
            for bounds in self.program.tokens:
                yield spender, bounds.token, allowance(self.executor, spender)

    def result(
        self,
        context: BlockContext,
        executed: Sequence[Executed],
        payload_hash: str,
        tokens: Mapping[Address, Token],
    ) -> Simulation:
        count, size = 2 * len(self.program.tokens), len(self.bundle)
        before, ran, after = executed[:count], executed[count : count + size], executed[count + size :]
        done = next((place + 1 for place, each in enumerate(ran) if not each.succeeded), size)
        simulation = Simulation(
            chain_id=context.chain_id,
            block_number=context.number - 1,
            block_hash=context.state_hash,
            timestamp=context.timestamp,
            owner=self.owner,
            executor=self.executor,
            payload_hash=payload_hash,
            transactions=tuple(
                SimulatedTransaction(each.purpose, each.to, each.data_hash, result.gas, result.peak_gas)
                for each, result in zip(self.bundle[:done], ran[:done], strict=True)
            ),
            outcome=None,
        )
        last = ran[done - 1]
        if not last.succeeded:
            return dataclasses.replace(simulation, revert=self._reason(last, tokens), halt=last.halt)
        changes = self._changes(before, after)
        return dataclasses.replace(
            simulation,
            outcome=read_outcome(self.program, self.owner, last.logs, changes[self.owner], last.gas),
            left_over=tuple(self._left_over(changes[self.executor], after[count:])),
        )

    def _reason(self, failed: Executed, tokens: Mapping[Address, Token]) -> Reason:
        if failed.halt:
            return explain_halt(failed.halt)
        sentences = describe(self.program, tokens).steps
        reason = explain(failed.revert or b"", lambda step: sentences[step])
        message = reason.message
        for address, token in tokens.items():
            message = message.replace(address, token.symbol)
        return dataclasses.replace(reason, message=message)

    def _changes(
        self, before: Sequence[Executed], after: Sequence[Executed]
    ) -> dict[Address, dict[Address, int]]:
        """By holder and token."""
        keys = [
            (holder, each.token) for holder in (self.owner, self.executor) for each in self.program.tokens
        ]
        changes: dict[Address, dict[Address, int]] = {self.owner: {}, self.executor: {}}
        for (holder, token), first, last in zip(keys, before, after, strict=False):
            changes[holder][token] = _number(last, token) - _number(first, token)
        return changes

    def _left_over(self, kept: Mapping[Address, int], views: Sequence[Executed]) -> Iterator[LeftOver]:
        for token, amount in kept.items():
            if amount:
                yield LeftOver("balance", token, amount)
        for (spender, token, _), view in zip(self._allowances(), views, strict=True):
            amount = _number(view, token)
            if amount:
                yield LeftOver(f"allowance to {spender}", token, amount)


def _number(view: Executed, token: Address) -> int:
    if not view.succeeded:
        raise InconsistentAnswer(f"token {token} does not tell balances")
    return word(view.output, f"token {token}")
