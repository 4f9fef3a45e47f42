"""Small baskets against cvxpy and Clarabel, which solve the same convex program without integers."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import cvxpy
import numpy as np

from router.fixed_point import PIPS, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from scripts.bench.planned import exact_value, plan_all
from scripts.bench.random_basket import random_basket, raw_price
from scripts.bench.random_market import random_market
from scripts.bench.report import Section, ahead_bps, plain, prose, signed, times

CP: Any = cvxpy
POOLS, TOKENS = 55, 14
GENERATED = 90
"""Pools of which those without ticks are kept."""
MARKETS = 5
HELD, WANTED = 3, 4
MAX_RATIO = 0.3
"""Of a balance, in and out of a Balancer pool at once."""
RUNS = 9
PEER_RUNS = 3


@dataclass(frozen=True, slots=True)
class Solved:
    """Value in numeraire units, whole seconds with cvxpy's own work, seconds of the solver."""

    value: float
    seconds: float
    solver_seconds: float
    status: str


def convex() -> Section:
    """Markets of pools without ticks, because a solver of cones needs one curve for each pool."""
    figures = [_compare(seed) for seed in range(MARKETS)]
    rows = [
        [
            f"{each['pools']} pools, seed {each['seed']}",
            f"{each['ours']:,.2f}",
            signed(each["ahead_bps"], 4),
            signed(each["over_bound_bps"], 4),
            plain(each["gap_bps"]),
            f"{each['seconds'] * 1e3:.1f}",
            f"{each['peer_seconds'] * 1e3:.0f}",
            f"{each['solver_seconds'] * 1e3:.1f}",
            times(each["seconds"] / each["peer_seconds"]),
        ]
        for each in figures
    ]
    note = f"""Random markets of Uniswap v2 and Balancer pools, {HELD} tokens to {WANTED}, gas free, against
        cvxpy {version("cvxpy")} with Clarabel on the same program, in numeraire units and conic form.
        Ours is a plan in exact integers, order and certificate included; theirs is a point in floats
        that need not be feasible, which is why it may stand above the proven bound (fourth column).
        Times are warm medians; the ratio is to all of cvxpy's work, of which Clarabel's own share is
        shown."""
    columns = (
        "market",
        "ours",
        "ahead bp",
        "theirs over our bound bp",
        "gap bp",
        "ms",
        "cvxpy ms",
        "Clarabel ms",
        "÷ cvxpy",
    )
    return Section("Small baskets against cvxpy and Clarabel", prose(note), columns, rows, figures)


def small_market(seed: int) -> Snapshot:
    """Pools of one curve each."""
    market = random_market(GENERATED, TOKENS, seed=seed)
    kept = [pool for pool in market.pools if isinstance(pool, (UniswapV2Pool, BalancerV2WeightedPool))]
    return replace(market, pools=tuple(kept[:POOLS]))


def _compare(seed: int) -> dict[str, Any]:
    market = small_market(seed)
    used = {token for pool in market.pools for token in pool.tokens}
    basket = random_basket(market, held=HELD, wanted=WANTED, share=2.0, seed=seed, among=len(used))
    made = plan_all(market, [basket], RUNS)[0]
    solved = [solve(market, basket) for _ in range(PEER_RUNS + 1)][1:]
    theirs = solved[-1].value
    ours = exact_value(market, made.plan) if made.plan else 0.0
    certificate = made.plan.certificate if made.plan else None
    return {
        "seed": seed,
        "pools": len(market.pools),
        "ours": ours,
        "theirs": theirs,
        "status": solved[-1].status,
        "ahead_bps": ahead_bps(ours, theirs),
        "over_bound_bps": ahead_bps(theirs, certificate.upper_bound) if certificate else None,
        "gap_bps": made.gap_bps,
        "seconds": made.seconds,
        "peer_seconds": statistics.median(each.seconds for each in solved),
        "solver_seconds": statistics.median(each.solver_seconds for each in solved),
    }


def solve(market: Snapshot, basket: Portfolio) -> Solved:
    """The largest value of exactly the target weights: amounts in numeraire units over the basket's value."""
    start = time.perf_counter()
    tokens = sorted({token for pool in market.pools for token in pool.tokens} | set(basket.holdings))
    place = {token: index for index, token in enumerate(tokens)}
    price = np.array([raw_price(market, token) for token in tokens])
    held = np.array([basket.holdings.get(token, 0) for token in tokens]) * price
    unit = float(held.sum())
    wanted = np.array([basket.targets_wad.get(token, 0) / WAD for token in tokens])
    balance: Any = held / unit
    constraints = []
    for pool in market.pools:
        indices = [place[token] for token in pool.tokens]
        paid, got, rules = _pool(pool, price[indices] / unit)
        select = np.zeros((len(tokens), len(indices)))
        select[indices, range(len(indices))] = 1.0
        balance = balance + select @ (got - paid)
        constraints += [paid >= 0, got >= 0, *rules]
    value = CP.Variable()
    problem = CP.Problem(CP.Maximize(value), [*constraints, balance >= value * wanted])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # that means are built of second-order cones; that a point is inaccurate
        problem.solve(solver=CP.CLARABEL)
    spent = time.perf_counter() - start
    stats = problem.solver_stats
    return Solved(float(value.value) * unit, spent, float(stats.solve_time), str(problem.status))


def _pool(pool: Pool, scale: Any) -> tuple[Any, Any, list[Any]]:
    """Paid to the pool, got from it, and its rules; each reserve is scaled to one inside."""
    weighted = isinstance(pool, BalancerV2WeightedPool)
    if isinstance(pool, BalancerV2WeightedPool):
        balances: Sequence[int] = pool.balances
        weights, keep = [weight / WAD for weight in pool.weights], 1 - pool.swap_fee_wad / WAD
    else:
        assert isinstance(pool, UniswapV2Pool)
        balances, weights, keep = pool.reserves, [0.5, 0.5], 1 - pool.fee_pips / PIPS
    reserves = np.array(balances, dtype=float) * scale
    paid, got = CP.Variable(len(weights)), CP.Variable(len(weights))
    after = 1 + CP.multiply(1 / reserves, keep * paid - got)
    limits = [keep * paid <= MAX_RATIO * reserves, got <= MAX_RATIO * reserves] if weighted else []
    return paid, got, [CP.geo_mean(after, weights) >= 1, *limits]
