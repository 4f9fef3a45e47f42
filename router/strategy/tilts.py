"""Moves of target weights: to a volatility, with momentum or against it, along a path in time.

Pure functions of weights and of what was known when they were called: returns are passed oldest first, and
the last row is the newest that may be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router.errors import InputError, Unaffordable
from router.fixed_point import apportioned
from router.strategy.covariance import check_returns
from router.strategy.guards import GuardRails, check_weights, finite

Floats = NDArray[np.float64]


def volatility_targeted(
    weights: ArrayLike, covariance: ArrayLike, *, volatility: float, cash: int, most: float = 1.0
) -> Floats:
    """Weights scaled by min(most, volatility / their own volatility), the rest in cash.

    Args:
        weights: (n,) summing to 1.
        covariance: annual, (n, n), of any rank; of the coming period, if forecast.
        volatility: annual, wanted.
        cash: index of the asset that takes the rest.
        most: the largest scale, at most 1: no borrowing.

    Raises:
        Unaffordable: a scale above 1.
        InputError: a volatility of 0 or less, no such cash, or weights that make no sense.
        NotFinite: NaN or infinity.
    """
    held = check_weights(weights)
    matrix = finite(covariance, "covariance", dimensions=2)
    if matrix.shape != (held.size, held.size):
        raise InputError(f"{held.size} weights, shape {matrix.shape}", path="covariance")
    if not 0 <= cash < held.size:
        raise InputError(f"there are {held.size} assets, no number {cash}", path="cash")
    for name, value in (("volatility", volatility), ("most", most)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"should be a positive number, is {value}", path=name)
    if most > 1:
        raise Unaffordable(f"a scale of {most:.9g} takes more than the portfolio is worth", path="most")
    risky = held.copy()
    risky[cash] = 0.0
    own = max(float(risky @ matrix @ risky), 0.0) ** 0.5
    scaled = risky * (min(most, volatility / own) if own > 0 else most)
    scaled[cash] = max(1.0 - scaled.sum(), 0.0)
    return scaled


def momentum(returns: ArrayLike, window: int) -> Floats:
    """Signal by asset: return of the last `window` rows over its own noise, less the mean of the risky ones.

    Args:
        returns: (rows, n) log returns, oldest first.

    Returns:
        (n,) in standard deviations; 0 for an asset that never moves. The tilt to what fell is its negative.

    Raises:
        InsufficientHistory: fewer rows than the window.
        InputError: a window below 2.
        NotFinite: NaN or infinity.
    """
    recent = _last(returns, window)
    noise = recent.std(axis=0, ddof=1) * np.sqrt(window)
    return _centred(recent.sum(axis=0), noise)


def mean_reversion(returns: ArrayLike, window: int) -> Floats:
    """Signal by asset: how far its log price is below its mean over `window` rows, in deviations of it.

    Arguments, result and errors as for `momentum`; positive for what is cheap against its own past.
    """
    levels = np.cumsum(_last(returns, window), axis=0)
    return _centred(levels.mean(axis=0) - levels[-1], levels.std(axis=0, ddof=1))


def tilted(
    base: ArrayLike,
    signal: ArrayLike,
    *,
    strength: float,
    rails: GuardRails,
    current: ArrayLike | None = None,
) -> Floats:
    """Base weights times exp(strength * signal), within guard rails.

    The exponentiated update of Helmbold, Schapire, Singer and Warmuth 1998: an asset of weight 0 stays at 0
    unless a floor lifts it.

    Args:
        base: (n,) summing to 1.
        signal: (n,) e.g. `momentum` or `mean_reversion`.
        strength: logarithm of the weight's ratio at a signal of 1.
        current: (n,) weights of the last update, for the step; None for a first one.

    Raises:
        InfeasibleWeights: rails that leave no weights.
        InputError, Unaffordable, NotFinite: as `check_weights`; a signal of another size.
    """
    held, push = check_weights(base), finite(signal, "signal")
    if push.size != held.size:
        raise InputError(f"{push.size} entries for {held.size} weights", path="signal")
    if not np.isfinite(strength):
        raise InputError(f"should be a number, is {strength}", path="strength")
    exponents = strength * push
    largest = float(exponents[np.flatnonzero(held)].max())
    wanted = held * np.exp(np.minimum(exponents - largest, 0.0))
    return rails.apply(wanted / wanted.sum(), current)


def glide(
    start: Sequence[int], end: Sequence[int], *, begins: datetime, ends: datetime, at: datetime
) -> tuple[int, ...]:
    """Weights on the straight line from `start` to `end`; one of them before and after.

    Args:
        start, end: parts of the same whole, such as 10**18; so is what is returned.

    Raises:
        InputError: a time without a time zone, an end that is not after the beginning, weights of different
            sizes or sums.
    """
    if len(start) != len(end):
        raise InputError(f"{len(end)} weights, {len(start)} at the start", path="end")
    if (whole := sum(start)) != sum(end):
        raise InputError(f"weights sum to {sum(end)}, to {whole} at the start", path="end")
    for name, time in (("begins", begins), ("ends", ends), ("at", at)):
        if time.tzinfo is None:
            raise InputError(f"{time.isoformat()} has no time zone", path=name)
    if ends <= begins:
        raise InputError(f"{ends.isoformat()} is not after {begins.isoformat()}", path="ends")
    length, gone = ((time - begins) // datetime.resolution for time in (ends, at))
    share = Fraction(min(max(gone, 0), length), length)
    return tuple(apportioned([(a + (b - a) * share) / whole for a, b in zip(start, end, strict=True)], whole))


def _last(returns: ArrayLike, window: int) -> Floats:
    if window < 2:
        raise InputError(f"should be at least 2, is {window}", path="window")
    return check_returns(returns, rows=window)[-window:]


def _centred(values: Floats, noise: Floats) -> Floats:
    """Values in units of their noise less their mean, over the assets that have noise."""
    moving = noise > 1e-12
    result = np.divide(values, noise, out=np.zeros_like(values), where=moving)
    if moving.any():
        result[moving] -= result[moving].mean()
    return result
