from __future__ import annotations

import pytest

from router.fixed_point import SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Payer,
    Pull,
    Recipient,
)
from router.replay import replay_market
from router.reverts import (
    AmountTooLarge,
    LedgerTooLow,
    PartialFill,
    PullExceedsMax,
    ShortRepayment,
    StepFailed,
    ZeroAmount,
)
from tests.unit.replay_world import (
    AAVE,
    AB,
    AB_V3,
    BC,
    FREE,
    HOLDINGS,
    LENDERS,
    MORPHO,
    ONWARD,
    PAIR,
    RANGE,
    RICH,
    SNAPSHOT,
    TWIN,
    UNIT,
    VAULT,
    WEIGHTED,
    A,
    B,
    C,
    program,
    run,
    swap,
)


def test_pull_swap_and_final_sweep():
    out = PAIR.quote_exact_in(A, B, UNIT)
    outcome = run(Pull(A, UNIT), swap(PAIR, A, B, UNIT))
    assert outcome.swaps == ((UNIT, out),)
    assert outcome.pulls == {A: UNIT}
    assert outcome.balance_changes == {A: -UNIT, B: out}
    assert outcome.loans == ()
    assert outcome.gas is None


def test_unspent_pull_comes_back():
    outcome = run(Pull(A, 3 * UNIT), swap(PAIR, A, B, UNIT))
    assert outcome.pulls == {A: 3 * UNIT}
    assert outcome.balance_changes[A] == -UNIT


def test_pool_used_twice_sees_its_own_earlier_trade():
    first, after = PAIR.swap(A, B, UNIT)
    second = after.quote_exact_in(A, B, UNIT)
    assert second < first
    outcome, market = replay_market(
        program(Pull(A, 2 * UNIT), swap(PAIR, A, B, UNIT), swap(PAIR, A, B)), SNAPSHOT, HOLDINGS
    )
    assert outcome.swaps == ((UNIT, first), (UNIT, second))
    assert market.pool_by_address[AB] == after.swap(A, B, UNIT)[1]
    assert market.pool_by_address[BC] is ONWARD
    assert SNAPSHOT.pool_by_address[AB] is PAIR


def test_shares_and_remainder_split_the_ledger_without_dust():
    third = SHARE_ONE // 3
    outcome = run(
        Pull(A, UNIT),
        swap(PAIR, A, B, third, mode=AmountMode.SHARE),
        swap(TWIN, A, B, SHARE_ONE // 2, mode=AmountMode.SHARE),
        swap(RANGE, A, B),
    )
    spent = [amount_in for amount_in, _ in outcome.swaps]
    assert spent[0] == UNIT * third // SHARE_ONE
    assert spent[1] == (UNIT - spent[0]) // 2
    assert sum(spent) == UNIT


def test_prepaid_chain_moves_pool_to_pool():
    middle = RANGE.quote_exact_in(A, B, UNIT)
    last = ONWARD.quote_exact_in(B, C, middle)
    outcome = run(
        swap(RANGE, A, B, UNIT, payer=Payer.OWNER, recipient=Recipient.NEXT_POOL),
        swap(ONWARD, B, C, payer=Payer.PREPAID, recipient=Recipient.OWNER),
    )
    assert outcome.swaps == ((UNIT, middle), (middle, last))
    assert outcome.pulls == {A: UNIT}
    assert outcome.balance_changes == {A: -UNIT, C: last}


def test_weighted_swap_is_paid_through_the_vault():
    outcome = run(Pull(A, UNIT), swap(WEIGHTED, A, C, UNIT))
    assert outcome.swaps == ((UNIT, WEIGHTED.quote_exact_in(A, C, UNIT)),)


def test_deliver_first_pulls_only_what_the_loan_still_needs():
    premium = LENDERS[1].premium(A, UNIT)
    out = PAIR.quote_exact_in(A, B, UNIT)
    outcome = run(
        Borrow("aave_v3", AAVE, ((A, UNIT),)),
        swap(PAIR, A, B, UNIT, recipient=Recipient.OWNER),
        Check(),
        Pull(A, None),
        bounds={A: FREE, B: {"min_received": out}, C: {}},
    )
    assert outcome.loans == ((AAVE, A, premium),)
    assert outcome.pulls == {A: UNIT + premium}
    assert outcome.balance_changes == {A: -UNIT - premium, B: out}


def test_pull_owed_pulls_nothing_where_the_ledger_covers_the_loan():
    outcome = run(Pull(A, UNIT), Borrow("morpho_blue", MORPHO, ((A, UNIT),)), Pull(A, None))
    assert outcome.pulls == {A: UNIT}
    assert outcome.balance_changes == {}


def test_nested_loans_are_repaid_last_first():
    steps = (
        Borrow("aave_v3_multi", AAVE, ((A, UNIT), (B, UNIT))),
        Borrow("morpho_blue", MORPHO, ((A, UNIT),)),
        Borrow("morpho_blue", MORPHO, ((B, UNIT),)),
    )
    premiums = [LENDERS[1].premium(token, UNIT) for token in (A, B)]
    outcome = run(*steps, Pull(A, None), Pull(B, None))
    assert outcome.loans == ((AAVE, A, premiums[0]), (AAVE, B, premiums[1]), (MORPHO, A, 0), (MORPHO, B, 0))
    assert outcome.balance_changes == {A: -premiums[0], B: -premiums[1]}
    with pytest.raises(ShortRepayment) as caught:
        run(*steps)
    assert caught.value.figures == {"step": 0, "token": A, "due": UNIT + premiums[0], "available": UNIT}


def test_short_repayment_names_the_borrowing_step():
    with pytest.raises(ShortRepayment) as caught:
        run(Check(), Borrow("morpho_blue", MORPHO, ((A, UNIT),)), swap(PAIR, A, B, 1 + UNIT // 2))
    assert caught.value.figures["step"] == 1
    assert caught.value.figures["available"] == UNIT - UNIT // 2 - 1


@pytest.mark.parametrize(
    ("kind", "lender", "blocked", "free"),
    [("balancer_v2", VAULT, WEIGHTED, RANGE), ("uniswap_v3", AB_V3, RANGE, WEIGHTED)],
)
def test_pools_behind_the_lock_of_an_open_loan_revert(kind, lender, blocked, free):
    borrow = Borrow(kind, lender, ((A, UNIT),))
    run(borrow, swap(free, A, B, UNIT), Pull(A, None))
    with pytest.raises(StepFailed, match="locked"):
        run(borrow, swap(blocked, A, B, UNIT), Pull(A, None))
    with pytest.raises(StepFailed, match="locked"):
        run(borrow, borrow, Pull(A, None))


def test_morpho_lends_again_inside_its_own_loan_what_is_left():
    half = Borrow("morpho_blue", MORPHO, ((B, 5 * UNIT),))
    run(half, half, Pull(B, None))
    with pytest.raises(StepFailed, match="borrowed"):
        run(half, half, Borrow("morpho_blue", MORPHO, ((B, 1),)))


def test_a_pool_lends_what_a_swap_has_just_paid_in():
    borrow = Borrow("uniswap_v3", AB_V3, ((A, 10**20 + UNIT),))
    with pytest.raises(StepFailed):
        run(borrow, Pull(A, None))
    run(Pull(A, UNIT), swap(RANGE, A, B, UNIT), borrow, Pull(A, None))


@pytest.mark.parametrize(
    ("steps", "error", "figures"),
    [
        ((swap(PAIR, A, B, 5),), LedgerTooLow, {"step": 0, "token": A, "needed": 5, "held": 0}),
        ((swap(PAIR, A, B),), ZeroAmount, {"step": 0}),
        (
            (Pull(A, RICH - 1), Pull(A, 2)),
            PullExceedsMax,
            {"step": 1, "token": A, "pulled": RICH + 1, "max_spent": RICH},
        ),
        (
            (Pull(A, RICH - 1), swap(PAIR, A, B, 2, payer=Payer.OWNER)),
            PullExceedsMax,
            {"step": 1, "token": A, "pulled": RICH + 1, "max_spent": RICH},
        ),
    ],
)
def test_steps_that_fail_carry_the_contracts_figures(steps, error, figures):
    with pytest.raises(error) as caught:
        run(*steps, balances={A: RICH})
    assert caught.value.figures == figures


def test_pull_beyond_the_owners_balance_fails_in_the_token():
    with pytest.raises(StepFailed, match="the owner holds 4 "):
        run(Pull(A, 5), balances={A: 4})


def test_swap_past_the_last_tick_is_a_partial_fill():
    spent = RANGE.swap_to_limit(A, B, RICH).amount_in
    with pytest.raises(PartialFill) as caught:
        run(Pull(A, RICH), swap(RANGE, A, B), balances={A: RICH})
    assert caught.value.figures == {"step": 1, "amount_in": RICH, "spent": spent}


def test_what_a_pool_refuses_names_the_step():
    with pytest.raises(StepFailed, match="step=2") as caught:
        run(Check(), Pull(A, RICH), swap(WEIGHTED, A, B), balances={A: RICH})
    assert caught.value.__cause__ is not None


def test_ledger_beyond_128_bits_is_refused():
    big = (1 << 128) - 1
    steps = Pull(A, big), Borrow("morpho_blue", MORPHO, ((A, 1),))
    with pytest.raises(AmountTooLarge):
        run(*steps, balances={A: big}, bounds={A: {"max_spent": big}, B: {}, C: {}})
