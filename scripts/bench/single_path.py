"""The best single path, billed as the program that a planner makes of it."""

from __future__ import annotations

from router.planner.bounds import Window, bounded, draft
from router.planner.floor import Path
from router.planner.flows import Leg
from router.planner.gas import bill, gas_price_of
from router.planner.steps import swap_steps
from router.planner.valuation import Valuation
from router.portfolio import Portfolio
from router.replay import replay
from router.snapshot import Snapshot


def value_net_of_its_bill(snapshot: Snapshot, portfolio: Portfolio, path: Path) -> float:
    """Numeraire units that the path leaves of a portfolio of one token, less the bill of the program that a
    planner would make of it."""
    valuation = Valuation(snapshot, portfolio)
    ((sold, amount),) = portfolio.holdings.items()
    legs, token, paid = [], sold, amount
    for address, other in zip(path.pools, path.tokens, strict=True):
        pool = snapshot.pool_by_address[address]
        received = pool.quote_exact_in(token, other, paid)
        legs.append(Leg(pool, token, other, float(paid), float(received)))
        token, paid = other, received
    window = Window(snapshot.timestamp + 1)
    steps = swap_steps(legs, {sold: amount}, {token}, False)
    outcome = replay(draft(steps, {sold: amount}, window), snapshot, portfolio.holdings)
    program = bounded(steps, outcome.pulls, outcome.balance_changes, valuation, window, final=None)
    spent = bill(program, outcome, snapshot, (), gas_price_of(valuation))
    return valuation.value({token: outcome.balance_changes[token]}) - spent.cost
