"""`verify`: every figure of a plan and its certificate, found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import fsum, isfinite

from router.certificate.bounds import BAND_SLACK, Fees, Proof, Subject, bound
from router.certificate.profits import Prices
from router.errors import InputError, RouterError
from router.fixed_point import BPS, PRICE_ONE, WAD
from router.plan import CIRCLE, Certificate, Plan
from router.program import Swap
from router.replay import replay
from router.snapshot import Snapshot

AGREEMENT = 1e-9
"""How near a figure of the plan must be to the one found here, as a share of it."""
TARGET_ROOM = WAD // BPS // 2
"""How far a band may reach from its target where the landing is the target: half a basis point."""
EXTREME = 1e150
"""Prices from here up, and below its inverse, leave floats no room for what is computed from them."""
UNTRADED = 1e-6
"""How much of the portfolio's value a token may change by, from rounding, and still count as not traded."""
MOST_TICK_GAS = 50_000
"""Gas that crossing one initialised tick may be said to take."""
GAS_ROOM = 2
"""How many times the gas of a typical swap, at what the plan pays for gas, one pool may be said to cost."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what was found."""

    name: str
    ok: bool
    found: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A plan checked. All figures are found here, none is the plan's; numeraire units.

    Attributes:
        value: of the final holdings of held or wanted tokens, reserved amounts aside.
        net_value: less what gas costs by the plan.
        upper_bound: no value can be larger; net_bound, no net value.
        gap_bps: from net value to net bound, in bp of the net value.
        arbitrage: what the pools would pay, at most, to somebody who holds the target already.
        pools: how many the bounds cover; left_out, how many of the snapshot's they do not.
        excluded: directions of pools that they leave out.
    """

    value: float
    net_value: float
    upper_bound: float
    net_bound: float
    gap_bps: float
    arbitrage: float
    pools: int
    left_out: int
    excluded: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Case:
    """A plan, its certificate, and what was found of both."""

    plan: Plan
    told: Certificate
    subject: Subject
    gross: Proof
    net: Proof
    calm: Proof
    upper_bound: float
    net_bound: float
    arbitrage: float

    @property
    def value(self) -> float:
        return self.subject.value_after

    @property
    def net_value(self) -> float:
        return self.value - self.plan.cost.gas

    @property
    def gap_bps(self) -> float:
        return (self.net_bound / self.net_value - 1) * BPS


def verify(plan: Plan, snapshot: Snapshot, snapshot_hash: str) -> Verification:
    """Replays the plan's integers and recomputes its bounds.

    Args:
        snapshot_hash: of the snapshot given; must be the plan's own.

    Raises:
        InputError: the plan carries no certificate, or its figures are none.
    """
    case = _case(plan, snapshot)
    return Verification(
        case.value,
        case.net_value,
        case.upper_bound,
        case.net_bound,
        case.gap_bps,
        case.arbitrage,
        len(case.gross.profits),
        len(snapshot.pools) - len(case.gross.profits),
        len(plan.excluded),
        (
            _of_snapshot(plan, snapshot, snapshot_hash),
            _replayed(plan, snapshot),
            _pools(case),
            _exclusions(case),
            _bands(case),
            _weights(case),
            _near("value before", plan.value_before, case.subject.value_before),
            _near("value after", plan.value_after, case.value),
            *_bounds(case),
            _gas(case),
            *_gap(case),
            _near(
                "arbitrage",
                case.told.arbitrage,
                case.arbitrage,
                of=case.subject.value_before + case.arbitrage,
            ),
        ),
    )


def _case(plan: Plan, snapshot: Snapshot) -> _Case:
    told = plan.certificate
    if told is None or not plan.swaps or plan.tolerance_bps is None:
        raise InputError("carries no certificate: only plans that trade have one", path="upper_bound")
    subject = Subject.of(plan, snapshot)
    fees = Fees(told.base_gas, told.pool_gas, told.tick_gas)
    gross = _proof(subject, told.dual_prices, "dual_prices")
    net = _proof(subject, told.net_dual_prices, "net_dual_prices", told.tick_gas)
    sound = tuple(each for each in plan.excluded if each.reason != CIRCLE)
    offered = Subject.of(replace(plan, excluded=sound), snapshot)
    calm = _proof(offered, told.arbitrage_prices, "arbitrage_prices")
    held, value = subject.before, subject.value_before
    most = bound(subject.at_target, calm)
    figures = bound(held, gross), bound(held, net, fees), max(0.0, most - value)
    case = _Case(plan, told, subject, gross, net, calm, *figures)
    if not (value > 0 and case.value > 0 and case.net_value > 0):
        raise InputError("nothing of value is held, or left once gas is paid", path="holdings_after")
    if not isfinite(fsum(figures)):
        raise InputError("are too extreme for any bound to be computed", path="dual_prices")
    return case


def _proof(subject: Subject, nu: Prices, path: str, tick: float = 0.0) -> Proof:
    for token in subject.bands:
        if token not in nu:
            raise InputError(f"lack {token}, which is held or wanted", path=path)
    for token, price in nu.items():
        if not 1 / EXTREME < price < EXTREME:
            raise InputError(f"{price} is no price", path=f"{path}.{token}")
    try:
        return Proof.of(subject, nu, tick)
    except (ArithmeticError, ValueError):
        raise InputError("are too extreme for any bound to be computed", path=path) from None


def _near(name: str, told: float, found: float, *, of: float | None = None) -> Finding:
    equal = abs(told - found) <= AGREEMENT * abs(found if of is None else of)
    return Finding(name, equal, f"{found:.6f}, the plan says {told:.6f}")


def _of_snapshot(plan: Plan, snapshot: Snapshot, snapshot_hash: str) -> Finding:
    told = (plan.chain_id, plan.block_number, plan.snapshot_hash)
    equal = told == (snapshot.chain_id, snapshot.block_number, snapshot_hash)
    found = f"chain {snapshot.chain_id}, block {snapshot.block_number}, {snapshot_hash}"
    return Finding("snapshot", equal, found)


def _replayed(plan: Plan, snapshot: Snapshot) -> Finding:
    """The program, run on the exact pools, must do what the plan says, to the wei."""
    if plan.program is None:
        return _swapped(plan, snapshot)
    try:
        outcome = replay(plan.program, snapshot, plan.holdings_before)
    except RouterError as error:
        return Finding("replay", False, str(error))
    after = {
        token: plan.holdings_before.get(token, 0) + outcome.balance_changes.get(token, 0)
        for token in {*plan.holdings_before, *outcome.balance_changes}
    }
    told = {token: plan.holdings_after.get(token, 0) for token in {*after, *plan.holdings_after}}
    steps = plan.program.steps
    swaps = [(swap.pool, swap.token_in, swap.token_out) for swap in steps if isinstance(swap, Swap)]
    same = swaps == [(swap.pool, swap.token_in, swap.token_out) for swap in plan.swaps]
    amounts = tuple((swap.amount_in, swap.amount_out) for swap in plan.swaps)
    equal = amounts == outcome.swaps and after == told and dict(outcome.pulls) == dict(plan.pulls)
    ok = same and equal
    return Finding("replay", ok, f"{len(amounts)} swaps, {'every' if ok else 'not every'} amount equal")


def _swapped(plan: Plan, snapshot: Snapshot) -> Finding:
    """Where there is no program: the swaps alone give what the plan says, and spend only what is there."""
    pools, equal = dict(snapshot.pool_by_address), True
    left = dict.fromkeys({*plan.holdings_before, *plan.holdings_after}, 0) | dict(plan.holdings_before)
    for loan in plan.loans:
        left[loan.token] = left.get(loan.token, 0) + loan.amount
    try:
        for swap in plan.swaps:
            received, pools[swap.pool] = pools[swap.pool].swap(swap.token_in, swap.token_out, swap.amount_in)
            left[swap.token_in] = left.get(swap.token_in, 0) - swap.amount_in
            left[swap.token_out] = left.get(swap.token_out, 0) + received
            equal &= received == swap.amount_out and left[swap.token_in] >= 0
    except (RouterError, KeyError) as error:
        return Finding("replay", False, f"without a payload, swap by swap: {error}")
    for loan in plan.loans:
        left[loan.token] -= loan.amount + loan.premium
    ok = equal and all(raw == plan.holdings_after.get(token, 0) for token, raw in left.items())
    count = f"{len(plan.swaps)} swaps, {'every' if ok else 'not every'} amount equal"
    return Finding("replay", ok, f"{count}; there is no payload, so what the executor would enforce is not")


def _pools(case: _Case) -> Finding:
    """All three proofs are about the same pools, the plan's among them."""
    covered = case.gross.profits.keys()
    same = covered == case.net.profits.keys() == case.calm.profits.keys()
    missing = {swap.pool for swap in case.plan.swaps} - covered
    left_out = len(case.subject.snapshot.pools) - len(covered)
    found = f"{len(covered)} covered, {left_out} of the snapshot's left out"
    if missing:
        found += f", {len(missing)} of the plan's among them"
    return Finding("pools", same and not missing, found if same else f"{found}; not the same by all prices")


def _exclusions(case: _Case) -> Finding:
    """The plan trades in no direction that its bounds leave out."""
    closed = {(each.pool, each.token_in, each.token_out) for each in case.plan.excluded}
    used = sum((swap.pool, swap.token_in, swap.token_out) in closed for swap in case.plan.swaps)
    reasons = Counter(each.reason for each in case.plan.excluded).most_common()
    found = f"{len(closed)} directions left out"
    found += "".join(f", {count} {reason}" for reason, count in reasons)
    return Finding("exclusions", not used, f"{found}; the plan uses {used} of them" if used else found)


def _bands(case: _Case) -> Finding:
    """The bands lie where the landing allows the final weights to be."""
    plan, bands = case.plan, case.subject.bands
    room = (plan.tolerance_bps or 0) * WAD // BPS
    goals: Mapping[str, float] = {token: plan.targets_wad.get(token, 0) for token in bands}
    off = max(_reach(bands[token], goals[token]) for token in bands)
    found = f"up to {off / WAD * BPS:.4f} bp from the target, landing {plan.landing}"
    if plan.landing == "target":
        near, close = _goals(case), TARGET_ROOM + _rounding(case)
        hit = all(_reach(bands[token], near[token]) <= close for token in bands)
        return Finding("bands", hit and off <= max(room, TARGET_ROOM), found)
    allowed = plan.landing == "nearest" or (plan.landing == "band" and off <= room + BAND_SLACK)
    return Finding("bands", allowed and all(0 <= least <= most for least, most in bands.values()), found)


def _rounding(case: _Case) -> float:
    """Share of the value, times 10**18, that exact amounts of tokens that hardly divide may miss: two raw
    units of each token of each swap."""
    swaps, price = case.plan.swaps, case.subject.price_e36
    units = sum(price.get(swap.token_in, 0) + price.get(swap.token_out, 0) for swap in swaps)
    return 2 * units / PRICE_ONE / case.value * WAD


def _reach(band: tuple[int, int], goal: float) -> float:
    return max(goal - band[0], band[1] - goal)


def _goals(case: _Case) -> dict[str, float]:
    """Shares, times 10**18, that the target asks for where some tokens are not traded: these keep what they
    have, and the others divide the rest in proportion to their targets."""
    plan, value = case.plan, case.value
    kept = {
        token: worth / value * WAD
        for token, worth in case.subject.after.items()
        if abs(worth - case.subject.before[token]) <= UNTRADED * value
    }
    moved = {token: plan.targets_wad.get(token, 0) for token in case.subject.bands if token not in kept}
    scale = (WAD - fsum(kept.values())) / (sum(moved.values()) or 1)
    return {**kept, **{token: target * scale for token, target in moved.items()}}


def _weights(case: _Case) -> Finding:
    """The final shares lie within the bands."""
    shares = {token: worth / case.value * WAD for token, worth in case.subject.after.items()}
    bands = case.subject.bands
    off = max(max(bands[token][0] - share, share - bands[token][1]) for token, share in shares.items())
    where = "within" if off <= AGREEMENT * WAD else "outside of"
    return Finding("weights", where == "within", f"{abs(off) / WAD * BPS:.6f} bp {where} the bands")


def _bounds(case: _Case) -> Iterator[Finding]:
    yield _near("upper bound", case.told.upper_bound, case.upper_bound)
    yield _near("net bound", case.told.net_bound, case.net_bound)
    for name, value, most in (
        ("value within bound", case.value, case.upper_bound),
        ("net value within bound", case.net_value, case.net_bound),
    ):
        yield Finding(name, value <= most * (1 + AGREEMENT), f"{value:.6f} of at most {most:.6f}")


def _gas(case: _Case) -> Finding:
    """What the net bound deducts is no more than the plan pays, and for no pool more than its like costs."""
    plan, told, pools = case.plan, case.told, case.subject.snapshot.pool_by_address
    total, costs = plan.cost.gas, (told.base_gas, told.tick_gas, *told.pool_gas.values())
    least = told.base_gas + fsum(told.pool_gas.get(swap.pool, 0.0) for swap in plan.swaps)
    found = f"at least {least:.6f} of {total:.6f}"
    if not any(costs):
        same = dict(told.net_dual_prices) == dict(told.dual_prices)
        return Finding("gas", same and total >= 0, found if same else "is free, but the net prices differ")
    if not all(isfinite(cost) and cost >= 0 for cost in costs) or least > total * (1 + AGREEMENT):
        return Finding("gas", False, found)
    rate = GAS_ROOM * total / max(plan.gas_estimate, 1)
    dear = [
        pool
        for pool, cost in told.pool_gas.items()
        if pool in pools and cost > pools[pool].gas * rate + _own_gas(case, pool)
    ]
    if told.tick_gas > MOST_TICK_GAS * total / max(plan.gas_estimate, 1):
        return Finding("gas", False, f"{found}; a tick is said to cost {told.tick_gas:.6f}")
    if dear:
        found += f"; {len(dear)} pools are said to cost more than their like"
    return Finding("gas", not dear, found)


def _own_gas(case: _Case, pool: str) -> float:
    """What the snapshot says that a swap through the pool costs; 0 where it says nothing."""
    snapshot = case.subject.snapshot
    native = case.subject.price_e36.get(snapshot.native_token, 0) / PRICE_ONE
    return snapshot.pool_gas_cost_wei.get(pool, 0) * native


def _gap(case: _Case) -> Iterator[Finding]:
    told, found = case.told, case.gap_bps
    near = AGREEMENT * (BPS + abs(found))
    yield Finding(
        "gap", abs(told.gap_bps - found) <= near, f"{found:.6f} bp, the plan says {told.gap_bps:.6f}"
    )
    parts = told.parts
    total = fsum((parts.gas, parts.integers, parts.bounds))
    words = f"{parts.gas:.6f} gas, {parts.integers:.6f} integers, {parts.bounds:.6f} bounds"
    yield Finding("gap parts", abs(total - found) <= near, words)
