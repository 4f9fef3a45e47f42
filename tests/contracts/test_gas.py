"""Gas of typical programs, whole transactions on cold state, compared with the committed gas.json."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from router.encoder import encode, execute_calldata
from router.program import Check, Deliver, Program, Pull
from tests.contracts.chain import Account, Chain, calldata
from tests.contracts.steps import (
    FROM_OWNER,
    PREPAID,
    REMAINDER,
    SWAP_KINDS,
    TO_NEXT_POOL,
    TO_OWNER,
    swap,
)
from tests.contracts.world import MAX_U128, OWNER, World, own

COMMITTED = Path(__file__).with_name("gas.json")
UPDATE = "UPDATE_GAS"
LENDERS = ("morpho_blue", "aave_v3", "aave_v3_multi", "balancer_v2", "uniswap_v3")


def programs(world: World) -> dict[str, Program]:
    """Name -> program."""
    eth, usd = world.raw("ETH", 1000), world.raw("USD", 1000)
    tokens = [world.bounds("ETH", max_spent=eth), world.bounds("USD", min_received=1)]
    three = [*tokens, world.bounds("BTC", min_received=1)]
    found = {"nothing": world.program([])}
    for kind in SWAP_KINDS:
        direct = swap(world, kind, "ETH", "USD", eth, **FROM_OWNER, **TO_OWNER)
        found[f"owner to owner: {kind}"] = world.program(tokens, direct)
    found["two pairs hand over"] = world.program(
        [three[0], world.bounds("USD"), three[2]],
        swap(world, "uniswap_v2", "ETH", "USD", eth, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_OWNER),
    )
    found["pull, three legs through the ledger"] = world.program(
        three,
        Pull(world.tokens["ETH"], eth),
        swap(world, "uniswap_v3", "ETH", "USD", eth // 2),
        swap(world, "uniswap_v2", "ETH", "BTC", **REMAINDER, **TO_OWNER),
        swap(world, "uniswap_v3", "USD", "BTC", usd // 10, **TO_OWNER),
    )
    for kind in LENDERS:
        bounds = [world.bounds("USD", max_spent=2 * usd), world.bounds("BTC", min_received=1)]
        found[f"deliver first: {kind}"] = world.program(
            bounds,
            world.borrow(kind, USD=usd),
            swap(world, "uniswap_v2", "USD", "BTC", **REMAINDER),
            Deliver(world.tokens["BTC"]),
            Check(),
            Pull(world.tokens["USD"], None),
        )
    return found


def bare_v2_swap(world: World) -> int:
    """The same swap without the executor: transferFrom and swap, called by a contract."""
    caller = world.chain.create(own("PuppetAccount"))
    world.approve("ETH", caller, MAX_U128)
    cold = world.cold()
    pair, eth = world.pools["uniswap_v2:ETH-USD"], world.tokens["ETH"]
    amounts = (0, 990 * 10**6)
    if int(eth, 16) > int(world.tokens["USD"], 16):
        amounts = amounts[::-1]
    pay = calldata("transferFrom(address,address,uint256)", OWNER, pair, world.raw("ETH", 1000))
    trade = calldata("swap(uint256,uint256,address,bytes)", *amounts, OWNER, b"")
    cold.chain.send(caller, "perform(address[],bytes[])", [eth, pair], [pay, trade])
    return cold.chain.gas_used


@pytest.fixture(scope="module")
def measured(pristine: tuple[World, tuple[Account, ...]]) -> dict[str, dict[str, int]]:
    built, accounts = pristine
    rows: dict[str, dict[str, int]] = {}
    for name, program in programs(built).items():
        world = built.on(Chain.thaw(accounts))
        world.execute(program)
        payload = encode(program)
        calldata_gas = sum(16 if byte else 4 for byte in execute_calldata(payload))
        rows[name] = {"gas": world.chain.gas_used, "calldata": calldata_gas, "bytes": len(payload)}
    rows["without executor: uniswap_v2"] = {"gas": bare_v2_swap(built.on(Chain.thaw(accounts)))}
    for contract in (built.executor, built.factory):
        name = "RebalanceExecutor" if contract == built.executor else "RebalanceExecutorFactory"
        rows[f"runtime: {name}"] = {"bytes": len(bytes(built.chain.evm.get_code(contract)))}
    return rows


def test_gas_is_the_committed_gas(measured: dict[str, dict[str, int]]) -> None:
    for name, row in measured.items():
        print(f"{name:42}", *(f"{key} {value:>8,}" for key, value in row.items()))  # noqa: T201
    if os.environ.get(UPDATE):
        COMMITTED.write_text(json.dumps(measured, indent=2) + "\n")
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    changed = {
        name: (committed.get(name), measured.get(name))
        for name in sorted(committed.keys() | measured.keys())
        if committed.get(name) != measured.get(name)
    }
    assert not changed, f"(committed, measured): {changed}; if meant, run {UPDATE}=1 pytest {__file__}"


def test_executor_adds_little_to_a_bare_swap(measured: dict[str, dict[str, int]]) -> None:
    """Bounds on two tokens, the lock, the event and the checks included."""
    direct = measured["owner to owner: uniswap_v2"]["gas"]
    assert direct - measured["without executor: uniswap_v2"]["gas"] < 13_000
