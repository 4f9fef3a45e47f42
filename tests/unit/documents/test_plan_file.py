"""Plan files: nothing is lost, and the file cannot tell anything but what the payload does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.documents import build_plan, canonical_json, load_plan, plan_to_json, save_plan
from router.documents.plan_models import PlanFile
from router.encoder import encode
from router.errors import InputError
from router.fixed_point import MAX_U256, WAD
from router.plan import Certificate, Cost, Exclusion, GapParts, Plan, PlannedLoan, PlannedSwap, Verdict
from router.portfolio import Landing
from router.program import AmountMode, Borrow, Program, Pull, Swap, TokenBounds

OWNER, USDC, WETH, POOL, LENDER = ("0x" + digit * 40 for digit in "12345")
PROGRAM = Program(
    deadline=1_700_000_000,
    min_value_change_e36=-(10**30),
    tokens=(TokenBounds(USDC, max_spent=2000, price_e36=10**30), TokenBounds(WETH, min_received=900)),
    steps=(
        Borrow("morpho_blue", LENDER, ((USDC, 500),)),
        Pull(USDC, 1000),
        Swap("uniswap_v2", POOL, USDC, WETH, AmountMode.LITERAL, 1000, fee_pips=3000),
    ),
)
CERTIFICATE = Certificate(
    upper_bound=0.31,
    dual_prices={USDC: 1e-6, WETH: 2.0000000000000003e-15},
    net_bound=0.1 + 0.2,
    net_dual_prices={USDC: 1e-6, WETH: 1.9e-15},
    gap_bps=1.5,
    parts=GapParts(gas=1.0, integers=0.75, bounds=-0.25),
    arbitrage=1e-7,
    arbitrage_prices={USDC: 1.1e-6, WETH: 2e-15},
    pool_gas={POOL: 0.125},
    base_gas=0.5,
)
PLAN = Plan(
    chain_id=1,
    block_number=7,
    owner=OWNER,
    swaps=(PlannedSwap(2, POOL, "uniswap_v2", USDC, WETH, 1000, 990),),
    loans=(PlannedLoan(LENDER, "morpho_blue", USDC, 500, 0),),
    pulls={USDC: 1000},
    program=PROGRAM,
    holdings_before={USDC: 10**30},
    holdings_after={USDC: 10**30 - 1000, WETH: 990},
    targets_wad={USDC: 3 * 10**17, WETH: 7 * 10**17},
    prices={USDC: "1", WETH: "2000.000000000000000001"},
    value_before=0.1 + 0.2,
    value_after=0.3,
    cost=Cost(0.1, -0.2, 0.0, 3.5),
    gas_estimate=123_456,
    verdict=Verdict.TRADE,
    reason="drifted",
    snapshot_hash="ab" * 32,
    settlement="pull-first",
    notes=("one", "two"),
    tolerance_bps=30,
    landing="band",
    bands={USDC: (297 * 10**15, 303 * 10**15), WETH: (7 * 10**17 - 1, 7 * 10**17 + 1)},
    certificate=CERTIFICATE,
    excluded=(Exclusion(POOL, WETH, USDC, "pays 3 % more than the prices"),),
    reserved={USDC: 10**24},
)


def test_plan_survives_saving_and_loading(tmp_path: Path) -> None:
    payload = encode(PROGRAM)
    save_plan(PLAN, payload, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == (PLAN, payload)


def test_plan_without_a_payload_survives(tmp_path: Path) -> None:
    hold = replace(PLAN, program=None, swaps=(), loans=(), verdict=Verdict.HOLD, certificate=None)
    save_plan(hold, None, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == (hold, None)


def test_certificate_is_flat_in_the_file() -> None:
    value = json.loads(json.dumps(plan_to_json(PLAN, encode(PROGRAM))))
    assert value["landing"] == "band"
    assert value["bands"][USDC] == ["0.297", "0.303"]
    assert value["bands"][WETH] == ["0.699999999999999999", "0.700000000000000001"]
    assert value["reserved"] == {USDC: str(10**24)}
    assert value["excluded"] == [
        {"pool": POOL, "token_in": WETH, "token_out": USDC, "reason": "pays 3 % more than the prices"}
    ]
    assert value["gap_parts"] == {"gas": 1.0, "integers": 0.75, "bounds": -0.25}
    assert {name: value[name] for name in CERTIFICATE.__dataclass_fields__ if name != "parts"} == {
        name: getattr(CERTIFICATE, name) for name in CERTIFICATE.__dataclass_fields__ if name != "parts"
    }


def test_every_figure_of_a_missing_certificate_is_null() -> None:
    value = plan_to_json(replace(PLAN, certificate=None), encode(PROGRAM))
    figures = ("upper_bound", "net_bound", "gap_bps", "gap_parts", "arbitrage", "base_gas")
    tables = ("dual_prices", "net_dual_prices", "arbitrage_prices", "pool_gas")
    assert {name: value[name] for name in figures} == dict.fromkeys(figures)
    assert {name: value[name] for name in tables} == {name: {} for name in tables}


def test_plan_of_a_file_without_the_optional_keys_has_their_defaults(tmp_path: Path) -> None:
    value = plan_to_json(replace(PLAN, certificate=None), encode(PROGRAM))
    optional = ("landing", "bands", "reserved", "excluded", "net_bound", "net_dual_prices", "gap_parts")
    for key in (*optional, "arbitrage", "arbitrage_prices", "pool_gas", "base_gas"):
        del value[key]
    (tmp_path / "plan.json").write_text(json.dumps(value))
    plan, _ = load_plan(tmp_path / "plan.json")
    assert plan == replace(PLAN, landing="target", bands={}, certificate=None, excluded=(), reserved={})


weight = st.integers(min_value=0, max_value=WAD)
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=5e-324, max_value=1e300)


@given(
    least=weight,
    width=weight,
    reserved=st.integers(min_value=0, max_value=MAX_U256),
    figures=st.lists(finite, min_size=8, max_size=8),
    price=positive,
    landing=st.sampled_from([*map(str, Landing)]),
)
def test_every_weight_and_float_survives(
    least: int, width: int, reserved: int, figures: list[float], price: float, landing: str
) -> None:
    certificate = Certificate(
        figures[0],
        {USDC: price},
        figures[1],
        {WETH: price},
        figures[2],
        GapParts(*figures[3:6]),
        figures[6],
        {USDC: price},
        {POOL: price},
        figures[7],
    )
    plan = replace(
        PLAN,
        landing=landing,
        bands={WETH: (least, least + width)},
        reserved={WETH: reserved},
        certificate=certificate,
    )
    text = canonical_json(plan_to_json(plan, encode(PROGRAM))).decode()
    file = PlanFile.model_validate(json.loads(text, parse_float=Decimal))
    assert build_plan(file, "plan.json") == (plan, encode(PROGRAM))


def test_amounts_are_text_and_values_are_numbers() -> None:
    value = json.loads(json.dumps(plan_to_json(PLAN, encode(PROGRAM))))
    assert value["schema"] == "rebalance-plan/1"
    assert value["steps"][0]["amount_out"] == "990"
    assert value["holdings_before"] == {USDC: str(10**30)}
    assert value["targets"] == {USDC: "0.3", WETH: "0.7"}
    assert value["bounds"]["min_value_change_e36"] == str(-(10**30))
    assert value["value_after"] == 0.3
    assert value["payload"] == "0x" + encode(PROGRAM).hex()


def set_pool(value: dict[str, Any]) -> None:
    value["steps"][0]["pool"] = LENDER


def drop_step(value: dict[str, Any]) -> None:
    value["steps"] = []


def loosen_bound(value: dict[str, Any]) -> None:
    value["bounds"]["tokens"][1]["min_received"] = "901"


def cut_payload(value: dict[str, Any]) -> None:
    value["payload"] = value["payload"][:-2]


def odd_payload(value: dict[str, Any]) -> None:
    value["payload"] = value["payload"][:-1]


def put(key: str, new: Any) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        value[key] = new

    return change


def unknown_key(value: dict[str, Any]) -> None:
    value["gas_estimat"] = 1


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (set_pool, "steps[0]", "not the swap of the payload"),
        (drop_step, "steps", "lack the payload's swaps"),
        (loosen_bound, "bounds", "not the bounds"),
        (cut_payload, "payload", "cannot be decoded"),
        (odd_payload, "payload", "bytes in hex"),
        (unknown_key, "gas_estimat", "did you mean 'gas_estimate'"),
        (put("landing", "edge"), "landing", "'target', 'band' or 'nearest'"),
        (put("bands", {USDC: ["0.3", "0.2"]}), f"bands.{USDC}", "0.3 is above the most, 0.2"),
        (put("bands", {USDC: ["0.3"]}), f"bands.{USDC}[1]", "is missing"),
        (put("bands", {USDC: ["0.1", "0.30000000000000000001"]}), f"bands.{USDC}", "more than 18 decimals"),
        (put("bands", {USDC: ["-0.1", "0.3"]}), f"bands.{USDC}[0]", "not be negative"),
        (put("targets", {USDC: "0.1234567890123456789"}), f"targets.{USDC}", "more than 18 decimals"),
        (put("reserved", {USDC: "-1"}), f"reserved.{USDC}", "whole number of raw units"),
        (put("excluded", [{"pool": POOL}]), "excluded[0].token_in", "is missing"),
        (put("net_bound", None), "net_bound", "is missing beside upper_bound"),
        (put("gap_parts", None), "gap_parts", "is missing beside upper_bound"),
        (put("gap_parts", {"gas": 1, "integers": 2}), "gap_parts.bounds", "is missing"),
        (put("gap_parts", {"gass": 1}), "gap_parts.gass", "did you mean 'gas'"),
        (put("arbitrage", "much"), "arbitrage", "valid number"),
        (put("pool_gas", {"pool": 1}), "pool_gas.pool", "not an address"),
    ],
)
def test_load_refuses_a_plan_that_was_changed(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], path: str, message: str
) -> None:
    value = plan_to_json(PLAN, encode(PROGRAM))
    change(value)
    (tmp_path / "plan.json").write_text(json.dumps(value))
    with pytest.raises(InputError) as caught:
        load_plan(tmp_path / "plan.json")
    assert caught.value.path == f"plan.json: {path}"
    assert message in str(caught.value)
