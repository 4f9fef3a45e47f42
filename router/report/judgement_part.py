"""Whether a plan pays, on its page."""

from __future__ import annotations

from collections.abc import Iterator

from router.fixed_point import BPS
from router.plan import Judgement
from router.report.page import Html, paragraph, table
from router.report.view import View
from router.report.words import money, percent


def judgement_part(judgement: Judgement, view: View) -> Iterator[Html]:
    """What the trade avoids, what it costs, and what is left over the owner's horizon."""
    value = view.plan.value_before
    rows = [
        ("tracking-error cost avoided", judgement.avoided_bps),
        ("less pool fees", -judgement.fees_bps),
        ("less price impact", -judgement.impact_bps),
        ("less flash premium", -judgement.premium_bps),
        ("less gas", -judgement.gas_bps),
        ("net benefit", judgement.net_bps),
    ]
    yield table(
        ("", view.unit, "bp of the value before"),
        [(name, money(bps / BPS * value + 0.0), f"{bps + 0.0:,.4f}") for name, bps in rows],
    )
    names = ", ".join(view.names.name(token) for token in judgement.traded) or "nothing"
    drift = f"Largest drift {percent(judgement.drift)}"
    if judgement.break_even_drift is not None:
        drift += f"; a trade pays beyond {percent(judgement.break_even_drift)} in this direction"
    if judgement.choice_gap_bps:
        drift += f". Trading other assets would net at most {judgement.choice_gap_bps:.2g} bp more"
    costs = "the plan's own" if judgement.measured else "read from the pools' cost curves"
    yield paragraph(
        f"{judgement.explanation}. {drift}. Lands at: {judgement.aim}, by trading {names}. Over "
        f"{judgement.horizon_days:g} days, at a risk aversion of {judgement.risk_aversion:g}; costs are "
        f"{costs}. No forecast of returns enters it.",
        "small",
    )
