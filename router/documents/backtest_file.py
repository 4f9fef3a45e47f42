"""From finished runs to their document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from router.backtest import Prices, Result
from router.backtest.attribution import attribution_of, pooling_of
from router.backtest.prices import YEAR
from router.documents.backtest_models import (
    AttributionEntry,
    BacktestFile,
    CostModelEntry,
    ImpactEntry,
    MetricsEntry,
    PartsEntry,
    PoolingEntry,
    PricesEntry,
    RepairsEntry,
    RunEntry,
    SeriesEntry,
    StopEntry,
    SweepEntry,
    TradeEntry,
)
from router.fixed_point import BPS
from router.strategy.attribution import Parts

_YEAR_SECONDS = YEAR / np.timedelta64(1, "s")


def backtest_file(
    results: Sequence[Result], source: str, *, series: bool = False, sweep: SweepEntry | None = None
) -> BacktestFile:
    """The document of runs of one study.

    Args:
        source: the name of the price file.
        series: with one entry per row and per trade.
    """
    study = results[0].study
    prices, costs = study.prices, study.costs
    return BacktestFile.of(
        prices=prices_entry(prices, source),
        targets=dict(zip(study.assets, study.weights.tolist(), strict=True)),
        initial=study.initial,
        risk_aversion=study.risk_aversion,
        costs=CostModelEntry.of(
            fee_bps=costs.fee_rate * BPS,
            fee_convention=str(study.convention),
            gas=costs.gas,
            impact=None
            if costs.impact is None
            else ImpactEntry.of(
                rate=costs.impact.rate, depth=costs.impact.depth, exponent=costs.impact.exponent
            ),
            market_nav=costs.market.nav if costs.market else None,
            market_fixed=costs.market.curves.fixed * costs.market.nav if costs.market else None,
        ),
        runs=tuple(run_entry(result, series=series) for result in results),
        sweep=sweep,
    )


def prices_entry(prices: Prices, source: str) -> PricesEntry:
    """What a document says of its prices, which are of the file `source`."""
    repairs = prices.repairs
    counted = {field.name: getattr(repairs, field.name) for field in fields(repairs)}
    return PricesEntry.of(
        file=source,
        assets=prices.assets,
        first=prices.at(0).isoformat(),
        last=prices.at(-1).isoformat(),
        rows=len(prices),
        interval_seconds=prices.interval_years * _YEAR_SECONDS,
        repairs=RepairsEntry.of(total=repairs.total, **counted),
    )


def metrics_entry(found: Mapping[str, float | int | None], initial: float) -> MetricsEntry:
    """The metrics of a result, or of a row of a sweep."""
    known = {name: value for name, value in found.items() if name in MetricsEntry.model_fields}
    return MetricsEntry.of(total_return=(found["final"] or 0.0) / initial - 1, **known)


def run_entry(result: Result, *, series: bool) -> RunEntry:
    return RunEntry.of(
        policy=result.policy,
        final=result.final,
        rebalances=result.rebalances,
        costs=dict(result.costs) | {"total": result.cost},
        metrics=metrics_entry(result.metrics, result.study.initial),
        attribution=_attribution_entry(result),
        stop=result.stop
        and StopEntry.of(
            row=result.stop.row,
            time=result.study.prices.at(result.stop.row).isoformat(),
            reason=result.stop.reason,
        ),
        trades=_trades(result) if series else None,
        series=_series(result) if series else None,
    )


def _attribution_entry(result: Result) -> AttributionEntry:
    found = attribution_of(result)
    simple = {field.name: getattr(found, field.name) for field in fields(found)}
    pooling = PoolingEntry.of(**asdict(pooling_of(result, found)))
    parts = {"growth": _parts(found.growth), "money": _parts(found.money)}
    return AttributionEntry.of(**simple | parts, pooling=pooling)


def _parts(parts: Parts) -> PartsEntry:
    return PartsEntry.of(
        **{field.name: getattr(parts, field.name) for field in fields(parts)}, total=parts.total
    )


def _trades(result: Result) -> tuple[TradeEntry, ...]:
    return tuple(
        TradeEntry.of(
            time=each.time.isoformat(),
            asset=each.asset,
            units=each.units,
            price=each.price,
            value=each.value,
        )
        for each in result.trades
    )


def _series(result: Result) -> SeriesEntry:
    times: Any = np.datetime_as_string(result.times, unit="s", timezone="UTC")
    return SeriesEntry.of(
        times=tuple(times.tolist()),
        equity=tuple(result.equity.tolist()),
        drift=tuple(result.drift.tolist()),
        weights=dict(zip(result.assets, map(tuple, result.weights.T.tolist()), strict=True)),
    )
