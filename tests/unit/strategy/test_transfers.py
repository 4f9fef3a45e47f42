"""Transfers between chains: the documented example, what always holds, and the optimum by trying all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import Infeasible, InputError
from router.fixed_point import BPS, PIPS
from router.strategy.transfers import Holding, Route, Transfers, plan_transfers

EXAMPLE = (Holding(1, 100, 2_000, 4_000), Holding(2, 900, 2_000, 4_000), Holding(3, 2_000, 2_000, 2_000))
CCTP = (Route(1, 2), Route(2, 1))
E18 = 10**18


def _amounts(found: Transfers) -> list[tuple[int, int, int]]:
    return [(one.route.origin, one.route.destination, one.amount) for one in found.transfers]


@pytest.mark.parametrize("fixed_cost", [0, 7])
def test_the_documented_example_is_one_transfer_of_300_from_2_to_1(fixed_cost: int) -> None:
    routes = [replace(route, fixed_cost=fixed_cost) for route in CCTP]
    found = plan_transfers(EXAMPLE, [*routes, Route(3, 1, allowed=False)])
    assert _amounts(found) == [(2, 1, 300)]
    assert found.cost_up == fixed_cost
    assert found.missing == {}


def test_what_is_under_way_is_not_sent_again() -> None:
    sent = (replace(EXAMPLE[0], in_flight=300), replace(EXAMPLE[1], balance=600), EXAMPLE[2])
    assert plan_transfers(sent, CCTP) == Transfers()


def test_what_is_under_way_cannot_be_sent_on() -> None:
    waiting = (EXAMPLE[0], replace(EXAMPLE[1], balance=250, in_flight=650))
    with pytest.raises(Infeasible, match="chain 1 reaches 150 of the 200 that its maintenance share is"):
        plan_transfers(waiting, CCTP)


def test_a_chain_at_its_maintenance_share_is_left_alone_and_one_unit_below_is_filled() -> None:
    at = (replace(EXAMPLE[0], balance=200), replace(EXAMPLE[1], balance=800))
    assert plan_transfers(at, CCTP) == Transfers()
    below = (replace(EXAMPLE[0], balance=199), replace(EXAMPLE[1], balance=801))
    assert _amounts(plan_transfers(below, CCTP)) == [(2, 1, 201)]


def test_a_limit_leaves_the_rest_for_the_next_round_and_says_how_much() -> None:
    found = plan_transfers(EXAMPLE, [Route(2, 1, largest=250)])
    assert _amounts(found) == [(2, 1, 250)]
    assert found.missing == {1: 50}


def test_a_smallest_amount_is_sent_where_less_would_do() -> None:
    assert _amounts(plan_transfers(EXAMPLE, [Route(2, 1, smallest=350)])) == [(2, 1, 350)]


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        ([Route(2, 1, largest=99)], "chain 1 reaches 199 of the 200 .*: what routes allow"),
        ([Route(2, 1, largest=99, fixed_cost=5)], "chain 1 reaches 199 of the 200 .*: what routes allow"),
        ([Route(1, 2)], "chain 1 reaches 100 of the 200 .*: no route that can be used leads there"),
        ([Route(2, 1, smallest=501), Route(1, 2)], "chain 1 reaches 100 of the 200 "),
    ],
)
def test_a_chain_that_stays_below_its_maintenance_share_is_named(routes: list[Route], reason: str) -> None:
    with pytest.raises(Infeasible, match=reason):
        plan_transfers(EXAMPLE, routes)


def test_money_may_cross_a_chain_between() -> None:
    holdings = [Holding(1, 0, 1_000, 3_000), Holding(2, 500, 1_000, 3_000), Holding(3, 500, 1_000, 3_000)]
    # chain 2 keeps its 300: the last 100 come from chain 3, over it
    found = plan_transfers(holdings, [Route(3, 2), Route(2, 1)])
    assert _amounts(found) == [(2, 1, 300), (3, 2, 100)]


def test_of_two_routes_the_cheaper_for_the_amount_is_taken() -> None:
    by_rate = Route(2, 1, fee_pips=10_000, bridge="rate")
    by_piece = Route(2, 1, fixed_cost=10, bridge="piece")
    (large,) = plan_transfers(EXAMPLE, [by_rate, by_piece]).transfers
    assert (large.route.bridge, large.cost_up) == ("rate", 3)
    (larger,) = plan_transfers(
        [replace(one, balance=one.balance * 10) for one in EXAMPLE[:2]], [by_rate, by_piece]
    ).transfers
    assert (larger.route.bridge, larger.cost_up) == ("piece", 10)


def test_a_slow_route_is_left_out_or_priced() -> None:
    slow = Route(2, 1, lock_s=7 * 24 * 3600, bridge="native")
    fast = Route(2, 1, fee_pips=500, bridge="fast")

    def taken(**settings: int) -> str:
        (found,) = plan_transfers(EXAMPLE, [slow, fast], **settings).transfers
        return found.route.bridge

    assert taken() == "native"
    assert taken(longest_lock_s=3_600) == "fast"
    assert taken(yearly_pips=20_000) == "native"  # 2 % a year is 384 pips a week
    assert taken(yearly_pips=30_000) == "fast"


def test_amounts_of_18_decimals_are_exact_with_and_without_fixed_costs() -> None:
    holdings = [Holding(1, 3 * E18 + 1, 2_000, 3_333), Holding(2, 10**9 * E18 + 7, 2_000, 3_333)]
    for fixed_cost in (0, E18):
        (found,) = plan_transfers(holdings, [Route(2, 1, 100, fixed_cost)]).transfers
        total = (10**9 + 3) * E18 + 8
        assert holdings[0].balance + found.amount == total * 3_333 // BPS
        assert found.cost_up == -(-found.amount * 100 // PIPS) + fixed_cost


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Holding], list[Route]]:
    """Chain 0 holds little and has a way in, so that most cases have something to move."""
    count = draw(st.sampled_from([2, 3, 3]))
    holdings = []
    for chain in range(count):
        initial = BPS // count - draw(st.sampled_from([0, 500, 2_000]))
        maintenance = initial - draw(st.sampled_from([0, 500, 1_000]))
        balance = draw(st.integers(0, 1) if chain == 0 else st.integers(2, 9))
        holdings.append(Holding(chain, balance, maintenance, initial, draw(st.sampled_from([0, 0, 0, 2]))))
    ways = [(one, other) for one in range(count) for other in range(count) if one != other]
    inward = [way for way in ways if way[1] == 0]
    with_fixed = draw(st.booleans())
    routes = []
    chosen = [draw(st.sampled_from(inward)), *draw(st.lists(st.sampled_from(ways), min_size=1, max_size=3))]
    for origin, destination in chosen:
        smallest = draw(st.integers(0, 3)) if with_fixed else 0
        routes.append(
            Route(
                origin,
                destination,
                fee_pips=draw(st.integers(0, 5)) * 100_000,
                fixed_cost=draw(st.integers(0, 3)) if with_fixed else 0,
                smallest=smallest,
                largest=draw(st.sampled_from([None, None, 4, 3])),
                allowed=draw(st.sampled_from([True, True, True, True, False])),
                bridge=str(len(routes)),
            )
        )
    return holdings, routes


def _connected(holdings: Sequence[Holding], routes: Sequence[Route]) -> Iterator[list[Holding]]:
    left = {one.chain_id: one for one in holdings}
    while left:
        group = {min(left)}
        while grown := {
            end
            for route in routes
            for end in (route.origin, route.destination)
            if route.allowed and {route.origin, route.destination} & group and end not in group
        }:
            group |= grown
        yield [left.pop(chain) for chain in sorted(group)]


def _best_by_trying_all(holdings: list[Holding], routes: list[Route]) -> tuple[int, int, Fraction]:
    """The least missing to maintenance shares, to initial shares, and the least cost, of all there is."""
    below, under, cost = 0, 0, Fraction(0)
    for group in _connected(holdings, routes):
        chains = [one.chain_id for one in group]
        ways = [route for route in routes if route.allowed and route.origin in chains]
        total = sum(one.balance + one.in_flight for one in group)
        held = {one.chain_id: one.balance + one.in_flight for one in group}
        floor = {one.chain_id: total * one.maintenance_bps // BPS for one in group}
        aim = {one.chain_id: total * one.initial_bps // BPS for one in group}
        short = {chain for chain in chains if held[chain] < floor[chain]}
        if not short:
            continue
        sendable = {one.chain_id: max(0, one.balance - floor[one.chain_id]) for one in group}
        sizes = [
            [0, *range(max(way.smallest, 1), min(way.largest or 99, sendable[way.origin]) + 1)]
            for way in ways
        ]
        found = []
        for amounts in product(*sizes):
            after, sent = dict(held), dict.fromkeys(chains, 0)
            directions = set()
            for way, amount in zip(ways, amounts, strict=True):
                after[way.origin] -= amount
                after[way.destination] += amount
                sent[way.origin] += amount
                if amount:
                    directions.add((way.origin, way.destination))
            if any(sent[chain] > sendable[chain] for chain in chains):
                continue
            if any(after[chain] < min(held[chain], aim[chain]) for chain in chains):
                continue
            if any((other, one) in directions for one, other in directions):
                continue
            price = sum(
                Fraction(amount * way.fee_pips, PIPS) + (way.fixed_cost if amount else 0)
                for way, amount in zip(ways, amounts, strict=True)
            )
            lacks = sum(max(0, floor[chain] - after[chain]) for chain in short)
            wants = sum(max(0, aim[chain] - max(after[chain], floor[chain])) for chain in short)
            found.append((lacks, wants, Fraction(price)))
        best = min(found)
        below, under, cost = below + best[0], under + best[1], cost + best[2]
    return below, under, cost


@settings(max_examples=120, deadline=None)
@given(cases())
def test_the_plan_is_the_best_of_all_there_are(case: tuple[list[Holding], list[Route]]) -> None:
    holdings, routes = case
    below, under, cost = _best_by_trying_all(holdings, routes)
    if below:
        with pytest.raises(Infeasible, match=r"chain \d reaches \d+ of the \d+"):
            plan_transfers(holdings, routes)
        return
    found = plan_transfers(holdings, routes)
    exact = sum(
        Fraction(one.amount * one.route.fee_pips, PIPS) + one.route.fixed_cost for one in found.transfers
    )
    assert sum(found.missing.values()) == under
    assert exact == cost
    assert 0 <= found.cost_up - exact < len(found.transfers) or not found.transfers


large = st.integers(0, 10**27)


@st.composite
def inventories(draw: st.DrawFn) -> tuple[list[Holding], list[Route]]:
    count = draw(st.integers(2, 5))
    holdings = [
        Holding(chain, draw(large), draw(st.integers(0, BPS // count)), BPS // count, draw(large) // 4)
        for chain in range(count)
    ]
    kinds = draw(st.sampled_from([(0, 0), (10**20, 0), (10**20, 10**21)]))
    routes = [
        Route(
            origin,
            destination,
            fee_pips=draw(st.integers(0, 3_000)),
            fixed_cost=draw(st.integers(0, 9)) * kinds[0],
            smallest=draw(st.integers(0, 9)) * kinds[1],
        )
        for origin in range(count)
        for destination in range(count)
        if origin != destination and draw(st.integers(0, 3))
    ]
    return holdings, routes


@settings(max_examples=60, deadline=None)
@given(inventories())
def test_what_holds_for_every_plan(case: tuple[list[Holding], list[Route]]) -> None:
    holdings, routes = case
    try:
        found = plan_transfers(holdings, routes)
    except Infeasible:
        return  # rightly so: see above
    assert all(isinstance(one.amount, int) and one.amount > 0 for one in found.transfers)
    assert all(
        one.amount >= one.route.smallest and one.amount <= (one.route.largest or one.amount)
        for one in found.transfers
    )
    ways = {(one.route.origin, one.route.destination) for one in found.transfers}
    assert not any((destination, origin) in ways for origin, destination in ways)
    after = {}
    for one in holdings:
        out = sum(move.amount for move in found.transfers if move.route.origin == one.chain_id)
        into = sum(move.amount for move in found.transfers if move.route.destination == one.chain_id)
        assert out <= one.balance
        after[one.chain_id] = replace(one, balance=one.balance - out, in_flight=one.in_flight + into)
    assert sum(one.position for one in after.values()) == sum(one.position for one in holdings)
    for group in _connected(holdings, routes):
        total = sum(one.position for one in group)
        for one in group:
            then = after[one.chain_id]
            floor, aim = total * one.maintenance_bps // BPS, total * one.initial_bps // BPS
            assert then.position >= floor
            if then.balance < one.balance:  # what was sent was to spare, there and then
                assert then.balance >= floor
                assert then.position >= min(aim, one.position)
            if one.position < floor:
                assert aim - then.position <= found.missing.get(one.chain_id, 0)
    # nothing moves twice: the transfers that are under way leave nothing to do
    assert plan_transfers(list(after.values()), routes) == Transfers()


@settings(max_examples=25, deadline=None)
@given(inventories(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(case: tuple[list[Holding], list[Route]], random) -> None:
    holdings, routes = case

    def outcome(holdings: list[Holding], routes: list[Route]) -> object:
        try:
            return plan_transfers(holdings, routes)
        except Infeasible as error:
            return str(error)

    first = outcome(holdings, routes)
    assert first == outcome(list(holdings), list(routes))
    random.shuffle(shuffled := list(holdings))
    random.shuffle(mixed := list(routes))
    assert first == outcome(shuffled, mixed)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"balance": -1}, "holdings[1].balance"),
        ({"in_flight": -1}, "holdings[1].in_flight"),
        ({"maintenance_bps": 4_001}, "holdings[1].maintenance_bps"),
        ({"maintenance_bps": -1}, "holdings[1].maintenance_bps"),
        ({"initial_bps": 10_001}, "holdings[1].maintenance_bps"),
        ({"initial_bps": 4_001}, "holdings"),
        ({"chain_id": 1}, "holdings"),
    ],
)
def test_a_holding_that_cannot_be_is_named(change: dict[str, int], path: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_transfers([EXAMPLE[0], replace(EXAMPLE[1], **change), EXAMPLE[2]], [])
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"fee_pips": -1}, "routes[1].fee_pips"),
        ({"fixed_cost": -1}, "routes[1].fixed_cost"),
        ({"lock_s": -1}, "routes[1].lock_s"),
        ({"smallest": -1}, "routes[1].smallest"),
        ({"largest": 0}, "routes[1].largest"),
        ({"smallest": 5, "largest": 4}, "routes[1].largest"),
        ({"origin": 9}, "routes[1].origin"),
        ({"destination": 9}, "routes[1].destination"),
        ({"destination": 2}, "routes[1]"),
        ({"origin": 1, "destination": 2}, "routes"),
    ],
)
def test_a_route_that_cannot_be_is_named(change: dict[str, int], path: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_transfers(EXAMPLE, [CCTP[0], replace(CCTP[1], **change)])
    assert caught.value.path == path


def test_a_price_of_time_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="yearly_pips: should not be negative, is -1"):
        plan_transfers(EXAMPLE, CCTP, yearly_pips=-1)


def test_fixed_costs_without_scipy_say_what_to_install() -> None:
    with (
        patch.dict("sys.modules", {"scipy.optimize": None}),
        pytest.raises(InputError, match=r"routes: .* need SciPy: pip install"),
    ):
        plan_transfers(EXAMPLE, [replace(CCTP[1], fixed_cost=1)])
