"""Checks a plan's certificate from its file and the snapshot alone, by formulas of its own.

The bound is weak duality: at any token prices nu, a trade that ends with shares s of the final value V obeys

    V * sum(s_i * nu_i / p_i)  <=  sum(nu_i * held_i) + sum over pools of the pool's best profit at nu

so V is at most the right side over the least that the shares within tolerance can cost. Pools count if all
their tokens have a dual price, in every direction that does not pay over MISPRICED_CAP more than the
reference prices. Nothing here is shared with the planner's search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import exp, expm1, fsum, isfinite, log

from router.errors import InputError, PoolError, RouterError
from router.fixed_point import BPS, PIPS, PRICE_ONE, Q96, WAD
from router.plan import Plan
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.replay import replay
from router.snapshot import Snapshot, price_text_to_e36
from router.tokens import Address

MISPRICED_CAP = 0.01
AGREEMENT = 1e-9
"""How near a figure of the plan must be to the one found here, as a share of it."""
DIGITS = 60
BISECTIONS = 100
ROUND_OFF = 4e-15
"""What a product of floats is rounded up by, as a share of its factors."""

Prices = Mapping[Address, float]
Directions = frozenset[tuple[Address, Address]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the dual prices prove, in numeraire units.

    Attributes:
        within_tolerance: no final value can be larger.
        same_weights: none can that ends at the plan's own weights.
        arbitrage: the pools' part of the proof, at these prices.
        pools: how many the proof covers; left_out, how many of the snapshot's it does not.
    """

    within_tolerance: float
    same_weights: float
    arbitrage: float
    pools: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what was found."""

    name: str
    ok: bool
    found: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A plan checked. `value` is that of the final holdings of held or wanted tokens."""

    value: float
    bounds: Bounds
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return all(finding.ok for finding in self.findings)


def references(plan: Plan, snapshot: Snapshot) -> dict[Address, float]:
    """Numeraire per raw unit: the plan's prices, the snapshot's where the plan has none."""
    texts = {**snapshot.prices, **plan.prices}
    return {
        token: price_text_to_e36(text, snapshot.tokens[token].decimals) / PRICE_ONE
        for token, text in texts.items()
        if token in snapshot.tokens
    }


def ends(plan: Plan) -> tuple[Address, ...]:
    """The tokens that are held or wanted."""
    held = {token for token, amount in plan.holdings_before.items() if amount}
    return tuple(sorted(held | {token for token, weight in plan.targets_wad.items() if weight}))


def upper_bounds(plan: Plan, snapshot: Snapshot) -> Bounds:
    """The bounds that the plan's dual prices prove on this snapshot.

    Raises:
        KeyError: a held or wanted token has no dual price.
    """
    reference, nu = references(plan, snapshot), plan.dual_prices
    admitted = [pool for pool in snapshot.pools if _admitted(pool, snapshot, nu)]
    profits = [_profit(pool, nu, _directions(pool, reference)) for pool in admitted]
    held = [nu[token] * plan.holdings_before.get(token, 0) for token in ends(plan)]
    most = fsum([*held, *profits])
    values = {token: reference[token] * plan.holdings_after.get(token, 0) for token in ends(plan)}
    cost = {token: nu[token] / reference[token] for token in ends(plan)}
    own = fsum(value * cost[token] for token, value in values.items()) / fsum(values.values())
    return Bounds(
        most / _least_cost(plan, cost),
        most / own,
        fsum(profits),
        len(admitted),
        len(snapshot.pools) - len(admitted),
    )


def _least_cost(plan: Plan, cost: Prices) -> float:
    """Of one unit of final value, its shares within tolerance of the targets: the cheap tokens get all they
    may."""
    tolerance = (plan.tolerance_bps or 0) / BPS
    target = {token: plan.targets_wad.get(token, 0) / WAD for token in cost}
    share = {token: max(0.0, target[token] - tolerance) for token in cost}
    for token in sorted(cost, key=lambda token: cost[token]):
        room = min(1.0, target[token] + tolerance) - share[token]
        share[token] += max(0.0, min(room, 1.0 - fsum(share.values())))
    return fsum(share[token] * cost[token] for token in cost)


def _admitted(pool: Pool, snapshot: Snapshot, nu: Prices) -> bool:
    return all(token in nu and not snapshot.transfer_tax_bps.get(token) for token in pool.tokens)


def _directions(pool: Pool, reference: Prices) -> Directions:
    """(token in, token out) of every direction that is not mispriced."""

    def fair(one: Address, other: Address) -> bool:
        try:
            rate = pool.spot_price(one, other) * reference[other] / reference[one]
        except (PoolError, ArithmeticError):
            return False
        return 0 < rate <= 1 + MISPRICED_CAP

    pairs = ((one, other) for one in pool.tokens for other in pool.tokens if one != other)
    return frozenset(pair for pair in pairs if fair(*pair))


def _profit(pool: Pool, nu: Prices, directions: Directions) -> float:
    """The most that trading with this pool alone earns at prices nu, never understated."""
    if isinstance(pool, UniswapV3Pool):
        return _range_profit(pool, nu, directions)
    if isinstance(pool, UniswapV2Pool):
        return _weighted_profit(
            pool, pool.reserves, (0.5, 0.5), (PIPS - pool.fee_pips) / PIPS, nu, directions
        )
    if isinstance(pool, BalancerV2WeightedPool):
        weights = tuple(weight / WAD for weight in pool.weights)
        return _weighted_profit(pool, pool.balances, weights, (WAD - pool.swap_fee_wad) / WAD, nu, directions)
    raise TypeError(f"no bound is known for {pool.kind}")


def _weighted_profit(
    pool: Pool,
    balances: tuple[int, ...],
    weights: tuple[float, ...],
    keep: float,
    nu: Prices,
    directions: Directions,
) -> float:
    if not directions or min(balances) <= 0:
        return 0.0
    sold, bought = {one for one, _ in directions}, {other for _, other in directions}
    rows = [
        _Row(nu[token] * balance, weight, token in sold, token in bought)
        for token, balance, weight in zip(pool.tokens, balances, weights, strict=True)
    ]
    return _invariant_profit(rows, keep)


@dataclass(frozen=True, slots=True)
class _Row:
    """One token of an invariant: its balance's value, its weight, whether it may be sold or bought."""

    value: float
    weight: float
    sell: bool
    buy: bool


def _invariant_profit(rows: list[_Row], keep: float) -> float:
    """Pool of invariant prod(balance**weight): any multiplier m of the invariant overstates the profit, that
    of no slack the least; it is bisected."""
    ratios = [log(row.value / row.weight) for row in rows]
    low, high = min(ratios), max(ratios) - log(keep)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        slack = fsum(row.weight * change for row, change, _ in _moves(rows, keep, middle))
        if slack == 0:
            break
        low, high = (middle, high) if slack < 0 else (low, middle)
    level = (low + high) / 2
    share = exp(level)
    return fsum(
        -row.value * expm1(change) / fee
        + share * row.weight * change
        + ROUND_OFF * abs(change) * (row.value / fee + share * row.weight)
        for row, change, fee in _moves(rows, keep, level)
    )


def _moves(rows: list[_Row], keep: float, level: float) -> Iterator[tuple[_Row, float, float]]:
    """(token, log of its balance's change as the invariant sees it, share of the payment that counts)."""
    for row in rows:
        change = level - log(row.value / row.weight)
        if row.buy and change < 0:
            yield row, change, 1.0
        elif row.sell and change + log(keep) > 0:
            yield row, change + log(keep), keep


def _range_profit(pool: UniswapV3Pool, nu: Prices, directions: Directions) -> float:
    """Concentrated liquidity: every range is traded as far as its marginal rate beats the token prices."""
    first, second = pool.tokens
    ticks, last = pool.ladder.ticks, len(pool.ladder.ticks)
    passed = sum(tick <= pool.tick for tick in ticks)
    total = Decimal(0)
    with localcontext() as context:
        context.prec = DIGITS
        keep = 1 - Decimal(pool.fee_pips) / PIPS
        price, other = Decimal(nu[first]), Decimal(nu[second])
        now = Decimal(pool.sqrt_price_x96) / Q96
        if not now:
            return 0.0
        if (first, second) in directions:
            goal = (price / (other * keep)).sqrt()
            start, liquidity = now, pool.liquidity
            for k in range(passed - 1, -1, -1):
                stop = max(goal, Decimal(sqrt_ratio_at_tick(ticks[k])) / Q96)
                if stop > start:
                    break
                paid, received = (1 / stop - 1 / start) / keep, start - stop
                total += max(liquidity, 0) * (other * received - price * paid)
                if stop == goal:
                    break
                start, liquidity = stop, liquidity - pool.ladder.nets[k]
        if (second, first) in directions:
            goal = (price * keep / other).sqrt()
            start, liquidity = now, pool.liquidity
            for k in range(passed, last):
                stop = min(goal, Decimal(sqrt_ratio_at_tick(ticks[k])) / Q96)
                if stop < start:
                    break
                paid, received = (stop - start) / keep, 1 / start - 1 / stop
                total += max(liquidity, 0) * (price * received - other * paid)
                if stop == goal:
                    break
                start, liquidity = stop, liquidity + pool.ladder.nets[k]
    return float(total)


def verify(plan: Plan, snapshot: Snapshot, snapshot_hash: str) -> Verification:
    """Replays the plan's integers and recomputes its bound.

    Args:
        snapshot_hash: of the snapshot given; must be the plan's own.

    Raises:
        InputError: the plan carries no certificate, or its figures are none.
    """
    reference = references(plan, snapshot)
    _require_certificate(plan, reference)
    try:
        bounds = upper_bounds(plan, snapshot)
        if not isfinite(bounds.within_tolerance + bounds.same_weights):
            raise OverflowError
    except (ArithmeticError, ValueError):
        raise InputError("are too extreme for any bound to be computed", path="dual_prices") from None
    value = fsum(reference[token] * plan.holdings_after.get(token, 0) for token in ends(plan))
    return Verification(
        value,
        bounds,
        (
            _of_snapshot(plan, snapshot, snapshot_hash),
            _replayed(plan, snapshot),
            _weights(plan, reference, value),
            _near("value after", plan.value_after, _value(plan.holdings_after, reference)),
            _near("value before", plan.value_before, _value(plan.holdings_before, reference)),
            _near("upper bound", plan.upper_bound or 0.0, bounds.within_tolerance),
            Finding(
                "value below bound",
                value <= bounds.within_tolerance * (1 + AGREEMENT),
                f"{value:.6f} of at most {bounds.within_tolerance:.6f}",
            ),
            _gap(plan, value),
        ),
    )


def _require_certificate(plan: Plan, reference: Prices) -> None:
    if plan.upper_bound is None or plan.gap_bps is None or plan.tolerance_bps is None or plan.program is None:
        raise InputError("carries no certificate: only plans that trade have one", path="upper_bound")
    for token in (*ends(plan), *(token for swap in plan.swaps for token in (swap.token_in, swap.token_out))):
        if token not in plan.dual_prices:
            raise InputError(f"lack {token}, which is held, wanted or traded", path="dual_prices")
    if not sum(plan.holdings_after.get(token, 0) for token in ends(plan)):
        raise InputError("nothing is left of what is held or wanted", path="holdings_after")
    for token, price in plan.dual_prices.items():
        if not reference.get(token):
            raise InputError(f"{token} has no price in plan and snapshot", path="dual_prices")
        if not (isfinite(price) and price > 0):
            raise InputError(f"{price} is no price", path=f"dual_prices.{token}")


def _of_snapshot(plan: Plan, snapshot: Snapshot, snapshot_hash: str) -> Finding:
    told = (plan.chain_id, plan.block_number, plan.snapshot_hash)
    equal = told == (snapshot.chain_id, snapshot.block_number, snapshot_hash)
    found = f"chain {snapshot.chain_id}, block {snapshot.block_number}, {snapshot_hash}"
    return Finding("snapshot", equal, found)


def _value(holdings: Mapping[Address, int], reference: Prices) -> float:
    return fsum(reference.get(token, 0.0) * amount for token, amount in holdings.items())


def _near(name: str, told: float, found: float) -> Finding:
    equal = abs(told - found) <= AGREEMENT * abs(found)
    return Finding(name, equal, f"{found:.6f}, the plan says {told:.6f}")


def _gap(plan: Plan, value: float) -> Finding:
    told, found = plan.gap_bps or 0.0, ((plan.upper_bound or 0.0) / value - 1) * BPS
    equal = abs(found - told) <= AGREEMENT * BPS
    return Finding("gap", equal, f"{found:.6f} bp, the plan says {told:.6f}")


def _weights(plan: Plan, reference: Prices, value: float) -> Finding:
    """Every held or wanted token's share of the final value, against its target and the plan's tolerance."""
    targets = plan.targets_wad
    off = max(
        abs(reference[token] * plan.holdings_after.get(token, 0) / value - targets.get(token, 0) / WAD)
        for token in ends(plan)
    )
    limit = plan.tolerance_bps or 0
    return Finding("weights", off * BPS <= limit + AGREEMENT, f"{off * BPS:.4f} bp off of {limit} allowed")


def _replayed(plan: Plan, snapshot: Snapshot) -> Finding:
    """The program, run on the exact pools, must do what the plan says, to the wei."""
    assert plan.program is not None
    try:
        outcome = replay(plan.program, snapshot, plan.holdings_before)
    except RouterError as error:
        return Finding("replay", False, str(error))
    after = {
        token: plan.holdings_before.get(token, 0) + outcome.balance_changes.get(token, 0)
        for token in {*plan.holdings_before, *outcome.balance_changes}
    }
    told = {token: plan.holdings_after.get(token, 0) for token in {*after, *plan.holdings_after}}
    amounts = tuple((swap.amount_in, swap.amount_out) for swap in plan.swaps)
    equal = amounts == outcome.swaps and after == told and dict(outcome.pulls) == dict(plan.pulls)
    return Finding("replay", equal, f"{len(amounts)} swaps, {'every' if equal else 'not every'} amount equal")
