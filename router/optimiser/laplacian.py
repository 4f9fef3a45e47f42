"""The swap graph's Laplacian, each pool that answers to prices an edge weighted by its stiffness, and
what a Newton step needs of it. Sums have one order: that of numba's own dot product, which would need SciPy,
is the machine's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Ints, Response
from router.optimiser.compiled import compiled, inner

MOST_TURNS = 400


class Laplacian(NamedTuple):
    """The pools' part of the Hessian, as a sum over pools; it owns its arrays.

    Ladders that answer to prices are edges: `sold`, `bought` and `weight`. Basin b has entries start[b] to
    start[b + 1] of `token`, `pull`, `ghost` (see `router.optimiser.kernels.Response`) and `worth`, the gain
    in value at u; `share` and `bend` are the basin's own.
    """

    sold: Ints
    bought: Ints
    weight: Floats
    start: Ints
    token: Ints
    pull: Floats
    ghost: Floats
    worth: Floats
    share: Floats
    bend: Floats


@compiled
def laplacian(u: Floats, pools: Arrays, at: Response) -> Laplacian:
    """Of the pools' response at u."""
    every_sold, every_bought, got = pools.sold, pools.bought, at.got
    share, bend, stiffness, ghost = at.share, at.bend, at.stiffness, at.ghost
    ladders = len(every_sold)
    weights = np.empty(ladders)
    count = 0
    for k in range(ladders):
        traded = u[every_bought[k]] * got[k]
        weights[k] = share[k] * stiffness[k] + bend[k] * traded * traded + ghost[k]
        count += weights[k] > 0
    sold, bought, weight = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
    count = 0
    for k in range(ladders):
        if weights[k] > 0:
            sold[count], bought[count], weight[count] = every_sold[k], every_bought[k], weights[k]
            count += 1
    token, gain = pools.token, at.gain
    worth = np.empty(len(token))
    for e in range(len(token)):
        worth[e] = u[token[e]] * gain[e]
    return Laplacian(
        sold,
        bought,
        weight,
        pools.start,
        token,
        at.pull.copy(),
        ghost[ladders:].copy(),
        worth,
        share[ladders:].copy(),
        bend[ladders:].copy(),
    )


@inner
def total_of(values: Floats, begin: int, end: int) -> float:
    total = 0.0
    for e in range(begin, end):
        total += values[e]
    return total


@compiled
def dense(of: Laplacian, n: int) -> Floats:
    """The matrix, of n rows."""
    sold, bought, weight = of.sold, of.bought, of.weight
    start, token, pull, ghost, worth = of.start, of.token, of.pull, of.ghost, of.worth
    share, bend = of.share, of.bend
    matrix = np.zeros((n, n))
    for k in range(len(weight)):
        a, b = sold[k], bought[k]
        matrix[a, a] += weight[k]
        matrix[b, b] += weight[k]
        matrix[a, b] -= weight[k]
        matrix[b, a] -= weight[k]
    for b in range(len(share)):
        whole, ghosts = total_of(pull, start[b], start[b + 1]), total_of(ghost, start[b], start[b + 1])
        for e in range(start[b], start[b + 1]):
            i = token[e]
            matrix[i, i] += share[b] * pull[e] + ghost[e]
            for f in range(start[b], start[b + 1]):
                j = token[f]
                if whole > 0:
                    matrix[i, j] -= share[b] * pull[e] * pull[f] / whole
                if ghosts > 0:
                    matrix[i, j] -= ghost[e] * ghost[f] / ghosts
                if bend[b] > 0:
                    matrix[i, j] += bend[b] * worth[e] * worth[f]
    return matrix


@compiled
def diagonal_of(of: Laplacian, n: int) -> Floats:
    """The matrix's diagonal, of n entries."""
    sold, bought, weight = of.sold, of.bought, of.weight
    start, token, pull, ghost, worth = of.start, of.token, of.pull, of.ghost, of.worth
    share, bend = of.share, of.bend
    diagonal = np.zeros(n)
    for k in range(len(weight)):
        diagonal[sold[k]] += weight[k]
        diagonal[bought[k]] += weight[k]
    for b in range(len(share)):
        whole, ghosts = total_of(pull, start[b], start[b + 1]), total_of(ghost, start[b], start[b + 1])
        for e in range(start[b], start[b + 1]):
            i = token[e]
            if whole > 0:
                diagonal[i] += share[b] * pull[e] * (1 - pull[e] / whole)
            if ghosts > 0:
                diagonal[i] += ghost[e] * (1 - ghost[e] / ghosts)
            diagonal[i] += bend[b] * (worth[e] * worth[e])
    return diagonal


@compiled
def times(of: Laplacian, x: Floats, out: Floats) -> None:
    """Sets `out` to the product with x."""
    sold, bought, weight = of.sold, of.bought, of.weight
    start, token, pull, ghost, worth = of.start, of.token, of.pull, of.ghost, of.worth
    share, bend = of.share, of.bend
    for i in range(len(out)):
        out[i] = 0.0
    for k in range(len(weight)):
        a, b = sold[k], bought[k]
        flow = weight[k] * (x[a] - x[b])
        out[a] += flow
        out[b] -= flow
    for b in range(len(share)):
        whole, ghosts, level, ghost_level, along = 0.0, 0.0, 0.0, 0.0, 0.0
        for e in range(start[b], start[b + 1]):
            at = x[token[e]]
            whole += pull[e]
            ghosts += ghost[e]
            level += pull[e] * at
            ghost_level += ghost[e] * at
            along += worth[e] * at
        if whole + ghosts <= 0:
            continue
        for e in range(start[b], start[b + 1]):
            i = token[e]
            if whole > 0:
                out[i] += share[b] * pull[e] * (x[i] - level / whole)
            if ghosts > 0:
                out[i] += ghost[e] * (x[i] - ghost_level / ghosts)
            out[i] += bend[b] * worth[e] * along


@compiled
def factored_solve(matrix: Floats, side: Floats) -> Floats:
    """Solves with a symmetric positive definite matrix, which it overwrites by its factors L D L^T."""
    n = len(side)
    x, column = side.copy(), np.empty(n)
    for j in range(n):
        pivot = max(matrix[j, j], 1e-300)
        for i in range(j + 1, n):
            column[i] = matrix[i, j]
        for i in range(j + 1, n):
            factor = column[i] / pivot
            if factor != 0.0:
                for k in range(j + 1, i + 1):
                    matrix[i, k] -= factor * column[k]
            matrix[i, j] = factor
            x[i] -= factor * x[j]
        matrix[j, j] = pivot
    for j in range(n - 1, -1, -1):
        x[j] /= matrix[j, j]
        for i in range(j + 1, n):
            x[j] -= matrix[i, j] * x[i]
    return x


@compiled
def conjugate_gradients(
    of: Laplacian, diagonal: Floats, extra: Floats, side: Floats, total: float, tolerance: float
) -> Floats:
    """Solves (Laplacian / total + diag(extra)) x = side, preconditioned by the diagonal."""
    n = len(side)
    x, rest, along = np.zeros(n), side.copy(), np.empty(n)
    z, way = np.empty(n), np.empty(n)
    product = 0.0
    for i in range(n):
        z[i] = rest[i] / (diagonal[i] + extra[i])
        way[i] = z[i]
        product += rest[i] * z[i]
    goal = tolerance * tolerance * product
    for _ in range(MOST_TURNS):
        if product <= goal:
            break
        times(of, way, along)
        curvature = 0.0
        for i in range(n):
            along[i] = along[i] / total + extra[i] * way[i]
            curvature += way[i] * along[i]
        if not curvature > 0:
            break
        step, new = product / curvature, 0.0
        for i in range(n):
            x[i] += step * way[i]
            rest[i] -= step * along[i]
            z[i] = rest[i] / (diagonal[i] + extra[i])
            new += rest[i] * z[i]
        for i in range(n):
            way[i] = z[i] + (new / product) * way[i]
        product = new
    return x


@compiled
def dot(one: Floats, other: Floats) -> float:
    total = 0.0
    for place in range(len(one)):
        total += one[place] * other[place]
    return total
