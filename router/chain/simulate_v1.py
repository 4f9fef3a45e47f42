"""Running transactions on a block by `eth_simulateV1`, at nodes that have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.chain.calls import Node, Transaction, parse_logs, to_bytes, to_int, to_mapping
from router.chain.machine import BlockContext, Executed
from router.errors import InconsistentAnswer
from router.tokens import Address

METHOD = "eth_simulateV1"
_MAX_REFUND_FACTOR = (5, 4)
"""A refund is at most a fifth of the gas spent (EIP-3529)."""


def simulate_v1(
    node: Node, block: BlockContext, transactions: Sequence[tuple[Address, Transaction]]
) -> list[Executed]:
    """What each transaction does, one after the other, in the block after `block.state_hash`.

    Raises:
        RpcFailure: the node does not have the method, or refuses.
        InconsistentAnswer: the answer is not of the documented form.
    """
    calls = [
        {"from": sender, "to": each.to, "input": "0x" + each.data.hex(), "value": hex(each.value)}
        for sender, each in transactions
    ]
    overrides = {"number": hex(block.number), "time": hex(block.timestamp), "feeRecipient": block.coinbase}
    request = {
        "blockStateCalls": [{"blockOverrides": overrides, "calls": calls}],
        "validation": False,
        "traceTransfers": False,
    }
    answer = node.call(METHOD, request, hex(block.number - 1))
    if not isinstance(answer, list) or len(answer) != 1:
        raise InconsistentAnswer(f"{METHOD}: not one block for one block")
    results = to_mapping(answer[0], METHOD).get("calls")
    if not isinstance(results, list) or len(results) != len(calls):
        raise InconsistentAnswer(f"{METHOD}: not one result for each call")
    return [_executed(to_mapping(result, METHOD)) for result in results]


def _executed(result: Any) -> Executed:
    gas = to_int(result.get("gasUsed"), METHOD)
    most = result.get("maxUsedGas")
    peak = gas * _MAX_REFUND_FACTOR[0] // _MAX_REFUND_FACTOR[1] + 1 if most is None else to_int(most, METHOD)
    if to_int(result.get("status"), METHOD) == 1:
        logs = parse_logs(result.get("logs"), METHOD)
        return Executed(gas, peak, to_bytes(result.get("returnData"), METHOD), logs)
    error = to_mapping(result.get("error"), METHOD)
    data = to_bytes(error.get("data") or result.get("returnData") or "0x", METHOD)
    message = str(error.get("message", ""))
    if not data and "revert" not in message.lower():
        return Executed(gas, peak, halt=message[:200] or "no reason given")
    return Executed(gas, peak, revert=data)
