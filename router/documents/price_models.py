"""What a portfolio file says of the recorded prices that a table of it rests on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router.documents.fields import FileModel, PositiveText

DEFAULT_MAX_AGE_DAYS = "3"
"""Daily rows are dated by their start, and written a day later: two days old is usual, and four is not."""


LEAST_RETURNS = 30
"""Below it nothing is estimated that moves money."""


class PricesTable(FileModel):
    """A price file, and which of its columns are whose; flags of the same names say the same."""

    prices: Annotated[str, Field(min_length=1, description="CSV or Parquet; relative to the portfolio file")]
    columns: Annotated[dict[str, str], Field(min_length=1, description="price column by token")]
    time_column: str | None = None
    repair: Annotated[bool, Field(strict=True, description="faults of the prices, and count them")] = False
    keep_jumps: Annotated[bool, Field(strict=True, description="large changes of prices are real")] = False
    max_age_days: Annotated[
        PositiveText, Field(description="of the newest row, before the market's time")
    ] = DEFAULT_MAX_AGE_DAYS
