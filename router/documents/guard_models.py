"""The `guards` table of a portfolio file: what of the market is refused, unless that is overruled."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router.documents.fields import FileModel, PositiveBps
from router.portfolio import Guards

MOST_SOURCES = 2
"""The reference price, and the pools."""
_DEFAULT = Guards()


class GuardsTable(FileModel):
    """See `router.portfolio.Guards`."""

    max_pool_share_bps: Annotated[
        int, Field(strict=True, ge=1, description="of a pool's depth, which is what moves its price by 2 %")
    ] = _DEFAULT.max_pool_share_bps
    max_price_deviation_bps: Annotated[
        PositiveBps,
        Field(description="of a pool's price after the plan from the reference price, either way"),
    ] = _DEFAULT.max_price_deviation_bps
    max_source_deviation_bps: Annotated[
        PositiveBps, Field(description="of a held or wanted token's reference price from the pools'")
    ] = _DEFAULT.max_source_deviation_bps
    min_sources: Annotated[
        int,
        Field(
            strict=True, ge=1, le=MOST_SOURCES, description="of a price: 1 takes one that no pool speaks of"
        ),
    ] = _DEFAULT.min_sources
    max_jump_bps: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            description="of a price from the one that the journal's last look accepted: the larger over the "
            "smaller, within a day; after longer more, as the root of the time",
        ),
    ] = _DEFAULT.max_jump_bps

    def guards(self) -> Guards:
        """The same for the planner."""
        return Guards(**self.model_dump())
