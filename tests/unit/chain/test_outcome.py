"""Events become the outcome that a replay of the same program has."""

from __future__ import annotations

import dataclasses

import pytest
from eth_abi.abi import encode

from router.chain.calls import Log, topic
from router.chain.outcome import compare, expected_outcome, read_outcome, require_equal
from router.errors import InconsistentAnswer, SimulationMismatch
from router.plan import Cost, Outcome, Plan, PlannedLoan, PlannedSwap, Verdict
from router.program import AmountMode, Borrow, Program, Pull, Step, Swap, TokenBounds

LOW, HIGH = "0x" + "0a" * 20, "0x" + "0b" * 20
OWNER, POOL, LENDER, STRANGER = ("0x" + f"{digit}" * 40 for digit in "1234")
POOL_ID = "0x" + "50" * 32


def address(value: str) -> bytes:
    return bytes(12) + bytes.fromhex(value[2:])


def v2_swap(emitter: str, *amounts: int) -> Log:
    name = topic("Swap(address,uint256,uint256,uint256,uint256,address)")
    return Log(emitter, (name, address(OWNER), address(OWNER)), encode(["uint256"] * 4, amounts))


def v3_swap(emitter: str, amount0: int, amount1: int) -> Log:
    name = topic("Swap(address,address,int256,int256,uint160,uint128,int24)")
    types = ["int256", "int256", "uint160", "uint128", "int24"]
    return Log(emitter, (name, address(OWNER), address(OWNER)), encode(types, [amount0, amount1, 1, 1, -1]))


def v3_flash(emitter: str, *amounts: int) -> Log:
    name = topic("Flash(address,address,uint256,uint256,uint256,uint256)")
    return Log(emitter, (name, address(OWNER), address(OWNER)), encode(["uint256"] * 4, amounts))


def transfer(token: str, source: str, amount: int) -> Log:
    name = topic("Transfer(address,address,uint256)")
    return Log(token, (name, address(source), address(POOL)), encode(["uint256"], [amount]))


def program(*steps: Step) -> Program:
    return Program(1, 0, (TokenBounds(LOW), TokenBounds(HIGH)), steps)


def swap(kind: str, token_in: str = LOW, token_out: str = HIGH, **more: str) -> Swap:
    return Swap(kind, POOL, token_in, token_out, AmountMode.LITERAL, 5, **more)


def swaps_of(step: Swap, *logs: Log) -> tuple[tuple[int, int], ...]:
    return read_outcome(program(step), OWNER, logs, {}, None).swaps


def test_v2_amounts_follow_the_order_of_the_tokens() -> None:
    assert swaps_of(swap("uniswap_v2"), v2_swap(POOL, 5, 0, 0, 7)) == ((5, 7),)
    assert swaps_of(swap("uniswap_v2", HIGH, LOW), v2_swap(POOL, 0, 5, 7, 0)) == ((5, 7),)


def test_v3_amounts_follow_the_signs() -> None:
    assert swaps_of(swap("uniswap_v3"), v3_swap(POOL, 5, -7)) == ((5, 7),)
    assert swaps_of(swap("uniswap_v3", HIGH, LOW), v3_swap(POOL, -7, 5)) == ((5, 7),)


def test_a_vault_swap_is_matched_by_pool_id() -> None:
    name = topic("Swap(bytes32,address,address,uint256,uint256)")

    def log(pool_id: str) -> Log:
        topics = (name, bytes.fromhex(pool_id[2:]), address(LOW), address(HIGH))
        return Log(LENDER, topics, encode(["uint256", "uint256"], [5, 7]))

    step = swap("balancer_v2_weighted", vault=LENDER, pool_id=POOL_ID)
    assert swaps_of(step, log("0x" + "51" * 32), log(POOL_ID)) == ((5, 7),)
    with pytest.raises(InconsistentAnswer, match="emitted no swap"):
        swaps_of(step, log("0x" + "51" * 32))


def test_a_pool_used_twice_gives_its_events_in_order() -> None:
    step = swap("uniswap_v3")
    found = read_outcome(program(step, step), OWNER, [v3_swap(POOL, 5, -7), v3_swap(POOL, 5, -6)], {}, 9)
    assert found.swaps == ((5, 7), (5, 6))
    assert found.gas == 9


def test_events_of_strangers_do_not_count() -> None:
    with pytest.raises(InconsistentAnswer, match="emitted no swap"):
        swaps_of(swap("uniswap_v2"), v2_swap(STRANGER, 5, 0, 0, 7))
    logs = [
        transfer(STRANGER, OWNER, 9),
        transfer(LOW, STRANGER, 9),
        transfer(LOW, OWNER, 3),
        transfer(LOW, OWNER, 4),
    ]
    assert read_outcome(program(Pull(LOW, 7)), OWNER, logs, {}, None).pulls == {LOW: 7}


def test_a_damaged_event_is_an_inconsistent_answer() -> None:
    log = dataclasses.replace(v2_swap(POOL, 5, 0, 0, 7), data=b"\x00" * 31)
    with pytest.raises(InconsistentAnswer):
        swaps_of(swap("uniswap_v2"), log)


def test_premiums_of_a_flash_pool_are_found_by_side() -> None:
    both = Borrow("uniswap_v3", LENDER, ((LOW, 10), (HIGH, 20)))
    found = read_outcome(program(both), OWNER, [v3_flash(LENDER, 10, 20, 1, 2)], {}, None)
    assert found.loans == ((LENDER, LOW, 1), (LENDER, HIGH, 2))
    one = Borrow("uniswap_v3", LENDER, ((HIGH, 20),))
    found = read_outcome(program(one), OWNER, [v3_flash(LENDER, 0, 20, 0, 2)], {}, None)
    assert found.loans == ((LENDER, HIGH, 2),)


def test_a_loan_without_an_event_is_inconsistent() -> None:
    with pytest.raises(InconsistentAnswer, match="emitted no loan"):
        read_outcome(program(Borrow("aave_v3", LENDER, ((LOW, 1),))), OWNER, [], {}, None)


def test_equal_outcomes_have_no_mismatch_whatever_the_gas() -> None:
    left = Outcome(((1, 2),), ((LENDER, LOW, 0),), {LOW: 1}, {LOW: -1, HIGH: 2})
    assert compare(left, dataclasses.replace(left, gas=5, pulls={LOW: 1, HIGH: 0})) == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"balance_changes": {LOW: -1, HIGH: 1}}, f"balance change of {HIGH}: planned 2, found 1"),
        ({"pulls": {}}, f"pull of {LOW}: planned 1, found 0"),
        ({"swaps": ((1, 3),)}, "swap 0 amount out: planned 2, found 3"),
        ({"swaps": ()}, "number of swaps: planned 1, found 0"),
        ({"loans": ((LENDER, LOW, 4),)}, f"premium of {LENDER} of {LOW}: planned 0, found 4"),
        ({"loans": ()}, "number of loans: planned 1, found 0"),
    ],
)
def test_every_figure_that_differs_is_named(change: dict[str, object], text: str) -> None:
    planned = Outcome(((1, 2),), ((LENDER, LOW, 0),), {LOW: 1}, {LOW: -1, HIGH: 2})
    with pytest.raises(SimulationMismatch) as caught:
        require_equal(planned, dataclasses.replace(planned, **change))
    assert str(caught.value) == text


def test_a_plan_promises_its_changes_of_holdings() -> None:
    plan = Plan(
        chain_id=1, block_number=1, owner=OWNER,
        swaps=(PlannedSwap(1, POOL, "uniswap_v3", LOW, HIGH, 5, 7),),
        loans=(PlannedLoan(LENDER, "morpho_blue", LOW, 9, 0),),
        pulls={LOW: 5, HIGH: 0}, program=None,
        holdings_before={LOW: 8, HIGH: 1}, holdings_after={LOW: 3, HIGH: 8},
        targets_wad={}, prices={}, value_before=0.0, value_after=0.0, cost=Cost(0.0, 0.0, 0.0, 0.0),
        gas_estimate=1, verdict=Verdict.TRADE, reason="", snapshot_hash="", settlement="pull-first",
    )  # fmt: skip
    assert expected_outcome(plan) == Outcome(((5, 7),), ((LENDER, LOW, 0),), {LOW: 5}, {LOW: -5, HIGH: 7})
