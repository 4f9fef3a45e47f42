"""The `discipline` table of a portfolio file: what drift costs the owner, to weigh a trade's cost against."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from router.documents.fields import DecimalText, FileModel, PositiveText, SignedText
from router.documents.price_models import PricesTable

DEFAULT_RISK_AVERSION, DEFAULT_HORIZON_DAYS = "3", "30"


class ForecastTable(PricesTable):
    """Volatilities and correlations from recorded prices, computed when the portfolio is read."""

    model: Annotated[str, Field(description="auto, log_har, har, garch, ewma or regimes")] = "auto"
    horizon_days: Annotated[PositiveText, Field(description="what a forecast is about")] = "7"


class DisciplineModel(FileModel):
    """Weighs tracking error against cost; see `router.strategy.discipline.Discipline`."""

    risk_aversion: Annotated[
        PositiveText, Field(description="half of it times squared tracking error is a cost per year")
    ] = DEFAULT_RISK_AVERSION
    horizon_days: Annotated[
        PositiveText, Field(description="how long a drift would last if nothing were done")
    ] = DEFAULT_HORIZON_DAYS
    volatility: Annotated[
        dict[str, DecimalText],
        Field(
            default_factory=dict,
            description="annual, a share of 1, by token; the numeraire's own is 0 unless given",
        ),
    ]
    correlation: Annotated[SignedText, Field(description="of every two volatile tokens")] = "0"
    correlations: Annotated[
        dict[str, SignedText],
        Field(default_factory=dict, description="of two tokens, `WETH/WBTC`, in place of `correlation`"),
    ]
    max_weight: Annotated[
        dict[str, DecimalText], Field(default_factory=dict, description="of a part-way landing, by token")
    ]
    forecast: Annotated[
        ForecastTable | None, Field(description="in place of volatilities and correlations, for its tokens")
    ] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.volatility and self.forecast is None:
            raise PydanticCustomError(
                "refused_key",
                "is missing, and there is no forecast in its place",
                {"key": "volatility"},
            )
        return self
