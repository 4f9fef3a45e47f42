"""What a node, a deployment and an owner look like before the first rebalance, check by check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from router.chain.calls import allowance, read_word, to_bytes, to_int
from router.chain.deployments import find_deployment
from router.chain.executor import executor_address
from router.chain.head import Head, read_head, require_chain
from router.chain.journal import DEVELOPMENT_CHAINS
from router.chain.reader import read_snapshot
from router.chain.rpc import RpcClient
from router.chain.signer import keystore_address
from router.documents.deployment import Deployment
from router.documents.outputs import Check
from router.documents.portfolio_file import PortfolioFile
from router.errors import RouterError
from router.tokens import format_amount

OLD_BLOCK_SECONDS = 300
KEYSTORE = "keystore"
"""The one check that asks no node."""
_ETHER_DECIMALS = 18


def check_up(
    url: str, deployment_name: str, portfolio: PortfolioFile | None, keystore: Path | None
) -> tuple[Check, ...]:
    """Runs every check; one that fails says why."""
    deployment = find_deployment(deployment_name)
    client = RpcClient(url)
    try:
        return tuple(_answers(_Look(client, deployment, portfolio, keystore).checks()))
    finally:
        client.close()


def _answers(checks: Iterator[tuple[str, Callable[[], str]]]) -> Iterator[Check]:
    """Runs the checks. Where the first finds no node of this chain, the others do not ask it."""
    node, ask = next(checks)
    first = _run(node, ask)
    yield first
    for name, check in checks:
        yield (
            _run(name, check)
            if first.ok or name == KEYSTORE
            else Check.of(name=name, ok=False, found="not looked at")
        )


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check.of(name=name, ok=True, found=check())
    except RouterError as error:
        return Check.of(name=name, ok=False, found=str(error))


class _CheckError(RouterError):
    """A check that found something wrong."""


class _Look:
    def __init__(
        self,
        client: RpcClient,
        deployment: Deployment,
        portfolio: PortfolioFile | None,
        keystore: Path | None,
    ) -> None:
        self.client, self.deployment = client, deployment
        self.portfolio, self.keystore = portfolio, keystore

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "chain id", self._chain_id
        yield "latest block", self._latest_block
        yield "executor factory", self._factory
        yield "tokens, pools, lenders, feeds", self._market
        if self.portfolio is not None:
            yield "executor", self._executor
            yield "gas balance", self._gas_balance
            yield "allowances", self._allowances
        if self.keystore is not None:
            yield KEYSTORE, self._keystore

    def _chain_id(self) -> str:
        require_chain(self.client, self.deployment.chain_id)
        return str(self.deployment.chain_id)

    def _head(self) -> Head:
        return read_head(self.client)

    def _latest_block(self) -> str:
        head = self._head()
        age = int(time.time()) - head.timestamp
        if age > OLD_BLOCK_SECONDS and self.deployment.chain_id not in DEVELOPMENT_CHAINS:
            raise _CheckError(f"block {head.number} is {age} s old")
        return f"{head.number}, {max(age, 0)} s old, next base fee {head.next_base_fee_wei / 10**9:.3f} gwei"

    def _factory(self) -> str:
        factory = self.deployment.executor_factory
        if factory is None:
            raise _CheckError("none in the deployment: `brownie run deploy` deploys one")
        if not self._code(factory):
            raise _CheckError(f"no contract at {factory}")
        return factory

    def _market(self) -> str:
        snapshot = read_snapshot(self.client, self.deployment)
        counts = (len(snapshot.tokens), len(snapshot.pools), len(snapshot.lenders), len(snapshot.prices))
        return "{} tokens, {} pools, {} lenders, {} prices".format(*counts)

    def _executor(self) -> str:
        executor = self._executor_address()
        # Only the shipped bytecode, for this owner, can stand at this address.
        deployed = bool(self._code(executor))
        return f"{executor}, {'deployed' if deployed else 'deployed with the first rebalance'}"

    def _executor_address(self) -> str:
        assert self.portfolio is not None
        if self.deployment.executor_factory is None:
            raise _CheckError("unknown without a factory")
        return executor_address(self.deployment.executor_factory, self.portfolio.owner)

    def _gas_balance(self) -> str:
        assert self.portfolio is not None
        wei = to_int(self.client.call("eth_getBalance", self.portfolio.owner, "latest"), "eth_getBalance")
        if not wei:
            raise _CheckError("the owner has nothing to pay gas with")
        return f"{format_amount(wei, _ETHER_DECIMALS)} of the native currency"

    def _allowances(self) -> str:
        assert self.portfolio is not None
        owner, executor = self.portfolio.owner, self._executor_address()
        left = [
            token.symbol
            for token in self.deployment.tokens
            if read_word(self.client, token.address, allowance(owner, executor), "latest", "allowance")
        ]
        if left:
            raise _CheckError(f"the executor may still spend {', '.join(left)}")
        return "the executor may spend nothing"

    def _keystore(self) -> str:
        assert self.keystore is not None
        address = keystore_address(self.keystore)
        if address and self.portfolio is not None and address != self.portfolio.owner:
            raise _CheckError(f"holds the key of {address}, not the owner's")
        return f"{self.keystore} holds the key of {address or 'an account it does not name'}"

    def _code(self, address: str) -> bytes:
        return to_bytes(self.client.call("eth_getCode", address, "latest"), "eth_getCode")
