"""Plans on small markets made for one question each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.errors import ExecutionReverted, Infeasible, InputError
from router.fixed_point import MAX_U128
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.morpho_blue import MorphoBlue
from router.plan import Verdict
from router.planner.compose import DEADLINE_SECONDS, plan
from router.planner.valuation import Valuation, worst
from router.portfolio import LoanPolicy, Settlement
from router.program import Payer, Recipient, Swap
from router.replay import replay
from tests import markets
from tests.hash_seeds import printed
from tests.markets import portfolio, raw, snapshot, token, v2, v3, weighted


def test_plan_does_not_depend_on_the_seed_of_string_hashes() -> None:
    code = (
        "from tests.markets import *; from router.planner import plan;"
        "pools = [v2(0, 'USD', 'ETH', 1e6), v3(1, 'USD', 'BTC', 1e6), v3(2, 'ETH', 'BTC', 3e5),"
        " v2(3, 'EUR', 'USD', 1e6), v2(4, 'EUR', 'ETH', 1e6), v2(5, 'GOV', 'ETH', 2e5)];"
        "held = {'USD': 1.1e4, 'ETH': 2.3e4, 'EUR': 3.7e3};"
        "print(plan(snapshot(pools), portfolio(held, {'BTC': 0.4, 'GOV': 0.1, 'USD': 0.5})))"
    )
    assert len(printed(code, seeds=4)) == 1


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


def test_plan_says_when_pools_pay_more_than_the_reference_prices() -> None:
    made = plan(snapshot([v2(0, "USD", "ETH", 1e6, skew=0.99)]), portfolio({"ETH": 1e3}, {"USD": 1.0}))
    paid_less = plan(snapshot([v2(0, "USD", "ETH", 1e6, skew=1.009)]), portfolio({"ETH": 1e3}, {"USD": 1.0}))
    assert made.value_after < made.value_before
    assert paid_less.value_after > paid_less.value_before
    assert any("more than the reference prices on this trade" in note for note in paid_less.notes)
    assert not any("on this trade" in note for note in made.notes)


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
    pools = [v2(0, "USD", "ETH", 1e6), v2(1, "BTC", "GOV", 1e6), v2(2, "BTC", "GOV", 1e6)]
    with pytest.raises(Infeasible, match="no path of usable pools joins BTC and USD"):
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
