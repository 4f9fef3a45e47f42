"""Who may run the executor and when, and what happens to tokens that lie in it."""

from __future__ import annotations

from typing import Any

import brownie

from router.encoder import encode
from router.fixed_point import MAX_U40
from router.program import Program, Pull, Step, TokenBounds
from tests.brownie.errors import reverts

AMOUNT = 5_000_000


def program(*steps: Step, tokens: tuple[TokenBounds, ...] = (), deadline: int = MAX_U40) -> bytes:
    return encode(Program(deadline=deadline, min_value_change_e36=0, tokens=tokens, steps=steps))


def test_stranger_cannot_execute(executor: Any, stranger: Any) -> None:
    with reverts("NotOwner", stranger):
        executor.execute(program(), {"from": stranger})


def test_owner_runs_an_empty_program(executor: Any, owner: Any) -> None:
    sent = executor.execute(program(), {"from": owner})
    assert sent.events["Rebalanced"]["valueChange"] == 0


def test_expired_deadline_reverts(executor: Any, owner: Any, chain: Any) -> None:
    deadline = chain[-1].timestamp - 1
    with brownie.reverts(revert_pattern=f"DeadlinePassed: {deadline}, [0-9]+"):
        executor.execute(program(deadline=deadline), {"from": owner})


def test_pull_beyond_the_bound_reverts_with_the_figures(executor: Any, owner: Any, token: Any) -> None:
    address = token.address.lower()
    payload = program(Pull(address, AMOUNT), tokens=(TokenBounds(address, max_spent=AMOUNT - 1),))
    with reverts("PullExceedsMax", 0, token, AMOUNT, AMOUNT - 1):
        executor.execute(payload, {"from": owner})


def test_what_was_pulled_and_not_spent_goes_back(executor: Any, owner: Any, token: Any) -> None:
    address = token.address.lower()
    token.mint(owner, AMOUNT, {"from": owner})
    token.approve(executor, AMOUNT, {"from": owner})
    payload = program(Pull(address, AMOUNT), tokens=(TokenBounds(address, max_spent=AMOUNT),))
    executor.execute(payload, {"from": owner})
    assert token.balanceOf(owner) == AMOUNT
    assert token.balanceOf(executor) == 0
    assert token.allowance(owner, executor) == 0


def test_rescue_sends_what_lies_here_to_the_owner(executor: Any, owner: Any, token: Any) -> None:
    token.mint(executor, AMOUNT, {"from": owner})
    sent = executor.rescue(token, {"from": owner})
    assert dict(sent.events["Rescued"]) == {"token": token, "amount": AMOUNT}
    assert token.balanceOf(owner) == AMOUNT


def test_stranger_cannot_rescue(executor: Any, stranger: Any, token: Any) -> None:
    token.mint(executor, AMOUNT, {"from": stranger})
    with reverts("NotOwner", stranger):
        executor.rescue(token, {"from": stranger})
    assert token.balanceOf(executor) == AMOUNT
