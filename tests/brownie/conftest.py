"""Brownie's own chain on a free port, one factory, and a clean chain for each test."""

from __future__ import annotations

import socket
from typing import Any

import brownie
import pytest

GAS_LIMIT = 10_000_000
"""For every transaction: below EIP-7825's cap, whatever the block's own limit is."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Before the plugin connects: on the port of Brownie's configuration it would attach to any node there.
# As an attribute: Brownie hashes what its test files import from modules of Python, and this one is compiled.
brownie._config.CONFIG.networks["development"]["cmd_settings"]["port"] = _free_port()


@pytest.fixture(autouse=True)
def isolated(fn_isolation: None) -> None:
    """Undoes what each test does to the chain."""
    brownie.network.gas_limit(GAS_LIMIT)


@pytest.fixture
def owner(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture
def stranger(accounts: Any) -> Any:
    return accounts[2]


@pytest.fixture
def factory(accounts: Any, RebalanceExecutorFactory: Any) -> Any:  # noqa: N803 - Brownie's fixture
    return accounts[0].deploy(RebalanceExecutorFactory)


@pytest.fixture
def executor(factory: Any, owner: Any, RebalanceExecutor: Any) -> Any:  # noqa: N803
    return RebalanceExecutor.at(factory.deploy(owner, {"from": owner}).return_value)


@pytest.fixture
def token(accounts: Any, NoReturnToken: Any) -> Any:  # noqa: N803
    """A token whose transfer returns nothing."""
    return accounts[0].deploy(NoReturnToken, "Nothing Returned", "NRT", 6)
