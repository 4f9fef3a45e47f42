from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InputError
from router.fixed_point import SHARE_ONE
from router.pools.uniswap_v2 import UniswapV2Pool
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Pull,
    Swap,
)
from router.replay import replay, replay_market
from router.reverts import (
    AmountTooLarge,
    DeadlinePassed,
    InsufficientReceived,
    OutsideBlockWindow,
    PullExceedsMax,
    StepFailed,
    ValueBelowMinimum,
    WeightOutOfBounds,
    ZeroAmount,
)
from router.wire import EncodingError
from tests.unit.replay_world import (
    AAVE,
    AB,
    FREE,
    MORPHO,
    PAIR,
    POOLS,
    RICH,
    SNAPSHOT,
    UNIT,
    WEIGHTED,
    A,
    B,
    C,
    program,
    run,
    swap,
)


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
