"""What tests of targets share: a market, plans that are verified, and what to read off them."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, settings

from router.certificate import verify
from router.errors import Infeasible
from router.fixed_point import WAD
from router.plan import Plan, Verdict
from router.planner import plan
from router.planner.valuation import Valuation
from router.portfolio import Portfolio, TokenRule
from router.snapshot import Snapshot
from tests.markets import token, v2, v3

SLOW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DEAREST_UNIT = 0.0108
"""Value of the smallest unit of the coarsest token."""
SOME = (
    v2(0, "USD", "ETH", 1e6),
    v3(1, "USD", "BTC", 1e6, fee_pips=500),
    v2(2, "ETH", "BTC", 4e5),
    v2(3, "ETH", "GOV", 5e5),
    v2(4, "USD", "GOV", 3e5, fee_pips=10000),
)


def checked(market: Snapshot, owner: Portfolio) -> Plan:
    """A plan that trades, with every finding of its verification holding."""
    made = plan(market, owner)
    assert made.verdict is Verdict.TRADE
    found = verify(made, market, "")
    assert found.holds, [finding for finding in found.findings if not finding.ok]
    assert made.certificate is not None
    assert made.certificate.parts.bounds >= 0
    return made


def net(made: Plan) -> float:
    return made.value_after - made.cost.gas


def weights_after(market: Snapshot, owner: Portfolio, made: Plan) -> dict[str, float]:
    valuation = Valuation(market, owner)
    weights = valuation.weights(valuation.net_of_reserved(made.holdings_after))
    return {valuation.symbol(each): weight for each, weight in weights.items()}


def change(made: Plan, symbol: str) -> int:
    each = token(symbol)
    return made.holdings_after.get(each, 0) - made.holdings_before.get(each, 0)


def ruled(**rules: TokenRule) -> dict[str, TokenRule]:
    return {token(symbol): rule for symbol, rule in rules.items()}


def gap_bps(made: Plan) -> float:
    assert made.certificate is not None
    return made.certificate.gap_bps


def attempt(market: Snapshot, owner: Portfolio) -> Plan | None:
    try:
        return plan(market, owner)
    except Infeasible:
        return None


def told(message: str) -> dict[str, int]:
    """The weights that a message says can be reached."""
    part = re.split(r"can be gone, to |the best that can be reached is ", message)[-1]
    found = re.findall(r"\b([A-Z]{3}) (-?[\d.]+)%", re.split(r", where|; ", part)[0])
    targets = {token(symbol): round(float(weight) / 100 * WAD) for symbol, weight in found}
    last = max(targets, key=lambda each: targets[each])
    targets[last] += WAD - sum(targets.values())
    return {each: weight for each, weight in targets.items() if weight}
