"""Leverage: the contract's formula, where it leads, and what is traded on the way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.leverage import (
    LeverageAction,
    LeverageRule,
    action_due,
    arrived,
    leverage_of,
    pieces,
    ripcord_trade,
    trade_to,
)

DAY = 24 * 3600
RULE = LeverageRule(
    minimum=Fraction(17, 10),
    target=Fraction(2),
    maximum=Fraction(23, 10),
    ripcord=Fraction(27, 10),
    speed=Fraction(1, 20),
    interval_s=DAY,
    cooldown_s=3_000,
    ripcord_cooldown_s=60,
)


@st.composite
def rules(draw: st.DrawFn) -> LeverageRule:
    ratios = sorted(draw(st.lists(st.fractions(1, 6, max_denominator=50), min_size=4, max_size=4)))
    times = sorted(draw(st.lists(st.integers(0, DAY), min_size=3, max_size=3)))
    speed = draw(st.fractions(Fraction(1, 50), 1, max_denominator=50))
    return LeverageRule(*ratios, speed, *reversed(times))


leverages = st.fractions(1, 10, max_denominator=200)
debts = st.integers(0, 10**24)
equities = st.integers(1, 10**24)


@given(rules(), leverages)
def test_recentring_is_the_contracts_formula_within_its_limits(rule: LeverageRule, now: Fraction) -> None:
    found = rule.recentred(now)
    assert found == max(rule.minimum, min(rule.maximum, now * (1 - rule.speed) + rule.target * rule.speed))
    assert rule.minimum <= found <= rule.maximum


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (Fraction(2), Fraction(2)),
        (Fraction(22, 10), Fraction(219, 100)),  # 2.2 * 0.95 + 2 * 0.05
        (Fraction(18, 10), Fraction(181, 100)),
        (Fraction(3), Fraction(23, 10)),  # 2.95, at most the maximum
        (Fraction(1), Fraction(17, 10)),
    ],
)
def test_recentring_in_figures(now: Fraction, then: Fraction) -> None:
    assert RULE.recentred(now) == then


@given(rules(), leverages)
def test_recentring_again_and_again_comes_ever_nearer_and_never_crosses(
    rule: LeverageRule, now: Fraction
) -> None:
    path = [now]
    for _ in range(12):
        path.append(rule.recentred(path[-1]))
    for before, after in pairwise(path):
        distance, left = before - rule.target, after - rule.target
        assert distance * left >= 0
        assert abs(left) <= (1 - rule.speed) * abs(distance)


@given(debts, equities, leverages)
def test_a_trade_reaches_its_leverage_within_one_unit_and_never_exceeds_it(
    debt: int, equity: int, leverage: Fraction
) -> None:
    trade = trade_to(debt + equity, debt, leverage)
    collateral = debt + equity + trade
    assert Fraction(collateral, equity) <= leverage < Fraction(collateral + 1, equity)
    if collateral >= equity:  # the debt that is left is one
        assert leverage_of(collateral, debt + trade) <= leverage


@given(debts, equities)
def test_at_its_own_leverage_nothing_is_traded(debt: int, equity: int) -> None:
    assert trade_to(debt + equity, debt, leverage_of(debt + equity, debt)) == 0


@given(st.integers(-(10**6), 10**6), st.integers(101, 10**6))
def test_pieces_sum_to_the_whole_and_none_is_too_large(notional: int, largest: int) -> None:
    found = pieces(notional, largest)
    assert sum(found) == notional
    assert all(0 < abs(piece) <= largest and piece * notional > 0 for piece in found)
    assert len(found) == -(-abs(notional) // largest)
    assert all(abs(piece) == largest for piece in found[:-1])


@given(rules(), debts, equities, st.integers(1, 10**24))
def test_the_ripcord_sells_no_more_than_brings_leverage_to_its_maximum(
    rule: LeverageRule, debt: int, equity: int, largest: int
) -> None:
    collateral = debt + equity
    trade = ripcord_trade(rule, collateral, debt, largest)
    now = leverage_of(collateral, debt)
    if now < rule.ripcord:
        assert trade == 0
        return
    assert trade == max(trade_to(collateral, debt, rule.maximum), -largest) <= 0
    assert trade < 0 or now == rule.maximum


def test_the_ripcord_in_figures() -> None:
    assert ripcord_trade(RULE, 3_000, 2_000, 10_000) == -700  # from 3 to 2.3 on an equity of 1,000
    assert ripcord_trade(RULE, 3_000, 2_000, 250) == -250
    assert ripcord_trade(RULE, 2_600, 1_600, 250) == 0


@pytest.mark.parametrize(
    ("leverage", "elapsed_s", "under_way", "action"),
    [
        ("2.1", DAY, None, LeverageAction.NONE),
        ("2.1", DAY + 1, None, LeverageAction.REBALANCE),
        ("2", 10 * DAY, None, LeverageAction.NONE),
        ("2.3", 0, None, LeverageAction.NONE),
        ("2.301", 0, None, LeverageAction.REBALANCE),
        ("1.7", 0, None, LeverageAction.NONE),
        ("1.699", 0, None, LeverageAction.REBALANCE),
        ("2.2", 3_000, "2.1", LeverageAction.NONE),
        ("2.2", 3_001, "2.1", LeverageAction.CONTINUE),
        ("2.4", 3_000, "2.1", LeverageAction.NONE),
        ("2.05", 3_001, "2.1", LeverageAction.NONE),
        ("2.05", DAY + 1, "2.1", LeverageAction.REBALANCE),
        ("1.8", 3_001, "1.9", LeverageAction.CONTINUE),
        ("1.95", 3_001, "1.9", LeverageAction.NONE),
        ("2.7", 60, None, LeverageAction.NONE),
        ("2.7", 61, None, LeverageAction.RIPCORD),
        ("2.7", 61, "2.1", LeverageAction.RIPCORD),
        ("2.7", 60, "2.1", LeverageAction.NONE),
    ],
)
def test_what_is_due_at_each_boundary(
    leverage: str, elapsed_s: int, under_way: str | None, action: LeverageAction
) -> None:
    way = None if under_way is None else Fraction(under_way)
    assert action_due(RULE, Fraction(leverage), elapsed_s, way) is action


@given(st.fractions(Fraction(1, 2), Fraction(3, 2), max_denominator=100), st.integers(10, 10_000))
def test_a_rebalance_in_pieces_ends_where_it_was_to(move: Fraction, largest: int) -> None:
    equity = 10_000
    collateral = int(2 * equity * move) + equity // 2
    debt = collateral - equity
    now = leverage_of(collateral, debt)
    way = RULE.recentred(now)
    for trade in pieces(trade_to(collateral, debt, way), largest):
        assert not arrived(RULE, leverage_of(collateral, debt), way)
        collateral, debt = collateral + trade, debt + trade
    assert abs(leverage_of(collateral, debt) - way) < Fraction(1, equity)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"minimum": Fraction(1, 2)}, "minimum"),
        ({"target": Fraction(1)}, "target"),
        ({"maximum": Fraction(19, 10)}, "maximum"),
        ({"ripcord": Fraction(22, 10)}, "ripcord"),
        ({"speed": Fraction(0)}, "speed"),
        ({"speed": Fraction(21, 20)}, "speed"),
        ({"cooldown_s": DAY + 1}, "interval_s"),
        ({"ripcord_cooldown_s": -1}, "interval_s"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(changes: dict[str, Fraction], path: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(RULE, **changes)
    assert caught.value.path == path


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="collateral_value: collateral of 5 leaves no equity"):
        leverage_of(5, 5)
    with pytest.raises(InputError, match="debt_value: should not be negative, is -1"):
        leverage_of(5, -1)
    with pytest.raises(InputError, match="leverage: should be at least 1, is 1/2"):
        trade_to(5, 1, Fraction(1, 2))
    with pytest.raises(InputError, match="largest: should be above 0, is 0"):
        pieces(5, 0)
    with pytest.raises(InputError, match="largest: 1 makes 100000 pieces, more than 10000"):
        pieces(-100_000, 1)
    with pytest.raises(InputError, match="largest: should be above 0, is 0"):
        ripcord_trade(RULE, 5, 1, 0)
    with pytest.raises(InputError, match="elapsed_s: should not be negative, is -1"):
        action_due(RULE, Fraction(2), -1)
