"""Deployment files: the form is checked, and built-in chains load."""

from __future__ import annotations

from typing import Any

import pytest

from router.documents import parse_deployment
from router.errors import InputError

WETH, USDC = "0x" + "1" * 40, "0x" + "2" * 40


def example() -> dict[str, Any]:
    return {
        "schema": "rebalance-deployment/1",
        "name": "test",
        "chain_id": 31337,
        "native_token": WETH,
        "numeraire": USDC,
        "tokens": [
            {"address": WETH, "symbol": "WETH", "decimals": 18, "feed": None},
            {"address": USDC, "symbol": "USDC", "decimals": 6, "feed": "0x" + "3" * 40},
        ],
        "pools": [{"kind": "uniswap_v2", "address": "0x" + "4" * 40, "fee_pips": 3000}],
        "factories": [{"kind": "uniswap_v3", "address": "0x" + "5" * 40, "fee_pips": [500]}],
        "lenders": [{"kind": "aave_v3_multi", "address": "0x" + "6" * 40}],
        "multicall3": None,
        "permit2": None,
        "executor_factory": None,
    }


def test_parse_accepts_the_documented_form() -> None:
    deployment = parse_deployment(example())
    assert deployment.tokens[1].feed == "0x" + "3" * 40
    assert deployment.pools[0].kind == "uniswap_v2"


@pytest.mark.parametrize(
    ("table", "key", "value", "path"),
    [
        ("pools", "kind", "uniswap_v4", "pools[0].kind"),
        ("pools", "fee", 3000, "pools[0].fee"),
        ("tokens", "decimals", 99, "tokens[0].decimals"),
        ("tokens", "heartbeat_s", 0, "tokens[0].heartbeat_s"),
        ("tokens", "heartbeat_s", 3600, "tokens[0]"),
        ("lenders", "address", "0x12", "lenders[0].address"),
        ("factories", "fee_pips", [], "factories[0].fee_pips"),
    ],
)
def test_parse_refuses_and_says_where(table: str, key: str, value: object, path: str) -> None:
    file = example()
    file[table][0][key] = value
    with pytest.raises(InputError) as caught:
        parse_deployment(file, "localnet.json")
    assert caught.value.path == f"localnet.json: {path}"


def test_heartbeats_and_a_sequencer_feed_are_optional() -> None:
    assert parse_deployment(example()).sequencer_feed is None
    full = example() | {"sequencer_feed": "0x" + "7" * 40}
    full["tokens"][1]["heartbeat_s"] = 3600
    deployment = parse_deployment(full)
    assert (deployment.sequencer_grace_s, deployment.tokens[1].heartbeat_s) == (3600, 3600)
    with pytest.raises(InputError, match="sequencer_grace_s"):
        parse_deployment(full | {"sequencer_grace_s": -1})
