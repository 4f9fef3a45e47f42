"""Everything the planner may know, at one block. Planning is a pure function of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from router.errors import InputError, nearest
from router.fixed_point import PRICE_ONE
from router.lenders.base import Lender
from router.pools.base import Pool
from router.tokens import Address, Token, parse_address


@dataclass(frozen=True)
class Snapshot:
    """Tokens, pools, lenders and prices at one block of one chain.

    Attributes:
        block_hash: 0x-hex, or "" where the source did not record it.
        base_fee_wei: None where unknown.
        pool_gas_cost_wei: what one swap costs in wei, for pools that have a cost of their own.
        l1_fee_wei_per_byte: what a rollup charges for each byte of calldata, beside gas; 0 elsewhere.
        native_token: the wrapped native token, in which gas is priced.
        numeraire: the token that prices count in.
        prices: numeraire units per whole token, as exact decimal text; tokens without a price are missing.
        priced_at: seconds since 1970 when a token's feed answered; those of the block itself are missing.
        price_source: one line for people: oracle, user, or mid prices.
        overruled: faults of the market that were seen when it was read, and overruled; none elsewhere.
        transfer_tax_bps: tokens that keep part of every transfer; they are never routed through.
    """

    chain_id: int
    block_number: int
    timestamp: int
    native_token: Address
    numeraire: Address
    tokens: Mapping[Address, Token]
    pools: tuple[Pool, ...]
    lenders: tuple[Lender, ...] = ()
    prices: Mapping[Address, str] = field(default_factory=dict)
    priced_at: Mapping[Address, int] = field(default_factory=dict)
    price_source: str = ""
    overruled: tuple[str, ...] = ()
    transfer_tax_bps: Mapping[Address, int] = field(default_factory=dict)
    base_fee_wei: int | None = None
    block_hash: str = ""
    pool_gas_cost_wei: Mapping[Address, int] = field(default_factory=dict)
    l1_fee_wei_per_byte: int = 0

    @cached_property
    def memo(self) -> dict[Hashable, Any]:
        """What others have derived from this snapshot and may want again; never saved."""
        return {}

    @cached_property
    def prices_e36(self) -> Mapping[Address, int]:
        """Numeraire per raw unit times 10**36, of every token with a price of at least one unit of that."""
        found = {token: self.price_e36(token) for token in self.prices if token in self.tokens}
        return {token: price for token, price in found.items() if price > 0}

    @cached_property
    def unit_prices(self) -> Mapping[Address, float]:
        """Numeraire per raw unit."""
        return {token: price / PRICE_ONE for token, price in self.prices_e36.items()}

    @cached_property
    def pool_by_address(self) -> Mapping[Address, Pool]:
        return {pool.address: pool for pool in self.pools}

    @cached_property
    def _by_symbol(self) -> Mapping[str, tuple[Address, ...]]:
        found: dict[str, tuple[Address, ...]] = {}
        for token in self.tokens.values():
            found[token.symbol] = (*found.get(token.symbol, ()), token.address)
        return found

    def token(self, name: str, path: str = "") -> Token:
        """The token with this address, or with this symbol where only one token has it.

        Raises:
            InputError: unknown or ambiguous; names the nearest symbol, or the addresses to choose from.
        """
        if name.startswith("0x"):
            address = parse_address(name, path)
            if address not in self.tokens:
                raise InputError(f"token {name} is not in the snapshot", path=path)
            return self.tokens[address]
        addresses = self._by_symbol.get(name, ())
        if not addresses:
            raise InputError(
                f"no token with symbol {name!r} in the snapshot",
                path=path,
                nearest=nearest(name, self._by_symbol),
            )
        if len(addresses) > 1:
            raise InputError(f"symbol {name!r} is ambiguous: use one of {', '.join(addresses)}", path=path)
        return self.tokens[addresses[0]]

    def price_e36(self, address: Address) -> int:
        """Numeraire per raw unit, times 10**36, rounded down; 0 where the token has no price."""
        text = self.prices.get(address)
        return 0 if text is None else price_text_to_e36(text, self.tokens[address].decimals)


def price_text_to_e36(text: str, decimals: int) -> int:
    """Decimal text per whole token -> numeraire per raw unit times 10**36, rounded down."""
    return int(Fraction(text) * PRICE_ONE / 10**decimals)
