"""Loading a portfolio: first the file alone, then its tokens and amounts against a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from router.documents.discipline_file import discipline_of
from router.documents.files import read_document
from router.documents.located import location, validate
from router.documents.named_tokens import NamedTokens
from router.documents.portfolio_models import PortfolioModel
from router.documents.portfolio_targets import Wanted
from router.errors import InputError
from router.fixed_point import BPS
from router.portfolio import Landing, LoanPolicy, Portfolio, Settlement, TokenRule, Trade
from router.snapshot import Snapshot
from router.strategy.discipline import Discipline
from router.strategy.drift import DriftKind
from router.strategy.triggers import Threshold, TriggerSpec
from router.tokens import Address, Token, parse_amount

_GWEI_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is said in place of a portfolio file's own keys; None leaves what the file says."""

    settlement: Settlement | None = None
    loan: LoanPolicy | None = None
    landing: Landing | None = None
    max_arbitrage_bps: float | None = None
    max_legs: int | None = None
    max_depth_bps: int | None = None


@dataclass(frozen=True, slots=True)
class PortfolioFile:
    """A portfolio as written, its form checked and its tokens not yet looked up.

    Targets by a rule and forecasts are computed from the prices that the file names, as they were known at a
    time: the snapshot's own, where `now` is None.

    Attributes:
        name: the file's name, which every error starts with.
        folder: what paths in the file are relative to.
    """

    name: str
    model: PortfolioModel
    folder: Path = Path()

    @property
    def owner(self) -> Address:
        return self.model.owner

    @property
    def needs_balances(self) -> bool:
        """True when the file lists no holdings, so that they are to be read from the chain."""
        return self.model.holdings is None

    def settled(self, settlement: Settlement | None, loan: LoanPolicy | None) -> PortfolioFile:
        """The same portfolio with another settlement and loan policy, where they are given."""
        return self.overridden(Overrides(settlement, loan))

    def overridden(self, overrides: Overrides) -> PortfolioFile:
        """The same portfolio on other terms.

        Raises:
            InputError: a value that no file could hold either; names the key.
        """
        given = {name: getattr(overrides, name) for name in Overrides.__dataclass_fields__}
        update = {name: value for name, value in given.items() if value is not None}
        model = validate(PortfolioModel, self.model.model_dump() | update, "overrides")
        return replace(self, model=model)

    def mentioned(self, snapshot: Snapshot) -> tuple[Address, ...]:
        """Every token of the targets, holdings, prices and cash flows, in the order of the file.

        A rule alone is no mention: it limits what is done with a token, and brings none into the portfolio.
        """
        model = self.model
        tables: dict[str, Iterable[str]] = {
            "holdings": model.holdings or {},
            "prices": model.prices,
            "cash_flows": model.cash_flows,
        }
        others = (self._names(snapshot).keys(table, keys) for table, keys in tables.items())
        named = [*self._wanted(snapshot).tokens.values(), *(token for each in others for _, token in each)]
        return tuple(dict.fromkeys(token.address for token in named))

    def resolve(
        self,
        snapshot: Snapshot,
        balances: Mapping[Address, int] | None = None,
        now: datetime | None = None,
    ) -> Portfolio:
        """The portfolio in addresses and raw units.

        Args:
            balances: raw units by token, for a file without holdings; zero balances are left out.
            now: when the targets of a rule are computed.

        Raises:
            InputError: names the field, e.g. ``portfolio.toml: targets.WETH``.
            OutdatedPrices: a rule's prices that are too old.
        """
        model = self.model
        self._check_chain(snapshot)
        allow = frozenset(self._names(snapshot).listed("allow_tokens", model.allow_tokens))
        deny = frozenset(self._names(snapshot).listed("deny_tokens", model.deny_tokens))
        portfolio = Portfolio(
            owner=model.owner,
            holdings=self._holdings(snapshot, balances),
            targets_wad={},
            prices={
                token.address: model.prices[key]
                for key, token in self._names(snapshot).distinct("prices", model.prices)
            },
            tolerance_bps=model.tolerance_bps,
            max_slippage_bps=model.max_slippage_bps,
            max_cost_bps=model.max_cost_bps,
            gas_price_wei=self._gas_price_wei(),
            loan=LoanPolicy(model.loan),
            settlement=Settlement(model.settlement),
            allow_tokens=allow,
            deny_tokens=deny,
            landing=Landing(model.landing),
            rules=self._rules(snapshot),
            cash_flows=self._cash_flows(snapshot),
            max_depth_bps=model.max_depth_bps,
            max_legs=model.max_legs,
            max_arbitrage_bps=float(model.max_arbitrage_bps),
            guards=model.guards.guards(),
        )
        wanted = self._wanted(snapshot)
        weights, notes = wanted.weights(snapshot, portfolio, now or _time_of(snapshot))
        for key, token in wanted.tokens.items():
            if weights[key] and token.address in deny:
                raise InputError("has a target and is denied", path=wanted.at(key))
        if both := allow & deny:
            names = ", ".join(sorted(snapshot.tokens[address].symbol for address in both))
            raise InputError(f"also holds {names}, which allow_tokens lists", path=self._at("deny_tokens"))
        targets = {token.address: weights[key] for key, token in wanted.tokens.items()}
        return replace(portfolio, targets_wad=targets, notes=notes)

    def triggers(self, snapshot: Snapshot) -> TriggerSpec:
        """When to rebalance: the file's trigger, or else its tolerances as bands; with the file's gates.

        Assets are named by address, in bands as in the observations that they are compared with.

        Raises:
            InputError: a band of an unknown token, of one under two names, or of one that is neither held nor
                wanted; names the field.
        """
        trigger, gates = self.model.trigger, self.model.gates.gates()
        if trigger is not None:
            return TriggerSpec(trigger.condition("trigger", partial(self._banded, snapshot)), gates)
        own = {
            token: rule.tolerance_bps / BPS
            for token, rule in self._rules(snapshot).items()
            if rule.tolerance_bps is not None
        }
        band = self.model.tolerance_bps / BPS
        return TriggerSpec(Threshold(DriftKind.ABSOLUTE, band, tuple(sorted(own.items()))), gates)

    def discipline(self, snapshot: Snapshot, now: datetime | None = None) -> Discipline | None:
        """What drift costs the owner, by address; None where the file does not say.

        Args:
            now: when a forecast is made.

        Raises:
            InputError: an unknown token, one under two names, a correlation that no two tokens can have, or
                prices that nothing can be forecast from.
            OutdatedPrices: a forecast's prices that are too old.
        """
        model = self.model.discipline
        if model is None:
            return None
        return discipline_of(model, self._names(snapshot), self.folder, now or _time_of(snapshot))

    def _banded(self, snapshot: Snapshot, table: str, keys: Iterable[str]) -> dict[str, Address]:
        model = self.model
        found = {key: token.address for key, token in self._names(snapshot).distinct(table, keys)}
        if model.holdings is not None:
            held = (token for _, token in self._names(snapshot).keys("holdings", model.holdings))
            known = {token.address for token in (*self._wanted(snapshot).tokens.values(), *held)}
            for key, address in found.items():
                if address not in known:
                    raise InputError("is neither held nor wanted", path=self._at(table, key))
        return found

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

    def _wanted(self, snapshot: Snapshot) -> Wanted:
        return Wanted.of(self.name, self.model, self.folder, snapshot)

    def _holdings(self, snapshot: Snapshot, balances: Mapping[Address, int] | None) -> dict[Address, int]:
        if self.model.holdings is None:
            if balances is None:
                raise InputError(
                    "is missing, and there is no node to read balances from", path=self._at("holdings")
                )
            return {address: raw for address, raw in balances.items() if raw}
        holdings: dict[Address, int] = {}
        for key, token in self._names(snapshot).keys("holdings", self.model.holdings):
            raw = self._held(key, self.model.holdings[key], token)
            holdings[token.address] = holdings.get(token.address, 0) + raw
        if not holdings and not any(Decimal(text) > 0 for text in self.model.cash_flows.values()):
            raise InputError("is empty", path=self._at("holdings"))
        return holdings

    def _held(self, key: str, texts: tuple[str, ...], token: Token) -> int:
        """Raw units of all holdings under one key."""
        if not texts:
            raise InputError("is empty (leave out what is not held)", path=self._at("holdings", key))
        total = 0
        for index, text in enumerate(texts):
            path = self._at("holdings", key, *([index] if len(texts) > 1 else []))
            if Decimal(text) <= 0:
                raise InputError(f"{text} is not more than zero (leave out what is not held)", path=path)
            total += parse_amount(text, token.decimals, path)
        return total

    def _cash_flows(self, snapshot: Snapshot) -> dict[Address, int]:
        """Raw units by token, sign kept; a flow of nothing is left out."""
        flows: dict[Address, int] = {}
        for key, token in self._names(snapshot).distinct("cash_flows", self.model.cash_flows):
            text, path = self.model.cash_flows[key], self._at("cash_flows", key)
            raw = parse_amount(text.removeprefix("-"), token.decimals, path)
            if raw:
                flows[token.address] = -raw if text.startswith("-") else raw
        return flows

    def _rules(self, snapshot: Snapshot) -> dict[Address, TokenRule]:
        entries = self.model.rules
        return {
            token.address: TokenRule(
                Trade(entries[key].trade), entries[key].tolerance_bps, entries[key].max_impact_bps
            )
            for key, token in self._names(snapshot).distinct("rules", entries)
        }

    def _gas_price_wei(self) -> int | None:
        text = self.model.gas_price_gwei
        return None if text is None else parse_amount(text, _GWEI_DECIMALS, self._at("gas_price_gwei"))

    def _names(self, snapshot: Snapshot) -> NamedTokens:
        return NamedTokens(self.name, snapshot)

    def _at(self, *parts: str | int) -> str:
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
    return PortfolioFile(path.name, model, path.parent)


def load_portfolio(
    path: Path | str, snapshot: Snapshot, balances: Mapping[Address, int] | None = None
) -> Portfolio:
    """The portfolio of a file, resolved against a snapshot; see `PortfolioFile.resolve`."""
    return load_portfolio_file(path).resolve(snapshot, balances)


def _time_of(snapshot: Snapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.timestamp, UTC)
