"""Real swaps by the trader account, through the protocols' own routers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.errors import InputError
from router.localnet.abi import encode_call
from router.localnet.deployer import FAR_FUTURE, MAX_UINT256, Deployer, read
from router.localnet.rpc import LocalRpc
from router.localnet.world import World
from router.tokens import Address

_GIVEN_IN = 0


@dataclass(frozen=True, slots=True)
class Trade:
    """One exact-in swap in one pool."""

    pool: Address
    token_in: Address
    token_out: Address
    amount_in: int


def swap(trader: Deployer, world: World, trade: Trade) -> int:
    """Makes the trade for the account behind `trader`, which must hold `amount_in`; the raw amount received.

    Raises:
        InputError: the pool is not in the deployment.
        ExecutionReverted: the swap failed.
    """
    entry = next((item for item in world.deployment["pools"] if item["address"] == trade.pool), None)
    if entry is None:
        raise InputError(f"pool {trade.pool} is not in the deployment")
    rpc, account = trader.rpc, trader.sender
    spender, data = _call(rpc, world, entry, account, trade)
    allowance = read(rpc, trade.token_in, "allowance(address,address)", account, spender, returns="(uint256)")
    if allowance < trade.amount_in:
        if allowance:
            trader.send(trade.token_in, "approve(address,uint256)", spender, 0)
        trader.send(trade.token_in, "approve(address,uint256)", spender, MAX_UINT256)
    before = balance_of(rpc, trade.token_out, account)
    trader.send_data(spender, data, label=f"swap in {entry['kind']} {trade.pool}")
    trader.flush()
    return balance_of(rpc, trade.token_out, account) - before


def balance_of(rpc: LocalRpc, token: Address, holder: Address) -> int:
    """Raw units held at the latest block."""
    return int(read(rpc, token, "balanceOf(address)", holder, returns="(uint256)"))


def _call(
    rpc: LocalRpc, world: World, entry: Mapping[str, Any], trader: Address, trade: Trade
) -> tuple[Address, str]:
    """The router to approve and call, and the calldata."""
    token_in, token_out, amount_in = trade.token_in, trade.token_out, trade.amount_in
    if entry["kind"] == "uniswap_v2":
        return world.contracts["UniswapV2Router02"], encode_call(
            "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
            *(amount_in, 0, [token_in, token_out], trader, FAR_FUTURE),
        )
    if entry["kind"] == "uniswap_v3":
        fee = read(rpc, entry["address"], "fee()", returns="(uint24)")
        return world.contracts["SwapRouter"], encode_call(
            "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
            (token_in, token_out, fee, trader, FAR_FUTURE, amount_in, 0, 0),
        )
    pool_id = bytes.fromhex(entry["pool_id"].removeprefix("0x"))
    return entry["vault"], encode_call(
        "swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)",
        (pool_id, _GIVEN_IN, token_in, token_out, amount_in, b""),
        (trader, False, trader, False),
        0,
        FAR_FUTURE,
    )
