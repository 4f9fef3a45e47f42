"""Writes tests/vectors/payloads.json: named programs and their bytes, for the contract tests to read.

    python scripts/record_vectors.py

Form: {name: {"payload": "0x...", "program": {...}}}. Amounts are decimal strings; `step` names a step's type.
Each pool trades the same tokens throughout. Every step kind, payer, recipient and amount mode occurs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.encoder import encode
from router.fixed_point import MAX_U40, MAX_U128, SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Step,
    Swap,
    TokenBounds,
)

FILE = Path(__file__).parents[1] / "tests" / "vectors" / "payloads.json"

WETH, USDC, WBTC = ("0x" + digit * 40 for digit in "abc")
V2_POOL, V3_POOL, WEIGHTED_POOL, OTHER_V2_POOL = ("0x" + digit * 40 for digit in "1234")
VAULT, MORPHO, AAVE = ("0x" + digit * 40 for digit in "567")
POOL_ID = WEIGHTED_POOL + "0002" + "00" * 9 + "01"
DEADLINE = 1_900_000_000
WHOLE = 10**18

LITERAL, SHARE, REMAINDER = AmountMode
BOUNDS = (
    TokenBounds(
        WETH,
        max_spent=2 * WHOLE,
        price_e36=3000 * 10**18,
        min_weight_pips=240_000,
        max_weight_pips=260_000,
    ),
    TokenBounds(USDC, max_spent=10**9, min_received=2_950_000_000, price_e36=10**30),
    TokenBounds(WBTC, price_e36=100_000 * 10**28),
)


def _program(*steps: Step, **fields: Any) -> Program:
    head = {"deadline": DEADLINE, "min_value_change_e36": -5 * 10**36, "tokens": BOUNDS}
    return Program(**head | {"steps": steps} | fields)


def _v2(token_in: str, token_out: str, mode: AmountMode, amount: int = 0, **route: Any) -> Swap:
    return Swap("uniswap_v2", V2_POOL, token_in, token_out, mode, amount, fee_pips=3000, **route)


def _v3(token_in: str, token_out: str, mode: AmountMode, amount: int = 0, **route: Any) -> Swap:
    return Swap("uniswap_v3", V3_POOL, token_in, token_out, mode, amount, **route)


def _weighted(token_in: str, token_out: str, mode: AmountMode, amount: int = 0, **route: Any) -> Swap:
    place = {"vault": VAULT, "pool_id": POOL_ID}
    return Swap("balancer_v2_weighted", WEIGHTED_POOL, token_in, token_out, mode, amount, **route, **place)


PREPAID = Swap(
    "uniswap_v2",
    OTHER_V2_POOL,
    USDC,
    WBTC,
    REMAINDER,
    payer=Payer.PREPAID,
    recipient=Recipient.OWNER,
    fee_pips=2500,
)

PROGRAMS: Mapping[str, Program] = {
    "empty": Program(deadline=DEADLINE, min_value_change_e36=0, tokens=(), steps=()),
    "extremes": Program(
        deadline=MAX_U40,
        first_block=1,
        last_block=MAX_U40,
        min_value_change_e36=-(1 << 255),
        tokens=(TokenBounds(WETH, MAX_U128, MAX_U128, MAX_U128, 1_000_000, 1_000_000), TokenBounds(USDC)),
        steps=(Pull(WETH, MAX_U128), _v2(WETH, USDC, SHARE, SHARE_ONE)),
    ),
    "pull_swap_deliver_check": _program(
        Pull(WETH, WHOLE), _v2(WETH, USDC, LITERAL, WHOLE), Deliver(USDC), Check()
    ),
    "block_window": _program(Check(), first_block=24_000_000, last_block=24_000_025),
    "split_by_shares": _program(
        Pull(WETH, WHOLE),
        _v2(WETH, USDC, SHARE, SHARE_ONE // 3),
        _weighted(WETH, USDC, SHARE, SHARE_ONE // 2),
        _v3(WETH, USDC, REMAINDER),
    ),
    "owner_pays_pool_to_pool": _program(
        _v3(WETH, USDC, LITERAL, WHOLE, payer=Payer.OWNER, recipient=Recipient.NEXT_POOL), PREPAID
    ),
    "executor_pays_pool_to_pool": _program(
        Pull(WETH, WHOLE), _v2(WETH, USDC, REMAINDER, recipient=Recipient.NEXT_POOL), PREPAID
    ),
    "weighted_pays_pool_to_pool": _program(
        Pull(WETH, WHOLE), _weighted(WETH, USDC, REMAINDER, recipient=Recipient.NEXT_POOL), PREPAID
    ),
    "weighted_to_owner": _program(
        Pull(WETH, WHOLE), _weighted(WETH, WBTC, LITERAL, WHOLE, recipient=Recipient.OWNER)
    ),
    "deliver_first_morpho_blue": _program(
        Borrow("morpho_blue", MORPHO, ((WETH, WHOLE),)),
        _v3(WETH, USDC, REMAINDER, recipient=Recipient.OWNER),
        Check(),
        Pull(WETH, None),
    ),
    "deliver_first_aave_v3": _program(
        Borrow("aave_v3", AAVE, ((WETH, WHOLE),)),
        _v2(WETH, USDC, REMAINDER),
        Deliver(USDC),
        Check(),
        Pull(WETH, None),
    ),
    "aave_v3_multi": _program(
        Borrow("aave_v3_multi", AAVE, ((WETH, WHOLE), (USDC, 10**9))),
        _v3(WETH, USDC, REMAINDER),
        Pull(WETH, None),
        Pull(USDC, None),
    ),
    "balancer_v2": _program(
        Borrow("balancer_v2", VAULT, ((WETH, WHOLE), (USDC, 10**9))),
        _v3(WETH, USDC, REMAINDER),
        Pull(WETH, None),
    ),
    "uniswap_v3_flash": _program(
        Borrow("uniswap_v3", V3_POOL, ((WETH, WHOLE),)), _v2(WETH, USDC, REMAINDER), Pull(WETH, None)
    ),
    "nested_loans": _program(
        Borrow("balancer_v2", VAULT, ((WETH, WHOLE),)),
        Borrow("morpho_blue", MORPHO, ((USDC, 10**9),)),
        _v2(WETH, USDC, SHARE, SHARE_ONE // 7),
        Pull(WETH, None),
    ),
}


def program_json(program: Program) -> dict[str, Any]:
    """A program as plain JSON: amounts as decimal strings, steps by the name of their type."""
    return {
        "deadline": program.deadline,
        "first_block": program.first_block,
        "last_block": program.last_block,
        "min_value_change_e36": str(program.min_value_change_e36),
        "tokens": [_fields(bounds) for bounds in program.tokens],
        "steps": [{"step": type(step).__name__.lower(), **_fields(step)} for step in program.steps],
    }


def _fields(record: TokenBounds | Step) -> dict[str, Any]:
    return {name: _plain(name, getattr(record, name)) for name in record.__slots__}


def _plain(name: str, value: Any) -> Any:
    match value:
        case Payer() | Recipient() | AmountMode():
            return value.name.lower()
        case tuple():
            return [{"token": token, "amount": str(amount)} for token, amount in value]
        case int() if not name.endswith("pips"):
            return str(value)
    return value


def vectors() -> dict[str, Any]:
    """What the file holds."""
    return {
        name: {"payload": "0x" + encode(program).hex(), "program": program_json(program)}
        for name, program in PROGRAMS.items()
    }


def main() -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(vectors(), indent=2) + "\n")
    print(f"{len(PROGRAMS)} programs in {FILE}")


if __name__ == "__main__":
    main()
