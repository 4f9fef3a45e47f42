"""What drift costs the owner of a portfolio: the figures that a rebalance is weighed against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from router.errors import InputError
from router.strategy.costs import Floats
from router.tokens import Address

DAYS_PER_YEAR = 365
MOST_NEGATIVE = 1e-10
"""How negative an eigenvalue of a correlation matrix may be for rounding's sake."""


@dataclass(frozen=True, eq=False, slots=True)
class Past:
    """Recorded returns that a forecast was made from.

    Attributes:
        returns: (rows, tokens), simple, oldest first.
    """

    tokens: tuple[Address, ...]
    returns: Floats
    periods_per_year: float


@dataclass(frozen=True, slots=True)
class Discipline:
    """Tracking error against cost.

    Attributes:
        risk_aversion: half of it times the squared tracking error is a cost per year, as a share of value.
        horizon_days: how long a drift would last if nothing were done.
        volatility: annual, a share of 1, by token.
        correlation: of every two tokens that `correlations` does not name.
        max_weight: the most of a token that a landing part of the way may hold, by token.
        notes: sentences for people on where the figures come from.
        past: what they were forecast from; None where they were given.
    """

    risk_aversion: float
    horizon_days: float
    volatility: Mapping[Address, float]
    correlation: float = 0.0
    correlations: Mapping[frozenset[Address], float] = field(default_factory=dict)
    max_weight: Mapping[Address, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    past: Past | None = field(default=None, compare=False)

    @property
    def horizon_years(self) -> float:
        return self.horizon_days / DAYS_PER_YEAR

    def covariance(
        self,
        tokens: Sequence[Address],
        steady: Address | None = None,
        symbol: Callable[[Address], str] = str,
    ) -> Floats:
        """(tokens, tokens): annual, of returns in numeraire.

        Args:
            steady: the numeraire, whose volatility is 0 unless it is given.
            symbol: what errors call a token.

        Raises:
            InputError: a token without a volatility, or correlations that no returns can have.
        """
        sizes = np.array([self._volatility(token, steady, symbol) for token in tokens])
        matrix = np.eye(len(tokens))
        for i, one in enumerate(tokens):
            for j, two in enumerate(tokens[:i]):
                known = self.correlations.get(frozenset((one, two)), self.correlation)
                matrix[i, j] = matrix[j, i] = known
        moving = sizes > 0
        if moving.any():
            least = float(np.linalg.eigvalsh(matrix[np.ix_(moving, moving)])[0])
            if least < -MOST_NEGATIVE:
                raise InputError(
                    f"no returns are correlated so: the smallest eigenvalue is {least:.4g}, below 0",
                    path="discipline.correlation",
                )
        return matrix * np.outer(sizes, sizes)

    def _volatility(self, token: Address, steady: Address | None, symbol: Callable[[Address], str]) -> float:
        known = self.volatility.get(token)
        if known is not None:
            return known
        if token == steady:
            return 0.0
        path = f"discipline.volatility.{symbol(token)}"
        raise InputError("has no volatility; give its annual one", path=path)
