"""Flows of value: nothing appears, nothing is lost, and no cycle stays."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.plan import Plan
from router.program import Borrow, Pull, Step
from router.report.flows import Link, Node, Role, flows
from router.reverts import LedgerTooLow
from router.tokens import Address
from tests.markets import raw, snapshot, token, v2
from tests.unit.report.plans import BTC, ETH, HELD, LENDER, MARKET, POOLS, PROGRAMS, USD, literal, planned

PRICE = {token: MARKET.price_e36(token) for token in MARKET.tokens}


def by_role(links: tuple[Link, ...], source: Role, target: Role) -> dict[Address, int]:
    """Raw amounts from nodes of one role to nodes of another, by token."""
    found: dict[Address, int] = defaultdict(int)
    for link in links:
        if (link.source.role, link.target.role) == (source, target):
            found[link.token] += link.amount
    return dict(found)


def check(plan: Plan, links: tuple[Link, ...]) -> None:
    balance: dict[Node, int] = defaultdict(int)
    for link in links:
        assert link.value_e36 >= 0
        balance[link.source] -= link.value_e36
        balance[link.target] += link.value_e36
    assert all(left == 0 for node, left in balance.items() if node.role is Role.TOKEN)
    assert nx.is_directed_acyclic_graph(nx.DiGraph((link.source, link.target) for link in links))
    assert [link.swap for link in links if link.swap] == list(plan.swaps)
    gives = by_role(links, Role.OWNER_GIVES, Role.TOKEN)
    receives = by_role(links, Role.TOKEN, Role.OWNER_RECEIVES)
    assert gives == dict(plan.pulls)
    for each, after in plan.holdings_after.items():
        assert receives.get(each, 0) - gives.get(each, 0) == after - HELD.get(each, 0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_token_gives_the_value_that_it_gets_and_no_cycle_stays(name: str) -> None:
    plan = planned(PROGRAMS[name])
    check(plan, flows(plan, PRICE))


def test_a_swap_carries_what_it_receives_and_the_rest_is_cost() -> None:
    plan = planned(PROGRAMS["prepaid"])
    links = flows(plan, PRICE)
    first, second = (link for link in links if link.swap)
    lost = sum(link.value_e36 for link in links if link.target.role is Role.COST)
    assert first.value_e36 == PRICE[ETH] * plan.swaps[0].amount_out
    assert second.value_e36 == PRICE[BTC] * plan.swaps[1].amount_out
    assert lost == PRICE[USD] * plan.swaps[0].amount_in - second.value_e36 > 0


def test_a_swap_that_is_paid_above_the_prices_shows_a_gain() -> None:
    market = snapshot((v2(0, "USD", "ETH", 1e6, skew=0.9), *POOLS[1:]))
    plan = planned((Pull(USD, raw("USD", 100)), literal(0, USD, ETH, raw("USD", 100))), market)
    links = flows(plan, PRICE)
    check(plan, links)
    gain = [link for link in links if link.source.role is Role.GAIN]
    assert [link.value_e36 for link in gain] == [
        PRICE[ETH] * plan.swaps[0].amount_out - PRICE[USD] * plan.swaps[0].amount_in
    ]


def test_loans_come_from_the_lender_and_return_to_it() -> None:
    plan = planned(PROGRAMS["deliver-first"])
    links = flows(plan, PRICE)
    lent = {loan.token: loan.amount for loan in plan.loans}
    assert by_role(links, Role.LENDER_LENDS, Role.TOKEN) == lent
    assert by_role(links, Role.TOKEN, Role.LENDER_REPAID) == lent
    assert {link.source.address for link in links if link.source.role is Role.LENDER_LENDS} == {LENDER}


def test_a_token_that_is_bought_back_is_visited_again() -> None:
    links = flows(planned(PROGRAMS["cycle"]), PRICE)
    carried = [link for link in links if link.source.address == link.target.address == USD]
    assert [(link.source.visit, link.target.visit, link.amount) for link in carried] == [
        (1, 2, raw("USD", 2_000))
    ]


def test_a_plan_that_holds_has_no_flows() -> None:
    plan = planned(PROGRAMS["prepaid"], program=None)
    assert flows(plan, PRICE) == ()


PAIRS = (("USD", "ETH"), ("ETH", "BTC"), ("USD", "BTC"), ("USD", "ETH"))


@st.composite
def walks(draw: Any) -> tuple[Step, ...]:
    """Swaps back and forth between three tokens, of what is pulled or borrowed."""
    steps: list[Step] = [Pull(USD, raw("USD", 20_000)), Pull(ETH, raw("ETH", 20_000))]
    if draw(st.booleans()):
        steps.insert(0, Borrow("morpho_blue", LENDER, ((USD, raw("USD", 1_000)),)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, 3))
        one, other = draw(st.permutations(PAIRS[place]))
        amount = raw(one, draw(st.integers(10, 2_000)))
        steps.append(literal(place, token(one), token(other), amount))
    return (*steps, Pull(USD, None))


@given(walks())
def test_any_walk_conserves_value_and_has_no_cycle(steps: tuple[Step, ...]) -> None:
    try:
        plan = planned(steps)
    except LedgerTooLow:  # it sells what it has not bought
        assume(False)
    check(plan, flows(plan, PRICE))
