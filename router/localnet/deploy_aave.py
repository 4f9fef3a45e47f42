"""A full Aave v3 market (v3.0.2): linked Pool, configurator, oracle, a reserve per token, liquidity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.localnet.artifacts import Artifact
from router.localnet.deploy_base import FEED_DECIMALS, Site
from router.tokens import Address

LTV_BPS, LIQUIDATION_THRESHOLD_BPS, LIQUIDATION_BONUS_BPS = 7500, 8000, 10_500
PREMIUM_TO_PROTOCOL_BPS = 0
_RAY = 10**27
RATES_RAY = tuple(percent * _RAY // 100 for percent in (80, 0, 4, 60, 1, 60, 1, 8, 20))
"""Optimal usage, base rate, variable slopes, stable slopes, stable offsets, optimal stable share."""

_ROOT = "@aave/core-v3/artifacts"
_NOBODY = "0x" + "00" * 20
_INIT_RESERVES = (
    "initReserves((address,address,address,uint8,address,address,address,address,string,string,string,string,"
    "string,string,bytes)[])"
)


@dataclass(frozen=True, slots=True)
class AaveContracts:
    """The market's entry points."""

    addresses_provider: Address
    pool: Address
    configurator: Address
    data_provider: Address


@dataclass(frozen=True, slots=True)
class _Implementations:
    a_token: Address
    stable_debt: Address
    variable_debt: Address
    strategy: Address


def deploy_aave(site: Site, feeds: Mapping[str, Address]) -> AaveContracts:
    """Deploys the market, opens a reserve for every token supplied, and supplies it."""
    spec = site.scenario.aave_v3
    contracts = _deploy_market(site, {symbol: feeds[symbol] for symbol in spec.supply})
    deployer = site.deployer
    configurator = contracts.configurator
    deployer.send(configurator, "updateFlashloanPremiumTotal(uint128)", spec.flash_premium_bps)
    deployer.send(configurator, "updateFlashloanPremiumToProtocol(uint128)", PREMIUM_TO_PROTOCOL_BPS)
    implementations = _deploy_implementations(site, contracts)
    for symbol, whole in spec.supply.items():
        _open_reserve(site, contracts, implementations, symbol)
        raw = site.scenario.raw(symbol, whole)
        site.mint(symbol, deployer.sender, raw)
        site.approve(symbol, contracts.pool)
        deployer.send(
            contracts.pool,
            "supply(address,uint256,address,uint16)",
            *(site.tokens[symbol], raw, deployer.sender, 0),
        )
    deployer.flush()
    return contracts


def _create(site: Site, path: str, types: str, *args: Any) -> Address:
    return site.deployer.create(_artifact(site, path), types, *args, libraries_from=_ROOT)


def _artifact(site: Site, path: str) -> Artifact:
    name = path.rsplit("/", 1)[-1]
    return site.deployer.artifacts.npm(f"{_ROOT}/contracts/{path}.sol/{name}.json")


def _deploy_market(site: Site, feeds: Mapping[str, Address]) -> AaveContracts:
    deployer = site.deployer
    me = deployer.sender
    provider = _create(
        site, "protocol/configuration/PoolAddressesProvider", "(string,address)", site.scenario.name, me
    )
    deployer.send(provider, "setACLAdmin(address)", me)
    acl = _create(site, "protocol/configuration/ACLManager", "(address)", provider)
    deployer.send(provider, "setACLManager(address)", acl)
    deployer.send(acl, "addPoolAdmin(address)", me)
    assets = [site.tokens[symbol] for symbol in feeds]
    oracle = _create(
        site,
        "misc/AaveOracle",
        "(address,address[],address[],address,address,uint256)",
        *(provider, assets, list(feeds.values()), _NOBODY, _NOBODY, 10**FEED_DECIMALS),
    )
    deployer.send(provider, "setPriceOracle(address)", oracle)
    pool_logic = _create(site, "protocol/pool/Pool", "(address)", provider)
    deployer.send(pool_logic, "initialize(address)", provider)
    deployer.send(provider, "setPoolImpl(address)", pool_logic)
    configurator_logic = _create(site, "protocol/pool/PoolConfigurator", "()")
    deployer.send(configurator_logic, "initialize(address)", provider)
    deployer.send(provider, "setPoolConfiguratorImpl(address)", configurator_logic)
    data_provider = _create(site, "misc/AaveProtocolDataProvider", "(address)", provider)
    deployer.send(provider, "setPoolDataProvider(address)", data_provider)
    pool: Address = deployer.call(provider, "getPool()")
    configurator: Address = deployer.call(provider, "getPoolConfigurator()")
    return AaveContracts(provider, pool, configurator, data_provider)


def _deploy_implementations(site: Site, contracts: AaveContracts) -> _Implementations:
    strategy = _create(
        site,
        "protocol/pool/DefaultReserveInterestRateStrategy",
        "(address" + ",uint256" * len(RATES_RAY) + ")",
        *(contracts.addresses_provider, *RATES_RAY),
    )
    a_token, stable, variable = (
        _create(site, f"protocol/tokenization/{name}", "(address)", contracts.pool)
        for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    )
    return _Implementations(a_token, stable, variable, strategy)


def _open_reserve(site: Site, contracts: AaveContracts, logic: _Implementations, symbol: str) -> None:
    deployer, token, decimals = site.deployer, site.tokens[symbol], site.scenario.token(symbol).decimals
    names = [
        text
        for kind, prefix in (("", "a"), ("Variable Debt ", "variableDebt"), ("Stable Debt ", "stableDebt"))
        for text in (f"Aave {kind}{symbol}", f"{prefix}{symbol}")
    ]
    implementations = (logic.a_token, logic.stable_debt, logic.variable_debt)
    treasury = deployer.sender
    fields = (*implementations, decimals, logic.strategy, token, treasury, _NOBODY, *names, b"")
    configurator = contracts.configurator
    deployer.send(configurator, _INIT_RESERVES, [fields])
    deployer.send(
        configurator,
        "configureReserveAsCollateral(address,uint256,uint256,uint256)",
        *(token, LTV_BPS, LIQUIDATION_THRESHOLD_BPS, LIQUIDATION_BONUS_BPS),
    )
    deployer.send(configurator, "setReserveBorrowing(address,bool)", token, True)
    deployer.send(configurator, "setReserveFlashLoaning(address,bool)", token, True)
