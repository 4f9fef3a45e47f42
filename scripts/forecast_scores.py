"""Scores of forecasts, of timing, of a policy on forecasts and of targets by rules, on recorded daily prices.

`python -m scripts.forecast_scores` writes them into docs/forecasts.md, between the two marks there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.backtest import Backtest, Costs, Prices, load_prices, run
from router.strategy.covariance import DAYS, CovarianceKind, covariance_of
from router.strategy.forecasts import CONSTANTS, Forecaster, Outlook, Settings
from router.strategy.regimes import Regimes
from router.strategy.scores import Score
from router.strategy.target_rules import TargetRule, risk_shares, target_weights
from router.strategy.timing import Timing, TimingRule, TimingScore
from router.strategy.volatility import Ewma, Garch, Har, Model, Shrunk, log_har

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "forecasts.md"
MARKS = ("<!-- scores: written by scripts/forecast_scores.py -->", "<!-- end of scores -->")


@dataclass(frozen=True)
class Study:
    """Recorded prices, and what is held in them; the rest is cash."""

    title: str
    path: Path
    columns: tuple[str, ...]
    targets: tuple[float, ...]

    @property
    def prices(self) -> Prices:
        return _loaded(self.path, self.columns)


COINBASE = Study(
    "Coinbase, 2021 to 2023",
    SHARED / "prices" / "coinbase_daily_ohlcv_btc_eth_link_2021-01_2023-12.csv",
    ("BTC=BTC_close", "ETH=ETH_close", "LINK=LINK_close"),
    (0.4, 0.3, 0.2),
)
HUOBI = Study(
    "Huobi, November 2017 to June 2021",
    ROOT / "tests" / "data" / "huobi_daily_2017-10_2021-06.csv",
    ("BTC", "ETH", "ETC", "LTC", "BCH"),
    (0.18,) * 5,
)
STUDIES = (COINBASE, HUOBI)

MODELS: tuple[Callable[[], Model], ...] = (
    lambda: Ewma(0.94),
    lambda: Ewma(0.97),
    Garch,
    Har,
    log_har,
    Regimes,
)
COVARIANCES: tuple[Callable[[], Model], ...] = (
    lambda: Ewma(0.97),
    Shrunk,
    lambda: Shrunk(CovarianceKind.EXPONENTIAL, window=None),
)
WINDOWS = (26, 52, 104)
BANDS = (0.02, 0.05, 0.1)
RATES = (0.001, 0.003)
GAS = 30 / 1_000_000
GAS_USD = 30.0
NAVS = (1e4, 1e5, 1e6, 1e7)
POLICIES = ("default", "forecast")
RULES = (
    TargetRule("equal"),
    TargetRule("inverse_volatility"),
    TargetRule("risk_parity"),
    TargetRule("maximum_diversification"),
    TargetRule("minimum_variance"),
    TargetRule("volatility_target", volatility=0.4),
)
LEARNED = 365
"""Rows that a rule's covariance is from."""
EVERY = 7
"""Rows between two weights of a rule."""
MONTH = 28
"""Rows over which a volatility is compared with the expected one."""
EVERYTHING = 1_000_000
"""A window that holds all rows."""


def forecast_row(name: str, returns: NDArray[np.float64], model: Model) -> str:
    """One model of one or more series: its score, what was served, and the constants'."""
    forecaster = Forecaster(model)
    on = []
    for row in returns:
        scored = len(forecaster.scores["served"])
        active = forecaster.active
        forecaster.observe(row)
        if len(forecaster.scores["served"]) > scored:
            on.append(active)
    scores = forecaster.scores
    cells = [
        name,
        model.name,
        *(f"{_loss(scores[key]):.4f}" for key in (model.name, *(one.name for one in CONSTANTS), "served")),
        f"{_ahead(scores[CONSTANTS[-1].name], scores[model.name]):+.1f}",
        *(f"{_covered(scores[key]):.1%}" for key in (model.name, CONSTANTS[-1].name)),
        f"{np.mean(on):.0%}",
        "on" if forecaster.active else "off",
        str(forecaster.failures),
    ]
    return _line(cells)


def window_row(study: Study, window: int) -> str:
    """All models of single assets, judged over so many scores: what was served, and how often they went on or
    off."""
    gains, switches = [], 0
    for returns in study.prices.log_returns().T:
        for make in MODELS:
            forecaster = Forecaster(make(), Settings(window=window))
            active = False
            for row in returns:
                forecaster.observe(row)
                switches += forecaster.active != active
                active = forecaster.active
            losses = {name: _loss(scores) for name, scores in forecaster.scores.items()}
            constants = [losses[one.name] for one in CONSTANTS]
            gains.append([least - losses["served"] for least in (constants[-1], min(constants))])
    return _line([str(window), *(f"{gain:+.4f}" for gain in np.mean(gains, axis=0)), str(switches)])


def timing_row(study: Study, band: float, rate: float) -> str:
    """The advised portfolio against the rule, over all rows since the first fit."""
    returns = study.prices.returns()
    targets = np.array([*study.targets, 1 - sum(study.targets)])
    rates = np.where(np.arange(targets.size) < targets.size - 1, rate, 0.0)
    score = _walked(_with_cash(returns), TimingRule(targets, band, rates, fixed=GAS, window=EVERYTHING))
    cells = [
        f"{band:.0%}",
        f"{rate * 1e4:.0f}",
        f"{score.rule:.2f}",
        f"{score.advised:.2f}",
        str(score.waits),
        "on" if score.active else "off",
    ]
    return _line(cells)


def policy_row(study: Study, rate: float, nav: float) -> str:
    """The policies on the same prices and costs: objective in bp a year, and rebalances."""
    targets = dict(zip(study.prices.assets, study.targets, strict=True))
    backtest = Backtest(study.prices, targets, Costs(rate, GAS_USD), initial=nav)
    results = [run(backtest, policy) for policy in POLICIES]
    cells = [f"{result.objective * 1e4:.2f}" for result in results]
    cells += [str(result.rebalances) for result in results]
    return _line([f"{nav:,.0f}", f"{rate * 1e4:.0f}", *cells])


def rule_row(study: Study, rule: TargetRule, *, forecast: bool = False) -> str:
    """A rule's weights, drawn anew every week: what they should vary by, and what they did. Nothing costs."""
    logs, simple = study.prices.log_returns(), _with_cash(study.prices.returns())
    cash = logs.shape[1]
    outlook = Outlook(study.prices.assets)
    covariance, held, parts = np.zeros((cash + 1, cash + 1)), np.zeros(cash + 1), np.zeros(cash + 1)
    returns: list[float] = []
    expected: list[float] = []
    traded = 0.0
    for row, moves in enumerate(simple):
        if row >= LEARNED:
            if (row - LEARNED) % EVERY == 0:
                newest = logs[row - LEARNED : row]
                covariance[:cash, :cash] = outlook.covariance if forecast else covariance_of(newest)
                wanted = target_weights(rule, _with_cash(newest), covariance, cash=cash)
                traded += float(np.abs(wanted - held).sum()) / 2 if returns else 0.0
                held = wanted
            expected.append(risk_shares(wanted, covariance)[0])
            returns.append(float(held @ moves))
            parts += held * moves * returns[-1]
            held = held * (1 + moves) / (1 + returns[-1])
        if forecast:
            outlook.observe(logs[row])
    months = len(returns) // MONTH
    squares = np.square(returns[: months * MONTH]).reshape(months, MONTH)
    told = np.array(expected[: months * MONTH]).reshape(months, MONTH).mean(axis=1)
    missed = np.sqrt(squares.mean(axis=1) * DAYS) - told
    shares = parts[:cash] / parts.sum()
    cells = [
        rule.name,
        "forecast" if forecast else "shrunk",
        f"{np.mean(expected):.1%}",
        f"{np.std(returns) * np.sqrt(DAYS):.1%}",
        f"{np.abs(missed).mean():.1%}",
        f"{shares.min():.0%} to {shares.max():.0%}",
        f"{traded / len(returns) * DAYS:.1f}",
    ]
    return _line(cells)


def tables(study: Study) -> str:
    """All of one study, as Markdown."""
    assets, logs = study.prices.assets, study.prices.log_returns()
    head = (
        "series",
        "model",
        "QLIKE",
        "constant",
        "365 days",
        "served",
        "t",
        "covered",
        "365 days covered",
        "on",
        "at the end",
        "failed",
    )
    volatilities = [
        forecast_row(asset, logs[:, place], make()) for place, asset in enumerate(assets) for make in MODELS
    ]
    covariances = [forecast_row("all", logs, make()) for make in COVARIANCES]
    windows = [window_row(study, window) for window in WINDOWS]
    timings = [timing_row(study, band, rate) for band in BANDS for rate in RATES]
    runs = [policy_row(study, rate, nav) for rate in RATES for nav in NAVS]
    rules = [rule_row(study, rule) for rule in RULES] + [rule_row(study, RULES[-1], forecast=True)]
    return "\n".join(
        [
            f"### {study.title}",
            "",
            *_table(head, [*volatilities, *covariances], left=2),
            "",
            *_table(("window", "over 365 days", "over the better constant", "switches"), windows, left=0),
            "",
            *_table(("band", "cost bp", "rule", "advised", "waits", "advice"), timings, left=0),
            "",
            *_table(("value", "fee bp", *POLICIES, *(f"{each} trades" for each in POLICIES)), runs, left=0),
            "",
            *_table(
                ("rule", "covariance", "expected", "realised", "4-week miss", "of the risk", "turnover"),
                rules,
                left=2,
            ),
        ]
    )


def main() -> None:
    """Writes the tables into the page."""
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    written = "\n\n".join(map(tables, STUDIES))
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{written}\n\n{MARKS[1]}{after}")


@cache
def _loaded(path: Path, columns: tuple[str, ...]) -> Prices:
    return load_prices(path, columns)


def _with_cash(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([returns, np.zeros(len(returns))])


def _walked(returns: NDArray[np.float64], rule: TimingRule) -> TimingScore:
    timing = Timing(rule)
    for row in returns:
        timing.observe(row)
    return timing.score


def _loss(scores: Sequence[Score]) -> float:
    return float(np.mean([score.loss for score in scores]))


def _ahead(constant: Sequence[Score], model: Sequence[Score]) -> float:
    """Mean difference of losses in its own standard errors (Diebold and Mariano 1995)."""
    differences = np.array([theirs.loss - ours.loss for theirs, ours in zip(constant, model, strict=True)])
    return float(differences.mean() / (differences.std(ddof=1) / np.sqrt(len(differences))))


def _covered(scores: Sequence[Score]) -> float:
    return float(np.mean([score.covered for score in scores]))


def _table(head: Sequence[str], lines: Iterable[str], left: int) -> list[str]:
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return [_line(head), _line(rule), *lines]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
