"""How far from the best plan this one can be, on its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from router.fixed_point import BPS
from router.plan import Certificate, Plan
from router.report.page import Html, folded, items, paragraph, table
from router.report.view import View
from router.report.words import bps, money
from router.tokens import to_checksum

MAX_EXCLUDED = 500
"""Excluded directions that are listed one by one."""


def certificate_part(view: View) -> Iterator[Html]:
    """Value reached, bounds, gap and its parts, arbitrage, and what is left out of all of these."""
    plan = view.plan
    if plan.certificate is None:
        yield paragraph("None: nothing is proven about this plan.")
    else:
        yield table(("", view.unit, "bp"), _rows(plan, plan.certificate))
        yield paragraph(_explained(plan), "small")
    if plan.excluded:
        yield from _excluded(view)


def _rows(plan: Plan, proof: Certificate) -> list[tuple[str, str, str]]:
    net = proof.net_value
    gap = proof.net_bound - net
    parts = proof.parts
    return [
        ("value reached", money(plan.value_after), ""),
        ("less gas: net value", money(net), ""),
        ("bound on the net value", money(proof.net_bound), ""),
        ("gap to it, bp of the net value", money(gap), f"{proof.gap_bps:,.4f}"),
        ("… of it due to gas", money(net * parts.gas / BPS), f"{parts.gas:,.4f}"),
        (
            "… of it due to integers and their order",
            money(net * parts.integers / BPS),
            f"{parts.integers:,.4f}",
        ),
        ("… of it due to the owner's limits", money(net * parts.bounds / BPS), f"{parts.bounds:,.4f}"),
        ("bound on the value, gas left out", money(proof.upper_bound), ""),
        (
            "gap to that",
            money(proof.upper_bound - plan.value_after),
            bps(proof.upper_bound - plan.value_after, plan.value_after),
        ),
        (
            "arbitrage: what the pools would pay with no portfolio, at most",
            money(proof.arbitrage),
            bps(proof.arbitrage, plan.value_before),
        ),
        ("gas that the bound counts: any trade", money(proof.base_gas), ""),
        (f"gas that the bound counts: {len(proof.pool_gas)} pools, each at least", _least_gas(proof), ""),
    ]


def _least_gas(proof: Certificate) -> str:
    return money(min(proof.pool_gas.values(), default=0.0))


def _explained(plan: Plan) -> str:
    but = ", what is left out below aside" if plan.excluded else ""
    return (
        f"No trade over the snapshot's pools that ends where this plan may end is worth more{but}. "
        "Anyone can recompute it from the plan file and the snapshot: rebalance verify PLAN --snapshot FILE."
    )


def _excluded(view: View) -> Iterator[Html]:
    plan, names = view.plan, view.names
    counts = Counter(gone.reason for gone in plan.excluded).most_common()
    yield paragraph(f"Directions of pools that plan and bound leave out: {len(plan.excluded)}.")
    yield items(f"{count} x {reason}" for reason, count in counts)
    rows = [
        (to_checksum(gone.pool), names.name(gone.token_in), names.name(gone.token_out), gone.reason)
        for gone in plan.excluded[:MAX_EXCLUDED]
    ]
    hidden = len(plan.excluded) - len(rows)
    title = "Each of them" if not hidden else f"The first {len(rows)}; {hidden} more are in the plan file"
    yield folded(title, table(("pool", "pays in", "pays out", "reason"), rows, left=("reason",)))
