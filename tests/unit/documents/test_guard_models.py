"""The guards of a portfolio file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.documents import load_portfolio
from router.errors import InputError
from router.portfolio import Guards
from tests.markets import OWNER, snapshot, v2


def guards_of(folder: Path, **table: Any) -> Guards:
    path = folder / "p.json"
    base = {"owner": OWNER, "holdings": {"USD": "5"}, "targets": {"USD": "1"}}
    path.write_text(json.dumps(base | ({"guards": table} if table else {})))
    return load_portfolio(path, snapshot([v2(0, "USD", "ETH", 1e6)])).guards


def test_without_a_table_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert guards_of(tmp_path) == Guards()


def test_every_key_is_read(tmp_path: Path) -> None:
    table = {
        "max_pool_share_bps": 150_000,
        "max_price_deviation_bps": 20,
        "max_source_deviation_bps": 30,
        "min_sources": 2,
        "max_jump_bps": 1_500,
    }
    assert guards_of(tmp_path, **table) == Guards(**table)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_pool_share_bps", 0),
        ("max_pool_share_bps", 0.5),
        ("max_price_deviation_bps", 0),
        ("max_price_deviation_bps", 10_001),
        ("max_source_deviation_bps", 0.03),
        ("max_jump_bps", 0),
        ("max_jump_bps", 0.2),
        ("min_sources", 0),
        ("min_sources", 3),
        ("min_source", 1),
    ],
)
def test_what_would_refuse_nothing_or_everything_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"p.json: guards.{key}"):
        guards_of(tmp_path, **{key: value})
