"""Every kind of pool, payer, recipient and amount, on the real pools."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.encoder import encode
from router.fixed_point import SHARE_ONE
from router.program import AmountMode, Deliver, Pull
from tests.contracts.steps import (
    FROM_OWNER,
    PREPAID,
    REMAINDER,
    SWAP_KINDS,
    TO_NEXT_POOL,
    TO_OWNER,
    swap,
)
from tests.contracts.world import OWNER, World


def sells(world: World, symbol: str, usd: float) -> int:
    return world.raw(symbol, usd)


def quote_v2(reserve_in: int, reserve_out: int, amount: int) -> int:
    taxed = amount * 997
    return taxed * reserve_out // (reserve_in * 1000 + taxed)


@pytest.mark.parametrize("kind", SWAP_KINDS)
def test_literal_swap_pays_the_ledger_and_then_the_owner(world: World, kind: str) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD", min_received=1)],
        Pull(world.tokens["ETH"], amount),
        swap(world, kind, "ETH", "USD", amount),
    )
    changes = world.run(program)
    assert changes["ETH"] == -amount
    assert world.raw("USD", 990) < changes["USD"] < world.raw("USD", 1000)


@pytest.mark.parametrize("kind", SWAP_KINDS)
@pytest.mark.parametrize("token_in", ["ETH", "USD"])
def test_owner_pays_the_pool_and_is_paid_by_it(world: World, kind: str, token_in: str) -> None:
    token_out = "USD" if token_in == "ETH" else "ETH"
    amount = sells(world, token_in, 1000)
    program = world.program(
        [world.bounds(token_in, max_spent=amount), world.bounds(token_out, min_received=1)],
        swap(world, kind, token_in, token_out, amount, **FROM_OWNER, **TO_OWNER),
    )
    changes = world.run(program)
    assert changes[token_in] == -amount
    assert world.raw(token_out, 990) < changes[token_out] < world.raw(token_out, 1000)


def test_uniswap_v2_output_is_the_pairs_formula(world: World) -> None:
    amount, million = 12_345_678_901_234_567, 10**6
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD")],
        swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER, **TO_OWNER),
    )
    expected = quote_v2(world.raw("ETH", million), world.raw("USD", million), amount)
    assert world.run(program)["USD"] == expected


@pytest.mark.parametrize("kind", SWAP_KINDS)
def test_shares_and_remainder_spend_the_whole_ledger(world: World, kind: str) -> None:
    amount = sells(world, "USD", 1000) + 1
    third = SHARE_ONE // 3
    program = world.program(
        [world.bounds("USD", max_spent=amount), world.bounds("ETH"), world.bounds("BTC")],
        Pull(world.tokens["USD"], amount),
        swap(world, kind, "USD", "ETH", third, mode=AmountMode.SHARE),
        swap(world, "uniswap_v2", "USD", "BTC", **REMAINDER),
    )
    changes = world.run(program)
    spent_first = amount * third >> 64
    million = 10**6
    expected = quote_v2(world.raw("USD", million), world.raw("BTC", million), amount - spent_first)
    assert changes["BTC"] == expected
    assert changes["USD"] == -amount


@pytest.mark.parametrize("first", SWAP_KINDS)
def test_a_pool_pays_the_next_pair_directly(world: World, first: str) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD"), world.bounds("BTC", min_received=1)],
        swap(world, first, "ETH", "USD", amount, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_OWNER),
    )
    changes = world.run(program)
    assert set(changes) == {"ETH", "BTC"}
    assert world.raw("BTC", 980) < changes["BTC"] < world.raw("BTC", 1000)


def test_three_pairs_in_a_row_hand_over_without_the_executor(world: World) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD"), world.bounds("BTC")],
        swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "BTC", "ETH", **PREPAID, **TO_OWNER),
    )
    changes = world.run(program)
    assert set(changes) == {"ETH"}
    assert -amount // 50 < changes["ETH"] < 0


@pytest.mark.parametrize("kind", SWAP_KINDS)
def test_tokens_that_return_nothing_are_bought_and_sold(world: World, kind: str) -> None:
    amount = sells(world, "TETHER", 1000)
    bounds = [world.bounds("TETHER", max_spent=amount), world.bounds("ETH", max_spent=10**18)]
    sold = world.program(
        bounds,
        Pull(world.tokens["TETHER"], amount),
        swap(world, kind, "TETHER", "ETH", amount),
        swap(world, kind, "ETH", "TETHER", **REMAINDER),
        Deliver(world.tokens["TETHER"]),
    )
    changes = world.run(sold)
    assert set(changes) == {"TETHER"}
    assert -amount // 50 < changes["TETHER"] < 0


def test_deliver_sends_what_the_ledger_holds_and_no_more(world: World) -> None:
    eth = world.tokens["ETH"]
    program = world.program(
        [world.bounds("ETH", max_spent=100)], Pull(eth, 60), Deliver(eth), Deliver(eth), Pull(eth, 40)
    )
    assert world.run(program) == {}


@pytest.mark.parametrize("kind", SWAP_KINDS)
def test_swap_of_more_than_the_ledger_holds_reverts(world: World, kind: str) -> None:
    program = world.program(
        [world.bounds("ETH", max_spent=100), world.bounds("USD")],
        Pull(world.tokens["ETH"], 99),
        swap(world, kind, "ETH", "USD", 100),
    )
    with world.errors.expects("LedgerTooLow", step=1, token=world.tokens["ETH"], needed=100, held=99):
        world.execute(program)


@pytest.mark.parametrize("route", [REMAINDER, {"mode": AmountMode.SHARE, "amount": 5}, {}])
def test_swap_of_nothing_reverts(world: World, route: dict) -> None:
    program = world.program(
        [world.bounds("ETH"), world.bounds("USD")], swap(world, "uniswap_v2", "ETH", "USD", **route)
    )
    with world.errors.expects("ZeroAmount", step=0):
        world.execute(program)


def test_uniswap_v3_swap_that_drains_the_pool_is_a_partial_fill(world: World) -> None:
    amount = 1 << 127
    world.mint("USD", OWNER, amount)
    program = world.program(
        [world.bounds("USD", max_spent=amount), world.bounds("ETH")],
        swap(world, "uniswap_v3", "USD", "ETH", amount, **FROM_OWNER, **TO_OWNER),
    )
    with world.errors.expects("PartialFill", step=0, amountIn=amount):
        world.execute(program)


def test_uniswap_v2_fee_of_the_whole_amount_is_refused(world: World) -> None:
    program = world.program(
        [world.bounds("ETH", max_spent=100), world.bounds("USD")],
        swap(world, "uniswap_v2", "ETH", "USD", 100, **FROM_OWNER),
    )
    payload = encode(program)[:-3] + (1_000_000).to_bytes(3, "big")
    with world.errors.expects("IllegalFee", step=0, feePips=1_000_000):
        world.execute(payload)


def test_uniswap_v2_fee_below_the_pairs_own_bubbles_the_pairs_reason(world: World) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD")],
        replace(swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER), fee_pips=2999),
    )
    reason = ("Error", {"message": "UniswapV2: K"})
    with world.errors.expects("StepFailed", step=0, reason=reason):
        world.execute(program)


def test_pool_without_code_reverts(world: World) -> None:
    nowhere = "0x" + "77" * 20
    for kind, name in (
        ("uniswap_v2", "StepFailed"),
        ("uniswap_v3", "MissingCallback"),
    ):
        program = world.program(
            [world.bounds("ETH", max_spent=100), world.bounds("USD")],
            swap(world, kind, "ETH", "USD", 100, pool=nowhere, **FROM_OWNER),
        )
        with world.errors.expects(name, step=0):
            world.execute(program)


def test_approval_missing_names_the_step(world: World) -> None:
    world.approve("ETH", world.executor, 99)
    program = world.program([world.bounds("ETH", max_spent=100)], Pull(world.tokens["ETH"], 100))
    with world.errors.expects("StepFailed", step=0):
        world.execute(program)


@pytest.mark.parametrize(
    "route",
    [
        0b000011,  # payer 3
        0b001100,  # recipient 3
        0b110000,  # amount mode 3
        0b1000000,  # a high bit
        0b000010,  # prepaid, literal
        0b100010,  # prepaid, but nobody paid
        0b010001,  # owner, share
        0b100001,  # owner, remainder
        0b001000,  # next pool, and there is none
    ],
)
def test_illegal_route_reverts(world: World, route: int) -> None:
    step = swap(world, "uniswap_v2", "ETH", "USD", 100)
    bounds = [world.bounds("ETH", max_spent=1000), world.bounds("USD")]
    program = world.program(bounds, Pull(world.tokens["ETH"], 1000), step, Deliver(world.tokens["USD"]))
    payload = bytearray(encode(program))
    # the PULL takes 18 bytes, the route follows the swap's kind; the DELIVER behind it takes 2
    place = 49 + 2 * 74 + 18 + 1
    assert payload[place] == 0
    payload[place] = route
    # enough bytes behind the swap for the look at the next step
    padded = bytes(payload) + bytes([3, 1]) * 30
    with world.errors.expects("IllegalRoute", step=1, route=route):
        world.execute(padded)


def test_next_pool_must_take_the_token_that_comes(world: World) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD"), world.bounds("BTC")],
        swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_OWNER),
    )
    payload = bytearray(encode(program))
    second = 49 + 3 * 74 + 43
    assert payload[second + 2] == 1
    payload[second + 2] = 0
    with world.errors.expects("IllegalRoute", step=0):
        world.execute(bytes(payload))


def test_next_pool_must_be_another(world: World) -> None:
    amount = sells(world, "ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=amount), world.bounds("USD"), world.bounds("BTC")],
        swap(world, "uniswap_v2", "ETH", "USD", amount, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_OWNER),
    )
    payload = bytearray(encode(program))
    first, second = 49 + 3 * 74 + 20, 49 + 3 * 74 + 43 + 20
    payload[second : second + 20] = payload[first : first + 20]
    with world.errors.expects("IllegalRoute", step=0):
        world.execute(bytes(payload))


def test_same_token_in_and_out_reverts(world: World) -> None:
    program = world.program(
        [world.bounds("ETH", max_spent=100), world.bounds("USD")],
        swap(world, "uniswap_v2", "ETH", "USD", 100, **FROM_OWNER),
    )
    payload = bytearray(encode(program))
    payload[49 + 2 * 74 + 3] = 0
    with world.errors.expects("IllegalRoute", step=0):
        world.execute(bytes(payload))
