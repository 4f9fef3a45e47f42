"""Plans on small random markets, judged by exact replay."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.errors import ExecutionReverted, Infeasible, InputError, PoolError, RouterError
from router.fixed_point import MAX_U128
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.morpho_blue import MorphoBlue
from router.plan import Plan, Verdict
from router.planner import DEADLINE_SECONDS, plan
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.portfolio import LoanPolicy, Portfolio, Settlement
from router.program import Borrow, Check, Payer, Pull, Recipient, Swap
from router.replay import replay
from router.snapshot import Snapshot
from router.valuation import Valuation, worst
from tests import markets
from tests.markets import SYMBOLS, portfolio, raw, snapshot, token, v2, v3, weighted

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
    market, owner = snapshot(pools), portfolio({pair[0]: value}, {pair[1]: 1.0}, gas_price_wei=gas_price)
    gas_value = gas_price * float(market.prices[market.native_token]) / 10**18
    unit = float(market.prices[buy]) / 10 ** market.tokens[buy].decimals
    best = best_single_path(pools, sell, buy, owner.holdings[sell], gas_value, unit)
    assume(best is not None and best[0] > value / 2)
    assert best is not None
    made = attempt(market, owner)
    if made is None:
        assert best[1], "refused although a path within the mispricing cap exists"
        return
    gas = gas_value * sum(market.pool_by_address[swap.pool].gas for swap in made.swaps)
    if best[1]:
        return
    rounding = len(made.swaps) * DEAREST_UNIT
    assert made.value_after - gas >= best[0] - VALUE_TOLERANCE * value - rounding


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
def test_plan_is_deterministic_whatever_the_order_of_the_pools(
    pools: list[Pool], held: dict[str, float], wanted: dict[str, float]
) -> None:
    owner = portfolio(held, wanted)
    first = attempt(snapshot(pools), owner)
    second = attempt(snapshot(pools), owner)
    assert first == second


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


def test_plan_holds_within_tolerance() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    made = plan(market, portfolio({"USD": 5_010, "ETH": 4_990}, {"USD": 0.5, "ETH": 0.5}))
    assert made.verdict is Verdict.HOLD
    assert made.program is None
    assert "within 50 bp" in made.reason


def test_plan_reaches_weights_within_a_tenth_of_a_basis_point() -> None:
    market = snapshot(
        [v2(0, "USD", "ETH", 1e6), v3(1, "USD", "BTC", 1e6), v3(2, "ETH", "BTC", 1e6, fee_pips=500)]
    )
    owner = portfolio({"USD": 9e4, "ETH": 1e4}, {"USD": 0.3, "ETH": 0.3, "BTC": 0.4})
    made = plan(market, owner)
    assert abs(worst(Valuation(market, owner).drifts_bps(made.holdings_after))[1]) < 0.1


def test_plan_splits_over_parallel_pools_until_marginal_rates_agree() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 3e6)]
    made = plan(snapshot(pools), portfolio({"USD": 1e5}, {"ETH": 1.0}))
    amounts = {swap.pool: swap.amount_in for swap in made.swaps}
    assert amounts[pools[1].address] / amounts[pools[0].address] == pytest.approx(3, rel=1e-3)


def test_plan_nets_opposite_needs_through_a_hub() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "BTC", 1e6)]
    made = plan(snapshot(pools), portfolio({"ETH": 1e4}, {"BTC": 0.5, "USD": 0.5}))
    assert len(made.swaps) == 2
    assert set(made.pulls) == {token("ETH")}


def test_plan_uses_a_pool_of_three_tokens_on_two_pairs_at_the_state_the_first_leaves() -> None:
    market = snapshot([weighted(0, {"USD": 40, "ETH": 30, "BTC": 30}, 1e6)])
    owner = portfolio({"USD": 3e4}, {"ETH": 0.5, "BTC": 0.5})
    made = plan(market, owner)
    assert len(made.swaps) == 2
    assert abs(worst(Valuation(market, owner).drifts_bps(made.holdings_after))[1]) < 0.5


def test_plan_opens_a_pool_only_if_it_pays_for_its_gas() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 1e6)]
    cheap = plan(snapshot(pools), portfolio({"USD": 2e3}, {"ETH": 1.0}, gas_price_wei=10**6))
    dear = plan(snapshot(pools), portfolio({"USD": 2e3}, {"ETH": 1.0}, gas_price_wei=10**11))
    assert (len(cheap.swaps), len(dear.swaps)) == (2, 1)


def test_plan_does_not_turn_in_circles_for_profit() -> None:
    pools = [
        v2(0, "USD", "ETH", 1e6, skew=1.009),
        v2(1, "USD", "ETH", 1e6, skew=0.991),
        v2(2, "USD", "BTC", 1e6),
    ]
    made = plan(snapshot(pools), portfolio({"USD": 1e4}, {"BTC": 1.0}))
    assert [swap.pool for swap in made.swaps] == [pools[2].address]


def test_plan_refuses_a_mispriced_pool_and_says_so() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "USD", "ETH", 1e6, skew=0.8)]
    made = plan(snapshot(pools), portfolio({"USD": 1e4}, {"ETH": 1.0}))
    assert [swap.pool for swap in made.swaps] == [pools[0].address]
    assert any("mispriced: USD/ETH" in note for note in made.notes)


def test_plan_lets_the_owner_pay_the_first_pool_and_pools_pay_each_other() -> None:
    pools = [v2(0, "ETH", "USD", 1e6), v2(1, "USD", "BTC", 1e6)]
    made = plan(snapshot(pools), portfolio({"ETH": 1e4}, {"BTC": 1.0}))
    assert made.program is not None
    routes = [(step.payer, step.recipient) for step in made.program.steps if isinstance(step, Swap)]
    assert routes == [(Payer.OWNER, Recipient.NEXT_POOL), (Payer.PREPAID, Recipient.OWNER)]


def test_plan_bounds_what_is_spent_received_and_weighed() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 1e4}, {"USD": 0.5, "ETH": 0.5}, max_slippage_bps=100, tolerance_bps=20)
    made = plan(market, owner, balances_are_holdings=True)
    assert made.program is not None
    bounds = {row.token: row for row in made.program.tokens}
    gained = made.holdings_after[token("ETH")]
    assert bounds[token("USD")].max_spent == made.pulls[token("USD")]
    assert bounds[token("ETH")].min_received == gained * 9_900 // 10_000
    assert (bounds[token("ETH")].min_weight_pips, bounds[token("ETH")].max_weight_pips) == (488_000, 512_000)
    assert made.program.deadline == market.timestamp + DEADLINE_SECONDS
    assert made.program.min_value_change_e36 < 0
    loose = plan(market, owner)
    assert loose.program is not None
    assert all(row.max_weight_pips == 1_000_000 for row in loose.program.tokens)


def test_plan_reverts_when_a_pool_moves_beyond_the_slippage() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)])
    owner = portfolio({"USD": 1e4}, {"ETH": 1.0})
    made = plan(market, owner)
    assert made.program is not None
    moved = market.pools[0].swap(token("USD"), token("ETH"), raw("USD", 1e4))[1]
    with pytest.raises(ExecutionReverted):
        replay(made.program, replace(market, pools=(moved,)), owner.holdings)


def test_plan_delivers_first_with_the_cheapest_lender_that_has_enough() -> None:
    owed = {token("USD"): raw("USD", 5e4)}
    lenders = (
        AaveV3("0x" + "aa" * 20, {token("USD"): raw("USD", 1e6)}, 5, Rounding.UP),
        MorphoBlue("0x" + "bb" * 20, owed),
    )
    market = snapshot([v2(0, "USD", "ETH", 1e6)], lenders)
    small = plan(market, portfolio({"USD": 4e4}, {"ETH": 1.0}, settlement=Settlement.DELIVER_FIRST))
    large = plan(market, portfolio({"USD": 6e4}, {"ETH": 1.0}, settlement=Settlement.DELIVER_FIRST))
    assert [(loan.kind, loan.premium) for loan in small.loans] == [("morpho_blue", 0)]
    assert large.loans[0].kind == "aave_v3"
    assert large.loans[0].amount + large.loans[0].premium <= raw("USD", 6e4)
    assert large.pulls == {token("USD"): raw("USD", 6e4)}


def test_plan_avoids_pools_that_every_lender_locks() -> None:
    lenders = (BalancerV2(markets.VAULT, {token("USD"): raw("USD", 1e6)}),)
    market = snapshot([weighted(0, {"USD": 50, "ETH": 50}, 1e7), v2(1, "USD", "ETH", 1e6)], lenders)
    made = plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}, settlement=Settlement.DELIVER_FIRST))
    assert [swap.kind for swap in made.swaps] == ["uniswap_v2"]


def test_plan_names_the_token_that_no_lender_has() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)], (MorphoBlue("0x" + "bb" * 20, {token("USD"): 7}),))
    with pytest.raises(Infeasible, match=r"no lender has .* of USD; the deepest usable one has 7"):
        plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}, settlement=Settlement.DELIVER_FIRST))


def test_plan_takes_a_loan_in_pull_first_only_when_told() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)], (MorphoBlue("0x" + "bb" * 20, {token("USD"): MAX_U128}),))
    owner = portfolio({"USD": 1e4}, {"ETH": 1.0})
    assert plan(market, owner).loans == ()
    assert len(plan(market, replace(owner, loan=LoanPolicy.ALWAYS)).loans) == 1


def test_plan_refuses_deliver_first_without_a_loan() -> None:
    owner = portfolio({"USD": 1e4}, {"ETH": 1.0}, settlement=Settlement.DELIVER_FIRST, loan=LoanPolicy.NEVER)
    with pytest.raises(InputError, match="needs a flash loan"):
        plan(snapshot([v2(0, "USD", "ETH", 1e6)]), owner)


def test_plan_names_a_target_without_a_pool() -> None:
    with pytest.raises(Infeasible, match="no usable pool trades it: no BTC can be bought"):
        plan(snapshot([v2(0, "USD", "ETH", 1e6)]), portfolio({"USD": 1e4}, {"BTC": 1.0}))


def test_plan_names_a_target_out_of_reach() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "BTC", "GOV", 1e6)]
    with pytest.raises(Infeasible, match="no path of at most 3 pools"):
        plan(snapshot(pools), portfolio({"USD": 1e4}, {"BTC": 1.0}))


def test_plan_names_the_most_that_liquidity_can_reach() -> None:
    pools = [v2(0, "USD", "ETH", 1e6), v3(1, "USD", "BTC", 3e4, width=5, fee_pips=500)]
    with pytest.raises(Infeasible, match="BTC can be bought up to"):
        plan(snapshot(pools), portfolio({"USD": 1e5}, {"ETH": 0.2, "BTC": 0.8}))


def test_plan_refuses_a_token_that_keeps_part_of_transfers() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)], transfer_tax_bps={token("ETH"): 100})
    with pytest.raises(Infeasible, match="ETH keeps part of every transfer"):
        plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}))


def test_plan_needs_a_price_for_every_token() -> None:
    market = snapshot([v2(0, "USD", "ETH", 1e6)], prices={token("USD"): "1"})
    with pytest.raises(InputError, match="ETH has no price"):
        plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}))
    made = plan(market, portfolio({"USD": 1e4}, {"ETH": 1.0}, prices={token("ETH"): "2000"}))
    assert made.verdict is Verdict.TRADE


def test_plan_refuses_an_empty_portfolio() -> None:
    with pytest.raises(InputError, match="nothing of value is held"):
        plan(snapshot([v2(0, "USD", "ETH", 1e6)]), portfolio({}, {"ETH": 1.0}))


def test_plan_uses_listed_tokens_only() -> None:
    pools = [v2(0, "USD", "ETH", 1e4), v2(1, "USD", "BTC", 1e7), v2(2, "BTC", "ETH", 1e7)]
    owner = portfolio({"USD": 1e3}, {"ETH": 1.0})
    listed = plan(snapshot(pools), replace(owner, allow_tokens=frozenset({token("USD"), token("ETH")})))
    denied = plan(snapshot(pools), replace(owner, deny_tokens=frozenset({token("BTC")})))
    assert {swap.pool for swap in plan(snapshot(pools), owner).swaps} > {pools[1].address}
    assert [swap.pool for swap in listed.swaps] == [swap.pool for swap in denied.swaps] == [pools[0].address]
