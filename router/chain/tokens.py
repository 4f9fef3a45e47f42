"""Reads what tokens say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from router.chain.abi import BALANCE_OF, DECIMALS, SYMBOL, Call
from router.chain.view import Answers, View
from router.documents.deployment import DeployedToken
from router.errors import InconsistentAnswer
from router.tokens import MAX_DECIMALS, Address, Token


def read_tokens(
    view: View, chain_id: int, addresses: Iterable[Address], told: Mapping[Address, DeployedToken]
) -> dict[Address, Token]:
    """Symbol and decimals of each token, compared with what the deployment tells of it.

    Raises:
        MissingCode: not a contract.
        InconsistentAnswer: not an ERC-20, or other than the deployment tells.
    """
    wanted = list(addresses)
    answers = view.ask(
        [function.call(address) for address in wanted for function in (DECIMALS, SYMBOL)], "tokens"
    )
    tokens = {}
    for address in wanted:
        decimals, symbol = answers.one(DECIMALS.call(address)), _symbol(answers, SYMBOL.call(address))
        if decimals > MAX_DECIMALS:
            raise InconsistentAnswer(f"decimals of {address}: {decimals} is more than {MAX_DECIMALS}")
        if expected := told.get(address):
            if decimals != expected.decimals:
                raise InconsistentAnswer(
                    f"decimals of {expected.symbol} {address}: the contract says {decimals}, "
                    f"the deployment {expected.decimals}"
                )
            if symbol != expected.symbol:
                raise InconsistentAnswer(
                    f"symbol of {address}: the contract says {symbol!r}, the deployment {expected.symbol!r}"
                )
        tokens[address] = Token(chain_id, address, symbol, decimals)
    return tokens


def read_balances_of(view: View, owner: Address, tokens: Iterable[Address]) -> dict[Address, int]:
    """The owner's balance of each token, raw units, zeros included."""
    calls = {token: BALANCE_OF.call(token, owner) for token in tokens}
    answers = view.ask(calls.values(), "balances")
    return {token: answers.one(call) for token, call in calls.items()}


def _symbol(answers: Answers, call: Call) -> str:
    """The symbol; older tokens return it as 32 bytes, padded with zeros."""
    raw = answers.raw[call] or b""
    text = raw.rstrip(b"\0").decode(errors="replace") if len(raw) == 32 else str(answers.one(call))
    if not text or not text.isprintable() or len(text) > 128:
        raise InconsistentAnswer(f"{call}: {text!r} is no symbol")
    return text
