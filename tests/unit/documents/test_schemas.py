"""Exported JSON Schemas are valid, and accept what the package itself writes and reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from router.documents import export_schemas, load_snapshot, plan_to_json, snapshot_to_json
from router.documents.outputs import ErrorFile, Revert
from router.encoder import encode
from tests.unit.documents.test_plan_file import PLAN, PROGRAM
from tests.unit.documents.test_snapshot_file import example, write

SCHEMAS = export_schemas()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_is_valid_and_refuses_unknown_keys(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["additionalProperties"] is False
    json.dumps(SCHEMAS[name])


def test_snapshot_schema_accepts_what_is_read_and_written(tmp_path: Path) -> None:
    validator = Draft202012Validator(SCHEMAS["snapshot"])
    validator.validate(example())
    costly = example() | {"l1_fee_wei_per_byte": "7"}
    costly["pools"][0]["gas_cost_wei"] = "5"
    validator.validate(costly)
    validator.validate(snapshot_to_json(load_snapshot(write(tmp_path, costly))))
    validator.validate(snapshot_to_json(load_snapshot(write(tmp_path, example()))))


def test_portfolio_schema_accepts_numbers_and_text() -> None:
    validator = Draft202012Validator(SCHEMAS["portfolio"])
    portfolio = {
        "owner": "0x" + "a" * 40,
        "holdings": {"USDC": "1000.5", "WETH": 2},
        "targets": {"USDC": 0.25, "WETH": "0.75"},
        "gas_price_gwei": 0.5,
        "trigger": {"kind": "threshold", "band_bps": 500},
    }
    validator.validate(portfolio)
    limits = {
        "landing": "nearest",
        "max_arbitrage_bps": 0.5,
        "max_depth_bps": 1,
        "max_legs": 1,
        "holdings": {"USDC": ["1", 2.5], "WETH": "3"},
        "cash_flows": {"USDC": "-5", "WETH": 1},
        "rules": {"WETH": {"trade": "buy", "tolerance_bps": 5, "max_impact_bps": None}, "DAI": {}},
    }
    validator.validate(portfolio | limits)
    bad: tuple[dict[str, object], ...] = (
        {"landing": "edge"},
        {"max_depth_bps": 0},
        {"max_legs": 0},
        {"holdings": {"USDC": []}},
        {"cash_flows": {"USDC": ["1"]}},
        {"rules": {"WETH": {"trade": "sold"}}},
        {"rules": {"WETH": {"trades": "sell"}}},
    )
    for wrong in bad:
        assert not validator.is_valid(portfolio | wrong), wrong
    assert not validator.is_valid(portfolio | {"tolerance_bps": 0.05})
    assert not validator.is_valid(portfolio | {"owner": "me"})


def test_plan_schema_accepts_what_is_written() -> None:
    validator = Draft202012Validator(SCHEMAS["plan"])
    validator.validate(plan_to_json(PLAN, encode(PROGRAM)))
    validator.validate(plan_to_json(replace(PLAN, certificate=None), encode(PROGRAM)))


def test_error_schema_accepts_what_is_written() -> None:
    revert = Revert(name="InsufficientReceived", arguments={"token": "0x"}, message="", step=3, data="0x1234")
    error = ErrorFile(error="ExecutionReverted", message="no", exit_code=5, revert=revert)
    value = error.to_json()
    assert value["schema"] == "rebalance-error/1"
    Draft202012Validator(SCHEMAS["error"]).validate(value)
