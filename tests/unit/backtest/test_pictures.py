"""Files for people: written whole, from any directory, without a network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router.backtest import compare, run
from router.backtest.pictures import daily_returns, write_png, write_tear_sheet
from router.backtest.prices import Prices
from router.errors import InputError, InsufficientHistory
from tests.unit.backtest.series import COSTS, random_prices, study_of

STUDY = study_of(random_prices(1, rows=60), costs=COSTS["fees"])


def test_a_picture_is_written_and_equal_runs_make_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(compare(STUDY, ["hold", "abs_band_0.03"]), tmp_path / name)
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert data == (tmp_path / "b.png").read_bytes()


def test_a_tear_sheet_loads_nothing(tmp_path: Path) -> None:
    hold, other = compare(STUDY, ["hold", "calendar_7"])
    write_tear_sheet(other, tmp_path / "sheet.html", benchmark=hold)
    page = (tmp_path / "sheet.html").read_text()
    assert "calendar_7" in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?https?:", page)


def test_returns_are_those_of_whole_days() -> None:
    prices = random_prices(2, rows=48)
    hours = np.datetime64("2021-01-01", "us") + np.arange(48) * np.timedelta64(1, "h")
    result = run(replace(STUDY, prices=Prices(hours, prices.assets, prices.values)), "hold")
    assert daily_returns(result).to_numpy() == pytest.approx([result.equity[47] / result.equity[23] - 1])


def test_too_little_to_tell_is_refused(tmp_path: Path) -> None:
    short = run(study_of(random_prices(3, rows=8)), "hold")
    with pytest.raises(InsufficientHistory):
        write_tear_sheet(short, tmp_path / "sheet.html")
    with pytest.raises(InputError, match="no result"):
        write_png([], tmp_path / "a.png")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    result = run(STUDY, "hold")
    for write in (lambda path: write_png([result], path), lambda path: write_tear_sheet(result, path)):
        with pytest.raises(InputError, match=r"none.*cannot be written"):
            write(tmp_path / "none" / "file")
