"""From forecasts to the `discipline` table."""

from __future__ import annotations

import tomllib
from itertools import combinations

import numpy as np
import pytest

from router.documents.discipline_models import DisciplineModel
from router.documents.forecast_file import discipline_model, discipline_toml
from router.strategy.discipline import Discipline
from router.strategy.forecasts import Settings
from router.strategy.trials import AssetOutlook, Trials

NAMES = ("WETH", "stETH", "WBTC")


def trials(correlations: np.ndarray) -> Trials:
    """Of assets with volatilities of 0.5, 0.6, 0.7 and a fraction."""
    assets = tuple(
        AssetOutlook(name, 0.5 + place / 10 + 1e-5, None, "constant", {}, (), {}, None)
        for place, name in enumerate(NAMES[: len(correlations)])
    )
    return Trials(assets, correlations, Settings())


def discipline(model: DisciplineModel) -> Discipline:
    return Discipline(
        3.0,
        30.0,
        {name: float(text) for name, text in model.volatility.items()},
        correlations={frozenset(pair.split("/")): float(text) for pair, text in model.correlations.items()},
    )


def test_table_has_four_decimals_and_reads_back() -> None:
    model = discipline_model(trials(np.array([[1, 0.81234567], [0.81234567, 1]])))
    assert model.volatility == {"WETH": "0.5", "stETH": "0.6"}
    assert model.correlations == {"WETH/stETH": "0.8123"}
    assert DisciplineModel.model_validate(tomllib.loads(discipline_toml(model))["discipline"]) == model


def test_correlations_keep_the_decimals_without_which_no_returns_have_them() -> None:
    """Two that are nearly one: to four decimals they are one, yet correlated differently with the third."""
    correlations = np.array([[1, 0.99996, 0.51234], [0.99996, 1, 0.51236], [0.51234, 0.51236, 1]])
    assert np.linalg.eigvalsh(correlations)[0] > 0
    assert np.linalg.eigvalsh(np.round(correlations, 4))[0] < -1e-10
    model = discipline_model(trials(correlations))
    found = discipline(model).covariance(NAMES)
    for one, two in combinations(range(3), 2):
        size = float(np.sqrt(found[one, one] * found[two, two]))
        assert found[one, two] / size == pytest.approx(correlations[one, two], abs=1e-5)


def test_one_asset_has_no_table_of_correlations() -> None:
    assert discipline_toml(discipline_model(trials(np.eye(1)))) == ('[discipline.volatility]\nWETH = "0.5"\n')


def test_no_figure_is_written_with_an_exponent() -> None:
    model = discipline_model(trials(np.array([[1, 1e-4], [1e-4, 1]])))
    assert model.correlations == {"WETH/stETH": "0.0001"}
    tiny = discipline_model(trials(np.array([[1, -1e-5], [-1e-5, 1]])))
    assert tiny.correlations == {"WETH/stETH": "0"}
