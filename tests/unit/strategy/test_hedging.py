"""Greeks against Hull's example, parity and differences; bands against the minimum that they are."""

from __future__ import annotations

from math import exp, inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError, NotFinite
from router.strategy.bands import DriftingWeight, fee_only_trigger
from router.strategy.hedging import (
    Greeks,
    Option,
    OptionKind,
    book_greeks,
    hedge,
    option_greeks,
    whalley_wilmott_half_width,
)

HULL = Option(OptionKind.CALL, strike=50.0, years=0.3846, volatility=0.2)

spots = st.floats(20.0, 200.0)
rates = st.floats(-0.05, 0.15)
amounts = st.floats(-50.0, 50.0)
options = st.builds(
    Option,
    kind=st.sampled_from(OptionKind),
    strike=st.floats(20.0, 200.0),
    years=st.floats(0.02, 3.0),
    volatility=st.floats(0.1, 2.0),
    quantity=amounts,
)


def test_the_textbook_option_has_its_price_delta_and_gamma() -> None:
    found = option_greeks(HULL, 49.0, 0.05)
    assert found.value == pytest.approx(2.400461086965663, rel=1e-12)
    assert found.delta == pytest.approx(0.5216016339715761, rel=1e-12)
    assert found.gamma == pytest.approx(0.0655453772524785, rel=1e-12)


@settings(deadline=None)  # the first example imports the library
@given(options, spots, rates)
def test_call_less_put_is_the_discounted_forward(option: Option, spot: float, rate: float) -> None:
    call, put = (
        option_greeks(Option(kind, option.strike, option.years, option.volatility), spot, rate)
        for kind in (OptionKind.CALL, OptionKind.PUT)
    )
    forward = spot - option.strike * exp(-rate * option.years)
    assert call.value - put.value == pytest.approx(forward, abs=1e-9)
    assert call.delta - put.delta == pytest.approx(1.0, abs=1e-12)
    assert call.gamma == put.gamma >= 0


@settings(deadline=None)  # the first example imports the library
@given(options, spots, rates)
def test_delta_and_gamma_are_the_slopes_of_the_value(option: Option, spot: float, rate: float) -> None:
    step = spot * 1e-4
    low, mid, high = (option_greeks(option, spot + move, rate) for move in (-step, 0.0, step))
    reach = spot * option.volatility * option.years**0.5  # over which the figures change
    assert mid.delta == pytest.approx(
        (high.value - low.value) / (2 * step), abs=5 * (step / reach) ** 2 + 1e-9
    )
    assert mid.gamma == pytest.approx(
        (high.delta - low.delta) / (2 * step), abs=(5 * (step / reach) ** 2 + 1e-9) / reach + 1e-11
    )


@settings(deadline=None)  # the first example imports the library
@given(st.lists(options, max_size=4), spots, rates, amounts, amounts)
def test_a_book_is_the_sum_of_what_it_holds(
    book: list[Option], spot: float, rate: float, held: float, perpetual: float
) -> None:
    found = book_greeks(book, spot, rate, spot_held=held, perpetual=perpetual)
    each = [option_greeks(option, spot, rate) for option in book]
    sizes = [option.quantity for option in book]
    assert found.delta == pytest.approx(
        held + perpetual + sum(n * one.delta for n, one in zip(sizes, each, strict=True)), abs=1e-9
    )
    assert found.gamma == pytest.approx(
        sum(n * one.gamma for n, one in zip(sizes, each, strict=True)), abs=1e-12
    )
    assert found.value == pytest.approx(
        held * spot + sum(n * one.value for n, one in zip(sizes, each, strict=True)), abs=1e-6
    )


def test_a_perpetual_adds_delta_and_no_value() -> None:
    assert book_greeks([], 100.0, 0.05, spot_held=2.0, perpetual=-2.0) == Greeks(200.0, 0.0, 0.0)


@given(amounts, st.floats(0.0, 20.0), st.floats(0.0, 1.0), st.floats(0.1, 3.0), st.sampled_from([-1.0, 1.0]))
def test_a_hedge_trades_beyond_the_band_alone_and_lands_where_told(
    net: float, trigger: float, share: float, size: float, side: float
) -> None:
    landing = trigger * share
    found = hedge(net, trigger, landing, unit_delta=side * size)
    assert found.before == net
    assert net + found.trade * side * size == pytest.approx(found.after, abs=1e-9)
    if abs(net) <= trigger:
        assert found.trade == 0
        return
    assert abs(found.after) == landing
    assert found.after * net >= 0
    assert found.trade * side * net < 0
    assert hedge(found.after, trigger, landing).trade == 0


def test_at_the_edge_itself_nothing_trades_and_beyond_it_the_default_is_the_edge() -> None:
    assert hedge(0.5, 0.5).trade == 0
    assert hedge(-0.75, 0.5).trade == 0.25
    assert hedge(-0.75, 0.5, landing=0.0).trade == 0.75
    assert hedge(0.75, 0.0).trade == -0.75


def _turnover(path: list[float], trigger: float) -> tuple[int, float]:
    position, trades, turnover = 0.0, 0, 0.0
    for delta in path:
        trade = hedge(delta + position, trigger).trade
        position, trades, turnover = position + trade, trades + bool(trade), turnover + abs(trade)
        assert abs(delta + position) <= trigger + 1e-12
    return trades, turnover


def test_a_wider_band_trades_less_along_one_path() -> None:
    path = np.cumsum(np.random.default_rng(7).normal(0.0, 0.05, 2_000)).tolist()
    narrow, wide, wider = (_turnover(path, trigger) for trigger in (0.05, 0.2, 0.8))
    assert narrow[0] > wide[0] > wider[0] > 0
    assert narrow[1] > wide[1] > wider[1] > 0


widths = st.fixed_dictionaries(
    {
        "spot": st.floats(0.1, 1e5),
        "gamma": st.floats(1e-6, 10.0),
        "cost_rate": st.floats(1e-5, 0.05),
        "risk_aversion": st.floats(1e-8, 10.0),
        "years": st.floats(0.0, 5.0),
        "rate": rates,
    }
)


@given(widths, st.floats(0.05, 2.0))
def test_the_half_width_is_the_least_of_variance_left_and_fees_taken(
    case: dict[str, float], volatility: float
) -> None:
    found = whalley_wilmott_half_width(**case)
    aversion = case["risk_aversion"] * exp(case["rate"] * case["years"])

    def objective(half_width: float) -> float:
        variance = (volatility * case["spot"]) ** 2 * half_width**2 / 3
        fees = case["cost_rate"] * case["spot"] * (case["gamma"] * volatility * case["spot"]) ** 2
        return aversion / 2 * variance + fees / (2 * half_width)

    assert objective(found) < min(objective(found * 0.99), objective(found * 1.01))


@settings(deadline=None)  # the first example imports the library
@given(widths, st.floats(1e2, 1e8), st.floats(0.01, 0.99))
def test_the_half_width_is_the_band_of_a_weight_in_units_of_the_underlying(
    case: dict[str, float], worth: float, weight: float
) -> None:
    relative = case["risk_aversion"] * exp(case["rate"] * case["years"]) * worth
    gamma = weight * (1 - weight) * worth / case["spot"] ** 2  # a delta that moves as the weight does
    found = whalley_wilmott_half_width(**case | {"gamma": gamma})
    band = fee_only_trigger(DriftingWeight(weight, 0.5, relative, case["cost_rate"]))
    assert found * case["spot"] / worth == pytest.approx(band, rel=1e-9)


def test_costs_eight_times_as_high_make_a_band_twice_as_wide() -> None:
    terms = {"spot": 100.0, "gamma": -0.02, "risk_aversion": 1e-3, "years": 0.25, "rate": 0.03}
    narrow = whalley_wilmott_half_width(cost_rate=0.001, **terms)
    assert whalley_wilmott_half_width(cost_rate=0.008, **terms) == pytest.approx(2 * narrow)
    assert whalley_wilmott_half_width(cost_rate=0.0, **terms) == 0
    assert whalley_wilmott_half_width(cost_rate=0.001, **terms | {"gamma": 0.0}) == 0


@pytest.mark.parametrize(
    ("terms", "path"),
    [
        ({"strike": 0.0}, "options[1].strike"),
        ({"years": 0.0}, "options[1].years"),
        ({"volatility": -0.1}, "options[1].volatility"),
        ({"volatility": nan}, "options[1].volatility"),
        ({"quantity": inf}, "options[1].quantity"),
        ({"kind": "straddle"}, "options[1].kind"),
        ({"strike": 1e-300}, "options[1]"),
    ],
)
def test_an_option_that_cannot_be_priced_is_named(terms: dict[str, float], path: str) -> None:
    fields = {"kind": OptionKind.PUT, "strike": 50.0, "years": 1.0, "volatility": 0.2} | terms
    with pytest.raises(InputError) as caught:
        book_greeks([HULL, Option(**fields)], 1e20, 0.05)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"trigger": -0.1}, "trigger"),
        ({"landing": 0.6}, "landing"),
        ({"landing": -0.1}, "landing"),
        ({"unit_delta": 0.0}, "unit_delta"),
        ({"net_delta": nan}, "net_delta"),
    ],
)
def test_a_band_that_is_none_is_named(values: dict[str, float], path: str) -> None:
    with pytest.raises(InputError) as caught:
        hedge(**{"net_delta": 1.0, "trigger": 0.5} | values)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"spot": 0.0}, "spot"),
        ({"risk_aversion": 0.0}, "risk_aversion"),
        ({"cost_rate": -1e-4}, "cost_rate"),
        ({"years": -1.0}, "years"),
        ({"gamma": inf}, "gamma"),
        ({"gamma": 1e200}, "half_width"),
    ],
)
def test_a_half_width_of_bad_input_is_refused(values: dict[str, float], path: str) -> None:
    terms = {"spot": 100.0, "gamma": 0.1, "cost_rate": 1e-3, "risk_aversion": 1.0, "years": 1.0, "rate": 0.0}
    with pytest.raises((InputError, NotFinite)) as caught:
        whalley_wilmott_half_width(**terms | values)
    assert caught.value.path == path


def test_a_spot_price_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="spot: should be above 0"):
        book_greeks([HULL], 0.0, 0.05)
    with pytest.raises(InputError, match="spot: should be above 0"):
        book_greeks([], -1.0, 0.05, spot_held=1.0)
