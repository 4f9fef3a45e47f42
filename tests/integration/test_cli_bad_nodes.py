"""What bad nodes and wrong deployments get: exit code 6, the call named, nothing sent twice."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from typing import Any

import pytest

from router.chain import rpc
from router.chain.rpc import RpcClient
from tests.integration.operator import COMMAND, Run, Workspace
from tests.unit.chain.scripted_node import Reply, Script, forward, scripted_node

SENDS = "eth_sendRawTransaction"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setitem(RpcClient.__init__.__kwdefaults__, "timeout_seconds", 1.0)
    monkeypatch.setitem(RpcClient.__init__.__kwdefaults__, "budget_seconds", 1.0)


def methods(request: Any) -> list[str]:
    return [one["method"] for one in (request if isinstance(request, list) else [request])]


def behind(workspace: Workspace, script: Script, command: str, *arguments: str) -> Run:
    """Runs a command whose node is the script."""
    with scripted_node(script) as url:
        run = workspace.run(command, *arguments, "--rpc", url)
    assert "secret-key" not in run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    return run


def failed(run: Run, error: str, said: str) -> None:
    assert run.code == 6, run.stderr
    document = run.document
    assert document["error"] == error
    assert said in document["message"]


def result(value: Any) -> Script:
    """Answers every call alike."""

    def script(request: Any) -> Reply:
        calls = request if isinstance(request, list) else [request]
        answers = [{"jsonrpc": "2.0", "id": one["id"], "result": value} for one in calls]
        return Reply(answers if isinstance(request, list) else answers[0])

    return script


BAD_NODES: dict[str, tuple[Script, str]] = {
    "stalls": (lambda _: Reply({}, delay_seconds=3), "RpcFailure"),
    "drips": (lambda _: Reply({"jsonrpc": "2.0", "id": 1, "result": "0x1"}, drip_seconds=0.2), "RpcFailure"),
    "truncates": (lambda _: Reply({"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}, cut=9), "RpcFailure"),
    "limits": (lambda _: Reply({}, status=429), "RpcFailure"),
    "fails": (lambda _: Reply(b"<html>", status=502), "RpcFailure"),
    "is no node": (lambda _: Reply(b"hello"), "RpcFailure"),
    "says nothing": (result(None), "InconsistentAnswer"),
    "says rubbish": (result("rubbish"), "InconsistentAnswer"),
    "another chain": (result("0x1"), "ChainIdMismatch"),
}


@pytest.mark.parametrize("name", BAD_NODES)
def test_a_bad_node_is_named_with_the_call(name: str, workspace: Workspace) -> None:
    script, error = BAD_NODES[name]
    run = behind(workspace, script, "status", "--json")
    failed(run, error, "chain" if error == "ChainIdMismatch" else "eth_chainId")


def test_no_node_at_all(workspace: Workspace) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        run = workspace.run("pools", "--rpc", f"http://127.0.0.1:{held.getsockname()[1]}", "--json")
    failed(run, "RpcFailure", "connection refused")


def test_a_node_that_dies_in_the_middle_is_resumed_from_the_cache(workspace: Workspace) -> None:
    count = 0

    def dies(request: Any) -> Reply:
        nonlocal count
        count += 1
        return Reply(forward(workspace.net.rpc_url, request)) if count < 6 else Reply(b"", status=503)

    failed(behind(workspace, dies, "pools", "--json"), "RpcFailure", "503")
    assert workspace.run("pools", "--json").code == 0


def test_a_node_without_the_block_is_bad_input(workspace: Workspace) -> None:
    run = workspace.run("pools", "--block", "100000", "--json")
    assert (run.code, run.document["path"]) == (2, "block")


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('"chain_id": 31337', '"chain_id": 1', "ChainIdMismatch", "serves chain 31337"),
        ('"decimals": 6', '"decimals": 8', "InconsistentAnswer", "decimals"),
    ],
)
def test_a_deployment_that_is_not_the_chains(
    old: str, new: str, error: str, said: str, workspace: Workspace
) -> None:
    workspace.edit("deployment.json", old, new)
    failed(workspace.run("plan", "--out", workspace.plan_file, "--json"), error, said)
    assert not workspace.plan_file.exists()


def test_a_pool_address_without_code_is_named(workspace: Workspace) -> None:
    path = workspace.folder / "deployment.json"
    document = json.loads(path.read_text())
    document["pools"][0]["address"] = "0x" + "ab" * 20
    path.write_text(json.dumps(document))
    failed(workspace.run("pools", "--json"), "MissingCode", "0x" + "ab" * 20)


def test_a_deployment_with_a_bad_checksum_is_bad_input(workspace: Workspace) -> None:
    path = workspace.folder / "deployment.json"
    document = json.loads(path.read_text())
    document["tokens"][2]["address"] = "0x5fbDB2315678afecb367f032d93F642f64180aa3"
    path.write_text(json.dumps(document))
    run = workspace.run("pools", "--json")
    assert (run.code, run.document["path"]) == (2, "deployment.json: tokens[2].address")
    assert run.document["nearest"] == "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def test_a_plan_of_another_chain_is_refused(workspace: Workspace) -> None:
    workspace.plan()
    document = json.loads(workspace.plan_file.read_text())
    workspace.plan_file.write_text(json.dumps(document | {"chain_id": 1}))
    failed(workspace.run("simulate", workspace.plan_file, "--json"), "ChainIdMismatch", "chain 1")
    failed(workspace.send("--json"), "ChainIdMismatch", "chain 1")


def test_a_portfolio_of_another_chain_is_refused(workspace: Workspace) -> None:
    workspace.edit("portfolio.toml", "tolerance_bps", "chain_id = 1\ntolerance_bps")
    run = workspace.run("plan", "--json")
    assert (run.code, run.document["path"]) == (2, "portfolio.toml: chain_id")


def test_a_deployment_without_the_executor_says_how_to_get_it(workspace: Workspace) -> None:
    workspace.plan()
    path = workspace.folder / "deployment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"executor_factory": None}))
    run = workspace.run("simulate", workspace.plan_file, "--json")
    assert run.code == 2
    assert "brownie run deploy" in run.document["message"]


@pytest.mark.parametrize(("last", "arrives"), [(1, False), (3, True)])
def test_a_send_that_is_killed_resumes(last: int, arrives: bool, workspace: Workspace) -> None:
    """The journal knows a transaction that, at the moment of the crash, has reached the chain or has not."""
    workspace.plan()
    before, seen = workspace.nonce(), 0
    password = ("--password-file", workspace.folder / "password", "--yes", "--config", workspace.config)

    def kills(request: Any) -> Reply:
        nonlocal seen
        seen += SENDS in methods(request)
        if SENDS not in methods(request) or seen < last or arrives:
            reply = Reply(forward(workspace.net.rpc_url, request))
        if SENDS in methods(request) and seen == last:
            running.kill()
            return Reply(b"", status=503)
        return reply

    with scripted_node(kills) as url:
        command = [COMMAND, "send", str(workspace.plan_file), *map(str, password), "--rpc", url]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            assert running.wait(60) == -signal.SIGKILL
    assert workspace.nonce() == before + (last if arrives else last - 1)

    resumed = workspace.send("--json")
    assert resumed.code == 0, resumed.stderr
    assert all(check["ok"] for check in resumed.document["verification"])
    after = workspace.nonce()
    again = workspace.send("--json")
    assert (again.code, workspace.nonce()) == (0, after)
