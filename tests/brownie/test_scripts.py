"""The deployment and rebalance scripts, on Brownie's development chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.chain.executor import executor_address
from router.documents.deployment import Deployment, load_deployment
from router.errors import ChainIdMismatch, InconsistentAnswer, InputError
from router.tokens import to_checksum
from scripts import deploy, rebalance

VARIABLES = ("REBALANCE_DEPLOYMENT", "REBALANCE_PORTFOLIO", "REBALANCE_FACTORY", "REBALANCE_ACCOUNT")
TOKEN = "0x" + "11" * 20


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def write_deployment(path: Path, chain_id: int) -> None:
    entry = {"address": TOKEN, "symbol": "USDC", "decimals": 6, "feed": None}
    file = Deployment.model_validate(
        {"name": "here", "chain_id": chain_id, "native_token": TOKEN, "numeraire": TOKEN, "tokens": [entry]}
    )
    path.write_text(json.dumps(file.to_json()))


def test_deploy_puts_the_executor_where_the_package_computes_it(
    accounts: Any,
    RebalanceExecutor: Any,  # noqa: N803
) -> None:
    deployed = deploy.main()
    assert deployed.owner == str(accounts[0]).lower()
    assert deployed.executor == executor_address(deployed.factory, deployed.owner)
    assert RebalanceExecutor.at(to_checksum(deployed.executor)).OWNER() == accounts[0]


def test_deploy_twice_sends_nothing_the_second_time(accounts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = deploy.main()
    monkeypatch.setenv("REBALANCE_FACTORY", first.factory)
    nonce = accounts[0].nonce
    assert deploy.main() == first
    assert accounts[0].nonce == nonce


def test_deploy_fills_in_the_deployment_file(
    tmp_path: Path, chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deployment.json"
    write_deployment(path, chain.id)
    monkeypatch.setenv("REBALANCE_DEPLOYMENT", str(path))
    deployed = deploy.main()
    assert load_deployment(path).executor_factory == deployed.factory


def test_deploy_refuses_a_deployment_of_another_chain(
    tmp_path: Path, chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deployment.json"
    write_deployment(path, chain.id + 1)
    monkeypatch.setenv("REBALANCE_DEPLOYMENT", str(path))
    with pytest.raises(ChainIdMismatch):
        deploy.main()


def test_deploy_refuses_a_factory_of_other_code(token: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_FACTORY", token.address)
    with pytest.raises(InconsistentAnswer, match="RebalanceExecutorFactory is expected"):
        deploy.main()


def test_rebalance_reaches_the_targets_with_equal_figures() -> None:
    sent = rebalance.main()
    assert sent.verified
    assert sent.simulation is not None
    simulated = sent.simulation.require_success()
    planned = sent.expected.balance_changes
    assert planned == simulated.balance_changes == sent.outcome.balance_changes
    assert simulated.gas == sent.execution.gas_used


def test_rebalance_of_a_named_deployment_needs_a_portfolio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_DEPLOYMENT", "mainnet")
    with pytest.raises(InputError, match="REBALANCE_PORTFOLIO"):
        rebalance.main()
