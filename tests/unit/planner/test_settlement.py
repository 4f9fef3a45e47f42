"""The choice of lenders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import Infeasible, InputError
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.base import Lender
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash
from router.planner.settlement import Loan, choose_loans, largest_loan, needs_loan
from router.pools.base import Pool
from router.portfolio import LoanPolicy, Settlement
from tests import markets
from tests.markets import token, v3, weighted

USD, ETH = token("USD"), token("ETH")
AAVE = AaveV3("0x" + "aa" * 20, {USD: 10**12, ETH: 10**24}, 5, Rounding.UP)
MORPHO = MorphoBlue("0x" + "bb" * 20, {USD: 10**12, ETH: 10**24})
VAULT = BalancerV2(markets.VAULT, {USD: 10**12, ETH: 10**24})


def choose(
    lenders: list[Lender], owed: dict[str, int], pools: tuple[Pool, ...] = (), gas_price: float = 0.0
) -> tuple[Loan, ...]:
    return choose_loans(lenders, owed, pools, price=lambda _: 1e-6, gas_price=gas_price, name=str)


@given(st.integers(0, 10**30), st.integers(0, 100), st.sampled_from(list(Rounding)))
def test_largest_loan_is_repaid_by_exactly_what_is_owed_or_all_but_one_more(
    owed: int, premium_bps: int, rounding: Rounding
) -> None:
    lender = AaveV3("0x" + "aa" * 20, {}, premium_bps, rounding)
    amount = largest_loan(lender, USD, owed)
    assert amount + lender.premium(USD, amount) <= owed
    assert amount + 1 + lender.premium(USD, amount + 1) > owed


def test_choose_loans_prefers_no_premium() -> None:
    assert [loan.lender for loan in choose([AAVE, MORPHO], {USD: 10**9})] == [MORPHO]


def test_choose_loans_takes_one_loan_of_two_tokens_where_gas_is_dear() -> None:
    loans = choose([MORPHO, VAULT], {USD: 10**9, ETH: 10**18}, gas_price=1.0)
    one_each = 2 * MORPHO.gas(1)
    assert sum(loan.gas for loan in loans) == min(VAULT.gas(2), one_each, MORPHO.gas(1) + VAULT.gas(1))


def test_choose_loans_avoids_a_lender_that_locks_a_used_pool() -> None:
    pool = weighted(0, {"USD": 50, "ETH": 50}, 1e6)
    assert [loan.lender for loan in choose([VAULT, AAVE], {USD: 10**9}, (pool,))] == [AAVE]
    swap = v3(1, "USD", "ETH", 1e6)
    flash = UniswapV3Flash(swap.address, swap.tokens, {USD: 10**12}, 500)
    with pytest.raises(Infeasible):
        choose([flash], {USD: 10**9}, (swap,))


def test_choose_loans_nests_loans_of_a_lender_that_allows_it() -> None:
    loans = choose([MORPHO], {USD: 10**9, ETH: 10**18})
    assert [[token for token, _ in loan.amounts] for loan in loans] == [[USD], [ETH]]


def test_choose_loans_orders_amounts_by_address() -> None:
    (loan,) = choose([VAULT], {ETH: 10**18, USD: 10**9})
    assert [token for token, _ in loan.step.amounts] == sorted((USD, ETH))


def test_choose_loans_names_what_is_missing() -> None:
    with pytest.raises(Infeasible, match=f"no lender has {10**13} raw units of {USD}; .* has {10**12}"):
        choose([MORPHO, VAULT], {USD: 10**13})


@pytest.mark.parametrize(
    ("policy", "settlement", "expected"),
    [
        (LoanPolicy.AUTO, Settlement.PULL_FIRST, False),
        (LoanPolicy.NEVER, Settlement.PULL_FIRST, False),
        (LoanPolicy.ALWAYS, Settlement.PULL_FIRST, True),
        (LoanPolicy.AUTO, Settlement.DELIVER_FIRST, True),
    ],
)
def test_needs_loan_follows_the_policy(policy: LoanPolicy, settlement: Settlement, expected: bool) -> None:
    assert needs_loan(policy, settlement) is expected


def test_needs_loan_refuses_deliver_first_without_one() -> None:
    with pytest.raises(InputError):
        needs_loan(LoanPolicy.NEVER, Settlement.DELIVER_FIRST)
