"""Runs the in-process EVM where a node that never answers cannot hold this process.

pyrevm waits for the node without a timeout of its own and without letting other threads or signals run. So
the machine works in a child of this process, which is ended when its time is over.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from router.chain.calls import Transaction
from router.chain.machine import BlockContext, Executed, Machine
from router.errors import RouterError, RpcFailure
from router.tokens import Address

DEFAULT_TIMEOUT_SECONDS = 120.0
"""Longest time for all transactions of a simulation, the fetching of state included."""

Calls = Sequence[tuple[Address, Transaction]]


def run_apart(
    rpc_url: str, context: BlockContext, calls: Calls, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
) -> list[Executed]:
    """Runs the calls one after another on a block, each on the state that the one before left.

    Raises:
        RpcFailure: the node did not serve the state, or not in time.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = _start(theirs, rpc_url, context, calls)
    theirs.close()
    try:
        if not ours.poll(timeout_seconds):
            raise RpcFailure(f"the node did not serve the state to simulate on in {timeout_seconds:g} s")
        answer = ours.recv()
    except EOFError:
        raise RpcFailure("the simulation ended without an answer") from None
    finally:
        child.kill()
        child.join()
        ours.close()
    if isinstance(answer, RouterError):
        raise answer
    executed: list[Executed] = answer
    return executed


def _start(answers: Connection, rpc_url: str, context: BlockContext, calls: Calls) -> BaseProcess:
    """A copy of this process where the system can make one, which is cheap; else a new one."""
    arguments = (answers, rpc_url, context, calls)
    child: BaseProcess
    if "fork" in multiprocessing.get_all_start_methods():
        child = multiprocessing.get_context("fork").Process(target=_work, args=arguments, daemon=True)
    else:
        child = multiprocessing.get_context("spawn").Process(target=_work, args=arguments, daemon=True)
    child.start()
    return child


def _work(answers: Connection, rpc_url: str, context: BlockContext, calls: Calls) -> None:
    answer: list[Executed] | RouterError
    try:
        machine = Machine(rpc_url, context)
        answer = [machine.run(sender, transaction) for sender, transaction in calls]
    except RouterError as error:
        answer = error
    answers.send(answer)
    answers.close()
