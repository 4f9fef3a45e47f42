"""The region of no trade: its equation, its limits in closed form, and the program of its landing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from router.backtest.no_trade import Region
from router.strategy.bands import DriftingWeight, long_run_band

GAMMA = 3.0


@st.composite
def markets(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, bool]:
    """Targets, a covariance, and whether there is no cash."""
    size = draw(st.integers(2, 6))
    closed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    targets = rng.uniform(0.05, 1, size)
    targets *= (1 if closed else rng.uniform(0.3, 0.95)) / targets.sum()
    factors = rng.normal(0, 0.5, (size, size + 3))
    return targets, factors @ factors.T / size, closed


def region_of(market: tuple[np.ndarray, np.ndarray, bool]) -> Region:
    targets, covariance, closed = market
    return Region.of(targets, covariance, GAMMA, closed=closed)


@given(markets())
def test_the_shape_solves_its_equation(market: tuple[np.ndarray, np.ndarray, bool]) -> None:
    targets, covariance, closed = market
    region = region_of(market)
    q, free = region.shape, region.basis.shape[1]
    moves = (np.diag(targets) - np.outer(targets, targets))[:free]
    rates = moves @ covariance @ moves.T
    penalty = GAMMA / 2 * region.basis.T @ covariance @ region.basis
    found = 2 * np.trace(rates @ q) * q + 4 * q @ rates @ q
    assert found == pytest.approx(penalty, rel=1e-7, abs=1e-9 * np.abs(penalty).max())
    assert np.linalg.eigvalsh(q).min() > 0
    assert free == len(targets) - closed


@given(markets(), st.floats(0.01, 100))
def test_only_the_shape_of_the_covariance_matters(
    market: tuple[np.ndarray, np.ndarray, bool], scale: float
) -> None:
    targets, covariance, closed = market
    scaled = Region.of(targets, scale * covariance, GAMMA, closed=closed)
    assert scaled.shape == pytest.approx(region_of(market).shape, rel=1e-7)


@given(st.floats(0.1, 0.9), st.floats(0, 0.02), st.floats(0, 0.01), st.floats(0.2, 1.5))
def test_one_asset_and_cash_have_the_scalar_band(weight: float, fee: float, gas: float, vol: float) -> None:
    case = DriftingWeight(weight=weight, volatility=vol, risk_aversion=GAMMA, fee_rate=fee, fixed_cost=gas)
    scalar = long_run_band(case)
    region = Region.of(np.array([weight]), np.array([[vol**2]]), GAMMA, closed=False)
    rates = np.array([fee])
    assert region.band(np.array([-0.999 * scalar.trigger]), rates, gas) is None
    if not scalar.trigger:
        return
    out = np.array([1.001 * scalar.trigger])
    band = region.band(out, rates, gas)
    assert band is not None
    assert (band.trigger, band.landing) == pytest.approx(
        (scalar.trigger, scalar.landing), rel=1e-9, abs=1e-12
    )
    assert region.landing(out, rates, band) == pytest.approx([scalar.landing], rel=1e-6, abs=1e-12)


@given(markets(), st.floats(1e-6, 1e-2), st.integers(0, 99))
def test_gas_alone_makes_the_ellipsoid_and_trades_to_the_target(
    market: tuple[np.ndarray, np.ndarray, bool], gas: float, seed: int
) -> None:
    region = region_of(market)
    free = np.random.default_rng(seed).normal(size=region.basis.shape[1])
    free *= (np.sqrt(gas) / (free @ region.shape @ free)) ** 0.5  # y'Qy = sqrt(gas)
    edge = region.basis @ free
    no_fees = np.zeros(len(edge))
    assert region.band(0.999 * edge, no_fees, gas) is None
    band = region.band(1.001 * edge, no_fees, gas)
    assert band is not None
    assert region.landing(1.001 * edge, no_fees, band) == pytest.approx(no_fees)


@given(markets(), st.integers(0, 99))
def test_a_landing_is_the_best_trade_under_its_quadratic(
    market: tuple[np.ndarray, np.ndarray, bool], seed: int
) -> None:
    region = region_of(market)
    rng = np.random.default_rng(seed)
    off = region.basis @ rng.normal(0, 0.2, region.basis.shape[1])
    fees = rng.uniform(0.001, 0.01, len(off))
    band = region.band(off, fees, 1e-4)
    if band is None:
        return
    landing = region.landing(off, fees, band)
    free = region.basis.shape[1]
    length = np.sqrt(off @ off)
    rate = (fees @ np.abs(off) / length) / (off[:free] @ region.shape @ off[:free] / length**2 * band.landing)
    pull = rate * region.shape

    def cost(change: np.ndarray) -> float:
        to = off[:free] + change
        return float(to @ pull @ to / 2 + fees @ np.abs(region.basis @ change))

    best = cost(landing[:free] - off[:free])
    assert best <= cost(np.zeros(free)) + 1e-12
    assert best <= cost(off[:free] * (band.landing / length - 1)) + 1e-9
    for _ in range(20):
        assert best <= cost(landing[:free] - off[:free] + rng.normal(0, 0.01, free)) + 1e-12
    found = minimize(cost, landing[:free] - off[:free], method="Nelder-Mead", options={"maxiter": 400})
    assert best <= found.fun + 1e-9
    if len(off) > free:
        assert landing.sum() == pytest.approx(0, abs=1e-12)


def test_a_landing_that_is_guessed_is_that_of_the_program() -> None:
    guessed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        closed = bool(seed % 2)
        size = int(rng.integers(2, 8))
        targets = rng.dirichlet(np.ones(size)) * (1 if closed else 0.8)
        factors = rng.normal(0, 0.5, (size, size + 3))
        region = Region.of(targets, factors @ factors.T / size, GAMMA, closed=closed)
        off = region.basis @ rng.normal(0, 0.1, region.basis.shape[1])
        fees = rng.uniform(0.0, 0.01, size) * region.shape.max()
        found = region._guessed(off, fees)
        if found is not None:
            guessed += 1
            assert found == pytest.approx(region._solved(off, fees), abs=1e-10)
    assert 50 < guessed < 150


def test_nothing_is_traded_at_the_target() -> None:
    region = Region.of(np.array([0.5, 0.3]), np.eye(2), GAMMA, closed=False)
    assert region.band(np.zeros(2), np.full(2, 0.003), 1e-4) is None


def test_what_is_off_alone_is_traded_alone() -> None:
    region = Region.of(np.array([0.4, 0.3, 0.2]), np.eye(3), GAMMA, closed=False)
    off, fees = np.array([0.2, 0.0, 0.0]), np.full(3, 0.003)
    band = region.band(off, fees, 1e-5)
    assert band is not None
    traded = region.landing(off, fees, band) - off
    assert traded[0] < -0.1
    assert traded[1:] == pytest.approx([0, 0], abs=1e-12)
