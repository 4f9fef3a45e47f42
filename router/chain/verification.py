"""What is checked on chain after a rebalance, each check by name and with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router.chain.calls import Node, allowance, balance_of, read_word
from router.chain.fork import counterparties
from router.fixed_point import PIPS
from router.plan import Outcome
from router.program import Program, TokenBounds
from router.tokens import Address, Token, format_amount

_PIPS_PER_PERCENT = 10_000


@dataclass(frozen=True, slots=True)
class Verified:
    """One thing looked at. `found` holds the figures, for people."""

    name: str
    ok: bool
    found: str


def verify(
    node: Node,
    program: Program,
    *,
    owner: Address,
    executor: Address,
    expected: Outcome | None,
    block: str,
    found: Outcome,
    tokens: Mapping[Address, Token],
) -> tuple[Verified, ...]:
    """Looks at the state after a block, and at what the execution did.

    Args:
        expected: equality with it is checked; None checks the program's bounds alone.
        block: hash of the block to read; the one with the last revocation, where there were any.
        found: the outcome that the receipt tells.

    Raises:
        RpcFailure, InconsistentAnswer: the state cannot be read.
    """
    look = _Look(node, program, owner, executor, block, tokens)
    return (
        *look.changes(found, expected),
        *look.weights(),
        look.executor_is_empty(),
        look.owner_allows_nothing(),
        look.executor_allows_nothing(),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    node: Node
    program: Program
    owner: Address
    executor: Address
    block: str
    tokens: Mapping[Address, Token]

    def changes(self, found: Outcome, expected: Outcome | None) -> Iterator[Verified]:
        """Each token's change: within the bounds, and as planned where that is asked."""
        for bounds in self.program.tokens:
            change = found.balance_changes.get(bounds.token, 0)
            ok = -change <= bounds.max_spent and max(change, 0) >= bounds.min_received
            text = self._amount(bounds.token, change)
            if expected is not None:
                planned = expected.balance_changes.get(bounds.token, 0)
                ok = ok and planned == change
                text = f"{text}, planned {self._amount(bounds.token, planned)}"
            yield Verified(f"change of {self._name(bounds.token)}", ok, text)

    def weights(self) -> Iterator[Verified]:
        """Each priced token's share of the owner's balances, where the program bounds it."""
        priced = [bounds for bounds in self.program.tokens if bounds.price_e36]
        values = {
            bounds.token: bounds.price_e36 * self._read(bounds.token, balance_of(self.owner), "balance")
            for bounds in priced
        }
        total = sum(values.values())
        for bounds in priced:
            if (bounds.min_weight_pips, bounds.max_weight_pips) == (0, PIPS) or not total:
                continue
            yield self._weight(bounds, values[bounds.token], total)

    def _weight(self, bounds: TokenBounds, value: int, total: int) -> Verified:
        ok = bounds.min_weight_pips * total <= value * PIPS <= bounds.max_weight_pips * total
        text = (
            f"{_percent(value * PIPS // total)}, "
            f"allowed {_percent(bounds.min_weight_pips)} to {_percent(bounds.max_weight_pips)}"
        )
        return Verified(f"weight of {self._name(bounds.token)}", ok, text)

    def executor_is_empty(self) -> Verified:
        held = {
            bounds.token: self._read(bounds.token, balance_of(self.executor), "balance")
            for bounds in self.program.tokens
        }
        return self._all_zero("executor holds nothing", held)

    def owner_allows_nothing(self) -> Verified:
        allowed = {
            bounds.token: self._read(bounds.token, allowance(self.owner, self.executor), "allowance")
            for bounds in self.program.tokens
        }
        return self._all_zero("owner allows the executor nothing", allowed)

    def executor_allows_nothing(self) -> Verified:
        allowed = {
            bounds.token: sum(
                self._read(bounds.token, allowance(self.executor, spender), "allowance")
                for spender in counterparties(self.program)
            )
            for bounds in self.program.tokens
        }
        return self._all_zero("executor allows pools and lenders nothing", allowed)

    def _all_zero(self, name: str, amounts: Mapping[Address, int]) -> Verified:
        left = [self._amount(token, amount) for token, amount in amounts.items() if amount]
        return Verified(name, not left, ", ".join(left) or f"0 of {len(amounts)} tokens")

    def _read(self, token: Address, data: bytes, what: str) -> int:
        return read_word(self.node, token, data, self.block, f"{what} of {self._name(token)}")

    def _name(self, token: Address) -> str:
        return self.tokens[token].symbol if token in self.tokens else token

    def _amount(self, token: Address, raw: int) -> str:
        if token not in self.tokens:
            return f"{raw} raw units of {token}"
        return f"{format_amount(raw, self.tokens[token].decimals)} {self.tokens[token].symbol}"


def _percent(pips: int) -> str:
    return f"{pips / _PIPS_PER_PERCENT:.4f}%"
