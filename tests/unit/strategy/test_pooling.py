"""Pooled vaults: the loss to arbitrageurs, its anchors, and what a fee leaves of it."""

from __future__ import annotations

from math import exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from router.errors import InputError
from router.strategy.attribution import Bills, attribute
from router.strategy.pooling import (
    SECONDS_PER_YEAR,
    SPREAD_WEIGHT,
    compare_pooling,
    loss_behind_fee,
    loss_to_arbitrageurs,
    share_lost_with_fee,
)

ETH_VOLATILITY = 1.056


def with_cash(volatility: float) -> np.ndarray:
    return np.array([[volatility**2, 0.0], [0.0, 0.0]])


def test_an_equal_pool_of_ether_and_cash_loses_an_eighth_of_its_variance() -> None:
    found = loss_to_arbitrageurs([0.5, 0.5], with_cash(ETH_VOLATILITY))
    assert found == pytest.approx(ETH_VOLATILITY**2 / 8)
    assert found == pytest.approx(0.1394, abs=5e-5)


@given(st.floats(0, 1), st.floats(0, 3), st.floats(1, 1e9))
def test_two_assets_lose_half_of_their_weights_times_the_variance(
    weight: float, volatility: float, value: float
) -> None:
    found = loss_to_arbitrageurs([weight, 1 - weight], with_cash(volatility), value)
    assert found == pytest.approx(weight * (1 - weight) * volatility**2 / 2 * value, abs=1e-12 * value)


def covariances(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factor = rng.normal(0, 0.5, (size, size))
    return rng.dirichlet(np.ones(size)), factor @ factor.T


@given(st.integers(0, 2**32), st.integers(1, 7), st.floats(0.1, 600))
def test_a_fee_of_nothing_changes_nothing_and_any_other_lowers_the_loss(
    seed: int, size: int, block: float
) -> None:
    weights, covariance = covariances(seed, size)
    free = loss_to_arbitrageurs(weights, covariance)
    assert loss_behind_fee(weights, covariance, 0.0, block) == pytest.approx(free, abs=1e-12)
    losses = [loss_behind_fee(weights, covariance, fee, block) for fee in (0.0, 1e-5, 3e-3, 0.1, 0.9)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] >= 0


@given(st.floats(1e-4, 0.02), st.floats(1, 60))
def test_slower_blocks_lose_more(fee: float, block: float) -> None:
    slower = loss_behind_fee([0.5, 0.5], with_cash(0.8), fee, block * 2)
    assert slower > loss_behind_fee([0.5, 0.5], with_cash(0.8), fee, block)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 2.0, 5.0, 10.0])
def test_the_share_lost_is_that_of_a_clipped_walk(ratio: float) -> None:
    """The gap between pool and market grows by a normal step per block, and arbitrageurs push it back to the
    spread; their gain is half the square of how far it was beyond. Its resting law, found on a grid."""
    nodes = 600
    grid, width = np.linspace(-ratio, ratio, nodes, retstep=True)
    inside = np.exp(-((grid[:, None] - grid) ** 2) / 2) / sqrt(2 * pi)
    weights = np.full(nodes, width)
    weights[[0, -1]] /= 2
    # Unknowns: density on the grid, and the mass that rests at each edge.
    system = np.zeros((nodes + 1, nodes + 1))
    system[:nodes, :nodes] = inside.T * weights - np.eye(nodes)
    system[:nodes, nodes] = inside[0] + inside[-1]
    system[nodes, :nodes], system[nodes, nodes] = weights, 2.0
    law = np.linalg.solve(system, np.concatenate((np.zeros(nodes), [1.0])))
    gain = np.array([overshoot(ratio - place) + overshoot(ratio + place) for place in grid])
    expected = (law[:nodes] * weights) @ gain + law[nodes] * (gain[0] + gain[-1])
    block_volatility = 1e-5
    fee = 1 - exp(-ratio * block_volatility)
    assert share_lost_with_fee(block_volatility, fee) == pytest.approx(2 * expected, rel=0.003)


def overshoot(place: float) -> float:
    """Half the expected square of a normal step beyond `place`."""
    density = exp(-(place**2) / 2) / sqrt(2 * pi)
    return ((1 + place**2) * float(ndtr(-place)) - place * density) / 2


def test_the_weight_of_the_spread_is_the_papers() -> None:
    assert pytest.approx(1.7164, abs=1e-4) == SPREAD_WEIGHT
    block = ETH_VOLATILITY * sqrt(12 / SECONDS_PER_YEAR)
    expected = (block**2 / (2 + 1.7164 * -2 * log(1 - 0.003) / block)) / (block**2 / 2)
    assert share_lost_with_fee(block, 0.003) == pytest.approx(expected, rel=1e-4)


def test_pooling_is_set_beside_what_trading_took() -> None:
    rng = np.random.default_rng(3)
    prices = np.column_stack((np.exp(np.cumsum(rng.normal(0, 0.04, 366))), np.ones(366)))
    bills = Bills(fees=np.full(366, 20.0), gas=np.full(366, 1.0))
    traded = attribute(prices, np.full((366, 2), 0.5), [0.5, 0.5], bills, 1e6, 1.0)
    covariance = np.cov(np.diff(np.log(prices), axis=0), rowvar=False) * 365
    found = compare_pooling([0.5, 0.5], covariance, traded, fee=0.003)
    assert found.trading_cost == pytest.approx(traded.growth.trading_cost)
    assert 0 < found.loss_to_arbitrageurs < found.loss_without_fee
    assert found.loss_without_fee == pytest.approx(traded.modelled_excess_growth, rel=1e-6)


@pytest.mark.parametrize(
    "change", [{"fee": 1.0}, {"fee": -0.1}, {"block_seconds": 0.0}, {"block_seconds": float("nan")}]
)
def test_impossible_pools_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        loss_behind_fee([0.5, 0.5], with_cash(0.8), **{"fee": 0.003, "block_seconds": 12.0, **change})
    with pytest.raises(InputError, match="covariance"):
        loss_to_arbitrageurs([0.5, 0.5], np.eye(3))
