"""Plans on small random markets, judged by exact replay."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.errors import Infeasible, PoolError, RouterError
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.plan import Plan, Verdict
from router.planner import plan
from router.planner.valuation import Valuation, worst
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.portfolio import Portfolio, Settlement
from router.program import Borrow, Check, Pull, Swap
from router.replay import replay
from router.snapshot import Snapshot
from scripts.bench import single_path
from tests import markets
from tests.markets import SYMBOLS, portfolio, raw, snapshot, token

VALUE_TOLERANCE = 1e-5
"""How far, as a share of the value traded, a plan may stay behind a rival that was found by exact search:
curves are fitted to a tenth of that, and pools worth less than a dust leg are left out."""
DEAREST_UNIT = 0.0108
"""Value of the smallest unit of the coarsest token: what one swap more may lose to rounding."""
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(market: Snapshot, owner: Portfolio) -> Plan | None:
    try:
        return plan(market, owner, balances_are_holdings=True)
    except Infeasible:
        return None


def check(made: Plan, market: Snapshot, owner: Portfolio) -> None:
    """Everything that must be true of any plan."""
    valuation = Valuation(market, owner)
    if made.verdict is Verdict.HOLD:
        assert made.program is None
        assert made.holdings_after == made.holdings_before
        assert abs(worst(valuation.drifts_bps(owner.holdings))[1]) <= owner.tolerance_bps
        return
    assert made.program is not None
    outcome = replay(
        made.program, market, owner.holdings, timestamp=market.timestamp, block_number=market.block_number
    )
    assert all(amount >= 0 for amount in made.holdings_after.values())
    assert abs(worst(valuation.drifts_bps(made.holdings_after))[1]) <= owner.tolerance_bps
    for each in made.holdings_after:
        change = outcome.balance_changes.get(each, 0)
        assert made.holdings_after[each] == owner.holdings.get(each, 0) + change
    assert set(outcome.balance_changes) <= set(made.holdings_after)
    assert all(amount <= owner.holdings.get(each, 0) for each, amount in made.pulls.items())
    assert tuple((swap.amount_in, swap.amount_out) for swap in made.swaps) == outcome.swaps
    lost = made.value_before - made.value_after
    assert made.cost.pool_fees + made.cost.price_impact + made.cost.flash_premium == pytest.approx(
        lost, abs=1e-6
    )


@SLOW
@given(markets.pools(), markets.values(), markets.weights(), st.sampled_from((0, 10**9, 10**11)))
def test_plan_passes_its_bounds_and_reaches_the_target(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float], gas_price: int
) -> None:
    market, owner = snapshot(pools), portfolio(held, wanted, gas_price_wei=gas_price)
    made = attempt(market, owner)
    if made is not None:
        check(made, market, owner)


@SLOW
@given(markets.pools(), markets.values(), markets.weights())
def test_plan_passes_its_bounds_when_delivering_first(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float]
) -> None:
    amounts = {token(symbol): raw(symbol, 1e6) for symbol in SYMBOLS}
    lenders = (
        AaveV3("0x" + "aa" * 20, amounts, 5, Rounding.HALF_UP),
        BalancerV2(markets.VAULT, {key: value for key, value in amounts.items() if key != token("ETH")}),
    )
    market = snapshot(pools, lenders)
    owner = portfolio(held, wanted, settlement=Settlement.DELIVER_FIRST)
    made = attempt(market, owner)
    if made is not None:
        check(made, market, owner)
        if made.program is not None:
            kinds = [type(step) for step in made.program.steps]
            assert kinds[0] is Borrow
            assert kinds.index(Check) > max(k for k, kind in enumerate(kinds) if kind is Swap)
            assert all(kind is Pull for kind in kinds[kinds.index(Check) + 1 :])


@SLOW
@given(
    markets.pools(),
    st.sampled_from(list(permutations(SYMBOLS, 2))),
    st.floats(100, 1e5),
    st.sampled_from((0, 10**10)),
)
def test_plan_is_never_worse_than_the_best_single_path(
    pools: list[Pool], pair: tuple[str, str], value: float, gas_price: int
) -> None:
    sell, buy = map(token, pair)
    market = snapshot(pools)
    vouched = dict(market.prices)
    owner = portfolio({pair[0]: value}, {pair[1]: 1.0}, gas_price_wei=gas_price, prices=vouched)
    gas_value = gas_price * float(market.prices[market.native_token]) / 10**18
    unit = float(market.prices[buy]) / 10 ** market.tokens[buy].decimals
    best = best_single_path(pools, sell, buy, owner.holdings[sell], gas_value, unit)
    assume(best is not None and best[0] > value / 2)
    assert best is not None
    made = attempt(market, owner)
    if made is None:
        assert best[1], "refused although a path within the mispricing cap exists"
        return
    refused = {(each.pool, each.token_in, each.token_out) for each in made.excluded}
    prices = {each: float(market.prices[each]) / 10 ** market.tokens[each].decimals for each in market.prices}
    path = single_path.best_single_path(
        pools, sell, buy, owner.holdings[sell], prices.__getitem__, lambda pool: gas_value * pool.gas, refused
    )
    if path is None:
        return
    net = single_path.value_net_of_its_bill(market, owner, path)
    rounding = len(made.swaps) * DEAREST_UNIT
    assert made.value_after - made.cost.gas >= net - VALUE_TOLERANCE * value - rounding


def best_single_path(
    pools: list[Pool], sell: str, buy: str, amount: int, gas_value: float, unit: float
) -> tuple[float, bool] | None:
    """(value net of gas, whether a pool on it is priced off the reference) over all simple paths of up to 3
    pools."""
    found: list[tuple[float, bool]] = []

    def walk(at: str, held: int, seen: tuple[str, ...], gas: float, used: tuple[Pool, ...]) -> None:
        if at == buy:
            found.append((held * unit - gas, any(map(off_price, used))))
            return
        for pool in pools if len(used) < 3 else ():
            if at not in pool.tokens or pool in used:
                continue
            for nxt in pool.tokens:
                if nxt not in seen:
                    try:
                        out = pool.quote_exact_in(at, nxt, held)
                    except PoolError:
                        continue
                    walk(nxt, out, (*seen, nxt), gas + pool.gas * gas_value, (*used, pool))

    walk(sell, amount, (sell,), 0.0, ())
    return max(found, default=None)


def off_price(pool: Pool) -> bool:
    """Whether a pool may be refused: it pays over the references by more than a half percent, or it is
    shallow."""
    prices = {
        each.address: float(text) / 10**each.decimals
        for each, text in zip(markets.TOKENS, markets.PRICES, strict=True)
    }
    return any(
        pool.spot_price(a, b) * prices[b] / prices[a] > 1.005
        for a in pool.tokens
        for b in pool.tokens
        if a != b
    )


@SLOW
@given(markets.pools(), markets.values(), markets.weights())
def test_plan_sells_no_more_than_the_target_asks(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float]
) -> None:
    market, owner = snapshot(pools), portfolio(held, wanted)
    made = attempt(market, owner)
    assume(made is not None and made.program is not None)
    assert made is not None
    room = made.value_before * owner.tolerance_bps / 1e4
    valuation = Valuation(market, owner)
    for each, amount in made.pulls.items():
        needed = valuation.value({each: owner.holdings[each]}) - valuation.target(each) * made.value_after
        assert valuation.value({each: amount}) <= needed + room
    bought = {swap.token_out for swap in made.swaps} - {swap.token_in for swap in made.swaps}
    assert bought <= set(valuation.tokens)


@SLOW
@given(markets.pools(), markets.values(), markets.weights())
def test_plan_is_deterministic(pools: list[Pool], held: dict[str, float], wanted: dict[str, float]) -> None:
    owner = portfolio(held, wanted)
    assert attempt(snapshot(pools), owner) == attempt(snapshot(pools), owner)


@SLOW
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 4),
            st.integers(0, 10**30),
            st.integers(0, 10**30),
            st.integers(0, 999_999),
        ),
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(SYMBOLS), st.integers(0, 10**32), max_size=3),
    markets.weights(),
)
def test_plan_on_a_hostile_market_answers_or_names_the_error(
    rows: list[tuple[int, int, int, int, int]], held: dict[str, int], wanted: dict[str, float]
) -> None:
    pools = [
        UniswapV2Pool(markets.address(k), (markets.TOKENS[a].address, markets.TOKENS[b].address), (x, y), fee)
        for k, (a, b, x, y, fee) in enumerate(rows)
        if a != b
    ]
    holdings = {token(symbol): amount for symbol, amount in held.items()}
    owner = replace(portfolio({}, wanted), holdings=holdings)
    market = snapshot(pools)
    try:
        made = plan(market, owner, balances_are_holdings=True)
    except RouterError:
        return
    check(made, market, owner)
