"""The files that `init` writes."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from router.cli.files import init_command
from router.documents import load_portfolio_file
from router.documents.config import load_config
from router.documents.discipline_models import ForecastTable
from router.portfolio import Guards


def written(folder: Path, name: str) -> str:
    result = CliRunner().invoke(init_command, [str(folder)])
    assert result.exit_code == 0, result.output
    return (folder / name).read_text()


def with_every_key(text: str) -> str:
    """The text with its commented-out keys and tables in force, and an owner."""
    text = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    return text.replace("0x" + "0" * 40, "0x" + "a" * 40)


def test_portfolio_is_right_with_every_commented_key_in_force(tmp_path: Path) -> None:
    path = tmp_path / "every.toml"
    path.write_text(with_every_key(written(tmp_path, "portfolio.toml")))
    model = load_portfolio_file(path).model
    assert {
        "cash_flows",
        "rules",
        "landing",
        "max_legs",
        "max_depth_bps",
        "trigger",
        "gates",
        "guards",
        "discipline",
    } <= model.model_fields_set
    assert model.rules["WETH"].trade == "buy"
    assert model.trigger.parts[1].parts[0].bands_bps == {"WETH": 300}
    assert model.gates.model_fields_set == set(type(model.gates).model_fields)
    assert model.guards.model_fields_set == set(type(model.guards).model_fields)
    assert model.guards.guards() == Guards()
    unset = {"time_column", "repair", "keep_jumps"}
    assert model.discipline.forecast.model_fields_set == set(ForecastTable.model_fields) - unset


def test_config_is_right_with_every_commented_key_in_force(tmp_path: Path) -> None:
    path = tmp_path / "every.toml"
    path.write_text(with_every_key(written(tmp_path, "rebalance.toml")))
    assert load_config(path).keystore == "owner.json"
