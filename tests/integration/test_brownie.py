"""Brownie's commands as a newcomer runs them: an empty home, and nothing but the checkout."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from router.documents.deployment import load_deployment
from router.localnet import Localnet, start_localnet

ROOT = Path(__file__).parents[2]
TOOL = Path(sys.executable).parent / "brownie"
SECONDS = 240
PARTS = ("contracts", "interfaces", "scripts", "tests/brownie", "build/contracts", "build/interfaces")
"""Folders that make a Brownie project of the checkout."""

pytestmark = pytest.mark.skipif(
    not (TOOL.exists() and (ROOT / "build/solc").is_dir()),
    reason="Brownie or the compiler is not set up: run `make setup contracts`",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@dataclass(frozen=True)
class Brownie:
    """The command, with a home of its own; its development chain is on `port`."""

    home: Path
    project: Path
    port: int

    def __call__(self, *arguments: str, typed: str = "", **variables: str) -> str:
        """Standard output of a command that succeeds."""
        done = self.run(*arguments, typed=typed, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("REBALANCE_")}
        path = f"{TOOL.parent}:{ROOT}/node_modules/.bin:{os.environ['PATH']}"
        return subprocess.run(
            [str(TOOL), *arguments],
            cwd=self.project,
            env={**own, "HOME": str(self.home), "PATH": path, "SOLCX_BINARY_PATH": f"{ROOT}/build/solc"}
            | variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def without_dots(folder: Path) -> Path:
    """The checkout, or a copy where its path has a dot: Brownie imports scripts with dots for slashes."""
    if not any("." in part for part in ROOT.parts):
        return ROOT
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    shutil.copy(ROOT / "brownie-config.yaml", folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


@pytest.fixture(scope="module")
def brownie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brownie]:
    """Compiles on first use; fails where a command leaves its node running."""
    project = without_dots(tmp_path_factory.mktemp("checkout"))
    command = Brownie(tmp_path_factory.mktemp("home"), project, free_port())
    command("networks", "modify", "development", f"port={command.port}")
    command("compile")
    yield command
    assert is_free(command.port)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Localnet]:
    """A chain to fork. Not the session's, whose blocks other tests undo."""
    with start_localnet() as net:
        yield net


def test_compile_has_nothing_to_do_the_second_time(brownie: Brownie) -> None:
    assert "Compiling contracts" not in brownie("compile")


def test_deploy_prints_factory_and_executor(brownie: Brownie) -> None:
    said = brownie("run", "deploy").split()
    for name in ("factory", "executor", "owner"):
        assert said[said.index(name) + 1].startswith("0x")


def test_rebalance_lands_on_the_development_chain(brownie: Brownie) -> None:
    assert "planned, simulated and executed amounts are equal" in brownie("run", "rebalance")


def test_console_has_the_contracts(brownie: Brownie) -> None:
    said = brownie("console", typed="print(RebalanceExecutorFactory._name + '!', len(accounts))\nexit()\n")
    assert "RebalanceExecutorFactory! 10" in said


@pytest.mark.parametrize("factory_known", [True, False])
def test_rebalance_on_a_fork_leaves_the_forked_chain_alone(
    brownie: Brownie, upstream: Localnet, tmp_path: Path, factory_known: bool
) -> None:
    network, port, block = f"fork-{factory_known}".lower(), free_port(), upstream.block_number()
    fork = f"fork={upstream.rpc_url}@{block}"
    brownie(
        "networks", "add", "development", network, "cmd=anvil", "host=http://127.0.0.1", f"port={port}", fork
    )
    deployment, portfolio = tmp_path / "deployment.json", tmp_path / "portfolio.toml"
    known = {} if factory_known else {"executor_factory": None}
    deployment.write_text(json.dumps({**upstream.deployment, **known}))
    portfolio.write_text(upstream.portfolio_toml())
    said = brownie(
        *("run", "rebalance", "--network", network),
        REBALANCE_DEPLOYMENT=str(deployment),
        REBALANCE_PORTFOLIO=str(portfolio),
    )
    assert "planned, simulated and executed amounts are equal" in said
    assert f"Simulation on block {block + (1 if factory_known else 2)}" in said
    assert upstream.block_number() == block
    assert is_free(port)


def live_network(brownie: Brownie, upstream: Localnet) -> str:
    network = f"live-{upstream.rpc_url.rpartition(':')[2]}"
    listed = brownie("networks", "list")
    if network not in listed:
        brownie("networks", "add", "Local", network, f"host={upstream.rpc_url}", "chainid=31337")
    return network


def test_rebalance_refuses_a_live_network(brownie: Brownie, upstream: Localnet) -> None:
    done = brownie.run("run", "rebalance", "--network", live_network(brownie, upstream))
    assert done.returncode == 1
    assert "this network is live" in done.stdout


def test_deploy_on_a_live_network_loads_the_named_account(
    brownie: Brownie, upstream: Localnet, tmp_path: Path
) -> None:
    network = live_network(brownie, upstream)
    refused = brownie.run("run", "deploy", "--network", network)
    assert "REBALANCE_ACCOUNT" in refused.stdout
    key, password = upstream.accounts[5].private_key, "correct horse"
    store = (
        "from brownie import accounts; import sys; "
        "accounts.add(sys.argv[1]).save('operator', password=sys.argv[2])"
    )
    subprocess.run(
        [sys.executable, "-c", store, key, password],
        env={**os.environ, "HOME": str(brownie.home)},
        cwd=tmp_path,
        check=True,
    )
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps({**upstream.deployment, "executor_factory": None}))
    said = brownie(
        *("run", "deploy", "--network", network),
        REBALANCE_ACCOUNT="operator",
        REBALANCE_PASSWORD=password,
        REBALANCE_DEPLOYMENT=str(path),
    )
    assert upstream.accounts[5].address in said.lower()
    assert load_deployment(path).executor_factory
