"""A small learned advice: when the rule says rebalance, does it pay to wait one more period?

The model is a regularised logistic regression (scikit-learn) on five figures of the present deviation. It
learns from the past alone: portfolios that left the target some rows ago, and what waiting one row would
have saved them in trading cost, less the tracking error it would have added. Two portfolios are walked
along, one that always follows the rule and one that takes the advice; only while the second has had the
smaller objective (tracking-error penalty and cost) is advice other than `go` given. It promises nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from router.errors import InputError
from router.strategy.covariance import DAYS, check_returns
from router.strategy.guards import check_weights, finite
from router.strategy.rows import Rows

Floats = NDArray[np.float64]

MEMORY: Final = 60
"""Rows that the figures of one decision are from."""

AGES: Final = (5, 10, 20, 40)
"""How long ago the portfolios that it learns from were on target."""

LIKELY: Final = 0.5
"""The probability beyond which the model would wait."""

_TINY: Final = 1e-18


@dataclass(frozen=True, eq=False)
class TimingRule:
    """The rule that is timed, and how the advice is learned and judged.

    The rule: back to the targets when the largest absolute drift is above the band.

    Attributes:
        targets: (n,) weights.
        band: absolute drift, a share of NAV.
        rates: one-way cost per unit of value by asset, (n,) or one number for all.
        fixed: cost of any trade at all, a share of NAV.
        risk_aversion: price of tracking-error variance; the penalty is half of it times the variance.
        patience: most rows waited in a row.
        refit: rows between two fits.
        least_rows: rows before the first fit.
        window: newest rows over which the two portfolios are compared.
        needed: decisions to wait in the window below which the advice stays off.
        periods_per_year: rows in a year.

    Raises:
        InputError, NotFinite, Unaffordable: figures that make no sense.
    """

    targets: Floats
    band: float
    rates: Floats | float
    fixed: float = 0.0
    risk_aversion: float = 3.0
    patience: int = 5
    refit: int = 60
    least_rows: int = 250
    window: int = 365
    needed: int = 5
    periods_per_year: float = DAYS

    def __post_init__(self) -> None:
        targets = check_weights(self.targets)
        rates = finite(np.atleast_1d(self.rates), "rates")
        if rates.size not in (1, targets.size) or (rates < 0).any():
            raise InputError(f"should be {targets.size} numbers of at least 0", path="rates")
        for name in ("band", "risk_aversion", "refit", "window", "needed", "periods_per_year", "patience"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"should be positive, is {getattr(self, name)}", path=name)
        if not (np.isfinite(self.fixed) and self.fixed >= 0):
            raise InputError(f"should be at least 0, is {self.fixed}", path="fixed")
        if self.least_rows <= MEMORY + max(AGES):
            raise InputError(f"should be above {MEMORY + max(AGES)}, is {self.least_rows}", path="least_rows")
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "rates", np.array(np.broadcast_to(rates, targets.size)))

    def fires(self, weights: Floats) -> bool:
        """Whether the rule says rebalance."""
        return bool(np.abs(weights - self.targets).max() > self.band)


@dataclass(frozen=True)
class TimingScore:
    """The advice against the rule over the window, out of sample.

    Attributes:
        rows: compared.
        rule, advised: tracking-error penalty and cost, bp of NAV a year.
        waits: rows on which the advice was to wait.
        needed: waits below which it is off.
        unfit: fits that could not be used, so far.
    """

    rows: int
    rule: float
    advised: float
    waits: int
    needed: int
    unfit: int

    @property
    def active(self) -> bool:
        """The advised portfolio had the smaller objective, and waited often enough to say so."""
        return self.waits >= self.needed and self.advised < self.rule

    @property
    def reason(self) -> str:
        """Why it is on or off, in one line."""
        state = "on" if self.active else "off"
        return (
            f"timing {state}: {self.advised:.2f} bp a year against {self.rule:.2f} of the rule "
            f"over {self.rows} rows, waited {self.waits} times, {self.needed} needed"
        )


@dataclass(frozen=True)
class Advice:
    """What to do now.

    Attributes:
        wait: look again after the next row instead of rebalancing.
        probability: that waiting pays, by the model; None without one, or where the rule doesn't fire.
        score: why the advice is given or withheld.
    """

    wait: bool
    probability: float | None
    score: TimingScore

    @property
    def likely(self) -> bool:
        """Whether the model thinks that waiting pays, on or off."""
        return self.probability is not None and self.probability > LIKELY


@dataclass(eq=False)
class _Shadow:
    """A portfolio that is walked along."""

    weights: Floats
    waited: int = 0
    objectives: list[float] = field(default_factory=list)
    waits: list[bool] = field(default_factory=list)


class Timing:
    """The model and its two portfolios, fed one row of returns at a time."""

    def __init__(self, rule: TimingRule) -> None:
        self.rule = rule
        self.unfit = 0
        self._rows = Rows(rule.targets.size)
        self._model: tuple[Floats, float] | None = None
        self._by_rule = _Shadow(rule.targets.copy())
        self._by_advice = _Shadow(rule.targets.copy())

    def observe(self, returns: ArrayLike) -> None:
        """Takes the newest row: simple returns of one period, (n,), 0 for cash.

        Raises:
            NotFinite: NaN or infinity; the row is not taken.
            InputError: another number of assets, or a return of -1 or less.
        """
        row = finite(returns, "returns")
        if row.size != self.rule.targets.size:
            raise InputError(f"{row.size} entries for {self.rule.targets.size} assets", path="returns")
        if (row <= -1).any():
            raise InputError(f"should be above -1, is {row.min():.9g}", path="returns")
        self._rows.append(row)
        age = len(self._rows) - self.rule.least_rows
        if age >= 0 and age % self.rule.refit == 0:
            self._model = self._fit()
            self.unfit += self._model is None
        for shadow, advised in ((self._by_rule, False), (self._by_advice, True)):
            self._walk(shadow, row, advised)

    @property
    def score(self) -> TimingScore:
        """The advice against the rule over the rows since the first fit, the newest window of them."""
        counted = min(max(len(self._rows) - self.rule.least_rows, 0), self.rule.window)
        if not counted:
            return TimingScore(0, float("nan"), float("nan"), 0, self.rule.needed, self.unfit)
        scale = 1e4 * self.rule.periods_per_year / counted
        rule, advised = (sum(one.objectives[-counted:]) * scale for one in (self._by_rule, self._by_advice))
        waits = sum(self._by_advice.waits[-counted:])
        return TimingScore(counted, rule, advised, waits, self.rule.needed, self.unfit)

    def advise(self, weights: ArrayLike, waited: int = 0) -> Advice:
        """Wait, or go.

        Args:
            weights: (n,) present, summing to 1.
            waited: rows already waited on the same occasion.

        Raises:
            InputError, NotFinite, Unaffordable: weights that make no sense.
        """
        held = check_weights(weights)
        if held.size != self.rule.targets.size:
            raise InputError(f"{held.size} weights for {self.rule.targets.size} assets", path="weights")
        score = self.score
        if not self.rule.fires(held):
            return Advice(wait=False, probability=None, score=score)
        advised = Advice(wait=False, probability=self._probability(held), score=score)
        wait = advised.likely and score.active and waited < self.rule.patience
        return replace(advised, wait=wait)

    def _walk(self, shadow: _Shadow, row: Floats, advised: bool) -> None:
        """One row of a portfolio: its tracking error, then its trade, if any."""
        rule = self.rule
        deviation = shadow.weights - rule.targets
        objective = rule.risk_aversion / 2 * float(deviation @ row) ** 2
        grown = shadow.weights * (1 + row)
        shadow.weights = grown / grown.sum()
        wait = False
        if rule.fires(shadow.weights):
            if advised and shadow.waited < rule.patience:
                probability = self._probability(shadow.weights)
                wait = probability is not None and probability > LIKELY
            if not wait:
                objective += float(np.abs(shadow.weights - rule.targets) @ rule.rates) + rule.fixed
                shadow.weights = rule.targets.copy()
        shadow.waited = shadow.waited + 1 if wait else 0
        shadow.objectives.append(objective)
        shadow.waits.append(wait)

    def _probability(self, weights: Floats) -> float | None:
        if self._model is None:
            return None
        recent = self._rows.past[-MEMORY:]
        deviation = weights - self.rule.targets
        figures = _figures(deviation[None, :], recent[None, :, :], self.rule)
        coefficients, intercept = self._model
        return float(expit(figures[0] @ coefficients + intercept))

    def _fit(self) -> tuple[Floats, float] | None:
        """Coefficients (5,) and intercept from the rows so far; None where all cases say the same, or the
        solver does not converge."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        figures, payoffs = lessons(self._rows.past, self.rule)
        pays = payoffs > 0
        if pays.all() or not pays.any():
            return None
        centre, spread = figures.mean(axis=0), figures.std(axis=0) + _TINY
        model = LogisticRegression(C=0.1, max_iter=1000)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                model.fit((figures - centre) / spread, pays, np.abs(payoffs) / np.abs(payoffs).mean())
        except ConvergenceWarning:
            return None
        coefficients = np.asarray(model.coef_[0], dtype=np.float64) / spread
        return coefficients, float(model.intercept_[0] - coefficients @ centre)


def advise(returns: ArrayLike, weights: ArrayLike, rule: TimingRule, waited: int = 0) -> Advice:
    """Advice from a history alone: the same as that of a `Timing` that was fed the rows one by one.

    Args:
        returns: (rows, n) simple returns up to now, oldest first.

    Raises:
        NotFinite, InputError, Unaffordable: as `Timing.observe` and `Timing.advise`.
    """
    timing = Timing(rule)
    for row in check_returns(returns, rows=1):
        timing.observe(row)
    return timing.advise(weights, waited)


def lessons(rows: Floats, rule: TimingRule) -> tuple[Floats, Floats]:
    """What the past teaches: figures of decisions, and what waiting one row paid.

    A case is a portfolio that was on target some rows ago (`AGES`), on a row where its largest deviation is
    between half the band and twice the band. Waiting pays the trading cost that the next row saves, less the
    penalty on the active return of that row; the fixed cost is paid either way.

    Args:
        rows: (rows, n) simple returns; none after the last is looked at, and its own outcome is none yet.

    Returns:
        Figures (cases, 5) and payoffs (cases,), shares of NAV.
    """
    levels = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(np.log1p(rows), axis=0)])
    ends = np.arange(MEMORY, len(rows))
    windows = sliding_window_view(rows, MEMORY, axis=0).swapaxes(1, 2)[ends - MEMORY]
    figures, payoffs = [], []
    for age in AGES:
        held = _drifted(rule.targets, np.exp(levels[ends] - levels[ends - age]))
        deviations = held - rule.targets
        sizes = np.abs(deviations).max(axis=1)
        kept = (sizes >= rule.band / 2) & (sizes <= rule.band * 2)
        now, following = deviations[kept], rows[ends[kept]]
        later = _drifted(held[kept], 1 + following) - rule.targets
        saved = (np.abs(now) - np.abs(later)) @ rule.rates
        penalty = rule.risk_aversion / 2 * np.square((now * following).sum(axis=1))
        figures.append(_figures(now, windows[kept], rule))
        payoffs.append(saved - penalty)
    return np.concatenate(figures), np.concatenate(payoffs)


def _drifted(weights: Floats, growth: Floats) -> Floats:
    grown = weights * growth
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float64)


def _figures(deviations: Floats, windows: Floats, rule: TimingRule) -> Floats:
    """Five figures of each decision, all blind to the unit of returns but the second.

    Size in bands (log); penalty of a row over trading cost (log); active return of the last row, and of the
    last five, in its own deviations; its deviation lately over that of the whole memory.

    Args:
        deviations: (cases, n).
        windows: (cases, MEMORY, n) returns up to the decision.
    """
    active = (windows * deviations[:, None, :]).sum(axis=2)
    spread = np.sqrt(np.square(active).mean(axis=1)) + _TINY
    cost = np.abs(deviations) @ rule.rates + _TINY
    return np.column_stack(
        [
            np.log(np.abs(deviations).max(axis=1) / rule.band + _TINY),
            np.log(rule.risk_aversion / 2 * np.square(spread) / cost + _TINY),
            active[:, -1] / spread,
            active[:, -5:].sum(axis=1) / (spread * np.sqrt(5)),
            np.sqrt(np.square(active[:, -10:]).mean(axis=1)) / spread,
        ]
    )
