"""Weights by the name of a rule, within rails, as decimals that sum to exactly 1."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import (
    InfeasibleWeights,
    InputError,
    InsufficientHistory,
    SingularCovariance,
    Unaffordable,
)
from router.strategy.guards import GuardRails
from router.strategy.target_rules import (
    BASES,
    RULES,
    SIGNALS,
    TargetRule,
    exact_weights,
    risk_shares,
    target_weights,
)
from router.strategy.targets import RISK_RULES, market_cap
from router.strategy.tilts import momentum, tilted

VOLATILITY = np.array([0.8, 0.6, 1.2, 0.0])
CORRELATION = np.array([[1, 0.6, 0.5, 0], [0.6, 1, 0.3, 0], [0.5, 0.3, 1, 0], [0, 0, 0, 1]])
COVARIANCE = CORRELATION * np.outer(VOLATILITY, VOLATILITY)
CASH = 3
RETURNS = np.random.default_rng(1).normal(0, 0.04, (60, 4)) * [1, 1, 1, 0]
CAPITALS = np.array([4.0, 20.0, 1.0, 0.0])


def rule_of(name: str, **more: object) -> TargetRule:
    """A rule with what it needs."""
    needs = {"market_cap": {"capitals": CAPITALS}, "volatility_target": {"volatility": 0.3}}
    return TargetRule(name, **{**needs.get(name, {}), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_keeps_to_floors_caps_and_the_cash_share(name: str) -> None:
    rails = GuardRails(np.array([0.1, 0.1, 0.1, 0.0]), np.array([0.5, 0.4, 0.5, 1.0]))
    weights = target_weights(rule_of(name, cash_weight=0.1), RETURNS, COVARIANCE, cash=CASH, rails=rails)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= rails.floor - 1e-12).all()
    assert (weights <= rails.cap + 1e-12).all()


@pytest.mark.parametrize("name", sorted({*RULES} - {"volatility_target"}))
@pytest.mark.parametrize("limits", [{}, {"cap": np.array([0.3, 0.5, 0.5, 1.0])}])
def test_cash_has_its_share_wherever_that_is_possible(name: str, limits: dict[str, np.ndarray]) -> None:
    """Whatever moves the other weights: a tilt, or a limit of one of them."""
    rule = rule_of(name, cash_weight=0.2, **({"strength": 3.0} if name in SIGNALS else {}))
    found = target_weights(rule, RETURNS, COVARIANCE, cash=CASH, rails=GuardRails(**limits))
    assert found[CASH] == pytest.approx(0.2, abs=1e-12)


@pytest.mark.parametrize("name", RISK_RULES)
def test_risk_rules_are_those_of_targets(name: str) -> None:
    found = target_weights(rule_of(name, cash_weight=0.2), RETURNS, COVARIANCE, cash=CASH)
    assert found == pytest.approx(RISK_RULES[name](COVARIANCE, riskless=0.2), abs=1e-12)


def test_minimum_variance_knows_its_caps() -> None:
    risky = COVARIANCE[:3, :3]
    rails = GuardRails(0.0, np.array([1, 0.3, 1]))
    found = target_weights(rule_of("minimum_variance"), RETURNS[:, :3], risky, rails=rails)
    brought = rails.apply(RISK_RULES["minimum_variance"](risky))
    assert found[1] == pytest.approx(0.3)
    assert found @ risky @ found < 0.999 * (brought @ risky @ brought)


def test_minimum_variance_is_the_least_at_the_cash_that_a_floor_asks_for() -> None:
    rails = GuardRails(np.array([0.0, 0.0, 0.1, 0.2]), np.array([1.0, 0.5, 1.0, 1.0]))
    found = target_weights(rule_of("minimum_variance"), RETURNS, COVARIANCE, cash=CASH, rails=rails)
    assert found[CASH] == pytest.approx(0.2)
    assert found[1:3] == pytest.approx([0.5, 0.1])
    risky = np.linspace(0, 0.7, 701)
    tried = np.column_stack([risky, 0.7 - risky, np.full((701, 1), 0.1), np.full((701, 1), 0.2)])
    variances = np.einsum("ij,jk,ik->i", tried, COVARIANCE, tried)[tried[:, 1] <= 0.5]
    assert found @ COVARIANCE @ found == pytest.approx(variances.min(), rel=1e-4)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("caps", "cash_weight", "cash"),
    [((0.2, 0.1, 0.3, 1.0), 0.1, 0.4), ((1e-4, 3e-4, 7e-4, 1.0), 0.0, 0.9989), ((1, 1, 1, 0.05), 0.3, 0.05)],
)
def test_cash_takes_what_the_limits_of_the_others_leave(
    name: str, caps: tuple[float, ...], cash_weight: float, cash: float
) -> None:
    rule, rails = rule_of(name, cash_weight=cash_weight), GuardRails(cap=np.array(caps))
    found = target_weights(rule, RETURNS, COVARIANCE, cash=CASH, rails=rails)
    assert found[CASH] == pytest.approx(cash) or (name == "volatility_target" and found[CASH] > cash)
    assert (found <= np.array(caps) + 1e-12).all()


@pytest.mark.parametrize("name", sorted({*RISK_RULES}))
def test_an_asset_whose_prices_stand_still_is_refused_by_name_where_risk_decides(name: str) -> None:
    """Else it would get nothing, or a part of the cash: a feed that died would sell the asset."""
    frozen = COVARIANCE.copy()
    frozen[1], frozen[:, 1] = 0.0, 0.0
    for rule in (rule_of(name), rule_of("volatility_target", base=name), rule_of("momentum", base=name)):
        with pytest.raises(SingularCovariance, match="ETH has a variance of 0"):
            target_weights(rule, RETURNS, frozen, cash=CASH, assets=("BTC", "ETH", "LINK", "USD"))


def test_equal_and_market_capitals_need_no_variance() -> None:
    nothing = np.zeros((4, 4))
    equal = target_weights(rule_of("equal", cash_weight=0.1), RETURNS, nothing, cash=CASH)
    assert equal == pytest.approx([0.3, 0.3, 0.3, 0.1])
    assert target_weights(rule_of("equal"), RETURNS, nothing) == pytest.approx([0.25] * 4)
    assert target_weights(rule_of("market_cap"), RETURNS, nothing, cash=CASH) == pytest.approx(CAPITALS / 25)


def test_one_cap_of_market_capitals_gives_to_the_others_in_proportion() -> None:
    rails = GuardRails(0.0, np.array([0.4, 0.4, 0.4, 1.0]))
    found = target_weights(
        rule_of("market_cap", cash_weight=0.2), RETURNS, COVARIANCE, cash=CASH, rails=rails
    )
    assert found[:3] == pytest.approx(market_cap(CAPITALS[:3], 0.5) * 0.8)
    assert found[CASH] == pytest.approx(0.2)


@pytest.mark.parametrize("base", BASES)
def test_volatility_target_reaches_its_volatility_from_any_base(base: str) -> None:
    capitals = CAPITALS if base == "market_cap" else None
    rule = TargetRule("volatility_target", base, capitals=capitals, volatility=0.25)
    weights = target_weights(rule, RETURNS, COVARIANCE, cash=CASH)
    assert risk_shares(weights, COVARIANCE)[0] == pytest.approx(0.25)


def test_volatility_target_keeps_the_least_share_of_cash() -> None:
    rule = TargetRule("volatility_target", cash_weight=0.3, volatility=5.0)
    assert target_weights(rule, RETURNS, COVARIANCE, cash=CASH)[CASH] == pytest.approx(0.3)


def test_signals_tilt_the_base() -> None:
    rule = TargetRule("momentum", "inverse_volatility", window=20, strength=0.3)
    base = RISK_RULES["inverse_volatility"](COVARIANCE)
    wanted = tilted(base, momentum(RETURNS, 20), strength=0.3, rails=GuardRails())
    assert target_weights(rule, RETURNS, COVARIANCE, cash=CASH) == pytest.approx(wanted)
    reverse = TargetRule("mean_reversion", "inverse_volatility", window=20, strength=0.3)
    assert not np.allclose(target_weights(reverse, RETURNS, COVARIANCE, cash=CASH), wanted)


def test_a_step_is_from_the_current_weights() -> None:
    current = np.array([0.7, 0.1, 0.1, 0.1])
    for name in RULES:
        found = target_weights(
            rule_of(name), RETURNS, COVARIANCE, cash=CASH, rails=GuardRails(step=0.05), current=current
        )
        assert np.abs(found - current).max() <= 0.05 + 1e-12


@pytest.mark.parametrize(
    ("arguments", "path", "text"),
    [
        ({"name": "risk_party"}, "rule", "risk_parity"),
        ({"name": "momentum", "base": "equall"}, "base", "equal"),
        ({"name": "momentum", "base": "volatility_target"}, "base", "no rule"),
        ({"name": "market_cap"}, "capitals", "needed by market_cap"),
        ({"name": "momentum", "base": "market_cap"}, "capitals", "needed by market_cap"),
        ({"name": "volatility_target"}, "volatility", "needed by volatility_target"),
        ({"name": "equal", "strength": 1.0}, "strength", "does nothing under equal"),
        ({"name": "equal", "cash_weight": 1.1}, "cash_weight", "from 0 to 1"),
        ({"name": "equal", "cash_weight": float("nan")}, "cash_weight", "from 0 to 1"),
    ],
)
def test_rule_refused_with_its_place(arguments: dict[str, object], path: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        TargetRule(**arguments)  # type: ignore[arg-type]
    assert caught.value.path == path


def test_what_cannot_be_met_is_refused() -> None:
    with pytest.raises(InfeasibleWeights, match="caps"):
        target_weights(rule_of("equal"), RETURNS, COVARIANCE, rails=GuardRails(cap=0.2))
    with pytest.raises(InputError, match="cash asset"):
        target_weights(rule_of("volatility_target"), RETURNS, COVARIANCE)
    with pytest.raises(InputError, match="cash asset"):
        target_weights(rule_of("equal", cash_weight=0.1), RETURNS, COVARIANCE)
    with pytest.raises(InputError, match="current"):
        target_weights(rule_of("equal"), RETURNS, COVARIANCE, rails=GuardRails(step=0.1))
    with pytest.raises(InputError, match="step"):
        target_weights(rule_of("equal"), RETURNS, COVARIANCE, current=np.full(4, 0.25))
    with pytest.raises(Unaffordable, match="current"):
        target_weights(
            rule_of("equal"), RETURNS, COVARIANCE, rails=GuardRails(step=0.1), current=np.full(4, 0.5)
        )
    with pytest.raises(InputError, match=r"^current\.B: should be at least 0, is -0\.5"):
        target_weights(
            rule_of("equal"),
            RETURNS,
            COVARIANCE,
            rails=GuardRails(step=0.1),
            current=np.array([0.5, -0.5, 0.5, 0.5]),
            assets="ABCD",
        )
    with pytest.raises(InsufficientHistory, match="60 rows, 90"):
        target_weights(rule_of("momentum", window=90), RETURNS, COVARIANCE)
    with pytest.raises(InputError, match="capitals"):
        target_weights(rule_of("market_cap"), RETURNS[:, :3], COVARIANCE[:3, :3])


def test_risk_shares_sum_to_one() -> None:
    weights = np.array([0.3, 0.3, 0.2, 0.2])
    volatility, shares = risk_shares(weights, COVARIANCE)
    assert volatility == pytest.approx(np.sqrt(weights @ COVARIANCE @ weights))
    assert shares.sum() == pytest.approx(1)
    assert risk_shares([0, 0, 0, 1], COVARIANCE) == (0.0, pytest.approx(np.zeros(4)))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda parts: sum(parts) > 0.01),
    st.integers(1, 8),
)
def test_exact_weights_sum_to_exactly_one(parts: list[float], places: int) -> None:
    weights = np.array(parts) / sum(parts)
    found = exact_weights(weights, places=places)
    assert sum(found) == 1
    assert all(value >= 0 for value in found)
    assert max(abs(float(value) - weight) for value, weight in zip(found, weights, strict=True)) <= (
        len(parts) * 0.5 * 10.0**-places + 1e-9
    )


def test_the_remainder_goes_to_the_largest() -> None:
    assert exact_weights(np.full(3, 1 / 3)) == (Decimal("0.3334"), Decimal("0.3333"), Decimal("0.3333"))
    assert exact_weights([1 / 6, 2 / 3, 1 / 6], places=2) == tuple(map(Decimal, ("0.17", "0.66", "0.17")))


def test_the_remainder_passes_no_rail() -> None:
    thirds = np.full(3, 1 / 3)
    capped = GuardRails(cap=np.array([0.3333334, 0.34, 1.0]))
    assert exact_weights(thirds, rails=capped)[1] == Decimal("0.3334")
    # No weight has room for the remainder at four places.
    narrow = exact_weights(thirds, rails=GuardRails(cap=0.33334))
    assert sum(narrow) == 1
    assert max(narrow) <= Decimal("0.33334")
    current = np.array([0.3333, 0.33335, 0.33335])
    stepped = exact_weights(thirds, rails=GuardRails(step=0.00004), current=current)
    assert sum(stepped) == 1
    assert all(
        abs(value - Decimal(repr(held))) <= Decimal("0.00004")
        for value, held in zip(stepped, current.tolist(), strict=True)
    )


@given(st.integers(2, 20), st.integers(2, 8), st.floats(0.001, 0.2), st.integers(0, 2**32 - 1))
def test_steps_from_weights_of_many_digits_are_kept_in_the_places_asked_for(
    size: int, places: int, step: float, seed: int
) -> None:
    """Present weights have as many digits as floats do. What stands at the end of its step is rounded back,
    if it is above its cap too."""
    random = np.random.default_rng(seed)
    current, wanted = random.dirichlet(np.ones(size), 2)
    rails = GuardRails(step=step, cap=max(0.3, 1.1 / size))
    found = exact_weights(rails.apply(wanted, current), places=places, rails=rails, current=current)
    assert sum(found) == 1
    moved = [abs(Fraction(a) - Fraction(b)) for a, b in zip(found, current.tolist(), strict=True)]
    assert max(moved) <= Fraction(step) + Fraction(1, 10**15)
    ends = sum(each > step - 10.0**-places for each in map(float, moved))
    if ends < size - 1:  # somebody has room
        assert min(each.as_tuple().exponent for each in found) >= -places


def test_places_out_of_range_are_refused() -> None:
    for places in (0, 13):
        with pytest.raises(InputError, match="places"):
            exact_weights([0.5, 0.5], places=places)
