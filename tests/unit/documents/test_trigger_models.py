"""The `trigger` and `gates` tables of a portfolio file: what they mean, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from router.documents import export_schemas, load_portfolio_file
from router.documents.files import read_document
from router.documents.portfolio_file import Overrides
from router.documents.trigger_models import MAX_DEPTH
from router.errors import InputError
from router.strategy.drift import DriftKind
from router.strategy.schedule import Cron, Interval
from router.strategy.triggers import AllOf, AnyOf, Calendar, Gates, Threshold, TriggerSpec, leaves
from tests.unit.documents.test_portfolio_file import OWNER, SNAPSHOT, USDC, WBTC, WETH

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HEAD = f'owner = "{OWNER}"\ntolerance_bps = 20\n'
TARGETS = "[targets]\nWETH = 0.5\nUSDC = 0.5\n"

WHOLE = """
[trigger]
kind = "any"
[[trigger.of]]
kind = "all"
of = [
  {kind = "calendar", cron = "0 9 * * MON", timezone = "Europe/Zurich", grace_hours = 6},
  {kind = "threshold", band_bps = 250, bands_bps = {USDC = 100}},
]
[[trigger.of]]
kind = "threshold"
measure = "tracking_error"
band_bps = 300
[[trigger.of]]
kind = "calendar"
interval_hours = 0.5
start = 2024-01-01T09:00:00+01:00
restart = true

[gates]
cooldown_hours = 1.5
min_trade = 250.5
gas_ceiling_gwei = 40.25
max_price_age_s = 3600
max_attempts = 2
retry_after_s = 30
"""


def spec(folder: Path, text: str) -> TriggerSpec:
    path = folder / "portfolio.toml"
    path.write_text(HEAD + TARGETS + text)
    return load_portfolio_file(path).triggers(SNAPSHOT)


def test_whole_tree_and_every_gate_can_be_written(tmp_path: Path) -> None:
    assert spec(tmp_path, WHOLE) == TriggerSpec(
        AnyOf(
            (
                AllOf(
                    (
                        Calendar(Cron("0 9 * * MON", "Europe/Zurich"), 6 * HOUR),
                        Threshold(DriftKind.ABSOLUTE, 0.025, ((USDC, 0.01),)),
                    )
                ),
                Threshold(DriftKind.TRACKING_ERROR, 0.03),
                Calendar(Interval(HOUR / 2, datetime(2024, 1, 1, 8, tzinfo=UTC), restart=True)),
            )
        ),
        Gates(1.5 * HOUR, 250.5, 40_250_000_000, HOUR, 2, timedelta(seconds=30)),
    )


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ('kind = "calendar"\ninterval_days = 7', Calendar(Interval(7 * DAY))),
        ('kind = "threshold"\nband_bps = 500', Threshold(DriftKind.ABSOLUTE, 0.05)),
        ('kind = "threshold"\nband_bps = 2500\nrelative = true', Threshold(DriftKind.RELATIVE, 0.25)),
        (
            'kind = "hybrid"\ninterval_days = "7"\nband_bps = 500',
            AllOf((Calendar(Interval(7 * DAY)), Threshold(DriftKind.ABSOLUTE, 0.05))),
        ),
        ('kind = "calendar"\ncron = "*/5 * * * *"', Calendar(Cron("*/5 * * * *", "UTC"))),
        (
            'kind = "threshold"\nmeasure = "relative"\nbands_bps = {WETH = 9, USDC = 8}',
            Threshold(DriftKind.RELATIVE, None, ((USDC, 0.0008), (WETH, 0.0009))),
        ),
        ('kind = "threshold"\nmeasure = "l2"\nband_bps = 1', Threshold(DriftKind.L2, 0.0001)),
    ],
)
def test_each_kind_means(tmp_path: Path, text: str, when: object) -> None:
    assert spec(tmp_path, f"[trigger]\n{text}\n") == TriggerSpec(when)


def test_without_a_trigger_the_tolerances_are_the_bands(tmp_path: Path) -> None:
    text = "[rules.WETH]\ntolerance_bps = 100\n[rules.USDC]\ntrade = 'sell'\n[gates]\ncooldown_hours = 1\n"
    assert spec(tmp_path, text) == TriggerSpec(
        Threshold(DriftKind.ABSOLUTE, 0.002, ((WETH, 0.01),)), Gates(cooldown=HOUR)
    )


def test_overriding_other_keys_keeps_the_trigger(tmp_path: Path) -> None:
    expected = spec(tmp_path, WHOLE)
    file = load_portfolio_file(tmp_path / "portfolio.toml")
    assert file.overridden(Overrides(max_legs=3)).triggers(SNAPSHOT) == expected


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ('"0 9 * * MON"', '"0 9 * *"', "trigger.of[0].of[0].cron", "five fields"),
        ('"0 9 * * MON"', '"0 99 * * MON"', "trigger.of[0].of[0].cron", "out of range"),
        (
            '"Europe/Zurich"',
            '"Europe/Zurick"',
            "trigger.of[0].of[0].timezone",
            "did you mean 'Europe/Zurich'",
        ),
        ("grace_hours = 6", "grace_hours = -6", "trigger.of[0].of[0].grace_hours", "should not be negative"),
        ("grace_hours = 6", "grace_h = 6", "trigger.of[0].of[0].grace_h", "did you mean 'grace_hours'"),
        ("grace_hours = 6", "interval_days = 6", "trigger.of[0].of[0]", "one of cron, interval_days and"),
        ("grace_hours = 6", "restart = true", "trigger.of[0].of[0].restart", "is of an interval"),
        ("restart = true", 'timezone = "UTC"', "trigger.of[2].timezone", "is of cron"),
        ("interval_hours = 0.5", "interval_hours = 1e9", "trigger.of[2].interval_hours", "at most 100 years"),
        ("interval_hours = 0.5", "interval_hours = 1e-9", "trigger.of[2].interval_hours", "from 1 second"),
        ("interval_hours = 0.5", "interval_hours = 0", "trigger.of[2].interval_hours", "more than zero"),
        ("09:00:00+01:00", "09:00:00", "trigger.of[2].start", "with its offset"),
        ("2024-01-01T09:00:00+01:00", "0001-01-01T00:00:00+14:00", "trigger.of[2].start", "from 1900 to"),
        ("2024-01-01T09:00:00+01:00", '"soon"', "trigger.of[2].start", "date and time"),
        ('"threshold", band', '"treshold", band', "trigger.of[0].of[1].kind", "did you mean 'threshold'"),
        ("band_bps = 250", "band_bps = 2.5", "trigger.of[0].of[1].band_bps", "whole number of basis points"),
        ("{USDC = 100}", "{USDC = 0.01}", "trigger.of[0].of[1].bands_bps.USDC", "whole number of basis"),
        ("{USDC = 100}", "{UDSC = 100}", "trigger.of[0].of[1].bands_bps.UDSC", "did you mean 'USDC'"),
        (", band_bps = 250, bands_bps = {USDC = 100}", "", "trigger.of[0].of[1].band_bps", "needs a band"),
        ('"tracking_error"', '"tracking"', "trigger.of[1].measure", "'tracking_error'"),
        ("band_bps = 300", "bands_bps = {USDC = 3}", "trigger.of[1].bands_bps", "of the whole portfolio"),
        ("band_bps = 300", "band_bps = 300\nrelative = true", "trigger.of[1].relative", "contradicts"),
        ("cooldown_hours = 1.5", "cooldown = 1.5", "gates.cooldown", "did you mean 'cooldown_hours'"),
        ("cooldown_hours = 1.5", "cooldown_hours = 1e9", "gates.cooldown_hours", "at most 100 years"),
        ("min_trade = 250.5", "min_trade = nan", "gates.min_trade", "out of range"),
        ("gas_ceiling_gwei = 40.25", "gas_ceiling_gwei = 1e-10", "gates.gas_ceiling_gwei", "9 decimals"),
        ("max_attempts = 2", "max_attempts = 0", "gates.max_attempts", "greater than or equal to 1"),
    ],
)
def test_load_refuses_and_says_where(tmp_path: Path, old: str, new: str, path: str, message: str) -> None:
    assert WHOLE.count(old) == 1
    with pytest.raises(InputError) as caught:
        spec(tmp_path, WHOLE.replace(old, new))
    assert caught.value.path == f"portfolio.toml: {path}"
    assert message in str(caught.value)


def test_hybrid_refuses_a_length_out_of_range_at_its_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trigger\.interval_days: should be from 1 second"):
        spec(tmp_path, '[trigger]\nkind = "hybrid"\ninterval_days = 1e-9\nband_bps = 5\n')


def test_empty_parts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        spec(tmp_path, '[trigger]\nkind = "all"\nof = []\n')
    assert caught.value.path == "portfolio.toml: trigger.of"


def test_band_of_a_token_under_two_names_is_refused(tmp_path: Path) -> None:
    text = f'[trigger]\nkind = "threshold"\nbands_bps = {{WETH = 1, "{WETH}" = 2}}\n'
    with pytest.raises(InputError, match=r"trigger\.bands_bps\.0x2+: is the same token as WETH"):
        spec(tmp_path, text)


def test_band_of_a_token_that_is_neither_held_nor_wanted_is_refused(tmp_path: Path) -> None:
    text = '[holdings]\nWETH = 1\n[trigger]\nkind = "threshold"\nbands_bps = {WBTC = 1}\n'
    with pytest.raises(InputError, match=r"trigger\.bands_bps\.WBTC: is neither held nor wanted"):
        spec(tmp_path, text)
    held = text.replace("WETH = 1", "WETH = 1\nWBTC = 1")
    assert spec(tmp_path, held).when == Threshold(DriftKind.ABSOLUTE, None, ((WBTC, 0.0001),))


@pytest.mark.parametrize("depth", [11, 40, 150, 250, 400])
def test_parts_nested_too_deeply_are_refused(tmp_path: Path, depth: int) -> None:
    part: object = {"kind": "threshold", "band_bps": 1}
    for _ in range(depth - 1):
        part = {"kind": "all", "of": [part]}
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps({"owner": OWNER, "targets": {"WETH": 1}, "trigger": part}))
    with pytest.raises(InputError):
        load_portfolio_file(path)


def test_parts_nested_as_deeply_as_may_be_are_read(tmp_path: Path) -> None:
    part = '{kind = "threshold", band_bps = 1}'
    for _ in range(MAX_DEPTH - 1):
        part = f'{{kind = "any", of = [{part}]}}'
    (tmp_path / "portfolio.toml").write_text(f"{HEAD}trigger = {part}\n{TARGETS}")
    assert len(list(leaves(load_portfolio_file(tmp_path / "portfolio.toml").triggers(SNAPSHOT).when))) == 1


def test_schema_accepts_what_is_read(tmp_path: Path) -> None:
    validator = Draft202012Validator(export_schemas()["portfolio"])
    spec(tmp_path, WHOLE.replace("2024-01-01T09:00:00+01:00", '"2024-01-01T09:00:00+01:00"'))
    document = read_document(tmp_path / "portfolio.toml")
    text = {"cooldown_hours": "1.5", "min_trade": "250.5", "gas_ceiling_gwei": "40.25"}
    document |= {"targets": {"WETH": "0.5", "USDC": "0.5"}, "gates": document["gates"] | text}
    document["trigger"]["of"][2]["interval_hours"] = "0.5"
    validator.validate(document)
    for wrong in ({"kind": "all", "of": []}, {"kind": "threshold", "band": 5}, {"kind": "never"}):
        assert not validator.is_valid(document | {"trigger": wrong})
