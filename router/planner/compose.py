"""From a snapshot and a portfolio to a plan: a pure function, no I/O, equal answers for equal questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from router.errors import ExecutionReverted, Infeasible, PoolError
from router.fixed_point import PIPS
from router.graph import DEFAULT_MAX_HOPS
from router.optimiser.baseline import Proposal, in_order
from router.plan import Cost, Outcome, Plan, PlannedLoan, PlannedSwap, Verdict
from router.planner.bounds import Window, bounded, draft, estimate_gas
from router.planner.certify import certify
from router.planner.problem import Problem, pose, solve, solve_again
from router.planner.settlement import Loan, choose_loans, needs_loan
from router.planner.steps import legs_of, swap_steps
from router.planner.valuation import Valuation, worst
from router.portfolio import LoanPolicy, Portfolio, Settlement
from router.program import Check, Deliver, Program, Pull, Recipient, Step, Swap
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address, format_amount

DEADLINE_SECONDS = 1_200
LOAN_ROUNDS = 4
"""Loans and flows depend on each other (premium, locked pools): how often they are matched before giving
up."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A program with everything that its replay says. `marginal` holds the solution's prices, numeraire per
    raw unit, of the tokens that it trades."""

    program: Program
    outcome: Outcome
    loans: tuple[Loan, ...]
    holdings: Mapping[Address, int]
    gas: int
    net: float
    marginal: Mapping[Address, float]


def plan(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    deadline: int | None = None,
    first_block: int = 0,
    last_block: int = 0,
    balances_are_holdings: bool = False,
    max_hops: int = DEFAULT_MAX_HOPS,
    snapshot_hash: str = "",
) -> Plan:
    """The rebalance that reaches the target at the least total cost.

    Args:
        deadline: last timestamp of execution; None allows 20 minutes from the snapshot.
        first_block, last_block: window of execution; last_block 0 means no end.
        balances_are_holdings: the owner's balances are exactly the holdings, so the final weights can be
            bound.
        max_hops: longest path, in pools, between a held and a wanted token that opens a token in between.
        snapshot_hash: goes into the plan as it is.

    Raises:
        InputError: unknown or unpriced tokens, nothing held, or a settlement that the loan policy forbids.
        Infeasible: no trade reaches the target; names the token and the best that can be reached.
    """
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    drifts = valuation.drifts_bps(portfolio.holdings)
    token, drift = worst(drifts)
    if abs(drift) <= portfolio.tolerance_bps:
        reason = (
            f"every weight is within {portfolio.tolerance_bps} bp of its target; "
            f"{valuation.symbol(token)} is farthest, {drift:+.1f} bp"
        )
        return _hold(valuation, reason, snapshot_hash)
    borrow = needs_loan(portfolio.loan, portfolio.settlement)
    window = Window(
        snapshot.timestamp + DEADLINE_SECONDS if deadline is None else deadline, first_block, last_block
    )
    problem = pose(valuation, max_hops)
    candidates = _candidates(problem, window, borrow, balances_are_holdings)
    if not candidates:
        raise Infeasible("the flows found do not survive exact replay on this snapshot")
    best = max(candidates, key=lambda candidate: (_within(valuation, candidate), candidate.net))
    if not _within(valuation, best):
        raise _unreached(problem, best)
    reason = (
        f"{valuation.symbol(token)} is {drift:+.1f} bp from its target, beyond {portfolio.tolerance_bps} bp"
    )
    return _plan(problem, best, reason, snapshot_hash)


def _candidates(problem: Problem, window: Window, borrow: bool, weights: bool) -> list[_Candidate]:
    """What survives replay. Where every lender locks a pool that is used, the pools that lenders lock are
    left out."""
    lenders = problem.valuation.snapshot.lenders
    free = [edge for edge in problem.market.edges if not any(lender.blocks(edge.pool) for lender in lenders)]
    try:
        found = [_candidate(problem, proposal, window, borrow, weights) for proposal in solve(problem)]
    except Infeasible:
        if not borrow or len(free) == len(problem.market.edges):
            raise
        found = [
            _candidate(problem, proposal, window, borrow, weights) for proposal in solve(problem, only=free)
        ]
    return [candidate for candidate in found if candidate is not None]


def _candidate(
    problem: Problem, proposal: Proposal, window: Window, borrow: bool, weights: bool
) -> _Candidate | None:
    """Loans, steps and exact amounts for a proposal; None where the exact pools refuse it."""
    loans: tuple[Loan, ...] = ()
    if borrow:
        problem, proposal, loans = _fund(problem, proposal)
    steps, pulls = _steps(problem, proposal, loans)
    holdings = problem.valuation.portfolio.holdings
    snapshot = problem.valuation.snapshot
    try:
        outcome = replay(draft(steps, pulls, window), snapshot, holdings)
    except (ExecutionReverted, PoolError):
        return None
    program = bounded(
        steps, outcome.pulls, outcome.balance_changes, problem.valuation, window, weights=weights
    )
    gas = estimate_gas(program, snapshot.pool_by_address, loans)
    after = {token: holdings.get(token, 0) for token in problem.valuation.tokens}
    for token, change in outcome.balance_changes.items():
        after[token] = after.get(token, 0) + change
    net = problem.valuation.value(after) - gas * problem.gas_price
    return _Candidate(program, outcome, loans, after, gas, net, problem.marginal_prices(proposal))


def _fund(problem: Problem, proposal: Proposal) -> tuple[Problem, Proposal, tuple[Loan, ...]]:
    """Lenders for what is sold, and flows over the same pools that leave room for their premiums."""
    loans: tuple[Loan, ...] = ()
    for _ in range(LOAN_ROUNDS):
        loans = _lenders(problem, proposal)
        premiums = {
            token: loan.lender.premium(token, amount) for loan in loans for token, amount in loan.amounts
        }
        change = {
            token: premiums.get(token, 0) - problem.premiums.get(token, 0)
            for token in sorted(premiums.keys() | problem.premiums.keys())
        }
        if (
            sum(abs(problem.valuation.value({token: amount})) for token, amount in change.items())
            <= problem.dust
        ):
            break
        problem = replace(problem, premiums=premiums)
        proposal = solve_again(problem, proposal)
    return problem, proposal, loans


def _lenders(problem: Problem, proposal: Proposal) -> tuple[Loan, ...]:
    valuation = problem.valuation
    return choose_loans(
        valuation.snapshot.lenders,
        _sold(problem, proposal),
        [flow.edge.pool for flow in proposal.flows],
        price=lambda token: valuation.prices[token],
        gas_price=problem.gas_price,
        name=valuation.symbol,
    )


def _sold(problem: Problem, proposal: Proposal) -> dict[Address, int]:
    """Raw units that the owner gives up per token, premium included; everything of tokens that are not
    wanted."""
    portfolio = problem.valuation.portfolio
    sold: dict[Address, int] = {}
    for token, value in problem.outflows(proposal).items():
        held = portfolio.holdings.get(token, 0)
        amount = round(value / problem.valuation.prices[token]) + problem.premiums.get(token, 0)
        if amount > 0 and value > problem.dust:
            whole = not portfolio.targets_wad.get(token, 0) and amount > held * (1 - 1e-6)
            sold[token] = held if whole else min(amount, held)
    return sold


def _steps(
    problem: Problem, proposal: Proposal, loans: Sequence[Loan]
) -> tuple[list[Step], dict[Address, int]]:
    """The steps, and the most that they pull."""
    owed = _sold(problem, proposal)
    legs = legs_of(in_order(proposal.flows, proposal.order))
    bought = frozenset(token for token, value in problem.outflows(proposal).items() if value < -problem.dust)
    if not loans:
        return swap_steps(legs, owed, bought, False), owed
    lent = {token: amount for loan in loans for token, amount in loan.amounts}
    swaps = swap_steps(legs, lent, bought, True)
    steps: list[Step] = [*(loan.step for loan in loans), *swaps]
    if problem.valuation.portfolio.settlement is Settlement.DELIVER_FIRST:
        direct = {
            step.token_out for step in swaps if isinstance(step, Swap) and step.recipient is Recipient.OWNER
        }
        steps += [Deliver(token) for token in sorted(bought - direct)]
        steps.append(Check())
    return [*steps, *(Pull(token, None) for token in sorted(lent))], owed


def _within(valuation: Valuation, candidate: _Candidate) -> bool:
    drifts = valuation.drifts_bps(candidate.holdings)
    return abs(worst(drifts)[1]) <= valuation.portfolio.tolerance_bps


def _unreached(problem: Problem, candidate: _Candidate) -> Infeasible:
    """Names the token that keeps the target out of reach, and how far it can be brought."""
    valuation = problem.valuation
    drifts = valuation.drifts_bps(candidate.holdings)
    scarce = [token for token, drift in drifts.items() if drift < -valuation.portfolio.tolerance_bps]
    token, drift = worst(drifts, scarce or None)
    amount = format_amount(candidate.holdings.get(token, 0), valuation.snapshot.tokens[token].decimals)
    weight = valuation.target(token) + drift / 10_000
    verb = "bought up to" if drift < 0 else "sold down to"
    return Infeasible(
        f"not enough liquidity: {valuation.symbol(token)} can be {verb} {amount} only, "
        f"a weight of {weight:.2%} where {valuation.target(token):.2%} is wanted"
        + "".join(f"; {note}" for note in problem.refusals),
        path=f"targets.{valuation.symbol(token)}",
    )


def _hold(valuation: Valuation, reason: str, snapshot_hash: str) -> Plan:
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    holdings = {token: portfolio.holdings.get(token, 0) for token in valuation.tokens}
    value = valuation.value(holdings)
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
        tolerance_bps=portfolio.tolerance_bps,
    )


def _plan(problem: Problem, best: _Candidate, reason: str, snapshot_hash: str) -> Plan:
    """The plan of the chosen candidate, every figure from its exact replay."""
    valuation = problem.valuation
    held = {token: valuation.portfolio.holdings.get(token, 0) for token in best.holdings}
    swaps = _planned_swaps(best)
    loans = _planned_loans(best)
    before, after = valuation.value(held), valuation.value(best.holdings)
    fees = sum(
        valuation.prices[swap.token_in]
        * swap.amount_in
        * valuation.snapshot.pool_by_address[swap.pool].fee_pips
        / PIPS
        for swap in swaps
    )
    premium = sum(valuation.prices[loan.token] * loan.premium for loan in loans)
    cost = Cost(fees, before - after - fees - premium, premium, best.gas * problem.gas_price)
    touched = {swap.token_in for swap in swaps} | {swap.token_out for swap in swaps} | set(valuation.tokens)
    touched |= valuation.portfolio.prices.keys() & valuation.prices_e36.keys()
    proof = certify(valuation, best.holdings, best.marginal)
    return replace(
        _hold(valuation, reason, snapshot_hash),
        swaps=swaps,
        loans=loans,
        pulls=dict(best.outcome.pulls),
        program=best.program,
        holdings_before=held,
        holdings_after=dict(best.holdings),
        prices={token: valuation.price_texts[token] for token in sorted(touched)},
        value_before=before,
        value_after=after,
        cost=cost,
        gas_estimate=best.gas,
        verdict=Verdict.TRADE,
        notes=(
            *problem.notes,
            *problem.refusals,
            *_price_notes(cost),
            *_loan_notes(valuation.portfolio, best.loans),
            *((proof.note,) if proof else ()),
        ),
        upper_bound=proof.upper_bound if proof else None,
        gap_bps=proof.gap_bps if proof else None,
        dual_prices=proof.dual_prices if proof else {},
    )


def _planned_swaps(best: _Candidate) -> tuple[PlannedSwap, ...]:
    placed = [(index, step) for index, step in enumerate(best.program.steps) if isinstance(step, Swap)]
    return tuple(
        PlannedSwap(index, step.pool, step.kind, step.token_in, step.token_out, amount_in, amount_out)
        for (index, step), (amount_in, amount_out) in zip(placed, best.outcome.swaps, strict=True)
    )


def _planned_loans(best: _Candidate) -> tuple[PlannedLoan, ...]:
    return tuple(
        PlannedLoan(loan.lender.address, loan.step.kind, token, amount, loan.lender.premium(token, amount))
        for loan in best.loans
        for token, amount in loan.amounts
    )


def _price_notes(cost: Cost) -> tuple[str, ...]:
    if cost.pool_fees + cost.price_impact >= 0:
        return ()
    gain = -(cost.pool_fees + cost.price_impact)
    more = f"the pools pay {gain:.2f} more than the reference prices on this trade"
    return (f"{more}; counted as negative price impact",)


def _loan_notes(portfolio: Portfolio, loans: Sequence[Loan]) -> tuple[str, ...]:
    if not loans:
        return ("no flash loan: the sold tokens are pulled before they are swapped",)
    if portfolio.settlement is Settlement.DELIVER_FIRST:
        return (
            "the sold tokens are borrowed; the owner's are pulled only after the bought ones have arrived",
        )
    assert portfolio.loan is LoanPolicy.ALWAYS
    return (
        "the loan policy asks for a flash loan; without one the same trade would save its gas and premium",
    )
