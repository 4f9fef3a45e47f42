"""The guarantees that a program carries, and the gas it should take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from router.fixed_point import BPS, PIPS, mul_div_down, mul_div_up
from router.planner.valuation import Valuation
from router.program import Borrow, Check, Deliver, Program, Pull, Step, Swap, TokenBounds
from router.tokens import Address

PIPS_PER_BPS = PIPS // BPS


@dataclass(frozen=True, slots=True)
class Window:
    """When a program may run: last timestamp, and blocks, both ends included; last block 0 means no end."""

    deadline: int
    first_block: int = 0
    last_block: int = 0


def draft(steps: Sequence[Step], pulls: Mapping[Address, int], window: Window) -> Program:
    """A program that bounds nothing but what may be pulled; replaying it gives the amounts to bound."""
    tokens = tuple(TokenBounds(token, max_spent=pulls.get(token, 0)) for token in used_tokens(steps))
    return Program(window.deadline, -(1 << 255), tokens, tuple(steps), window.first_block, window.last_block)


def used_tokens(steps: Iterable[Step]) -> tuple[Address, ...]:
    """Every token of the steps, sorted."""
    found: set[Address] = set()
    for step in steps:
        match step:
            case Swap():
                found |= {step.token_in, step.token_out}
            case Borrow():
                found |= {token for token, _ in step.amounts}
            case Pull() | Deliver():
                found.add(step.token)
            case Check():
                pass
    return tuple(sorted(found))


def bounded(
    steps: Sequence[Step],
    pulls: Mapping[Address, int],
    changes: Mapping[Address, int],
    valuation: Valuation,
    window: Window,
    *,
    final: Mapping[Address, float] | None,
) -> Program:
    """The program with every bound that the planned changes allow.

    Tokens that are only passed through are neither priced nor read: what the owner holds of them is no part
    of the portfolio.

    Args:
        pulls: raw units taken from the owner; no more may be.
        changes: planned change of the owner's balances.
        final: planned final weights, to bound them too; only right where the owner's balances are the
            portfolio's holdings.
    """
    slippage = valuation.portfolio.max_slippage_bps
    tokens = set(used_tokens(steps)) | (set(valuation.tokens) if final else set())
    traded = valuation.value_e36(pulls)
    least = valuation.own_e36(changes) - mul_div_up(traded, slippage, BPS)
    rows = []
    for token in sorted(tokens):
        received = mul_div_down(max(changes.get(token, 0), 0), BPS - slippage, BPS)
        low, high = _weight_band(valuation, token, final) if final else (0, PIPS)
        price = valuation.prices_e36[token] if token in valuation.tokens else 0
        rows.append(TokenBounds(token, pulls.get(token, 0), received, price, low, high))
    return Program(window.deadline, least, tuple(rows), tuple(steps), window.first_block, window.last_block)


def _weight_band(valuation: Valuation, token: Address, final: Mapping[Address, float]) -> tuple[int, int]:
    """From the target, its tolerance and the planned weight, with room for slippage; nothing for a token that
    is passed through."""
    if token not in final:
        return 0, PIPS
    slippage = valuation.portfolio.max_slippage_bps * PIPS_PER_BPS
    tolerance = valuation.tolerance_bps(token) * PIPS_PER_BPS
    target, planned = round(valuation.target(token) * PIPS), round(final[token] * PIPS)
    return (
        max(0, min(target - tolerance, planned) - slippage),
        min(PIPS, max(target + tolerance, planned) + slippage),
    )
