"""What drift costs: covariances from volatilities and correlations."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.discipline import Discipline
from tests.markets import token

ETH, BTC, USD = token("ETH"), token("BTC"), token("USD")
BOTH = {ETH: 0.8, BTC: 0.5}


def test_covariances_are_products_of_volatilities_and_correlations() -> None:
    found = Discipline(3.0, 30.0, BOTH, correlation=0.6).covariance([ETH, BTC])
    np.testing.assert_allclose(found, [[0.64, 0.24], [0.24, 0.25]])


def test_a_named_correlation_goes_before_the_common_one() -> None:
    known = {frozenset((BTC, ETH)): -0.5}
    found = Discipline(3.0, 30.0, BOTH, 0.6, known).covariance([ETH, BTC])
    assert found[0, 1] == found[1, 0] == pytest.approx(-0.2)


def test_the_numeraire_does_not_vary_unless_told() -> None:
    found = Discipline(3.0, 30.0, BOTH, 0.6).covariance([ETH, USD], steady=USD)
    np.testing.assert_allclose(found, [[0.64, 0.0], [0.0, 0.0]])
    told = Discipline(3.0, 30.0, {**BOTH, USD: 0.1}, 0.6).covariance([USD], steady=USD)
    assert told[0, 0] == pytest.approx(0.01)


def test_a_token_without_a_volatility_is_named() -> None:
    with pytest.raises(InputError, match="no volatility") as caught:
        Discipline(3.0, 30.0, BOTH).covariance([ETH, USD])
    assert USD in caught.value.path


def test_correlations_that_no_returns_have_are_refused() -> None:
    three = Discipline(3.0, 30.0, {**BOTH, USD: 0.2}, correlation=-0.9)
    with pytest.raises(InputError, match=r"smallest eigenvalue is -0\.8"):
        three.covariance([ETH, BTC, USD])
    assert three.covariance([ETH, BTC]).shape == (2, 2)


def test_a_token_that_does_not_vary_needs_no_possible_correlation() -> None:
    steady = Discipline(3.0, 30.0, BOTH, correlation=-0.9)
    assert np.linalg.eigvalsh(steady.covariance([ETH, BTC, USD], steady=USD))[0] >= -1e-12
