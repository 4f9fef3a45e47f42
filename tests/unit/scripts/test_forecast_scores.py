"""The page of forecast scores says what the code gives."""

from __future__ import annotations

import pytest

from router.strategy.volatility import Ewma, log_har
from scripts.forecast_scores import (
    COINBASE,
    HUOBI,
    MARKS,
    PAGE,
    RULES,
    STUDIES,
    Study,
    forecast_row,
    policy_row,
    rule_row,
    timing_row,
)

NAMES = ["coinbase", "huobi"]


@pytest.fixture(params=STUDIES, ids=NAMES)
def study(request: pytest.FixtureRequest) -> Study:
    found: Study = request.param
    if not found.path.exists():
        pytest.skip(f"needs {found.path}")
    return found


def written(study: Study) -> list[str]:
    """Lines of a study between the two marks of the page."""
    parts = PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0].split("### ")[1:]
    (found,) = (part for part in parts if part.startswith(study.title))
    return found.splitlines()


def test_scores_of_volatility_are_those_on_the_page(study: Study) -> None:
    lines, returns = written(study), study.prices.log_returns()
    for place, asset in enumerate(study.prices.assets):
        for model in (Ewma(0.97), log_har()):
            assert forecast_row(asset, returns[:, place], model) in lines


def test_score_of_timing_is_that_on_the_page(study: Study) -> None:
    assert timing_row(study, 0.05, 0.003) in written(study)


def test_objectives_of_policies_are_those_on_the_page(study: Study) -> None:
    assert policy_row(study, 0.003, 1e6) in written(study)


def test_what_rules_came_to_is_what_the_page_says(study: Study) -> None:
    assert rule_row(study, RULES[0]) in written(study)


def test_the_page_has_every_study() -> None:
    assert STUDIES == (COINBASE, HUOBI)
    assert PAGE.read_text().count("\n### ") == len(STUDIES)
