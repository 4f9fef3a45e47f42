"""The scenario file: everything that a local chain starts with, as validated values."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from router.errors import InputError, nearest
from router.fixed_point import BPS
from router.tokens import parse_amount

DEFAULT_SCENARIO = Path(__file__).with_name("scenario.toml")

DecimalText = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?$")]
"""An exact number of at least zero, as text."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenSpec(_Strict):
    """One token. `price` is USD per whole token."""

    symbol: str
    name: str
    decimals: int = Field(ge=0, le=18)
    price: DecimalText
    contract: Literal["weth9", "fiat_token", "no_return", "mintable"]

    @property
    def usd_per_raw(self) -> Fraction:
        """USD per raw unit, exactly."""
        return Fraction(Fraction(self.price), 10**self.decimals)


class UniswapV2Spec(_Strict):
    """A constant-product pair; `usd` is the value of both sides together."""

    tokens: tuple[str, str]
    usd: Decimal = Field(gt=0)
    off_bps: int = 0


class UniswapV3Spec(_Strict):
    """A concentrated pool; a position is (from percent, to percent, usd) around the pool's own price."""

    tokens: tuple[str, str]
    fee_pips: Literal[100, 500, 3000, 10000]
    off_bps: int = 0
    lends: bool = False
    positions: tuple[tuple[Decimal, Decimal, Decimal], ...] = Field(min_length=1)


class BalancerSpec(_Strict):
    """A Balancer v2 weighted pool of 2 to 8 tokens; the first token is off the feeds by `off_bps`."""

    tokens: tuple[str, ...] = Field(min_length=2, max_length=8)
    weights: tuple[DecimalText, ...]
    fee_pips: int = Field(ge=1, le=100_000)
    usd: Decimal = Field(gt=0)
    off_bps: int = 0
    factory: Literal["v1", "v3"] = "v3"

    @model_validator(mode="after")
    def _weights_match(self) -> Self:
        if len(self.weights) != len(self.tokens) or sum(map(Fraction, self.weights)) != 1:
            raise ValueError("weights must be one per token and sum to 1")
        return self


class AaveSpec(_Strict):
    """An Aave v3 market. `supply` is whole tokens by symbol; every token supplied becomes a reserve."""

    flash_premium_bps: int = Field(ge=0, le=1000)
    supply: dict[str, DecimalText]


class MorphoSpec(_Strict):
    """Morpho Blue; `supply` is whole tokens by symbol, lent to one idle market each."""

    supply: dict[str, DecimalText]


class OwnerSpec(_Strict):
    """The account whose portfolio has drifted. `cron` and `band_bps` are its trigger; `volatility` (annual)
    and `correlation` are of its tokens, the numeraire left out."""

    ether: DecimalText
    tolerance_bps: int = 50
    cron: str
    band_bps: int
    holdings: dict[str, DecimalText]
    targets: dict[str, DecimalText]
    volatility: dict[str, DecimalText]
    correlation: DecimalText

    @model_validator(mode="after")
    def _targets_sum(self) -> Self:
        if sum(map(Fraction, self.targets.values())) != 1:
            raise ValueError("targets must sum to 1")
        return self


class Scenario(_Strict):
    """One local chain."""

    schema_: Literal["rebalance-scenario/1"] = Field(alias="schema")
    name: str
    chain_id: int = Field(gt=0)
    hardfork: str
    base_fee_gwei: DecimalText
    native_token: str
    numeraire: str
    tokens: tuple[TokenSpec, ...]
    uniswap_v2: tuple[UniswapV2Spec, ...] = ()
    uniswap_v3: tuple[UniswapV3Spec, ...] = ()
    balancer_v2_weighted: tuple[BalancerSpec, ...] = ()
    aave_v3: AaveSpec
    morpho_blue: MorphoSpec
    owner: OwnerSpec

    @property
    def base_fee_wei(self) -> int:
        return parse_amount(self.base_fee_gwei, 9, "base_fee_gwei")

    def token(self, symbol: str) -> TokenSpec:
        """The token with this symbol.

        Raises:
            InputError: no such token.
        """
        for token in self.tokens:
            if token.symbol == symbol:
                return token
        raise InputError(
            f"no token with symbol {symbol!r} in the scenario",
            nearest=nearest(symbol, [t.symbol for t in self.tokens]),
        )

    def raw(self, symbol: str, whole: str) -> int:
        """Whole tokens as text -> raw units of the token with this symbol."""
        return parse_amount(whole, self.token(symbol).decimals, symbol)

    def raw_worth(self, symbol: str, usd: Fraction | Decimal, off_bps: int = 0) -> int:
        """Raw units worth `usd`, rounded down, where the token's price is `off_bps` above its feed."""
        price = self.token(symbol).usd_per_raw * (BPS + off_bps) / BPS
        return int(Fraction(usd) / price)


def load_scenario(path: Path = DEFAULT_SCENARIO) -> Scenario:
    """Reads and validates a scenario file.

    Raises:
        InputError: unreadable, not TOML, an unknown key, a bad value, or an unlisted symbol.
    """
    try:
        scenario = Scenario.model_validate(tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(str(error), path=str(path)) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(first["msg"], path=f"{path.name}: {place}") from None
    _require_known_symbols(scenario)
    return scenario


def _require_known_symbols(scenario: Scenario) -> None:
    used = [scenario.native_token, scenario.numeraire]
    used += [symbol for v2 in scenario.uniswap_v2 for symbol in v2.tokens]
    used += [symbol for v3 in scenario.uniswap_v3 for symbol in v3.tokens]
    used += [symbol for weighted in scenario.balancer_v2_weighted for symbol in weighted.tokens]
    for symbols in (
        scenario.aave_v3.supply,
        scenario.morpho_blue.supply,
        scenario.owner.holdings,
        scenario.owner.targets,
    ):
        used += symbols
    for symbol in used:
        scenario.token(symbol)
