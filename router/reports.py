"""Simulations and receipts in the form that commands print."""

from __future__ import annotations

from collections.abc import Mapping

from router.chain.fork import Simulation
from router.chain.outcome import compare, expected_outcome
from router.chain.revert_reasons import Reason
from router.chain.sender import Sent
from router.documents.outputs import AmountRow, BalanceChange, Check, ReceiptFile, Revert, SimulationFile
from router.fixed_point import PRICE_ONE
from router.plan import Outcome, Plan
from router.snapshot import price_text_to_e36
from router.tokens import Address, Token

Tokens = Mapping[Address, Token]


def simulation_report(plan: Plan, simulation: Simulation, tokens: Tokens) -> SimulationFile:
    """What a simulation found, beside what the plan says."""
    outcome, planned = simulation.outcome, expected_outcome(plan)
    return SimulationFile.of(
        chain_id=simulation.chain_id,
        block_number=simulation.block_number,
        block_hash=simulation.block_hash,
        payload_hash=simulation.payload_hash,
        equal=outcome is not None and not compare(planned, outcome) and not simulation.left_over,
        amounts=amount_rows(planned, outcome, tokens),
        balance_changes=balance_changes(plan, outcome, tokens),
        gas_planned=plan.gas_estimate,
        gas=outcome.gas if outcome else None,
        revert=revert_report(simulation.revert) if simulation.revert else None,
    )


def receipt_report(plan: Plan, sent: Sent, tokens: Tokens) -> ReceiptFile:
    """What a rebalance did on chain, and what was verified afterwards."""
    execution = sent.execution
    before = [receipt.tx_hash for receipt in sent.receipts if receipt is not execution]
    return ReceiptFile.of(
        chain_id=plan.chain_id,
        transactions=(*before, execution.tx_hash),
        block_number=execution.block_number,
        block_hash=execution.block_hash,
        gas_used=execution.gas_used,
        effective_gas_price_wei=execution.effective_gas_price_wei,
        amounts=amount_rows(sent.expected, sent.outcome, tokens),
        balance_changes=balance_changes(plan, sent.outcome, tokens),
        verification=verification(sent),
    )


def amount_rows(planned: Outcome, found: Outcome | None, tokens: Tokens) -> tuple[AmountRow, ...]:
    """The owner's change of every token that either names; nothing where there is no outcome."""
    if found is None:
        return ()
    changed = dict.fromkeys((*planned.balance_changes, *found.balance_changes))
    return tuple(
        AmountRow.of(
            token=token,
            symbol=tokens[token].symbol,
            planned=planned.balance_changes.get(token, 0),
            found=found.balance_changes.get(token, 0),
            equal=planned.balance_changes.get(token, 0) == found.balance_changes.get(token, 0),
        )
        for token in changed
    )


def balance_changes(plan: Plan, outcome: Outcome | None, tokens: Tokens) -> tuple[BalanceChange, ...]:
    """The owner's changes in raw units and in numeraire, at the plan's prices."""
    if outcome is None:
        return ()
    return tuple(
        BalanceChange.of(
            token=token,
            symbol=tokens[token].symbol,
            raw=raw,
            numeraire=raw * price_text_to_e36(plan.prices[token], tokens[token].decimals) / PRICE_ONE
            if token in plan.prices
            else None,
        )
        for token, raw in outcome.balance_changes.items()
    )


def verification(sent: Sent) -> tuple[Check, ...]:
    """The checks made on chain after the execution."""
    return tuple(Check.of(name=each.name, ok=each.ok, found=each.found) for each in sent.checks)


def revert_report(reason: Reason) -> Revert:
    """A decoded revert."""
    return Revert.of(
        name=reason.name,
        arguments=dict(reason.arguments),
        message=reason.message,
        step=reason.step,
        data="0x" + reason.data.hex(),
    )
