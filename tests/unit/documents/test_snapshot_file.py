"""Snapshot files: what is accepted, what is refused and where, and that saving loses nothing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.documents import (
    load_snapshot,
    load_snapshot_file,
    save_snapshot,
    snapshot_hash,
    snapshot_to_json,
)
from router.errors import InputError

SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))
USDC, WETH, DAI = ("0x" + digit * 40 for digit in "123")
PAIR, POOL, WEIGHTED, STABLE = ("0x" + digit * 40 for digit in "4567")
VAULT, AAVE = "0x" + "8" * 40, "0x" + "9" * 40


def example() -> dict[str, Any]:
    """A small file with one pool and one lender of every kind."""
    return {
        "schema": "rebalance-snapshot/1",
        "chain_id": 1,
        "block_number": 100,
        "timestamp": 1_700_000_000,
        "base_fee_wei": None,
        "native_token": WETH,
        "numeraire": USDC,
        "price_source": "oracle",
        "note": "made for a test",
        "tokens": [
            {"address": USDC, "symbol": "USDC", "decimals": 6, "price": 1},
            {"address": WETH, "symbol": "WETH", "decimals": 18, "price": 2000.125},
            {"address": DAI, "symbol": "DAI", "decimals": 18, "transfer_tax_bps": 0},
        ],
        "pools": [
            {
                "kind": "uniswap_v2",
                "protocol": "uniswap_v2",
                "address": PAIR,
                "tokens": [USDC, WETH],
                "fee_pips": 3000,
                "reserves": ["2000000000000", "1000000000000000000000"],
            },
            {
                "kind": "uniswap_v3",
                "address": POOL,
                "tokens": [USDC, WETH],
                "fee_pips": 500,
                "tick_spacing": 10,
                "sqrt_price_x96": str(1 << 96),
                "tick": 0,
                "liquidity": "1000000",
                "ticks": [[-100, "1000000"], [100, "-1000000"]],
            },
            {
                "kind": "balancer_v2_weighted",
                "address": WEIGHTED,
                "pool_id": WEIGHTED + "0" * 24,
                "vault": VAULT,
                "tokens": [USDC, WETH],
                "fee_pips": 1000,
                "balances": ["5000000", "7000000000000000000"],
                "weights": ["500000000000000000", "500000000000000000"],
            },
            {
                "kind": "balancer_v2_stable",
                "address": STABLE,
                "pool_id": STABLE,
                "tokens": [USDC, DAI],
                "fee_pips": 400,
                "balances": ["1", "2"],
                "amplification": "9",
            },
        ],
        "lenders": [
            {"kind": "morpho_blue", "address": VAULT, "available": {WETH: "5"}},
            {
                "kind": "aave_v3",
                "address": AAVE,
                "available": {WETH: 7},
                "premium_bps": 5,
                "rounding": "half_up",
            },
            {"kind": "balancer_v2", "address": VAULT, "available": {USDC: "8"}, "fee_wad": "1"},
            {
                "kind": "uniswap_v3",
                "address": POOL,
                "tokens": [USDC, WETH],
                "available": {USDC: "1"},
                "fee_pips": 500,
            },
        ],
    }


def write(folder: Path, value: Any) -> Path:
    path = folder / "snapshot.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_load_reads_every_kind_and_drops_what_is_not_routed(tmp_path: Path) -> None:
    loaded = load_snapshot_file(write(tmp_path, example()))
    assert [pool.kind for pool in loaded.snapshot.pools] == [
        "uniswap_v2",
        "uniswap_v3",
        "balancer_v2_weighted",
    ]
    assert loaded.not_routed == {"balancer_v2_stable": 1}
    assert loaded.note == "made for a test"
    assert len(loaded.snapshot.lenders) == 4
    assert loaded.snapshot.tokens[WETH].decimals == 18


def test_price_text_is_exactly_the_file_s(tmp_path: Path) -> None:
    text = json.dumps(example()).replace("2000.125", "1.31073386606000001e-13")
    snapshot = load_snapshot(write(tmp_path, text))
    assert snapshot.prices == {USDC: "1", WETH: "0.000000000000131073386606000001"}


@pytest.mark.parametrize("name", ["out.json", "out.json.gz"])
def test_save_then_load_gives_an_equal_snapshot(tmp_path: Path, name: str) -> None:
    snapshot = load_snapshot(write(tmp_path, example()))
    save_snapshot(snapshot, tmp_path / name)
    again = load_snapshot(tmp_path / name)
    assert again == snapshot
    assert snapshot_hash(again) == snapshot_hash(snapshot)
    assert snapshot_to_json(again) == snapshot_to_json(snapshot)


def test_hash_changes_with_one_raw_unit(tmp_path: Path) -> None:
    changed = example()
    changed["pools"][0]["reserves"][0] = "2000000000001"
    first = load_snapshot(write(tmp_path, example()))
    assert snapshot_hash(load_snapshot(write(tmp_path, changed))) != snapshot_hash(first)


def test_costs_of_pools_and_calldata_survive_and_change_the_hash(tmp_path: Path) -> None:
    file = example()
    plain = load_snapshot(write(tmp_path, file))
    assert (plain.pool_gas_cost_wei, plain.l1_fee_wei_per_byte) == ({}, 0)
    file["l1_fee_wei_per_byte"] = "123456789012345678"
    file["pools"][0]["gas_cost_wei"] = "2000000000000000"
    file["pools"][1]["gas_cost_wei"] = 0
    file["pools"][3]["gas_cost_wei"] = "7"
    costly = load_snapshot(write(tmp_path, file))
    assert costly.l1_fee_wei_per_byte == 123456789012345678
    assert costly.pool_gas_cost_wei == {PAIR: 2 * 10**15, POOL: 0}
    value = snapshot_to_json(costly)
    assert [pool.get("gas_cost_wei") for pool in value["pools"]] == ["2000000000000000", "0", None]
    assert value["l1_fee_wei_per_byte"] == "123456789012345678"
    save_snapshot(costly, tmp_path / "out.json")
    assert load_snapshot(tmp_path / "out.json") == costly
    assert snapshot_hash(costly) != snapshot_hash(plain)


def test_the_time_of_a_price_survives_and_changes_the_hash(tmp_path: Path) -> None:
    file = example()
    plain = load_snapshot(write(tmp_path, file))
    assert plain.priced_at == {}
    file["tokens"][1]["priced_at"] = plain.timestamp - 60
    told = load_snapshot(write(tmp_path, file))
    assert list(told.priced_at.values()) == [plain.timestamp - 60]
    save_snapshot(told, tmp_path / "out.json")
    assert load_snapshot(tmp_path / "out.json") == told
    assert snapshot_hash(told) != snapshot_hash(plain)


Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, value: Any) -> Change:
    def change(file: dict[str, Any]) -> None:
        place: Any = file
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (put("pools", 0, "reserves", 0, value="-1"), "pools[0].reserves[0]", "raw units"),
        (put("pools", 0, "reserves", 0, value=-1), "pools[0].reserves[0]", "not be negative"),
        (put("pools", 0, "reserves", 1, value="0"), "pools[0].reserves[1]", "more than zero"),
        (put("pools", 0, "reserves", 1, value=1.5), "pools[0].reserves[1]", "whole number"),
        (put("pools", 0, "reserves", 1, value=True), "pools[0].reserves[1]", "whole number"),
        (put("pools", 0, "reserves", value=["1"]), "pools[0].reserves[1]", "missing"),
        (put("pools", 0, "kind", value="uniswap_v22"), "pools[0].kind", "did you mean 'uniswap_v2'"),
        (put("pools", 0, "tokens", value=[WETH, USDC]), "pools[0]", "token0"),
        (put("pools", 0, "tokens", 1, value=VAULT), "pools[0].tokens", "not among"),
        (put("pools", 0, "tokens", 1, value="WETH"), "pools[0].tokens[1]", "not an address"),
        (put("pools", 0, "fee_pips", value=1_000_000), "pools[0].fee_pips", "less than"),
        (put("pools", 0, "reserve", value=1), "pools[0].reserve", "did you mean 'reserves'"),
        (put("pools", 1, "address", value=PAIR), "pools[1].address", "twice"),
        (
            put("pools", 1, "ticks", value=[[100, "-1000000"], [-100, "1000000"]]),
            "pools[1].ticks",
            "must ascend",
        ),
        (put("pools", 1, "ticks", 1, 1, value="-999999"), "pools[1]", "sum to 1"),
        (put("pools", 1, "liquidity", value="999999"), "pools[1]", "sum to 1000000"),
        (put("pools", 1, "tick", value=7), "pools[1].tick", "is not the tick"),
        (put("pools", 1, "ticks", 0, 0, value=-101), "pools[1].ticks", "multiple"),
        (put("pools", 2, "weights", 0, value="1"), "pools[2]", "weights sum"),
        (put("pools", 2, "balances", value=["1"]), "pools[2]", "1 balances for 2 tokens"),
        (put("pools", 2, "pool_id", value=PAIR), "pools[2]", "pool_id"),
        (put("tokens", 1, "decimals", value=37), "tokens[1].decimals", "less than or equal to 36"),
        (put("tokens", 1, "decimals", value="18"), "tokens[1].decimals", "integer"),
        (put("tokens", 1, "price", value=0), "tokens[1].price", "more than zero"),
        (put("tokens", 1, "price", value="cheap"), "tokens[1].price", "not a number"),
        (put("tokens", 1, "address", value=USDC), "tokens[1].address", "twice"),
        (put("tokens", 1, "priced_at", value=2 * 10**9), "tokens[1].priced_at", "later than the snapshot"),
        (put("timestamp", value=1_700_000_000_000), "timestamp", "less than 32503680000"),
        (put("lenders", 1, "rounding", value="down"), "lenders[1].rounding", "half_up"),
        (put("lenders", 0, "available", value={AAVE: "1"}), "lenders[0].available", "not among"),
        (put("native_token", value=VAULT), "native_token", "not among"),
        (put("chain_id", value="1"), "chain_id", "integer"),
        (put("chainid", value=1), "chainid", "did you mean 'chain_id'"),
        (put("pools", 0, "gas_cost_wei", value="-1"), "pools[0].gas_cost_wei", "raw units"),
        (put("pools", 1, "gas_cost_wei", value=0.5), "pools[1].gas_cost_wei", "whole number"),
        (put("pools", 2, "gas_cost", value="1"), "pools[2].gas_cost", "did you mean 'gas_cost_wei'"),
        (put("l1_fee_wei_per_byte", value="1.5"), "l1_fee_wei_per_byte", "whole number"),
        (put("schema", value="rebalance-snapshot/2"), "schema", "rebalance-snapshot/1"),
    ],
)
def test_load_refuses_and_says_where(tmp_path: Path, change: Change, path: str, message: str) -> None:
    file = example()
    change(file)
    with pytest.raises(InputError) as caught:
        load_snapshot(write(tmp_path, file))
    assert caught.value.path == f"snapshot.json: {path}"
    assert message in str(caught.value)


def test_load_names_a_missing_key(tmp_path: Path) -> None:
    file = example()
    del file["pools"][0]["reserves"]
    with pytest.raises(InputError, match=r"snapshot\.json: pools\[0\]\.reserves: is missing"):
        load_snapshot(write(tmp_path, file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be parsed"),
        ("[]", "one object"),
        ('{"chain_id": 1, "chain_id": 1}', "given twice"),
        ('{"chain_id": NaN}', "NaN is not a JSON number"),
        ("[" * 200_000, "nested too deeply"),
        ('{"chain_id": ' + "9" * 5000 + "}", "cannot be parsed"),
    ],
)
def test_load_refuses_text_that_is_no_snapshot(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_snapshot(write(tmp_path, text))


def test_load_refuses_a_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json.gz"
    path.write_bytes(gzip.compress(json.dumps(example()).encode())[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        load_snapshot(path)


def test_load_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_snapshot(tmp_path / "none.json")


def test_save_that_runs_out_of_space_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, example())
    before = path.read_bytes()
    program = (
        "import resource, sys; from router.documents import load_snapshot, save_snapshot;"
        "snapshot = load_snapshot(sys.argv[1]);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "save_snapshot(snapshot, sys.argv[1])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert "InputError" in result.stderr
    assert "cannot be written" in result.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["snapshot.json"]
    assert path.read_bytes() == before


def test_save_to_a_missing_folder_leaves_nothing(tmp_path: Path) -> None:
    snapshot = load_snapshot(write(tmp_path, example()))
    with pytest.raises(InputError, match="cannot be written"):
        save_snapshot(snapshot, tmp_path / "none" / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]


@pytest.mark.parametrize(
    ("name", "pools", "tokens", "dropped"),
    [
        ("mainnet-24721407.json.gz", 1327, 1179, {}),
        ("balancer-1280.json.gz", 1250, 783, {"balancer_v2_stable": 29}),
    ],
)
def test_recorded_snapshots_load_and_survive_saving(
    tmp_path: Path, name: str, pools: int, tokens: int, dropped: dict[str, int]
) -> None:
    path = SHARED / "snapshots" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    loaded = load_snapshot_file(path)
    assert len(loaded.snapshot.pools) == pools
    assert len(loaded.snapshot.tokens) == tokens
    assert loaded.not_routed == dropped
    save_snapshot(loaded.snapshot, tmp_path / "out.json.gz")
    assert load_snapshot(tmp_path / "out.json.gz") == loaded.snapshot
