"""The `discipline` table of a portfolio file: what drift costs the owner, to weigh a trade's cost against."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router.documents.fields import DecimalText, FileModel, PositiveText, SignedText

DEFAULT_RISK_AVERSION, DEFAULT_HORIZON_DAYS = "3", "30"


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
        Field(description="annual, a share of 1, by token; the numeraire's own is 0 unless given"),
    ]
    correlation: Annotated[SignedText, Field(description="of every two volatile tokens")] = "0"
    correlations: Annotated[
        dict[str, SignedText],
        Field(default_factory=dict, description="of two tokens, `WETH/WBTC`, in place of `correlation`"),
    ]
    max_weight: Annotated[
        dict[str, DecimalText], Field(default_factory=dict, description="of a part-way landing, by token")
    ]
