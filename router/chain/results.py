"""Simulations and sent rebalances as the files that the commands print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from router.chain.fork import Simulation
from router.chain.outcome import compare
from router.chain.revert_reasons import Reason
from router.chain.sender import Sent
from router.documents.outputs import AmountRow, BalanceChange, Check, ReceiptFile, Revert, SimulationFile
from router.plan import Outcome
from router.tokens import Address, Token


def simulation_file(
    simulation: Simulation,
    expected: Outcome,
    *,
    tokens: Mapping[Address, Token],
    prices: Mapping[Address, str],
    gas_planned: int,
) -> SimulationFile:
    """`rebalance-simulation/1`. `prices` are numeraire per whole token; `gas` is the execution's alone."""
    found = simulation.outcome
    return SimulationFile(
        chain_id=simulation.chain_id,
        block_number=simulation.block_number,
        block_hash=simulation.block_hash,
        payload_hash=simulation.payload_hash,
        equal=found is not None and not compare(expected, found) and not simulation.left_over,
        amounts=tuple(_amounts(expected, found, tokens)) if found else (),
        balance_changes=tuple(_changes(found, tokens, prices)) if found else (),
        gas_planned=gas_planned,
        gas=found.gas if found else None,
        revert=revert_entry(simulation.revert) if simulation.revert else None,
    )


def receipt_file(
    sent: Sent,
    chain_id: int,
    *,
    tokens: Mapping[Address, Token],
    prices: Mapping[Address, str],
) -> ReceiptFile:
    """`rebalance-receipt/1`: the transactions of this run in order, and the execution's figures."""
    hashes = dict.fromkeys(each.tx_hash for each in (*sent.receipts, sent.execution))
    return ReceiptFile(
        chain_id=chain_id,
        transactions=tuple(hashes),
        block_number=sent.execution.block_number,
        block_hash=sent.execution.block_hash,
        gas_used=sent.execution.gas_used,
        effective_gas_price_wei=sent.execution.effective_gas_price_wei,
        amounts=tuple(_amounts(sent.expected, sent.outcome, tokens)),
        balance_changes=tuple(_changes(sent.outcome, tokens, prices)),
        verification=tuple(Check(name=each.name, ok=each.ok, found=each.found) for each in sent.checks),
    )


def revert_entry(reason: Reason) -> Revert:
    """A decoded revert; integers as text, as everywhere in the files."""
    return Revert(
        name=reason.name,
        arguments={name: str(value) for name, value in reason.arguments.items()},
        message=reason.message,
        step=reason.step,
        data="0x" + reason.data.hex(),
    )


def _amounts(expected: Outcome, found: Outcome, tokens: Mapping[Address, Token]) -> Iterator[AmountRow]:
    for token in dict.fromkeys((*expected.balance_changes, *found.balance_changes)):
        planned, real = expected.balance_changes.get(token, 0), found.balance_changes.get(token, 0)
        yield AmountRow(
            token=token, symbol=_symbol(token, tokens), planned=planned, found=real, equal=planned == real
        )


def _changes(
    found: Outcome, tokens: Mapping[Address, Token], prices: Mapping[Address, str]
) -> Iterator[BalanceChange]:
    for token, raw in found.balance_changes.items():
        known = token in tokens and token in prices
        value = float(Fraction(prices[token]) * raw / 10 ** tokens[token].decimals) if known else None
        yield BalanceChange(token=token, symbol=_symbol(token, tokens), raw=raw, numeraire=value)


def _symbol(token: Address, tokens: Mapping[Address, Token]) -> str:
    return tokens[token].symbol if token in tokens else token
