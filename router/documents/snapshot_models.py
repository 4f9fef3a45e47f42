"""The snapshot file, `rebalance-snapshot/1`: its entries, and every check that needs only the file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from router.documents.fields import (
    AddressText,
    Bps,
    Count,
    Decimals,
    FileModel,
    HexText,
    Pips,
    PositiveAmount,
    PositiveText,
    RawAmount,
    SignedAmount,
)
from router.fixed_point import WAD

_WEIGHTS_SLACK = 100
"""How far from 10**18 recorded weights may sum, in units of 10**-18; older pools rounded each weight down."""
_YEAR_3000 = 32_503_680_000
"""No block's time: milliseconds, or made up."""
Timestamp = Annotated[int, Field(strict=True, ge=0, lt=_YEAR_3000, description="seconds since 1970, in UTC")]
Tick = Annotated[int, Field(strict=True, ge=-887_272, le=887_272)]
GasCost = Annotated[
    RawAmount | None, Field(description="wei that one swap costs, where the pool has a cost of its own")
]


def refuse(message: str, **values: object) -> PydanticCustomError:
    """A complaint about the object as a whole."""
    return PydanticCustomError("inconsistent", message, {key: str(value) for key, value in values.items()})


class TokenEntry(FileModel):
    """One token. `price` is numeraire per whole token; `transfer_tax_bps` what a transfer keeps back."""

    address: AddressText
    symbol: Annotated[str, Field(min_length=1, max_length=128)]
    decimals: Decimals
    price: PositiveText | None = None
    priced_at: Annotated[
        Timestamp | None, Field(description="when its feed answered; null: at the block")
    ] = None
    transfer_tax_bps: Bps = 0


class UniswapV2Entry(FileModel):
    """A constant-product pair. `protocol` names the deployment, for people."""

    kind: Literal["uniswap_v2"]
    address: AddressText
    tokens: Annotated[tuple[AddressText, AddressText], Field(description="token0, token1")]
    fee_pips: Pips
    reserves: tuple[PositiveAmount, PositiveAmount]
    protocol: str = ""
    gas_cost_wei: GasCost = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_sorted(self.tokens)
        return self


class UniswapV3Entry(FileModel):
    """A concentrated-liquidity pool with all of its initialised ticks; the pool checks the rest."""

    kind: Literal["uniswap_v3"]
    address: AddressText
    tokens: Annotated[tuple[AddressText, AddressText], Field(description="token0, token1")]
    fee_pips: Pips
    tick_spacing: Annotated[int, Field(strict=True, gt=0, lt=16_384)]
    sqrt_price_x96: PositiveAmount
    tick: Tick
    liquidity: RawAmount
    ticks: Annotated[tuple[tuple[Tick, SignedAmount], ...], Field(description="[tick, liquidity_net] pairs")]
    protocol: str = ""
    gas_cost_wei: GasCost = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if total := sum(net for _, net in self.ticks):
            raise refuse("the liquidity_net of all ticks sum to {total}, not 0", total=total)
        active = sum(net for tick, net in self.ticks if tick <= self.tick)
        if active != self.liquidity:
            raise refuse(
                "liquidity is {liquidity}, but the ticks up to the current one sum to {active}",
                liquidity=self.liquidity,
                active=active,
            )
        return self


class BalancerWeightedEntry(FileModel):
    """A weighted pool of 2 to 8 tokens.

    `swap_fee_wad` is the exact fee where it is no whole number of pips; `vault` is mainnet's where left out;
    `pow_version` is v2 for pools of the factories from 2022 on.
    """

    kind: Literal["balancer_v2_weighted"]
    address: AddressText
    pool_id: HexText
    tokens: Annotated[tuple[AddressText, ...], Field(min_length=2, max_length=8)]
    fee_pips: Pips
    balances: tuple[PositiveAmount, ...]
    weights: Annotated[tuple[PositiveAmount, ...], Field(description="10**18 to the whole")]
    swap_fee_wad: RawAmount | None = None
    vault: AddressText | None = None
    pow_version: Literal["v1", "v2"] | None = None
    protocol: str = ""
    gas_cost_wei: GasCost = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_balancer(self.address, self.pool_id, self.tokens, self.balances)
        if len(self.weights) != len(self.tokens):
            raise refuse(
                "has {weights} weights for {n} tokens", weights=len(self.weights), n=len(self.tokens)
            )
        if abs(sum(self.weights) - WAD) > _WEIGHTS_SLACK:
            raise refuse("weights sum to {total}, not 10**18", total=sum(self.weights))
        return self


class BalancerStableEntry(FileModel):
    """A stable pool: known, checked, and not traded."""

    kind: Literal["balancer_v2_stable"]
    address: AddressText
    pool_id: HexText
    tokens: Annotated[tuple[AddressText, ...], Field(min_length=2, max_length=8)]
    fee_pips: Pips
    balances: tuple[RawAmount, ...]
    amplification: PositiveAmount
    vault: AddressText | None = None
    protocol: str = ""
    gas_cost_wei: GasCost = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_balancer(self.address, self.pool_id, self.tokens, self.balances)
        return self


class MorphoBlueEntry(FileModel):
    """Free loans out of everything the singleton holds. `available` is raw units by token, here and below."""

    kind: Literal["morpho_blue"]
    address: AddressText
    available: dict[AddressText, RawAmount]


class AaveV3Entry(FileModel):
    """An Aave v3 Pool, for loans of one token and of several."""

    kind: Literal["aave_v3"]
    address: AddressText
    available: dict[AddressText, RawAmount]
    premium_bps: Bps
    rounding: Literal["half_up", "up"]


class BalancerLenderEntry(FileModel):
    """The Balancer v2 Vault. `fee_wad` is 10**18 to the whole."""

    kind: Literal["balancer_v2"]
    address: AddressText
    available: dict[AddressText, RawAmount]
    fee_wad: RawAmount = 0


class UniswapV3FlashEntry(FileModel):
    """A Uniswap v3 pool as a lender."""

    kind: Literal["uniswap_v3"]
    address: AddressText
    tokens: tuple[AddressText, AddressText]
    available: dict[AddressText, RawAmount]
    fee_pips: Pips


PoolEntry = Annotated[
    UniswapV2Entry | UniswapV3Entry | BalancerWeightedEntry | BalancerStableEntry, Field(discriminator="kind")
]
LenderEntry = Annotated[
    MorphoBlueEntry | AaveV3Entry | BalancerLenderEntry | UniswapV3FlashEntry, Field(discriminator="kind")
]


class SnapshotFile(FileModel):
    """One block of one chain: tokens, pools, lenders, prices."""

    schema_: Annotated[Literal["rebalance-snapshot/1"], Field(alias="schema")] = "rebalance-snapshot/1"
    chain_id: Annotated[int, Field(strict=True, gt=0)]
    block_number: Count
    block_hash: HexText = ""
    timestamp: Timestamp
    base_fee_wei: RawAmount | None = None
    l1_fee_wei_per_byte: Annotated[
        RawAmount, Field(description="what a rollup charges for each byte of calldata, beside gas")
    ] = 0
    native_token: AddressText
    numeraire: AddressText
    price_source: str = ""
    overruled: Annotated[
        tuple[str, ...], Field(description="faults of the market that were overruled when it was read")
    ] = ()
    note: str = ""
    tokens: tuple[TokenEntry, ...]
    pools: tuple[PoolEntry, ...] = ()
    lenders: tuple[LenderEntry, ...] = ()


def _require_sorted(tokens: tuple[str, str]) -> None:
    if tokens[0] >= tokens[1]:
        raise refuse("tokens should be token0, token1: two different addresses, ascending")


def _require_balancer(address: str, pool_id: str, tokens: tuple[str, ...], balances: tuple[Any, ...]) -> None:
    if len(set(tokens)) != len(tokens):
        raise refuse("tokens holds one token twice")
    if len(balances) != len(tokens):
        raise refuse("has {balances} balances for {n} tokens", balances=len(balances), n=len(tokens))
    if len(pool_id) not in (42, 66) or pool_id[:42] != address:
        raise refuse("pool_id should be 32 bytes (or 20, without the rest) that start with the address")
