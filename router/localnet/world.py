"""Builds the whole scenario on an empty chain, and describes the result as a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.localnet.accounts import Roles
from router.localnet.artifacts import Artifact, Artifacts
from router.localnet.deploy_aave import deploy_aave
from router.localnet.deploy_balancer import (
    BalancerContracts,
    BalancerPool,
    add_weighted_pools,
    deploy_balancer,
)
from router.localnet.deploy_base import Site, deploy_feeds, deploy_multicall3, deploy_permit2, deploy_tokens
from router.localnet.deploy_morpho import deploy_morpho
from router.localnet.deploy_uniswap import (
    V2_FEE_PIPS,
    V3_TICK_SPACINGS,
    add_v2_pools,
    add_v3_pools,
    deploy_uniswap_v2,
    deploy_uniswap_v3,
)
from router.localnet.deployer import Deployer
from router.localnet.rpc import LocalRpc
from router.localnet.scenario import Scenario
from router.tokens import Address, parse_amount

DEPLOYMENT_SCHEMA = "rebalance-deployment/1"
_ETHER_DECIMALS = 18
_DEPLOYER_ETHER = 100_000_000


@dataclass(frozen=True, slots=True)
class World:
    """What stands on the chain.

    Attributes:
        deployment: the deployment file's content, with lower-case addresses.
        contracts: other addresses by contract name: routers, quoters, the Aave data provider.
    """

    deployment: Mapping[str, Any]
    contracts: Mapping[str, Address]


def build_world(
    rpc: LocalRpc, artifacts: Artifacts, scenario: Scenario, roles: Roles, morpho: Artifact
) -> World:
    """Deploys and seeds everything.

    Raises:
        ExecutionReverted: a transaction failed; names it.
    """
    me = roles.deployer.address
    rpc.call("anvil_setBalance", me, hex(_DEPLOYER_ETHER * 10**_ETHER_DECIMALS))
    deployer = Deployer(rpc, artifacts, me, int(rpc.call("eth_getTransactionCount", me, "latest"), 16))
    tokens = deploy_tokens(deployer, scenario, roles)
    site = Site(deployer, scenario, roles, tokens)
    native = tokens[scenario.native_token]
    feeds = deploy_feeds(deployer, scenario)

    v2_factory, v2_router = deploy_uniswap_v2(site, native)
    v3 = deploy_uniswap_v3(site, native)
    balancer = deploy_balancer(site, native)
    aave = deploy_aave(site, feeds)
    morpho_blue = deploy_morpho(site, morpho)

    v2_pairs = add_v2_pools(site, v2_factory, scenario.uniswap_v2)
    v3_pools = add_v3_pools(
        site, v3["UniswapV3Factory"], v3["NonfungiblePositionManager"], scenario.uniswap_v3
    )
    weighted = add_weighted_pools(site, balancer, scenario.balancer_v2_weighted)
    _fund_owner(site)
    executor = artifacts.packaged("RebalanceExecutorFactory")
    executor_factory = deployer.create(executor) if executor is not None else None
    multicall3, permit2 = deploy_multicall3(deployer), deploy_permit2(deployer)
    deployer.flush()

    deployment = {
        "schema": DEPLOYMENT_SCHEMA,
        "name": scenario.name,
        "chain_id": scenario.chain_id,
        "native_token": native,
        "numeraire": tokens[scenario.numeraire],
        "tokens": [
            {
                "address": tokens[spec.symbol],
                "symbol": spec.symbol,
                "decimals": spec.decimals,
                "feed": feeds[spec.symbol],
            }
            for spec in scenario.tokens
        ],
        "pools": _pool_entries(v2_pairs, v3_pools, balancer, weighted),
        "factories": [
            {"kind": "uniswap_v2", "address": v2_factory, "fee_pips": [V2_FEE_PIPS]},
            {"kind": "uniswap_v3", "address": v3["UniswapV3Factory"], "fee_pips": list(V3_TICK_SPACINGS)},
        ],
        "lenders": [
            {"kind": "morpho_blue", "address": morpho_blue},
            {"kind": "aave_v3", "address": aave.pool},
            {"kind": "aave_v3_multi", "address": aave.pool},
            {"kind": "balancer_v2", "address": balancer.vault},
            *(
                {"kind": "uniswap_v3", "address": pool}
                for spec, pool in zip(scenario.uniswap_v3, v3_pools, strict=True)
                if spec.lends
            ),
        ],
        "multicall3": multicall3,
        "permit2": permit2,
        "executor_factory": executor_factory,
    }
    contracts = {
        **v3,
        "UniswapV2Router02": v2_router,
        "BalancerVault": balancer.vault,
        "AavePoolAddressesProvider": aave.addresses_provider,
        "AaveProtocolDataProvider": aave.data_provider,
    }
    return World(deployment, contracts)


def _pool_entries(
    v2_pairs: list[Address],
    v3_pools: list[Address],
    balancer: BalancerContracts,
    weighted: list[BalancerPool],
) -> list[dict[str, Any]]:
    return [
        *({"kind": "uniswap_v2", "address": pair, "fee_pips": V2_FEE_PIPS} for pair in v2_pairs),
        *({"kind": "uniswap_v3", "address": pool} for pool in v3_pools),
        *(
            {
                "kind": "balancer_v2_weighted",
                "address": pool.address,
                "vault": balancer.vault,
                "pool_id": pool.pool_id,
            }
            for pool in weighted
        ),
    ]


def _fund_owner(site: Site) -> None:
    owner, spec = site.roles.owner.address, site.scenario.owner
    wei = parse_amount(spec.ether, _ETHER_DECIMALS, "owner.ether")
    site.deployer.rpc.call("anvil_setBalance", owner, hex(wei))
    for symbol, whole in spec.holdings.items():
        site.mint(symbol, owner, site.scenario.raw(symbol, whole))
