"""Runs that die, nodes that lie, receipts that do not come: nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from router.chain.broadcast import Sending
from router.chain.rpc import RpcClient
from router.errors import InconsistentAnswer, RpcFailure
from tests.integration.sending import Market, balances, nonce, pull_first, sent, simulated

USDC = 10**6


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
