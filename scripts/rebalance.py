"""`brownie run rebalance [--network NAME]`: one whole rebalance on a development chain or a fork.

Without REBALANCE_DEPLOYMENT the local chain's scenario is built on Brownie's own anvil and rebalanced. With
it, and on a fork of any chain, the named portfolio is planned on the fork's block, simulated in process, and
executed by impersonating its owner. Planned, simulated and executed amounts must be equal.

    REBALANCE_DEPLOYMENT  a deployment file, or the name of a built-in one; without a factory one is deployed
    REBALANCE_PORTFOLIO   the portfolio file; a fork needs it
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brownie import accounts, web3

from router.chain.broadcast import Receipt
from router.chain.calls import balance_of, read_word
from router.chain.deployments import find_deployment
from router.chain.executor import approvals, execute_transaction, executor_address, revocations
from router.chain.fork import Simulation, pull_limits
from router.chain.head import require_chain
from router.chain.outcome import expected_outcome, read_outcome, require_equal
from router.chain.sender import Sent
from router.chain.verification import verify
from router.cli.views import show_plan, show_receipt, show_simulation
from router.documents.deployment import Deployment, parse_deployment
from router.documents.portfolio_file import PortfolioFile, load_portfolio_file
from router.encoder import encode
from router.errors import GuardRefused, InconsistentAnswer, InputError, NothingToDo
from router.localnet import build_localnet
from router.plan import Outcome, Plan
from router.program import Program
from router.rebalancer import (
    Chain,
    make_plan,
    read_market,
    read_portfolio,
    receipt_report,
    simulate_plan,
    simulation_report,
)
from router.tokens import Address, to_checksum
from scripts.deploy import connected_node, ensure_executor, ensure_factory, is_live, known_factory, send

GAS_MARGIN_PERCENT = 20
FEE_ALLOWANCE_WEI = 10**18
"""Ether that the owner gets on a fork where it has less, so that fees can be paid."""


@dataclass(frozen=True)
class Stage:
    """A chain and the portfolio on it."""

    chain: Chain
    portfolio: PortfolioFile

    @property
    def owner(self) -> Address:
        return self.portfolio.owner


def main() -> Sent:
    """Plans, simulates, executes, verifies and prints it.

    Raises:
        GuardRefused: a live network; `rebalance send` keeps a journal and a fee cap there.
        NothingToDo: the portfolio is within tolerance.
        SimulationMismatch: planned, simulated and executed amounts are not equal.
        InconsistentAnswer: it landed, and a check on chain failed.
    """
    if is_live():
        raise GuardRefused("this network is live: use `rebalance plan`, `simulate` and `send`")
    with _stage() as stage:
        market = read_market(stage.chain)
        file = stage.portfolio
        portfolio = read_portfolio(stage.chain, file, market)
        plan = make_plan(market, portfolio, balances_are_holdings=file.needs_balances)
        show_plan(plan, market.tokens)
        if plan.program is None:
            raise NothingToDo(plan.reason)
        sent = _run(_deployed(stage), plan, plan.program)
    if not sent.verified:
        raise InconsistentAnswer(f"failed: {[check.name for check in sent.checks if not check.ok]}")
    print("planned, simulated and executed amounts are equal")
    return sent


def _run(stage: Stage, plan: Plan, program: Program) -> Sent:
    """Simulates, executes, and requires the same figures each time."""
    tokens, expected = stage.chain.deployment.token_by_address, expected_outcome(plan)
    simulation = simulate_plan(stage.chain, plan)
    show_simulation(simulation_report(stage.chain, plan, simulation), tokens)
    simulation.require(expected)
    sent = _execute(stage, program, expected, simulation)
    show_receipt(receipt_report(stage.chain, plan, sent), tokens)
    require_equal(expected, sent.outcome)
    return sent


@contextlib.contextmanager
def _stage() -> Iterator[Stage]:
    named, portfolio = os.environ.get("REBALANCE_DEPLOYMENT"), os.environ.get("REBALANCE_PORTFOLIO")
    if named is None:
        with build_localnet(str(web3.provider.endpoint_uri)) as net, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "portfolio.toml"
            path.write_text(net.portfolio_toml())
            with _opened(parse_deployment(dict(net.deployment)), path) as stage:
                yield stage
        return
    if portfolio is None:
        raise InputError("name the portfolio file", path="REBALANCE_PORTFOLIO")
    with _opened(find_deployment(named), Path(portfolio)) as stage:
        yield stage


@contextlib.contextmanager
def _opened(known: Deployment, portfolio: Path) -> Iterator[Stage]:
    file = load_portfolio_file(portfolio)
    with connected_node() as (url, node):
        require_chain(node, known.chain_id)
        yield Stage(Chain(url, node, known), file)


def _deployed(stage: Stage) -> Stage:
    """The stage with its factory and the owner's executor, deployed by accounts[0] where they are missing."""
    chain = stage.chain
    factory = ensure_factory(chain.client, accounts[0], known_factory(chain.deployment))
    ensure_executor(chain.client, accounts[0], factory, stage.owner)
    known = chain.deployment.model_copy(update={"executor_factory": factory})
    return replace(stage, chain=replace(chain, deployment=known))


def _execute(stage: Stage, program: Program, expected: Outcome, simulation: Simulation) -> Sent:
    """As the owner, who needs no key here: the node takes transactions of any account."""
    node, factory, owner = stage.chain.client, stage.chain.factory, stage.owner
    account, executor = _impersonated(stage), executor_address(factory, owner)
    tokens = stage.chain.deployment.token_by_address
    symbols = {address: token.symbol for address, token in tokens.items()}
    execute = execute_transaction(executor, encode(program))
    limits = pull_limits(program)
    receipts = [
        send(node, account, each) for each in approvals(node, owner, executor, limits, symbols=symbols)
    ]
    peak_gas = simulation.transactions[-1].peak_gas
    execution = send(node, account, execute, peak_gas * (100 + GAS_MARGIN_PERCENT) // 100)
    touched = [bounds.token for bounds in program.tokens]
    after = [
        send(node, account, each) for each in revocations(node, owner, executor, touched, symbols=symbols)
    ]
    outcome = read_outcome(
        program, owner, execution.logs, _changes(stage, touched, execution), execution.gas_used
    )
    last = (after or [execution])[-1]
    checks = verify(
        node,
        program,
        owner=owner,
        executor=executor,
        expected=expected,
        block=last.block_hash,
        found=outcome,
        tokens=tokens,
    )
    return Sent((*receipts, execution, *after), execution, simulation, outcome, expected, checks)


def _impersonated(stage: Stage) -> Any:
    account = accounts.at(to_checksum(stage.owner), force=True)
    node = stage.chain.client
    node.call("anvil_impersonateAccount", stage.owner)
    if account.balance() < FEE_ALLOWANCE_WEI:
        print(f"{account.address} holds too little ether for fees: the fork gives it some")
        node.call("anvil_setBalance", stage.owner, hex(FEE_ALLOWANCE_WEI))
    return account


def _changes(stage: Stage, tokens: list[Address], execution: Receipt) -> dict[Address, int]:
    """The owner's balance of each token after the execution's block, less that before it."""

    def balance(token: Address, block: str) -> int:
        return read_word(stage.chain.client, token, balance_of(stage.owner), block, f"balance of {token}")

    return {
        token: balance(token, execution.block_hash) - balance(token, hex(execution.block_number - 1))
        for token in tokens
    }
