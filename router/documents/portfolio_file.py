"""Loading a portfolio: first the file alone, then its tokens and amounts against a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from router.documents.files import read_document
from router.documents.located import location, validate
from router.documents.portfolio_models import PortfolioModel, Trigger
from router.errors import InputError
from router.fixed_point import WAD
from router.portfolio import LoanPolicy, Portfolio, Settlement
from router.snapshot import Snapshot
from router.tokens import Address, Token, format_amount, parse_amount

_GWEI_DECIMALS = 9
_WEIGHT_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class PortfolioFile:
    """A portfolio as written, its form checked and its tokens not yet looked up.

    Attributes:
        name: the file's name, which every error starts with.
    """

    name: str
    model: PortfolioModel

    @property
    def owner(self) -> Address:
        return self.model.owner

    @property
    def trigger(self) -> Trigger | None:
        return self.model.trigger

    @property
    def needs_balances(self) -> bool:
        """True when the file lists no holdings, so that they are to be read from the chain."""
        return self.model.holdings is None

    def settled(self, settlement: Settlement | None, loan: LoanPolicy | None) -> PortfolioFile:
        """The same portfolio with another settlement and loan policy, where they are given."""
        given = {"settlement": settlement, "loan": loan}
        update = {name: value.value for name, value in given.items() if value is not None}
        return PortfolioFile(self.name, self.model.model_copy(update=update))

    def mentioned(self, snapshot: Snapshot) -> tuple[Address, ...]:
        """Every token of the targets, prices and holdings, in the order of the file."""
        model = self.model
        tables = {"targets": model.targets, "holdings": model.holdings or {}, "prices": model.prices}
        return tuple(
            dict.fromkeys(
                token.address
                for table, keys in tables.items()
                for _, token in self._by_token(table, keys, snapshot)
            )
        )

    def resolve(self, snapshot: Snapshot, balances: Mapping[Address, int] | None = None) -> Portfolio:
        """The portfolio in addresses and raw units.

        Args:
            balances: raw units by token, for a file without holdings; zero balances are left out.

        Raises:
            InputError: names the field, e.g. ``portfolio.toml: targets.WETH``.
        """
        model = self.model
        self._check_chain(snapshot)
        allow = frozenset(self._tokens_of("allow_tokens", model.allow_tokens, snapshot))
        deny = frozenset(self._tokens_of("deny_tokens", model.deny_tokens, snapshot))
        targets = self._targets(snapshot)
        for address, key in targets.items():
            if key[1] and address in deny:
                raise InputError("has a target and is denied", path=self._at("targets", key[0]))
        if both := allow & deny:
            names = ", ".join(sorted(snapshot.tokens[address].symbol for address in both))
            raise InputError(f"also holds {names}, which allow_tokens lists", path=self._at("deny_tokens"))
        return Portfolio(
            owner=model.owner,
            holdings=self._holdings(snapshot, balances),
            targets_wad={address: weight for address, (_, weight) in targets.items()},
            prices={
                token.address: model.prices[key]
                for key, token in self._by_token("prices", model.prices, snapshot)
            },
            tolerance_bps=model.tolerance_bps,
            max_slippage_bps=model.max_slippage_bps,
            max_cost_bps=model.max_cost_bps,
            gas_price_wei=self._gas_price_wei(),
            loan=LoanPolicy(model.loan),
            settlement=Settlement(model.settlement),
            allow_tokens=allow,
            deny_tokens=deny,
        )

    def _check_chain(self, snapshot: Snapshot) -> None:
        model = self.model
        if model.chain_id is not None and model.chain_id != snapshot.chain_id:
            raise InputError(
                f"is {model.chain_id}, but the snapshot is of chain {snapshot.chain_id}",
                path=self._at("chain_id"),
            )
        if model.numeraire is not None:
            numeraire = snapshot.token(model.numeraire, self._at("numeraire"))
            if numeraire.address != snapshot.numeraire:
                counted = snapshot.tokens[snapshot.numeraire].symbol
                raise InputError(
                    f"is {numeraire.symbol}, but the snapshot's prices count in {counted}",
                    path=self._at("numeraire"),
                    nearest=counted,
                )

    def _targets(self, snapshot: Snapshot) -> dict[Address, tuple[str, int]]:
        """Key in the file and weight in 10**-18, by token."""
        if not self.model.targets:
            raise InputError("is empty", path=self._at("targets"))
        weights: dict[Address, tuple[str, int]] = {}
        for key, token in self._by_token("targets", self.model.targets, snapshot):
            text, path = self.model.targets[key], self._at("targets", key)
            if text.startswith("-"):
                raise InputError(f"weight {text} is negative", path=path)
            try:
                weights[token.address] = (key, parse_amount(text, _WEIGHT_DECIMALS))
            except InputError:
                raise InputError(f"weight {text} has more than 18 decimals", path=path) from None
        if (total := sum(weight for _, weight in weights.values())) != WAD:
            raise InputError(
                f"weights sum to {format_amount(total, _WEIGHT_DECIMALS)}, not 1", path=self._at("targets")
            )
        return weights

    def _holdings(self, snapshot: Snapshot, balances: Mapping[Address, int] | None) -> dict[Address, int]:
        if self.model.holdings is None:
            if balances is None:
                raise InputError(
                    "is missing, and there is no node to read balances from", path=self._at("holdings")
                )
            return {address: raw for address, raw in balances.items() if raw}
        holdings: dict[Address, int] = {}
        for key, token in self._by_token("holdings", self.model.holdings, snapshot):
            text, path = self.model.holdings[key], self._at("holdings", key)
            if Decimal(text) <= 0:
                raise InputError(f"{text} is not more than zero (leave out what is not held)", path=path)
            holdings[token.address] = parse_amount(text, token.decimals, path)
        if not holdings:
            raise InputError("is empty", path=self._at("holdings"))
        return holdings

    def _gas_price_wei(self) -> int | None:
        text = self.model.gas_price_gwei
        return None if text is None else parse_amount(text, _GWEI_DECIMALS, self._at("gas_price_gwei"))

    def _by_token(self, table: str, keys: Iterable[str], snapshot: Snapshot) -> list[tuple[str, Token]]:
        """The tokens that a table's keys name; refuses one token under two names."""
        seen: dict[Address, str] = {}
        found = []
        for key in keys:
            path = self._at(table, key)
            token = snapshot.token(key, path)
            if token.address in seen:
                raise InputError(f"is the same token as {seen[token.address]}", path=path)
            seen[token.address] = key
            found.append((key, token))
        return found

    def _tokens_of(self, table: str, names: Iterable[str], snapshot: Snapshot) -> list[Address]:
        return [
            snapshot.token(name, location(self.name, table, index)).address
            for index, name in enumerate(names)
        ]

    def _at(self, *parts: str) -> str:
        return location(self.name, *parts)


def load_portfolio_file(path: Path | str) -> PortfolioFile:
    """Reads a `.toml` or `.json` portfolio and checks its form.

    Raises:
        InputError: names the field.
    """
    path = Path(path)
    model = validate(PortfolioModel, read_document(path), path.name)
    if not int(model.owner, 16):
        raise InputError(
            "is the zero address; set the account that holds the tokens", path=f"{path.name}: owner"
        )
    return PortfolioFile(path.name, model)


def load_portfolio(
    path: Path | str, snapshot: Snapshot, balances: Mapping[Address, int] | None = None
) -> Portfolio:
    """The portfolio of a file, resolved against a snapshot; see `PortfolioFile.resolve`."""
    return load_portfolio_file(path).resolve(snapshot, balances)
