"""Bounds that no trade beats, at whatever prices."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import router.certificate
from router.certificate.bounds import Fees, Proof, Subject, bound, least_cost
from router.errors import InputError, PoolError
from router.fixed_point import WAD
from router.plan import Plan
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.snapshot import Snapshot
from tests import markets
from tests.certificates import Leg, traded

USD, ETH, BTC, EUR = (markets.token(symbol) for symbol in ("USD", "ETH", "BTC", "EUR"))


def within_limits(first: Pool, after: Pool) -> bool:
    """No balance of a weighted pool grows by more than 30%, the fee counted in."""
    if not isinstance(first, BalancerV2WeightedPool) or not isinstance(after, BalancerV2WeightedPool):
        return True
    return all(new <= 1.3 * old for old, new in zip(first.balances, after.balances, strict=True))


def random_legs(data: st.DataObject, pools: list[Pool], held: dict[str, int]) -> list[Leg]:
    """Up to six swaps of random size that the pools accept, and that what is held pays for."""
    states, start = ({pool.address: pool for pool in pools} for _ in range(2))
    left, legs = dict(held), []
    for _ in range(data.draw(st.integers(1, 6))):
        pool = states[data.draw(st.sampled_from(sorted(states)))]
        one, other = data.draw(st.permutations(pool.tokens))[:2]
        amount = left.get(one, 0) * data.draw(st.sampled_from((1, 30, 100))) // 100
        try:
            paid, after = pool.swap(one, other, amount)
        except PoolError:
            continue
        if paid and within_limits(start[pool.address], after):
            states[pool.address] = after
            left[one] -= amount
            left[other] = left.get(other, 0) + paid
            legs.append((pool, one, other, amount))
    return legs


@settings(max_examples=150, deadline=None)
@given(pools=markets.pools(), held=markets.values(), data=st.data())
def test_no_trade_beats_the_bounds_at_any_prices(
    pools: list[Pool], held: dict[str, float], data: st.DataObject
) -> None:
    snapshot = markets.snapshot(pools)
    raw = {markets.token(symbol): markets.raw(symbol, value) for symbol, value in held.items()}
    legs = random_legs(data, pools, raw)
    assume(legs)
    plan = traded(snapshot, raw, legs)
    subject = Subject.of(plan, snapshot)
    fees = Fees(data.draw(st.floats(0, 5)), {pool.address: data.draw(st.floats(0, 30)) for pool in pools})
    spent = fees.base + sum(fees.pool[address] for address in {swap.pool for swap in plan.swaps})
    for _ in range(3):
        nu = {
            token: price / 1e36 * data.draw(st.floats(0.5, 2)) for token, price in subject.price_e36.items()
        }
        proof = Proof.of(subject, nu)
        most, net = bound(subject.before, proof), bound(subject.before, proof, fees)
        assert subject.value_after <= most
        assert subject.value_after - spent <= net <= most


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_bound_does_not_change_with_the_scale_of_the_prices(data: st.DataObject) -> None:
    snapshot, plan = simple()
    subject = Subject.of(plan, snapshot)
    nu = {token: price / 1e36 * data.draw(st.floats(0.8, 1.2)) for token, price in subject.price_e36.items()}
    scale = data.draw(st.floats(1e-9, 1e9))
    one, other = (
        bound(subject.before, Proof.of(subject, {token: price * each for token, price in nu.items()}))
        for each in (1, scale)
    )
    assert one == pytest.approx(other, rel=1e-11)


def simple() -> tuple[Snapshot, Plan]:
    pool = markets.v2(0, "USD", "ETH", 1e6)
    snapshot = markets.snapshot([pool])
    return snapshot, traded(snapshot, {USD: 10**10}, [(pool, USD, ETH, 10**10)])


def test_one_pair_at_its_marginal_price_is_bounded_by_what_it_pays() -> None:
    """All is sold into one pair: at the rate after the trade, the bound is the trade itself."""
    pool, amount = markets.v2(0, "USD", "ETH", 1e6), 10**10
    snapshot = markets.snapshot([pool])
    plan = traded(snapshot, {USD: amount}, [(pool, USD, ETH, amount)])
    subject = Subject.of(replace(plan, bands={USD: (0, 0), ETH: (WAD, WAD)}), snapshot)
    keep, (sold, bought) = 0.997, pool.reserves
    marginal = keep * sold * bought / (sold + keep * amount) ** 2
    nu = {USD: marginal * 2000 / 1e18, ETH: 2000 / 1e18}
    paid = bought * keep * amount / (sold + keep * amount) * 2000 / 1e18
    found = bound(subject.before, Proof.of(subject, nu))
    assert found == pytest.approx(paid, rel=1e-9)
    assert subject.value_after <= found


@pytest.mark.parametrize(
    ("bands", "cost"),
    [
        ({USD: (0, WAD), ETH: (0, WAD)}, 1.0),
        ({USD: (WAD // 2, WAD // 2), ETH: (WAD // 2, WAD // 2)}, 1.5),
        ({USD: (WAD // 5, 3 * WAD // 5), ETH: (WAD // 5, WAD)}, 1.4),
        ({USD: (WAD // 4, WAD), ETH: (3 * WAD // 4, WAD)}, 1.75),
    ],
)
def test_a_unit_of_value_costs_as_much_of_the_cheap_token_as_its_band_allows(
    bands: dict[str, tuple[int, int]], cost: float
) -> None:
    found = least_cost(bands, {USD: 1.0, ETH: 2.0})
    assert found == pytest.approx(cost, rel=1e-14)
    assert found <= cost


def test_reserved_amounts_count_neither_before_nor_after_and_may_exceed_what_is_held() -> None:
    pool = markets.v2(0, "USD", "ETH", 1e6)
    snapshot = markets.snapshot([pool])
    legs: list[Leg] = [(pool, USD, ETH, 10**10)]
    plan = traded(snapshot, {USD: 3 * 10**10}, legs, reserved={USD: 5 * 10**9, ETH: 10**18})
    subject = Subject.of(plan, snapshot)
    assert subject.before == {USD: pytest.approx(25_000), ETH: pytest.approx(-2_000)}
    assert subject.after[USD] == pytest.approx(15_000)
    assert subject.after[ETH] == pytest.approx(2000 * (plan.holdings_after[ETH] / 1e18 - 1))


def test_a_reserved_token_that_nobody_holds_or_wants_belongs_to_the_value() -> None:
    snapshot, _ = simple()
    pool = snapshot.pools[0]
    reserved = traded(snapshot, {USD: 10**10}, [(pool, USD, ETH, 10**10)], reserved={BTC: 10})
    assert Subject.of(reserved, snapshot).before[BTC] == pytest.approx(-0.006)


def test_taxed_and_unpriced_tokens_keep_their_pools_out() -> None:
    pools = [
        markets.v2(0, "USD", "ETH", 1e6),
        markets.v2(1, "ETH", "BTC", 1e6),
        markets.v2(2, "EUR", "USD", 1e6),
    ]
    snapshot = markets.snapshot(pools, transfer_tax_bps={EUR: 100, BTC: 0})
    subject = Subject.of(traded(snapshot, {USD: 10**9}, [(pools[0], USD, ETH, 10**9)]), snapshot)
    nu = {token: price / 1e36 for token, price in subject.price_e36.items()}
    assert {*Proof.of(subject, nu).profits} == {pools[0].address, pools[1].address}
    assert {*Proof.of(subject, {USD: nu[USD], ETH: nu[ETH]}).profits} == {pools[0].address}


@pytest.mark.parametrize(
    "bands", [{USD: (0, WAD // 3), ETH: (0, WAD // 2)}, {USD: (WAD, WAD), ETH: (WAD // 9, WAD)}]
)
def test_bands_that_no_shares_fit_into_are_refused(bands: dict[str, tuple[int, int]]) -> None:
    pool = markets.v2(0, "USD", "ETH", 1e6)
    snapshot = markets.snapshot([pool])
    plan = traded(snapshot, {USD: 10**10}, [(pool, USD, ETH, 10**9)])
    with pytest.raises(InputError, match="add up to one"):
        Subject.of(replace(plan, bands=bands), snapshot)


def test_the_target_mix_is_worth_what_is_held() -> None:
    snapshot, plan = simple()
    subject = Subject.of(plan, snapshot)
    assert sum(subject.at_target.values()) == pytest.approx(subject.value_before, rel=1e-12)


def test_it_shares_no_code_with_the_solver() -> None:
    for path in Path(router.certificate.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.startswith(("router.optimiser", "router.planner"))]
