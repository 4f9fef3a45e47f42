"""Plans to show: programs of few steps with the amounts that their replay gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.fixed_point import MAX_U128, PRICE_ONE, WAD
from router.lenders.morpho_blue import MorphoBlue
from router.plan import Certificate, Cost, GapParts, Judgement, Plan, PlannedLoan, PlannedSwap, Verdict
from router.program import (
    AmountMode,
    Borrow,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Step,
    Swap,
    TokenBounds,
)
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address
from tests.markets import OWNER, PRICES, TOKENS, address, raw, snapshot, token, v2

USD, ETH, BTC = (token(symbol) for symbol in ("USD", "ETH", "BTC"))
LENDER = "0x" + "1e" * 20
POOLS = (
    v2(0, "USD", "ETH", 1e6),
    v2(1, "ETH", "BTC", 1e6),
    v2(2, "USD", "BTC", 1e6),
    v2(3, "USD", "ETH", 2e6, fee_pips=500),
)
MARKET = snapshot(POOLS, (MorphoBlue.from_state({"address": LENDER, "available": {USD: raw("USD", 1e6)}}),))
HELD = {USD: raw("USD", 50_000), ETH: raw("ETH", 50_000)}


def swap(place: int, one: Address, other: Address, **how: Any) -> Swap:
    """A swap in one of `POOLS`: all of what is held of the token in, unless told otherwise."""
    fields = {"mode": AmountMode.REMAINDER, "fee_pips": POOLS[place].fee_pips, **how}
    return Swap("uniswap_v2", address(place), one, other, **fields)


def literal(place: int, one: Address, other: Address, amount: int, **how: Any) -> Swap:
    return swap(place, one, other, mode=AmountMode.LITERAL, amount=amount, **how)


PULL_FIRST: tuple[Step, ...] = (
    Pull(ETH, raw("ETH", 20_000)),
    literal(0, ETH, USD, raw("ETH", 8_000)),
    literal(3, ETH, USD, raw("ETH", 5_000)),
    swap(1, ETH, BTC),
    literal(2, USD, BTC, raw("USD", 6_000)),
)
DELIVER_FIRST: tuple[Step, ...] = (
    Borrow("morpho_blue", LENDER, ((USD, raw("USD", 10_000)),)),
    literal(0, USD, ETH, raw("USD", 4_000)),
    swap(2, USD, BTC),
    Deliver(ETH),
    Deliver(BTC),
    Pull(USD, None),
)
CYCLE: tuple[Step, ...] = (
    Pull(USD, raw("USD", 9_000)),
    literal(0, USD, ETH, raw("USD", 7_000)),
    swap(1, ETH, BTC),
    swap(2, BTC, USD),
    literal(3, USD, ETH, raw("USD", 5_000)),
)
PREPAID: tuple[Step, ...] = (
    literal(0, USD, ETH, raw("USD", 4_000), payer=Payer.OWNER, recipient=Recipient.NEXT_POOL),
    swap(1, ETH, BTC, payer=Payer.PREPAID, recipient=Recipient.OWNER),
)
PROGRAMS = {"pull-first": PULL_FIRST, "deliver-first": DELIVER_FIRST, "cycle": CYCLE, "prepaid": PREPAID}


def planned(steps: Sequence[Step], market: Snapshot = MARKET, **changes: Any) -> Plan:
    """The plan that these steps are, for an owner of `HELD`."""
    tokens = tuple(TokenBounds(each, max_spent=MAX_U128) for each in (USD, ETH, BTC))
    program = Program(1_700_001_200, -(10**60), tokens, tuple(steps))
    outcome = replay(program, market, HELD)
    places = [(index, step) for index, step in enumerate(steps) if isinstance(step, Swap)]
    after = {each: HELD.get(each, 0) + outcome.balance_changes.get(each, 0) for each in (USD, ETH, BTC)}
    fields: dict[str, Any] = {
        **holding_fields(),
        "swaps": tuple(
            PlannedSwap(index, step.pool, step.kind, step.token_in, step.token_out, *amounts)
            for (index, step), amounts in zip(places, outcome.swaps, strict=True)
        ),
        "loans": tuple(
            PlannedLoan(step.lender, step.kind, lent, amount, 0)
            for step in steps
            if isinstance(step, Borrow)
            for lent, amount in step.amounts
        ),
        "pulls": outcome.pulls,
        "program": program,
        "holdings_after": after,
        "value_after": value(after),
        "cost": Cost(30.0, 12.5, 0.0, 1.25),
        "gas_estimate": 400_000,
        "verdict": Verdict.TRADE,
        "reason": "ETH is +1000.0 bp from its target, beyond 50 bp",
    }
    return Plan(**{**fields, **changes})


def holding_fields() -> dict[str, Any]:
    """The fields of a plan that holds."""
    return {
        "chain_id": 1,
        "block_number": 1_000,
        "owner": OWNER,
        "swaps": (),
        "loans": (),
        "pulls": {},
        "program": None,
        "holdings_before": HELD,
        "holdings_after": HELD,
        "targets_wad": {USD: WAD // 2, ETH: WAD // 4, BTC: WAD // 4},
        "prices": dict(zip((each.address for each in TOKENS), PRICES, strict=True)),
        "value_before": value(HELD),
        "value_after": value(HELD),
        "cost": Cost(0.0, 0.0, 0.0, 0.0),
        "gas_estimate": 0,
        "verdict": Verdict.HOLD,
        "reason": "every weight is within 50 bp of its target",
        "snapshot_hash": "ab" * 32,
        "settlement": "pull-first",
        "tolerance_bps": 50,
    }


def value(holdings: Mapping[Address, int]) -> float:
    return sum(MARKET.price_e36(each) * amount for each, amount in holdings.items()) / PRICE_ONE


PROOF = Certificate(
    upper_bound=100_010.0,
    dual_prices={USD: 1e-6, ETH: 2e-15, BTC: 6e-4},
    net_bound=100_004.0,
    net_dual_prices={USD: 1e-6, ETH: 2e-15, BTC: 6e-4},
    gap_bps=1.75,
    parts=GapParts(gas=1.0, integers=0.5, bounds=0.25),
    arbitrage=3.125,
    arbitrage_prices={},
    pool_gas={address(0): 0.5},
    base_gas=0.75,
)


def judged(*traded: Address, explanation: str = "") -> Judgement:
    """A trade of these that pays: 7 bp of drift avoided for 1.875 bp of costs."""
    return Judgement(
        trade=True,
        reason="pays",
        explanation=explanation,
        aim="edge",
        traded=traded,
        landing_wad={},
        risk_aversion=3.0,
        horizon_days=30.0,
        avoided_bps=7.0,
        fees_bps=1.5,
        impact_bps=0.25,
        premium_bps=0.0,
        gas_bps=0.125,
        net_value=12.0,
        drift=0.1,
        break_even_drift=None,
    )
