"""Starting, stopping, saving and loading a local chain."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router.errors import InputError, RpcFailure
from router.localnet import DEFAULT_SCENARIO, Localnet, load_scenario, start_localnet
from router.localnet.rpc import LocalRpc

PROGRAM = """
import signal, time
from router.localnet import start_localnet
signal.signal(signal.SIGINT, signal.default_int_handler)
with start_localnet() as net:
    print(net.process.pid, flush=True)
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """True while the process exists and is not a zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def everything(net: Localnet) -> dict[str, int]:
    """Every pool's and the owner's balance in every token."""
    holders = [net.owner.address, *(pool["address"] for pool in net.deployment["pools"])]
    tokens = [token["address"] for token in net.deployment["tokens"]]
    return {f"{token} {holder}": net.balance_of(token, holder) for token in tokens for holder in holders}


def test_a_scenario_of_one_s_own_starts(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    text = DEFAULT_SCENARIO.read_text().replace("chain_id = 31337", "chain_id = 4242")
    path.write_text(text.replace('price = "2121.75"', 'price = "1900"'))
    with start_localnet(path, cache=False) as net:
        assert int(net.rpc.call("eth_chainId"), 16) == net.deployment["chain_id"] == 4242
        assert net.scenario.token("WETH").price == "1900"


def test_close_leaves_no_process_and_no_listener() -> None:
    with start_localnet() as net:
        url, pid = net.rpc_url, net.process.pid
        assert is_running(pid)
    assert not is_running(pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    with pytest.raises(RpcFailure, match="eth_chainId"):
        LocalRpc(url).call("eth_chainId")


def fail_inside(pids: list[int]) -> None:
    with start_localnet() as net:
        pids.append(net.process.pid)
        raise ValueError("from inside")


def test_close_follows_an_exception() -> None:
    pids: list[int] = []
    with pytest.raises(ValueError, match="from inside"):
        fail_inside(pids)
    assert not is_running(pids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and needs Linux's parent-death signal")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_node_behind(stop: signal.Signals) -> None:
    program = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(stop)
        process.wait(10)
    give_up = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not is_running(pid)


def test_two_chains_choose_different_ports(localnet: Localnet) -> None:
    with start_localnet() as other:
        assert other.rpc_url != localnet.rpc_url
        assert other.deployment == localnet.deployment


def test_port_is_the_one_asked_for() -> None:
    port = free_port()
    with start_localnet(port=port) as net:
        assert net.rpc_url == f"http://127.0.0.1:{port}"
        assert int(net.rpc.call("eth_chainId"), 16) == net.scenario.chain_id


def test_a_port_in_use_is_refused_with_what_the_node_said(localnet: Localnet) -> None:
    port = int(localnet.rpc_url.rsplit(":", 1)[1])
    with pytest.raises(RpcFailure, match="in use"), start_localnet(port=port):
        pass


def test_a_deployment_from_nothing_equals_the_cached_one(localnet: Localnet) -> None:
    with start_localnet(cache=False) as net:
        assert net.deployment == localnet.deployment
        assert net.world.contracts == localnet.world.contracts
        assert everything(net) == everything(localnet)


def test_state_out_and_state_in_continue_the_same_chain(tmp_path: Path) -> None:
    saved = tmp_path / "state.json"
    with start_localnet(state_out=saved) as net:
        pool = net.deployment["pools"][0]["address"]
        net.trade(pool, net.token("WETH"), net.token("USDC"), 10**18)
        before, head = everything(net), net.rpc.call("eth_getBlockByNumber", "latest", False)
    with start_localnet(state_in=saved) as net:
        same = net.rpc.call("eth_getBlockByNumber", head["number"], False)
        assert (same["hash"], same["stateRoot"]) == (head["hash"], head["stateRoot"])
        assert everything(net) == before
        net.trade(pool, net.token("WETH"), net.token("USDC"), 10**18)


def test_state_is_saved_after_an_exception(tmp_path: Path) -> None:
    saved = tmp_path / "state.json"
    with pytest.raises(ValueError, match="inside"), start_localnet(state_out=saved):
        raise ValueError("inside")
    with start_localnet(state_in=saved) as net:
        assert net.block_number() > 0


def test_block_time_mines_without_transactions() -> None:
    with start_localnet(block_time=1) as net:
        before = net.block_number()
        pool, weth, usdc = net.deployment["pools"][0]["address"], net.token("WETH"), net.token("USDC")
        assert net.trade(pool, weth, usdc, 10**18) > 0
        after_trade = net.block_number()
        time.sleep(2.5)
        assert net.block_number() > after_trade > before


def test_write_deployment_writes_the_deployment(localnet: Localnet, tmp_path: Path) -> None:
    localnet.write_deployment(tmp_path / "deployment.json")
    assert json.loads((tmp_path / "deployment.json").read_text()) == localnet.deployment
    assert [path.name for path in tmp_path.iterdir()] == ["deployment.json"]


def test_state_in_refuses_another_chain_s_state(localnet: Localnet, tmp_path: Path) -> None:
    localnet.dump(tmp_path / "state.json")
    other = tmp_path / "scenario.toml"
    other.write_text(DEFAULT_SCENARIO.read_text().replace("chain_id = 31337", "chain_id = 31338"))
    with (
        pytest.raises(InputError, match="31338"),
        start_localnet(other, state_in=tmp_path / "state.json", cache=False),
    ):
        pass


def test_state_out_in_a_missing_folder_is_refused_by_path(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "state.json"
    with pytest.raises(InputError, match="missing"), start_localnet(state_out=target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a local chain"),
        ('{"schema": "other/1"}', "schema is 'other/1'"),
        ("[]", "not a local chain"),
    ],
)
def test_state_in_refuses_what_is_no_state_file(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(InputError, match=reason), start_localnet(state_in=path):
        pass


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('native_token = "WETH"', 'native_token = "WEHT"', "did you mean 'WETH'"),
        ("chain_id = 31337", "chain_id = 0", "chain_id"),
        ("chain_id = 31337", "chainid = 31337", "chain_id"),
        ("chain_id = 31337", "chain_id = 31337\nextra = 1", "extra"),
        ('weights = ["0.8", "0.2"]', 'weights = ["0.8", "0.3"]', "sum to 1"),
        ('WETH = "0.30"', 'WETH = "0.31"', "sum to 1"),
        ("fee_pips = 10000", "fee_pips = 1234", "uniswap_v3"),
        ('price = "9.04"', 'price = "-9.04"', "price"),
    ],
)
def test_a_bad_scenario_is_refused_by_field(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = tmp_path / "scenario.toml"
    text = DEFAULT_SCENARIO.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=reason):
        load_scenario(path)
