"""The whole job from the command line, on a real chain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from router.cli.main import COMMANDS
from router.documents.schemas import export_schemas
from router.encoder import encode
from router.localnet import Localnet
from router.localnet.workspace import PASSWORD
from router.plan import Plan
from router.rebalancer import load_executable
from router.snapshot import price_text_to_e36
from tests.integration.operator import COMMAND, Workspace, check_document, process, rebalance


def test_from_first_look_to_verified_and_nothing_left_to_do(workspace: Workspace) -> None:
    doctor = workspace.run("doctor", "--json")
    assert (doctor.code, doctor.document["ok"]) == (0, True), doctor.stdout
    status = workspace.run("status", "--json").document
    assert (status["due"], status["verdict"], status["reason"]) == (True, "trade", "pays")
    pools = workspace.run("pools", "--json").document
    assert len(pools["pools"]) == len(workspace.net.deployment["pools"])
    plan = workspace.plan()
    simulation = workspace.run("simulate", workspace.plan_file, "--json")
    assert (simulation.code, simulation.document["equal"]) == (0, True)

    sent = workspace.send("--json")
    assert sent.code == 0, sent.stderr
    receipt = sent.document
    assert all(row["equal"] for row in receipt["amounts"])
    assert all(check["ok"] for check in receipt["verification"])
    assert receipt["gas_used"] == simulation.document["gas"]

    status = workspace.run("status", "--json").document
    assert status["verdict"] == "hold"
    assert status["reason"] in ("inside_no_trade_region", "below_fixed_cost")
    after = {row["token"]: row["raw"] for row in status["tokens"]}
    assert after == plan["holdings_after"]
    again = workspace.run("plan", "--json")
    assert (again.code, again.document["verdict"]) == (3, "hold")
    decoded = workspace.run("decode", receipt["transactions"][-1], "--json")
    assert decoded.code == 0
    assert decoded.document["payload"] == plan["payload"]


def test_the_same_for_people(workspace: Workspace) -> None:
    for command in ("doctor", "status", "pools"):
        done = workspace.run(command)
        assert done.code == 0, done.stderr
        assert "…" not in done.stdout
    assert workspace.run("plan", "--anyway", "--out", workspace.plan_file).code == 0
    assert workspace.run("decode", workspace.plan_file).code == 0
    assert workspace.run("simulate", workspace.plan_file).code == 0
    done = workspace.send()
    assert done.code == 0
    assert "Verification" in done.stdout
    assert "transaction 0x" in done.stderr
    done = workspace.run("plan", "--anyway")
    assert done.code == 3
    assert "within 25 bp" in done.stderr
    done = workspace.run("plan")
    assert done.code == 3
    assert "hold: every weight is at its target" in done.stderr


def test_a_trigger_fires_once_and_its_journal_replays(workspace: Workspace) -> None:
    journal = workspace.folder / "trigger.jsonl"

    def status() -> dict[str, Any]:
        return workspace.run("status", "--json", "--journal", journal).document

    first = status()
    assert (first["due"], first["verdict"], first["reason"]) == (True, "trade", "pays")
    again = status()
    assert (again["due"], again["verdict"], again["reason"]) == (False, "hold", "in_flight")
    workspace.plan()
    assert workspace.send("--json", "--journal", journal).code == 0
    done = status()
    assert (done["verdict"], done["due"]) == ("hold", True)
    replayed = rebalance("replay", journal, "--json").document
    assert replayed["holds"]
    told = [line["what"] for line in replayed["lines"]]
    assert told == ["fired", "held", "completed", "fired", "declined"]
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:1] * 2))
    refused = rebalance("replay", journal)
    assert refused.code == 4
    assert "not what was recorded: line 2" in refused.stderr


def test_a_send_that_is_refused_may_be_tried_again(workspace: Workspace) -> None:
    journal = workspace.folder / "trigger.jsonl"
    assert workspace.run("status", "--json", "--journal", journal).document["due"]
    moved(workspace, 3)
    refused = workspace.send("--json", "--journal", journal)
    assert refused.code in (4, 5)
    lines = rebalance("replay", journal, "--json").document["lines"]
    assert [line["what"] for line in lines] == ["fired", "failed"]
    later = workspace.run("status", "--json", "--journal", journal).document
    assert later["reason"] == "retry_wait"


def test_sending_again_sends_nothing(workspace: Workspace) -> None:
    workspace.plan()
    first = workspace.send("--json").document
    nonce, balances = workspace.nonce(), workspace.balances()
    second = workspace.send("--json")
    assert second.code == 0, second.stderr
    assert second.document["transactions"] == first["transactions"][-1:]
    assert (workspace.nonce(), workspace.balances()) == (nonce, balances)


def test_every_json_document_of_commands_without_a_node_is_valid(tmp_path: Path) -> None:
    assert rebalance("init", tmp_path / "new", "--json").document["files"]
    names = rebalance("schema", "--json").document["schemas"]
    assert set(names) == set(export_schemas())
    for name in names:
        assert json.loads(rebalance("schema", name).stdout)["$schema"].endswith("2020-12/schema")
    written = rebalance("schema", "--out", tmp_path / "schemas", "--json").document["files"]
    assert sorted(Path(each).name for each in written) == sorted(f"{name}.schema.json" for name in names)
    assert rebalance("no-such-command", "--json").document["exit_code"] == 2


def test_what_init_writes_is_read_and_asks_for_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = rebalance("init")
    assert (done.code, done.stdout.splitlines()) == (0, ["rebalance.toml", "portfolio.toml"])
    done = rebalance("status")
    assert done.code == 2
    assert "portfolio.toml: owner: is the zero address" in done.stderr
    assert rebalance("init").code == 2
    assert rebalance("init", "--force").code == 0


def test_help_names_every_command() -> None:
    shown = process("--help")
    assert shown.code == 0
    assert process() == shown
    assert all(f"\n  {name} " in shown.stdout for name in COMMANDS)
    for name in COMMANDS:
        assert rebalance(name, "--help").code == 0
    assert process("--version").stdout.startswith("rebalance, version ")


def moved(workspace: Workspace, share: int) -> Plan:
    """A plan, and then somebody sells ahead of it `share` times what its largest swap sells."""
    workspace.plan("--anyway")
    plan = load_executable(workspace.plan_file)
    decimals = {each["address"]: each["decimals"] for each in workspace.net.deployment["tokens"]}

    def value(place: int) -> int:
        swap = plan.swaps[place]
        return swap.amount_in * price_text_to_e36(plan.prices[swap.token_in], decimals[swap.token_in])

    largest = plan.swaps[max(range(len(plan.swaps)), key=value)]
    workspace.net.trade(largest.pool, largest.token_in, largest.token_out, largest.amount_in * share)
    return plan


def test_a_pool_that_moved_a_little_is_a_mismatch(workspace: Workspace) -> None:
    workspace.plan()
    plan = load_executable(workspace.plan_file)
    swap = plan.swaps[-1]
    workspace.net.trade(swap.pool, swap.token_in, swap.token_out, swap.amount_in // 1_000)
    nonce, balances = workspace.nonce(), workspace.balances()
    simulated = workspace.run("simulate", workspace.plan_file, "--json")
    assert (simulated.code, simulated.document["equal"]) == (4, False)
    refused = workspace.send("--json")
    assert (refused.code, refused.document["error"]) == (4, "SimulationMismatch")
    assert (workspace.nonce(), workspace.balances()) == (nonce, balances)


def test_a_pool_that_moved_far_reverts_in_the_simulation(workspace: Workspace) -> None:
    moved(workspace, 40)
    nonce, balances = workspace.nonce(), workspace.balances()
    simulated = workspace.run("simulate", workspace.plan_file, "--json")
    assert simulated.code == 5
    reason = simulated.document["revert"]
    assert reason["name"] in simulated.stderr
    refused = workspace.send("--within-bounds", "--json")
    assert (refused.code, refused.document["revert"]["name"]) == (5, reason["name"])
    assert (workspace.nonce(), workspace.balances()) == (nonce, balances)


def test_an_expired_plan_is_refused(workspace: Workspace) -> None:
    deadline = workspace.plan()["bounds"]["deadline"]
    workspace.net.rpc.call("evm_setNextBlockTimestamp", hex(deadline + 1))
    workspace.net.mine()
    nonce = workspace.nonce()
    refused = workspace.send("--json")
    assert (refused.code, refused.document["error"]) == (5, "DeadlinePassed"), refused.stderr
    assert workspace.nonce() == nonce


def test_no_output_holds_the_key_the_password_or_the_url(workspace: Workspace) -> None:
    token = "s3cr3t-t0k3n"
    workspace.edit("rebalance.toml", workspace.net.rpc_url, workspace.net.rpc_url + f"/?key={token}")
    workspace.plan()
    runs = [workspace.run(command) for command in ("doctor", "status", "pools", "plan")]
    runs += [workspace.run("simulate", workspace.plan_file), workspace.send("--json")]
    runs.append(workspace.run("decode", workspace.plan_file))
    workspace.edit("rebalance.toml", workspace.net.rpc_url, "http://user:s3cr3t@127.0.0.1:9")
    runs.append(workspace.run("doctor", "--json"))
    assert runs[-1].code == 6
    said = "".join(each.stdout + each.stderr for each in runs)
    kept = "".join(path.read_text() for path in (workspace.folder / "cache").glob("sent-*.json"))
    for secret in (*workspace.secrets, token, "s3cr3t"):
        assert secret not in said + kept


def test_wrong_and_careless_passwords_are_refused(workspace: Workspace) -> None:
    workspace.plan()
    nonce, password = workspace.nonce(), workspace.folder / "password"
    password.write_text("not the one\n")
    wrong = workspace.send("--json")
    assert (wrong.code, wrong.document["message"]) == (2, "wrong password")
    assert "not the one" not in wrong.stdout + wrong.stderr
    password.chmod(0o644)
    careless = workspace.send("--json")
    assert (careless.code, careless.document["error"]) == (4, "GuardRefused")
    assert "chmod 600" in careless.stderr
    nobody = workspace.run("send", workspace.plan_file, "--yes", "--json")
    assert nobody.code == 2
    assert "REBALANCE_PASSWORD" in nobody.stderr
    assert workspace.nonce() == nonce


def test_json_without_yes_and_nobody_to_ask_send_nothing(workspace: Workspace) -> None:
    workspace.plan()
    nonce = workspace.nonce()
    password = ("--password-file", workspace.folder / "password")
    refused = workspace.run("send", workspace.plan_file, *password, "--json")
    assert (refused.code, refused.document["path"]) == (2, "--yes")
    asked = process("send", workspace.plan_file, *password, "--config", workspace.config)
    assert asked.code == 130
    assert "Send from 0x" in asked.stderr
    assert workspace.nonce() == nonce


def test_another_owners_key_is_refused(workspace: Workspace, fresh_chain: Localnet) -> None:
    workspace.plan()
    key = bytes.fromhex(fresh_chain.trader.private_key.removeprefix("0x"))
    other = workspace.folder / "other.json"
    other.write_text(json.dumps(Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1_000)))
    refused = workspace.send("--keystore", other, "--json")
    assert refused.code == 2
    assert fresh_chain.trader.address in refused.stderr
    doctor = workspace.folder / "rebalance.toml"
    doctor.write_text(doctor.read_text().replace("owner.json", "other.json"))
    assert workspace.run("doctor", "--json").code == 6


def test_a_fee_cap_below_the_base_fee_sends_nothing(workspace: Workspace) -> None:
    workspace.plan()
    nonce = workspace.nonce()
    refused = workspace.send("--max-fee-gwei", "0.0001", "--json")
    assert (refused.code, refused.document["error"]) == (4, "GuardRefused")
    assert workspace.nonce() == nonce
    assert workspace.send("--max-fee-gwei", "-1", "--json").code == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_localnet_is_usable_at_once_and_stops_cleanly(stop: signal.Signals, tmp_path: Path) -> None:
    folder, state = tmp_path / "ws", tmp_path / "state.json"
    command = [COMMAND, "localnet", "--json", "--out", str(folder), "--state-out", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            text = ""
            while not text.rstrip().endswith("\n}"):
                text += running.stdout.readline()
            document = json.loads(text)
            check_document(document)
            assert document["rpc_url"] in (folder / "rebalance.toml").read_text()
            assert rebalance("status", "--config", folder / "rebalance.toml").code == 0
        finally:
            running.send_signal(stop)
        assert running.wait(20) == 0
        said = running.stderr.read()
    assert "stopped" in said
    assert "Traceback" not in said
    assert state.stat().st_size


def test_a_broken_pipe_is_no_error(workspace: Workspace) -> None:
    command = f"{COMMAND} pools --json --config {workspace.config} | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "{")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_stdout_that_takes_nothing_is_told(form: tuple[str, ...], workspace: Workspace) -> None:
    command = [COMMAND, "pools", "--config", str(workspace.config), *form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=180
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_payload_bytes_and_calldata_decode_alike(workspace: Workspace) -> None:
    from router.encoder import execute_calldata

    document = workspace.plan()
    payload = encode(load_executable(workspace.plan_file).program)  # type: ignore[arg-type]
    assert document["payload"] == "0x" + payload.hex()
    shown = [
        workspace.run("decode", text, "--json").document
        for text in (str(workspace.plan_file), "0x" + payload.hex(), "0x" + execute_calldata(payload).hex())
    ]
    assert shown[0] == shown[1] == shown[2]
