"""Weights of a portfolio whose costs are those of real pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np

from router.cli.bands import GAMMA, VOLATILITIES
from router.cli.session import load_market
from router.documents.portfolio_file import load_portfolio_file
from router.errors import InputError, nearest
from router.market_cost import FINE_SIZES, Marked, measure_cost
from router.planner.valuation import Valuation
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.strategy.bands import Band, DriftingWeight
from router.strategy.costs import Floats, MarketCost
from router.strategy.portfolio_bands import drifting_weights
from router.tokens import Address, to_checksum

GWEI = 10**9
ROUNDING = 1e-12
ROUNDS = 40
LEAST_SIZE = 1e-4
"""Share of the portfolio's value, below which a trade costs what one of this size does."""
SETTLED = 1e-4
"""Relative change of a trade's size at which its fee counts as found."""


def portfolio_cases(
    snapshot: Path,
    portfolio: Path,
    navs: Sequence[float],
    gas_gwei: Sequence[float],
    volatilities: Sequence[float] | Mapping[str, float] | None,
    correlation: float,
    risk_aversion: float | None,
    band_of: Callable[[DriftingWeight], Band],
) -> Iterator[tuple[str, float, float, DriftingWeight]]:
    """(symbol, net asset value, gas, weight) of every wanted asset; the portfolio stands at its targets.

    Fees and impact are those of a trade from the trigger to the landing, counted from the prices at which the
    pools stand: one asset against all others in proportion, the mean of buying and selling. One transaction
    trades all assets.

    Args:
        navs: where empty, the value of the file's holdings.
        gas_gwei: where empty, the file's gas price or the snapshot's base fee. Which pools are worth their
            gas is looked up at the highest.
        volatilities: annual; each of every asset but the numeraire, or one by symbol. Any two assets have the
            correlation. Where None, they are those of the file's discipline, if it has one.
        risk_aversion: where None, that of the file's discipline, if it has one.

    Raises:
        InputError: what the files hold, or no holdings where no value is given.
        Infeasible: no usable pool trades the numeraire or the native token.
    """
    market = load_market(snapshot)
    file = load_portfolio_file(portfolio)
    owner = file.resolve(market, {} if file.needs_balances else None)
    valuation = Valuation(market, owner)
    if not navs and file.needs_balances:
        raise InputError("the file lists no holdings: name values with --nav", path="nav")
    discipline = file.discipline(market)
    aversion = risk_aversion or (discipline.risk_aversion if discipline else GAMMA)

    def covariances_of(assets: Sequence[Address]) -> list[Floats]:
        if volatilities is None and discipline is not None:
            return [discipline.covariance(assets, market.numeraire, valuation.symbol)]
        return _covariances(market, assets, volatilities or VOLATILITIES, correlation)

    dearest = max(gas_gwei, default=None)
    for nav in navs or [valuation.value(valuation.tradable)]:
        standing = _standing(owner, market, nav, dearest)
        cost = measure_cost(market, standing, sizes=FINE_SIZES, hub=market.numeraire, marked=Marked.REST)
        shares = [price / dearest if dearest else 0.0 for price in gas_gwei] or [1.0]
        gas = (cost.fixed + sum(cost.legs)) * nav
        targets = np.array([standing.targets_wad.get(token, 0) / 10**18 for token in cost.assets])
        for share, covariance in product(shares, covariances_of(cost.assets)):
            rows = drifting_weights(
                targets,
                covariance,
                risk_aversion=aversion,
                fee_rates=[0.0] * len(targets),
                fixed_cost=share * gas / nav,
            )
            for place in (cost.assets.index(token) for token in standing.targets_wad):
                if (row := rows[place]) is not None:
                    whole = _with_fee(row, cost, targets, place, band_of)
                    yield _name(market, cost.assets, place), nav, share * gas, whole


def _covariances(
    market: Snapshot,
    assets: Sequence[Address],
    volatilities: Sequence[float] | Mapping[str, float],
    correlation: float,
) -> list[Floats]:
    found = []
    for sizes in _sizes(market, assets, volatilities):
        _check_correlation(correlation, int((sizes > 0).sum()))
        found.append(np.outer(sizes, sizes) * (correlation + (1 - correlation) * np.eye(len(sizes))))
    return found


def _sizes(
    market: Snapshot, assets: Sequence[str], volatilities: Sequence[float] | Mapping[str, float]
) -> list[Floats]:
    """Volatilities in the order of the assets, of each case.

    Raises:
        InputError: an asset without one, or one of no asset.
    """
    names = [_name(market, assets, place) for place in range(len(assets))]
    steady = [token == market.numeraire for token in assets]
    if not isinstance(volatilities, Mapping):
        return [np.array([0.0 if still else each for still in steady]) for each in volatilities]
    for name in volatilities:
        if name not in names:
            raise InputError(f"no such asset: {name}", path="volatility", nearest=nearest(name, names))
    for name, still in zip(names, steady, strict=True):
        if not still and name not in volatilities:
            raise InputError(f"{name} has none", path="volatility")
    return [np.array([volatilities.get(name, 0.0) for name in names])]


def _check_correlation(correlation: float, moving: int) -> None:
    least = -1 / (moving - 1) if moving > 1 else -1.0
    if correlation < least - ROUNDING:
        raise InputError(
            f"{moving} assets can't all have a correlation of {correlation:g} with each other: at least "
            f"{least:.4f}",
            path="correlation",
        )


def _standing(owner: Portfolio, market: Snapshot, nav: float, gwei: float | None) -> Portfolio:
    """The portfolio at its targets, of this value."""
    prices = Valuation(market, owner).prices
    if missing := [token for token in owner.targets_wad if token not in prices]:
        raise InputError(f"{market.tokens[missing[0]].symbol} has no price", path="targets")
    held = {token: int(nav * wad / 10**18 / prices[token]) for token, wad in owner.targets_wad.items()}
    price = owner.gas_price_wei if gwei is None else round(gwei * GWEI)
    return replace(owner, holdings=held, cash_flows={}, gas_price_wei=price)


def _name(market: Snapshot, assets: Sequence[str], place: int) -> str:
    """Its symbol, where only it has it."""
    symbols = [market.tokens[token].symbol for token in assets]
    return symbols[place] if symbols.count(symbols[place]) == 1 else to_checksum(assets[place])


def _with_fee(
    row: DriftingWeight,
    cost: MarketCost,
    targets: Floats,
    place: int,
    band_of: Callable[[DriftingWeight], Band],
) -> DriftingWeight:
    """With the fee of the trade that the band makes, which depends on the fee: a larger trade costs more and
    widens the band less than it is larger."""
    way = -targets / (1 - row.weight)
    way[place] = 1.0

    def at(size: float) -> DriftingWeight:
        trade = way * size
        return replace(row, fee_rate=(cost.variable(trade) + cost.variable(-trade)) / 2 / size)

    size = LEAST_SIZE
    for _ in range(ROUNDS):
        band = band_of(at(size))
        wanted = max(min(band.trigger - band.landing, 1.0), LEAST_SIZE)
        if abs(wanted - size) <= SETTLED * size:
            break
        size = sqrt(size * wanted)
    return at(size)
