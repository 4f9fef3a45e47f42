"""Built-in deployments load, and mainnet's factories are the ones that made the recorded pools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from router.chain.deployments import (
    builtin_deployment,
    builtin_names,
    find_deployment,
)
from router.documents import load_snapshot
from router.errors import InputError

SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))
V3_INIT_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
V2_INIT_CODE_HASHES = {
    "uniswap_v2": bytes.fromhex("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f"),
    "sushiswap_v2": bytes.fromhex("e18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303"),
}
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400


@pytest.mark.parametrize("name", builtin_names())
def test_builtin_deployments_load(name: str) -> None:
    deployment = builtin_deployment(name)
    assert deployment.name == name
    assert find_deployment(name) == deployment
    listed = {token.address for token in deployment.tokens}
    assert {deployment.native_token, deployment.numeraire} <= listed


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'mainnet'"):
        find_deployment("mainet")


def test_every_feed_of_mainnet_is_held_to_its_own_heartbeat() -> None:
    fed = {token.symbol: token for token in builtin_deployment("mainnet").tokens if token.feed is not None}
    daily = {symbol for symbol, token in fed.items() if (token.heartbeat_s or 0) > DAY_SECONDS}
    hourly = {
        symbol for symbol, token in fed.items() if HOUR_SECONDS < (token.heartbeat_s or 0) < DAY_SECONDS
    }
    assert daily == {"USDC", "USDT"}
    assert hourly == fed.keys() - daily


def test_mainnet_agrees_with_the_recorded_state() -> None:
    path = SHARED / "snapshots" / "mainnet-24721407.json.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    snapshot, mainnet = load_snapshot(path), builtin_deployment("mainnet")
    for token in mainnet.tokens:
        recorded = snapshot.tokens[token.address]
        assert (recorded.symbol, recorded.decimals) == (token.symbol, token.decimals)
    uniswap, sushi, concentrated = (bytes.fromhex(item.address[2:]) for item in mainnet.factories)
    factories = {"uniswap_v2": uniswap, "sushiswap_v2": sushi}
    checked = 0
    for pool in snapshot.pools:
        state = pool.to_state()
        tokens = b"".join(bytes.fromhex(token[2:]) for token in pool.tokens)
        if state["protocol"] in factories:
            factory, code = factories[state["protocol"]], V2_INIT_CODE_HASHES[state["protocol"]]
            salt = keccak(tokens)
        elif state["protocol"] == "uniswap_v3":
            factory, code = concentrated, V3_INIT_CODE_HASH
            salt = keccak(encode(["address", "address", "uint24"], [*pool.tokens, pool.fee_pips]))
        else:
            continue
        assert keccak(b"\xff" + factory + salt + code)[12:].hex() == pool.address[2:]
        checked += 1
    assert checked > 1000
