"""Weighted pools as values, and what swaps of pairs through them earn: one after the other, in floats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, expm1, inf, log
from random import Random
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize

HIGH = log(1.3)
"""What Balancer lets into a balance at once."""
FEES = (0.0, 1e-6, 1e-4, 0.003, 0.01, 0.0333, 0.1, 0.4)
Swap = tuple[int, int, float]
"""(token in, token out, growth of the logarithm of the balance in after the fee)."""


@dataclass(frozen=True)
class Pool:
    """By token: value of the balance, weight, least and most change of its logarithm before fees."""

    worth: tuple[float, ...]
    weight: tuple[float, ...]
    keep: float
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        places = range(len(self.worth))
        return [(i, j) for i in places for j in places if i != j and self.high[i] > 0 and self.low[j] < 0]


def pool(
    worth: Iterable[float],
    weight: Iterable[float],
    fee: float,
    low: float | Iterable[float] = -inf,
    high: float | Iterable[float] = HIGH,
) -> Pool:
    worth, weight = tuple(worth), tuple(weight)
    lows = (low,) * len(worth) if isinstance(low, float | int) else tuple(low)
    highs = (high,) * len(worth) if isinstance(high, float | int) else tuple(high)
    return Pool(worth, tuple(each / sum(weight) for each in weight), 1 - fee, lows, highs)


def random_pool(seed: int, *, count: int | None = None, limits: bool = True) -> Pool:
    """2 to 8 tokens of any weights from 1 to 99, out of line with the prices by a thousandth up to all."""
    rng = Random(seed)
    count = count or rng.randint(2, 8)
    spread = 10 ** rng.uniform(-3, 0)
    weight = [rng.choice((1.0, 1.0, rng.uniform(1, 5), 99.0)) for _ in range(count)]
    worth = [each * exp(rng.gauss(0, spread)) for each in weight]
    low, high = [-inf] * count, [HIGH] * count
    if limits and rng.random() < 0.5:
        low = [rng.choice((-inf, 0.0, -(10 ** rng.uniform(-4, 0)))) for _ in range(count)]
        high = [rng.choice((HIGH, 0.0, HIGH * 10 ** rng.uniform(-3, 0))) for _ in range(count)]
    return pool(worth, weight, rng.choice(FEES), low, high)


def earned(pool: Pool, swaps: Iterable[Swap]) -> float:
    """By balances that start at 1; what is left in the pool of what it was worth is not earned."""
    balance = [1.0] * len(pool.worth)
    for i, j, growth in swaps:
        balance[j] *= exp(-growth * pool.weight[i] / pool.weight[j])
        balance[i] *= 1 + expm1(growth) / pool.keep
    return sum(worth * (1 - left) for worth, left in zip(pool.worth, balance, strict=True))


def _after_fee(growth: Any, keep: float) -> Any:
    """What the fee makes of the growth of a balance's logarithm: it stays there."""
    return np.log1p(np.expm1(growth) / keep)


def room(pool: Pool, swaps: Iterable[Swap]) -> list[float]:
    """What the limits leave: of what goes into each balance in all, and of what goes out of it."""
    into = [float(_after_fee(min(high, HIGH), pool.keep)) for high in pool.high]
    out = [min(-low, 30.0) for low in pool.low]
    for i, j, growth in swaps:
        into[i] -= float(_after_fee(growth, pool.keep))
        out[j] -= growth * pool.weight[i] / pool.weight[j]
    return into + out


def fits(pool: Pool, swaps: Iterable[Swap]) -> bool:
    return min(room(pool, swaps)) >= 0


def random_swaps(pool: Pool, rng: Random) -> list[Swap]:
    """Through tokens that are paid and taken too, several times through one pair, in any order."""
    share = 10 ** rng.uniform(-3, 0)
    swaps: list[Swap] = []
    for i, j in rng.choices(pool.pairs, k=rng.randint(1, 10)) if pool.pairs else ():
        most = min(pool.high[i], -pool.low[j] * pool.weight[j] / pool.weight[i], HIGH)
        swap = i, j, share * most * rng.random()
        swaps += [swap] if fits(pool, [*swaps, swap]) else []
    return swaps


def best_swaps(pool: Pool, rng: Random, starts: int = 4) -> list[Swap]:
    """The most profitable that a general optimiser finds, one swap per pair, from several starts."""
    pairs = pool.pairs
    if not pairs:
        return []
    best: tuple[float, list[Swap]] = 0.0, []
    for _ in range(starts):
        begin = [rng.random() * 10 ** rng.uniform(-4, -1) for _ in pairs]
        found: Any = minimize(
            lambda growth: -earned(pool, _swaps(pairs, growth)) / max(pool.worth) * 1e3,
            _shrunk(pool, pairs, begin),
            method="SLSQP",
            bounds=[(0, HIGH)] * len(pairs),
            constraints=[{"type": "ineq", "fun": lambda growth: room(pool, _swaps(pairs, growth))}],
            options={"ftol": 1e-14, "maxiter": 200},
        )
        swaps = _swaps(pairs, _shrunk(pool, pairs, np.clip(found.x, 0, HIGH)))
        best = max(best, (earned(pool, swaps), swaps))
    return best[1]


def _shrunk(pool: Pool, pairs: list[tuple[int, int]], growth: Any) -> Any:
    """As much of it as fits."""
    part, step = np.array(growth), 1e-12
    while not fits(pool, _swaps(pairs, part)):
        part, step = part * (1 - step), min(2 * step, 0.5)
    return part


def _swaps(pairs: list[tuple[int, int]], growth: Any) -> list[Swap]:
    return [(i, j, float(each)) for (i, j), each in zip(pairs, growth, strict=True)]


def swaps_of_one(pool: Pool, payer: int) -> list[Swap]:
    """The best where one token pays for all others: at one price of growth, what each sale pays for the last
    bit of it is that price, and so is what growth costs, or as much is paid as may be."""
    fee = 1 - pool.keep

    def growth(taken: int, price: float) -> float:
        ratio = pool.weight[payer] / pool.weight[taken]
        most = min(-pool.low[taken] / ratio, 30.0)

        def left(each: float) -> float:
            slope = 1 / (1 - fee * exp(-each))
            return log(pool.worth[taken] * ratio / price) - ratio * each - log(slope)

        if left(0.0) <= 0:
            return 0.0
        return most if left(most) >= 0 else float(brentq(left, 0, most, xtol=1e-16, rtol=1e-15))

    others = [taken for each, taken in pool.pairs if each == payer]

    def unsold(rise: float) -> float:
        price = pool.worth[payer] * exp(rise)
        most = min(rise, float(_after_fee(pool.high[payer], pool.keep)))
        return most - sum(float(_after_fee(growth(taken, price), pool.keep)) for taken in others)

    rise = 0.0 if unsold(0.0) >= 0 else float(brentq(unsold, 0, 60, xtol=1e-16, rtol=1e-15))
    price = pool.worth[payer] * exp(rise)
    return [(payer, taken, growth(taken, price)) for taken in others]
