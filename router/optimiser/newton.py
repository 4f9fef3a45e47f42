"""Damped Newton descent on the logarithm of the dual bound.

With u the token prices as multiples of the reference prices, h the value held and c the share wanted, per
token,

    F(u) = log(h . u + sum of the pools' profits at u) - log(c . u)

does not change with the scale of u. In t = log u its gradient is what is supplied less what is wanted, as
shares of the total, and its Hessian near the optimum the Laplacian of the swap graph, each trading pool an
edge weighted by its stiffness. The descent is damped as Levenberg and Marquardt's, for the Laplacian jumps
where pools start and stop to trade.

Source: Angeris et al. 2022 (arXiv 2204.05238) for the dual; Qi and Sun 1993 for Newton on semismooth
equations.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from router.optimiser.compiled import compiled
from router.optimiser.kernels import Arrays, Floats, Response, respond

DENSE = 96
"""Tokens up to which the Hessian is factored as a dense matrix; beyond, conjugate gradients are faster."""
WIDEST = 0.7
"""Largest change of a log price in one step."""
FLOOR = 1e-14
"""What the Hessian's diagonal is raised by, for tokens that no pool ties to another."""
FADE = 0.1
"""What is left of the pools' liquidity without fee, each time that the imbalance falls below LOOSE."""
LOOSE, LOOSE_LARGE = 1e-6, 1e-2
LAST_GHOST = 1e-7
EASY = 1e-2
"""Largest relative error of a step by conjugate gradients; it falls with the imbalance."""
MOST_TURNS = 400
ATTEMPTS = 14
START_DAMPING = 1e-3
RAISE, LOWER, LEAST_RAISED = 8.0, 8.0, 1e-2
"""How the damping answers to a step that fails, and to one that succeeds."""
DESCENT = 1e-4
NOISE = 1e-15
FLAT, FLAT_STEPS, FLAT_END = 1e-8, 3, 8
"""A step that lowers the bound by less than this share is flat; after so many the smoothing fades, or the
descent ends: large markets have pools so deep that their flows settle long after the bound has."""
LARGE = 400
"""Tokens beyond which a descent may end so."""
NEAR, PATIENCE = 1e-6, 6
"""Below NEAR, steps that do not halve the imbalance are due to rounding; after so many the descent ends."""


@compiled
def dot(one: Floats, other: Floats) -> float:
    """Sum of the products; numba's own would need SciPy, and its order of summation is the machine's."""
    total = 0.0
    for place in range(len(one)):
        total += one[place] * other[place]
    return total


@compiled
def empty_response(pools: Arrays) -> Response:
    ladders, basins, entries = len(pools.sold), len(pools.basin_keep), len(pools.token)
    return Response(
        np.zeros(ladders),
        np.zeros(ladders),
        np.zeros(ladders),
        np.zeros(entries),
        np.zeros(entries),
        np.zeros(ladders + entries),
        np.zeros(ladders + basins),
        np.zeros(ladders + basins),
        np.zeros(ladders + basins),
    )


@compiled
def edge_weight(k: int, u: Floats, pools: Arrays, at: Response) -> float:
    """The Laplacian's weight of one ladder."""
    traded = u[pools.bought[k]] * at.got[k]
    return float(at.share[k] * at.stiffness[k] + at.bend[k] * traded * traded + at.ghost[k])


@compiled
def pulls(b: int, pools: Arrays, at: Response) -> tuple[float, float]:
    """Sums over a basin's entries: of what responds with its fee, and without."""
    whole, ghosts, ladders = 0.0, 0.0, len(pools.sold)
    for e in range(pools.start[b], pools.start[b + 1]):
        whole += at.pull[e]
        ghosts += at.ghost[ladders + e]
    return whole, ghosts


@compiled
def laplacian(u: Floats, pools: Arrays, at: Response) -> Floats:
    """The pools' part of the Hessian, dense."""
    n, ladders = len(u), len(pools.sold)
    matrix = np.zeros((n, n))
    for k in range(ladders):
        weight = edge_weight(k, u, pools, at)
        if weight > 0:
            a, b = pools.sold[k], pools.bought[k]
            matrix[a, a] += weight
            matrix[b, b] += weight
            matrix[a, b] -= weight
            matrix[b, a] -= weight
    for b in range(len(pools.basin_keep)):
        share, bend = at.share[ladders + b], at.bend[ladders + b]
        whole, ghosts = pulls(b, pools, at)
        for e in range(pools.start[b], pools.start[b + 1]):
            i = pools.token[e]
            matrix[i, i] += share * at.pull[e] + at.ghost[ladders + e]
            for f in range(pools.start[b], pools.start[b + 1]):
                j = pools.token[f]
                if whole > 0:
                    matrix[i, j] -= share * at.pull[e] * at.pull[f] / whole
                if ghosts > 0:
                    matrix[i, j] -= at.ghost[ladders + e] * at.ghost[ladders + f] / ghosts
                if bend > 0:
                    matrix[i, j] += bend * u[i] * at.gain[e] * u[j] * at.gain[f]
    return matrix


@compiled
def laplacian_diagonal(u: Floats, pools: Arrays, at: Response) -> Floats:
    diagonal, ladders = np.zeros(len(u)), len(pools.sold)
    for k in range(ladders):
        weight = edge_weight(k, u, pools, at)
        diagonal[pools.sold[k]] += weight
        diagonal[pools.bought[k]] += weight
    for b in range(len(pools.basin_keep)):
        share, bend = at.share[ladders + b], at.bend[ladders + b]
        whole, ghosts = pulls(b, pools, at)
        for e in range(pools.start[b], pools.start[b + 1]):
            i, ghost = pools.token[e], at.ghost[ladders + e]
            if whole > 0:
                diagonal[i] += share * at.pull[e] * (1 - at.pull[e] / whole)
            if ghosts > 0:
                diagonal[i] += ghost * (1 - ghost / ghosts)
            diagonal[i] += bend * (u[i] * at.gain[e]) ** 2
    return diagonal


@compiled
def times_laplacian(x: Floats, u: Floats, pools: Arrays, at: Response, weights: Floats, out: Floats) -> None:
    """`weights`: of the ladders."""
    out[:] = 0.0
    ladders = len(pools.sold)
    for k in range(ladders):
        if weights[k] > 0:
            a, b = pools.sold[k], pools.bought[k]
            flow = weights[k] * (x[a] - x[b])
            out[a] += flow
            out[b] -= flow
    for b in range(len(pools.basin_keep)):
        share, bend = at.share[ladders + b], at.bend[ladders + b]
        whole, ghosts = pulls(b, pools, at)
        if whole + ghosts <= 0:
            continue
        level, ghost_level, along = 0.0, 0.0, 0.0
        for e in range(pools.start[b], pools.start[b + 1]):
            i = pools.token[e]
            level += at.pull[e] * x[i]
            ghost_level += at.ghost[ladders + e] * x[i]
            along += u[i] * at.gain[e] * x[i]
        for e in range(pools.start[b], pools.start[b + 1]):
            i = pools.token[e]
            if whole > 0:
                out[i] += share * at.pull[e] * (x[i] - level / whole)
            if ghosts > 0:
                out[i] += at.ghost[ladders + e] * (x[i] - ghost_level / ghosts)
            out[i] += bend * u[i] * at.gain[e] * along


@compiled
def factored_solve(matrix: Floats, side: Floats) -> Floats:
    """Solves with a symmetric positive definite matrix, which it overwrites by its factors L D L^T."""
    n = len(side)
    x = side.copy()
    for j in range(n):
        pivot = max(matrix[j, j], 1e-300)
        for i in range(j + 1, n):
            factor = matrix[i, j] / pivot
            if factor != 0.0:
                for k in range(j + 1, i + 1):
                    matrix[i, k] -= factor * matrix[k, j]
        for i in range(j + 1, n):
            matrix[i, j] /= pivot
            x[i] -= matrix[i, j] * x[j]
        matrix[j, j] = pivot
    for j in range(n - 1, -1, -1):
        x[j] /= matrix[j, j]
        for i in range(j + 1, n):
            x[j] -= matrix[i, j] * x[i]
    return x


@compiled
def conjugate_gradients(
    diagonal: Floats,
    extra: Floats,
    side: Floats,
    u: Floats,
    pools: Arrays,
    at: Response,
    total: float,
    tolerance: float,
) -> Floats:
    """Solves (Laplacian / total + diag(extra)) x = side, preconditioned by the diagonal."""
    x = np.zeros(len(side))
    rest = side.copy()
    whole = diagonal + extra
    weights = np.empty(len(pools.sold))
    for k in range(len(weights)):
        weights[k] = edge_weight(k, u, pools, at)
    z = rest / whole
    way = z.copy()
    along = np.empty(len(side))
    product = dot(rest, z)
    goal = tolerance * tolerance * product
    for _ in range(MOST_TURNS):
        if product <= goal:
            break
        times_laplacian(way, u, pools, at, weights, along)
        along = along / total + extra * way
        curvature = dot(way, along)
        if not curvature > 0:
            break
        step = product / curvature
        x += step * way
        rest -= step * along
        z = rest / whole
        new = dot(rest, z)
        way = z + (new / product) * way
        product = new
    return x


@compiled
def imbalance(u: Floats, held: Floats, wanted: Floats, net: Floats, total: float, slope: Floats) -> float:
    """Sets `slope` to what is supplied less what is wanted, as shares of the total; returns the sum of its
    magnitudes."""
    supplied = 0.0
    for i in range(len(u)):
        supplied += held[i] * u[i] + net[i]
    residual = 0.0
    for i in range(len(u)):
        slope[i] = (held[i] * u[i] + net[i] - supplied * wanted[i] * u[i]) / total
        residual += abs(slope[i])
    return residual


@compiled
def descend(
    pools: Arrays,
    held: Floats,
    wanted: Floats,
    start: Floats,
    blur: float,
    ghost: float,
    steps: int,
    tolerance: float,
    last: float,
) -> tuple[Floats, float, float, int]:
    """Prices at which what is supplied is what is wanted.

    Args:
        held: value per token.
        wanted: share of the final value per token.
        start: positive prices to start from.
        blur, ghost: see `respond`; ghost is where to start, and falls to `last`.
        tolerance: largest sum of imbalances, as a share of the total, at which the descent ends.

    Returns:
        (prices with wanted . u = 1, sum of imbalances, bound at them without rounding up, steps taken). The
        imbalance is infinite where the prices prove that nothing of the target can be reached.
    """
    n = len(held)
    u = start / dot(wanted, start)
    at, trial = empty_response(pools), empty_response(pools)
    net, new_net = np.empty(n), np.empty(n)
    slope = np.empty(n)
    damping, taken, residual, total = START_DAMPING, 0, np.inf, 0.0
    fresh, new = True, u
    least, idle, flat = np.inf, 0, 0
    loose = LOOSE_LARGE if n > LARGE else LOOSE
    while taken < steps:
        if fresh:
            total = dot(held, u) + respond(u, pools, 1.0, blur, ghost, net, at)
            fresh = False
        if not total > 0:
            residual = np.inf
            break
        residual = imbalance(u, held, wanted, net, total, slope)
        if ghost > 0 and (residual <= loose or flat >= FLAT_STEPS):
            if ghost <= last:
                break
            ghost = ghost * FADE if ghost > LAST_GHOST else 0.0
            fresh, least, idle, flat = True, np.inf, 0, 0
            continue
        if residual < least / 2:
            least, idle = residual, 0
        else:
            idle += 1
        if residual <= tolerance or (ghost == 0.0 and residual <= NEAR and idle > PATIENCE):
            break
        if flat >= FLAT_END and n > LARGE:
            break
        diagonal = laplacian_diagonal(u, pools, at) / total
        accepted = False
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                damping = max(damping * RAISE, LEAST_RAISED)
            extra = damping * (diagonal + np.abs(slope)) + FLOOR
            if n <= DENSE:
                matrix = laplacian(u, pools, at) / total
                for i in range(n):
                    matrix[i, i] += extra[i]
                move = factored_solve(matrix, -slope)
            else:
                move = conjugate_gradients(
                    diagonal, extra, -slope, u, pools, at, total, min(EASY, sqrt(residual))
                )
            widest = np.max(np.abs(move))
            if widest > WIDEST:
                move *= WIDEST / widest
            new = u * np.exp(move)
            new /= dot(wanted, new)
            new_total = dot(held, new) + respond(new, pools, 1.0, blur, ghost, new_net, trial)
            taken += 1
            if log(new_total / total) <= DESCENT * dot(slope, move) + NOISE:
                accepted = True
                break
        if not accepted and ghost > 0:
            damping, flat = START_DAMPING, FLAT_STEPS
            continue
        if not accepted:
            break
        damping /= LOWER
        flat = flat + 1 if new_total > total * (1 - FLAT) else 0
        u, total = new, new_total
        net, new_net = new_net, net
        at, trial = trial, at
    return u, residual, total, taken
