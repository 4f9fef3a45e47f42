"""The deployment file, `rebalance-deployment/1`: one chain's addresses, and what no contract tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from router.documents.fields import AddressText, Decimals, FileModel, Pips
from router.documents.files import read_document
from router.documents.located import validate
from router.strategy.feeds import FeedLimits
from router.tokens import Token

PoolId = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


class DeployedToken(FileModel):
    """A token to read. `feed` is a Chainlink aggregator, US dollars per whole token; `heartbeat_s` is how old
    its answer may be, 25 hours where it is not given."""

    address: AddressText
    symbol: str
    decimals: Decimals
    feed: AddressText | None = None
    heartbeat_s: Annotated[
        int | None, Field(strict=True, gt=0, description="of the feed, with some slack")
    ] = None

    @model_validator(mode="after")
    def _check_heartbeat(self) -> Self:
        if self.heartbeat_s is not None and self.feed is None:
            raise PydanticCustomError("heartbeat", "has a heartbeat and no feed")
        return self


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
    """One chain's contracts. `executor_factory` is null until it is deployed; `sequencer_feed` is a rollup's
    Chainlink L2 sequencer uptime feed."""

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
    sequencer_feed: AddressText | None = None
    sequencer_grace_s: Annotated[
        int, Field(strict=True, ge=0, description="how long the sequencer must have been up again")
    ] = int(FeedLimits().sequencer_grace.total_seconds())

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
