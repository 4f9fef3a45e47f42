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

from math import exp, log, sqrt

import numpy as np

from router.optimiser.arrays import Arrays, Floats, Response
from router.optimiser.compiled import compiled, inner
from router.optimiser.kernels import respond
from router.optimiser.laplacian import (
    Laplacian,
    conjugate_gradients,
    dense,
    diagonal_of,
    dot,
    factored_solve,
    laplacian,
)

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


@inner
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


@inner
def newton_step(
    hessian: Laplacian, diagonal: Floats, extra: Floats, slope: Floats, total: float, tolerance: float
) -> Floats:
    """Change of the logarithms of the prices, at most WIDEST each."""
    n = len(slope)
    side = np.empty(n)
    for i in range(n):
        side[i] = -slope[i]
    if n <= DENSE:
        matrix = dense(hessian, n)
        for i in range(n):
            for j in range(n):
                matrix[i, j] /= total
            matrix[i, i] += extra[i]
        move = factored_solve(matrix, side)
    else:
        move = conjugate_gradients(hessian, diagonal, extra, side, total, tolerance)
    widest = 0.0
    for i in range(n):
        widest = max(widest, abs(move[i]))
    if widest > WIDEST:
        for i in range(n):
            move[i] *= WIDEST / widest
    return move


@inner
def priced_after(u: Floats, move: Floats, wanted: Floats, out: Floats) -> None:
    """Sets `out` to the prices after a move, at which a unit of the target costs 1."""
    for i in range(len(u)):
        out[i] = u[i] * exp(move[i])
    unit = dot(wanted, out)
    for i in range(len(u)):
        out[i] /= unit


@compiled
def descend(
    pools: Arrays,
    held: Floats,
    wanted: Floats,
    start: Floats,
    blur: float,
    ghost: float,
    steps: int | np.int64,
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
    u, new, unit = np.empty(n), np.empty(n), dot(wanted, start)
    for i in range(n):
        u[i] = start[i] / unit
    at = empty_response(pools)
    net, new_net, slope, extra = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    damping, taken, residual, total, new_total = START_DAMPING, 0, np.inf, 0.0, 0.0
    fresh = True
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
        hessian = laplacian(u, pools, at)
        diagonal = diagonal_of(hessian, n)
        for i in range(n):
            diagonal[i] /= total
        accepted = False
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                damping = max(damping * RAISE, LEAST_RAISED)
            for i in range(n):
                extra[i] = damping * (diagonal[i] + abs(slope[i])) + FLOOR
            move = newton_step(hessian, diagonal, extra, slope, total, min(EASY, sqrt(residual)))
            priced_after(u, move, wanted, new)
            new_total = dot(held, new) + respond(new, pools, 1.0, blur, ghost, new_net, at)
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
        total = new_total
        u, new = new, u
        net, new_net = new_net, net
    return u, residual, total, taken
