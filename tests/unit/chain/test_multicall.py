"""Batched calls: the helper's encoding, and stepping down to what the node can do."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from router.chain.abi import BALANCE_OF, Call
from router.chain.multicall import AGGREGATE3_SELECTOR, Caller, decode_aggregate3, encode_aggregate3
from router.chain.rpc import RpcClient, TooMuchAsked
from router.errors import RpcFailure
from tests.unit.chain.scripted_node import Reply, answer, scripted_node

TOKEN, HELPER = "0x" + "1" * 40, "0x" + "2" * 40
calls_strategy = st.lists(
    st.builds(
        Call,
        st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
        st.binary(max_size=70),
        st.just(BALANCE_OF),
    ),
    max_size=8,
)


@given(calls_strategy)
def test_aggregate3_calldata_is_what_the_abi_says(calls: list[Call]) -> None:
    expected = encode(["(address,bool,bytes)[]"], [[(call.target, True, call.data) for call in calls]])
    assert encode_aggregate3(calls) == AGGREGATE3_SELECTOR + expected


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=70)), max_size=8))
def test_aggregate3_answers_are_read_as_the_abi_says(results: list[tuple[bool, bytes]]) -> None:
    answers = encode(["(bool,bytes)[]"], [results])
    assert decode_aggregate3(answers, len(results)) == [data if ok else None for ok, data in results]


@pytest.mark.parametrize("size", [0, 10, 64, 100, 191])
def test_a_short_aggregate3_answer_is_refused(size: int) -> None:
    answers = encode(["(bool,bytes)[]"], [[(True, b"1" * 40)]])
    with pytest.raises(RpcFailure, match="aggregate3"):
        decode_aggregate3(answers[:size], 1)


def balances(count: int) -> list[Call]:
    return [BALANCE_OF.call(TOKEN, f"0x{index:040x}") for index in range(1, count + 1)]


def word(data: str) -> str:
    """Answers balanceOf with the holder itself, so that every answer is another."""
    return "0x" + data[10:74]


class Node:
    """Answers eth_call; `batch_limit` 0 refuses batches, `gas_limit` is calls per aggregate3."""

    def __init__(self, batch_limit: int, gas_limit: int = 10**9) -> None:
        self.batch_limit, self.gas_limit, self.sizes = batch_limit, gas_limit, [0]

    def __call__(self, request: Any) -> Reply:
        if isinstance(request, list) and len(request) > self.batch_limit:
            return Reply({"id": None, "error": {"code": -32600, "message": "batch limit exceeded"}})
        self.sizes.append(len(request) if isinstance(request, list) else 1)
        return Reply(answer(request, self._result))

    def _result(self, method: str, params: list[Any]) -> Any:
        assert method == "eth_call"
        if params[0]["to"] != HELPER:
            return word(params[0]["data"])
        (asked,) = decode(["(address,bool,bytes)[]"], bytes.fromhex(params[0]["data"][10:]))
        if len(asked) > self.gas_limit:
            return {"error": {"code": -32000, "message": "out of gas"}}
        results = [(True, bytes.fromhex(word("0x" + data.hex())[2:])) for _, _, data in asked]
        return "0x" + encode(["(bool,bytes)[]"], [results]).hex()


@pytest.mark.parametrize(
    ("node", "helper"),
    [
        (Node(batch_limit=0), HELPER),
        (Node(batch_limit=0, gas_limit=7), HELPER),
        (Node(batch_limit=1000), None),
        (Node(batch_limit=20), None),
        (Node(batch_limit=0), None),
        (Node(batch_limit=0, gas_limit=0), HELPER),
    ],
)
def test_every_way_gives_the_same_answers(node: Node, helper: str | None) -> None:
    calls = balances(100)
    with scripted_node(node) as url:
        answers = Caller(RpcClient(url), "latest", helper).answer(calls, "balances")
    assert [int.from_bytes(answers[call] or b"", "big") for call in calls] == list(range(1, 101))


def test_equal_calls_are_asked_once_and_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    calls = balances(3)
    with scripted_node(Node(batch_limit=10)) as url:
        client = RpcClient(url)
        caller = Caller(client, "latest", progress=lambda *step: told.append(step))
        caller.answer([*calls, *calls], "balances")
        caller.answer(calls[:2], "again")
        assert client.request_count == 1
    assert told == [("balances", 0, 3), ("balances", 3, 3), ("again", 2, 2)]


def test_a_node_that_refuses_single_calls_is_a_failure() -> None:
    reply = Reply({"id": 1, "error": {"code": -32000, "message": "gas limit"}})
    with scripted_node(lambda _: reply) as url, pytest.raises(TooMuchAsked):
        Caller(RpcClient(url), "latest").answer(balances(1), "balances")
