"""`make parity` on the recorded mainnet and Base quotes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", ROOT / "../shared/data"))
needs_data = pytest.mark.skipif(
    not (DATA / "quotes").is_dir(), reason=f"recorded quotes are not at {DATA} (set REBALANCE_SHARED_DATA)"
)


def _parity(quotes: Path, states: Path) -> tuple[int, dict[str, dict[str, object]]]:
    script = ROOT / "scripts" / "parity.py"
    run = subprocess.run(
        [sys.executable, script, "--quotes", quotes, "--states", states, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    files = json.loads(run.stdout)["files"] if run.stdout else []
    return run.returncode, {entry["file"]: entry for entry in files}


@needs_data
def test_every_recorded_quote_of_our_amms_is_equal() -> None:
    code, files = _parity(DATA / "quotes", DATA / "pool-states")
    assert code == 0
    assert (files["cached_calculations_v3_wbtc_weth.json"]["tried"]) == 40
    for name, report in files.items():
        assert report["tried"] == report["equal"]
        if name.startswith("balancer_v2") and "stable" not in name:
            assert report["tried"]
            assert not report["skipped"]


@needs_data
def test_a_changed_answer_is_reported(tmp_path: Path) -> None:
    name = "pancakeswap_v2_router_get_amounts_out.json"
    body = json.loads((DATA / "quotes" / name).read_text())
    key = next(iter(body["entries"]))
    body["entries"][key]["value"] += 1
    (tmp_path / name).write_text(json.dumps(body))
    code, files = _parity(tmp_path, DATA / "pool-states")
    assert code == 1
    assert files[name]["tried"] == files[name]["equal"] + 1


@needs_data
def test_quotes_at_another_block_are_skipped(tmp_path: Path) -> None:
    name = "balancer_v2_weth_bal_query_swap.json"
    body = json.loads((DATA / "quotes" / name).read_text())
    (tmp_path / name).write_text(json.dumps(body | {"block_number": 1}))
    code, files = _parity(tmp_path, DATA / "pool-states")
    assert code == 0
    assert files[name]["tried"] == 0
    assert files[name]["skipped"]


@needs_data
def test_quotes_without_states_are_skipped(tmp_path: Path) -> None:
    shutil.copy(DATA / "quotes" / "curve_tripool_get_dy.json", tmp_path)
    (tmp_path / "states").mkdir()
    code, files = _parity(tmp_path, tmp_path / "states")
    assert code == 0
    assert files["curve_tripool_get_dy.json"]["skipped"] == {"no recorded state of this pool": 9}


def test_no_quotes_is_bad_input(tmp_path: Path) -> None:
    assert _parity(tmp_path, tmp_path)[0] == 2
