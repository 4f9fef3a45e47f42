"""Every lender, alone and nested; both settlements; repayments that fall short."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.fixed_point import mul_div_half_up
from router.program import Borrow, Check, Deliver, Pull
from tests.contracts.steps import REMAINDER, TO_OWNER, swap
from tests.contracts.world import AAVE_PREMIUM_BPS, World

SINGLE = ("morpho_blue", "aave_v3", "aave_v3_multi", "balancer_v2", "uniswap_v3")
MULTI = ("aave_v3_multi", "balancer_v2", "uniswap_v3")
V3_FEE_PIPS = 3000


def premium(kind: str, amount: int) -> int:
    if kind.startswith("aave"):
        return mul_div_half_up(amount, AAVE_PREMIUM_BPS, 10_000)
    return -(-amount * V3_FEE_PIPS // 10**6) if kind == "uniswap_v3" else 0


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("symbol", ["ETH", "USD", "TETHER"])
def test_loan_is_repaid_with_its_premium_and_nothing_else_moves(world: World, kind: str, symbol: str) -> None:
    if symbol == "TETHER":
        world.lenders["uniswap_v3"] = world.pools["uniswap_v3:TETHER-ETH"]
    amount = world.raw(symbol, 12_345.678)
    program = world.program(
        [world.bounds(symbol, max_spent=amount)],
        world.borrow(kind, **{symbol: amount}),
        Pull(world.tokens[symbol], None),
    )
    changes = world.run(program)
    fee = premium(kind, amount)
    assert changes == ({symbol: -fee} if fee else {})


@pytest.mark.parametrize("kind", MULTI)
def test_loan_of_two_tokens(world: World, kind: str) -> None:
    amounts = {"ETH": world.raw("ETH", 777), "USD": world.raw("USD", 888)}
    program = world.program(
        [world.bounds(symbol, max_spent=amount) for symbol, amount in amounts.items()],
        world.borrow(kind, **amounts),
        *(Pull(world.tokens[symbol], None) for symbol in amounts),
    )
    changes = world.run(program)
    fees = {symbol: -premium(kind, amount) for symbol, amount in amounts.items() if premium(kind, amount)}
    assert changes == fees


@pytest.mark.parametrize("kind", SINGLE)
def test_deliver_first_collects_only_what_is_owed(world: World, kind: str) -> None:
    amount = world.raw("USD", 1000)
    fee = premium(kind, amount)
    program = world.program(
        [world.bounds("USD", max_spent=amount + fee), world.bounds("BTC", min_received=1)],
        world.borrow(kind, USD=amount),
        swap(world, "uniswap_v2", "USD", "BTC", **REMAINDER),
        Deliver(world.tokens["BTC"]),
        Check(),
        Pull(world.tokens["USD"], None),
    )
    changes = world.run(program)
    assert changes["USD"] == -(amount + fee)
    assert changes["BTC"] > world.raw("BTC", 990)


def test_check_before_delivery_reverts_before_anything_is_pulled(world: World) -> None:
    amount = world.raw("USD", 1000)
    program = world.program(
        [world.bounds("USD", max_spent=amount), world.bounds("BTC", min_received=1)],
        world.borrow("morpho_blue", USD=amount),
        swap(world, "uniswap_v2", "USD", "BTC", **REMAINDER),
        Check(),
        Deliver(world.tokens["BTC"]),
        Pull(world.tokens["USD"], None),
    )
    reason = (
        "InsufficientReceived",
        {"token": world.tokens["BTC"], "received": 0, "minReceived": 1},
    )
    with world.errors.expects("StepFailed", step=2, reason=reason):
        world.execute(program)


@pytest.mark.parametrize("outer", ["morpho_blue", "aave_v3", "balancer_v2", "uniswap_v3"])
@pytest.mark.parametrize("inner", ["morpho_blue", "aave_v3_multi", "balancer_v2", "uniswap_v3"])
def test_loans_nest(world: World, outer: str, inner: str) -> None:
    if outer == inner and outer in ("balancer_v2", "uniswap_v3"):
        pytest.skip("the lender locks itself while it lends")
    eth, usd = world.raw("ETH", 500), world.raw("USD", 700)
    program = world.program(
        [world.bounds("ETH", max_spent=eth), world.bounds("USD", max_spent=usd)],
        world.borrow(outer, ETH=eth),
        world.borrow(inner, USD=usd),
        Pull(world.tokens["ETH"], None),
        Pull(world.tokens["USD"], None),
    )
    changes = world.run(program)
    assert -changes.get("ETH", 0) == premium(outer, eth)
    assert -changes.get("USD", 0) == premium(inner, usd)


def test_two_loans_of_one_token_add_up_in_pull_owed(world: World) -> None:
    amount = world.raw("ETH", 500)
    program = world.program(
        [world.bounds("ETH", max_spent=amount)],
        world.borrow("aave_v3", ETH=amount),
        world.borrow("uniswap_v3", ETH=amount),
        Pull(world.tokens["ETH"], None),
    )
    changes = world.run(program)
    assert -changes["ETH"] == premium("aave_v3", amount) + premium("uniswap_v3", amount)


def test_loan_from_a_pool_and_swap_in_another(world: World) -> None:
    amount = world.raw("ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=2 * amount), world.bounds("USD")],
        world.borrow("uniswap_v3", ETH=amount),
        swap(world, "balancer_v2_weighted", "ETH", "USD", **REMAINDER, **TO_OWNER),
        Pull(world.tokens["ETH"], None),
    )
    assert world.run(program)["USD"] > world.raw("USD", 990)


@pytest.mark.parametrize("kind", SINGLE)
def test_short_repayment_names_loan_token_and_figures(world: World, kind: str) -> None:
    amount = world.raw("USD", 1000)
    due = amount + premium(kind, amount)
    program = world.program(
        [world.bounds("USD", max_spent=amount), world.bounds("BTC")],
        Check(),
        world.borrow(kind, USD=amount),
        swap(world, "uniswap_v2", "USD", "BTC", 10_000_000),
    )
    with world.errors.expects(
        "ShortRepayment", step=1, token=world.tokens["USD"], due=due, available=amount - 10_000_000
    ):
        world.execute(program)


@pytest.mark.parametrize("kind", SINGLE)
def test_lender_with_less_than_asked_names_the_loan(world: World, kind: str) -> None:
    held = world.raw("ETH", 10**7)
    program = world.program([world.bounds("ETH")], Check(), world.borrow(kind, ETH=held))
    with world.errors.expects("StepFailed", step=1):
        world.execute(program)


@pytest.mark.parametrize("kind", SINGLE)
def test_failure_inside_a_loan_names_the_failing_step(world: World, kind: str) -> None:
    amount = world.raw("USD", 1000)
    program = world.program(
        [world.bounds("USD", max_spent=1), world.bounds("BTC")],
        world.borrow(kind, USD=amount),
        Check(),
        swap(world, "uniswap_v2", "USD", "BTC", amount + 1),
    )
    with world.errors.expects("LedgerTooLow", step=2):
        world.execute(program)


def test_pull_owed_beyond_max_spent_reverts(world: World) -> None:
    amount = world.raw("USD", 1000)
    program = world.program(
        [world.bounds("USD", max_spent=amount - 1), world.bounds("BTC")],
        world.borrow("morpho_blue", USD=amount),
        swap(world, "uniswap_v2", "USD", "BTC", **REMAINDER),
        Pull(world.tokens["USD"], None),
    )
    with world.errors.expects(
        "PullExceedsMax", step=2, token=world.tokens["USD"], pulled=amount, maxSpent=amount - 1
    ):
        world.execute(program)


def test_balancer_swap_inside_its_own_loan_bubbles_the_vaults_reason(world: World) -> None:
    amount = world.raw("USD", 1000)
    program = world.program(
        [world.bounds("USD", max_spent=amount), world.bounds("BTC")],
        world.borrow("balancer_v2", USD=amount),
        swap(world, "balancer_v2_weighted", "USD", "BTC", **REMAINDER),
        Pull(world.tokens["USD"], None),
    )
    with world.errors.expects("StepFailed", step=1, reason=("Error", {"message": "BAL#400"})):
        world.execute(program)


@pytest.mark.parametrize("kind", ["morpho_blue", "aave_v3"])
def test_loan_of_two_tokens_from_a_lender_of_one_reverts(world: World, kind: str) -> None:
    from router.encoder import encode

    program = world.program(
        [world.bounds("ETH"), world.bounds("USD")], world.borrow("balancer_v2", ETH=1, USD=1)
    )
    payload = bytearray(encode(program))
    payload[49 + 2 * 74] = {"morpho_blue": 0x10, "aave_v3": 0x11}[kind]
    with world.errors.expects("IllegalTokenCount", step=0, count=2, maxCount=1):
        world.execute(bytes(payload))


def test_loan_tokens_out_of_order_or_twice_revert(world: World) -> None:
    from router.encoder import encode

    loan = world.borrow("balancer_v2", ETH=1, USD=1)
    program = world.program([world.bounds("ETH"), world.bounds("USD")], loan)
    payload = bytearray(encode(program))
    first, second = 49 + 2 * 74 + 22, 49 + 2 * 74 + 22 + 17
    payload[first], payload[second] = payload[second], payload[first]
    with world.errors.expects("LoanTokensNotAscending", step=0):
        world.execute(bytes(payload))
    payload[second] = payload[first]
    with world.errors.expects("LoanTokensNotAscending", step=0):
        world.execute(bytes(payload))


def test_lender_without_code_reverts(world: World) -> None:
    nowhere = "0x" + "77" * 20
    for kind in SINGLE:
        loan = replace(world.borrow(kind, ETH=1), lender=nowhere)
        assert isinstance(loan, Borrow)
        name = "StepFailed" if kind == "uniswap_v3" else "MissingCallback"
        with world.errors.expects(name, step=0):
            world.execute(world.program([world.bounds("ETH")], loan))
