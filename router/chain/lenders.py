"""Reads flash-loan sources: what each can lend at this block, and what it charges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from router.chain.abi import (
    AAVE_PREMIUM,
    AAVE_RESERVE,
    AAVE_REVISION,
    AAVE_VIRTUAL_BALANCE,
    BALANCE_OF,
    FEE,
    FEES_COLLECTOR,
    FLASH_LOAN_FEE,
    LIQUIDITY,
    PAUSED_STATE,
    TOKEN0,
    TOKEN1,
)
from router.chain.pools import pool_tokens
from router.chain.view import Answers, View
from router.documents.deployment import LenderAddress
from router.tokens import Address

AAVE_FIRST_CEIL_REVISION = 9
"""POOL_REVISION from which premiums are taken to round up (aave-v3-origin 3.5, "rounding improvements").

Checked in source: revision 1 (core-v3 1.19.3) rounds half up, 3.6.0 up. A wrong guess in between is one raw
unit, which simulation shows.
"""
_ACTIVE_BIT, _PAUSED_BIT, _FLASH_LOAN_BIT = 56, 60, 63
"""Bits of ReserveConfigurationMap, aave-v3 DataTypes.sol."""
_ZERO_ADDRESS = "0x" + "0" * 40


def read_lenders(
    view: View, lenders: Iterable[LenderAddress], tokens: Sequence[Address]
) -> list[dict[str, Any]]:
    """The state of each lender that can lend any of the tokens.

    An Aave Pool that is listed under both of its kinds is one lender.
    """
    by_kind: dict[str, dict[Address, None]] = {}
    for lender in lenders:
        by_kind.setdefault(lender.kind.removesuffix("_multi"), {})[lender.address] = None
    found = [
        *_read_morpho(view, list(by_kind.get("morpho_blue", ())), tokens),
        *_read_aave(view, list(by_kind.get("aave_v3", ())), tokens),
        *_read_vaults(view, list(by_kind.get("balancer_v2", ())), tokens),
        *_read_pools(view, list(by_kind.get("uniswap_v3", ())), tokens),
    ]
    return [state for state in found if state["available"]]


def _read_morpho(view: View, lenders: list[Address], tokens: Sequence[Address]) -> list[dict[str, Any]]:
    answers = view.ask(_balance_calls(lenders, tokens), "Morpho")
    return [
        {"kind": "morpho_blue", "address": lender, "available": _held(answers, lender, tokens)}
        for lender in lenders
    ]


def _read_aave(view: View, lenders: list[Address], tokens: Sequence[Address]) -> list[dict[str, Any]]:
    calls = [function.call(lender) for lender in lenders for function in (AAVE_PREMIUM, AAVE_REVISION)]
    calls += [
        function.call(lender, token)
        for lender in lenders
        for token in tokens
        for function in (AAVE_RESERVE, AAVE_VIRTUAL_BALANCE)
    ]
    answers = view.ask(calls, "Aave")
    reserves = {
        (lender, token): reserve[-1]
        for lender in lenders
        for token in tokens
        if _lends(reserve := answers.values(AAVE_RESERVE.call(lender, token)))
    }
    held = view.ask(
        [BALANCE_OF.call(token, a_token) for (_, token), a_token in reserves.items()], "Aave reserves"
    )
    states = []
    for lender in lenders:
        available = {}
        for (of, token), a_token in reserves.items():
            virtual = answers.maybe(AAVE_VIRTUAL_BALANCE.call(lender, token))
            amount = held.one(BALANCE_OF.call(token, a_token))
            if of == lender and (amount := amount if virtual is None else min(amount, virtual[0])):
                available[token] = amount
        rounds_up = answers.one(AAVE_REVISION.call(lender)) >= AAVE_FIRST_CEIL_REVISION
        states.append(
            {
                "kind": "aave_v3",
                "address": lender,
                "available": available,
                "premium_bps": answers.one(AAVE_PREMIUM.call(lender)),
                "rounding": "up" if rounds_up else "half_up",
            }
        )
    return states


def _lends(reserve: tuple[Any, ...]) -> bool:
    bits, a_token = reserve[0], reserve[-1]
    wanted = bits >> _ACTIVE_BIT & bits >> _FLASH_LOAN_BIT & ~(bits >> _PAUSED_BIT) & 1
    return bool(wanted) and a_token != _ZERO_ADDRESS


def _read_vaults(view: View, vaults: list[Address], tokens: Sequence[Address]) -> list[dict[str, Any]]:
    calls = [function.call(vault) for vault in vaults for function in (FEES_COLLECTOR, PAUSED_STATE)]
    answers = view.ask(calls + _balance_calls(vaults, tokens), "Balancer Vault")
    collectors = {vault: answers.one(FEES_COLLECTOR.call(vault)) for vault in vaults}
    fees = view.ask([FLASH_LOAN_FEE.call(collector) for collector in collectors.values()], "Balancer fees")
    return [
        {
            "kind": "balancer_v2",
            "address": vault,
            "available": _held(answers, vault, tokens),
            "fee_wad": fees.one(FLASH_LOAN_FEE.call(collector)),
        }
        for vault, collector in collectors.items()
        if not answers.one(PAUSED_STATE.call(vault))
    ]


def _read_pools(view: View, pools: list[Address], tokens: Sequence[Address]) -> list[dict[str, Any]]:
    functions = (TOKEN0, TOKEN1, FEE, LIQUIDITY)
    answers = view.ask([function.call(pool) for pool in pools for function in functions], "v3 lenders")
    pairs = {pool: pool_tokens(answers, pool) for pool in pools}
    usable = {
        pool: pair
        for pool, pair in pairs.items()
        if answers.one(LIQUIDITY.call(pool)) and set(pair) <= set(tokens)
    }
    held = view.ask(
        [BALANCE_OF.call(token, pool) for pool, pair in usable.items() for token in pair], "v3 lenders"
    )
    return [
        {
            "kind": "uniswap_v3",
            "address": pool,
            "tokens": pair,
            "available": _held(held, pool, pair),
            "fee_pips": answers.one(FEE.call(pool)),
        }
        for pool, pair in usable.items()
    ]


def _balance_calls(holders: Iterable[Address], tokens: Sequence[Address]) -> list[Any]:
    return [BALANCE_OF.call(token, holder) for holder in holders for token in tokens]


def _held(answers: Answers, holder: Address, tokens: Iterable[Address]) -> dict[Address, int]:
    """The holder's balances that are not zero."""
    balances = {token: answers.one(BALANCE_OF.call(token, holder)) for token in tokens}
    return {token: amount for token, amount in balances.items() if amount}
