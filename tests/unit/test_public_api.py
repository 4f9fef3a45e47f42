"""What integrators may import, and what importing costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import router

NAMES = [
    "Advice",
    "Chain",
    "ChainError",
    "Cost",
    "Decision",
    "Deployment",
    "Discipline",
    "ExecutionReverted",
    "GuardRefused",
    "Infeasible",
    "InputError",
    "Judgement",
    "KeySigner",
    "LoanPolicy",
    "Localnet",
    "MarketCost",
    "NothingToDo",
    "Outcome",
    "Plan",
    "PlannedLoan",
    "PlannedSwap",
    "Portfolio",
    "PortfolioFile",
    "Program",
    "RemoteSigner",
    "RouterError",
    "SendOptions",
    "Sent",
    "Settlement",
    "Signer",
    "Simulation",
    "Snapshot",
    "Standing",
    "Token",
    "Verdict",
    "advise",
    "connect",
    "decide",
    "decode",
    "encode",
    "format_amount",
    "load_deployment",
    "load_keystore",
    "load_plan",
    "load_portfolio",
    "load_portfolio_file",
    "load_snapshot",
    "look",
    "make_plan",
    "measure_cost",
    "parse_amount",
    "payload_of",
    "read_market",
    "read_portfolio",
    "replay_plan",
    "save_plan",
    "save_snapshot",
    "send_plan",
    "simulate_plan",
    "start_localnet",
    "status_file",
]


def test_the_public_names_are_pinned() -> None:
    assert list(router.__all__) == NAMES == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_loads(name: str) -> None:
    value = getattr(router, name)
    assert getattr(value, "__doc__", None)
    assert name in dir(router)


def test_no_public_name_is_also_a_module() -> None:
    package = Path(router.__file__).parent
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & set(NAMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'no_such_name'"):
        router.no_such_name  # noqa: B018


PROBE = """
import socket, sys
def refuse(*_, **__): raise SystemExit("a socket was opened")
socket.socket = refuse
import router
heavy = {"web3", "pydantic", "networkx", "requests", "pyrevm", "click", "rich"} & set(sys.modules)
raise SystemExit(f"imported {heavy}" if heavy else 0)
"""


def test_importing_the_package_loads_nothing_heavy_and_opens_no_socket() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
