"""The reader behind a node that lies, stalls, truncates, limits, dies or reorganises."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.chain import rpc
from router.chain.abi import DECIMALS, LIQUIDITY, SLOT0, Function
from router.chain.reader import read_snapshot
from router.chain.rpc import RpcClient
from router.documents import Deployment
from router.errors import ChainIdMismatch, InconsistentAnswer, Reorganised, RpcFailure
from router.localnet import Localnet
from router.snapshot import Snapshot
from tests.integration.test_reader_on_localnet import small
from tests.unit.chain.scripted_node import Reply, Script, forward, scripted_node


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_FIRST_PAUSE_SECONDS", 0.01)


def read_behind(
    script: Script, deployment: Deployment, block: int | str = "latest", **options: Any
) -> Snapshot:
    with scripted_node(script) as url:
        client = RpcClient(url, timeout_seconds=2.0, budget_seconds=2.0)
        try:
            return read_snapshot(client, deployment, block, use_multicall3=False, **options)
        finally:
            client.close()


def calls_of(request: Any) -> list[Any]:
    return request if isinstance(request, list) else [request]


def lying(net: Localnet, function: Function, lie: Callable[[str], str]) -> Script:
    """Passes on to the chain, and changes the answer of one function."""
    selector = "0x" + function.call("0x" + "0" * 40).data.hex()

    def script(request: Any) -> Reply:
        answers = forward(net.rpc_url, request)
        for one, answer in zip(calls_of(request), calls_of(answers), strict=True):
            if one["method"] == "eth_call" and one["params"][0]["data"] == selector:
                answer["result"] = lie(answer["result"])
        return Reply(answers)

    return script


@pytest.mark.parametrize(
    ("function", "lie", "message"),
    [
        (
            LIQUIDITY,
            lambda text: hex(int(text, 16) + 1),
            "liquidity of 0x.*ticks up to the current one sum to",
        ),
        (SLOT0, lambda text: "0x" + "00" * 64, "slot0 of 0x.*no price"),
        (SLOT0, lambda text: text[:66] + f"{5:064x}", "liquidity of 0x|cannot be true"),
        (DECIMALS, lambda _: hex(77), "decimals of 0x"),
        (DECIMALS, lambda _: "0x12", "decimals of 0x"),
    ],
)
def test_a_lie_is_noticed(
    localnet: Localnet, function: Function, lie: Callable[[str], str], message: str
) -> None:
    deployment = small(localnet)

    def padded(text: str) -> str:
        changed = lie(text)
        return changed if len(changed) > 20 or changed == "0x12" else f"0x{int(changed, 16):064x}"

    with pytest.raises(InconsistentAnswer, match=message):
        read_behind(lying(localnet, function, padded), deployment)


def test_a_node_of_another_chain_is_refused(localnet: Localnet) -> None:
    def script(request: Any) -> Reply:
        return Reply({"jsonrpc": "2.0", "id": request["id"], "result": "0x1"})

    with pytest.raises(ChainIdMismatch, match="serves chain 1, not chain 31337"):
        read_behind(script, small(localnet))


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply({"result": "0x"}, cut=3), "eth_call: .*no whole JSON"),
        (Reply(b"", 429), "eth_call: .*429"),
        (Reply({}, delay_seconds=3), "eth_call: .*did not answer in 2 s"),
    ],
)
def test_lasting_trouble_names_the_call(localnet: Localnet, reply: Reply, message: str) -> None:
    def script(request: Any) -> Reply:
        first = calls_of(request)[0]
        return reply if first["method"] == "eth_call" else Reply(forward(localnet.rpc_url, request))

    with pytest.raises(RpcFailure, match=message):
        read_behind(script, small(localnet))


def test_passing_trouble_changes_nothing(localnet: Localnet) -> None:
    trouble = itertools.cycle([Reply(b"", 429), Reply({"result": "0x12"}, cut=2), Reply(b"", 503), None])

    def script(request: Any) -> Reply:
        return next(trouble) or Reply(forward(localnet.rpc_url, request))

    deployment, block = small(localnet), localnet.block_number()
    assert read_behind(script, deployment, block) == read_snapshot(localnet.rpc_url, deployment, block)


def test_a_node_with_small_limits_gives_an_equal_snapshot(localnet: Localnet) -> None:
    def script(request: Any) -> Reply:
        if isinstance(request, list) and len(request) > 30:
            return Reply({"id": None, "error": {"code": -32600, "message": "batch too large"}})
        return Reply(forward(localnet.rpc_url, request))

    deployment, block = small(localnet), localnet.block_number()
    assert read_behind(script, deployment, block) == read_snapshot(localnet.rpc_url, deployment, block)


def by_number_only(net: Localnet, request: Any) -> Any:
    """What a node without EIP-1898 answers."""
    first = calls_of(request)[0]
    if isinstance(request, dict) and any(
        isinstance(part, dict) and "blockHash" in part for part in first["params"]
    ):
        return {
            "jsonrpc": "2.0",
            "id": request["id"],
            "error": {"code": -32602, "message": "invalid argument"},
        }
    return forward(net.rpc_url, request)


def test_a_node_without_block_hashes_gives_an_equal_snapshot(localnet: Localnet) -> None:
    deployment, block = small(localnet), localnet.block_number()
    found = read_behind(lambda request: Reply(by_number_only(localnet, request)), deployment, block)
    assert found == read_snapshot(localnet.rpc_url, deployment, block)


@pytest.mark.parametrize("takes_hashes", [True, False])
def test_a_reorganised_block_is_noticed(fresh_chain: Localnet, takes_hashes: bool) -> None:
    deployment = small(fresh_chain)
    mark = fresh_chain.snapshot()
    fresh_chain.mine()
    later = int(fresh_chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 1
    fresh_chain.mine()
    state = {"calls": 0}

    def script(request: Any) -> Reply:
        if calls_of(request)[0]["method"] == "eth_call":
            state["calls"] += 1
            if state["calls"] == 3:
                fresh_chain.revert(mark)
                fresh_chain.rpc.call("evm_setNextBlockTimestamp", later)
                fresh_chain.mine(2)
        pass_on = forward if takes_hashes else lambda _, asked: by_number_only(fresh_chain, asked)
        return Reply(pass_on(fresh_chain.rpc_url, request))

    with pytest.raises(Reorganised, match="when the read began"):
        read_behind(script, deployment)


def test_an_interrupted_read_resumes_from_the_cache(localnet: Localnet, tmp_path: Path) -> None:
    deployment, block = small(localnet), localnet.block_number()
    sent = {"calls": 0, "until": 3}

    def script(request: Any) -> Reply:
        if calls_of(request)[0]["method"] == "eth_call":
            sent["calls"] += len(calls_of(request))
            sent["until"] -= 1
            if sent["until"] < 0:
                return Reply(b"gone", 403)
        return Reply(forward(localnet.rpc_url, request))

    with pytest.raises(RpcFailure, match="403"):
        read_behind(script, deployment, block, cache_dir=tmp_path)
    sent |= {"calls": 0, "until": 10**9}
    resumed = read_behind(script, deployment, block, cache_dir=tmp_path)
    asked_resumed, sent["calls"] = sent["calls"], 0
    fresh = read_behind(script, deployment, block)
    assert resumed == fresh
    assert 0 < asked_resumed < sent["calls"]
    sent["calls"] = 0
    assert read_behind(script, deployment, block, cache_dir=tmp_path) == fresh
    assert sent["calls"] == 0


def test_a_lie_is_not_kept_in_the_cache(localnet: Localnet, tmp_path: Path) -> None:
    deployment, block = small(localnet), localnet.block_number()
    liar = lying(localnet, LIQUIDITY, lambda text: f"0x{int(text, 16) + 1:064x}")
    with pytest.raises(InconsistentAnswer):
        read_behind(liar, deployment, block, cache_dir=tmp_path)
    honest = read_snapshot(localnet.rpc_url, deployment, block, cache_dir=tmp_path)
    assert honest == read_snapshot(localnet.rpc_url, deployment, block)
