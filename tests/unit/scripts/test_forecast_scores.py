"""The page of forecast scores says what the code gives."""

from __future__ import annotations

import numpy as np
import pytest

from router.strategy.volatility import Ewma, log_har
from scripts.forecast_scores import ASSETS, MARKS, PAGE, PRICES, closes, forecast_row, policy_row, timing_row

pytestmark = pytest.mark.skipif(not PRICES.exists(), reason=f"needs {PRICES}")


def written() -> list[str]:
    """Lines between the two marks of the page."""
    return PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0].splitlines()


@pytest.mark.parametrize("place", range(len(ASSETS)), ids=ASSETS)
def test_scores_of_volatility_are_those_on_the_page(place: int) -> None:
    returns = np.diff(np.log(closes()[:, place]))
    for model in (Ewma(0.97), log_har()):
        assert forecast_row(ASSETS[place], returns, model) in written()


def test_score_of_timing_is_that_on_the_page() -> None:
    prices = closes()
    simple = prices[1:] / prices[:-1] - 1
    assert timing_row(np.column_stack([simple, np.zeros(len(simple))]), 0.05, 0.003) in written()


def test_objectives_of_policies_are_those_on_the_page() -> None:
    assert policy_row(0.003, 1e6) in written()
