"""What a pooled vault loses to arbitrageurs, beside what trading costs: who rebalances, the AMM or its owner?

A pool that keeps its weights sells to arbitrageurs at stale prices. What they make of it, the loss versus
rebalancing, is per year and unit of value

    (sum w_i S_ii - w' S w) / 2        for two assets w (1 - w) s**2 / 2, at equal weights s**2 / 8

which is the excess growth of the same weights: the pool gives away what rebalancing at fair prices realises.
With a fee, and blocks a fixed time apart, it keeps all but 2 / (2 + k g / s_b) of that, where s_b is the
volatility of one block, k = sqrt(2 pi) / |zeta(1/2)|, and g the spread: the whole width, as a logarithm, of
the prices that the pool does not trade at, twice what the fee takes off on one side.

Figures are for a window that has passed, from the covariance measured in it: attribution, never a forecast.

Source: Milionis, Moallemi, Roughgarden & Zhang 2022; Nezlobin & Tassy 2025 (arXiv 2505.05113).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from router.errors import InputError
from router.strategy.attribution import Attribution, excess_growth_rate

SECONDS_PER_YEAR = 365.25 * 86_400
BLOCK_SECONDS = 12.0
"""Between two blocks of Ethereum."""
ZETA_HALF = -1.4603545088095868
"""Riemann's zeta at 1/2."""
SPREAD_WEIGHT = sqrt(2 * pi) / abs(ZETA_HALF)


@dataclass(frozen=True, slots=True)
class PoolingAttribution:
    """Both ways of keeping weights over one past window, in shares of value per year. What trades for other
    reasons would have paid to the pool is not counted.

    Attributes:
        loss_without_fee: to arbitrageurs, were the pool free and time continuous.
        loss_to_arbitrageurs: net of the fees that they pay.
        trading_cost: fees, impact, gas and premiums that the owner's own trades took.
    """

    loss_without_fee: float
    loss_to_arbitrageurs: float
    trading_cost: float


def loss_to_arbitrageurs(weights: ArrayLike, covariance: ArrayLike, value: float = 1.0) -> float:
    """Per year, of a pool that is free and trades at every moment; in the unit of `value`.

    Args:
        weights: (n,), summing to 1.
        covariance: annual, (n, n), of log returns, measured in the window.
    """
    return excess_growth_rate(weights, covariance) * value


def share_lost_with_fee(block_volatility: float, fee: float) -> float:
    """What arbitrageurs keep, behind a fee, of what they would make without one.

    Args:
        block_volatility: of the pool's price over one block.
        fee: share of the amount in, below 1.

    Source: Nezlobin & Tassy 2025, abstract: s_b**2 / (2 + k g / s_b), over s_b**2 / 2.
    """
    if not 0 <= fee < 1:
        raise InputError(f"should be a share from 0 to below 1, is {fee}", path="fee")
    if not block_volatility >= 0:
        raise InputError(f"should not be negative, is {block_volatility}", path="block_volatility")
    spread = -2 * log1p(-fee)
    if not spread:
        return 1.0
    return 2 * block_volatility / (2 * block_volatility + SPREAD_WEIGHT * spread)


def loss_behind_fee(
    weights: ArrayLike, covariance: ArrayLike, fee: float, block_seconds: float, value: float = 1.0
) -> float:
    """Per year, net of the fees that arbitrageurs pay; in the unit of `value`.

    Exact as far as the approximation for two assets is. Beyond, each pair loses w_i w_j s_ij**2 / 2, which
    sums to the loss of the whole without fee, and trades for itself, which with a fee is an approximation.

    Args:
        fee: share of the amount in.
        block_seconds: between blocks, the same each time.
    """
    if not block_seconds > 0:
        raise InputError(f"should be positive, is {block_seconds}", path="block_seconds")
    held, measured = np.asarray(weights, np.float64), np.asarray(covariance, np.float64)
    excess_growth_rate(held, measured)
    years = block_seconds / SECONDS_PER_YEAR
    total = 0.0
    for i in range(held.size):
        for j in range(i):
            variance = max(float(measured[i, i] + measured[j, j] - measured[i, j] - measured[j, i]), 0.0)
            kept = share_lost_with_fee(sqrt(variance * years), fee)
            total += float(held[i] * held[j]) * variance / 2 * kept
    return total * value


def compare_pooling(
    weights: ArrayLike,
    covariance: ArrayLike,
    traded: Attribution,
    *,
    fee: float,
    block_seconds: float = BLOCK_SECONDS,
) -> PoolingAttribution:
    """Letting a pool keep the weights against trading, over the window that `traded` is about.

    Args:
        weights: (n,) of the pool, those the portfolio was kept at.
        covariance: annual, (n, n), of log returns in the same window.
        fee: of the pool, a share of the amount in.
    """
    return PoolingAttribution(
        loss_without_fee=loss_to_arbitrageurs(weights, covariance),
        loss_to_arbitrageurs=loss_behind_fee(weights, covariance, fee, block_seconds),
        trading_cost=traded.growth.trading_cost / traded.years,
    )
