"""`rebalance forecast`: its table, its document, and what it refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.main import group
from router.documents.discipline_models import DisciplineModel
from tests.unit.cli.commands import document_of, refusal
from tests.unit.price_files import price_file


def arguments(prices: str, *more: str) -> list[str]:
    return ["forecast", "--prices", prices, "--columns", "WETH=ETH_close,WBTC=BTC_close", *more]


def test_stdout_is_a_discipline_table_and_stderr_says_why(prices: str) -> None:
    done = CliRunner().invoke(group, arguments(prices, "--model", "ewma"), catch_exceptions=False)
    table = tomllib.loads(done.stdout)["discipline"]
    model = DisciplineModel.model_validate(table)
    assert set(model.volatility) == {"WETH", "WBTC"}
    assert set(model.correlations) == {"WETH/WBTC"}
    assert "EWMA 0.97 on: QLIKE" in done.stderr
    assert "QLIKE" in done.stderr
    assert "WETH: volatility" in done.stderr


def test_document_says_for_each_asset_who_answers_and_what_the_scores_are(prices: str) -> None:
    found = document_of(arguments(prices))
    assert found["schema"] == "rebalance-forecast/1"
    assert [each["asset"] for each in found["assets"]] == ["WETH", "WBTC"]
    for each in found["assets"]:
        assert [trial["model"] for trial in each["trials"]] == ["log_har", "garch", "ewma"]
        assert {trial["scored"] for trial in each["trials"]} == {each["served"]["scored"]}
        assert each["regime"] in ("high", "low")
        assert found["discipline"]["volatility"][each["asset"]] == f"{round(each['volatility'], 4)}"
    assert found["prices"]["rows"] == 420
    assert found["horizon_days"] == pytest.approx(7)


def test_a_model_that_beats_the_constants_answers(tmp_path: Path) -> None:
    path = price_file(tmp_path / "long.csv", 1000, seed=3)
    first = document_of(arguments(str(path), "--model", "log_har"))["assets"][0]
    (trial,) = first["trials"]
    assert first["active"] == "log_har"
    assert trial["active"]
    assert trial["scored"] == (999 - 365) // 7
    assert trial["qlike"] < trial["constant_qlike"]


def test_out_holds_what_stdout_shows_and_runs_repeat(prices: str, tmp_path: Path) -> None:
    out = tmp_path / "discipline.toml"
    words = arguments(prices, "--model", "ewma", "--out", str(out))
    first, second = (CliRunner().invoke(group, words, catch_exceptions=False) for _ in range(2))
    assert first.stdout == second.stdout == out.read_text()


@pytest.mark.parametrize(
    ("more", "text", "nearest"),
    [
        (("--columns", "WETH=ETH_clse"), "no column 'ETH_clse'", "ETH_close"),
        (("--model", "loghar"), "no model 'loghar'", "log_har"),
        (("--horizon-days", "0.2"), "should be from 1", None),
        (("--horizon-days", "nan"), "should be from 1", None),
        (("--from", "2023-12-01"), "has", None),
        (("--out", "nowhere/discipline.toml"), "no such folder", None),
    ],
)
def test_bad_input_is_refused(
    capsys: pytest.CaptureFixture[str], prices: str, more: tuple[str, ...], text: str, nearest: str | None
) -> None:
    found = refusal(capsys, arguments(prices, *more))
    assert text in found["message"]
    assert found["nearest"] == nearest


def test_too_few_rows_says_how_many_are_needed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = price_file(tmp_path / "short.csv", 100)
    assert "has 99 rows, 250 are needed" in refusal(capsys, arguments(str(path)))["message"]


def test_a_missing_price_is_refused_or_repaired_and_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = price_file(tmp_path / "gap.csv")
    lines = path.read_text().splitlines()
    lines[200] = ",".join([*lines[200].split(",")[:2], "NaN"])
    path.write_text("\n".join(lines))
    found = refusal(capsys, arguments(str(path), "--model", "ewma"))
    assert found["error"] == "MissingPrice"
    done = CliRunner().invoke(group, arguments(str(path), "--model", "ewma", "--repair"))
    assert done.exit_code == 0
    assert "repairs of the prices" in done.stderr
