"""What the pools of a snapshot would take of a backtest's trades."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from router.backtest import PoolCosts
from router.documents.portfolio_file import load_portfolio
from router.errors import InputError
from router.tokens import to_checksum


def pool_costs(snapshot: Path | None, portfolio: Path | None) -> PoolCosts | None:
    """Cost curves of a portfolio's tokens, each against the numeraire; assets are called by their symbols.

    Fees and impact count from the prices at which the pools stand: that a pool stands beside the reference
    prices on one block lasts no longer than the block.

    Raises:
        InputError: one file without the other, or what they hold.
        Infeasible: no usable pool trades the numeraire.
    """
    if snapshot is None and portfolio is None:
        return None
    if snapshot is None or portfolio is None:
        raise InputError("--snapshot and --portfolio go together", path="snapshot")
    from router.cli.session import load_market
    from router.market_cost import FINE_SIZES, Marked, measure_cost
    from router.planner.valuation import Valuation

    market = load_market(snapshot)
    owner = load_portfolio(portfolio, market)
    measured = measure_cost(market, owner, sizes=FINE_SIZES, hub=market.numeraire, marked=Marked.REST)
    valuation = Valuation(market, owner)
    symbols = [market.tokens[token].symbol for token in measured.assets]
    names = [
        symbol if symbols.count(symbol) == 1 else to_checksum(token)
        for token, symbol in zip(measured.assets, symbols, strict=True)
    ]
    return PoolCosts(replace(measured, assets=tuple(names)), valuation.value(valuation.tradable))
