"""What pools take of a backtest's trades: curves as near to what is quoted as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli.backtest_market import pool_costs
from router.documents.portfolio_file import load_portfolio
from router.documents.snapshot_file import load_snapshot
from router.errors import InputError
from router.market_cost import FINE_SIZES, Marked, measure_cost

EXAMPLES = Path(__file__).parents[3] / "examples"
MARKET, PORTFOLIO = EXAMPLES / "market.json", EXAMPLES / "portfolio.toml"


def test_between_two_sizes_a_curve_is_half_a_percent_above_what_is_quoted_at_most() -> None:
    found = pool_costs(MARKET, PORTFOLIO)
    assert found is not None
    market = load_snapshot(MARKET)
    owner = load_portfolio(PORTFOLIO, market)
    assert found.nav == pytest.approx(500_000)
    between = tuple(size * 10 ** (1 / 32) for size in FINE_SIZES[16:-1:6])
    exact = measure_cost(market, owner, sizes=between, hub=market.numeraire, marked=Marked.REST)
    for asset in ("WETH", "WBTC"):
        place = found.curves.assets.index(asset)
        for side in ("buys", "sells"):
            curve, quoted = (getattr(each, side)[place] for each in (found.curves, exact))
            for size, cost in zip(quoted.sizes[1:], quoted.costs[1:], strict=True):
                assert cost * (1 - 1e-4) <= curve.at(size) <= cost * 1.005


def test_one_file_without_the_other_is_refused() -> None:
    assert pool_costs(None, None) is None
    with pytest.raises(InputError, match="go together"):
        pool_costs(MARKET, None)
