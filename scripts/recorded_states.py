"""Recorded pool states, in the shapes that recorders of on-chain quotes write, as pools of ours.

Tokens are named by their place ("0", "1", ...), since recordings may leave addresses out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from router.errors import PoolError, RouterError
from router.fixed_point import PIPS, WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.uniswap_v2 import UniswapV2Pool, amount_in_for, amount_out_for
from router.pools.uniswap_v3 import UniswapV3Pool

EXACT_INPUT = {"quoteExactInputSingle", "getAmountsOut", "getAmountOut", "GIVEN_IN"}
EXACT_OUTPUT = {"quoteExactOutputSingle", "getAmountsIn", "getAmountIn", "GIVEN_OUT"}
FUNCTIONS = {
    "uniswap_v2": {"getAmountsOut", "getAmountsIn", "getAmountOut", "getAmountIn"},
    "uniswap_v3": {"quoteExactInputSingle", "quoteExactOutputSingle"},
    "balancer_v2_weighted": {"GIVEN_IN", "GIVEN_OUT"},
}
NO_ADDRESS = "0x" + "0" * 40
FOREIGN_KEYS = {
    "amp": "balancer stable",
    "amplification": "balancer stable",
    "a_coefficient": "curve",
    "gamma": "curve crypto",
}
Pool = UniswapV2Pool | UniswapV3Pool | BalancerV2WeightedPool


class UnsupportedError(Exception):
    """A recording that none of our AMMs can be asked about. The message is the reason."""


@dataclass(frozen=True)
class RecordedPool:
    """A pool at one block.

    Attributes:
        names: of each token, lower case: its symbol and address.
        reverse: the same pool for sales of its second token, where its fee differs.
    """

    block: int | None
    names: tuple[frozenset[str], ...]
    pool: Pool
    reverse: Pool | None = None

    def index(self, name: str) -> int:
        """The place of a token given as symbol, address or i=N.

        Raises:
            UnsupportedError: no token of the pool, or more than one, has the name.
        """
        place = re.fullmatch(r"[ij]=(\d+)", name)
        if place:
            found = [int(place[1])] if int(place[1]) < len(self.pool.tokens) else []
        else:
            found = [i for i, names in enumerate(self.names) if name.lower() in names]
        if len(found) != 1:
            raise UnsupportedError(f"token {name!r} is {'ambiguous' if found else 'unknown'} in the state")
        return found[0]

    def quote(self, function: str, token_in: str, token_out: str, amount: int, *, partial_out: bool) -> int:
        """What the contract answers: the amount out of an exact input, the amount in of an exact output.

        Beyond the liquidity a v3 quoter tells what reaching its price limit costs where it was given one, and
        reverts otherwise; so does every v4 quoter. `partial_out` asks for the former.

        Raises:
            UnsupportedError: the function does not exist on this AMM.
            PoolError: the contract would revert.
        """
        if function not in FUNCTIONS[self.pool.kind]:
            raise UnsupportedError(f"function {function} on {self.pool.kind}")
        first, second = self.index(token_in), self.index(token_out)
        pool = self.reverse if self.reverse is not None and first > second else self.pool
        exact_in = function in EXACT_INPUT
        if isinstance(pool, UniswapV3Pool):
            result = pool.swap_to_limit(str(first), str(second), amount, exact_in=exact_in)
            if not (result.filled or exact_in or partial_out):
                raise PoolError("the pool does not hold as much")
            return result.amount_out if exact_in else result.amount_in
        if isinstance(pool, UniswapV2Pool):
            reserve_in, reserve_out = pool.reserves[first], pool.reserves[second]
            if min(amount, reserve_in, reserve_out) <= 0 or (not exact_in and amount >= reserve_out):
                raise PoolError("the router's library refuses this amount")
            ask = amount_out_for if exact_in else amount_in_for
            return ask(amount, reserve_in, reserve_out, pool.fee_pips)
        ask_pool = pool.quote_exact_in if exact_in else pool.quote_exact_out
        return ask_pool(str(first), str(second), amount)


def pool_key(identifier: str) -> str:
    """The comparable form of a pool's address or id: lower case without 0x."""
    return identifier.lower().removeprefix("0x")


def load_states(folder: Path) -> dict[tuple[int | None, str], list[Path]]:
    """State files by (chain id, pool)."""
    found: dict[tuple[int | None, str], list[Path]] = {}
    for path in sorted(folder.rglob("*.json")):
        body = json.loads(path.read_text())
        if not isinstance(body, dict):
            continue
        prefix = re.match(r"(\d+)_", path.name)
        chain_id = body.get("chain_id", int(prefix[1]) if prefix else None)
        for identifier in {pool_key(body[key]) for key in ("address", "pool", "pool_id") if body.get(key)}:
            found.setdefault((chain_id, identifier), []).append(path)
    return found


def read_state(path: Path) -> RecordedPool:
    """The pool of a state file.

    Raises:
        UnsupportedError: an AMM or a field that we do not have.
    """
    body = json.loads(path.read_text())
    try:
        return _pool(body)
    except (KeyError, TypeError, ValueError, RouterError) as error:
        raise UnsupportedError(f"state {path.name} cannot be read: {error!r}") from error


def _pool(body: Mapping[str, Any]) -> RecordedPool:
    for key, name in FOREIGN_KEYS.items():
        if key in body:
            raise UnsupportedError(f"unsupported kind: {name}")
    block = body.get("block", body.get("block_number"))
    names = _token_names(body)
    if "tick_data" in body or "ticks" in body:
        zero_fee, one_fee = _concentrated_fees(body)
        forward = _concentrated(body, zero_fee)
        reverse = None if zero_fee == one_fee else _concentrated(body, one_fee)
        return RecordedPool(block, names, forward, reverse)
    if "weights" in body:
        return RecordedPool(block, names, _weighted(body))
    if "reserves_token0" in body or "reserves" in body:
        return RecordedPool(block, names, _constant_product(body))
    raise UnsupportedError("unsupported kind: a state without ticks, weights or reserves")


def _token_names(body: Mapping[str, Any]) -> tuple[frozenset[str], ...]:
    tokens = body.get("tokens") or [body[key] for key in ("token0", "token1") if key in body]
    if tokens:
        return tuple(
            frozenset({token.lower()} if isinstance(token, str) else _names(token)) for token in tokens
        )
    pair = re.search(r"(\S+)/(\S+)", body.get("name", ""))
    if not pair:
        raise UnsupportedError("the state names no tokens")
    return frozenset({pair[1].lower()}), frozenset({pair[2].lower()})


def _names(token: Mapping[str, Any]) -> set[str]:
    return {str(token[key]).lower() for key in ("symbol", "address") if token.get(key)}


def _concentrated_fees(body: Mapping[str, Any]) -> tuple[int, int]:
    """Fee pips for sales of token 0 and of token 1: v4 takes a protocol fee, then the LP fee of the rest."""
    scalars = body.get("scalars", body)
    if any(character not in "0x" for character in str(scalars.get("hooks", body.get("hooks", "0x0")) or "")):
        raise UnsupportedError("unsupported kind: a v4 pool with hooks")
    fee = scalars.get("lp_fee", scalars.get("fee", scalars.get("fee_pips")))
    protocol = (scalars.get("protocol_fee_zero_for_one", 0), scalars.get("protocol_fee_one_for_zero", 0))
    return fee + protocol[0] - protocol[0] * fee // PIPS, fee + protocol[1] - protocol[1] * fee // PIPS


def _concentrated(body: Mapping[str, Any], fee_pips: int) -> UniswapV3Pool:
    scalars = body.get("scalars", body)
    recorded = body.get("tick_data", body.get("ticks"))
    if isinstance(recorded, dict):
        nets = {int(tick): _liquidity_net(value) for tick, value in recorded.items()}
    else:
        nets = {int(row[0]): int(row[-1]) for row in recorded or []}
    return UniswapV3Pool.from_state(
        {
            "address": NO_ADDRESS,
            "tokens": ["0", "1"],
            "fee_pips": fee_pips,
            "tick_spacing": int(scalars["tick_spacing"]),
            "sqrt_price_x96": int(scalars["sqrt_price_x96"]),
            "tick": int(scalars["tick"]),
            "liquidity": int(scalars["liquidity"]),
            "ticks": sorted((tick, net) for tick, net in nets.items() if net),
        }
    )


def _liquidity_net(value: Any) -> int:
    """Net of a tick recorded as [gross, net, ...], as an object, or as the net itself."""
    if isinstance(value, dict):
        return int(value["liquidity_net"])
    return int(value[1]) if isinstance(value, list) else int(value)


def _weighted(body: Mapping[str, Any]) -> BalancerV2WeightedPool:
    fee = body.get("swap_fee_wad")
    return BalancerV2WeightedPool.from_state(
        {
            "address": NO_ADDRESS,
            "pool_id": body.get("pool_id", ""),
            "tokens": [str(place) for place in range(len(body["balances"]))],
            "balances": [int(balance) for balance in body["balances"]],
            "weights": [int(weight) for weight in body["weights"]],
            "decimals": [int(token["decimals"]) for token in body["tokens"]],
            "swap_fee_wad": int(Fraction(body["fee"]) * WAD) if fee is None else int(fee),
            "pow_version": body.get("pow_version"),
        }
    )


def _constant_product(body: Mapping[str, Any]) -> UniswapV2Pool:
    if body.get("stable"):
        raise UnsupportedError("unsupported kind: solidly stable")
    if "stable" in body or "aerodrome" in body.get("dex", ""):
        raise UnsupportedError("unsupported kind: solidly volatile, which rounds the fee before it swaps")
    if "fee_denom" in body:
        fee = Fraction(body["fee_numer"], body["fee_denom"])
    elif "fee_pips" in body:
        fee = Fraction(body["fee_pips"], PIPS)
    else:
        fee = Fraction(body["fee"])
    if (fee * PIPS).denominator != 1:
        raise UnsupportedError(f"a fee of {fee} is not a whole number of pips")
    reserves = body.get("reserves") or [body["reserves_token0"], body["reserves_token1"]]
    return UniswapV2Pool.from_state(
        {
            "address": NO_ADDRESS,
            "tokens": ["0", "1"],
            "reserves": [int(reserve) for reserve in reserves],
            "fee_pips": int(fee * PIPS),
        }
    )
