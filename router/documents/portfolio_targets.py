"""The weights that a portfolio file asks for: fixed, on their way to others, or by a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from router.documents.located import location, within
from router.documents.portfolio_models import GlideTable, PortfolioModel
from router.errors import InputError
from router.fixed_point import WAD
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.strategy.tilts import glide
from router.tokens import Address, Token, format_amount, parse_amount

_WEIGHT_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Wanted:
    """The targets of a file, its tokens found in a snapshot.

    Attributes:
        file: its name, which every error starts with.
        folder: what paths in the file are relative to.
        tokens: by the names that the file gives them.
    """

    file: str
    model: PortfolioModel
    folder: Path
    tokens: Mapping[str, Token]

    @classmethod
    def of(cls, file: str, model: PortfolioModel, folder: Path, snapshot: Snapshot) -> Wanted:
        """Raises:
        InputError: an unknown token, or one under two names; names the key.
        """
        found: dict[str, Token] = {}
        seen: dict[Address, str] = {}
        for key, parts in _places(model):
            path = location(file, *parts)
            token = found.setdefault(key, snapshot.token(key, path))
            if (first := seen.setdefault(token.address, key)) != key:
                raise InputError(f"is the same token as {first}", path=path)
        return cls(file, model, folder, found)

    def at(self, key: str) -> str:
        """Where a token is wanted first."""
        return location(self.file, *dict(reversed(list(_places(self.model))))[key])

    def weights(
        self, snapshot: Snapshot, portfolio: Portfolio, now: datetime
    ) -> tuple[dict[str, int], tuple[str, ...]]:
        """Targets in 10**-18, by the names in the file, and what they were computed from.

        Args:
            portfolio: what is held, for a rule's largest step.
            now: the market's time.

        Raises:
            InputError: weights that are none, or don't sum to 1; what a rule refuses.
            OutdatedPrices: a rule's prices that are too old.
        """
        model = self.model
        if model.target_rule is not None:
            return self._ruled(snapshot, portfolio, now)
        start = self._parsed(model.targets or {}, "targets")
        if model.glide is None:
            return start, ()
        return self._on_their_way(model.glide, start, now)

    def _ruled(
        self, snapshot: Snapshot, portfolio: Portfolio, now: datetime
    ) -> tuple[dict[str, int], tuple[str, ...]]:
        from router.documents.portfolio_prices import KEYS, market_prices, present_weights, ruled_targets

        rule, current = self.model.target_rule, None
        assert rule is not None
        if rule.max_step is not None:
            at = location(self.file, "target_rule", "max_step")
            current = present_weights(snapshot, portfolio, self.tokens, at)
        with within(self.file, "target_rule", keys=KEYS):
            texts, notes = ruled_targets(
                rule, self.folder, now, market_prices(snapshot, self.tokens), current
            )
        return self._parsed(texts, "target_rule"), notes

    def _on_their_way(
        self, table: GlideTable, start: Mapping[str, int], now: datetime
    ) -> tuple[dict[str, int], tuple[str, ...]]:
        end = self._parsed(table.targets, "glide", "targets")
        parts = [[given.get(key, 0) for key in self.tokens] for given in (start, end)]
        with within(self.file, "glide"):
            weights = glide(*parts, begins=table.begins, ends=table.ends, at=now)
        found = dict(zip(self.tokens, weights, strict=True))
        told = ", ".join(f"{key} {each / WAD:.3%}" for key, each in found.items())
        return found, (f"targets on their way at {now:%Y-%m-%dT%H:%M:%SZ}: {told}",)

    def _parsed(self, texts: Mapping[str, str], *table: str) -> dict[str, int]:
        if not texts:
            raise InputError("is empty", path=location(self.file, *table))
        weights: dict[str, int] = {}
        for key, text in texts.items():
            path = location(self.file, *table, key)
            if text.startswith("-"):
                raise InputError(f"weight {text} is negative", path=path)
            try:
                weights[key] = parse_amount(text, _WEIGHT_DECIMALS)
            except InputError:
                raise InputError(f"weight {text} has more than 18 decimals", path=path) from None
        if (total := sum(weights.values())) != WAD:
            told = format_amount(total, _WEIGHT_DECIMALS)
            raise InputError(f"weights sum to {told}, not 1", path=location(self.file, *table))
        return weights


def _places(model: PortfolioModel) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of what is wanted, each with the place of its key."""
    rule = model.target_rule
    if rule is None:
        yield from ((key, ("targets", key)) for key in model.targets or ())
        yield from ((key, ("glide", "targets", key)) for key in (model.glide.targets if model.glide else ()))
        return
    yield from ((key, ("target_rule", "columns", key)) for key in rule.columns)
    if rule.cash_asset:
        yield rule.cash_asset, ("target_rule", "cash_asset")
