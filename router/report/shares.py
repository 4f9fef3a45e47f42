"""What part of the portfolio each token is, before and after, and where it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.fixed_point import BPS, WAD
from router.plan import Plan
from router.tokens import Address


@dataclass(frozen=True, slots=True)
class Share:
    """One held or wanted token.

    Attributes:
        before, after: of the value of everything held; what is reserved stays out of it.
        low_wad, high_wad: least and most share at the end, times 10**18.
    """

    token: Address
    before: float
    after: float
    target_wad: int
    low_wad: int
    high_wad: int


def shares(plan: Plan, price_e36: Mapping[Address, int]) -> tuple[Share, ...]:
    """Every token that is held or wanted, the largest first."""
    before = _weights(plan.holdings_before, plan.reserved, price_e36)
    after = _weights(plan.holdings_after, plan.reserved, price_e36)
    rows = [
        Share(token, before.get(token, 0.0), after.get(token, 0.0), target, *_band(plan, token, target))
        for token in {**plan.targets_wad, **before, **after}
        for target in (plan.targets_wad.get(token, 0),)
    ]
    return tuple(sorted(rows, key=lambda row: (-max(row.target_wad / WAD, row.before, row.after), row.token)))


def _weights(
    holdings: Mapping[Address, int], reserved: Mapping[Address, int], price_e36: Mapping[Address, int]
) -> dict[Address, float]:
    values = {
        token: max(0, holdings.get(token, 0) - reserved.get(token, 0)) * price_e36.get(token, 0)
        for token in {**holdings, **reserved}
    }
    total = sum(values.values())
    return {token: value / total if total else 0.0 for token, value in values.items()}


def _band(plan: Plan, token: Address, target_wad: int) -> tuple[int, int]:
    """By the plan where it says; else the tolerance around the target."""
    if token in plan.bands:
        return plan.bands[token]
    room = (plan.tolerance_bps or 0) * WAD // BPS
    return max(0, target_wad - room), min(WAD, target_wad + room)
