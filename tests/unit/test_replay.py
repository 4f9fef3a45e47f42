from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.fixed_point import SHARE_ONE, WAD
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash
from router.pools.registry import pool_from_state
from router.pools.uniswap_v2 import UniswapV2Pool
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Swap,
    TokenBounds,
)
from router.replay import replay, replay_market
from router.reverts import (
    AmountTooLarge,
    DeadlinePassed,
    InsufficientReceived,
    LedgerTooLow,
    OutsideBlockWindow,
    PartialFill,
    PullExceedsMax,
    ShortRepayment,
    StepFailed,
    ValueBelowMinimum,
    WeightOutOfBounds,
    ZeroAmount,
)
from router.snapshot import Snapshot
from router.tokens import Token
from router.wire import EncodingError

A, B, C = ("0x" + digit * 40 for digit in "abc")
AB, AB_TWIN, BC, AB_V3, ABC, VAULT, MORPHO, AAVE = ("0x" + digit * 40 for digit in "12345678")
ABC_ID = ABC + "0" * 24
UNIT = 10**18
RICH = 10**24

PAIR = UniswapV2Pool(AB, (A, B), (10**21, 2 * 10**21))
TWIN = UniswapV2Pool(AB_TWIN, (A, B), (10**21, 2 * 10**21))
ONWARD = UniswapV2Pool(BC, (B, C), (10**21, 3 * 10**21))
RANGE = pool_from_state(
    {
        "kind": "uniswap_v3",
        "address": AB_V3,
        "tokens": [A, B],
        "fee_pips": 3000,
        "tick_spacing": 60,
        "sqrt_price_x96": 1 << 96,
        "tick": 0,
        "liquidity": 10**22,
        "ticks": [[-600, 10**22], [600, -(10**22)]],
    }
)
WEIGHTED = pool_from_state(
    {
        "kind": "balancer_v2_weighted",
        "address": ABC,
        "pool_id": ABC_ID,
        "vault": VAULT,
        "tokens": [A, B, C],
        "balances": [10**21, 10**21, 10**21],
        "weights": [WAD // 2, WAD // 4, WAD // 4],
        "decimals": [18, 18, 18],
        "fee_pips": 1000,
    }
)
POOLS = (PAIR, TWIN, ONWARD, RANGE, WEIGHTED)
LENDERS = (
    MorphoBlue(MORPHO, {A: RICH, B: 10 * UNIT}),
    AaveV3(AAVE, {A: RICH, B: RICH}, 5, Rounding.UP),
    BalancerV2(VAULT, {A: RICH, B: RICH}),
    UniswapV3Flash(AB_V3, (A, B), {A: 10**20, B: 10**20}, 3000),
)
SNAPSHOT = Snapshot(
    chain_id=1,
    block_number=100,
    timestamp=1000,
    native_token=A,
    numeraire=A,
    tokens={address: Token(1, address, name, 18) for address, name in ((A, "A"), (B, "B"), (C, "C"))},
    pools=POOLS,
    lenders=LENDERS,
)
FREE = {"max_spent": RICH}
HOLDINGS = {A: 100 * UNIT, B: 100 * UNIT, C: 100 * UNIT}


def program(*steps, bounds=None, **fields) -> Program:
    tokens = tuple(TokenBounds(token, **((bounds or {}).get(token, FREE))) for token in (A, B, C))
    start = {"deadline": 1000, "min_value_change_e36": -(10**70), "tokens": tokens, "steps": steps}
    return Program(**start | fields)


def swap(pool, token_in, token_out, amount=0, **fields) -> Swap:
    mode = AmountMode.LITERAL if amount else AmountMode.REMAINDER
    extra = {"fee_pips": pool.fee_pips} if pool.kind == "uniswap_v2" else {}
    if pool.kind == "balancer_v2_weighted":
        extra = {"vault": VAULT, "pool_id": ABC_ID}
    return Swap(
        pool.kind, pool.address, token_in, token_out, **{"mode": mode, "amount": amount} | extra | fields
    )


def run(*steps, bounds=None, balances=HOLDINGS, **fields):
    return replay(program(*steps, bounds=bounds, **fields), SNAPSHOT, balances)


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


def test_check_looks_only_at_what_has_been_delivered():
    bounds = {A: FREE, B: {"min_received": 1}, C: {}}
    steps = Pull(A, UNIT), swap(PAIR, A, B, UNIT)
    run(*steps, bounds=bounds)
    run(*steps, Deliver(B), Check(), bounds=bounds)
    with pytest.raises(StepFailed) as caught:
        run(*steps, Check(), bounds=bounds)
    assert caught.value.figures == {"step": 2, "reason": InsufficientReceived(B, 0, 1).data}
    assert f"InsufficientReceived(token={B}, received=0, min_received=1)" in str(caught.value)


OUT = PAIR.quote_exact_in(A, B, UNIT)
TRADE = Pull(A, UNIT), swap(PAIR, A, B, UNIT)


@pytest.mark.parametrize(
    ("bounds", "least", "error"),
    [
        ({A: FREE, B: {"min_received": OUT}, C: {}}, -(10**70), None),
        ({A: FREE, B: {"min_received": OUT + 1}, C: {}}, -(10**70), InsufficientReceived),
        ({A: {"max_spent": UNIT}, B: {}, C: {}}, 0, None),
        ({A: FREE | {"price_e36": 2}, B: {"price_e36": 1}, C: {}}, OUT - 2 * UNIT, None),
        ({A: FREE | {"price_e36": 2}, B: {"price_e36": 1}, C: {}}, OUT - 2 * UNIT + 1, ValueBelowMinimum),
        ({A: FREE, B: {}, C: {}}, 1, ValueBelowMinimum),
    ],
)
def test_bounds_trip_one_unit_beyond_the_outcome(bounds, least, error):
    fields = {"bounds": bounds, "min_value_change_e36": least}
    if error is None:
        run(*TRADE, **fields)
    else:
        with pytest.raises(error):
            run(*TRADE, **fields)


def test_spending_is_measured_on_the_owner_not_on_the_pulls():
    bounds = {A: {"max_spent": UNIT}, B: {}, C: {}}
    run(Pull(A, UNIT), Deliver(A), bounds=bounds)
    with pytest.raises(PullExceedsMax):
        run(Pull(A, UNIT), Deliver(A), Pull(A, 1), bounds=bounds)


@pytest.mark.parametrize(
    ("low", "high", "fits"),
    [
        (0, 10**6, True),
        (0, 250_000, True),
        (250_000, 250_000, True),
        (250_001, 10**6, False),
        (0, 249_999, False),
    ],
)
def test_weights_are_shares_of_the_priced_balances(low, high, fits):
    bounds = {
        A: {"price_e36": 1, "min_weight_pips": low, "max_weight_pips": high},
        B: {"price_e36": 3},
        C: {},
    }
    if fits:
        run(bounds=bounds)
    else:
        with pytest.raises(WeightOutOfBounds) as caught:
            run(bounds=bounds)
        assert caught.value.figures["weight_pips"] == 250_000


def test_weight_of_an_unpriced_token_is_zero():
    bounds = {A: {"price_e36": 1}, B: {"min_weight_pips": 1}, C: {"max_weight_pips": 0}}
    with pytest.raises(WeightOutOfBounds) as caught:
        run(bounds=bounds)
    assert caught.value.figures["token"] == B
    run(bounds=bounds, balances={})


def test_values_beyond_the_executors_arithmetic_are_refused():
    bounds = {A: {"price_e36": 1 << 126}, B: {}, C: {}}
    run(bounds=bounds, balances={A: (1 << 100) - 1})
    with pytest.raises(AmountTooLarge):
        run(bounds=bounds, balances={A: 1 << 100})


@pytest.mark.parametrize(
    ("clock", "error"),
    [
        ({"timestamp": 1000, "block_number": 50}, None),
        ({"timestamp": 1000, "block_number": 60}, None),
        ({"timestamp": 1001}, DeadlinePassed),
        ({"block_number": 49}, OutsideBlockWindow),
        ({"block_number": 61}, OutsideBlockWindow),
    ],
)
def test_clock(clock, error):
    windowed = program(first_block=50, last_block=60)
    if error is None:
        replay(windowed, SNAPSHOT, {}, **clock)
    else:
        with pytest.raises(error):
            replay(windowed, SNAPSHOT, {}, **clock)


def test_window_without_end():
    replay(program(first_block=50), SNAPSHOT, {}, block_number=10**9)


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (swap(dataclasses.replace(PAIR, address=C), A, B, 1), "steps[0].pool"),
        (Swap("uniswap_v3", AB, A, B, AmountMode.LITERAL, 1), "steps[0].pool"),
        (swap(PAIR, A, B, 1, fee_pips=2500), "steps[0].fee_pips"),
        (swap(WEIGHTED, A, B, 1, vault=MORPHO), "steps[0].pool_id"),
        (Borrow("morpho_blue", AAVE, ((A, 1),)), "steps[0].lender"),
        (Borrow("aave_v3_multi", AAVE, ((A, 1),)), "steps[0].lender"),
    ],
)
def test_what_the_snapshot_does_not_know_is_an_input_error(step, path):
    with pytest.raises(InputError) as caught:
        run(step)
    assert caught.value.path == path


def test_taxed_tokens_and_illegal_programs_are_refused():
    with pytest.raises(InputError, match="keeps part"):
        replay(program(), dataclasses.replace(SNAPSHOT, transfer_tax_bps={B: 100}), {})
    with pytest.raises(EncodingError):
        run(swap(PAIR, A, B, payer=Payer.PREPAID))


@given(
    st.lists(
        st.tuples(st.sampled_from(POOLS), st.booleans(), st.integers(1, SHARE_ONE)), min_size=1, max_size=6
    ),
    st.integers(10**12, 10**20),
)
def test_every_unit_is_accounted_for(legs, pulled):
    """Owner, pools and lenders together neither gain nor lose a unit of any token."""
    steps = [Borrow("aave_v3", AAVE, ((A, pulled),)), Pull(B, pulled)]
    for pool, forward, share in legs:
        token_in, token_out = pool.tokens[:2] if forward else pool.tokens[1::-1]
        if token_in == C or token_out == C:
            continue
        steps.append(swap(pool, token_in, token_out, share, mode=AmountMode.SHARE))
    try:
        outcome, market = replay_market(program(*steps, Pull(A, None)), SNAPSHOT, {A: RICH, B: RICH})
    except (StepFailed, ZeroAmount):
        return
    gained = dict(outcome.balance_changes)
    for _, token, premium in outcome.loans:
        gained[token] = gained.get(token, 0) + premium
    for step, (amount_in, amount_out) in zip(
        (step for step in steps if isinstance(step, Swap)), outcome.swaps, strict=True
    ):
        gained[step.token_in] = gained.get(step.token_in, 0) + amount_in
        gained[step.token_out] = gained.get(step.token_out, 0) - amount_out
    assert not any(gained.values())
    for before, after in zip(SNAPSHOT.pools, market.pools, strict=True):
        if isinstance(before, UniswapV2Pool):
            assert after.reserves[0] * after.reserves[1] >= before.reserves[0] * before.reserves[1]
