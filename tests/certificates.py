"""Plans made by hand, and certificates for them by a plain search, for the tests of what checks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, log
from typing import Any

from scipy.optimize import minimize

from router.certificate.bounds import Fees, Proof, Subject, bound
from router.fixed_point import BPS, WAD
from router.plan import Certificate, Cost, Exclusion, GapParts, Plan, PlannedSwap, Verdict
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.program import AmountMode, Program, Pull, Swap, TokenBounds
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address
from tests import markets

HASH = "ab" * 32
BAND = 10**12
"""Half the width of a band, times 10**18: 0.01 bp."""
Leg = tuple[Pool, Address, Address, int]
"""(pool, token in, token out, raw units in)."""


def step(leg: Leg) -> Swap:
    pool, token_in, token_out, amount = leg
    swap = Swap(pool.kind, pool.address, token_in, token_out, AmountMode.LITERAL, amount)
    if isinstance(pool, UniswapV2Pool):
        return replace(swap, fee_pips=pool.fee_pips)
    if isinstance(pool, BalancerV2WeightedPool):
        return replace(swap, vault=pool.vault, pool_id=pool.pool_id)
    return swap


def program(held: Mapping[Address, int], legs: Sequence[Leg]) -> Program:
    """Everything held is pulled, every leg is traded, and the rest goes back."""
    tokens = sorted({*held, *(token for leg in legs for token in leg[1:3])})
    return Program(
        deadline=2**39,
        min_value_change_e36=-(10**70),
        tokens=tuple(TokenBounds(token, max_spent=held.get(token, 0)) for token in tokens),
        steps=(*(Pull(token, amount) for token, amount in held.items()), *map(step, legs)),
    )


def traded(snapshot: Snapshot, held: Mapping[Address, int], legs: Sequence[Leg], **changes: Any) -> Plan:
    """What these legs do, as a plan whose target is where they end; no certificate yet."""
    made = program(held, legs)
    outcome = replay(made, snapshot, held)
    after = {
        token: held.get(token, 0) + outcome.balance_changes.get(token, 0)
        for token in {*held, *outcome.balance_changes}
    }
    plan = Plan(
        chain_id=snapshot.chain_id,
        block_number=snapshot.block_number,
        owner=markets.OWNER,
        swaps=tuple(
            PlannedSwap(len(held) + place, leg[0].address, leg[0].kind, leg[1], leg[2], *amounts)
            for place, (leg, amounts) in enumerate(zip(legs, outcome.swaps, strict=True))
        ),
        loans=(),
        pulls=outcome.pulls,
        program=made,
        holdings_before=held,
        holdings_after=after,
        targets_wad=dict.fromkeys(after, 1),
        prices={},
        value_before=0.0,
        value_after=0.0,
        cost=Cost(0.0, 0.0, 0.0, 0.0),
        gas_estimate=0,
        verdict=Verdict.TRADE,
        reason="",
        snapshot_hash=HASH,
        settlement="pull-first",
        tolerance_bps=50,
        bands=dict.fromkeys(after, (0, WAD)),
        **changes,
    )
    return at_own_weights(plan, snapshot)


def at_own_weights(plan: Plan, snapshot: Snapshot) -> Plan:
    """The plan with targets where it ends, narrow bands around them, and its values."""
    subject = Subject.of(plan, snapshot)
    total = subject.value_after
    targets = {token: int(value / total * WAD) for token, value in subject.after.items()}
    last = max(targets, key=lambda token: targets[token])
    targets[last] += WAD - sum(targets.values())
    return replace(
        plan,
        targets_wad=targets,
        bands={token: (max(0, share - BAND), min(WAD, share + BAND)) for token, share in targets.items()},
        value_before=subject.value_before,
        value_after=total,
    )


def with_gas(plan: Plan, snapshot: Snapshot, per_gas: float) -> tuple[Plan, Fees]:
    """The plan with what it costs, and what any trade costs at the least."""
    pools = snapshot.pool_by_address
    gas = 60_000 + sum(pools[swap.pool].gas for swap in plan.swaps)
    fees = Fees(21_000 * per_gas, {pool.address: pool.gas * per_gas for pool in snapshot.pools})
    return replace(plan, cost=replace(plan.cost, gas=gas * per_gas), gas_estimate=gas), fees


def certified(plan: Plan, snapshot: Snapshot, fees: Fees | None = None) -> Plan:
    """The plan with a certificate, by a search that knows nothing of pools."""
    subject = Subject.of(plan, snapshot)
    gross, upper = _lowest(subject, subject.before, Fees())
    calm, most = _lowest(subject, subject.at_target, Fees())
    net, least = (gross, upper) if fees is None else _lowest(subject, subject.before, fees)
    value = subject.value_after - plan.cost.gas
    gap = (least / value - 1) * BPS
    certificate = Certificate(
        upper_bound=upper,
        dual_prices=gross,
        net_bound=least,
        net_dual_prices=net,
        gap_bps=gap,
        parts=GapParts(gap / 2, gap / 4, gap / 4),
        arbitrage=max(0.0, most - subject.value_before),
        arbitrage_prices=calm,
        pool_gas=fees.pool if fees else {},
        base_gas=fees.base if fees else 0.0,
    )
    return replace(plan, certificate=certificate)


def _lowest(
    subject: Subject, held: Mapping[Address, float], fees: Fees, tries: int = 60
) -> tuple[dict[Address, float], float]:
    """Prices with a low bound, and the bound."""
    tokens = sorted(token for token, price in subject.price_e36.items() if price)

    def prices(logs: Sequence[float]) -> dict[Address, float]:
        return {
            token: subject.price_e36[token] / 1e36 * exp(each)
            for token, each in zip(tokens, logs, strict=True)
        }

    def height(logs: Sequence[float]) -> float:
        return log(max(bound(held, Proof.of(subject, prices(logs)), fees), 1e-300))

    found = minimize(height, [0.0] * len(tokens), method="Powell", options={"maxiter": 3, "maxfev": tries})
    best = prices(found.x)
    return best, bound(held, Proof.of(subject, best), fees)


def excluding(plan: Plan, *directions: tuple[Pool, Address, Address]) -> Plan:
    return replace(
        plan,
        excluded=tuple(Exclusion(pool.address, one, other, "mispriced") for pool, one, other in directions),
    )
