"""From the pools' trades to swaps in an order that can be executed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.optimiser.dual import PoolTrade
from router.planner.flows import SHORT, Leg, _pairs, legs_of, ordered
from router.planner.gas import gas_price_of
from router.planner.land import best_flows
from router.planner.problem import pose
from router.planner.universe import universe_of
from router.planner.valuation import Valuation
from router.tokens import Address
from tests.markets import portfolio, raw, snapshot, token, v2, weighted

NAMES = tuple("abcdef")
POOLS = [v2(place, "USD", "ETH", 1e6) for place in range(12)]


def leg(place: int, token_in: str, token_out: str, amount_in: float, amount_out: float) -> Leg:
    return Leg(POOLS[place], token_in, token_out, amount_in, amount_out)


@st.composite
def legs(draw: st.DrawFn) -> list[Leg]:
    amounts = st.floats(1e-6, 1e12)
    found = []
    for place in range(draw(st.integers(1, 12))):
        one, other = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
        found.append(leg(place, one, other, draw(amounts), draw(amounts)))
    return found


def missing(some: Sequence[Leg]) -> dict[Address, float]:
    """What each token's legs spend beyond what they bring."""
    net: dict[Address, float] = defaultdict(float)
    for each in some:
        net[each.token_in] += each.amount_in
        net[each.token_out] -= each.amount_out
    return {name: max(amount, 0.0) for name, amount in net.items()}


def spent(some: Sequence[Leg], funds: Mapping[Address, float]) -> tuple[float, dict[Address, float]]:
    """(the lowest inventory on the way, as a share of the token's turnover, what is left)."""
    there, turnover = defaultdict(float, funds), defaultdict(float, funds)
    for each in some:
        turnover[each.token_in] += each.amount_in
        turnover[each.token_out] += each.amount_out
    lowest = 0.0
    for each in some:
        there[each.token_in] -= each.amount_in
        lowest = min(lowest, there[each.token_in] / turnover[each.token_in])
        there[each.token_out] += each.amount_out
    return lowest, there


@settings(max_examples=300, deadline=None)
@given(legs(), st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1e12), max_size=3))
def test_ordered_never_spends_what_is_not_there(some: list[Leg], more: dict[str, float]) -> None:
    needed = missing(some)
    funds = {name: needed.get(name, 0.0) + more.get(name, 0.0) for name in NAMES}
    order = ordered(some, funds)
    assert sorted(map(id, (*order.legs, *order.stuck))) == sorted(map(id, some))
    lowest, there = spent(order.legs, funds)
    assert lowest >= -10 * SHORT
    for each in order.stuck:
        assert each.amount_in > there[each.token_in]


@settings(max_examples=100, deadline=None)
@given(legs())
def test_ordered_places_every_leg_where_none_turns_in_a_circle(some: list[Leg]) -> None:
    forward = [each for each in some if each.token_in < each.token_out]
    order = ordered(forward, missing(forward))
    assert not order.stuck
    assert len(order.legs) == len(forward)


def test_a_circle_through_a_sold_token_runs_on_what_is_sold() -> None:
    some = [leg(0, "b", "a", 5, 11), leg(1, "a", "b", 10, 5), leg(2, "a", "c", 101, 100)]
    order = ordered(some, {"a": 100})
    assert not order.stuck
    assert [each.token_in for each in order.legs] == ["a", "b", "a"]
    assert spent(order.legs, {"a": 100})[0] >= -SHORT


def test_legs_that_wait_for_each_other_are_told() -> None:
    free, one, other = leg(0, "a", "d", 1, 1), leg(1, "b", "c", 10, 10), leg(2, "c", "b", 10, 10)
    order = ordered([one, free, other], {"a": 1})
    assert order.legs == (free,)
    assert set(map(id, order.stuck)) == {id(one), id(other)}


def test_what_leads_out_of_a_circle_waits_until_it_has_gone_around() -> None:
    """Were the leg to c first, though it needs the smaller part, nothing could go around any more."""
    out, there, back = leg(0, "a", "c", 60, 60), leg(1, "a", "b", 70, 70), leg(2, "b", "a", 70, 70)
    order = ordered([out, there, back], {"a": 80})
    assert not order.stuck
    assert order.legs == (there, back, out)


def test_a_circle_that_what_is_there_does_not_fill_goes_around_in_parts() -> None:
    some = [leg(0, "a", "b", 100, 100), leg(1, "b", "a", 100, 100), leg(2, "a", "c", 40, 40)]
    assert len(ordered(some, {"a": 40}).stuck) == 2
    order = ordered(some, {"a": 40}, parts=4)
    assert not order.stuck
    assert [each.amount_in for each in order.legs] == pytest.approx([40, 40, 40, 40, 20, 20, 40])
    assert spent(order.legs, {"a": 40})[0] >= -SHORT
    assert ordered(some, {"a": 1}, parts=100).stuck


@settings(max_examples=200, deadline=None)
@given(legs(), st.integers(1, 12))
def test_parts_of_legs_add_up_to_them_and_spend_only_what_is_there(some: list[Leg], parts: int) -> None:
    funds = missing(some)
    order = ordered(some, funds, parts)
    assert spent(order.legs, funds)[0] >= -10 * SHORT
    assert len(order.legs) + len(order.stuck) <= len(some) + parts
    for side in ("amount_in", "amount_out"):
        by_pool: dict[Address, float] = defaultdict(float)
        for each in (*order.legs, *order.stuck):
            by_pool[each.pool.address] += getattr(each, side)
        assert by_pool == pytest.approx({each.pool.address: getattr(each, side) for each in some})


def test_of_a_circle_the_leg_that_needs_the_smallest_part_comes_first() -> None:
    some = [leg(0, "a", "b", 90, 9), leg(1, "b", "a", 1, 10), leg(2, "b", "c", 108, 1)]
    assert ordered(some, {"a": 80, "b": 100}).legs[0] is some[1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(1e-6, 0.2), min_size=1, max_size=3),
    st.lists(st.floats(0.05, 1), min_size=1, max_size=3),
    st.sampled_from((1, 3_000, 100_000)),
)
def test_pairs_of_a_pool_of_many_tokens_move_what_the_joint_trade_moves(
    ins: list[float], outs: list[float], fee_pips: int
) -> None:
    """`ins`: shares of balances that come in; `outs`: how what goes out is divided. Judged by the pool's own
    exact swaps."""
    names = ("USD", "ETH", "BTC", "GOV", "EUR")
    pool = weighted(0, dict(zip(names, (30, 10, 20, 25, 15), strict=True)), 1e12, fee_pips=fee_pips)
    outs = outs[: len(names) - len(ins)]
    sold, bought = names[: len(ins)], names[len(ins) : len(ins) + len(outs)]
    keep, place = 1 - fee_pips / 1e6, {name: pool.tokens.index(token(name)) for name in names}
    weights = {name: pool.weights[place[name]] / 1e18 for name in names}
    growth = 1.0
    gains: dict[str, float] = {}
    for name, share in zip(sold, ins, strict=True):
        gains[name] = -share * pool.balances[place[name]]
        growth *= (1 + share * keep) ** weights[name]
    for name, part in zip(bought, outs, strict=True):
        exponent = part / sum(outs) / weights[name]
        gains[name] = pool.balances[place[name]] * (1 - growth**-exponent)
    trade = PoolTrade(pool, tuple(range(len(gains))), tuple(gains.values()), 0.0)
    found = list(_pairs(pool, [token(name) for name in gains], trade))
    assert len(found) <= len(sold) + len(bought) - 1
    moved: dict[Address, float] = defaultdict(float)
    received: dict[Address, int] = defaultdict(int)
    state = pool
    for each in found:
        room = 1e-11 * state.balances[pool.tokens.index(each.token_out)] + 2
        fees_stay = 1e-6 + sum(ins) * fee_pips / 1e6
        amount, state = state.swap(each.token_in, each.token_out, int(each.amount_in))
        assert amount == pytest.approx(each.amount_out, rel=fees_stay, abs=room)
        received[each.token_out] += amount
        moved[each.token_in] -= each.amount_in
        moved[each.token_out] += each.amount_out
    for name, gain in gains.items():
        assert moved[token(name)] == pytest.approx(gain, rel=1e-7)
        assert received[token(name)] <= max(gain, 0) * (1 + 1e-9) + 2


@pytest.mark.parametrize("share", [1e-3, 0.2])
def test_swaps_that_one_token_pays_for_fall_short_alike(share: float) -> None:
    """Whichever comes first: what is short must not lean to one side of the target."""
    pool = weighted(0, {"USD": 40, "ETH": 30, "BTC": 30}, 1e12, fee_pips=10_000)
    names = ("USD", "ETH", "BTC")
    balances = {name: pool.balances[pool.tokens.index(token(name))] for name in names}
    grown = (1 + share * 0.99) ** (0.4 / 0.3)
    for part in (0.3, 0.5, 0.7):
        gains = {
            "USD": -share * balances["USD"],
            "ETH": balances["ETH"] * (1 - grown**-part),
            "BTC": balances["BTC"] * (1 - grown ** -(1 - part)),
        }
        trade = PoolTrade(pool, (0, 1, 2), tuple(gains.values()), 0.0)
        state, short = pool, []
        for each in _pairs(pool, [token(name) for name in gains], trade):
            amount, state = state.swap(each.token_in, each.token_out, int(each.amount_in))
            short.append(1 - amount / each.amount_out)
        assert 0 < max(short) <= 0.01 * share
        assert min(short) == pytest.approx(max(short), rel=0.1)


def test_legs_of_a_solution_add_what_the_solution_adds() -> None:
    market = snapshot([weighted(0, {"USD": 40, "ETH": 30, "BTC": 30}, 1e6), v2(1, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 5e4}, {"ETH": 0.5, "BTC": 0.5})
    valuation = Valuation(market, owner)
    price = gas_price_of(valuation)
    problem = pose(valuation, universe_of(valuation, price), price)
    solution = best_flows(problem, problem.market)
    found = legs_of(solution)
    assert len(found) == 3
    net: dict[Address, float] = defaultdict(float)
    for each in found:
        net[each.token_in] -= each.amount_in
        net[each.token_out] += each.amount_out
    assert net[token("USD")] == pytest.approx(-raw("USD", 5e4), rel=1e-6)
    for name, place in problem.places.items():
        assert net[name] * valuation.prices[name] == pytest.approx(float(solution.added[place]), rel=1e-7)
