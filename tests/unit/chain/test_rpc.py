"""The JSON-RPC client against nodes that stall, truncate, limit, refuse and lie; real sockets throughout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from router.chain import rpc
from router.chain.rpc import CallReverted, Request, RpcClient, TooMuchAsked
from router.errors import RpcFailure
from tests.unit.chain.scripted_node import Reply, Script, answer, scripted_node


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_FIRST_PAUSE_SECONDS", 0.01)


def echo(method: str, params: list[Any]) -> Any:
    return [method, *params]


def failing(*replies: Reply) -> Script:
    """Gives these replies first, then answers."""
    left: Iterator[Reply] = iter(replies)

    def script(request: Any) -> Reply:
        return next(left, None) or Reply(answer(request, echo))

    return script


def client(url: str, timeout: float = 5.0, budget: float = 5.0) -> RpcClient:
    return RpcClient(url, timeout_seconds=timeout, budget_seconds=budget)


def test_call_gives_the_result() -> None:
    with scripted_node(failing()) as url:
        assert client(url).call("eth_a", "0x1", False) == ["eth_a", "0x1", False]


def test_batch_keeps_order_however_it_is_answered() -> None:
    with scripted_node(lambda request: Reply(answer(request, echo)[::-1])) as url:
        results = client(url).batch([Request("a", (n,)) for n in range(5)])
    assert results == [["a", n] for n in range(5)]


def test_batch_puts_a_failure_in_its_place() -> None:
    def result(method: str, params: list[Any]) -> Any:
        return (
            {"error": {"code": 3, "message": "reverted", "data": "0x1234"}} if params[0] == 1 else params[0]
        )

    with scripted_node(lambda request: Reply(answer(request, result))) as url:
        first, second, third = client(url).batch([Request("eth_call", (n,)) for n in range(3)])
    assert (first, third) == (0, 2)
    assert isinstance(second, CallReverted)
    assert second.data == b"\x12\x34"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"slow down", 429),
        Reply(b"slow down", 429, {"Retry-After": "0"}),
        Reply({"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "limit"}}),
        Reply(b"", 503),
        Reply({"jsonrpc": "2.0", "id": 1, "result": "0x1234567890"}, cut=5),
        Reply(b"<html>oops</html>"),
    ],
)
def test_passing_trouble_is_tried_again(reply: Reply) -> None:
    with scripted_node(failing(reply, reply)) as url:
        node = client(url)
        assert node.call("eth_a") == ["eth_a"]
        assert node.request_count == 3


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"", 429), "eth_a: .*limits the rate|HTTP 429"),
        (Reply({"id": 1, "error": {"code": -32005, "message": "slow"}}), "eth_a: slow"),
        (Reply({"id": 1, "result": "0x12345678"}, cut=4), "eth_a: .*no whole JSON"),
    ],
)
def test_lasting_trouble_ends_in_a_failure_that_names_the_method(reply: Reply, message: str) -> None:
    with scripted_node(lambda _: reply) as url, pytest.raises(RpcFailure, match=message) as caught:
        client(url).call("eth_a")
    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [Reply({"id": 1, "result": 1}, delay_seconds=1.5), Reply({"id": 1, "result": 1}, drip_seconds=0.1)],
)
def test_a_stalling_node_is_given_up_within_the_budget(reply: Reply) -> None:
    started = time.monotonic()
    with scripted_node(lambda _: reply) as url:
        with pytest.raises(RpcFailure, match=r"eth_a: 127\.0\.0\.1 did not answer in 0\.3 s"):
            client(url, timeout=0.3, budget=0.8).call("eth_a")
        assert time.monotonic() - started < 1.5


def test_nobody_listening_is_a_failure_without_the_url() -> None:
    with pytest.raises(RpcFailure, match=r"eth_a: .*connection refused") as caught:
        client("http://127.0.0.1:1/secret-key", budget=0.1).call("eth_a")
    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", 413),
        Reply({"id": 1, "error": {"code": -32000, "message": "response size exceeded"}}),
        Reply({"id": 1, "error": {"code": -32000, "message": "out of gas"}}),
    ],
)
def test_too_much_is_told_apart_at_once(reply: Reply) -> None:
    with scripted_node(lambda _: reply) as url, pytest.raises(TooMuchAsked):
        client(url).call("eth_call")


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"id": None, "error": {"code": -32600, "message": "batches are not supported"}}),
        Reply([{"id": 1, "result": 1}]),
    ],
)
def test_a_refused_or_short_batch_is_too_much(reply: Reply) -> None:
    with scripted_node(lambda _: reply) as url, pytest.raises(TooMuchAsked):
        client(url).batch([Request("a"), Request("b")])


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply({"id": 99, "result": 1}), "another question"),
        (Reply({"id": 1}), "no JSON-RPC answer"),
        (Reply(["x"]), "no JSON-RPC answer"),
        (Reply({"id": 1, "error": {"code": -32601, "message": "no such method"}}), "no such method"),
        (Reply({"id": 1, "error": "odd"}), "odd"),
        (Reply(b"forbidden", 403), "HTTP 403"),
    ],
)
def test_answers_that_are_none_are_failures(reply: Reply, message: str) -> None:
    with scripted_node(lambda _: reply) as url, pytest.raises(RpcFailure, match=message):
        client(url).call("eth_a")
