"""The local chain's public face: start it, look at it, trade on it, save it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.chain.head import BLOCK_SECONDS, read_head
from router.documents.files import write_bytes
from router.errors import InputError, nearest
from router.localnet.accounts import LocalAccount, Roles, local_accounts, roles
from router.localnet.anvil import GAS_LIMIT, AnvilProcess, find_anvil, start_anvil
from router.localnet.artifacts import Artifacts, find_project_root
from router.localnet.deploy_base import FEED_DECIMALS, mint
from router.localnet.deploy_morpho import compile_morpho
from router.localnet.deployer import Deployer
from router.localnet.rpc import LocalRpc
from router.localnet.scenario import DEFAULT_SCENARIO, Scenario, TokenSpec, load_scenario
from router.localnet.state import SavedState, cache_path, read_cached, read_state, write_cached, write_state
from router.localnet.trade import Trade, balance_of, swap
from router.localnet.world import World, build_world
from router.tokens import Address, parse_amount, to_checksum


@dataclass(frozen=True, slots=True)
class Localnet:
    """A running local chain. Addresses are lower-case, amounts raw units."""

    rpc: LocalRpc
    scenario: Scenario
    world: World
    artifacts: Artifacts
    process: AnvilProcess | None
    """None where somebody else runs the node."""

    @property
    def rpc_url(self) -> str:
        return self.rpc.url

    @property
    def chain_id(self) -> int:
        return self.scenario.chain_id

    @property
    def deployment(self) -> Mapping[str, Any]:
        """The content of the deployment file."""
        return self.world.deployment

    @property
    def accounts(self) -> tuple[LocalAccount, ...]:
        return local_accounts()

    @property
    def roles(self) -> Roles:
        return roles()

    @property
    def owner(self) -> LocalAccount:
        """Holds the drifted portfolio."""
        return self.roles.owner

    @property
    def operator(self) -> LocalAccount:
        return self.roles.operator

    @property
    def trader(self) -> LocalAccount:
        """Moves pools; has nothing to do with the owner."""
        return self.roles.trader

    def token(self, symbol: str) -> Address:
        """The token with this symbol.

        Raises:
            InputError: no such token.
        """
        by_symbol = {item["symbol"]: str(item["address"]) for item in self.deployment["tokens"]}
        if symbol not in by_symbol:
            raise InputError(f"no token {symbol!r} on this chain", nearest=nearest(symbol, by_symbol))
        return by_symbol[symbol]

    def balance_of(self, token: Address, holder: Address) -> int:
        return balance_of(self.rpc, token, holder)

    def mint(self, token: Address, to: Address, amount: int) -> None:
        """Gives `to` new units of a token; no pool moves."""
        deployer = self._queue(self.roles.deployer)
        mint(deployer, self._spec(token), token, to, amount)
        deployer.flush()

    def trade(self, pool: Address, token_in: Address, token_out: Address, amount_in: int) -> int:
        """Sells exactly `amount_in` in one pool, as the trader, through the real router; the amount received.

        Raises:
            InputError: the pool is not in the deployment.
            ExecutionReverted: the pool refused.
        """
        self.mint(token_in, self.trader.address, amount_in)
        return swap(self._queue(self.trader), self.world, Trade(pool, token_in, token_out, amount_in))

    def mine(self, blocks: int = 1) -> None:
        self.rpc.call("anvil_mine", hex(blocks))

    def block_number(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def snapshot(self) -> str:
        """Marks this state; `revert` returns to it."""
        return str(self.rpc.call("evm_snapshot"))

    def revert(self, snapshot_id: str) -> None:
        """Returns to a marked state. The mark is used up."""
        if not self.rpc.call("evm_revert", snapshot_id):
            raise InputError(f"no snapshot {snapshot_id}")
        # anvil keeps the base fee that it had worked out for a block that is gone.
        self.set_base_fee(read_head(self.rpc).next_base_fee_wei)

    def set_price(self, symbol: str, usd: str) -> None:
        """Sets a token's price feed to USD per whole token; no pool moves."""
        self._answer_feeds({symbol: usd})

    def refresh_feeds(self) -> None:
        """Starts a new round of every feed at the scenario's prices, as feeds do with a heartbeat."""
        self._answer_feeds({spec.symbol: spec.price for spec in self.scenario.tokens})

    def set_base_fee(self, wei: int) -> None:
        """Sets the next block's base fee; from there it follows EIP-1559."""
        self.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def write_deployment(self, path: Path) -> None:
        """Writes the deployment file."""
        write_bytes((json.dumps(self.deployment, indent=2) + "\n").encode(), path)

    def portfolio_toml(self) -> str:
        """A portfolio file for the owner: the scenario's targets, trigger and discipline, holdings left to be
        read from the chain."""
        spec = self.scenario.owner
        targets, volatility = (
            "\n".join(f'{symbol} = "{figure}"' for symbol, figure in figures.items())
            for figures in (spec.targets, spec.volatility)
        )
        return (
            'schema = "rebalance-portfolio/1"\n'
            f'owner = "{to_checksum(self.owner.address)}"\n'
            f'numeraire = "{self.scenario.numeraire}"\n'
            f"tolerance_bps = {spec.tolerance_bps}\n\n[targets]\n{targets}\n\n"
            '[trigger]\nkind = "any"\nof = [\n'
            f'  {{ kind = "calendar", cron = "{spec.cron}" }},\n'
            f'  {{ kind = "threshold", band_bps = {spec.band_bps} }},\n]\n\n'
            f'[discipline]\ncorrelation = "{spec.correlation}"\n\n'
            f"[discipline.volatility]\n{volatility}\n"
        )

    def dump(self, path: Path) -> None:
        """Saves state and description; `start_localnet(state_in=path)` continues from there."""
        write_state(path, SavedState(self.world, self.rpc.call("anvil_dumpState")))

    def _spec(self, token: Address) -> TokenSpec:
        symbol = next(item["symbol"] for item in self.deployment["tokens"] if item["address"] == token)
        return self.scenario.token(symbol)

    def _queue(self, account: LocalAccount) -> Deployer:
        nonce = int(self.rpc.call("eth_getTransactionCount", account.address, "pending"), 16)
        return Deployer(self.rpc, self.artifacts, account.address, nonce)

    def _answer_feeds(self, prices: Mapping[str, str]) -> None:
        feeds = {item["symbol"]: item["feed"] for item in self.deployment["tokens"]}
        deployer = self._queue(self.roles.deployer)
        for symbol, usd in prices.items():
            deployer.send(feeds[symbol], "setAnswer(int256)", parse_amount(usd, FEED_DECIMALS, symbol))
        deployer.flush()


@contextlib.contextmanager
def start_localnet(
    scenario: Path | None = None,
    *,
    port: int = 0,
    state_in: Path | None = None,
    state_out: Path | None = None,
    block_time: int | None = None,
    cache: bool = True,
) -> Iterator[Localnet]:
    """Runs a local chain for as long as the context is open.

    Args:
        scenario: a scenario file; None takes the one that comes with the package.
        port: 0 lets the system choose a free one.
        state_in: continue from a state file rather than from the scenario's start.
        state_out: where to save the state when the context closes, also after an error inside it.
        block_time: seconds between blocks; None mines one block per transaction, each 12 s after the last by
            its timestamp, so that no two blocks share one.
        cache: keep the scenario's start below build/localnet, and take it from there.

    Raises:
        InputError: a bad scenario or state file, a state of another chain, or missing tools.
        RpcFailure: the node did not start.
    """
    path = scenario or DEFAULT_SCENARIO
    loaded = load_scenario(path)
    artifacts = Artifacts(find_project_root())
    cached_at = cache_path(artifacts.root, path) if cache and state_in is None else None
    saved = _saved_start(loaded, state_in, cached_at)
    morpho = None if saved else compile_morpho(artifacts.root)
    process = start_anvil(find_anvil(artifacts.root), loaded.chain_id, loaded.hardfork, port)
    with contextlib.closing(process), LocalRpc(process.url) as rpc:
        if saved is None:
            assert morpho is not None
            world = build_world(rpc, artifacts, loaded, roles(), morpho)
            if cached_at is not None:
                write_cached(cached_at, SavedState(world, rpc.call("anvil_dumpState")))
        else:
            world = saved.world
            rpc.call("anvil_loadState", saved.state)
        net = Localnet(rpc, loaded, world, artifacts, process)
        if state_in is None:
            net.refresh_feeds()
        net.set_base_fee(loaded.base_fee_wei)
        net.mine()
        if block_time is None:
            rpc.call("anvil_setBlockTimestampInterval", BLOCK_SECONDS)
        else:
            rpc.call("evm_setIntervalMining", block_time)
        try:
            yield net
        finally:
            if state_out is not None:
                net.dump(state_out)


@contextlib.contextmanager
def build_localnet(url: str, scenario: Path | None = None) -> Iterator[Localnet]:
    """The same on an empty anvil that somebody else runs and ends, e.g. Brownie. It keeps its own chain id.

    Raises:
        InputError: a bad scenario, missing tools, or a node of another chain id.
        RpcFailure: no node there, or not anvil.
    """
    loaded = load_scenario(scenario or DEFAULT_SCENARIO)
    artifacts = Artifacts(find_project_root())
    with LocalRpc(url) as rpc:
        if (found := int(rpc.call("eth_chainId"), 16)) != loaded.chain_id:
            raise InputError(f"the node is of chain {found}, the scenario of {loaded.chain_id}", path=url)
        rpc.call("evm_setBlockGasLimit", hex(GAS_LIMIT))
        world = build_world(rpc, artifacts, loaded, roles(), compile_morpho(artifacts.root))
        net = Localnet(rpc, loaded, world, artifacts, None)
        net.set_base_fee(loaded.base_fee_wei)
        net.mine()
        yield net


def _saved_start(scenario: Scenario, state_in: Path | None, cached_at: Path | None) -> SavedState | None:
    """The state to begin with, or None where the scenario has to be built."""
    if state_in is None:
        return read_cached(cached_at) if cached_at is not None else None
    saved = read_state(state_in)
    if saved.world.deployment.get("chain_id") != scenario.chain_id:
        raise InputError(f"the saved chain is not the scenario's {scenario.chain_id}", path=str(state_in))
    return saved
