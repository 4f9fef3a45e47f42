"""Files for people: whole, equal for equal runs, without a network."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.backtest import compare, run
from router.backtest.pictures import daily_returns, picture, tear_sheet
from router.backtest.prices import Prices
from router.errors import InputError, InsufficientHistory
from tests.unit.backtest.series import COSTS, random_prices, study_of

STUDY = study_of(random_prices(1, rows=60), costs=COSTS["fees"])


def test_a_picture_of_equal_runs_has_equal_bytes() -> None:
    one, other = (picture(compare(STUDY, ["hold", "abs_band_0.03"])) for _ in range(2))
    assert one.startswith(b"\x89PNG")
    assert one == other


def test_a_tear_sheet_loads_nothing_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hold, other = compare(STUDY, ["hold", "calendar_7"])
    page = tear_sheet(other, benchmark=hold).decode()
    assert "calendar_7" in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?https?:", page)
    assert not list(tmp_path.iterdir())


def test_returns_are_those_of_whole_days() -> None:
    prices = random_prices(2, rows=48)
    hours = np.datetime64("2021-01-01", "us") + np.arange(48) * np.timedelta64(1, "h")
    result = run(replace(STUDY, prices=Prices(hours, prices.assets, prices.values)), "hold")
    assert daily_returns(result).to_numpy() == pytest.approx([result.equity[47] / result.equity[23] - 1])


def test_days_without_a_row_return_nothing() -> None:
    """A tear sheet counts 365 returns as a year, and weekly prices have 52."""
    prices = random_prices(2, rows=40)
    weeks = np.datetime64("2021-01-01", "us") + np.arange(40) * np.timedelta64(7, "D")
    result = run(replace(STUDY, prices=Prices(weeks, prices.assets, prices.values)), "hold")
    found = daily_returns(result)
    assert len(found) == 39 * 7
    assert np.count_nonzero(found) == 39
    assert np.prod(1 + found) == pytest.approx(result.equity[-1] / result.equity[0])
    assert found.std() * np.sqrt(365) == pytest.approx(result.metrics["volatility"], rel=0.1)


def test_too_little_to_tell_is_refused() -> None:
    short = run(study_of(random_prices(3, rows=8)), "hold")
    with pytest.raises(InsufficientHistory):
        tear_sheet(short)
    with pytest.raises(InputError, match="no result"):
        picture([])
