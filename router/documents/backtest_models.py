"""A backtest as JSON, `rebalance-backtest/1`: prices and costs that all runs share, runs, parameter sets.

Money is in the numeraire. Shares are of 1, unless a name says bps. What a run that stopped early has no
figure for is null.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, FileModel, Number

Values = tuple[Number, ...]


class RepairsEntry(FileModel):
    """What was changed in the prices, counted; `gaps` counts those that were left as they are."""

    total: Count
    zones: Count
    sorted_rows: Count
    duplicates: Count
    dropped_rows: Count
    filled_rows: Count
    missing: Count
    infinite: Count
    nonpositive: Count
    splits: Count
    gaps: Count
    outside: Annotated[Count, Field(description="faults in rows that were not asked for")] = 0
    details: tuple[str, ...]


class PricesEntry(FileModel):
    """The prices that were run on. Times are UTC; the interval is the usual one between two rows."""

    file: str
    assets: tuple[str, ...]
    first: str
    last: str
    rows: Count
    interval_seconds: Number
    repairs: RepairsEntry


class ImpactEntry(FileModel):
    """Trading a value v costs a share `rate` of it at `depth`, and else rate x (v / depth)**exponent."""

    rate: Number
    depth: Number | dict[str, Number]
    exponent: Number


class CostModelEntry(FileModel):
    """What trades are billed. `market_nav` is the portfolio that the pools' curves were measured for."""

    fee_bps: Annotated[Number, Field(description="one-way, of the value traded")]
    fee_convention: Literal["net_of_fee", "fee_from_cash"]
    gas: Annotated[Number, Field(description="numeraire per rebalance")]
    impact: ImpactEntry | None
    market_nav: Number | None
    market_fixed: Annotated[Number | None, Field(description="gas and loan of any trade in the pools")]


class CostsEntry(FileModel):
    """What a run paid; `market` is what real pools take, fees and impact in one."""

    fees: Number
    impact: Number
    market: Number
    gas: Number
    total: Number


class MetricsEntry(FileModel):
    """One line of a comparison. Rates are annual, growth is of the logarithm of value."""

    final: Number
    total_return: Number
    growth_per_year: Number | None
    volatility: Number
    max_drawdown: Number
    rebalances: Count
    turnover: Number
    turnover_per_year: Number
    cost: Number
    cost_bps_per_year: Number
    tracking_error: Number
    objective_bps_per_year: Annotated[
        Number | None, Field(description="risk aversion / 2 x tracking error squared + cost; less is better")
    ]
    max_drift: Number
    mean_drift: Number
    beyond_depth: Annotated[Count, Field(description="trades larger than the pools' curves reach")]


class PartsEntry(FileModel):
    """Parts that sum to the total; what was paid is negative."""

    drift: Number
    rebalancing_premium: Number
    target_changes: Number
    tracking_difference: Number
    fees: Number
    impact: Number
    gas: Number
    loan_premium: Number
    unexplained: Number
    total: Number


class PoolingEntry(FileModel):
    """Trading, beside a pool that keeps the targets in blocks of 12 seconds: shares of value a year, of the
    past. What others would have paid to the pool is not counted."""

    loss_without_fee: Annotated[Number, Field(description="to arbitrageurs, were the pool free")]
    loss_to_arbitrageurs: Annotated[Number, Field(description="behind a fee of costs.fee_bps")]
    trading_cost: Annotated[Number, Field(description="that the run's own trades took")]


class AttributionEntry(FileModel):
    """Where the realised return came from, in growth and in money. It forecasts nothing."""

    growth: PartsEntry
    money: PartsEntry
    years: Number
    realised_excess_growth: Number
    modelled_excess_growth: Number
    realised_dispersion: Number
    realised_tracking_error: Number
    pooling: PoolingEntry


class StopEntry(FileModel):
    """Why a run ended before its last row; the rebalance of that row did not happen."""

    row: Count
    time: str
    reason: str


class TradeEntry(FileModel):
    """One asset bought, or sold where units and value are negative, at the recorded price."""

    time: str
    asset: str
    units: Number
    price: Number
    value: Number


class SeriesEntry(FileModel):
    """One entry per row, after the row's trade; weights by asset, cash last."""

    times: tuple[str, ...]
    equity: Values
    drift: Annotated[Values, Field(description="largest distance of a priced asset's weight from its target")]
    weights: dict[str, Values]


class RunEntry(FileModel):
    """One policy. `trades` and `series` are null where they were not asked for."""

    policy: str
    final: Number
    rebalances: Count
    costs: CostsEntry
    metrics: MetricsEntry
    attribution: AttributionEntry
    stop: StopEntry | None
    trades: tuple[TradeEntry, ...] | None = None
    series: SeriesEntry | None = None


class PointEntry(FileModel):
    """One parameter set: the policy that it names, of a family such as `abs_band_B`, and what it came to.

    `stop` says why a run ended early, or, without metrics, why there was none.
    """

    policy: str
    family: str
    parameters: dict[str, Number]
    metrics: MetricsEntry | None
    stop: str | None


class SweepEntry(FileModel):
    """Every combination of some parameters."""

    parameters: dict[str, Values]
    points: tuple[PointEntry, ...]


class BacktestFile(FileModel):
    """What policies would have earned and cost on recorded prices."""

    schema_: Annotated[Literal["rebalance-backtest/1"], Field(alias="schema")] = "rebalance-backtest/1"
    prices: PricesEntry
    targets: Annotated[dict[str, Number], Field(description="cash with them, last")]
    initial: Number
    risk_aversion: Number
    costs: CostModelEntry
    runs: tuple[RunEntry, ...]
    sweep: SweepEntry | None = None
