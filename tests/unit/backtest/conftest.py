"""What is slow the first time is done before any example is timed."""

from __future__ import annotations

import pytest

from router.backtest import run
from tests.unit.backtest.series import COSTS, random_prices, study_of


@pytest.fixture(scope="package", autouse=True)
def warm() -> None:
    """Machine code is prepared, and the default policy's libraries are loaded."""
    study = study_of(random_prices(0, volatility=0.1), costs=COSTS["all"])
    run(study, "calendar_7")
    run(study, "default")
