"""Targets of a portfolio file that move: exact at the market's time, with errors at their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router.documents import load_portfolio_file
from router.errors import InputError
from router.fixed_point import WAD
from tests.unit.documents.test_portfolio_file import OWNER, SNAPSHOT, USDC, WBTC, WETH

BEGINS, ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 12, tzinfo=UTC)
GLIDING = f"""
owner = "{OWNER}"
[holdings]
WETH = 1
[targets]
WETH = "0.75"
USDC = "0.25"
[glide]
begins = 2026-01-01T00:00:00Z
ends = 2026-12-31T13:00:00+01:00
[glide.targets]
WBTC = "0.5"
WETH = "0.25"
USDC = "0.25"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "portfolio.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("at", "wbtc", "weth"),
    [
        (BEGINS - timedelta(days=9), 0, 3 * WAD // 4),
        (BEGINS, 0, 3 * WAD // 4),
        (BEGINS + (ENDS - BEGINS) / 4, WAD // 8, 5 * WAD // 8),
        (ENDS, WAD // 2, WAD // 4),
        (ENDS + timedelta(days=9), WAD // 2, WAD // 4),
    ],
)
def test_targets_are_on_their_way_at_the_time_of_the_market(
    tmp_path: Path, at: datetime, wbtc: int, weth: int
) -> None:
    file = load_portfolio_file(write(tmp_path, GLIDING))
    wanted = {WETH: weth, USDC: WAD // 4, WBTC: wbtc}
    assert file.resolve(SNAPSHOT, now=at).targets_wad == wanted
    then = replace(SNAPSHOT, timestamp=int(at.timestamp()))
    found = file.resolve(then)
    assert found.targets_wad == wanted
    assert found.notes[0].startswith(
        f"targets on their way at {at:%Y-%m-%dT%H:%M:%SZ}: WETH {weth / WAD:.3%}, USDC 25.000%"
    )
    assert file.mentioned(then) == (WETH, USDC, WBTC)


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ('WBTC = "0.5"', 'WBTC = "0.4"', "glide.targets", "weights sum to 0.9, not 1"),
        ('WBTC = "0.5"', 'WBCT = "0.5"', "glide.targets.WBCT", "did you mean 'WBTC'"),
        ('WBTC = "0.5"', f'"{WETH}" = "0.5"', f"glide.targets.{WETH}", "is the same token as WETH"),
        ('WETH = "0.75"', 'WETH = "0.7"', "targets", "weights sum to 0.95, not 1"),
        ("begins = 2026", "begins = 2027", "glide.ends", "is not after the beginning"),
        ("00:00:00Z", "00:00:00", "glide.begins", "should be a date and time with its offset"),
        ("begins", "start", "glide.start", "unknown key"),
    ],
)
def test_faults_of_a_way_are_told_with_their_key(
    tmp_path: Path, old: str, new: str, path: str, message: str
) -> None:
    written = write(tmp_path, GLIDING.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_portfolio_file(written).resolve(SNAPSHOT, now=BEGINS + timedelta(days=1))
    assert caught.value.path == f"portfolio.toml: {path}"
    assert message in str(caught.value)


def test_a_token_that_is_denied_on_the_way_is_refused_once_it_is_wanted(tmp_path: Path) -> None:
    text = GLIDING.replace("[holdings]", 'deny_tokens = ["WBTC"]\n[holdings]')
    file = load_portfolio_file(write(tmp_path, text))
    assert file.resolve(SNAPSHOT, now=BEGINS).targets_wad[WBTC] == 0
    with pytest.raises(InputError) as caught:
        file.resolve(SNAPSHOT, now=BEGINS + timedelta(days=1))
    assert caught.value.path == "portfolio.toml: glide.targets.WBTC"


def test_a_way_from_a_rule_is_refused(tmp_path: Path) -> None:
    text = GLIDING.replace('[targets]\nWETH = "0.75"\nUSDC = "0.25"', RULE)
    with pytest.raises(InputError) as caught:
        load_portfolio_file(write(tmp_path, text))
    assert caught.value.path == "portfolio.toml: glide"


RULE = """[target_rule]
rule = "equal"
prices = "prices.csv"
columns = { WETH = "ETH" }
"""
