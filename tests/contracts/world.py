"""Tokens, the real protocols from npm, and an owner with an executor. Built once, copied for every test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi import encode

from router.encoder import encode as encode_program
from router.encoder import execute_calldata
from router.localnet.artifacts import Artifacts, find_project_root
from router.localnet.deploy_morpho import compile_morpho
from router.program import Borrow, Program, Step, TokenBounds
from tests.contracts.chain import DEPLOYER, TIMESTAMP, Chain, ErrorTable

ROOT = find_project_root()
ARTIFACTS = Artifacts(ROOT)
OWNER, STRANGER = "0x" + "0a" * 20, "0x" + "5e" * 20
NOBODY = "0x" + "00" * 20
MAX_UINT256 = (1 << 256) - 1
MAX_U128 = (1 << 128) - 1

DECIMALS = {"ETH": 18, "USD": 6, "BTC": 8, "GOV": 18, "TETHER": 6}
USD_PER_TOKEN = {"ETH": 2_000, "USD": 1, "BTC": 50_000, "GOV": 10, "TETHER": 1}
AAVE_RESERVES = ("ETH", "USD", "BTC", "TETHER")
AAVE_PREMIUM_BPS = 5
_AAVE = "@aave/core-v3/artifacts"
_BALANCER = "@balancer-labs/v2-deployments/dist/tasks"
_V3 = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
_MANAGER = (
    "@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json"
)
_RAY = 10**27
_RATES = tuple(percent * _RAY // 100 for percent in (80, 0, 4, 60, 1, 60, 1, 8, 20))
_FULL_RANGE = {500: 887_270, 3000: 887_220}


@dataclass
class World:
    """Addresses by name. `pools` keys are ``kind:TOKEN-TOKEN``; lenders stand under their kind."""

    chain: Chain
    tokens: dict[str, str] = field(default_factory=dict)
    pools: dict[str, str] = field(default_factory=dict)
    lenders: dict[str, str] = field(default_factory=dict)
    vault: str = ""
    pool_id: str = ""
    factory: str = ""
    executor: str = ""
    errors: ErrorTable = field(default_factory=ErrorTable)

    def on(self, chain: Chain) -> World:
        """The same names on another chain."""
        return replace(
            self,
            chain=chain,
            tokens=dict(self.tokens),
            pools=dict(self.pools),
            lenders=dict(self.lenders),
        )

    def cold(self) -> World:
        """A copy in which nothing is warm, for gas."""
        return self.on(Chain.thaw(self.chain.freeze()))

    # --- tokens ---

    def raw(self, symbol: str, usd: float) -> int:
        """Raw units worth `usd`."""
        return int(usd * 10 ** DECIMALS[symbol] / USD_PER_TOKEN[symbol])

    def price_e36(self, symbol: str) -> int:
        return USD_PER_TOKEN[symbol] * 10 ** (36 - DECIMALS[symbol])

    def mint(self, symbol: str, to: str, amount: int) -> None:
        self.chain.send(self.tokens[symbol], "mint(address,uint256)", to, amount)

    def approve(self, symbol: str, spender: str, amount: int, sender: str = OWNER) -> None:
        self.chain.send(self.tokens[symbol], "approve(address,uint256)", spender, amount, sender=sender)

    def balance(self, symbol: str, account: str = OWNER) -> int:
        return self.chain.read(self.tokens[symbol], "balanceOf(address)", account)

    def balances(self, account: str = OWNER) -> dict[str, int]:
        return {symbol: self.balance(symbol, account) for symbol in self.tokens}

    def allowance(self, symbol: str, holder: str, spender: str) -> int:
        return self.chain.read(self.tokens[symbol], "allowance(address,address)", holder, spender)

    # --- programs ---

    def bounds(self, symbol: str, **values: int) -> TokenBounds:
        return TokenBounds(self.tokens[symbol], **values)

    def program(self, tokens: Sequence[TokenBounds], *steps: Step, **head: int) -> Program:
        head = {"deadline": TIMESTAMP + 60, "min_value_change_e36": -(1 << 255), **head}
        return Program(tokens=tuple(tokens), steps=steps, **head)

    def execute(self, program: Program | bytes, sender: str = OWNER) -> int:
        """Runs a program; its value change. Whatever it was, the executor is left with nothing."""
        payload = program if isinstance(program, bytes) else encode_program(program)
        change = self.chain.raw(self.executor, execute_calldata(payload), sender=sender, returns="(int256)")
        return int(change)

    def run(self, program: Program) -> dict[str, int]:
        """Executes, requires that nothing stays behind, and returns the owner's balance changes."""
        before = self.balances()
        held = self.balances(self.executor)
        self.execute(program)
        self.require_clean(held)
        after = self.balances()
        return {symbol: after[symbol] - before[symbol] for symbol in after if after[symbol] != before[symbol]}

    def require_clean(self, held: dict[str, int] | None = None) -> None:
        """The executor holds what it held and has approved nobody."""
        assert self.balances(self.executor) == (held or dict.fromkeys(self.tokens, 0))
        spenders = {*self.lenders.values(), *self.pools.values(), self.vault, OWNER, STRANGER}
        for symbol in self.tokens:
            for spender in spenders:
                assert self.allowance(symbol, self.executor, spender) == 0, (symbol, spender)

    def borrow(self, kind: str, **amounts: int) -> Borrow:
        """A loan of raw amounts by symbol."""
        rows = sorted((self.tokens[symbol], amount) for symbol, amount in amounts.items())
        return Borrow(kind, self.lenders[kind], tuple(rows))


def build() -> World:
    """Everything, deployed and funded."""
    world = World(Chain())
    chain = world.chain
    world.errors = ErrorTable(*(_abi(name) for name in ("RebalanceExecutor", "RebalanceExecutorFactory")))
    for symbol, decimals in DECIMALS.items():
        world.tokens[symbol] = _token(chain, symbol, decimals)
    _add_uniswap_v2(world, ("ETH", "USD"), ("USD", "BTC"), ("BTC", "ETH"), ("TETHER", "ETH"))
    _add_uniswap_v3(world, ("ETH", "USD", 3000), ("USD", "BTC", 500), ("TETHER", "ETH", 3000))
    _add_balancer(world, ("ETH", "USD", "BTC", "TETHER"))
    _add_aave(world)
    world.lenders["morpho_blue"] = chain.create(compile_morpho(ROOT), "(address)", DEPLOYER)
    world.lenders["uniswap_v3"] = world.pools["uniswap_v3:ETH-USD"]
    for symbol in world.tokens:
        world.mint(symbol, world.lenders["morpho_blue"], world.raw(symbol, 10**6))
        world.mint(symbol, OWNER, world.raw(symbol, 10**5))
    world.factory = chain.create(ARTIFACTS.own("RebalanceExecutorFactory"))
    world.executor = chain.send(world.factory, "deploy(address)", OWNER, returns="(address)")
    for symbol in world.tokens:
        world.approve(symbol, world.executor, MAX_U128)
    return world


def own(name: str) -> Any:
    """A contract of this project."""
    return ARTIFACTS.own(name)


def _abi(name: str) -> list[dict[str, Any]]:
    return json.loads((ROOT / "build/contracts" / f"{name}.json").read_text())["abi"]  # type: ignore[no-any-return]


def _token(chain: Chain, symbol: str, decimals: int) -> str:
    if symbol == "TETHER":
        return chain.create(own("NoReturnToken"), "(string,string,uint8)", symbol, symbol, decimals)
    artifact = ARTIFACTS.npm(f"{_AAVE}/contracts/mocks/tokens/MintableERC20.sol/MintableERC20.json")
    return chain.create(artifact, "(string,string,uint8)", symbol, symbol, decimals)


def _sorted(world: World, *symbols: str) -> list[str]:
    return sorted(symbols, key=lambda symbol: int(world.tokens[symbol], 16))


def _add_uniswap_v2(world: World, *pairs: tuple[str, str]) -> None:
    chain = world.chain
    factory = chain.create(
        ARTIFACTS.npm("@uniswap/v2-core/build/UniswapV2Factory.json"), "(address)", DEPLOYER
    )
    for symbols in pairs:
        tokens = [world.tokens[symbol] for symbol in symbols]
        pair = chain.send(factory, "createPair(address,address)", *tokens, returns="(address)")
        world.pools[f"uniswap_v2:{'-'.join(symbols)}"] = pair
        for symbol in symbols:
            world.mint(symbol, pair, world.raw(symbol, 10**6))
        chain.send(pair, "mint(address)", DEPLOYER)


def _add_uniswap_v3(world: World, *specs: tuple[str, str, int]) -> None:
    chain = world.chain
    factory = chain.create(ARTIFACTS.npm(_V3))
    manager = chain.create(ARTIFACTS.npm(_MANAGER), "(address,address,address)", factory, NOBODY, NOBODY)
    for first, second, fee in specs:
        symbols = _sorted(world, first, second)
        amounts = [world.raw(symbol, 10**6) for symbol in symbols]
        for symbol, amount in zip(symbols, amounts, strict=True):
            world.mint(symbol, DEPLOYER, amount)
            world.approve(symbol, manager, 0, DEPLOYER)
            world.approve(symbol, manager, amount, DEPLOYER)
        tokens = [world.tokens[symbol] for symbol in symbols]
        root = _isqrt_x96(amounts[1], amounts[0])
        pool = chain.send(
            manager,
            "createAndInitializePoolIfNecessary(address,address,uint24,uint160)",
            *(*tokens, fee, root),
            returns="(address)",
        )
        tick = _FULL_RANGE[fee]
        chain.send(
            manager,
            "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
            (*tokens, fee, -tick, tick, *amounts, 0, 0, DEPLOYER, MAX_UINT256),
        )
        world.pools[f"uniswap_v3:{first}-{second}"] = pool


def _isqrt_x96(amount1: int, amount0: int) -> int:
    from math import isqrt

    return isqrt((amount1 << 192) // amount0)


def _add_balancer(world: World, symbols: tuple[str, ...]) -> None:
    chain = world.chain
    authorizer = chain.create(
        ARTIFACTS.npm(f"{_BALANCER}/20210418-authorizer/artifact/Authorizer.json"), "(address)", DEPLOYER
    )
    world.vault = chain.create(
        ARTIFACTS.npm(f"{_BALANCER}/20210418-vault/artifact/Vault.json"),
        "(address,address,uint256,uint256)",
        *(authorizer, world.tokens["ETH"], 0, 0),
    )
    factory = chain.create(
        ARTIFACTS.npm(f"{_BALANCER}/deprecated/20210418-weighted-pool/artifact/WeightedPoolFactory.json"),
        "(address)",
        world.vault,
    )
    ordered = _sorted(world, *symbols)
    tokens = [world.tokens[symbol] for symbol in ordered]
    pool = chain.send(
        factory,
        "create(string,string,address[],uint256[],uint256,address)",
        *("weighted", "BPT", tokens, [10**18 // len(tokens)] * len(tokens), 2 * 10**15, DEPLOYER),
        returns="(address)",
    )
    pool_id = chain.read(pool, "getPoolId()", returns="(bytes32)")
    amounts = [world.raw(symbol, 10**6) for symbol in ordered]
    for symbol, amount in zip(ordered, amounts, strict=True):
        world.mint(symbol, DEPLOYER, amount)
        world.approve(symbol, world.vault, amount, DEPLOYER)
    join = encode(["uint256", "uint256[]"], [0, amounts])
    chain.send(
        world.vault,
        "joinPool(bytes32,address,address,(address[],uint256[],bytes,bool))",
        *(pool_id, DEPLOYER, DEPLOYER, (tokens, amounts, join, False)),
    )
    world.pools["balancer_v2_weighted"] = pool
    world.pool_id = "0x" + pool_id.hex()
    world.lenders["balancer_v2"] = world.vault


def _aave(chain: Chain, path: str, types: str = "()", *args: Any) -> str:
    """Deploys an Aave contract after the libraries that it is linked with."""
    artifact = ARTIFACTS.npm(f"{_AAVE}/contracts/{path}.sol/{path.rsplit('/', 1)[-1]}.json")
    libraries = {
        library.name: _aave(chain, library.source.removeprefix("contracts/").removesuffix(".sol"))
        for library in artifact.libraries
    }
    return chain.create(artifact, types, *args, **libraries)


def _add_aave(world: World) -> None:
    chain = world.chain
    provider = _aave(
        chain, "protocol/configuration/PoolAddressesProvider", "(string,address)", "market", DEPLOYER
    )
    chain.send(provider, "setACLAdmin(address)", DEPLOYER)
    acl = _aave(chain, "protocol/configuration/ACLManager", "(address)", provider)
    chain.send(provider, "setACLManager(address)", acl)
    chain.send(acl, "addPoolAdmin(address)", DEPLOYER)
    logic = _aave(chain, "protocol/pool/Pool", "(address)", provider)
    chain.send(provider, "setPoolImpl(address)", logic)
    configurator_logic = _aave(chain, "protocol/pool/PoolConfigurator")
    chain.send(provider, "setPoolConfiguratorImpl(address)", configurator_logic)
    pool = chain.read(provider, "getPool()", returns="(address)")
    configurator = chain.read(provider, "getPoolConfigurator()", returns="(address)")
    chain.send(configurator, "updateFlashloanPremiumTotal(uint128)", AAVE_PREMIUM_BPS)
    strategy = _aave(
        chain,
        "protocol/pool/DefaultReserveInterestRateStrategy",
        "(address" + ",uint256" * len(_RATES) + ")",
        *(provider, *_RATES),
    )
    implementations = [
        _aave(chain, f"protocol/tokenization/{name}", "(address)", pool)
        for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    ]
    for symbol in AAVE_RESERVES:
        names = ("a", "a", "v", "v", "s", "s")
        row = (*implementations, DECIMALS[symbol], strategy, world.tokens[symbol], DEPLOYER, NOBODY)
        chain.send(
            configurator,
            "initReserves((address,address,address,uint8,address,address,address,address,"
            "string,string,string,string,string,string,bytes)[])",
            [(*row, *names, b"")],
        )
        chain.send(configurator, "setReserveFlashLoaning(address,bool)", world.tokens[symbol], True)
        amount = world.raw(symbol, 10**6)
        world.mint(symbol, DEPLOYER, amount)
        world.approve(symbol, pool, amount, DEPLOYER)
        chain.send(pool, "supply(address,uint256,address,uint16)", world.tokens[symbol], amount, DEPLOYER, 0)
    world.lenders["aave_v3"] = world.lenders["aave_v3_multi"] = pool
