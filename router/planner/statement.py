"""A plan as it is told: every figure from the exact replay of the program chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from router.fixed_point import PIPS, PRICE_ONE
from router.plan import Cost, Outcome, Plan, PlannedLoan, PlannedSwap, Verdict
from router.planner.certify import bands_of, certify, not_admitted
from router.planner.gas import GasBill
from router.planner.notes import loan_notes, price_notes
from router.planner.problem import Problem
from router.planner.propose import Proposal
from router.planner.settlement import Loan
from router.planner.valuation import Valuation
from router.program import Program, Swap
from router.tokens import Address


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program with everything that its replay says."""

    proposal: Proposal
    program: Program
    outcome: Outcome
    loans: tuple[Loan, ...]
    holdings: Mapping[Address, int]
    bill: GasBill
    net: float

    @property
    def problem(self) -> Problem:
        return self.proposal.problem


def hold_plan(valuation: Valuation, reason: str, snapshot_hash: str) -> Plan:
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    holdings = {token: valuation.funds.get(token, 0) for token in valuation.tokens}
    value = valuation.value(valuation.tradable)
    return Plan(
        chain_id=snapshot.chain_id,
        block_number=snapshot.block_number,
        owner=portfolio.owner,
        swaps=(),
        loans=(),
        pulls={},
        program=None,
        holdings_before=holdings,
        holdings_after=holdings,
        targets_wad=dict(portfolio.targets_wad),
        prices={token: valuation.price_texts[token] for token in valuation.tokens},
        value_before=value,
        value_after=value,
        cost=Cost(0.0, 0.0, 0.0, 0.0),
        gas_estimate=0,
        verdict=Verdict.HOLD,
        reason=reason,
        snapshot_hash=snapshot_hash,
        settlement=portfolio.settlement.value,
        tolerance_bps=max(valuation.tolerance_bps(token) for token in valuation.tokens),
        landing=portfolio.landing.value,
        reserved=dict(valuation.reserved),
    )


def trade_plan(best: Candidate, reason: str, snapshot_hash: str) -> Plan:
    """The plan of the chosen candidate, every figure from its exact replay."""
    problem, valuation = best.problem, best.problem.valuation
    swaps, loans = _planned_swaps(best), _planned_loans(best)
    net_after = valuation.net_of_reserved(best.holdings)
    before, after = valuation.value(valuation.tradable), valuation.own_e36(net_after) / PRICE_ONE
    pools = valuation.snapshot.pool_by_address
    fees = sum(
        valuation.prices[swap.token_in] * swap.amount_in * pools[swap.pool].fee_pips / PIPS for swap in swaps
    )
    premium = sum(valuation.prices[loan.token] * loan.premium for loan in loans)
    cost = Cost(fees, before - after - fees - premium, premium, best.bill.cost)
    touched = {swap.token_in for swap in swaps} | {swap.token_out for swap in swaps} | set(valuation.tokens)
    touched |= valuation.portfolio.prices.keys() & valuation.prices_e36.keys()
    bands = bands_of(problem, net_after)
    return replace(
        hold_plan(valuation, reason, snapshot_hash),
        swaps=swaps,
        loans=loans,
        pulls=dict(best.outcome.pulls),
        program=best.program,
        holdings_before={token: valuation.funds.get(token, 0) for token in best.holdings},
        holdings_after=dict(best.holdings),
        prices={token: valuation.price_texts[token] for token in sorted(touched)},
        value_before=before,
        value_after=after,
        cost=cost,
        gas_estimate=best.bill.gas,
        verdict=Verdict.TRADE,
        notes=(
            *((f"prices: {valuation.snapshot.price_source}",) if valuation.snapshot.price_source else ()),
            *problem.price.notes,
            *problem.universe.notes,
            *best.proposal.notes,
            *price_notes(cost),
            *loan_notes(valuation.portfolio, best.loans),
        ),
        bands=bands,
        certificate=certify(problem, best.proposal.evidence, bands, after, best.bill),
        excluded=(*problem.universe.excluded, *not_admitted(problem)),
    )


def _planned_swaps(best: Candidate) -> tuple[PlannedSwap, ...]:
    placed = [(index, step) for index, step in enumerate(best.program.steps) if isinstance(step, Swap)]
    return tuple(
        PlannedSwap(index, step.pool, step.kind, step.token_in, step.token_out, amount_in, amount_out)
        for (index, step), (amount_in, amount_out) in zip(placed, best.outcome.swaps, strict=True)
    )


def _planned_loans(best: Candidate) -> tuple[PlannedLoan, ...]:
    return tuple(
        PlannedLoan(loan.lender.address, loan.step.kind, token, amount, loan.lender.premium(token, amount))
        for loan in best.loans
        for token, amount in loan.amounts
    )
