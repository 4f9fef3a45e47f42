"""What a lender says that a loan costs is what it costs the executor, within 10%."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.lenders.registry import LOAN_KINDS
from router.program import Payer, Pull, Recipient, Step
from tests.contracts.chain import Account, Chain
from tests.contracts.steps import swap
from tests.contracts.world import World

BORROWED = ("ETH", "USD", "BTC")
CASES = [
    (kind.name, count)
    for kind in LOAN_KINDS
    for count in range(1, min(kind.max_tokens, len(BORROWED)) + 1)
    if (kind.name, count) != ("aave_v3_multi", 1)
]


def _gas(world: World, *steps: Step) -> int:
    bounds = [world.bounds(symbol, max_spent=world.raw(symbol, 10**5)) for symbol in BORROWED]
    world.execute(world.program(bounds, *steps))
    return world.chain.gas_used


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_gas_of_a_loan(pristine: tuple[World, tuple[Account, ...]], kind: str, count: int) -> None:
    built, accounts = pristine
    pulled, lent = (built.on(Chain.thaw(accounts)) for _ in range(2))
    amount = built.raw("ETH", 1000)
    sell = replace(
        swap(built, "uniswap_v2", "ETH", "USD", amount), payer=Payer.EXECUTOR, recipient=Recipient.OWNER
    )
    symbols = BORROWED[:count]
    loan = lent.borrow(kind, **{symbol: lent.raw(symbol, 1000) for symbol in symbols})
    owed = (Pull(lent.tokens[symbol], None) for symbol in symbols)
    measured = _gas(lent, loan, sell, *owed) - _gas(pulled, Pull(pulled.tokens["ETH"], amount), sell)
    lender = next(entry.lender for entry in LOAN_KINDS if entry.name == kind)
    state = {"address": loan.lender, "available": {}, "tokens": ["", ""], "fee_pips": 0, "fee_wad": 0}
    stated = lender.from_state(state | {"premium_bps": 5, "rounding": "up"}).gas(count)
    assert measured == pytest.approx(stated, rel=0.1)
