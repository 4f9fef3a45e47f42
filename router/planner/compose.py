"""From a snapshot and a portfolio to a plan: a pure function, no I/O, equal answers for equal questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from router.errors import ExecutionReverted, Infeasible, PoolError
from router.fixed_point import BPS, PRICE_ONE
from router.optimiser.dual import Solution
from router.optimiser.prove import Prove
from router.plan import Plan
from router.planner.bounds import Window, bounded, draft
from router.planner.gas import bill, gas_price_of
from router.planner.land import unreachable
from router.planner.problem import Problem, Share, pose, premised
from router.planner.propose import Proposal, propose, thinner
from router.planner.settlement import Loan, choose_loans, needs_loan
from router.planner.shape import order_of, over
from router.planner.statement import Candidate, hold_plan, trade_plan
from router.planner.steps import swap_steps
from router.planner.universe import Universe, universe_of
from router.planner.valuation import Valuation, worst
from router.portfolio import Landing, Portfolio, Settlement
from router.program import Check, Deliver, Pull, Recipient, Step, Swap
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address

DEADLINE_SECONDS = 1_200
THINNER_ROUNDS = 8
LANDING_ROUNDS = 4
POLISH_ROUNDS, POLISHED = 2, 1e-6
"""How often flows are aimed again, and the share beside the one wanted at which that ends."""
LOAN_ROUNDS = 4
"""Loans and flows depend on each other (premium, locked pools): how often they are matched before giving
up."""
DUST_SHARE = 1e-6
"""Value moved, as a share of all that is sold, below which a token counts as unchanged."""


def plan(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    deadline: int | None = None,
    first_block: int = 0,
    last_block: int = 0,
    balances_are_holdings: bool = False,
    snapshot_hash: str = "",
    prove: Prove = False,
    warm_start: Mapping[Address, float] | None = None,
) -> Plan:
    """The rebalance that reaches the target at the least total cost.

    Args:
        deadline: last timestamp of execution; None allows 20 minutes from the snapshot.
        first_block, last_block: window of execution; last_block 0 means no end.
        balances_are_holdings: the owner's balances are exactly the holdings, so the final weights can be
            bound.
        snapshot_hash: goes into the plan as it is.
        prove: close the gap to the bound net of gas by branch and bound, as far as that is quick; a
            function is called with nodes, net value and bound meanwhile.
        warm_start: dual prices of an earlier plan, numeraire per raw unit, to start from.

    Raises:
        InputError: unknown or unpriced tokens, nothing held, or a settlement that the loan policy forbids.
        Infeasible: no trade reaches the target; names what binds and the best that can be reached.
    """
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    drifts = valuation.drifts_bps(valuation.tradable)
    token, drift = worst(
        {each: drift / max(valuation.tolerance_bps(each), 1e-9) for each, drift in drifts.items()}
    )
    if abs(drift) <= 1 and min(valuation.tradable.values()) >= 0:
        token, drift = worst(drifts)
        reason = (
            f"every weight is within {valuation.tolerance_bps(token)} bp of its target; "
            f"{valuation.symbol(token)} is farthest, {drift:+.1f} bp"
        )
        return hold_plan(valuation, reason, snapshot_hash)
    borrow = needs_loan(portfolio.loan, portfolio.settlement)
    price = gas_price_of(valuation)
    universe = universe_of(valuation, price)
    problem = pose(valuation, universe, price)
    if not problem.shares:
        return hold_plan(valuation, "the rules leave nothing to trade", snapshot_hash)
    until = snapshot.timestamp + DEADLINE_SECONDS if deadline is None else deadline
    terms = _Terms(Window(until, first_block, last_block), borrow, balances_are_holdings)
    best = _landed(problem, terms, prove, warm_start)
    if not best.outcome.swaps:
        return hold_plan(valuation, "the rules leave nothing to trade", snapshot_hash)
    reason = (
        f"{valuation.symbol(token)} is {drifts[token]:+.1f} bp from its target, "
        f"beyond {valuation.tolerance_bps(token)} bp"
    )
    return trade_plan(best, reason, snapshot_hash)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What every candidate is made under.

    Attributes:
        borrow: the sold tokens are borrowed.
        weights: the final weights are bound.
    """

    window: Window
    borrow: bool
    weights: bool


def _landed(
    problem: Problem, terms: _Terms, prove: Prove, warm_start: Mapping[Address, float] | None
) -> Candidate:
    """The best candidate whose exact amounts end where the landing allows. Where they miss a band, or what is
    reserved, flows aim farther within it; where tokens that stayed idle miss theirs, these move as well."""
    for last in reversed(range(LANDING_ROUNDS)):
        candidates = _candidates(problem, terms, prove, warm_start)
        if not candidates:
            raise Infeasible("the flows found do not survive exact replay on this snapshot")
        best = max(candidates, key=lambda candidate: candidate.net)
        if not (problem.banded and last):
            best = min(candidates, key=lambda candidate: (max(_beyond(candidate)[0], 0.0), -candidate.net))
        beyond, token = _beyond(best)
        if beyond <= 0:
            return best
        if problem.banded or token in problem.valuation.reserved:
            problem = replace(problem, inset=2 * (problem.inset + beyond / BPS))
            continue
        whole = pose(problem.valuation, problem.universe, problem.price, idle=False)
        if whole.shares.keys() == problem.shares.keys():
            break
        problem = whole
    if not best.proposal.solution.converged:
        raise unreachable(problem, best.proposal.solution)
    name, room = problem.valuation.symbol(token), problem.valuation.tolerance_bps(token)
    off = f"{beyond + room:.4f} bp from its target, beyond {room} bp"
    raise Infeasible(f"the best exact amounts found leave {name} {off}", path=f"targets.{name}")


def _candidates(
    problem: Problem, terms: _Terms, prove: Prove, warm_start: Mapping[Address, float] | None
) -> list[Candidate]:
    """What survives replay. Where every lender locks a pool that is used, the pools that lenders lock are
    left out."""
    refused: list[Infeasible] = []
    for universe in _universes(problem, terms.borrow):
        try:
            proposals = propose(replace(problem, universe=universe), prove=prove, warm_start=warm_start)
            found = [_surviving(proposal, terms) for proposal in proposals]
            return [candidate for candidate in found if candidate is not None]
        except Infeasible as error:
            refused.append(error)
    raise refused[-1]


def _universes(problem: Problem, borrow: bool) -> Iterator[Universe]:
    yield problem.universe
    unlocked = _unlocked(problem) if borrow else problem.universe
    if unlocked is not problem.universe:
        yield unlocked


def _unlocked(problem: Problem) -> Universe:
    """The universe without the pools that some lender locks while its loan is open."""
    lenders, universe = problem.valuation.snapshot.lenders, problem.universe
    locked = [pool for pool in universe.market.book.pools if any(lender.blocks(pool) for lender in lenders)]
    return universe.without(locked) if locked else universe


def _surviving(proposal: Proposal, terms: _Terms) -> Candidate | None:
    """The candidate of a proposal, without its smallest swaps where the exact pools refuse them."""
    for _ in range(THINNER_ROUNDS):
        candidate = _candidate(proposal, terms)
        if candidate is not None:
            return _polished(candidate, terms)
        thinned = thinner(proposal)
        if thinned is None:
            return None
        proposal = thinned
    return None


def _polished(candidate: Candidate, terms: _Terms) -> Candidate:
    """The candidate with flows that aim as far beside the shares wanted as its exact amounts ended beside
    them: what swaps of pairs lose to a joint trade, and integers to floats."""
    problem, proposal = candidate.problem, candidate.proposal
    aims = {token: share.wanted for token, share in problem.shares.items()}
    for _ in range(POLISH_ROUNDS):
        beside = _beside(candidate)
        if not beside or max(map(abs, beside.values())) <= POLISHED:
            break
        aims = {token: max(aims[token] - off, 0.0) for token, off in beside.items()}
        aimed = replace(problem, shares={token: Share(aim) for token, aim in aims.items()})
        found = over(replace(proposal, problem=aimed), proposal.market)
        if not found.solution.converged:
            break
        again = _candidate(replace(found, problem=problem), terms)
        if again is None or max(map(abs, _beside(again).values())) >= max(map(abs, beside.values())):
            break
        candidate, proposal = again, again.proposal
    return candidate


def _beside(candidate: Candidate) -> dict[Address, float]:
    """By token that moves to a share of its own: the share that it ends with, less the one wanted."""
    problem, valuation = candidate.problem, candidate.problem.valuation
    if problem.banded or problem.fluid:
        return {}
    after = valuation.net_of_reserved(candidate.holdings)
    values = {token: valuation.prices[token] * after.get(token, 0) for token in problem.shares}
    total = sum(values.values())
    return {token: values[token] / total - share.wanted for token, share in problem.shares.items()}


def _candidate(proposal: Proposal, terms: _Terms) -> Candidate | None:
    """Loans, steps and exact amounts for a proposal; None where the exact pools refuse it or nothing of
    value is left."""
    loans: tuple[Loan, ...] = ()
    if terms.borrow:
        proposal, loans = _fund(proposal)
    problem, valuation, window = proposal.problem, proposal.problem.valuation, terms.window
    steps, pulls = _steps(problem, proposal.solution, loans)
    try:
        outcome = replay(draft(steps, pulls, window), valuation.snapshot, valuation.funds)
    except (ExecutionReverted, PoolError):
        return None
    after = {token: valuation.funds.get(token, 0) for token in valuation.tokens}
    for token, change in outcome.balance_changes.items():
        after[token] = after.get(token, 0) + change
    if valuation.own_e36(valuation.net_of_reserved(after)) <= 0:
        return None
    program = bounded(
        steps,
        outcome.pulls,
        outcome.balance_changes,
        valuation,
        window,
        final=valuation.weights(after) if terms.weights and not valuation.reserved else None,
    )
    spent = bill(program, outcome, valuation.snapshot, loans, problem.price)
    net = valuation.own_e36(after) / PRICE_ONE - spent.cost
    return Candidate(proposal, program, outcome, loans, after, spent, net)


def _fund(proposal: Proposal) -> tuple[Proposal, tuple[Loan, ...]]:
    """Lenders for what is sold, and flows over the same pools that leave room for their premiums."""
    loans: tuple[Loan, ...] = ()
    for _ in range(LOAN_ROUNDS):
        problem = proposal.problem
        loans = _lenders(problem, proposal.solution)
        premiums = {
            token: loan.lender.premium(token, amount) for loan in loans for token, amount in loan.amounts
        }
        change = {
            token: premiums.get(token, 0) - problem.premiums.get(token, 0)
            for token in sorted(premiums.keys() | problem.premiums.keys())
        }
        moved = sum(abs(problem.valuation.value({token: amount})) for token, amount in change.items())
        if moved <= DUST_SHARE * problem.sold_value:
            break
        proposal = over(replace(proposal, problem=premised(problem, premiums)), proposal.market)
    return proposal, loans


def _lenders(problem: Problem, solution: Solution) -> tuple[Loan, ...]:
    valuation = problem.valuation
    return choose_loans(
        valuation.snapshot.lenders,
        _sold(problem, solution),
        [trade.pool for trade in solution.trades()],
        price=lambda token: valuation.prices[token],
        gas_price=problem.price.per_gas,
        name=valuation.symbol,
    )


def _sold(problem: Problem, solution: Solution) -> dict[Address, int]:
    """Raw units that the owner gives up per token, premium included; everything of tokens that are not
    wanted."""
    valuation, dust = problem.valuation, DUST_SHARE * problem.sold_value
    sold: dict[Address, int] = {}
    for token, place in problem.places.items():
        value, held = -float(solution.added[place]), valuation.tradable.get(token, 0)
        amount = round(value / valuation.prices[token]) + problem.premiums.get(token, 0)
        if amount > 0 and value > dust:
            whole = not problem.shares[token].most and amount > held * (1 - 1e-6)
            sold[token] = held if whole else min(amount, held)
    return sold


def _steps(
    problem: Problem, solution: Solution, loans: Sequence[Loan]
) -> tuple[list[Step], dict[Address, int]]:
    """The steps, and the most that they pull."""
    owed = _sold(problem, solution)
    lent = {token: amount for loan in loans for token, amount in loan.amounts}
    dust = DUST_SHARE * problem.sold_value
    bought = frozenset(token for token, place in problem.places.items() if solution.added[place] > dust)
    funds = {token: float(amount) for token, amount in (lent if loans else owed).items()}
    legs = order_of(problem, solution, funds).legs
    if not loans:
        return swap_steps(legs, owed, bought, False), owed
    swaps = swap_steps(legs, lent, bought, True)
    steps: list[Step] = [*(loan.step for loan in loans), *swaps]
    if problem.valuation.portfolio.settlement is Settlement.DELIVER_FIRST:
        direct = {
            step.token_out for step in swaps if isinstance(step, Swap) and step.recipient is Recipient.OWNER
        }
        steps += [Deliver(token) for token in sorted(bought - direct)]
        steps.append(Check())
    return [*steps, *(Pull(token, None) for token in sorted(lent))], owed


def _beyond(candidate: Candidate) -> tuple[float, Address]:
    """How far, in bp, the final weight that is farthest off lies beyond its tolerance, or below nothing where
    its token is reserved; and whose it is."""
    valuation = candidate.problem.valuation
    drifts = valuation.drifts_bps(valuation.net_of_reserved(candidate.holdings))
    loose = valuation.portfolio.landing is Landing.NEAREST

    return max(
        (max(-drift - valuation.target(token) * BPS, 0.0 if loose else abs(drift) - room), token)
        for token, drift, room in ((each, drifts[each], valuation.tolerance_bps(each)) for each in drifts)
    )
