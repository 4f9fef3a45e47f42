"""Approvals are exact, and go only to the address that the owner's own bytecode determines."""

from __future__ import annotations

from typing import Any

import pytest

from router.chain.calls import calldata
from router.chain.executor import approvals, deploy_transaction, executor_address, revocations
from router.chain.fork import counterparties, pull_limits
from router.errors import GuardRefused
from router.fixed_point import MAX_U128
from router.program import AmountMode, Borrow, Payer, Program, Pull, Step, Swap, TokenBounds

OWNER, EXECUTOR, FACTORY, TOKEN, OTHER, POOL = ("0x" + f"{digit}" * 40 for digit in "123456")


class Allowances:
    """A node that knows allowances alone."""

    def __init__(self, amounts: dict[str, int]) -> None:
        self.amounts = amounts

    def call(self, method: str, *params: Any) -> Any:
        assert method == "eth_call"
        assert params[0]["data"] == "0x" + calldata("allowance(address,address)", OWNER, EXECUTOR).hex()
        return "0x" + self.amounts[params[0]["to"]].to_bytes(32, "big").hex()


def approved(current: int, wanted: int) -> list[tuple[str, bytes]]:
    found = approvals(Allowances({TOKEN: current}), OWNER, EXECUTOR, {TOKEN: wanted}, symbols={TOKEN: "T"})
    assert {each.to for each in found} <= {TOKEN}
    return [(each.purpose, each.data) for each in found]


def approve_data(amount: int) -> bytes:
    return calldata("approve(address,uint256)", EXECUTOR, amount)


def test_an_approval_is_of_exactly_what_is_pulled() -> None:
    assert approved(0, 7) == [("approve T", approve_data(7))]


def test_an_allowance_that_fits_is_left_alone() -> None:
    assert approved(7, 7) == []


@pytest.mark.parametrize("current", [3, 9, (1 << 256) - 1])
def test_another_allowance_is_reset_to_zero_first(current: int) -> None:
    assert approved(current, 7) == [("revoke T", approve_data(0)), ("approve T", approve_data(7))]


@pytest.mark.parametrize("amount", [MAX_U128, (1 << 256) - 1])
def test_an_unbounded_approval_is_refused(amount: int) -> None:
    with pytest.raises(GuardRefused, match="not a bounded one"):
        approved(0, amount)


def test_only_what_is_left_is_revoked() -> None:
    node = Allowances({TOKEN: 1, OTHER: 0})
    found = revocations(node, OWNER, EXECUTOR, (TOKEN, OTHER, TOKEN), symbols={})
    assert [(each.to, each.data) for each in found] == [(TOKEN, approve_data(0))]


def test_every_owner_and_factory_has_its_own_address() -> None:
    found = {executor_address(factory, owner) for factory in (FACTORY, POOL) for owner in (OWNER, OTHER)}
    assert len(found) == 4
    assert deploy_transaction(FACTORY, OWNER).data == calldata("deploy(address)", OWNER)


def program(*steps: Step, max_spent: int = 100) -> Program:
    return Program(1, 0, (TokenBounds(TOKEN, max_spent), TokenBounds(OTHER)), steps)


def owner_paid(amount: int) -> Swap:
    return Swap("uniswap_v2", POOL, TOKEN, OTHER, AmountMode.LITERAL, amount, payer=Payer.OWNER)


def test_literal_pulls_are_summed_and_open_ones_take_the_bound() -> None:
    assert pull_limits(program(Pull(TOKEN, 3), owner_paid(4))) == {TOKEN: 7}
    assert pull_limits(program(Pull(TOKEN, 3), Pull(TOKEN, None))) == {TOKEN: 100}
    assert pull_limits(program(Pull(TOKEN, 300))) == {TOKEN: 100}
    assert pull_limits(program(Pull(OTHER, None))) == {}


def test_counterparties_are_named_once_and_vaults_stand_for_their_pools() -> None:
    loan = Borrow("balancer_v2", FACTORY, ((TOKEN, 1),))
    weighted = Swap("balancer_v2_weighted", POOL, TOKEN, OTHER, AmountMode.LITERAL, 1, vault=FACTORY)
    assert counterparties(program(loan, weighted, owner_paid(1), owner_paid(2))) == (FACTORY, POOL)
