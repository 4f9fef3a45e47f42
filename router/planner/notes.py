"""What a plan says to people about its price and its loans."""

from __future__ import annotations

from collections.abc import Sequence

from router.plan import Cost
from router.planner.settlement import Loan
from router.portfolio import LoanPolicy, Portfolio, Settlement


def price_notes(cost: Cost) -> tuple[str, ...]:
    """Where the pools pay more than the reference prices."""
    if cost.pool_fees + cost.price_impact >= 0:
        return ()
    gain = -(cost.pool_fees + cost.price_impact)
    more = f"the pools pay {gain:.2f} more than the reference prices on this trade"
    return (f"{more}; counted as negative price impact",)


def loan_notes(portfolio: Portfolio, loans: Sequence[Loan]) -> tuple[str, ...]:
    """Whether something is borrowed, and why."""
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
