"""The EVM in a child process: a node that never answers ends in an error, in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from router.chain.apart import run_apart
from router.chain.calls import Transaction
from router.chain.machine import BlockContext
from router.errors import RpcFailure

OWNER = "0x" + "11" * 20
CONTEXT = BlockContext(
    chain_id=1,
    state_hash="0x" + "22" * 32,
    number=2,
    timestamp=24,
    base_fee_wei=0,
    coinbase="0x" + "00" * 20,
    gas_limit=30_000_000,
    calldata_floor=False,
)
CALLS = [(OWNER, Transaction("view", "0x" + "33" * 20, b""))]


@pytest.fixture
def silent_node() -> Iterator[str]:
    """Takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in held:
            connection.close()


def test_run_apart_gives_up_on_a_node_that_never_answers(silent_node: str) -> None:
    start = time.monotonic()
    with pytest.raises(RpcFailure, match="did not serve the state to simulate on"):
        run_apart(silent_node, CONTEXT, CALLS, timeout_seconds=0.5)
    assert time.monotonic() - start < 10


def test_run_apart_passes_on_that_the_node_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(RpcFailure):
        run_apart(url, CONTEXT, CALLS, timeout_seconds=60)
