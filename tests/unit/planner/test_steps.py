"""Flows as steps: order, amounts and routes."""

from __future__ import annotations

from router.fixed_point import SHARE_ONE
from router.planner.steps import Leg, swap_steps
from router.pools.base import Pool
from router.program import AmountMode, Payer, Pull, Recipient, Step, Swap
from tests.markets import token, v2, v3, weighted

USD, ETH, BTC, GOV = map(token, ("USD", "ETH", "BTC", "GOV"))


def leg(pool: Pool, sell: str, buy: str, amount_in: float, amount_out: float) -> Leg:
    return Leg(pool, sell, buy, amount_in, amount_out)


def swaps(steps: list[Step]) -> list[Swap]:
    return [step for step in steps if isinstance(step, Swap)]


def test_known_amounts_are_literals_that_sum_to_what_is_sold() -> None:
    legs = [leg(v2(k, "USD", "ETH", 1e6), USD, ETH, part, 1.0) for k, part in enumerate((1.0, 1.0, 1.0))]
    steps = swaps(swap_steps(legs, {USD: 100}, frozenset({ETH}), False))
    assert [step.amount for step in steps] == [33, 33, 34]
    assert {(step.payer, step.recipient) for step in steps} == {(Payer.OWNER, Recipient.OWNER)}


def test_borrowed_amounts_end_with_the_remainder() -> None:
    legs = [leg(v2(k, "USD", "ETH", 1e6), USD, ETH, 1.0, 1.0) for k in range(2)]
    steps = swaps(swap_steps(legs, {USD: 100}, frozenset({ETH}), True))
    assert [(step.mode, step.amount) for step in steps] == [
        (AmountMode.LITERAL, 50),
        (AmountMode.REMAINDER, 0),
    ]
    assert all(step.payer is Payer.EXECUTOR for step in steps)


def test_what_a_vault_needs_is_pulled() -> None:
    legs = [
        leg(weighted(0, {"USD": 50, "ETH": 50}, 1e6), USD, ETH, 1.0, 1.0),
        leg(v3(1, "USD", "ETH", 1e6), USD, ETH, 3.0, 3.0),
    ]
    steps = swap_steps(legs, {USD: 100}, frozenset({ETH}), False)
    assert steps[0] == Pull(USD, 25)
    assert [(step.payer, step.mode, step.amount) for step in swaps(steps)] == [
        (Payer.EXECUTOR, AmountMode.REMAINDER, 0),
        (Payer.OWNER, AmountMode.LITERAL, 75),
    ]


def test_later_amounts_are_shares_and_a_remainder() -> None:
    legs = [
        leg(v3(0, "USD", "ETH", 1e6), USD, ETH, 100.0, 100.0),
        leg(v3(1, "ETH", "BTC", 1e6), ETH, BTC, 25.0, 25.0),
        leg(v3(2, "ETH", "GOV", 1e6), ETH, GOV, 75.0, 75.0),
    ]
    steps = swaps(swap_steps(legs, {USD: 100}, frozenset({BTC, GOV}), False))
    assert [(step.mode, step.amount) for step in steps[1:]] == [
        (AmountMode.SHARE, SHARE_ONE // 4),
        (AmountMode.REMAINDER, 0),
    ]


def test_a_bought_token_that_is_passed_on_keeps_its_part() -> None:
    legs = [
        leg(v3(0, "USD", "ETH", 1e6), USD, ETH, 100.0, 100.0),
        leg(v3(1, "ETH", "BTC", 1e6), ETH, BTC, 50.0, 50.0),
    ]
    steps = swaps(swap_steps(legs, {USD: 100}, frozenset({ETH, BTC}), False))
    assert (steps[1].mode, steps[1].amount) == (AmountMode.SHARE, SHARE_ONE // 2)
    assert steps[0].recipient is Recipient.EXECUTOR


def test_a_sold_token_that_is_also_passed_on_is_pulled_before_its_first_use() -> None:
    legs = [
        leg(v3(0, "USD", "ETH", 1e6), USD, ETH, 100.0, 100.0),
        leg(v3(1, "ETH", "BTC", 1e6), ETH, BTC, 150.0, 150.0),
    ]
    steps = swap_steps(legs, {USD: 100, ETH: 50}, frozenset({BTC}), False)
    assert steps[1] == Pull(ETH, 50)
    assert swaps(steps)[1].mode is AmountMode.REMAINDER


def test_pools_pay_each_other_only_where_one_feeds_one() -> None:
    legs = [
        leg(v3(0, "USD", "ETH", 1e6), USD, ETH, 100.0, 100.0),
        leg(v3(1, "USD", "GOV", 1e6), USD, GOV, 100.0, 100.0),
        leg(v2(2, "ETH", "BTC", 1e6), ETH, BTC, 100.0, 100.0),
        leg(v3(3, "GOV", "BTC", 1e6), GOV, BTC, 100.0, 100.0),
    ]
    steps = swaps(swap_steps(legs, {USD: 200}, frozenset({BTC}), False))
    assert [step.pool[-1] for step in steps] == ["0", "2", "1", "3"]
    assert (steps[0].recipient, steps[1].payer) == (Recipient.NEXT_POOL, Payer.PREPAID)
    assert (steps[2].recipient, steps[3].payer) == (Recipient.EXECUTOR, Payer.EXECUTOR)
