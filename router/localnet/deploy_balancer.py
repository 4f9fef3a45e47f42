"""Balancer v2: the Vault, two generations of weighted-pool factory, and the scenario's pools, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.fixed_point import PIPS, WAD
from router.localnet.abi import encode_constructor
from router.localnet.deploy_base import Site
from router.localnet.deployer import MAX_UINT256
from router.localnet.scenario import BalancerSpec
from router.tokens import Address, parse_amount

PAUSE_WINDOW_SECONDS = 90 * 86_400
BUFFER_SECONDS = 30 * 86_400
JOIN_INIT = 0

_TASKS = "@balancer-labs/v2-deployments/dist/tasks"
_NOBODY = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class BalancerContracts:
    """The Vault and its weighted-pool factories."""

    vault: Address
    factory_v1: Address
    factory_v3: Address


@dataclass(frozen=True, slots=True)
class BalancerPool:
    """One registered pool; `pool_id` is 0x and 64 hex digits, the first 40 of them the address."""

    address: Address
    pool_id: str


def deploy_balancer(site: Site, native: Address) -> BalancerContracts:
    """Queues authorizer, Vault, fee provider and factories. Protocol fees stay zero."""
    deployer, npm = site.deployer, site.deployer.artifacts.npm
    authorizer = deployer.create(
        npm(f"{_TASKS}/20210418-authorizer/artifact/Authorizer.json"), "(address)", deployer.sender
    )
    vault = deployer.create(
        npm(f"{_TASKS}/20210418-vault/artifact/Vault.json"),
        "(address,address,uint256,uint256)",
        *(authorizer, native, PAUSE_WINDOW_SECONDS, BUFFER_SECONDS),
    )
    provider = deployer.create(
        npm(
            f"{_TASKS}/20220725-protocol-fee-percentages-provider/artifact/ProtocolFeePercentagesProvider.json"
        ),
        "(address,uint256,uint256)",
        *(vault, WAD, WAD),
    )
    factory_v1 = deployer.create(
        npm(f"{_TASKS}/deprecated/20210418-weighted-pool/artifact/WeightedPoolFactory.json"),
        "(address)",
        vault,
    )
    version = '{"name":"WeightedPool%s","version":3,"deployment":"20230206-weighted-pool-v3"}'
    factory_v3 = deployer.create(
        npm(f"{_TASKS}/20230206-weighted-pool-v3/artifact/WeightedPoolFactory.json"),
        "(address,address,string,string)",
        *(vault, provider, version % "Factory", version % ""),
    )
    return BalancerContracts(vault, factory_v1, factory_v3)


def add_weighted_pools(
    site: Site, contracts: BalancerContracts, specs: Sequence[BalancerSpec]
) -> list[BalancerPool]:
    """Creates, registers and joins the pools, in order."""
    for symbol in sorted({symbol for spec in specs for symbol in spec.tokens}):
        site.approve(symbol, contracts.vault)
    return [_add_pool(site, contracts, spec) for spec in specs]


def _add_pool(site: Site, contracts: BalancerContracts, spec: BalancerSpec) -> BalancerPool:
    deployer = site.deployer
    order = sorted(range(len(spec.tokens)), key=lambda index: int(site.tokens[spec.tokens[index]], 16))
    symbols = [spec.tokens[index] for index in order]
    addresses = [site.tokens[symbol] for symbol in symbols]
    weights = [parse_amount(spec.weights[index], 18) for index in order]
    pool = _create_pool(site, contracts, spec, addresses, weights)
    pool_id = deployer.call(pool, "getPoolId()", returns="(bytes32)")
    amounts = [_amount(site, spec, index) for index in order]
    for symbol, amount in zip(symbols, amounts, strict=True):
        site.mint(symbol, deployer.sender, amount)
    user_data = bytes.fromhex(encode_constructor("(uint256,uint256[])", JOIN_INIT, amounts))
    deployer.send(
        contracts.vault,
        "joinPool(bytes32,address,address,(address[],uint256[],bytes,bool))",
        *(pool_id, deployer.sender, deployer.sender),
        (addresses, [MAX_UINT256] * len(addresses), user_data, False),
    )
    return BalancerPool(pool, "0x" + pool_id.hex())


def _create_pool(
    site: Site, contracts: BalancerContracts, spec: BalancerSpec, tokens: list[Address], weights: list[int]
) -> Address:
    """Creates the pool through its factory; the address is read beforehand by a call from the same state."""
    name, symbol = "-".join(spec.tokens) + " weighted", "B-" + "-".join(spec.tokens)
    fee = spec.fee_pips * WAD // PIPS
    if spec.factory == "v1":
        factory = contracts.factory_v1
        signature = "create(string,string,address[],uint256[],uint256,address)"
        args = (name, symbol, tokens, weights, fee, _NOBODY)
    else:
        factory = contracts.factory_v3
        signature = "create(string,string,address[],uint256[],address[],uint256,address)"
        args = (name, symbol, tokens, weights, [_NOBODY] * len(tokens), fee, _NOBODY)  # type: ignore[assignment]
    pool: Address = site.deployer.call(factory, signature, *args)
    site.deployer.send(factory, signature, *args)
    return pool


def _amount(site: Site, spec: BalancerSpec, index: int) -> int:
    """Raw units of one token: its weight's share of the pool's value."""
    usd = spec.usd * parse_amount(spec.weights[index], 18) / WAD
    return site.scenario.raw_worth(spec.tokens[index], usd, spec.off_bps if index == 0 else 0)
