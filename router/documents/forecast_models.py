"""What `forecast` prints, `rebalance-forecast/1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.backtest_models import PricesEntry
from router.documents.discipline_models import DisciplineModel
from router.documents.fields import Count, FileModel, Number


class TrialEntry(FileModel):
    """A model of one asset against the constants, over the scores that count; null where there are none."""

    model: str
    active: Annotated[bool, Field(description="it beats every constant, and its intervals are honest")]
    reason: str
    scored: Annotated[Count, Field(description="forecasts, none overlapping another")]
    qlike: Annotated[Number | None, Field(description="mean; smaller is better")]
    constant_qlike: Annotated[Number | None, Field(description="of the best constant")]
    coverage: Annotated[Number | None, Field(description="share of returns within the intervals")]
    failures: Annotated[
        Count, Field(description="fits and forecasts that could not be used, since the start")
    ]


class ServedEntry(FileModel):
    """Mean QLIKE over all scores: of what would have been answered each time, and of each constant."""

    scored: Count
    qlike: Number | None
    constants: dict[str, Number | None]


class AssetEntry(FileModel):
    """The forecast of one asset."""

    asset: str
    volatility: Annotated[Number, Field(description="annual, over the next horizon")]
    active: Annotated[str | None, Field(description="the model that answers; null for a constant")]
    constant: Annotated[str, Field(description="the one of least loss, which answers otherwise")]
    regime: Annotated[
        Literal["high", "low"] | None,
        Field(description="of volatility against its own past; null with too few rows"),
    ]
    trials: tuple[TrialEntry, ...]
    served: ServedEntry


class ForecastFile(FileModel):
    """Volatilities and correlations that are expected, and how good such answers were."""

    schema_: Annotated[Literal["rebalance-forecast/1"], Field(alias="schema")] = "rebalance-forecast/1"
    prices: PricesEntry
    model: Annotated[str, Field(description="as asked for")]
    horizon_days: Annotated[Number, Field(description="what a forecast is about, and between two scores")]
    level: Annotated[Number, Field(description="nominal coverage")]
    window: Annotated[Count, Field(description="newest scores that count")]
    needed: Annotated[Count, Field(description="scores below which no model is active")]
    assets: tuple[AssetEntry, ...]
    discipline: DisciplineModel
