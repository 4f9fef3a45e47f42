"""Recorded prices, from the flags that name them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from router.cli.backtest_inputs import read_prices
from router.cli.console import say
from router.cli.price_flags import PRICE_FLAGS


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command gets the prices as `prices`, and the name of their file as `source`."""

    @functools.wraps(command)
    def with_prices(
        *,
        prices: Path,
        columns: str | None,
        time_column: str | None,
        start: str | None,
        end: str | None,
        repair: bool,
        keep_jumps: bool,
        **others: Any,
    ) -> None:
        loaded = read_prices(
            prices,
            columns,
            time_column=time_column,
            repair=repair,
            keep_jumps=keep_jumps,
            start=start,
            end=end,
        )
        if loaded.repairs.total:
            say(f"{loaded.repairs.total} repairs of the prices")
        for detail in loaded.repairs.details:
            say(f"note: {detail}", markup=False)
        command(prices=loaded, source=prices.name, **others)

    for option in reversed(PRICE_FLAGS):
        with_prices = option(with_prices)
    return with_prices
