"""Which shares a portfolio's rules and landing allow."""

from __future__ import annotations

from typing import Any

import pytest

from router.errors import Infeasible
from router.planner.gas import gas_price_of
from router.planner.problem import Problem, pose
from router.planner.universe import universe_of
from router.planner.valuation import Valuation
from router.portfolio import Landing, TokenRule, Trade
from tests.markets import portfolio, raw, snapshot, token
from tests.targets import SOME, ruled

HELD = {"USD": 6e4, "ETH": 2.2e4, "BTC": 1.8e4}
WANTED = {"USD": 0.5, "ETH": 0.32, "BTC": 0.18}


def problem(held: dict[str, float], wanted: dict[str, float], **changes: Any) -> Problem:
    valuation = Valuation(snapshot(SOME), portfolio(held, wanted, **changes))
    price = gas_price_of(valuation)
    return pose(valuation, universe_of(valuation, price), price)


def limits(posed: Problem, value: float | None = None, inset: float = 0.0) -> dict[str, tuple[float, float]]:
    found = posed.limits(posed.value if value is None else value, inset=inset)
    return {posed.valuation.symbol(each): limit for each, limit in found.items()}


def test_tokens_at_their_target_keep_what_they_have() -> None:
    posed = problem(HELD, WANTED)
    assert {posed.valuation.symbol(each) for each in posed.shares} == {"USD", "ETH"}
    assert limits(posed)["USD"] == pytest.approx((0.5 / 0.82,) * 2)
    assert posed.kept == pytest.approx(1.8e4)


def test_bands_move_tokens_at_their_target_too() -> None:
    posed = problem(HELD, WANTED, landing=Landing.BAND, tolerance_bps=100)
    found = limits(posed)
    assert found["BTC"] == pytest.approx((0.17, 0.19))
    assert found["USD"] == pytest.approx((0.49, 0.51))


def test_bands_are_inset_but_at_nothing_and_everything() -> None:
    posed = problem({"USD": 1e4}, {"ETH": 1.0}, landing=Landing.BAND, tolerance_bps=100)
    found = limits(posed, inset=1e-3)
    assert found["ETH"] == pytest.approx((0.991, 1.0))
    assert found["USD"] == pytest.approx((0.0, 0.009), abs=1e-9)


def test_a_band_of_what_moves_is_of_the_whole_value() -> None:
    rules = ruled(BTC=TokenRule(Trade.NONE))
    posed = problem(HELD, WANTED, landing=Landing.BAND, tolerance_bps=100, rules=rules)
    assert posed.fluid
    assert limits(posed)["ETH"] == pytest.approx((0.31 / 0.82, 0.33 / 0.82))
    lost = posed.value - 1e4
    assert limits(posed, lost)["ETH"] == pytest.approx((0.31 * 9 / 7.2, 0.33 * 9 / 7.2))


@pytest.mark.parametrize("landing", list(Landing))
def test_what_may_only_be_bought_keeps_its_amount_whatever_the_others_cost(landing: Landing) -> None:
    rules = ruled(BTC=TokenRule(Trade.BUY))
    posed = problem({**HELD, "BTC": 1.7998e4}, WANTED, landing=landing, rules=rules)
    value = 0.99 * posed.value
    assert limits(posed, value)["BTC"][0] >= posed.held[token("BTC")] / value * (1 - 1e-9)


def test_what_may_only_be_sold_is_not_added_to() -> None:
    rules = ruled(BTC=TokenRule(Trade.SELL))
    posed = problem({**HELD, "BTC": 1.7e4}, WANTED, landing=Landing.NEAREST, rules=rules)
    assert "BTC" not in limits(posed)


def test_a_value_below_that_of_what_is_kept_leaves_nothing_for_the_rest() -> None:
    rules = ruled(USD=TokenRule(Trade.BUY), ETH=TokenRule(Trade.BUY))
    held = {"USD": 31131.453042016692, "ETH": 9415.272998617223, "BTC": 1306.1021586368856}
    posed = problem(held, {"USD": 0.75, "ETH": 0.25}, landing=Landing.NEAREST, rules=rules)
    found = limits(posed, 40_000)
    assert found["BTC"] == (0.0, 0.0)
    assert found["USD"] == pytest.approx((held["USD"] / 40_000,) * 2)


def test_the_shares_of_what_moves_add_up_to_one() -> None:
    rules = ruled(BTC=TokenRule(Trade.BUY), USD=TokenRule(Trade.SELL))
    posed = problem({**HELD, "BTC": 1.7999e4}, WANTED, rules=rules)
    for value in (posed.value, 0.9 * posed.value):
        assert sum(low for low, _ in limits(posed, value).values()) == pytest.approx(1.0)


def test_of_what_is_reserved_and_not_wanted_a_hair_more_is_bought() -> None:
    flows = {token("BTC"): -raw("BTC", 3e4)}
    posed = problem(HELD, {"USD": 0.5, "ETH": 0.5}, cash_flows=flows)
    assert limits(posed, inset=1e-6)["BTC"][0] >= 1e-6
    assert limits(posed, inset=0.0)["BTC"][0] == 0.0


def test_a_rule_that_keeps_a_token_from_its_band_is_named() -> None:
    rules = ruled(BTC=TokenRule(Trade.NONE))
    with pytest.raises(Infeasible, match=r"BTC may not be traded: .*the best that can be reached is"):
        problem(HELD, {"USD": 0.5, "ETH": 0.4, "BTC": 0.1}, landing=Landing.BAND, rules=rules)


def test_bands_that_leave_no_room_for_the_rest_are_named() -> None:
    rules = ruled(USD=TokenRule(Trade.BUY, tolerance_bps=1_000))
    with pytest.raises(Infeasible, match="USD may only be bought"):
        problem(HELD, WANTED, landing=Landing.BAND, rules=rules)
