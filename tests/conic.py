"""The best flows as a conic program for Clarabel, written from the pools themselves.

    maximise V   subject to   held + what the pools give - what they take >= V * wanted

A range of constant liquidity L from root price r takes x after the fee and gives y with
(L r + x) (L / r - y) >= L**2. With x = s L r a and y = (s L / r) (a - s b), where s scales a to about one,
that is b (1 + s a) >= a**2: a second-order cone. A weighted pool holds
sum of weight * log(balance after / before) >= 0, by exponential cones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, expm1, log1p, sqrt
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from router.fixed_point import PIPS, Q96, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.tick_math import sqrt_ratio_at_tick
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from tests.optimiser_markets import Case

MOST = 0.3
"""Share of a Balancer balance that may come in, after the fee."""
TOLERANCE = 1e-11
PLENTY = 1e4
"""Multiples of the held value that no range is ever asked to take."""
Row = dict[int, float]


@dataclass(frozen=True, slots=True)
class Optimum:
    """`value` in numeraire units; `left`: value by column beyond what the target needs; `exact`: whether
    Clarabel met its full tolerances."""

    value: float
    left: Any
    exact: bool


@dataclass
class _Program:
    """Rows b - A x in a cone, gathered per kind of cone."""

    size: float
    variables: int = 1
    flows: dict[int, Row] = field(default_factory=dict)
    above: list[tuple[Row, float]] = field(default_factory=list)
    cones: list[tuple[Any, list[tuple[Row, float]]]] = field(default_factory=list)

    def variable(self) -> int:
        self.variables += 1
        return self.variables - 1

    def flow(self, column: int, variable: int, value: float) -> None:
        row = self.flows.setdefault(column, {})
        row[variable] = row.get(variable, 0.0) + value

    def at_least(self, row: Row, low: float) -> None:
        self.above.append((row, -low))


def _range(
    program: _Program, root: float, size: float, keep: float, ends: tuple[int, int]
) -> tuple[int, float]:
    """One range of `size` (liquidity in value units over the held value): its variable, and the amount in
    after the fee per unit of that variable."""
    scale = min(1.0, size * root)
    s = scale / (size * root)
    a, b = program.variable(), program.variable()
    program.cones.append(
        (
            clarabel.SecondOrderConeT(3),
            [({b: 1.0, a: s}, 1.0), ({a: 2.0}, 0.0), ({b: 1.0, a: -s}, -1.0)],
        )
    )
    program.at_least({a: 1.0}, 0.0)
    program.flow(ends[0], a, -scale / keep)
    program.flow(ends[1], a, scale / root**2)
    program.flow(ends[1], b, -scale * s / root**2)
    return a, scale


def _room(keep: float) -> float:
    """Share of a limit of the price that a trade may use where its fee stays in the pool."""
    return 2 * keep / (1 + keep)


def _direction(
    program: _Program,
    ranges: list[tuple[float, float, float]],
    keep: float,
    ends: tuple[int, int],
    widest: float,
    depth_share: float,
    depth_move: float,
) -> None:
    """`ranges`: (root price, root price at its end, liquidity in value units over the held value)."""
    if not ranges:
        return
    start = ranges[0][0]
    total: Row = {}
    for low, high, size in ranges:
        end = min(high, start * exp(widest / 2))
        if size <= 0 or end <= low:
            continue
        a, scale = _range(program, low, size, keep, ends)
        if size * (end - low) < PLENTY:
            program.at_least({a: -1.0}, -size * (end - low) / scale)
        total[a] = scale
    if depth_share < np.inf and total:
        marked = start * exp(depth_move / 2)
        depth = sum(size * max(min(high, marked) - low, 0.0) for low, high, size in ranges)
        largest = max(total.values())
        program.at_least({a: -scale / largest for a, scale in total.items()}, -depth_share * depth / largest)


def _weighted(
    program: _Program,
    pool: BalancerV2WeightedPool,
    members: list[tuple[int, float]],
    flags: list[tuple[bool, bool, float]],
    depth_share: float,
    depth_move: float,
) -> None:
    """`members`: (column, value of the balance over the held value); `flags`: (pool takes, pool gives, most
    move of the price)."""
    keep = 1 - pool.swap_fee_wad / WAD
    logs: Row = {}
    for (column, value), weight_wad, (takes, gives, widest) in zip(members, pool.weights, flags, strict=True):
        weight = weight_wad / WAD
        paid, got, change = program.variable(), program.variable(), program.variable()
        high = min(log1p(MOST), widest * (1 - weight))
        if depth_share < np.inf:
            high = min(high, log1p(depth_share * expm1(depth_move * (1 - weight))))
        low = -widest * (1 - weight)
        program.at_least({paid: 1.0}, 0.0)
        program.at_least({paid: -1.0}, -expm1(high) if takes else 0.0)
        program.at_least({got: 1.0}, 0.0)
        program.at_least({got: -1.0}, expm1(low) if gives else 0.0)
        program.flow(column, paid, -value / keep)
        program.flow(column, got, value)
        program.cones.append(
            (
                clarabel.ExponentialConeT(),
                [({change: 1.0}, 0.0), ({}, 1.0), ({paid: 1.0, got: -1.0}, 1.0)],
            )
        )
        logs[change] = weight
    program.at_least(logs, 0.0)


def _pair(pool: UniswapV2Pool | UniswapV3Pool) -> tuple[list[Any], list[Any]]:
    """Ranges (root, root at the end, liquidity) in raw units, selling the first token, then the second."""
    if isinstance(pool, UniswapV2Pool):
        first, second = pool.reserves
        root, size, most = sqrt(first / second), sqrt(first) * sqrt(second), float(1 << 112)
        return [(root, root * most / first, size)], [(1 / root, most / second / root, size)]
    up, down = [], []
    now, size = pool.sqrt_price_x96 / Q96, pool.liquidity
    for tick, net in (pair for pair in pool.ticks if pair[0] > pool.tick):
        edge = sqrt_ratio_at_tick(tick) / Q96
        up.append((now, edge, size))
        now, size = edge, size + net
    now, size = pool.sqrt_price_x96 / Q96, pool.liquidity
    for tick, net in reversed([pair for pair in pool.ticks if pair[0] <= pool.tick]):
        edge = sqrt_ratio_at_tick(tick) / Q96
        down.append((1 / now, 1 / edge, size))
        now, size = edge, size - net
    return down, up


def program_of(case: Case) -> _Program:
    market, terms, book = case.market, case.market.terms, case.market.book
    program = _Program(case.value)
    ladder = {
        (int(book.ladder_pool[k]), int(book.sold[k])): bool(terms.ladders[k]) for k in range(len(book.sold))
    }
    basin = {int(pool): b for b, pool in enumerate(book.basin_pool)}
    used = set(market.basins.tolist())
    for place, pool in enumerate(book.pools):
        tokens = [book.place[token] for token in pool.tokens]
        units = [terms.prices[token] for token in tokens]
        columns = [int(market.column[token]) for token in tokens]
        if isinstance(pool, BalancerV2WeightedPool):
            if basin[place] not in used:
                continue
            entries = range(book.start[basin[place]], book.start[basin[place] + 1])
            _weighted(
                program,
                pool,
                [
                    (column, balance * unit / program.size)
                    for column, balance, unit in zip(columns, pool.balances, units, strict=True)
                ],
                [
                    (
                        bool(terms.sells[e]),
                        bool(terms.buys[e]),
                        float(terms.widest[token]) * (1 - pool.swap_fee_wad / WAD),
                    )
                    for e, token in zip(entries, tokens, strict=True)
                ],
                terms.depth_share,
                terms.depth_move,
            )
            continue
        assert isinstance(pool, UniswapV2Pool | UniswapV3Pool)
        for (sold, bought), ranges in zip(((0, 1), (1, 0)), _pair(pool), strict=True):
            if not ladder[place, tokens[sold]]:
                continue
            stretch = sqrt(units[sold]) / sqrt(units[bought])
            size = sqrt(units[0]) * sqrt(units[1]) / program.size
            _direction(
                program,
                [(low * stretch, high * stretch, liquidity * size) for low, high, liquidity in ranges],
                1 - pool.fee_pips / PIPS,
                (columns[sold], columns[bought]),
                min(terms.widest[tokens[0]], terms.widest[tokens[1]]) * _room(1 - pool.fee_pips / PIPS),
                terms.depth_share,
                terms.depth_move,
            )
    return program


def optimum(case: Case) -> Optimum:
    program, goal = program_of(case), case.goal
    rows = list(program.above)
    for column in range(case.market.columns):
        row = program.flows.get(column, {}) | {0: -float(goal.wanted[column])}
        rows.append((row, float(goal.held[column]) / program.size))
    balance = slice(len(program.above), len(rows))
    cones = [clarabel.NonnegativeConeT(len(rows))]
    for cone, group in program.cones:
        cones.append(cone)
        rows.extend(group)
    places, columns, values = [], [], []
    for k, (row, _) in enumerate(rows):
        for variable, value in row.items():
            places.append(k)
            columns.append(variable)
            values.append(-value)
    matrix = sparse.csc_matrix((values, (places, columns)), shape=(len(rows), program.variables))
    aim = np.zeros(program.variables)
    aim[0] = -1.0
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = settings.reduced_tol_feas = 1e-8
    nothing = sparse.csc_matrix((program.variables, program.variables))
    found = clarabel.DefaultSolver(
        nothing, aim, matrix, np.array([b for _, b in rows]), cones, settings
    ).solve()
    left = np.array(found.s)[balance] * program.size
    return Optimum(
        float(found.x[0]) * program.size,
        left,
        found.status in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved),
    )
