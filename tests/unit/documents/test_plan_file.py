"""Plan files: nothing is lost, and the file cannot tell anything but what the payload does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.documents import load_plan, plan_to_json, save_plan
from router.encoder import encode
from router.errors import InputError
from router.plan import Cost, Plan, PlannedLoan, PlannedSwap, Verdict
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
    upper_bound=0.31,
    gap_bps=1.5,
    dual_prices={USDC: 1e-6, WETH: 2.0000000000000003e-15},
    notes=("one", "two"),
)


def test_plan_survives_saving_and_loading(tmp_path: Path) -> None:
    payload = encode(PROGRAM)
    save_plan(PLAN, payload, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == (PLAN, payload)


def test_plan_without_a_payload_survives(tmp_path: Path) -> None:
    hold = Plan(
        **{name: getattr(PLAN, name) for name in PLAN.__dataclass_fields__}
        | {"program": None, "swaps": (), "loans": (), "verdict": Verdict.HOLD, "upper_bound": None}
    )
    save_plan(hold, None, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == (hold, None)


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
