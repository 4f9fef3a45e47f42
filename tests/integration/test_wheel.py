"""The built wheel in an empty environment: it brings no toolchain, and can plan, decode and simulate."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.operator import Workspace

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MUST_HOLD = (
    "router/py.typed",
    "router/artifacts/RebalanceExecutor.json",
    "router/artifacts/RebalanceExecutorFactory.json",
    "router/deployments/mainnet.json",
    "router/localnet/scenario.toml",
)


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, folder=out)
    return next(out.glob("atomic_rebalance-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it needs."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", home, folder=home)
    pip = (home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    run(*pip, "--prefer-binary", wheel, folder=home)
    return home / "bin"


def test_the_wheel_holds_everything_that_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert set(MUST_HOLD) <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "contracts/"))]


def test_no_toolchain_comes_with_it(installed: Path, tmp_path: Path) -> None:
    listed = json.loads(run(installed / "python", "-m", "pip", "list", "--format=json", folder=tmp_path))
    names = {each["name"].lower().replace("_", "-") for each in listed}
    assert {"atomic-rebalance", "web3", "networkx", "pyrevm"} <= names
    assert not {"eth-brownie", "py-solc-x", "pytest", "hypothesis"} & names


def test_it_plans_decodes_and_simulates_outside_the_checkout(
    installed: Path, workspace: Workspace, tmp_path: Path
) -> None:
    rebalance, plan = installed / "rebalance", tmp_path / "plan.json"
    files = ("--snapshot", EXAMPLES / "market.json", "--portfolio", EXAMPLES / "portfolio.toml")
    run(rebalance, "plan", *files, "--out", plan, folder=tmp_path)
    decoded = json.loads(run(rebalance, "decode", plan, "--json", folder=tmp_path))
    assert decoded["payload"] == json.loads(plan.read_text())["payload"]
    on_chain = tmp_path / "on-chain.json"
    status = json.loads(run(rebalance, "status", "--config", workspace.config, "--json", folder=tmp_path))
    assert (status["due"], status["judgement"]) == (True, None)
    with pytest.raises(AssertionError, match=r"needs Clarabel: pip install 'atomic-rebalance\[strategy\]'"):
        run(rebalance, "plan", "--config", workspace.config, folder=tmp_path)
    asked = ("plan", "--anyway", "--config", workspace.config, "--out", on_chain)
    run(rebalance, *asked, folder=tmp_path)
    simulated = run(rebalance, "simulate", on_chain, "--config", workspace.config, "--json", folder=tmp_path)
    assert json.loads(simulated)["equal"]
