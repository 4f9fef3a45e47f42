"""The wire format's constants and rules, for both directions of `router.encoder`.

    head    u8 version | u40 deadline | u40 first_block | u40 last_block | i256 min_value_change_e36
            | u8 token_count
    tokens  token_count x (address | u128 max_spent | u128 min_received | u128 price_e36
            | u24 min_weight_pips | u24 max_weight_pips)
    steps   to the end of the bytes, each led by its kind byte:
      PULL       u8 token | u128 amount
      PULL_OWED  u8 token
      DELIVER    u8 token
      CHECK
      a lender   address | u8 count | count x (u8 token | u128 amount)
      a pool     u8 route | u8 token_in | u8 token_out | u128 amount | address pool | extra
    route   bits 0-1 payer, 2-3 recipient, 4-5 amount mode, 6-7 zero
    extra   uniswap_v2: u24 fee_pips; balancer_v2_weighted: bytes32 pool_id, and `pool` is the Vault

Big-endian, packed, no padding. `contracts/` reads the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from router.errors import InputError, nearest
from router.fixed_point import MAX_U40, MAX_U128, PIPS, SHARE_ONE
from router.lenders.registry import LOAN_KINDS, LoanKind
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.registry import POOL_KINDS, PoolKind
from router.pools.uniswap_v2 import UniswapV2Pool
from router.program import AmountMode, Borrow, Deliver, Payer, Program, Pull, Recipient, Swap
from router.tokens import Address

VERSION = 1
MAX_TOKENS = 255
PULL, PULL_OWED, DELIVER, CHECK = 0x01, 0x02, 0x03, 0x04
PREPAYABLE = UniswapV2Pool.kind
"""The only pool kind that trades what has been sent to it beforehand."""

LOANS: Mapping[str, LoanKind] = {kind.name: kind for kind in LOAN_KINDS}
SWAPS: Mapping[str, PoolKind] = {kind.name: kind for kind in POOL_KINDS}

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_POOL_ID = re.compile(r"0x[0-9a-f]{64}")
_MIN_I256, _MAX_I256 = -(1 << 255), (1 << 255) - 1


class EncodingError(InputError):
    """A program that has no wire form; `path` names the field."""


def _refuse(path: str, message: str, near: str | None = None) -> NoReturn:
    raise EncodingError(message, path=path, nearest=near)


def _within(path: str, value: int, highest: int, lowest: int = 0) -> None:
    if not lowest <= value <= highest:
        _refuse(path, f"{value} is not within {lowest} to {highest}")


def _check_address(path: str, address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        _refuse(path, f"{address!r} is not a lower-case address")


def check_head(program: Program) -> None:
    """Raises EncodingError where the head or the token list has no wire form."""
    for name in ("deadline", "first_block", "last_block"):
        _within(name, getattr(program, name), MAX_U40)
    if 0 < program.last_block < program.first_block:
        _refuse("last_block", f"{program.last_block} is before first_block {program.first_block}")
    _within("min_value_change_e36", program.min_value_change_e36, _MAX_I256, _MIN_I256)
    if len(program.tokens) > MAX_TOKENS:
        _refuse("tokens", f"{len(program.tokens)} tokens; a program carries at most {MAX_TOKENS}")
    seen: set[Address] = set()
    for place, bounds in enumerate(program.tokens):
        path = f"tokens[{place}]"
        _check_address(f"{path}.token", bounds.token)
        if bounds.token in seen:
            _refuse(f"{path}.token", f"{bounds.token} is listed twice")
        seen.add(bounds.token)
        for name in ("max_spent", "min_received", "price_e36"):
            _within(f"{path}.{name}", getattr(bounds, name), MAX_U128)
        _within(f"{path}.max_weight_pips", bounds.max_weight_pips, PIPS)
        _within(f"{path}.min_weight_pips", bounds.min_weight_pips, bounds.max_weight_pips)


def check_step(program: Program, index: int) -> None:
    """Raises EncodingError where one step has no wire form, or its route does not fit its neighbours."""
    step, path = program.steps[index], f"steps[{index}]"
    match step:
        case Pull(token, amount):
            _check_listed(program, f"{path}.token", token)
            _within(f"{path}.amount", amount or 0, MAX_U128)
        case Deliver(token):
            _check_listed(program, f"{path}.token", token)
        case Borrow():
            _check_borrow(program, step, path)
        case Swap():
            _check_swap(program, step, path)
            _check_route(program, index)


def _check_listed(program: Program, path: str, token: Address) -> None:
    if token not in program.addresses:
        _refuse(path, f"{token} is not among the program's tokens")


def _check_borrow(program: Program, borrow: Borrow, path: str) -> None:
    if borrow.kind not in LOANS:
        _refuse(f"{path}.kind", f"no lender of kind {borrow.kind!r}", nearest(borrow.kind, LOANS))
    _check_address(f"{path}.lender", borrow.lender)
    _within(f"{path}.amounts: number of tokens", len(borrow.amounts), LOANS[borrow.kind].max_tokens, 1)
    for row, (token, amount) in enumerate(borrow.amounts):
        _check_listed(program, f"{path}.amounts[{row}]", token)
        _within(f"{path}.amounts[{row}]", amount, MAX_U128, 1)
        if row and token <= borrow.amounts[row - 1][0]:
            _refuse(f"{path}.amounts[{row}]", "tokens do not ascend by address")


def _check_swap(program: Program, swap: Swap, path: str) -> None:
    if swap.kind not in SWAPS:
        _refuse(f"{path}.kind", f"no pool of kind {swap.kind!r}", nearest(swap.kind, SWAPS))
    _check_address(f"{path}.pool", swap.pool)
    _check_listed(program, f"{path}.token_in", swap.token_in)
    _check_listed(program, f"{path}.token_out", swap.token_out)
    if swap.token_in == swap.token_out:
        _refuse(f"{path}.token_out", "is token_in too")
    highest = {AmountMode.LITERAL: MAX_U128, AmountMode.SHARE: SHARE_ONE, AmountMode.REMAINDER: 0}
    _within(f"{path}.amount", swap.amount, highest[swap.mode])
    _within(f"{path}.fee_pips", swap.fee_pips, PIPS - 1 if swap.kind == PREPAYABLE else 0)
    if swap.kind == BalancerV2WeightedPool.kind:
        _check_address(f"{path}.vault", swap.vault)
        if not swap.pool_id.startswith(swap.pool):
            _refuse(f"{path}.pool_id", f"{swap.pool_id!r} does not begin with {swap.pool}")
    elif swap.vault or swap.pool_id:
        _refuse(f"{path}.vault" if swap.vault else f"{path}.pool_id", f"{swap.kind} carries none")


def check_pool_id(program: Program, index: int) -> None:
    """Raises EncodingError where a swap's pool id is not whole; recorded pools may be known by their address
    alone, which is enough for everything but the bytes."""
    swap = program.steps[index]
    if not isinstance(swap, Swap) or swap.kind != BalancerV2WeightedPool.kind:
        return
    if not _POOL_ID.fullmatch(swap.pool_id):
        _refuse(f"steps[{index}].pool_id", f"{swap.pool_id!r} is not 32 bytes in lower-case hex")


def _check_route(program: Program, index: int) -> None:
    swap, path = program.steps[index], f"steps[{index}]"
    assert isinstance(swap, Swap)
    if swap.payer is Payer.OWNER and swap.mode is not AmountMode.LITERAL:
        _refuse(f"{path}.payer", "the owner pays literal amounts only")
    if swap.payer is Payer.PREPAID:
        if swap.kind != PREPAYABLE:
            _refuse(f"{path}.payer", f"{swap.kind} cannot be prepaid")
        if swap.mode is not AmountMode.REMAINDER:
            _refuse(f"{path}.mode", "a prepaid swap trades the remainder")
        previous = program.steps[index - 1] if index else None
        if not isinstance(previous, Swap) or previous.recipient is not Recipient.NEXT_POOL:
            _refuse(f"{path}.payer", "the step before pays no pool")
    if swap.recipient is Recipient.NEXT_POOL:
        following = program.steps[index + 1] if index + 1 < len(program.steps) else None
        if not isinstance(following, Swap) or following.payer is not Payer.PREPAID:
            _refuse(f"{path}.recipient", "the step after is not a prepaid swap")
        if following.token_in != swap.token_out:
            _refuse(f"{path}.recipient", "the step after trades another token")
        if following.pool == swap.pool:
            _refuse(f"{path}.recipient", "the step after trades the same pool")
