"""The deployment file, `rebalance-deployment/1`: one chain's addresses, and what no contract tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from router.documents.fields import AddressText, Decimals, FileModel, Pips
from router.documents.files import read_document
from router.documents.located import validate
from router.tokens import Token

PoolId = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


class DeployedToken(FileModel):
    """A token to read. `feed` is a Chainlink aggregator, US dollars per whole token."""

    address: AddressText
    symbol: str
    decimals: Decimals
    feed: AddressText | None = None


class UniswapV2PoolAddress(FileModel):
    """A pair; its fee is nowhere on chain."""

    kind: Literal["uniswap_v2"]
    address: AddressText
    fee_pips: Pips = 3000


class UniswapV3PoolAddress(FileModel):
    """A pool; it tells the rest."""

    kind: Literal["uniswap_v3"]
    address: AddressText


class BalancerPoolAddress(FileModel):
    """A weighted pool and the Vault that holds its tokens."""

    kind: Literal["balancer_v2_weighted"]
    address: AddressText
    vault: AddressText
    pool_id: PoolId


class FactoryAddress(FileModel):
    """Where pools of a token pair are looked up: getPair, or getPool with each of `fee_pips`."""

    kind: Literal["uniswap_v2", "uniswap_v3"]
    address: AddressText
    fee_pips: Annotated[tuple[Pips, ...], Field(min_length=1)]


class LenderAddress(FileModel):
    """A flash-loan source: the Morpho singleton, an Aave Pool, a Balancer Vault or a Uniswap v3 pool."""

    kind: Literal["morpho_blue", "aave_v3", "aave_v3_multi", "balancer_v2", "uniswap_v3"]
    address: AddressText


PoolAddress = Annotated[
    UniswapV2PoolAddress | UniswapV3PoolAddress | BalancerPoolAddress, Field(discriminator="kind")
]


class Deployment(FileModel):
    """One chain's contracts. `executor_factory` is null until it is deployed."""

    schema_: Annotated[Literal["rebalance-deployment/1"], Field(alias="schema")] = "rebalance-deployment/1"
    name: str
    chain_id: Annotated[int, Field(strict=True, gt=0)]
    native_token: AddressText
    numeraire: AddressText
    tokens: tuple[DeployedToken, ...]
    pools: tuple[PoolAddress, ...] = ()
    factories: tuple[FactoryAddress, ...] = ()
    lenders: tuple[LenderAddress, ...] = ()
    multicall3: AddressText | None = None
    permit2: AddressText | None = None
    executor_factory: AddressText | None = None

    @property
    def token_by_address(self) -> dict[str, Token]:
        """The tokens as the deployment tells them, not yet checked on chain."""
        return {
            entry.address: Token(self.chain_id, entry.address, entry.symbol, entry.decimals)
            for entry in self.tokens
        }


def load_deployment(path: Path | str) -> Deployment:
    """Reads and checks a deployment file.

    Raises:
        InputError: names the place.
    """
    path = Path(path)
    return parse_deployment(read_document(path), path.name)


def parse_deployment(value: Any, name: str = "deployment") -> Deployment:
    """The checked deployment of a parsed file."""
    return validate(Deployment, value, name)
