"""`bands`: how far weights may drift before a trade pays, over a grid of values, gas and volatilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import isfinite, sqrt
from pathlib import Path

import click

from router.cli.console import print_json, print_table, progress_bar, say
from router.cli.settings import FILE, json_option
from router.cli.views import money
from router.documents.bands_models import BandRow, BandsFile
from router.documents.files import write_bytes
from router.errors import InputError, nearest
from router.fixed_point import BPS
from router.strategy.bands import (
    Band,
    DriftingWeight,
    Reach,
    band_of_tracking_error,
    long_run_band,
    target_band,
)
from router.strategy.covariance import MOST_VOLATILE

NAVS = (1e4, 1e5, 1e6, 1e7)
GAS = (30.0,)
FEE_BPS = 30.0
VOLATILITIES = (0.8,)
GAMMA = 3.0
GWEI = 1e-9
PLOTS = (".png", ".html")
MOST_ROWS = 10_000
HEADER = (
    *("asset", "weight", "value", "gas", "volatility", "fee bp", "trigger", "landing", "cost bp/yr"),
    *("to target", "its bp/yr", "TE", "turnover", "trades/yr"),
)
BandOf = tuple[Callable[[DriftingWeight], Band], Callable[[DriftingWeight], Band]]
Case = tuple[str, float, float, DriftingWeight]
"""(asset, net asset value, gas in numeraire, the weight)."""


@click.command("bands")
@click.option("--weight", help="Target weights, as 0.5 or WETH=0.5,WBTC=0.3; each against the rest.  [0.5]")
@click.option("--nav", help="Values of the portfolio, numeraire, as 1e5,1e6.  [1e4,1e5,1e6,1e7]")
@click.option("--gas", help="Costs of one transaction, numeraire.  [30]")
@click.option("--gas-gwei", help="Gas prices instead of --gas.")
@click.option("--gas-units", type=float, help="Gas of one transaction, with --gas-gwei.")
@click.option("--native-price", type=float, help="Numeraire per native token, with --gas-gwei.")
@click.option(
    "--volatility",
    help="Annual, against the rest, as 0.4,0.8; or with --portfolio WETH=0.7,...  [its discipline's, or 0.8]",
)
@click.option("--fee-bps", type=float, help="One-way cost of the value traded.  [30]")
@click.option("--gamma", type=float, help="Risk aversion.  [the portfolio's discipline's, or 3]")
@click.option(
    "--tracking-error", type=float, help="Annual budget, such as 0.02, in place of what --gamma sets."
)
@click.option("--portfolio", type=FILE, help="Its targets, and with --snapshot its real costs.")
@click.option("--snapshot", type=FILE, help="Pools to take fees, impact and gas from.")
@click.option("--correlation", type=float, help="Of any two assets of --portfolio, with --volatility.  [0]")
@click.option("--plot", type=FILE, metavar="FILE.png|.html", help="Also draw triggers and landings.")
@json_option
def bands_command(
    weight: str | None,
    nav: str | None,
    gas: str | None,
    gas_gwei: str | None,
    gas_units: float | None,
    native_price: float | None,
    volatility: str | None,
    fee_bps: float | None,
    gamma: float | None,
    tracking_error: float | None,
    portfolio: Path | None,
    snapshot: Path | None,
    correlation: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Print the best band of each weight: trade beyond the trigger, stop at the landing.

    The volatility changes what a band costs, and its width only under --tracking-error.
    """
    _check_plot(plot)
    _check_above({"tracking-error": tracking_error, "gamma": gamma})
    if tracking_error is not None and tracking_error > 1:
        raise InputError(
            f"should be at most 1, is {tracking_error:g}: 0.02 is 2 % a year", path="tracking-error"
        )
    band_of = _band_of(tracking_error)
    if portfolio is not None or snapshot is not None:
        _refuse(
            {"weight": weight, "gas": gas, "gas-units": gas_units, "native-price": native_price}
            | {"fee-bps": fee_bps},
            "comes from --portfolio and --snapshot",
        )
        if portfolio is None or snapshot is None:
            raise InputError("--snapshot and --portfolio go together", path="snapshot")
        if correlation is not None and not -1 <= correlation <= 1:
            raise InputError(f"should be from -1 to 1, not {correlation}", path="correlation")
        from router.cli.bands_market import portfolio_cases

        risks: Sequence[float] | Mapping[str, float] | None = None
        if volatility is not None and "=" in volatility:
            risks = _named(volatility, "volatility")
            _check_volatile(risks.values())
        elif volatility is not None or correlation is not None:
            risks = _risks(volatility, tracking_error)
        navs = _numbers(nav, "nav", (), positive=True)
        prices = _numbers(gas_gwei, "gas-gwei", ())
        cases = portfolio_cases(
            snapshot, portfolio, navs, prices, risks, correlation or 0.0, gamma, band_of[0]
        )
    else:
        navs = _numbers(nav, "nav", NAVS, positive=True)
        fees = FEE_BPS if fee_bps is None else fee_bps
        if not (isfinite(fees) and fees >= 0):
            raise InputError(f"should be a number of at least 0, not {fees}", path="fee-bps")
        gases = _gas(gas, gas_gwei, gas_units, native_price)
        cases = _flag_cases(
            _weights(weight), navs, gases, _risks(volatility, tracking_error), fees / BPS, gamma or GAMMA
        )
    rows, risk_aversion = [], gamma or GAMMA
    with progress_bar("bands") as update:
        for case in cases:
            rows.append(_row(case, band_of))
            risk_aversion = case[3].risk_aversion
            update(case[0], len(rows), None)
    document = BandsFile.of(
        risk_aversion=risk_aversion,
        tracking_error=tracking_error,
        costs="flags" if snapshot is None else "pools",
        rows=tuple(rows),
    )
    if plot is not None:
        write_bytes(_drawn(rows, plot), plot)
        say(f"saved {plot}", markup=False)
    if as_json:
        print_json(document.to_json())
    else:
        _show(rows)


def _band_of(tracking_error: float | None) -> BandOf:
    """The best band, and the best that lands on the target."""
    if tracking_error is None:
        return long_run_band, target_band
    return (
        lambda case: band_of_tracking_error(case, tracking_error),
        lambda case: case.band(tracking_error * sqrt(6) / case.volatility, 0.0),
    )


def _flag_cases(
    weights: Sequence[tuple[str, float]],
    navs: Sequence[float],
    gases: Sequence[float],
    volatilities: Sequence[float],
    fee_rate: float,
    risk_aversion: float,
) -> Iterator[Case]:
    if len(weights) * len(navs) * len(gases) * len(volatilities) > MOST_ROWS:
        raise InputError(f"more than {MOST_ROWS:,} rows", path="nav")
    for nav, gas, volatility, (asset, weight) in product(navs, gases, volatilities, weights):
        yield asset, nav, gas, DriftingWeight(weight, volatility, risk_aversion, fee_rate, gas / nav)


def _row(case: Case, band_of: BandOf) -> BandRow:
    asset, nav, gas, drifting = case
    band, to_target = (each(drifting) for each in band_of)
    return BandRow(
        asset=asset,
        weight=drifting.weight,
        volatility=drifting.volatility,
        nav=nav,
        gas=gas,
        fee_bps=drifting.fee_rate * BPS,
        trigger=band.trigger,
        landing=band.landing,
        target_trigger=to_target.trigger,
        target_objective_bps=to_target.objective * BPS,
        reach=str(band.reach),  # type: ignore[arg-type] # one of the model's words
        tracking_error=band.tracking_error,
        tracking_error_cost_bps=band.tracking_error_cost * BPS,
        fees_bps=band.fees * BPS,
        gas_bps=band.gas * BPS,
        objective_bps=band.objective * BPS,
        turnover=band.turnover if isfinite(band.turnover) else None,
        trades_per_year=band.trades_per_year if isfinite(band.trades_per_year) else None,
    )


def _show(rows: Sequence[BandRow]) -> None:
    print_table(
        "Bands: |weight - target|, points of the portfolio",
        HEADER,
        [
            (
                row.asset,
                f"{row.weight:.2%}",
                money(row.nav),
                money(row.gas),
                f"{row.volatility:.0%}",
                f"{row.fee_bps:.2f}",
                f"{row.trigger:.2%}",
                f"{row.landing:.2%}",
                f"{row.objective_bps:.1f}",
                f"{row.target_trigger:.2%}",
                f"{row.target_objective_bps:.1f}",
                f"{row.tracking_error:.2%}",
                "no limit" if row.turnover is None else f"{row.turnover:.2f}",
                "at the edge" if row.trades_per_year is None else f"{row.trades_per_year:.1f}",
            )
            for row in rows
        ],
    )
    if wide := sorted({row.asset for row in rows if row.reach != Reach.BOTH.value}):
        names = ", ".join(wide)
        say(f"note: {names} can't drift to the trigger on both sides; such a row is a guide", markup=False)


def _drawn(rows: Sequence[BandRow], plot: Path) -> bytes:
    from router.documents.extra import strategy_extra
    from router.report.bands_page import bands_page, bands_png

    if plot.suffix.lower() == ".html":
        return bands_page(rows).encode()
    with strategy_extra("plot"):
        return bands_png(rows)


def _check_plot(plot: Path | None) -> None:
    if plot is None:
        return
    if plot.suffix.lower() not in PLOTS:
        raise InputError("should end in .png or .html", path="plot", nearest=nearest(plot.suffix, PLOTS))
    if not plot.parent.is_dir():
        raise InputError("no such folder", path=str(plot.parent))


def _check_above(given: Mapping[str, float | None]) -> None:
    for name, value in given.items():
        if value is not None and not (isfinite(value) and value > 0):
            raise InputError(f"should be a number above 0, not {value}", path=name)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(why, path=name)


def _gas(
    gas: str | None, gas_gwei: str | None, gas_units: float | None, native_price: float | None
) -> tuple[float, ...]:
    """Numeraire per transaction."""
    if gas_gwei is None:
        _refuse({"gas-units": gas_units, "native-price": native_price}, "goes with --gas-gwei")
        return _numbers(gas, "gas", GAS)
    _refuse({"gas": gas}, "--gas and --gas-gwei say the same")
    needed = {"gas-units": gas_units, "native-price": native_price}
    _check_above(needed)
    unit = GWEI
    for name, value in needed.items():
        if value is None:
            raise InputError("--gas-gwei needs it, where there is no --snapshot", path=name)
        unit *= value
    return tuple(price * unit for price in _numbers(gas_gwei, "gas-gwei", ()))


def _risks(text: str | None, tracking_error: float | None) -> tuple[float, ...]:
    found = _numbers(text, "volatility", VOLATILITIES, positive=tracking_error is not None)
    _check_volatile(found)
    return found


def _check_volatile(given: Iterable[float]) -> None:
    for value in given:
        if value > MOST_VOLATILE:
            raise InputError(
                f"should be at most {MOST_VOLATILE:g}, is {value:g}: 0.8 is 80 % a year", path="volatility"
            )


def _named(text: str | None, path: str) -> dict[str, float]:
    """Numbers of at least 0 by name."""
    found: dict[str, float] = {}
    for part in (text or "").split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (name and equals):
            raise InputError(f"should be NAME=NUMBER, not {part.strip()!r}", path=path)
        if name in found:
            raise InputError("is given twice", path=f"{path}.{name}")
        (found[name],) = _numbers(value, f"{path}.{name}", ())
    return found


def _weights(text: str | None) -> list[tuple[str, float]]:
    """Names and weights; a weight without a name is called by its figure."""
    found: dict[str, float] = {}
    for part in ("0.5" if text is None else text).split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        path = f"weight.{name}" if equals else "weight"
        weight = _number(value if equals else name, path)
        if not 0 < weight < 1:
            hint = f"{weight / 100:g}" if 1 < weight < 100 else None
            raise InputError(f"should be between 0 and 1, not {weight:g}", path=path, nearest=hint)
        if name in found:
            raise InputError("is given twice", path=path)
        found[name] = weight
    return list(found.items())


def _numbers(
    text: str | None, path: str, missing: Sequence[float], *, positive: bool = False
) -> tuple[float, ...]:
    """Numbers separated by commas, at least 0, none twice."""
    if text is None:
        return tuple(missing)
    found = tuple(_number(part, path) for part in text.split(","))
    for value in found:
        if value < 0 or (positive and not value):
            raise InputError(f"should be {'above' if positive else 'at least'} 0, not {value:g}", path=path)
    if len(set(found)) != len(found):
        raise InputError("names a value twice", path=path)
    return found


def _number(text: str, path: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"should be a number, not {text.strip()!r}", path=path)
    return value
